"""Stock sync: publish what can really be shipped, stamped so that nobody's sale is forgotten.

The order of a run is its safety (design, *stock time*):

1. the shop's own clock, because its blocks are stamped by it and not by ours;
2. the order poll: up to its start we know every order that the shop has confirmed (the order watermark);
3. the back end's order feed, to its end: whatever it has reserved by then need not be deducted any more;
4. what is sold and not reserved, counted now;
5. the back end's stock feed, to its end: every figure is true as of then, less the feed's lag (the feed watermark);
6. the order feed and the count once more, and the larger count is deducted;
7. differences are written with the oldest of these instants as their stamp, sell-outs first.

What is reserved between 3 and 5 is deducted twice, and what is given free (an order put on hold) is deducted by the
second count: both err to the safe side and heal with the next run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from syncbridge.domain.errors import (
    Busy,
    Misconfigured,
    NeedsPerson,
    NotFound,
    OutcomeUnknown,
    RetryLater,
    VendorError,
)
from syncbridge.domain.stock import (
    ShopStock,
    StockRow,
    StockWrite,
    Terms,
    publishing_order,
    stamp_for,
    whole_units,
)
from syncbridge.flows import order_poll, status_pull
from syncbridge.flows.context import Context
from syncbridge.flows.feed import follow
from syncbridge.ledger import audit, feeds, stock
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, is_open, open_exception
from syncbridge.ledger.stock import Level
from syncbridge.ports import FulfilmentBackend

log = structlog.get_logger(__name__)

FLOW = "stock_sync"
LOCK_LIFE = timedelta(seconds=30)
"""A killed run holds the next one up for so long. Two runs at once are harmless: stamps of a SKU only rise."""
SPEED_OVER = timedelta(minutes=10)
"""Over how long the speed of sale is measured. Chosen: long enough to be steady, short enough to see a rush."""
BLOCKS_OVER = timedelta(days=1)
"""How long after a sale its block is made sure to be released. Chosen: longer than any outage of ours should last."""
CLOCKS_APART = timedelta(seconds=60)
"""How far our clock may be from the shop's before a person is told. Chosen; any distance is safe, see `_shop_clock`."""
FAILURES_IN_A_ROW = 3
"""After so many writes in a row without an answer the shop counts as away. Chosen: one bad SKU must not stop the others."""
UNKNOWN_SKU_PAUSE = timedelta(hours=1)
"""How long a SKU that the shop does not have is left alone. Chosen."""
DELEGATION_DELAY = timedelta(seconds=60)
"""SCAYLE delegates about a minute after confirmation (SCAYLE contract 5.1, documented)."""


@dataclass
class Summary:
    """What one run did, in counts of SKUs."""

    observed: int = 0
    published: int = 0
    ignored: int = 0
    unknown: int = 0
    waiting: int = 0
    held: int = 0

    def as_dict(self) -> dict[str, int]:
        return dict(vars(self))


@dataclass(frozen=True)
class Change:
    """A number to publish, with its terms and its stamp."""

    level: Level
    terms: Terms
    stamp: datetime


def run(context: Context) -> Summary:
    """Observe, compute and publish for every back end."""
    summary = Summary()
    shop_clock = _shop_clock(context)
    order_poll.run(context)
    trouble: VendorError | Busy | None = None
    for backend in context.backends.values():
        with context.coordinator.lock(f"stock:{backend.account}", LOCK_LIFE) as held:
            if not held:
                log.info("stock_run_elsewhere", account=backend.account)
                context.doorbell.ring(FLOW)
                continue
            try:
                _sync(context, backend, shop_clock, summary)
            except (VendorError, Busy) as error:
                # Each back end has its own clock: one that cannot be read says nothing about the others.
                log.warning("stock_not_synced", account=backend.account, error=type(error).__name__)
                trouble = trouble or error
    if trouble is not None:
        raise trouble
    return summary


