"""An order as the shop has it now: read and noted, and which of a part's units are still to be sent."""

from __future__ import annotations

from dataclasses import replace

from syncbridge.domain.orders import ShopOrder, ShopUnit, ShopUnitState
from syncbridge.flows import cancelling
from syncbridge.flows.context import SHOP, Context
from syncbridge.ledger import history, inbox, order_locks, ordered_units, orders
from syncbridge.ledger.order_parts import Part

GONE = (ShopUnitState.CANCELLED, ShopUnitState.UNFULFILLABLE)
SHIPPED = (ShopUnitState.SHIPPED, ShopUnitState.RETURNED)


def read_order(context: Context, part: Part) -> ShopOrder:
    """Read the order from the shop, or from its delegation where reading is switched off."""
    if context.configuration.scayle.order_reading or part.inbox_id is None:
        order = context.shop.read_order(part.order_id)
        if not order.carrier and (delegated := _delegated(context, part)) is not None:
            # An order without forecast packages names no carrier; its delegation does.
            order = replace(order, carrier=delegated.carrier)
    else:
        known = _delegated(context, part)
        order = known if known is not None else context.shop.read_order(part.order_id)
    at = context.now()
    with context.ledger.work(durable=False) as work:
        order_locks.lock_order(work.connection, order.order_id)
        if orders.note_reading(work.connection, order, at):
            # Under this name its cancellation may have been asked for before we knew that it has it.
            cancelling.meet_new_parts(context, work.connection, order.order_id, order.reference_key, at)
        work.commit()
    return order


def _delegated(context: Context, part: Part) -> ShopOrder | None:
    """Return the order as its delegation has it, or None where there was none or it was erased."""
    if part.inbox_id is None:
        return None
    with context.ledger.reading() as connection:
        raw = inbox.raw_of(connection, part.inbox_id)
    return None if raw is None else context.shop.order_from_delegation(raw)


def units_to_send(
    context: Context, part: Part, open_units: frozenset[int], order: ShopOrder
) -> tuple[list[ShopUnit], set[int]]:
    """Return the units to send and those that the shop's order does not have; note what the shop cancelled."""
    by_id = {unit.order_item_id: unit for unit in order.units}
    missing = {item for item in open_units if item not in by_id}
    wanted = [by_id[item] for item in sorted(open_units - missing)]
    gone = [unit for unit in wanted if unit.state in GONE]
    if gone:
        at = context.now()
        with context.ledger.work() as work:
            order_locks.lock_order(work.connection, part.order_id)
            why = ordered_units.cancel_units(work.connection, [unit.order_item_id for unit in gone], at)
            history.record(
                work.connection,
                part.order_id,
                SHOP,
                "units_cancelled",
                at=at,
                subject=part.reference,
                units=[unit.order_item_id for unit in gone],
                why=why,
            )
            work.commit()
    return [unit for unit in wanted if unit not in gone], missing
