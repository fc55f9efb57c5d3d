"""Packages of an order: a forecast by supplier at first, re-cut to the real parcels as shipments come in."""

from __future__ import annotations

from datetime import timedelta

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.scayle.answers import Json
from syncbridge.sandbox.scayle.organisation import Organisation
from syncbridge.sandbox.scayle.state import OrderRecord, Unit

FORECAST_DAYS = (2, 3)
"""Earliest and latest delivery that a forecast promises (guessed)."""

DELIVERY_STATUS = {
    "CREATED": "open",
    "PENDED": "open",
    "CONFIRMED": "delegation_pending",
    "DELEGATED": "shipment_pending",
}
"""`deliveryStatus` of packages that have not left, by the order's state."""


def forecast(order: OrderRecord, organisation: Organisation, clock: SandboxClock) -> None:
    """Cut one package for each merchant and warehouse, unless the order brought packages of its own."""
    if order.document.get("packages"):
        for unit in order.units.values():
            order.package_load[unit.document.get("packageId") or 0] += 1
        order.last_package = max(package["id"] for package in order.document["packages"])
        return
    today = clock.now().date()
    earliest, latest = (today + timedelta(days=days) for days in FORECAST_DAYS)
    country = order.shop_country[1]
    numbers: dict[tuple[str, str | None], int] = {}
    packages: list[Json] = []
    for unit in order.units.values():
        group = (unit.merchant, unit.warehouse)
        if group not in numbers:
            numbers[group] = len(numbers) + 1
            packages.append(
                {
                    "id": numbers[group],
                    "carrierKey": organisation.carrier_for(unit.merchant, country),
                    "deliveryStatus": DELIVERY_STATUS.get(order.state, "open"),
                    "deliveryDate": {"minimum": earliest.isoformat(), "maximum": latest.isoformat()},
                }
            )
        unit.document["packageId"] = numbers[group]
        order.package_load[numbers[group]] += 1
    order.document["packages"] = packages
    order.last_package = len(packages)


def follow_state(order: OrderRecord) -> None:
    """Show the order's progress on the packages that have not left."""
    status = DELIVERY_STATUS.get(order.state)
    for package in order.document["packages"]:
        if status is not None and package.get("deliveryStatus") in DELIVERY_STATUS.values():
            package["deliveryStatus"] = status


def ship(order: OrderRecord, units: list[Unit], shipment: Json, tracking_url: str | None) -> Json:
    """Move shipped units into a parcel of their own and return it; an emptied forecast vanishes."""
    packages: list[Json] = order.document["packages"]
    parcel: Json = {
        "id": order.last_package + 1,
        "carrierKey": shipment["carrier"],
        "shipmentKey": shipment["shipmentKey"],
        "returnIdentCode": shipment["returnIdentCode"],
        "deliveryStatus": "shipment_completed",
        "deliveryDate": _dates_of(packages, units[0].document.get("packageId")),
        "shippedAt": shipment["deliveryDate"],
        "tracking": {"id": shipment["shipmentKey"], "url": tracking_url},
    }
    order.last_package = parcel["id"]
    emptied = _unload(order, units)
    for unit in units:
        unit.document["packageId"] = parcel["id"]
    order.package_load[parcel["id"]] += len(units)
    if emptied:
        packages[:] = [package for package in packages if package["id"] not in emptied]
    packages.append(parcel)
    return parcel


def cancel(order: OrderRecord, units: list[Unit]) -> None:
    """Mark forecasts from which everything was cancelled."""
    emptied = _unload(order, units)
    for package in order.document["packages"]:
        if package["id"] in emptied:
            package["deliveryStatus"] = "cancellation_completed"


def _unload(order: OrderRecord, units: list[Unit]) -> set[int]:
    emptied = set()
    for unit in units:
        number = unit.document.get("packageId") or 0
        order.package_load[number] -= 1
        if order.package_load[number] <= 0:
            emptied.add(number)
    return emptied


def _dates_of(packages: list[Json], number: int | None) -> Json | None:
    return next((package.get("deliveryDate") for package in packages if package["id"] == number), None)


def tracking_url(template: str | None, shipment_key: str) -> str | None:
    """Fill a carrier's tracking URL; the names of SCAYLE's placeholders are unknown, so any `{...}` is taken."""
    if not template:
        return None
    head, brace, rest = template.partition("{")
    if not brace:
        return f"{template}{shipment_key}"
    return f"{head}{shipment_key}{rest.partition('}')[2].removeprefix('}')}"
