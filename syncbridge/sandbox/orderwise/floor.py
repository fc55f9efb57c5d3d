"""Acting as the warehouse: what the control plane can do to an order, by verb."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from syncbridge.sandbox.control_plane import ControlError
from syncbridge.sandbox.orderwise import lifecycle
from syncbridge.sandbox.orderwise.cancelling import cancel_by_warehouse
from syncbridge.sandbox.orderwise.despatching import (
    allocate,
    despatch,
    set_consignments,
    spread,
    start_picking,
    stop_picking,
)
from syncbridge.sandbox.orderwise.intake import duplicate
from syncbridge.sandbox.orderwise.orders import COMPLETED, Consignment, Despatch, Order, OrderLine
from syncbridge.sandbox.orderwise.refusals import Impossible
from syncbridge.sandbox.orderwise.seeding import decimal
from syncbridge.sandbox.orderwise.world import DataSet

Body = Mapping[str, Any]
Made = Order | Despatch | None

_ROAD = ("RECEIVED", "ALLOCATED", "PICKING", "DESPATCHED")
_NAMES = {
    "ALLOCATED": "ALLOCATED",
    "PICKING": "PICKING",
    "PICKED": "PICKING",
    "PACKED": "PICKING",
    "DESPATCHED": "DESPATCHED",
    "COMPLETED": "DESPATCHED",
    "ON_HOLD": "ON_HOLD",
    "CANCELLED": "CANCELLED",
    "INVOICED": "INVOICED",
}
"""What `advance` can be told, also in the words of the other stand-in; OrderWise has no picked and no packed."""


def units_of(order: Order, given: Any) -> dict[OrderLine, Decimal]:
    """Read [{orderLineId, lineNumber, variantCode or sku, quantity}] as units per line; raise ControlError 400."""
    units: dict[OrderLine, Decimal] = {}
    for one in given or ():
        line = line_of(order, one)
        if line is None or one.get("quantity") is None:
            raise ControlError(
                400, "every line needs orderLineId, lineNumber or sku of the order, and quantity"
            )
        try:
            units[line] = units.get(line, Decimal(0)) + decimal(one["quantity"])
        except (ValueError, ArithmeticError) as error:
            raise ControlError(400, f"quantity: {error}") from error
    return units


def line_of(order: Order, given: Body) -> OrderLine | None:
    """Find the line that an entry names, or None."""
    code = given.get("variantCode") or given.get("sku")
    for line in order.lines:
        if given.get("orderLineId") == line.id or given.get("lineNumber") == line.item_number:
            return line
        if code is not None and str(code).rstrip(" ") == line.variant.code.rstrip(" "):
            return line
    return None


def consignments_of(order: Order, body: Body, units: Mapping[OrderLine, Decimal]) -> list[Consignment]:
    """Read `consignments` (numbers, or {number, lines}) or, as the other stand-in has it, `parcels` or `trackingNumber`.

    Without lines the units are spread. Numbers that are null count as not known yet.
    """
    given = body.get("consignments") or body.get("parcels") or ()
    if not given and body.get("trackingNumber"):
        given = [body["trackingNumber"]]
    entries = [{"number": one} if isinstance(one, str) else one for one in given]
    named = [(one.get("number") or one.get("trackingNumber"), one.get("lines")) for one in entries]
    known = [(str(number), lines) for number, lines in named if number]
    if known and len(known) < len(named):
        raise ControlError(400, "either every consignment has a number or none has")
    if not any(lines for _, lines in known):
        return spread(units, [number for number, _ in known])
    return [Consignment(number, units_of(order, lines)) for number, lines in known]


def _despatch(data: DataSet, order: Order, body: Body) -> Despatch:
    units = units_of(order, body.get("lines"))
    for parcel in body.get("parcels") or ():
        if not body.get("lines"):
            for line, quantity in units_of(order, parcel.get("lines")).items():
                units[line] = units.get(line, Decimal(0)) + quantity
    units = units or {line: line.open for line in order.lines if line.open}
    return despatch(
        data,
        order,
        units,
        consignments_of(order, body, units),
        force=bool(body.get("force")),
        amended_seconds_ago=float(body.get("amendedSecondsAgo") or 0),
    )


def track(data: DataSet, made: Despatch, body: Body) -> None:
    """Give a despatch consignment numbers after it left."""
    set_consignments(data, made, consignments_of(made.order, body, made.units))


def _advance(data: DataSet, order: Order, body: Body) -> None:
    given = str(body.get("to")).upper()
    wanted = _NAMES.get(given)
    if wanted is None:
        raise ControlError(400, f"`to` is one of {', '.join(_NAMES)}")
    if wanted == "ON_HOLD":
        lifecycle.hold(data, order)
    elif wanted == "CANCELLED":
        cancel_by_warehouse(data, order)
    elif wanted == "INVOICED":
        if order.status != COMPLETED:
            _walk(data, order, "DESPATCHED")
        lifecycle.invoice(data, order)
    else:
        _walk(data, order, wanted)


def _walk(data: DataSet, order: Order, wanted: str) -> None:
    if order.word == "PARTIALLY_DESPATCHED":
        here = 1
    elif order.word in _ROAD:
        here = _ROAD.index(order.word)
    else:
        raise Impossible(f"order {order.id} is {order.word}")
    if _ROAD.index(wanted) <= here:
        raise Impossible(f"order {order.id} is {order.word} already")
    for step in _ROAD[here + 1 : _ROAD.index(wanted) + 1]:
        if step == "ALLOCATED":
            allocate(data, order)
        elif step == "PICKING":
            start_picking(data, order)
        else:
            despatch(data, order)


def _pick(data: DataSet, order: Order, body: Body) -> None:
    start_picking(data, order, units_of(order, body["lines"]) if body.get("lines") else None)


def _cancel(data: DataSet, order: Order, body: Body) -> None:
    cancel_by_warehouse(data, order, units_of(order, body["lines"]) if body.get("lines") else None)


def _texts(data: DataSet, order: Order, body: Body) -> None:
    unknown = set(body) - {"orderStatus", "subStatus"}
    if unknown:
        raise ControlError(400, "give orderStatus and subStatus, texts or null")
    text, sub_text = body.get("orderStatus"), body.get("subStatus")
    lifecycle.set_texts(
        data, order, None if text is None else str(text), None if sub_text is None else str(sub_text)
    )


VERBS: dict[str, Callable[[DataSet, Order, Body], Made]] = {
    "advance": _advance,
    "allocate": lambda data, order, _: allocate(data, order),
    "pick": _pick,
    "unpick": lambda data, order, _: stop_picking(data, order),
    "despatch": _despatch,
    "hold": lambda data, order, _: lifecycle.hold(data, order),
    "unhold": lambda data, order, _: lifecycle.unhold(data, order),
    "invoice": lambda data, order, _: lifecycle.invoice(data, order),
    "warehouse-cancel": _cancel,
    "duplicate": lambda data, order, _: duplicate(data, order),
    "texts": _texts,
}
"""What can be done to an order; despatch answers the despatch, duplicate the new order, everything else the order."""
