"""I1 to I4: what must hold of orders and units, told from the vendors' own records alone."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from syncbridge.sandbox.exception_records import OpenException
from syncbridge.sandbox.score import Score, Violation, score
from syncbridge.sandbox.shop_records import (
    CANCELLED_BY_MERCHANT,
    CANCELLED_BY_SHOP,
    OPEN,
    RETURNED,
    SHIPPED,
    ShopRecord,
    ShopUnit,
)
from syncbridge.sandbox.warehouse_records import WarehouseOrder, WarehouseRecord

CONFIRMED_STATES = frozenset({"CONFIRMED", "DELEGATED", "SHIPPED", "INVOICED"})
"""States of a SCAYLE order from which on it is real (SCAYLE contract 4.4), as the stand-in names them."""


def no_loss(
    shop: ShopRecord, warehouse: WarehouseRecord, exceptions: Sequence[OpenException], merchant: str
) -> Score:
    """I1: every unit delegated and not cancelled is on a live order, or under an exception that names its order."""
    violations = []
    counted = 0
    for order_id in shop.by_order:
        ours = [unit for unit in owed_units(shop, order_id, merchant) if unit.status not in _CANCELLED]
        counted += len(ours)
        if not ours or _named(exceptions, order_id):
            continue
        missing = Counter(unit.sku for unit in ours)
        for order in warehouse.by_shop_order.get(order_id, ()):
            if order.is_live:
                # What the warehouse closed short is held no more: the shop has to be told, or a person.
                for line in order.lines:
                    missing[line.sku] -= line.ordered - line.cancelled
        lost = {sku: count for sku, count in missing.items() if count > 0}
        if lost:
            violations.append(
                Violation(_order(shop, order_id), f"on no live order and under no exception: {_skus(lost)}")
            )
    return score("I1", "No loss", counted, violations)


def lost_orders(result: Score) -> int:
    """How many orders a score of I1 finds short."""
    return len({one.subject for one in result.violations})


def no_duplicate(
    shop: ShopRecord, warehouse: WarehouseRecord, exceptions: Sequence[OpenException] = ()
) -> Score:
    """I2: no unit is on two live orders; each has at most one shipment, capture, return and refund.

    A second order that a vendor made by itself may stand where somebody was told that it is one.
    """
    told = [one for one in exceptions if one.kind == "order_duplicated"]
    named = {order_id for order_id in warehouse.by_shop_order if _named(told, order_id)}
    violations = list(_ordered_twice(shop, warehouse, named))
    for unit in shop.units:
        for what, count in (
            ("shipments", len(unit.shipments)),
            ("captures", unit.captures),
            ("returns", unit.returns),
            ("refunds", unit.refunds),
        ):
            if count > 1:
                violations.append(Violation(_unit(shop, unit), f"{count} {what}"))
    live = (order for order in warehouse.orders if order.is_live and order.order_id not in named)
    for reference, count in Counter(order.reference for order in live).items():
        if count > 1:
            violations.append(
                Violation(f"reference {reference}", f"{count} live orders of {warehouse.name} bear it")
            )
    return score("I2", "No duplicate", len(shop.units), violations)


def _ordered_twice(shop: ShopRecord, warehouse: WarehouseRecord, named: Collection[int]) -> Iterator[Violation]:
    for order_id, orders in warehouse.by_shop_order.items():
        if order_id in named:
            continue
        sold = Counter(unit.sku for unit in shop.by_order.get(order_id, ()))
        surplus = {sku: count - sold[sku] for sku, count in _held(orders).items() if count > sold[sku]}
        if surplus and sold:
            names = ", ".join(order.reference for order in orders if order.is_live)
            yield Violation(
                _order(shop, order_id), f"more units on live orders than sold: {_skus(surplus)} ({names})"
            )


def nothing_from_nowhere(shop: ShopRecord, warehouse: WarehouseRecord, merchant: str) -> Score:
    """I3: every order of a back end, shipment, cancellation and return has a cause in the other vendor's records."""
    violations = []
    for order in warehouse.orders:
        order_id = order.order_id
        sold = Counter(
            unit.sku for unit in shop.by_order.get(order_id or -1, ()) if unit.merchant == merchant
        )
        if order_id is None or not sold:
            violations.append(
                Violation(
                    f"{warehouse.name} order {order.reference}", "no SCAYLE order of this merchant is behind it"
                )
            )
            continue
        strange = {sku: count - sold[sku] for sku, count in order.units().items() if count > sold[sku]}
        if strange:
            violations.append(
                Violation(f"{warehouse.name} order {order.reference}", f"nobody bought {_skus(strange)}")
            )
    violations += _shipments_without_despatch(shop, warehouse, merchant)
    violations += _cancellations_without_cause(shop, warehouse)
    violations += _returns_without_goods(shop, warehouse)
    counted = (
        len(warehouse.orders)
        + len(shop.shipments)
        + sum(1 for unit in shop.units if unit.cancellations)
        + sum(1 for unit in shop.units if unit.returns)
    )
    return score("I3", "Nothing from nowhere", counted, violations)


