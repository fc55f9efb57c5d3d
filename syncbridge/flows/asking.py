"""Asking a back end about its orders, one by one, where it has no feed that tells.

The order that was not asked about for longest comes first, so that a bounded run still reaches every order in turn.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from syncbridge.domain.backend import BackendOrder
from syncbridge.domain.errors import Busy, VendorError
from syncbridge.flows.context import Context
from syncbridge.flows.feed import LOCK_LIFE, failing, well
from syncbridge.ledger import asking
from syncbridge.ledger.asking import Asked
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, open_exception, open_subjects
from syncbridge.ledger.order_locks import lock_orders_of
from syncbridge.ports.backend import FulfilmentBackend

log = structlog.get_logger(__name__)

Store = Callable[[Connection, tuple[BackendOrder, ...], datetime], None]

VANISHED = "order_vanished"
BUDGET_SECONDS = 3.0
"""How long one run asks unless told otherwise. Chosen: short enough for stock, which asks first."""
MOST_A_BATCH = 25
"""Answers stored in one transaction, at most."""
ASKED_LATELY = timedelta(seconds=15)
"""An order asked about so short a time ago is left alone. Chosen: two runs after each other do not ask twice."""
FAILURES_IN_A_ROW = 3
"""After so many orders in a row that cannot be read the back end counts as away. Chosen."""
WATCHED_FOR = timedelta(days=2)
"""How long an order is asked about after it was withdrawn, or that it is finished and was not looked at once more. Chosen:
longer than a vendor's worst day; despatches of it are recognised for ever."""


def ask(
    context: Context,
    backend: FulfilmentBackend,
    flow: str,
    name: str,
    store: Store,
    seconds: float = BUDGET_SECONDS,
) -> int:
    """Ask about unfinished orders for so many seconds; return how many were found.

    A quota without room for this ends the run without a complaint: what was not asked is the first of the next run.
    """
    with context.coordinator.lock(f"feed:{name}", LOCK_LIFE) as held:
        if not held:
            context.doorbell.ring(flow)
            return 0
        try:
            found = _ask(context, backend, store, seconds)
        except Busy as error:
            log.info("asking_later", account=backend.account, reason=str(error))
            return 0
        except VendorError as error:
            failing(context, name, error)
            raise
    well(context, name)
    return found


def _ask(context: Context, backend: FulfilmentBackend, store: Store, seconds: float) -> int:
    before = context.now() - ASKED_LATELY
    until = time.monotonic() + seconds
    found = 0
    batch = min(backend.lookup_batch, MOST_A_BATCH)
    while time.monotonic() < until:
        at = context.now()
        with context.ledger.reading() as connection:
            parts = asking.to_ask(
                connection, backend.account, before=before, watched_since=at - WATCHED_FOR,
                settled_by=at - _settles_in(backend), limit=batch,
            )  # fmt: skip
        if not parts:
            break
        try:
            orders, unread = _asked(backend, [part.reference for part in parts])
        except VendorError:
            with context.ledger.work(durable=False) as work:
                # Whatever keeps these from being read: the next run asks about others first.
                _note_asked(work.connection, parts, at, read=())
                work.commit()
            raise
        with context.ledger.work(durable=False) as work:
            lock_orders_of(work.connection, backend.account, [part.reference for part in parts])
            store(work.connection, tuple(orders.values()), context.now())
            _vanished(work.connection, backend, [one for one in parts if one.reference not in unread], orders, at)
            _note_asked(work.connection, parts, at, read=[one.id for one in parts if one.reference not in unread])
            work.commit()
        found += len(orders)
    return found


def _note_asked(connection: Connection, parts: Sequence[Asked], at: datetime, read: Collection[int]) -> None:
    """Note that the back end was asked about these orders, of which some were `read`; a finished one that was not is still due."""
    asking.note_asked(connection, [one.id for one in parts], at)
    asking.note_not_read(connection, [one.id for one in parts if one.finished and one.id not in read], at)


def _settles_in(backend: FulfilmentBackend) -> timedelta:
    """Return after how long a request of ours can make nothing more there that a look-up does not show."""
    timing = backend.timing
    return timing.lookup_lag + max(timing.landing, timing.import_timeout or timing.landing)


def _vanished(
    connection: Connection,
    backend: FulfilmentBackend,
    parts: Sequence[Asked],
    found: Mapping[str, BackendOrder],
    at: datetime,
) -> None:
    """Tell a person of orders that the back end has shown before and does not know any more; close it for the others."""
    lag = backend.timing.lookup_lag + backend.timing.landing
    subjects = {part.id: f"fulfilment:{part.reference}" for part in parts}
    told = open_subjects(connection, VANISHED, list(subjects.values()))
    for part in parts:
        subject = subjects[part.id]
        if part.reference in found:
            if subject in told:
                close_exceptions(connection, subject, VANISHED, at=at, resolution="the back end shows it again")
        elif part.finished or subject in told:
            continue
        elif part.acknowledged_at is not None and at - part.acknowledged_at >= lag:
            open_exception(
                connection,
                VANISHED,
                subject,
                at=at,
                cause=f"{backend.account} does not show it any more",
                evidence={"reference": part.reference, "account": backend.account},
                order_id=part.order_id,
            )


def _asked(
    backend: FulfilmentBackend, references: Sequence[str]
) -> tuple[dict[str, BackendOrder], frozenset[str]]:
    """Look a batch up; where that fails, one by one, so that an order that cannot be read keeps no other from it.

    Returns what was found, and the references of which nothing is known: those have not vanished. Raises the vendor's error
    where none of them can be read, or several in a row cannot.
    """
    try:
        return backend.find_orders(references, urgent=False), frozenset()
    except VendorError as error:
        if len(references) == 1:
            raise
        trouble = error
    found: dict[str, BackendOrder] = {}
    unread: set[str] = set()
    failures = 0
    for reference in references:
        try:
            found |= backend.find_orders([reference], urgent=False)
            failures = 0
        except VendorError as error:
            failures += 1
            if failures >= FAILURES_IN_A_ROW:
                raise
            trouble = error
            unread.add(reference)
            log.warning("order_not_read", account=backend.account, reference=reference, error=str(error))
    if not found:
        raise trouble
    return found, frozenset(unread)