def _sync(
    context: Context, backend: FulfilmentBackend, shop_clock: datetime | None, summary: Summary
) -> None:
    status_pull.pull(context, backend)
    counted_at = context.now()
    with context.ledger.reading() as connection:
        known_orders = order_watermark(context, connection)
        before = stock.in_flight(connection, backend.account)
        speed = stock.sold_since(connection, counted_at - SPEED_OVER)
        last_sold = stock.last_sold(connection, counted_at - BLOCKS_OVER)
    lag = backend.timing.stock_lag
    if lag:
        # Figures that trail must not be older than the reservations that were counted.
        context.sleep(lag.total_seconds())
    summary.observed += _observe(context, backend)
    status_pull.pull(context, backend)
    with context.ledger.reading() as connection:
        read_to = feeds.position(connection, feed_name(backend)).read_to
        after = stock.in_flight(connection, backend.account)
        every = list(stock.levels(connection, backend.account))
    if read_to is None or known_orders is None:
        return
    sold = {key: max(before.get(key, 0), after.get(key, 0)) for key in before.keys() | after.keys()}
    watermarks = (read_to - lag, known_orders, counted_at, *([shop_clock] if shop_clock else []))
    changes = _changes(context, every, sold, speed, last_sold, watermarks, summary)
    if _is_held(context, backend, every, changes):
        summary.held += len(changes)
        return
    _publish(context, changes, summary)


def _shop_clock(context: Context) -> datetime | None:
    """Return the shop's own time before its orders are read, and tell a person when our clock is far from it.

    No stamp may be newer than this: with our clock fast, one would release blocks of orders that we have not met. It
    is None where the shop does not tell; then our clock has to be right.
    """
    asked_at = context.now()
    try:
        theirs = context.shop.health().server_time
    except VendorError as error:
        log.warning("shop_clock_unknown", error=type(error).__name__)
        return None
    if theirs is None:
        return None
    answered_at = context.now()
    apart = max(asked_at - theirs, theirs - answered_at, timedelta(0))
    with context.ledger.reading() as connection:
        told = is_open(connection, "clock_skew", CLOCK)
    if apart > CLOCKS_APART:
        side = "slow" if theirs > answered_at else "fast"
        evidence: dict[str, object] = {"ours": asked_at.isoformat(), "shop": theirs.isoformat()}
        _tell(context, "clock_skew", CLOCK, f"our clock is {side} against the shop's", evidence)
    elif told:
        with context.ledger.work() as work:
            close_exceptions(work.connection, CLOCK, "clock_skew", at=answered_at, resolution="the clocks agree again")
            work.commit()
    return theirs


CLOCK = "clock:shop"


def feed_name(backend: FulfilmentBackend) -> str:
    """Return the name of a back end's stock feed in the ledger."""
    return f"stock:{backend.account}"


def order_watermark(context: Context, connection: Connection) -> datetime | None:
    """Return the instant up to which every order that the shop has confirmed is known here."""
    settings = context.configuration.scayle
    if settings.order_reading:
        return feeds.position(connection, order_poll.NAME).read_to
    return context.now() - DELEGATION_DELAY - timedelta(seconds=settings.delegation_delay_margin_seconds)


def _observe(context: Context, backend: FulfilmentBackend) -> int:
    places = {
        warehouse.code: (merchant, warehouse.key)
        for merchant in context.configuration.merchants
        if context.backend_of(merchant).account == backend.account
        for warehouse in merchant.warehouses
    }

    def store(connection: Connection, rows: tuple[StockRow, ...], at: datetime) -> None:
        ours = [(row, *places[row.warehouse_code]) for row in rows if row.warehouse_code in places]
        stock.observe(
            connection,
            backend.account,
            [(row, merchant.key, warehouse, merchant.scayle_sku(row.sku)) for row, merchant, warehouse in ours],
            at,
        )

    return follow(context, FLOW, feed_name(backend), backend.stock_changed, store)


def terms_of(
    context: Context, level: Level, in_flight: int, sold: int, as_of: datetime
) -> Terms:
    """Return the terms of a level's number. `sold` counts units over `SPEED_OVER`, for fast movers."""
    available = whole_units(level.observed) if level.active else 0
    merchant = context.merchant(level.merchant)
    per_minute = Decimal(sold) / Decimal(SPEED_OVER.total_seconds() / 60)
    buffer = (
        merchant.buffers.rule.units(
            level.shop_sku, available, sold_per_minute=per_minute, age=context.now() - as_of
        )
        if merchant is not None
        else 0
    )
    return Terms(available, in_flight, buffer)