def _shipments_without_despatch(
    shop: ShopRecord, warehouse: WarehouseRecord, merchant: str
) -> Iterator[Violation]:
    parcels: defaultdict[int, dict[str, Counter[str]]] = defaultdict(dict)
    order_of = {order.reference: order.order_id for order in warehouse.orders}
    for despatch in warehouse.despatches:
        order_id = order_of.get(despatch.reference)
        if order_id is None:
            continue
        for parcel in despatch.parcels:
            # Told before its numbers came, a despatch whose parcels are renamed was one parcel with everything in it.
            nameless = 1 if warehouse.parcels_renamed else parcel.number
            for key in (parcel.tracking, f"{despatch.despatch_number}/{nameless}"):
                if key:
                    content = parcels[order_id].setdefault(key, Counter())
                    content.update(parcel.units)
    told_before = _tracking_numbers_in(warehouse.facts)
    for shipment in shop.shipments:
        shipped = [shop.by_item[number] for number in shipment.item_ids if number in shop.by_item]
        if any(unit.merchant != merchant for unit in shipped):
            continue
        units = Counter(unit.sku for unit in shipped)
        known = parcels.get(shipment.order_id, {})
        held = known.get(shipment.key, known.get(_without_suffix(shipment.key)))
        subject = f"{_order(shop, shipment.order_id)} shipment {shipment.key}"
        if held is None:
            if shipment.key not in told_before and _without_suffix(shipment.key) not in told_before:
                yield Violation(subject, f"{warehouse.name} never sent such a parcel for this order")
            continue
        surplus = {sku: count - held[sku] for sku, count in units.items() if count > held[sku]}
        if surplus:
            yield Violation(subject, f"the parcel did not hold {_skus(surplus)}")


def _cancellations_without_cause(shop: ShopRecord, warehouse: WarehouseRecord) -> Iterator[Violation]:
    for order_id, units in shop.by_order.items():
        cancelled = Counter(unit.sku for unit in units if unit.status in CANCELLED_BY_MERCHANT)
        if not cancelled:
            continue
        given_up: Counter[str] = Counter()
        for order in warehouse.by_shop_order.get(order_id, ()):
            for line in order.lines:
                given_up[line.sku] += line.cancelled if order.is_live else line.ordered
        surplus = {sku: count - given_up[sku] for sku, count in cancelled.items() if count > given_up[sku]}
        if surplus:
            yield Violation(
                _order(shop, order_id), f"cancelled by the merchant, not by the warehouse: {_skus(surplus)}"
            )


def _returns_without_goods(shop: ShopRecord, warehouse: WarehouseRecord) -> Iterator[Violation]:
    """Find returned units whose goods never came back. Goods of an order that nobody knows may be anybody's."""
    order_of = {order.reference: order.order_id for order in warehouse.orders}
    came: defaultdict[int | None, Counter[str]] = defaultdict(Counter)
    for one in warehouse.received:
        came[order_of.get(one.reference)][one.sku] += one.units
    anybodys = came.pop(None, Counter())
    for order_id, units in shop.by_order.items():
        missing = Counter(unit.sku for unit in units if unit.returns) - came[order_id]
        surplus = missing - anybodys
        anybodys -= missing
        if surplus:
            yield Violation(_order(shop, order_id), f"returned, and the goods never came: {_skus(surplus)}")


