"""What became of how many orders, by the vendors' own records."""

from __future__ import annotations

from collections.abc import Mapping

from syncbridge.sandbox.evidence import Evidence
from syncbridge.sandbox.request_records import RequestEntry
from syncbridge.sandbox.score import Score, Violation
from syncbridge.sandbox.shop_records import OPEN, ShopRecord
from syncbridge.sandbox.unexpected import is_acknowledged
from syncbridge.sandbox.verdict import Counts
from syncbridge.sandbox.warehouse_records import WarehouseRecord


def count_back_end(shop: ShopRecord, warehouse: WarehouseRecord) -> dict[str, int]:
    """Count one back end's side of a run."""
    return {
        "orders": len(warehouse.orders),
        "liveOrders": sum(order.is_live for order in warehouse.orders),
        "units": sum(sum(order.units().values()) for order in warehouse.orders if order.is_live),
        "despatches": len(warehouse.despatches),
        "shipments": len(shop.shipments),
        "skusInStock": len({row.sku for row in warehouse.stock}),
        "requests": len(warehouse.requests),
        "faults": sum(warehouse.faults_injected.values()),
    }


def count_orders(evidence: Evidence, loss: Score, duplicates: Score, surprises: Mapping[int, Violation]) -> Counts:
    """Count the orders of the whole run; `surprises` are those that ended otherwise than foretold."""
    shop = evidence.shop
    orders = set(evidence.expectations) or set(shop.by_order)
    hit = _orders_hit(evidence)
    return Counts(
        attempted=len(orders),
        split=sum(len({unit.merchant for unit in shop.by_order.get(order_id, ())}) > 1 for order_id in orders),
        acknowledged=sum(is_acknowledged(evidence, order_id) for order_id in orders),
        despatched=sum(_is_despatched(shop, order_id) for order_id in orders),
        exceptions=sum(any(one.names_order(order_id) for one in evidence.exceptions) for order_id in orders),
        lost=len({one.subject for one in loss.violations}),
        duplicated=len({one.subject for one in duplicates.violations}),
        unexpected=len(surprises),
        recovered=len((hit & orders) - set(surprises)),
        faults=sum(shop.faults_injected.values())
        + sum(sum(one.faults_injected.values()) for one in evidence.warehouses.values()),
        units=sum(len(shop.by_order.get(order_id, ())) for order_id in orders),
    )


def _is_despatched(shop: ShopRecord, order_id: int) -> bool:
    units = shop.by_order.get(order_id, ())
    return any(unit.shipments for unit in units) and not any(unit.status in OPEN for unit in units)


def _orders_hit(evidence: Evidence) -> set[int]:
    """Find the orders that at least one failure struck: a delegation without 201, or a faulted request about them."""
    hit = {call.order_id for call in evidence.shop.calls if call.status != 201}
    ids = {str(order_id): order_id for order_id in evidence.expectations}
    warehouses = evidence.warehouses.values()
    backend_ids = {
        order.backend_id: order.order_id
        for one in warehouses
        for order in one.orders
        if order.order_id is not None
    }
    for entry in (*evidence.shop.requests, *(entry for one in warehouses for entry in one.requests)):
        if entry.fault is not None or entry.status is None or entry.status >= 500:
            hit |= _orders_in(entry, ids, backend_ids)
    return hit


def _orders_in(entry: RequestEntry, ids: Mapping[str, int], backend_ids: Mapping[str, int]) -> set[int]:
    found = set()
    for piece in (*entry.path.split("/"), *entry.query.replace("=", "-").replace("%2C", "-").split("-")):
        if piece in ids:
            found.add(ids[piece])
        elif piece in backend_ids:
            found.add(backend_ids[piece])
    return found