def _changes(
    context: Context,
    every: Iterable[Level],
    sold: dict[tuple[stock.Place, str], int],
    speed: dict[tuple[stock.Place, str], int],
    last_sold: dict[tuple[stock.Place, str], datetime],
    watermarks: tuple[datetime, ...],
    summary: Summary,
) -> list[Change]:
    changes: list[Change] = []
    now = context.now()
    for level in every:
        if level.not_before is not None and now < level.not_before:
            continue
        merchant = context.merchant(level.merchant)
        if merchant is None or level.place[1] not in {one.key for one in merchant.warehouses}:
            continue  # no longer in the configuration: nobody keeps its figure up to date
        key = (level.place, level.shop_sku)
        # A unit without a warehouse may be taken from any of its merchant's.
        anywhere = ((level.merchant, ""), level.shop_sku)
        units = sold.get(key, 0) + sold.get(anywhere, 0)
        terms = terms_of(context, level, units, speed.get(key, 0), min(watermarks))
        stamp = stamp_for(watermarks, last=level.stamp)
        if terms.sellable == level.published and level.sending is None:
            # The same number is written again where the shop may still block a unit that is deducted here already
            # (it was sold during a run, or a delivery made up for it): or the unit stays off sale twice.
            sold_at = last_sold.get(key)
            if sold_at is None or stamp is None or level.stamp is None or not level.stamp <= sold_at < stamp:
                continue
        if stamp is None:
            summary.waiting += 1
            continue
        changes.append(Change(level, terms, stamp))
    changes.sort(key=lambda one: publishing_order(one.level.published, one.terms.sellable))
    return changes


def _is_held(context: Context, backend: FulfilmentBackend, every: list[Level], changes: list[Change]) -> bool:
    """Hold a run that would change too much, until it is released or the figures come back by themselves."""
    subject = f"stock:{backend.account}"
    told = [level for level in every if level.published is not None]
    moved = [one for one in changes if one.level.published is not None]
    reason = context.configuration.stock.mass_change.too_much(
        len(told),
        sum(1 for one in moved if one.level.published and not one.terms.sellable),
        sum(level.published or 0 for level in told),
        sum(abs(one.terms.sellable - (one.level.published or 0)) for one in moved),
    )
    at = context.now()
    with context.ledger.work() as work:
        if not reason:
            close_exceptions(work.connection, subject, "stock_held", at=at, resolution="the change is small again")
            feeds.drop(work.connection, release_name(backend.account))
            work.commit()
            return False
        released = feeds.position(work.connection, release_name(backend.account)).read_to
        if released is not None:
            close_exceptions(work.connection, subject, "stock_held", at=at, resolution="released by a person")
            feeds.drop(work.connection, release_name(backend.account))
            work.commit()
            return False
        if not is_open(work.connection, "stock_held", subject):
            open_exception(
                work.connection,
                "stock_held",
                subject,
                at=at,
                cause=f"{backend.account}: mass change of stock",
                evidence={"account": backend.account, "reason": reason, "skus": len(changes)},
            )
            work.commit()
    log.warning("stock_held", account=backend.account, reason=reason)
    return True


def release_name(account: str) -> str:
    """Return the name under which a person's release of a held run waits for the next run."""
    return f"stock-release:{account}"


def release(context: Context, account: str, *, actor: str, reason: str) -> bool:
    """Let the next run of an account publish although it changes much; false when nothing is held."""
    subject = f"stock:{account}"
    at = context.now()
    with context.ledger.work() as work:
        if not is_open(work.connection, "stock_held", subject):
            return False
        old = feeds.position(work.connection, release_name(account))
        feeds.move(work.connection, release_name(account), old, feeds.Position("released", at), at=at)
        audit.record(
            work.connection, actor=actor, action="stock release", subject=subject, reason=reason, before={}, after={}, at=at
        )
        work.commit()
    context.doorbell.ring(FLOW)
    return True


