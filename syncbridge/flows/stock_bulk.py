"""Publishing many numbers at once: bulk requests side by side, each outcome accounted for, nothing sent round in circles.

Several requests are under way together. What one does not tell (some of its writes failed, it does not end in time, its
answer was lost) is handed over once more in small requests, and what is still untold singly: in the same run and under
the same stamps. A single write is always answered, so that one bad SKU cannot keep its neighbours from being published.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from syncbridge.domain.errors import Busy, Misconfigured, NeedsPerson, NotFound, OutcomeUnknown, VendorError
from syncbridge.domain.stock import ShopStock
from syncbridge.flows import stock_reconcile
from syncbridge.flows.context import Context
from syncbridge.flows.stock_calls import answers
from syncbridge.flows.stock_publish import (
    accepted,
    held_of,
    ignored,
    intend,
    is_ours,
    judge,
    may_lower,
    one_by_one,
    refused,
    settle_all,
    tell,
    write_of,
)
from syncbridge.flows.stock_terms import Change, Summary
from syncbridge.ledger.exceptions import close_exceptions, is_open
from syncbridge.ports.quota import Lane

log = structlog.get_logger(__name__)

BULK = "stock:bulk"
UNDER_WAY = 10
"""Requests that the shop works on at once. Chosen: 1,000 writes, well under SCAYLE's limits for other bulk requests."""
SMALL = 20
"""Writes of a small request: the shop tells the outcome of each. Chosen: of a hundred writes with one failure, four small
requests of five go well, and the fifth costs some ten calls more."""
PATIENCE = timedelta(seconds=45)
"""How long a request is waited for. Chosen: shorter than `IN_HAND`, so that no other worker sends the same meanwhile."""
SHORTEST_LOOK_SECONDS, LONGEST_LOOK_SECONDS = 0.1, 2.0
"""How soon the oldest request is looked at again: the first time, and at most. Chosen."""
VERIFIED = 2_500
"""So many writes that may be decreases are read back by the run itself: a minute of SCAYLE's quota. Of more, the full compare is rung for."""


@dataclass
class _Request:
    key: str
    changes: list[Change]
    sent_at: datetime


def publish(context: Context, changes: Sequence[Change], summary: Summary, unread: list[Change]) -> bool:
    """Write sell-outs, then the rest, in order: one by one where they are few, in bulk where they are many.

    False when the shop is away, so that what is left waits for the next run. `unread` takes the writes that were
    accepted without a word, and of which `verify` has to make sure.
    """
    many = context.configuration.scayle.stock_bulk_from
    urgent = [one for one in changes if not one.terms.sellable and one.level.published]
    rest = [one for one in changes if one.terms.sellable or not one.level.published]
    for some, later in ((urgent, rest), (rest, [])):
        if len(some) >= many:
            size = context.configuration.scayle.stock_bulk_chunk
            going_on = _in_bulk(context, some, size, summary, unread)
        else:
            going_on = one_by_one(context, some, summary)
        if not going_on:
            summary.waiting += len(later)
            return False
    return True


def verify(context: Context, unread: Sequence[Change], summary: Summary) -> None:
    """Read back what may have taken units off sale: a bulk request says "processed" of a write that was ignored as too old as well."""
    if len(unread) > VERIFIED:
        stock_reconcile.begin_anew(context, unread[0].level.account)
    for change, found in answers(lambda one: context.shop.read_stock(one.level.shop_sku, Lane.STOCK), unread[:VERIFIED]):
        if isinstance(found, Busy | VendorError):
            continue  # the next compare looks at it
        if isinstance(found, Exception):
            raise found
        held = held_of(found, change.level)
        if held is not None and not is_ours(held, change.terms.sellable, change.stamp):
            summary.published -= ignored(context, change, held, summary)


@dataclass
class _Tally:
    """What is still to be done after the requests have ended."""

    unread: list[Change]
    unsure: list[Change] = field(default_factory=list)


