"""Acting as the warehouse: what the control plane can do to an order, by verb (contract 2.19)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from syncbridge.sandbox.control_plane import ControlError
from syncbridge.sandbox.scend.cancelling import accept_request, cancel_by_warehouse, decline_request
from syncbridge.sandbox.scend.content_rules import quarantine_reasons
from syncbridge.sandbox.scend.cursors import read_instant
from syncbridge.sandbox.scend.despatching import ParcelPlan, despatch
from syncbridge.sandbox.scend.intake import finish_intake, leave_hold, leave_quarantine
from syncbridge.sandbox.scend.lifecycle import STATUSES, is_legal, set_hold, set_quarantine
from syncbridge.sandbox.scend.picking import (
    allocate,
    fall_back,
    finish_picking,
    pack,
    short_close,
    short_pick,
    start_picking,
)
from syncbridge.sandbox.scend.reference_data import HOLD_CODES
from syncbridge.sandbox.scend.stock import Impossible
from syncbridge.sandbox.scend.world import Order

Body = Mapping[str, Any]

_ROAD = ("RECEIVED", "ALLOCATED", "PICKING", "PICKED", "PACKED", "DESPATCHED")
"""The straight way through the floor, which `advance` walks."""


def _send_all(order: Order) -> None:
    despatch(order, [])


_FORWARD: dict[str, Callable[[Order], object]] = {
    "ALLOCATED": allocate,
    "PICKING": start_picking,
    "PICKED": finish_picking,
    "PACKED": pack,
    "DESPATCHED": _send_all,
}


def advance(order: Order, body: Body) -> None:
    """Walk an order to `to` over legal transitions; raise Impossible where there is no way."""
    wanted = body.get("to")
    if wanted not in STATUSES:
        raise ControlError(400, f"`to` is one of {', '.join(sorted(STATUSES))}")
    finish_intake(order)
    status = order.status
    if wanted in _ROAD[1:] and status in (*_ROAD, "BACKORDERED"):
        _walk(order, str(wanted))
    elif not is_legal(status, str(wanted)):
        raise Impossible(f"order {order.key}: {status} -> {wanted} is not a legal transition")
    elif wanted == "RECEIVED":
        (leave_quarantine if status == "QUARANTINED" else leave_hold)(order)
    elif wanted == "QUARANTINED":
        _quarantine(order, body)
    elif wanted == "ON_HOLD":
        hold(order, body)
    elif wanted == "CANCELLED":
        cancel_by_warehouse(order)
    elif wanted == "BACKORDERED":
        _backorder(order)
    elif (status, wanted) == ("PARTIALLY_DESPATCHED", "DESPATCHED"):
        if order.units("quantityBackordered"):
            raise Impossible(f"order {order.key} misses units: allocate, or short-close")
        _send_all(order)
    else:
        raise Impossible(f"{status} -> {wanted} has a verb of its own: despatch, or void")


def _walk(order: Order, wanted: str) -> None:
    here = 0 if order.status == "BACKORDERED" else _ROAD.index(order.status)
    goal = _ROAD.index(wanted)
    if goal <= here:
        raise Impossible(f"order {order.key}: {order.status} -> {wanted} is not a legal transition")
    for step in _ROAD[here + 1 : goal + 1]:
        _FORWARD[step](order)
        if order.status != step:
            raise Impossible(f"order {order.key} got as far as {order.status} on its way to {wanted}")


def _backorder(order: Order) -> None:
    if order.status == "RECEIVED":
        free = sum(
            row.free
            for line in order.lines
            if (row := order.account.stock.find(line["sku"], order.document["warehouseCode"])) is not None
        )
        if free and order.document["allowPartialDespatch"]:
            raise Impossible(f"order {order.key} would be allocated, as there is stock")
        allocate(order)
        if order.status != "BACKORDERED":
            fall_back(order)
    else:
        fall_back(order)


def _quarantine(order: Order, body: Body) -> None:
    reasons = body.get("reasons") or quarantine_reasons(order.account, order.document)
    if not reasons:
        raise Impossible(f"order {order.key} has nothing wrong; give `reasons`")
    set_quarantine(order, reasons)


def hold(order: Order, body: Body) -> None:
    """Put an order on hold; the code is `MANUAL` unless given."""
    code = body.get("code", "MANUAL")
    if code not in HOLD_CODES:
        raise ControlError(400, f"code is one of {', '.join(sorted(HOLD_CODES))}")
    finish_intake(order)
    set_hold(order, code, body.get("message") or "Held by the warehouse.")


def _allocate(order: Order, body: Body) -> None:
    finish_intake(order)
    allocate(order)


def _units(order: Order, lines: Any) -> dict[int, int]:
    """Read [{lineNumber or sku, quantity}] as units per line number; raise ControlError 400."""
    units: dict[int, int] = {}
    for given in lines:
        number = given.get("lineNumber")
        if number is None:
            number = next((one["lineNumber"] for one in order.lines if one["sku"] == given.get("sku")), None)
        quantity = given.get("quantity")
        if not isinstance(number, int) or not isinstance(quantity, int):
            raise ControlError(400, "every line needs lineNumber (or a sku of the order) and quantity")
        units[number] = units.get(number, 0) + quantity
    return units


def _despatch(order: Order, body: Body) -> dict[str, Any]:
    plans = []
    left = {line["lineNumber"]: line["quantityAllocated"] for line in order.lines}
    for parcel in body.get("parcels") or ():
        units = _units(order, parcel.get("lines") or ())
        units = units or {number: quantity for number, quantity in left.items() if quantity}
        for number, quantity in units.items():
            left[number] = left.get(number, 0) - quantity
        plans.append(
            ParcelPlan(
                units, parcel.get("trackingNumber"), parcel.get("trackingUrl"), parcel.get("weightGrams")
            )
        )
    try:
        at = read_instant(body["despatchedAt"]) if body.get("despatchedAt") else None
    except (TypeError, ValueError) as error:
        raise ControlError(400, "despatchedAt is a UTC timestamp") from error
    made = despatch(
        order,
        plans,
        carrier_code=body.get("carrierCode"),
        service_code=body.get("serviceCode"),
        despatched_at=at,
        force=bool(body.get("force")),
    )
    return made.document


def _short_pick(order: Order, body: Body) -> None:
    short_pick(order, _units(order, body.get("lines") or ()))


def _decide(order: Order, body: Body) -> None:
    if order.document["cancellation"]["state"] != "REQUESTED":
        raise Impossible(f"order {order.key} has no pending cancel request")
    decision = body.get("decision")
    if decision == "ACCEPT":
        accept_request(order)
    elif decision == "DECLINE":
        decline_request(order)
    else:
        raise ControlError(400, "decision is ACCEPT or DECLINE")


VERBS: dict[str, Callable[[Order, Body], dict[str, Any] | None]] = {
    "advance": advance,
    "allocate": _allocate,
    "despatch": _despatch,
    "short-pick": _short_pick,
    "short-close": lambda order, _: short_close(order),
    "hold": hold,
    "unhold": lambda order, _: leave_hold(order),
    "warehouse-cancel": lambda order, _: cancel_by_warehouse(order),
    "cancellation": _decide,
}
"""What can be done to an order; despatch answers the despatch, everything else the order."""