def _publish(context: Context, changes: list[Change], summary: Summary) -> None:
    """Write numbers one by one, or many at once in bulk; what could not be written waits for the next run."""
    if len(changes) >= context.configuration.scayle.stock_bulk_from:
        urgent = [one for one in changes if _sells_out(one)]
        rest = [one for one in changes if not _sells_out(one)]
        if _one_by_one(context, urgent, summary):
            _in_bulk(context, rest, summary)
        return
    _one_by_one(context, changes, summary)


def _well(context: Context) -> None:
    with context.ledger.reading() as connection:
        trouble = is_open(connection, "stock_refused", BULK)
    if trouble:
        with context.ledger.work() as work:
            close_exceptions(
                work.connection, BULK, "stock_refused", at=context.now(), resolution="the shop took a bulk request"
            )
            work.commit()


def _sells_out(change: Change) -> bool:
    return not change.terms.sellable and bool(change.level.published)


def _one_by_one(context: Context, changes: list[Change], summary: Summary) -> bool:
    """Write in order; false when the shop is away or the quota is used up, so that the rest has to wait."""
    failures = 0
    for place, change in enumerate(changes):
        if not _intend(context, [change]):
            continue
        try:
            answer = context.shop.write_stock(_write(change))
        except (RetryLater, OutcomeUnknown, Misconfigured, Busy) as error:
            # Absolute and stamped: sending it again with a newer stamp is harmless, so nothing has to be looked up.
            _settle(context, change, None, f"not told: {type(error).__name__}", ignored=change.level.ignored)
            log.warning("stock_write_later", sku=change.level.shop_sku, error=type(error).__name__)
            failures += 1
            if isinstance(error, Misconfigured | Busy) or failures >= FAILURES_IN_A_ROW:
                summary.waiting += len(changes) - place
                return False
            summary.waiting += 1
            continue
        except (NotFound, NeedsPerson) as error:
            _refused(context, change, error)
            summary.unknown += 1
            failures = 0
            continue
        failures = 0
        _judge(context, change, answer, summary)
    return True


def _in_bulk(context: Context, changes: list[Change], summary: Summary) -> None:
    intended = [change for change in changes if _intend(context, [change])]
    writes = [_write(change) for change in intended]
    if not writes:
        return
    try:
        key = context.shop.write_stocks(writes)
        results = None
        for _look in range(BULK_LOOKS):
            results = context.shop.stock_results(key, writes)
            if results is not None:
                break
            context.sleep(BULK_LOOK_SECONDS)
    except NeedsPerson as error:
        log.warning("stock_bulk_refused", reason=str(error))
        for change in intended:
            _settle(context, change, None, "bulk refused", ignored=change.level.ignored)
        summary.waiting += len(intended)
        _tell(
            context,
            "stock_refused",
            BULK,
            f"the shop refuses bulk requests: {error.evidence.code or error.evidence.status}",
            {"skus": len(intended), "answer": str(error.evidence)},
        )
        return
    except (VendorError, Busy) as error:
        log.warning("stock_bulk_later", error=type(error).__name__)
        results = None
    if results is not None:
        _well(context)
    for place, change in enumerate(intended):
        result = results.get(place) if results is not None else None
        if isinstance(result, ShopStock):
            if result.quantity is None and (change.level.ignored or change.terms.sellable < (change.level.published or 0)):
                # "Accepted" is said of an ignored write as well. Of a decrease that is not good enough; an increase
                # that was ignored costs a sale at most until the next compare.
                result = _read_again(context, change, result)
            _judge(context, change, result, summary)
        elif isinstance(result, NotFound | NeedsPerson):
            _refused(context, change, result)
            summary.unknown += 1
        else:
            _settle(context, change, None, "not told in bulk", ignored=change.level.ignored)
            summary.waiting += 1


BULK = "stock:bulk"
BULK_LOOKS = 60
BULK_LOOK_SECONDS = 2.0
"""A bulk request is looked at for two minutes at most; what is not told by then is sent again by the next run."""