def _in_bulk(
    context: Context,
    changes: Sequence[Change],
    size: int,
    summary: Summary,
    unread: list[Change],
    *,
    again: bool = False,
) -> bool:
    """Write in bulk requests of a size; false when the shop is away, so that the rest has to wait.

    `again`: these very writes were handed over before, and what became of them is not known.
    """
    chunks = deque(changes[first : first + size] for first in range(0, len(changes), size))
    running: deque[_Request] = deque()
    tally = _Tally(unread)
    going_on = True
    while running or (chunks and going_on):
        while chunks and going_on and len(running) < UNDER_WAY:
            intended = list(chunks.popleft()) if again else intend(context, chunks.popleft())
            if not intended:
                continue
            try:
                key = context.shop.write_stocks([write_of(one) for one in intended])
                running.append(_Request(key, intended, context.now()))
            except NeedsPerson as error:
                # Bulk requests may be closed to us while single writes are not.
                _tell_refused(context, error, len(changes))
                tally.unsure += intended
                rest = [one for chunk in chunks for one in chunk]
                chunks.clear()
                going_on = one_by_one(context, rest, summary, again=again)
            except OutcomeUnknown as error:
                log.warning("stock_bulk_lost", error=type(error).__name__)
                tally.unsure += intended
            except (VendorError, Busy) as error:
                log.warning("stock_bulk_later", error=type(error).__name__)
                settle_all(context, intended, None, f"not told in bulk: {type(error).__name__}")
                summary.waiting += len(intended)
                going_on = False
        if running:
            _finish(context, running.popleft(), tally, summary)
    summary.waiting += sum(len(chunk) for chunk in chunks)
    if not again and len(tally.unsure) > SMALL:
        return _in_bulk(context, tally.unsure, SMALL, summary, unread, again=True) and going_on
    return one_by_one(context, tally.unsure, summary, again=True) and going_on


def _finish(context: Context, request: _Request, tally: _Tally, summary: Summary) -> None:
    """Wait for a request's end and account for every write of it."""
    results = _results(context, request)
    if results is None:
        log.warning("stock_bulk_untold", key=request.key, writes=len(request.changes))
        tally.unsure += request.changes
        return
    _well(context)
    taken: list[Change] = []
    for place, change in enumerate(request.changes):
        result = results.get(place)
        if isinstance(result, ShopStock) and result.quantity is None and result.changed_at is None:
            taken.append(change)
            if change.level.ignored or may_lower(change):
                # "Accepted" is said of an ignored write as well; an increase's next compare is soon enough.
                tally.unread.append(change)
        elif isinstance(result, ShopStock):
            judge(context, change, result, summary)
        elif isinstance(result, NotFound | NeedsPerson):
            refused(context, change, result)
            summary.unknown += 1
        else:
            tally.unsure.append(change)
    accepted(context, taken, summary)


def _results(context: Context, request: _Request) -> Mapping[int, ShopStock | VendorError] | None:
    """Look at a request until it has ended; None where it does not end in time, or cannot be looked at."""
    writes = [write_of(one) for one in request.changes]
    wait = SHORTEST_LOOK_SECONDS
    waited = timedelta(0)
    while True:
        try:
            results = context.shop.stock_results(request.key, writes)
        except Misconfigured:
            raise
        except (VendorError, Busy) as error:
            log.warning("stock_bulk_unreadable", key=request.key, error=type(error).__name__)
            return None
        if results is not None:
            return results
        if max(waited, context.now() - request.sent_at) >= PATIENCE:
            return None
        context.sleep(wait)
        waited += timedelta(seconds=wait)
        wait = min(LONGEST_LOOK_SECONDS, wait * 2)


def _tell_refused(context: Context, error: VendorError, skus: int) -> None:
    log.warning("stock_bulk_refused", reason=str(error))
    tell(
        context,
        "stock_refused",
        BULK,
        f"the shop refuses bulk requests: {error.evidence.code or error.evidence.status}",
        {"skus": skus, "answer": str(error.evidence)},
    )


def _well(context: Context) -> None:
    with context.ledger.reading() as connection:
        trouble = is_open(connection, "stock_refused", BULK)
    if trouble:
        with context.ledger.work() as work:
            close_exceptions(
                work.connection, BULK, "stock_refused", at=context.now(), resolution="the shop took a bulk request"
            )
            work.commit()
