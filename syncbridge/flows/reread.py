"""Nightly re-reading: what a feed may have left out (late commits, a repeated hour, no stamp of an amendment) is read again.

Only for back ends whose timing asks for it, and for despatches of any that were set aside because they could not be read.
Cursors of despatches and returns stay where they are; stock is read once from its beginning, by the next stock run.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from syncbridge.domain.errors import Busy, CursorRefused, VendorError
from syncbridge.flows import despatch_pull, return_pull
from syncbridge.flows.context import Context
from syncbridge.flows.each_backend import each_backend
from syncbridge.flows.feed import unread_since
from syncbridge.ledger import feeds
from syncbridge.ledger.feeds import CursorMoved, Position
from syncbridge.ports.backend import FulfilmentBackend

log = structlog.get_logger(__name__)

Step = Callable[[Context, FulfilmentBackend, datetime], int]

_READ = "read"
"""Marks a step that an unfinished run has done, so that its next try does not begin again with it."""


def run(context: Context) -> dict[str, int]:
    """Read again as far back as each back end's timing says; return rows read per account.

    A back end that is away is raised once the others were read, and tried again with the next tick.
    """
    read = each_backend(context, lambda backend: _again(context, backend))
    for flow in ("shipment_push", "return_pull", "stock_sync"):
        context.doorbell.ring(flow)
    return read.counts()


def _again(context: Context, backend: FulfilmentBackend) -> int:
    """Take every step of a back end, whatever another one meets; raises the first trouble after the last of them."""
    count = 0
    trouble: VendorError | Busy | None = None
    try:
        count += _unread(context, backend)
    except (VendorError, Busy) as error:
        log.warning("reread_held_up", account=backend.account, step="unread", error=type(error).__name__)
        trouble = error
    for step in () if backend.timing.reread is None else _STEPS:
        try:
            count += _take(context, backend, step)
        except (VendorError, Busy) as error:
            log.warning("reread_held_up", account=backend.account, step=step, error=type(error).__name__)
            trouble = trouble or error
    if trouble is not None:
        raise trouble
    for step in () if backend.timing.reread is None else _STEPS:
        _note(context, backend, step, None)
    return count


def _unread(context: Context, backend: FulfilmentBackend) -> int:
    """Read despatches again from where one was set aside because it could not be read: a correction may have come since."""
    with context.ledger.reading() as connection:
        since = unread_since(connection, despatch_pull.feed_name(backend))
    if since is None:
        return 0
    try:
        return despatch_pull.pull_again(context, backend, since - backend.timing.feed_overlap)
    except CursorRefused:
        # So far back it tells of nothing but the whole.
        return despatch_pull.pull_again(context, backend, None)


def _take(context: Context, backend: FulfilmentBackend, step: str) -> int:
    """Take one step, unless this run's earlier try has done it.

    It reaches back as far as timing says, and to where the last one began if that is longer ago, with the feed's overlap: a
    day on which nothing could be read leaves no gap, nor does what was filed while the last one was under way.
    """
    timing, began = backend.timing, context.now()
    assert timing.reread is not None
    with context.ledger.reading() as connection:
        known = feeds.position(connection, _name(backend, step))
    since = began - timing.reread
    if known.read_to is not None:
        if known.value == _READ and began - known.read_to < timing.reread / 2:
            return 0
        since = min(since, known.read_to - timing.feed_overlap)
    count = _STEPS[step](context, backend, since)
    _note(context, backend, step, _READ, began)
    return count


def _note(context: Context, backend: FulfilmentBackend, step: str, mark: str | None, began: datetime | None = None) -> None:
    name = _name(backend, step)
    with context.ledger.work() as work:
        known = feeds.position(work.connection, name)
        try:
            feeds.move(work.connection, name, known, Position(mark, began or known.read_to), at=context.now())
        except CursorMoved:
            return
        work.commit()


def _name(backend: FulfilmentBackend, step: str) -> str:
    return f"reread {step}:{backend.account}"


def _stock(context: Context, backend: FulfilmentBackend, _since: datetime) -> int:
    with context.ledger.work() as work:
        feeds.start_over(work.connection, f"stock:{backend.account}", at=context.now())
        work.commit()
    return 0


_STEPS: dict[str, Step] = {
    "despatches": despatch_pull.pull_again,
    "returns": return_pull.pull_again,
    "stock": _stock,
}