def units_conserve(
    shop: ShopRecord, warehouse: WarehouseRecord, exceptions: Sequence[OpenException]
) -> Score:
    """I4: every unit is in exactly one state, and both vendors mean the same by it."""
    violations = [
        Violation(_unit(shop, unit), contradiction)
        for unit in shop.units
        if (contradiction := _contradiction(unit)) is not None
    ]
    despatched: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for order in warehouse.orders:
        if order.order_id is not None:
            for line in order.lines:
                despatched[order.order_id][line.sku] += line.despatched
    for order_id, gone in despatched.items():
        told = Counter(unit.sku for unit in shop.by_order.get(order_id, ()) if unit.shipments)
        if told != +gone and not _named(exceptions, order_id):
            short = {sku: gone[sku] - told[sku] for sku in gone | told if gone[sku] > told[sku]}
            over = {sku: told[sku] - gone[sku] for sku in gone | told if told[sku] > gone[sku]}
            text = "; ".join(
                part
                for part in (
                    f"sent by {warehouse.name}, open in SCAYLE: {_skus(short)}" if short else "",
                    f"shipped in SCAYLE, never sent by {warehouse.name}: {_skus(over)}" if over else "",
                )
                if part
            )
            violations.append(Violation(_order(shop, order_id), text))
    return score("I4", "Units conserve", len(shop.units), violations)


def _contradiction(unit: ShopUnit) -> str | None:
    shipped, cancelled = len(unit.shipments), unit.cancellations
    if unit.status in OPEN:
        return "open, and yet shipped or cancelled" if shipped or cancelled else None
    if unit.status in SHIPPED:
        return (
            None
            if shipped and not cancelled
            else f"{unit.status} with {shipped} shipments, {cancelled} cancellations"
        )
    if unit.status in RETURNED:
        return (
            None if shipped and unit.returns else f"returned with {shipped} shipments, {unit.returns} returns"
        )
    if unit.status in CANCELLED_BY_MERCHANT | CANCELLED_BY_SHOP:
        return "cancelled and shipped" if shipped else None
    return f"unknown status {unit.status!r}"


def owed_units(shop: ShopRecord, order_id: int, merchant: str) -> list[ShopUnit]:
    """Return the units that SCAYLE gave away for sure: delegated with a 201, or of an order that it confirmed."""
    units = [unit for unit in shop.by_order.get(order_id, ()) if unit.merchant == merchant]
    if shop.states.get(order_id) in CONFIRMED_STATES:
        return units
    taken = {
        number
        for call in shop.calls
        if call.order_id == order_id and call.status == 201 and call.merchant == merchant
        for number in call.item_ids
    }
    return [unit for unit in units if unit.item_id in taken]


_CANCELLED = CANCELLED_BY_SHOP | CANCELLED_BY_MERCHANT


def _tracking_numbers_in(facts: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    """Collect every tracking number that Scend ever had, since an order shows only the latest."""
    found: set[str] = set()
    stack: list[Any] = list(facts)
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            number = value.get("trackingNumber")
            if isinstance(number, str):
                found.add(number)
            stack.extend(value.values())
        elif isinstance(value, list):
            stack.extend(value)
    return frozenset(found)


def _without_suffix(key: str) -> str:
    """Drop the suffix of a tracking number that was met again later: `1Z9-2` is `1Z9`."""
    return re.sub(r"-\d{1,2}$", "", key)


def _held(orders: Sequence[WarehouseOrder]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for order in orders:
        if order.is_live:
            counts.update(order.units())
    return counts


def _named(exceptions: Sequence[OpenException], order_id: int) -> bool:
    return any(one.names_order(order_id) for one in exceptions)


def _order(shop: ShopRecord, order_id: int) -> str:
    name = shop.names.get(order_id)
    return f"order {order_id} ({name})" if name else f"order {order_id}"


def _unit(shop: ShopRecord, unit: ShopUnit) -> str:
    return f"{_order(shop, unit.order_id)} unit {unit.item_id} ({unit.sku})"


def _skus(counts: Mapping[str, int]) -> str:
    listed = [f"{count} x {sku}" for sku, count in sorted(counts.items())]
    return ", ".join(listed[:8]) + (f" and {len(listed) - 8} more SKUs" if len(listed) > 8 else "")
