"""I8: the shop's total is the back ends' total, to the penny, or somebody was told of the difference."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from syncbridge.sandbox.exception_records import OpenException
from syncbridge.sandbox.score import Score, Violation, score
from syncbridge.sandbox.shop_records import CANCELLED_BY_SHOP, ShopRecord
from syncbridge.sandbox.warehouse_records import WarehouseOrder, WarehouseRecord


def penny_gate(
    shop: ShopRecord, warehouses: Mapping[str, WarehouseRecord], exceptions: Sequence[OpenException]
) -> Score:
    """Compare what the shopper owes for each order with what its back ends book for it, all parts together.

    Looked at are the orders of which every unit is on a live order: those that are not are the concern of I1. Units that
    the shop cancelled before anything was sent are in its total and in nobody else's, so such orders are left out.
    """
    violations = []
    counted = 0
    for order_id, units in shop.by_order.items():
        owed = shop.totals.get(order_id)
        if owed is None or any(unit.status in CANCELLED_BY_SHOP for unit in units):
            continue
        booked = 0
        missing = Counter((unit.merchant, unit.sku) for unit in units)
        unknown = False
        for merchant, warehouse in warehouses.items():
            for order in _counting(warehouse.by_shop_order.get(order_id, ())):
                if order.total_minor is None:
                    unknown = True
                    continue
                booked += order.total_minor
                missing.subtract({(merchant, sku): count for sku, count in order.units().items()})
        if unknown or any(count > 0 for count in missing.values()):
            continue
        counted += 1
        if booked != owed and not any(one.names_order(order_id) for one in exceptions):
            name = shop.names.get(order_id) or str(order_id)
            text = f"the shop says {owed} pence, the back ends {booked}"
            violations.append(Violation(f"order {order_id} ({name})", text))
    return score("I8", "Penny gate", counted, violations)


def _counting(orders: Sequence[WarehouseOrder]) -> list[WarehouseOrder]:
    """Return one order a reference: the live one, else the first; the others are copies that were cancelled."""
    chosen: dict[str, WarehouseOrder] = {}
    for order in orders:
        known = chosen.get(order.reference)
        if known is None or (order.is_live and not known.is_live):
            chosen[order.reference] = order
    return list(chosen.values())