def _intend(context: Context, changes: list[Change]) -> bool:
    with context.ledger.work(durable=False) as work:
        done = all(
            stock.intend(work.connection, one.level, one.terms, one.stamp, context.now()) for one in changes
        )
        work.commit()
    return done


def _write(change: Change) -> StockWrite:
    level = change.level
    return StockWrite(level.shop_sku, level.warehouse, level.merchant, change.terms.sellable, change.stamp)


def _settle(
    context: Context,
    change: Change,
    published: int | None,
    reason: str = "",
    *,
    stamp: datetime | None = None,
    ignored: int = 0,
    not_before: datetime | None = None,
) -> None:
    with context.ledger.work(durable=False) as work:
        stock.settle(
            work.connection,
            change.level,
            sent=change.stamp,
            published=published,
            stamp=max(change.stamp, stamp or change.stamp),
            at=context.now(),
            ignored=ignored,
            reason=reason,
            not_before=not_before,
        )
        work.commit()


def _judge(context: Context, change: Change, answer: ShopStock, summary: Summary) -> None:
    """Compare the answer with what was sent: a stale write is ignored with a success code."""
    wanted = change.terms.sellable
    if answer.changed_at is None and answer.quantity not in (None, wanted):
        answer = _read_again(context, change, answer)
    told = answer.changed_at in (None, change.stamp) and answer.quantity in (None, wanted)
    subject = f"stock:{change.level.merchant}/{change.level.warehouse}/{change.level.shop_sku}"[:128]
    if told:
        _settle(context, change, wanted)
        summary.published += 1
        if change.level.ignored or change.level.not_before is not None:
            with context.ledger.work(durable=False) as work:
                close_exceptions(
                    work.connection, subject, "stock_ignored", "stock_refused", at=context.now(),
                    resolution="the shop took the number",
                )
                work.commit()
        return
    ignored = change.level.ignored + 1
    summary.ignored += 1
    _settle(
        context, change, answer.quantity, "the shop ignored it for a newer one", stamp=answer.changed_at, ignored=ignored
    )
    log.info("stock_write_ignored", sku=change.level.shop_sku, times=ignored)
    # A stamp ahead of the shop's clock makes every write of ours wait for it: nobody would ever count to three.
    ahead = answer.changed_at is not None and answer.changed_at > context.now() + CLOCKS_APART
    if ahead or ignored >= context.configuration.stock.ignored_limit:
        evidence = {
            "sku": change.level.shop_sku,
            "sent": wanted,
            "stamp": change.stamp.isoformat(),
            "shop_holds": answer.quantity,
            "shop_stamp": answer.changed_at.isoformat() if answer.changed_at else "",
            "times": ignored,
        }
        _tell(context, "stock_ignored", subject, "the shop ignores stock writes", evidence)


def _read_again(context: Context, change: Change, answer: ShopStock) -> ShopStock:
    """Read the shop's own figure where an answer leaves its stamp out, before calling a write ignored."""
    try:
        held = context.shop.read_stock(change.level.shop_sku)
    except (VendorError, Busy):
        return answer
    level = change.level
    return next(
        (one for one in held if one.warehouse in ("", level.warehouse) and one.merchant in ("", level.merchant)), answer
    )


def _refused(context: Context, change: Change, error: VendorError) -> None:
    """One exception per SKU, and the rest goes on."""
    level = change.level
    _settle(context, change, None, "refused", not_before=context.now() + UNKNOWN_SKU_PAUSE)
    unknown = isinstance(error, NotFound)
    _tell(
        context,
        "stock_refused",
        f"stock:{level.merchant}/{level.warehouse}/{level.shop_sku}"[:128],
        "SKU unknown to the shop" if unknown else f"the shop refuses stock: {error.evidence.code or error.evidence.status}",
        {"sku": level.shop_sku, "warehouse": level.warehouse, "answer": str(error.evidence)},
    )


def _tell(context: Context, kind: str, subject: str, cause: str, evidence: dict[str, object]) -> None:
    with context.ledger.work() as work:
        open_exception(work.connection, kind, subject, at=context.now(), cause=cause, evidence=evidence)
        work.commit()
