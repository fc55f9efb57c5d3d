"""Cancelling orders, whole or by lines, by the client and by the warehouse (contract 12.5, assumed)."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from syncbridge.sandbox.orderwise.decimal_json import plain
from syncbridge.sandbox.orderwise.fields import Members
from syncbridge.sandbox.orderwise.lifecycle import changed
from syncbridge.sandbox.orderwise.order_content import LEAST_QUANTITY, PRICE_PLACES
from syncbridge.sandbox.orderwise.orders import AWAITING, CANCELLED, HELD, ORDINARY, Order, OrderLine
from syncbridge.sandbox.orderwise.refusals import Impossible, Problems, Refusal
from syncbridge.sandbox.orderwise.world import DataSet


def cancel_by_client(data: DataSet, order: Order, body: Any) -> dict[str, Any]:
    """Do what the cancel call does; return the answer.

    A whole order can be cancelled until it is picked; lines, as far as their units are neither picked nor sent.
    Repeats answer the same. Raises Refusal 409 for what is too late, 400 for what cannot be understood.
    """
    problems = Problems()
    members = Members(body, "", problems)
    members.text("reason")
    wanted = _wanted(order, members) if members.has("lines") else None
    problems.raise_if_any("The cancellation is not valid.")
    if wanted is None:
        touched = list(order.lines)
        if order.status != CANCELLED:
            if order.status not in (AWAITING, HELD) or any(line.picking for line in order.lines):
                raise _too_late(data, order)
            _cancel(data, order, {line: line.open for line in order.lines}, "CLIENT")
    else:
        touched = list(wanted)
        fresh = {line: units for line, units in wanted.items() if not _is_done(line, units)}
        if any(units > line.open - line.picking for line, units in fresh.items()):
            raise _too_late(data, order)
        if fresh:
            _cancel(data, order, fresh, "CLIENT")
    return {
        "orderId": order.id,
        "orderStatus": data.order_text(order),
        "lines": [{"orderLineId": line.id, "quantityCancelled": line.cancelled} for line in touched],
    }


def _wanted(order: Order, members: Members) -> dict[OrderLine, Decimal]:
    wanted: dict[OrderLine, Decimal] = {}
    for given in members.items("lines", required=True):
        line_id = given.whole("orderLineId", required=True)
        quantity = given.decimal("quantity", places=PRICE_PLACES, required=True, least=LEAST_QUANTITY)
        line = order.line(line_id) if line_id is not None else None
        if line_id is not None and line is None:
            given.fault("orderLineId", f"order {order.id} has no line {line_id}")
        if line is None or quantity is None:
            continue
        wanted[line] = wanted.get(line, Decimal(0)) + quantity
        if wanted[line] > line.quantity:
            given.fault("quantity", f"line {line_id} has {line.quantity} units")
    return wanted


def _is_done(line: OrderLine, units: Decimal) -> bool:
    """Say whether the request can only be a repeat: nothing is open, and as many units are cancelled already."""
    return not line.open and line.cancelled >= units


def _too_late(data: DataSet, order: Order) -> Refusal:
    data.fact("cancel_refused", **data.name_of(order), status=order.word)
    return Refusal(409, "Order is being processed", orderId=order.id, orderStatus=data.order_text(order))


def cancel_by_warehouse(
    data: DataSet, order: Order, units: Mapping[OrderLine, Decimal] | None = None
) -> None:
    """Cancel from the floor whatever has not left, picked or not; raise Impossible where nothing is left.

    `units` per line bounds it; it may not name more than is open.
    """
    wanted = dict(units) if units is not None else {line: line.open for line in order.lines}
    wanted = {line: quantity for line, quantity in wanted.items() if quantity}
    if not wanted:
        raise Impossible(f"order {order.id} is {order.word}: nothing is left to cancel")
    for line, quantity in wanted.items():
        if quantity > line.open:
            raise Impossible(f"line {line.item_number} has {line.open} open units, not {quantity}")
        line.picking = min(line.picking, line.open - quantity)
    _cancel(data, order, wanted, "WAREHOUSE")


def _cancel(data: DataSet, order: Order, units: Mapping[OrderLine, Decimal], initiator: str) -> None:
    before = order.word
    for line, quantity in units.items():
        line.cancelled += quantity
        if order.type == ORDINARY:
            data.stock.move(line.variant, line.location, allocated=-quantity)
    lines = [
        {"lineNumber": line.item_number, "sku": line.variant.code.rstrip(" "), "quantity": plain(quantity)}
        for line, quantity in units.items()
    ]
    changed(data, order, before=before)
    kind = "order_cancelled" if order.status == CANCELLED else "lines_cancelled"
    data.fact(kind, **data.name_of(order), initiator=initiator, lines=lines)
