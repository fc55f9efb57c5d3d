"""Stock sync: publish what can really be shipped, stamped so that nobody's sale is forgotten.

The order of a run is its safety (design, *stock time*):

1. the shop's own clock, because its blocks are stamped by it and not by ours;
2. the order poll: up to its start we know every order that the shop has confirmed (the order watermark);
3. the back end's order feed, to its end: whatever it has reserved by then need not be deducted any more;
4. what is sold and not reserved, counted now;
5. the back end's stock feed, to its end: every figure is true as of then, less the feed's lag (the feed watermark W);
6. the order feed once more where any stock row moved, and the count: the larger of both is deducted;
7. differences are written with the oldest of these instants as their stamp, sell-outs first.

**Nobody waits for the lag.** A feed that trails its warehouse by 15 minutes makes W and the stamp 15 minutes old. A unit
that was reserved since W is deducted all the same, because the figures may still show it as free (`reserved_by`). A unit
confirmed after the stamp is not: the shop still blocks it itself (`confirmed_by`).

What is reserved between 3 and 5 is deducted twice, and what is given free (an order put on hold) is deducted by the
second count: both err to the safe side and heal with the next run. A back end without an order feed shows such a hold
only when its order is asked for again.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from syncbridge.domain.errors import Busy, VendorError
from syncbridge.flows import order_poll, status_pull, stock_bulk, stock_missing, stock_reconcile
from syncbridge.flows.context import Context
from syncbridge.flows.each_backend import each_backend
from syncbridge.flows.feed import failing, well
from syncbridge.flows.stock_clock import shop_clock
from syncbridge.flows.stock_hold import is_held, is_small
from syncbridge.flows.stock_observe import FLOW, feed_name, observe
from syncbridge.flows.stock_places import Places
from syncbridge.flows.stock_terms import (
    Change,
    Sales,
    Summary,
    changes,
    count_sales,
    in_flight,
    order_watermark,
)
from syncbridge.ledger import feeds, stock
from syncbridge.ledger.sold_units import Sold
from syncbridge.ledger.stock import Level
from syncbridge.ports.backend import FulfilmentBackend

log = structlog.get_logger(__name__)

LOCK_LIFE = timedelta(seconds=30)
"""A killed run holds the next one up for so long. Two runs at once are harmless: stamps of a SKU only rise."""
ROUND = 1_000
"""So many numbers are written before the lock is taken anew. Chosen: half a minute where each is written singly."""
ROUND_LIFE = timedelta(seconds=60)
"""The life of the lock of a round. Chosen: as long as a write is left to whoever sent it (`IN_HAND`)."""
LOOKS = 3
"""How often the order feed is tried again while another worker reads it. Chosen: then the next run does it."""
LOOK_SECONDS = 0.5


def run(context: Context) -> Summary:
    """Observe, compute and publish for every back end; raises the first trouble once all had their turn."""
    summary = Summary()
    clock = shop_clock(context)
    order_poll.run(context, shop_time=clock)
    each_backend(context, lambda backend: _under_lock(context, backend, clock, summary)).counts()
    return summary


def _under_lock(context: Context, backend: FulfilmentBackend, clock: datetime | None, summary: Summary) -> int:
    """Find out what has to be written and write it round by round, each under the lock; return 0."""
    name = f"stock:{backend.account}"
    with context.coordinator.lock(name, LOCK_LIFE) as held:
        if not held:
            log.info("stock_run_elsewhere", account=backend.account)
            summary.elsewhere += 1
            context.doorbell.ring(FLOW)
            return 0
        if stock_reconcile.was_left(context, backend.account):
            context.doorbell.ring("stock_reconcile")
        left = _sync(context, backend, clock, summary)
    unread: list[Change] = []
    while left:
        some, left = left[:ROUND], left[ROUND:]
        with context.coordinator.lock(name, ROUND_LIFE) as held:
            if held and stock_bulk.publish(context, some, summary, unread):
                continue
        summary.waiting += len(left) if held else len(left) + len(some)
        if not held:
            # Another run has begun meanwhile, with newer figures.
            context.doorbell.ring(FLOW)
        break
    stock_bulk.verify(context, unread, summary)
    return 0


def _sync(context: Context, backend: FulfilmentBackend, clock: datetime | None, summary: Summary) -> list[Change]:
    """Observe and compute; return what has to be written, in the order of writing."""
    lag = backend.timing.stock_lag
    # Before the orders are read: a row that anybody brings from here on may know of a hold that they do not show.
    with context.ledger.reading() as connection:
        start = feeds.position(connection, feed_name(backend))
        mark = stock.figures_mark(connection, backend.account)
    status_pull.pull(context, backend)
    counted_at = context.now()
    with context.ledger.reading() as connection:
        known_orders = order_watermark(context, connection)
        # No stamp of this run is newer than this.
        newest = min(one for one in (counted_at - lag, known_orders, clock) if one is not None)
        before = in_flight(connection, backend.account, reserved_by=counted_at - lag, stamp=newest)
    rows = observe(context, backend, clock)
    summary.observed += rows
    with context.ledger.reading() as connection:
        end = feeds.position(connection, feed_name(backend))
        moved = rows > 0 or stock.figures_mark(connection, backend.account) != mark
    if end.read_to is None or known_orders is None:
        return []
    if not _holds_are_known(context, backend, end.read_to if moved else start.read_to, moved=moved):
        log.info("order_feed_read_elsewhere", account=backend.account)
        context.doorbell.ring(FLOW)
        return []
    every = _levels(context, backend.account)
    with context.ledger.reading() as connection:
        after = count_sales(connection, backend.account, context.now(), reserved_by=end.read_to - lag, stamp=newest)
    sales = _larger(before, after)
    if stock_missing.ask(context, backend, every):
        every = _levels(context, backend.account)
    stock_missing.tell(context, backend, every, sales)
    found = changes(context, every, sales, (newest, end.read_to - lag), summary)
    try:
        held = is_held(context, backend.account, every, found, sales)
    except (Busy, VendorError) as error:
        return _meanwhile(context, backend, error, every, found, sales, summary)
    _first_numbers_are_known(context, backend.account)
    if held:
        summary.held += len(found)
        return []
    return found


def _meanwhile(
    context: Context, backend: FulfilmentBackend, error: Busy | VendorError, every: list[Level], found: list[Change],
    sales: Sales, summary: Summary,
) -> list[Change]:  # fmt: skip
    """Return what is written while the shop's own first numbers cannot be read: whatever takes units off sale, if it is little."""
    log.warning("first_numbers_wait", account=backend.account, error=type(error).__name__)
    if isinstance(error, VendorError):
        failing(context, first_numbers_name(backend.account), error)
    fewer = [one for one in found if one.level.published is not None and one.terms.sellable < one.level.published]
    if not is_small(context, every, fewer, sales):
        summary.waiting += len(found)
        return []
    summary.waiting += len(found) - len(fewer)
    return fewer


