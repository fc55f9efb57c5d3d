"""How an order's status follows from what happened to its lines (contract 12.4).

1 <-> 2, 1 -> 4 -> 5 -> 6, 1 -> 5, {1, 2} -> 3
"""

from __future__ import annotations

from syncbridge.sandbox.orderwise.orders import (
    AWAITING,
    CANCELLED,
    COMPLETED,
    HELD,
    INVOICING,
    PARTLY_SENT,
    Order,
)
from syncbridge.sandbox.orderwise.refusals import Impossible
from syncbridge.sandbox.orderwise.stock import ZERO
from syncbridge.sandbox.orderwise.world import DataSet


def judged_status(order: Order) -> int:
    """Return the status that the lines and the hold amount to."""
    if not any(line.open for line in order.lines):
        if not any(line.sent for line in order.lines):
            return CANCELLED
        return INVOICING if order.status == INVOICING else COMPLETED
    if any(line.sent for line in order.lines):
        return PARTLY_SENT
    return HELD if order.on_hold else AWAITING


def changed(data: DataSet, order: Order, *, before: str) -> None:
    """Commit a change: new status, new time stamp, a fact if the state has another word than `before`."""
    order.status = judged_status(order)
    order.amended = data.stamp()
    if order.word != before:
        data.fact(
            "order_status",
            **data.name_of(order),
            **{"from": before, "to": order.word},
            orderStatus=data.order_text(order),
        )
    data.settle()
    data.world.order_changed(data, order)


def hold(data: DataSet, order: Order) -> None:
    """Put an order on hold before anything has left."""
    _require(order, AWAITING, "put on hold")
    before = order.word
    for line in order.lines:
        line.picking = ZERO
    order.on_hold = True
    changed(data, order, before=before)


def unhold(data: DataSet, order: Order) -> None:
    """Take an order off hold."""
    _require(order, HELD, "taken off hold")
    before, order.on_hold = order.word, False
    changed(data, order, before=before)


def invoice(data: DataSet, order: Order) -> None:
    """Let a completed order wait for its invoice to be printed."""
    _require(order, COMPLETED, "invoiced")
    before, order.status = order.word, INVOICING
    changed(data, order, before=before)


def set_texts(data: DataSet, order: Order, text: str | None, sub_text: str | None) -> None:
    """Give an order a status text or sub-status of somebody's own; None gives the usual one again."""
    before = order.word
    order.forced_text, order.sub_status = text, sub_text
    changed(data, order, before=before)


def _require(order: Order, status: int, what: str) -> None:
    if order.status != status:
        raise Impossible(f"order {order.id} is {order.word} and cannot be {what}")
