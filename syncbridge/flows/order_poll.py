"""Order poll: find the confirmed orders whose delegation never reached us, and take them in ("healed by poll")."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from syncbridge.domain.errors import Busy, VendorError
from syncbridge.domain.orders import DelegatedUnit, ShopOrder, ShopUnit, ShopUnitState
from syncbridge.flows.context import Context
from syncbridge.flows.feed import defect, failing, well
from syncbridge.flows.intake import Sighting, take_in
from syncbridge.ledger import feeds
from syncbridge.ledger.engine import Conflict, DatabaseAway
from syncbridge.ledger.exceptions import close_exceptions
from syncbridge.ledger.feeds import CursorMoved, Position
from syncbridge.ledger.orders import known_units
from syncbridge.ledger.stock import SoldUnit, note_sold
from syncbridge.ports import FeedPage

NAME = "orders:scayle"
# SCAYLE delegates for about two days and then cancels by itself: the first poll looks that far back.
FIRST_LOOK_BACK = timedelta(days=2)
LOCK_LIFE = timedelta(seconds=30)


def run(context: Context, since: datetime | None = None) -> dict[str, int]:
    """Read what changed since the last complete poll, with an overlap; return counts.

    The cursor moves only after a complete pass. `since` reads from an instant instead and leaves the cursor.
    """
    if not context.configuration.scayle.order_reading:
        return {"read": 0, "healed": 0}
    with context.coordinator.lock(f"feed:{NAME}", LOCK_LIFE) as held:
        if not held:
            return {"read": 0, "healed": 0}
        try:
            counts = _poll(context, since)
        except Busy:
            raise
        except VendorError as error:
            failing(context, NAME, error)
            raise
        well(context, NAME)
        return counts


def _poll(context: Context, since: datetime | None) -> dict[str, int]:
    started = context.now()
    with context.ledger.reading() as connection:
        old = feeds.position(connection, NAME)
    settings = context.configuration.scayle
    overlap = timedelta(seconds=settings.poll_overlap_seconds + settings.poll_grace_seconds)
    start = since or (old.read_to or started - FIRST_LOOK_BACK) - overlap
    read = healed = failed = 0
    for page in context.shop.orders_changed(start):
        read += len(page.rows)
        made, missed = _take_in_page(context, page)
        healed += made
        failed += missed
    # An order that could not be taken in holds the cursor: the next poll meets it again.
    if since is None and not failed:
        with context.ledger.work() as work:
            try:
                feeds.move(work.connection, NAME, old, Position(None, started), at=context.now())
                work.commit()
            except CursorMoved:
                pass  # another poll was quicker and covered at least as much
    return {"read": read, "healed": healed}


def _take_in_page(context: Context, page: FeedPage[ShopOrder]) -> tuple[int, int]:
    """Take in what is new on a page; return how many parts were made and how many orders failed."""
    _note_sold(context, page)
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
            with context.ledger.work() as work:
                defect(work.connection, f"order:{order.order_id}", NAME, error, context.now())
                work.commit()
    return healed, failed


def _note_sold(context: Context, page: FeedPage[ShopOrder]) -> None:
    """Note what is sold already although its delegation is still on its way: stock must not promise it again."""
    grace = timedelta(seconds=context.configuration.scayle.poll_grace_seconds)
    seen: list[SoldUnit] = []
    gone: list[int] = []
    for order in page.rows:
        if order.confirmed_at is None:
            continue
        fresh = context.now() - order.confirmed_at < grace and not order.cancelled
        for unit in order.units:
            if unit.state in (ShopUnitState.CANCELLED, ShopUnitState.UNFULFILLABLE):
                gone.append(unit.order_item_id)
            elif fresh and unit.state is ShopUnitState.OPEN and (merchant := context.merchant(unit.merchant)):
                warehouse = unit.warehouse or (merchant.warehouses[0].key if len(merchant.warehouses) == 1 else "")
                seen.append(SoldUnit(unit.order_item_id, order.order_id, merchant.key, warehouse, unit.sku))
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