def _first_numbers_are_known(context: Context, account: str) -> None:
    """Forget that the shop's own first numbers could not be read, if so it was."""
    name = first_numbers_name(account)
    with context.ledger.reading() as connection:
        if not feeds.is_known(connection, name):
            return
    well(context, name)
    with context.ledger.work() as work:
        feeds.drop(work.connection, name)
        work.commit()


def first_numbers_name(account: str) -> str:
    """Return the name under which the ledger keeps since when the shop's own first numbers cannot be read."""
    return f"stock-first:{account}"


def _levels(context: Context, account: str) -> list[Level]:
    """Return the levels that the shop can sell from, under their names of today."""
    places = Places(context, account)

    def read() -> list[Level]:
        with context.ledger.reading() as connection:
            return list(stock.levels(connection, account))

    every = read()
    if places.rename(context, every):
        every = read()
    return [seen for level in every if (seen := places.seen(level)) is not None]


def _holds_are_known(
    context: Context, backend: FulfilmentBackend, since: datetime | None, *, moved: bool
) -> bool:
    """Make sure that the order feed was read to its end at or after `since`, when stock rows last came.

    A row that `moved` since the order feed was read may show a unit as free that an order has just lost: then it is
    read once more. Without such a row none can.
    """
    if not backend.capabilities.order_feed:
        return True
    if moved:
        status_pull.pull(context, backend)
    for look in range(LOOKS):
        with context.ledger.reading() as connection:
            read_to = feeds.position(connection, f"orders:{backend.account}").read_to
        if read_to is not None and (since is None or read_to >= since):
            return True
        if look + 1 < LOOKS:
            context.sleep(LOOK_SECONDS)
            status_pull.pull(context, backend)
    return False


def _larger(before: Sold, after: Sales) -> Sales:
    """Return the later count with the larger of both deductions of each SKU."""
    keys = before.keys() | after.in_flight.keys()
    larger = {key: max(before.get(key, 0), after.in_flight.get(key, 0)) for key in keys}
    return replace(after, in_flight=larger)
