"""Despatches: parcels that leave, tracking that comes late, and voids (contract 2.13, assumed)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from syncbridge.sandbox.clock import format_instant
from syncbridge.sandbox.scend.content_rules import AUTO
from syncbridge.sandbox.scend.lifecycle import change, identity, require_status
from syncbridge.sandbox.scend.picking import take_off_shelf
from syncbridge.sandbox.scend.reference_data import CARRIER_NAMES
from syncbridge.sandbox.scend.stock import Impossible
from syncbridge.sandbox.scend.world import Despatch, Order

GRAMS_PER_UNIT = 250
"""Guessed weight of a unit whose product has none."""


@dataclass(frozen=True)
class ParcelPlan:
    """What goes into one parcel: units per line number, and its tracking number if it is known already."""

    units: Mapping[int, int]
    tracking_number: str | None = None
    tracking_url: str | None = None
    weight_grams: int | None = None


def despatch(
    order: Order,
    parcels: Sequence[ParcelPlan],
    *,
    carrier_code: str | None = None,
    service_code: str | None = None,
    despatched_at: datetime | None = None,
    force: bool = False,
) -> Despatch:
    """Send parcels of a packed or partly sent order; without parcels, everything that is reserved in one.

    Raises Impossible for units that are not reserved, and for a part of an order that does not allow parts
    unless `force` is set.
    """
    require_status(order, "PACKED", "PARTIALLY_DESPATCHED")
    plans = list(parcels) or [ParcelPlan(reserved_units(order))]
    sent = _total(plans)
    _check(order, sent, force)
    take_off_shelf(order)
    stock, world = order.account.stock, order.account.world
    for number, units in sent.items():
        line = order.line(number)
        if line is None:
            continue
        row = stock.ensure(line["sku"], order.document["warehouseCode"])
        stock.move(row, physical=-units, reserved=-units, picked=-units)
        order.picked[number] -= units
        line["quantityAllocated"] -= units
        line["quantityDespatched"] += units
    is_final = not (order.units("quantityAllocated") or order.units("quantityBackordered"))
    made = _make(order, plans, sent, is_final, carrier_code, service_code, despatched_at or world.now())
    order.despatches.append(made)
    order.document["despatches"].append(
        {
            name: made.document[name]
            for name in ("despatchId", "ordinal", "isFinal", "despatchedAt", "voidedAt")
        }
    )
    order.account.despatches.touch(made)
    world.despatches[made.key] = made
    reference = order.document["clientReference"]
    order.account.despatches_by_reference.setdefault(reference, []).append(made)
    world.journal.fact(
        "despatch_created",
        **identity(order),
        despatchId=made.key,
        lines=made.document["lines"],
        parcels=[parcel["parcelId"] for parcel in made.document["parcels"]],
    )
    _announce(made, "despatch.created")
    change(order, "DESPATCHED" if is_final else "PARTIALLY_DESPATCHED")
    stock.settle()
    return made


def reserved_units(order: Order) -> dict[int, int]:
    """Return the reserved units per line number."""
    return {
        line["lineNumber"]: line["quantityAllocated"] for line in order.lines if line["quantityAllocated"] > 0
    }


def _total(plans: Sequence[ParcelPlan]) -> dict[int, int]:
    total: dict[int, int] = {}
    for plan in plans:
        if not plan.units:
            raise Impossible("every parcel needs at least one unit")
        for number, units in plan.units.items():
            if units < 1:
                raise Impossible(f"line {number}: {units} units cannot be sent")
            total[number] = total.get(number, 0) + units
    return total


def _check(order: Order, sent: Mapping[int, int], force: bool) -> None:
    for number, units in sent.items():
        line = order.line(number)
        if line is None:
            raise Impossible(f"order {order.key} has no line {number}")
        if units > line["quantityAllocated"]:
            raise Impossible(f"line {number} has {line['quantityAllocated']} reserved units, not {units}")
    left = order.units("quantityAllocated") + order.units("quantityBackordered") - sum(sent.values())
    if left and not order.document["allowPartialDespatch"] and not force:
        raise Impossible(
            f"order {order.key} does not allow partial despatches, and {left} units would stay behind"
        )


def _make(
    order: Order,
    plans: Sequence[ParcelPlan],
    sent: Mapping[int, int],
    is_final: bool,
    carrier_code: str | None,
    service_code: str | None,
    at: datetime,
) -> Despatch:
    world = order.account.world
    document = order.document
    service = _service(order, service_code)
    carrier = carrier_code or next(iter(service.get("carrierCodes") or ["OTHER"]))
    lines = {line["lineNumber"]: line for line in order.lines}
    despatch_id = world.new_id("dsp")
    parcels = [
        {
            "parcelId": world.new_id("pcl"),
            "parcelNumber": number,
            "trackingNumber": plan.tracking_number,
            "trackingUrl": plan.tracking_url or tracking_url(carrier, plan.tracking_number),
            "weightGrams": plan.weight_grams or _weight(order, plan.units),
            "lines": [
                {"lineNumber": line, "sku": lines[line]["sku"], "quantity": units}
                for line, units in sorted(plan.units.items())
            ],
        }
        for number, plan in enumerate(plans, start=1)
    ]
    body = {
        "despatchId": despatch_id,
        "despatchNumber": f"D-{at.year}-{world.number('despatch number'):06d}",
        "orderId": order.key,
        "clientReference": document["clientReference"],
        "orderNumber": document["orderNumber"],
        "warehouseCode": document["warehouseCode"],
        "ordinal": len(order.despatches) + 1,
        "isFinal": is_final,
        "despatchedAt": format_instant(at.replace(microsecond=0)),
        "voidedAt": None,
        "version": 1,
        "sequence": 0,
        "changedAt": None,
        "carrier": {"code": carrier, "name": CARRIER_NAMES.get(carrier, carrier)},
        "service": {"code": service["code"], "name": service["name"]},
        "lines": [
            {
                "lineNumber": number,
                "sku": lines[number]["sku"],
                "quantity": units,
                "clientLineReference": lines[number]["clientLineReference"],
            }
            for number, units in sorted(sent.items())
        ],
        "parcels": parcels,
    }
    return Despatch(order, despatch_id, body)


def _service(order: Order, service_code: str | None) -> Mapping[str, Any]:
    services = order.account.world.services
    code = service_code or order.document["shipping"]["serviceCode"]
    if code in services:
        return services[code]
    country = order.document["deliveryAddress"]["countryCode"]
    if code == AUTO:
        return next(
            (one for one in services.values() if country in one["countries"]), {"code": AUTO, "name": AUTO}
        )
    return {"code": code, "name": code}


def _weight(order: Order, units: Mapping[int, int]) -> int:
    grams = 0
    for number, quantity in units.items():
        line = order.line(number)
        product = order.account.catalogue.find(line["sku"]) if line is not None else None
        each = product.document["weightGrams"] if product is not None else None
        grams += quantity * (each or GRAMS_PER_UNIT)
    return grams


def tracking_url(carrier: str, number: str | None) -> str | None:
    """Return the made-up tracking page of a parcel."""
    return f"https://track.example/{carrier.lower()}/{number}" if number else None


def _announce(made: Despatch, topic: str) -> None:
    account = made.order.account
    if account.subscriptions.by_id:
        account.world.announce(account, topic, made.raw())


def _commit(made: Despatch) -> None:
    made.document["version"] += 1
    made.order.account.despatches.touch(made)
    _announce(made, "despatch.updated")


def set_tracking(made: Despatch, numbers: Mapping[str, str | None], carrier_code: str | None = None) -> None:
    """Add or change tracking numbers by parcel id; the despatch gets a higher version.

    Raises Impossible for a voided despatch or an unknown parcel.
    """
    if made.document["voidedAt"]:
        raise Impossible(f"despatch {made.key} is voided")
    parcels = {parcel["parcelId"]: parcel for parcel in made.document["parcels"]}
    unknown = set(numbers) - set(parcels)
    if unknown or not numbers:
        raise Impossible(f"despatch {made.key} has no parcel {', '.join(sorted(unknown)) or '(none named)'}")
    if carrier_code:
        made.document["carrier"] = {
            "code": carrier_code,
            "name": CARRIER_NAMES.get(carrier_code, carrier_code),
        }
    for parcel_id, number in numbers.items():
        parcels[parcel_id]["trackingNumber"] = number
        parcels[parcel_id]["trackingUrl"] = tracking_url(made.document["carrier"]["code"], number)
    made.order.account.world.journal.fact(
        "tracking_set", **identity(made.order), despatchId=made.key, parcels=sorted(numbers)
    )
    _commit(made)


def void(made: Despatch) -> None:
    """Undo a despatch before collection: the units are back in the building, and the order steps back.

    Raises Impossible if it is voided already or if goods of the order have come back.
    """
    order = made.order
    if made.document["voidedAt"]:
        raise Impossible(f"despatch {made.key} is voided already")
    reference = order.document["clientReference"]
    if any(one.document["receipts"] for one in order.account.returns_by_reference.get(reference, ())):
        raise Impossible(f"goods of order {order.key} have come back, so its despatch was collected")
    stock = order.account.stock
    for sent in made.document["lines"]:
        line, units = order.line(sent["lineNumber"]), sent["quantity"]
        if line is None:
            continue
        row = stock.ensure(line["sku"], order.document["warehouseCode"])
        stock.move(row, physical=units, reserved=units, picked=units)
        order.picked[line["lineNumber"]] = order.picked.get(line["lineNumber"], 0) + units
        line["quantityAllocated"] += units
        line["quantityDespatched"] -= units
    made.document["voidedAt"] = order.account.world.now_text()
    made.document["isFinal"] = False
    for summary in order.document["despatches"]:
        if summary["despatchId"] == made.key:
            summary |= {"voidedAt": made.document["voidedAt"], "isFinal": False}
    order.account.world.journal.fact("despatch_voided", **identity(order), despatchId=made.key)
    _commit(made)
    others = any(not one.document["voidedAt"] for one in order.despatches)
    after = "PARTIALLY_DESPATCHED" if others else "PACKED"
    change(order, after)
    stock.settle()
