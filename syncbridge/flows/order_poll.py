"""Order poll: find the confirmed orders whose delegation never reached us, and take them in ("healed by poll")."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial

import structlog

from syncbridge.domain.cancellation import Source
from syncbridge.domain.errors import Busy, VendorError
from syncbridge.domain.orders import DelegatedUnit, ShopOrder, ShopUnit, ShopUnitState
from syncbridge.flows import cancel_learn, refund_watch
from syncbridge.flows.context import Context
from syncbridge.flows.feed import defect, failing, well
from syncbridge.flows.order_birth import Sighting, take_in
from syncbridge.ledger import feeds
from syncbridge.ledger.engine import Conflict, DatabaseAway, attempt
from syncbridge.ledger.exceptions import close_exceptions, open_exception, subjects_of
from syncbridge.ledger.feeds import CursorMoved, Position
from syncbridge.ledger.ordered_units import known_units
from syncbridge.ledger.sold_units import SoldUnit, note_sold
from syncbridge.ports.answers import FeedPage

log = structlog.get_logger(__name__)

NAME = "orders:scayle"
WATERMARK = "known-orders:scayle"
"""Up to when every order that the shop has confirmed is known here, if only as sold units: what stock may stand on."""
# SCAYLE delegates for about two days and then cancels by itself: the first poll looks that far back.
FIRST_LOOK_BACK = timedelta(days=2)
LOCK_LIFE = timedelta(seconds=30)


def run(context: Context, since: datetime | None = None, *, shop_time: datetime | None = None) -> dict[str, int]:
    """Read what changed since the last complete poll, with an overlap; return counts.

    The cursor moves only after a complete pass. `since` reads from an instant instead and leaves the cursor.
    `shop_time` is the shop's own clock where somebody has just asked for it.
    """
    if not context.configuration.scayle.order_reading:
        return {"read": 0, "healed": 0}
    with context.coordinator.lock(f"feed:{NAME}", LOCK_LIFE) as held:
        if not held:
            return {"read": 0, "healed": 0}
        try:
            counts = _poll(context, since, shop_time or _shop_time(context))
        except Busy:
            raise
        except VendorError as error:
            failing(context, NAME, error)
            raise
        well(context, NAME)
        return counts


def _shop_time(context: Context) -> datetime | None:
    try:
        return context.shop.clock()
    except (Busy, VendorError) as error:
        log.warning("shop_clock_unknown", error=type(error).__name__)
        return None


def _poll(context: Context, since: datetime | None, shop_time: datetime | None) -> dict[str, int]:
    started = context.now()
    if shop_time is not None and shop_time > started - FIRST_LOOK_BACK:
        # The shop dates its orders by its own clock: read up to an hour into its future, the next ones would be passed.
        # A time of days ago is no clock that is slow but a mistake of something between us.
        started = min(started, shop_time)
    with context.ledger.reading() as connection:
        old = feeds.position(connection, NAME)
        known = feeds.position(connection, WATERMARK)
    settings = context.configuration.scayle
    overlap = timedelta(seconds=settings.poll_overlap_seconds + settings.poll_grace_seconds)
    start = since or min(old.read_to or started - FIRST_LOOK_BACK, started) - overlap
    read = healed = failed = unmet = 0
    for page in context.shop.orders_changed(start):
        read += len(page.rows)
        cancel_learn.learn(context, page.rows, Source.POLL)
        made, missed, lost = _take_in_page(context, page)
        healed += made
        failed += missed
        unmet += lost
    if since is None:
        # An order that could not be taken in holds the cursor: the next poll meets it again. Stock need not wait for
        # it, as its units are noted as sold.
        if not failed:
            _move(context, NAME, old, started)
        if not unmet:
            _move(context, WATERMARK, known, started)
            _waits_no_more(context)
    return {"read": read, "healed": healed}


def _move(context: Context, name: str, old: Position, to: datetime) -> None:
    with context.ledger.work() as work:
        try:
            feeds.move(work.connection, name, old, Position(None, to), at=context.now())
            work.commit()
        except CursorMoved:
            pass  # another poll was quicker and covered at least as much


def _take_in_page(context: Context, page: FeedPage[ShopOrder]) -> tuple[int, int, int]:
    """Take in what is new on a page; return the parts made, the orders that failed, and those of them that stock
    cannot know either.
    """
    unmet = _note_sold(context, page)
    _note_returned(context, page)
    candidates = [(order, units) for order in page.rows if (units := list(_wanted(context, order)))]
    with context.ledger.reading() as connection:
        known = known_units(connection, [unit.order_item_id for _order, units in candidates for unit in units])
    healed = failed = 0
    for order, units in candidates:
        fresh = [unit for unit in units if unit.order_item_id not in known]
        if not fresh:
            continue
        try:
            healed += _heal(context, order, fresh)
        except DatabaseAway:
            raise
        except Exception as error:  # noqa: BLE001  # one bad item never stops the batch
            failed += 1
            sold = [one for unit in fresh if (one := _sold(context, order, unit)) is not None]
            with context.ledger.work() as work:
                defect(work.connection, f"order:{order.order_id}", NAME, error, context.now())
                work.commit()
            try:
                with context.ledger.work() as work:
                    note_sold(work.connection, sold, (), context.now())
                    work.commit()
            except DatabaseAway:
                raise
            except Exception as worse:  # noqa: BLE001  # one bad item never stops the batch
                unmet += 1
                _tell_waiting(context, order, worse)
    return healed, failed, unmet


def _tell_waiting(context: Context, order: ShopOrder, error: Exception) -> None:
    """Say that stock waits for an order: its units are sold, and we cannot even note which."""
    with context.ledger.work() as work:
        open_exception(
            work.connection,
            "stock_waits",
            f"order:{order.order_id}",
            at=context.now(),
            cause="stock waits for an order",
            evidence={"order": order.order_id, "error": type(error).__name__},
        )
        work.commit()


def _waits_no_more(context: Context) -> None:
    with context.ledger.reading() as connection:
        told = subjects_of(connection, "stock_waits")
    if told:
        with context.ledger.work() as work:
            for subject in told:
                close_exceptions(
                    work.connection, subject, "stock_waits", at=context.now(), resolution="its units are known"
                )
            work.commit()


def _sold(context: Context, order: ShopOrder, unit: ShopUnit) -> SoldUnit | None:
    merchant = context.merchant(unit.merchant)
    if merchant is None:
        return None
    warehouse = unit.warehouse or (merchant.warehouses[0].key if len(merchant.warehouses) == 1 else "")
    return SoldUnit(unit.order_item_id, order.order_id, merchant.key, warehouse, unit.sku, order.confirmed_at)


def _note_returned(context: Context, page: FeedPage[ShopOrder]) -> None:
    """Note what somebody booked as returned in the shop: its goods have to come, and its refund has to be right."""
    for order in page.rows:
        if any(unit.state is ShopUnitState.RETURNED for unit in order.units):
            with context.ledger.work() as work:
                error = attempt(work.connection, partial(refund_watch.note_shop, context, work.connection, order))
                if error is not None:
                    defect(work.connection, f"returns of order:{order.order_id}", NAME, error, context.now())
                work.commit()


def _note_sold(context: Context, page: FeedPage[ShopOrder]) -> int:
    """Note what is sold already although its delegation is still on its way: stock must not promise it again.

    Return the orders of which that failed; one of them stops no other.
    """
    try:
        _note_orders(context, page.rows)
        return 0
    except DatabaseAway:
        raise
    except Exception as error:  # noqa: BLE001  # found out below, order by order
        log.warning("sold_units_not_noted", error=type(error).__name__)
    failed = 0
    for order in page.rows:
        try:
            _note_orders(context, (order,))
        except DatabaseAway:
            raise
        except Exception as error:  # noqa: BLE001  # one bad item never stops the batch
            failed += 1
            _tell_waiting(context, order, error)
    return failed


def _note_orders(context: Context, orders: Iterable[ShopOrder]) -> None:
    grace = timedelta(seconds=context.configuration.scayle.poll_grace_seconds)
    seen: list[SoldUnit] = []
    gone: list[int] = []
    for order in orders:
        if order.confirmed_at is None:
            continue
        fresh = context.now() - order.confirmed_at < grace
        for unit in order.units:
            if order.cancelled or unit.state in (ShopUnitState.CANCELLED, ShopUnitState.UNFULFILLABLE):
                gone.append(unit.order_item_id)
            elif fresh and unit.state is ShopUnitState.OPEN and (sold := _sold(context, order, unit)) is not None:
                seen.append(sold)
    with context.ledger.reading() as connection:
        known = known_units(connection, [unit.order_item_id for unit in seen])
    waiting = [unit for unit in seen if unit.order_item_id not in known]
    if waiting or gone:
        with context.ledger.work() as work:
            note_sold(work.connection, waiting, gone, context.now())
            work.commit()


def _wanted(context: Context, order: ShopOrder) -> Iterable[ShopUnit]:
    """Yield the units that should be with us: confirmed long enough for their delegation to have come."""
    grace = timedelta(seconds=context.configuration.scayle.poll_grace_seconds)
    if order.confirmed_at is None or order.cancelled or context.now() - order.confirmed_at < grace:
        return
    for unit in order.units:
        if unit.state is ShopUnitState.OPEN and context.merchant(unit.merchant) is not None:
            yield unit


def _heal(context: Context, order: ShopOrder, units: list[ShopUnit]) -> int:
    at = context.now()
    sighting = Sighting(
        order_id=order.order_id,
        shop=order.shop,
        country=order.country,
        currency=order.currency,
        reference_key=order.reference_key,
        source="poll",
        units=[
            (
                unit.merchant,
                DelegatedUnit(unit.order_item_id, unit.sku, unit.warehouse, unit.price_minor),
            )
            for unit in units
        ],
        confirmed_at=order.confirmed_at,
    )
    try:
        with context.ledger.work() as work:
            made = take_in(context, work.connection, sighting, at)
            close_exceptions(
                work.connection, f"order:{order.order_id}", "defect", at=at, resolution="the order was taken in"
            )
            work.commit()
    except Conflict:
        return 0  # its delegation arrived in between
    for account in {account for account, _merchant, _reference in made.made}:
        context.doorbell.ring("order_push", account)
    return len(made.made)
