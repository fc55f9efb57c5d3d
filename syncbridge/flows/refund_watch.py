"""What SCAYLE shows of returns and refunds, held against what came back and what was paid.

SCAYLE computes and pays refunds. A unit that it shows as returned is a booking; the refund is acknowledged by a
`payment-refund` message, or by the order's billing status as far as that can prove it. What cost nothing waits for none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from syncbridge.domain.backend import WebhookEvent
from syncbridge.domain.orders import ShopOrder, ShopUnitState
from syncbridge.domain.refunds import ShownRefund, mismatches, proven_units
from syncbridge.flows.context import SHOP, Context
from syncbridge.ledger import due_times, history, order_locks, ordered_units, receipts, refunds
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, open_exception

TOPIC = "payment-refund"
_ALL_REFUNDED = "billing_refunded"
_SOME_REFUNDED = "billing_partially_refunded"


def look(context: Context, order_id: int) -> ShopOrder:
    """Read an order and note what it shows. Raises what reading an order raises."""
    order = context.shop.read_order(order_id)
    with context.ledger.work() as work:
        note_shop(context, work.connection, order)
        work.commit()
    return order


def keep(context: Context, event: WebhookEvent) -> None:
    """Keep a refund that SCAYLE told of: its amount stands nowhere else. A repeat of the message changes nothing."""
    if event.order_id is None:
        return
    at = context.now()
    with context.ledger.work() as work:
        fresh = refunds.keep(
            work.connection,
            event.message_id,
            order_id=event.order_id,
            units=event.units,
            amount_minor=event.amount_minor,
            currency=event.currency,
            happened_at=event.occurred_at or at,
            at=at,
        )
        if fresh and ordered_units.known_units(work.connection, event.units):
            history.record(
                work.connection,
                event.order_id,
                SHOP,
                "refund_shown",
                at=at,
                happened_at=event.occurred_at,
                units=list(event.units),
                amount_minor=event.amount_minor,
                currency=event.currency,
            )
        work.commit()


def note_shop(context: Context, connection: Connection, order: ShopOrder) -> None:
    """Note the returns and refunds of an order that SCAYLE shows, and check the amounts; inside the caller's transaction."""
    at = context.now()
    # Who matches goods to this order's units has the same rows in other turns.
    order_locks.lock_order(connection, order.order_id)
    returned = {unit.order_item_id: unit.paid_minor for unit in order.units if unit.state is ShopUnitState.RETURNED}
    known = ordered_units.orders_of_units(connection, returned)
    ours = {unit: paid for unit, paid in returned.items() if known.get(unit) == order.order_id}
    if not ours and not refunds.unchecked_keys(connection, order.order_id):
        return
    fresh, without_goods = refunds.note_shown(connection, order.order_id, ours, at)
    if due_times.look_at_parked(connection, receipts.writes_of(connection, fresh), at=at):
        # Somebody returned there what our own message was refused for.
        context.doorbell.ring("return_push")
    for subject in refunds.answered(connection, fresh):
        close_exceptions(
            connection, subject, "return_decision", at=at, resolution="SCAYLE shows its units as returned"
        )
    if without_goods:
        history.record(
            connection, order.order_id, SHOP, "returned_without_goods", at=at, units=without_goods
        )
    told = refunds.of_order(connection, order.order_id)
    _acknowledge(connection, order, ours, told, at)
    _check(connection, order, told, at)
    refunds.checked(connection, order.order_id, at)
    refunds.looked(connection, order.order_id, at)


def _acknowledge(
    connection: Connection, order: ShopOrder, shown: Mapping[int, int | None], told: Sequence[ShownRefund], at: datetime
) -> None:
    """Note whose refund is proven. "Partially refunded" proves one only where there is one.

    A unit that cost nothing has none to wait for: no payment, no message.
    """
    free = [unit for unit, paid in shown.items() if paid == 0]
    costly = {unit: paid for unit, paid in shown.items() if paid != 0}
    done = refunds.acknowledge(connection, free, refunds.COST_NOTHING, at)
    done += refunds.acknowledge(connection, proven_units(told, costly), "message", at)
    whole = order.billing_status == _ALL_REFUNDED
    if whole or (order.billing_status == _SOME_REFUNDED and len(costly) == 1):
        done += refunds.acknowledge(connection, costly.keys(), "billing", at)
    for unit in done:
        close_exceptions(
            connection, f"unit:{unit}", "refund_overdue", at=at, resolution="SCAYLE shows the refund"
        )
    if done:
        history.record(connection, order.order_id, SHOP, "refund_acknowledged", at=at, units=sorted(done))


def _check(connection: Connection, order: ShopOrder, told: Sequence[ShownRefund], at: datetime) -> None:
    """Hold every refund against what its units cost and against the order's total."""
    paid = {unit.order_item_id: unit.paid_minor for unit in order.units if unit.paid_minor is not None}
    if len(paid) < len(order.units):
        return  # prices from outside: SCAYLE does not know what a unit cost
    fresh = refunds.unchecked_keys(connection, order.order_id)
    for one in mismatches(told, paid, order.total_minor):
        if one.key in fresh:
            open_exception(
                connection,
                "refund_mismatch",
                f"refund:{one.key}"[:128],
                at=at,
                cause=one.problem[:200],
                evidence={
                    "units": list(one.units),
                    "refunded_minor": one.shown_minor,
                    "paid_minor": one.expected_minor,
                    "order_total_minor": order.total_minor,
                    "currency": order.currency,
                    "problem": one.problem,
                },
                order_id=order.order_id,
            )
