"""What the sandbox knows, for judges and for progress displays, in the words of the other stand-in where it means the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any

from aiohttp import web

from syncbridge.sandbox.control_plane import ControlError
from syncbridge.sandbox.orderwise.decimal_json import answer, plain
from syncbridge.sandbox.orderwise.gate import WORLD
from syncbridge.sandbox.orderwise.local_time import local_text
from syncbridge.sandbox.orderwise.orders import ORDINARY, Despatch, Order
from syncbridge.sandbox.orderwise.returns import CustomerReturn
from syncbridge.sandbox.orderwise.stock import Variant
from syncbridge.sandbox.orderwise.variants import shown
from syncbridge.sandbox.orderwise.world import DataSet

VALUES = ("counters", "faultsInjected", "settings", "accounts")


def order_row(data: DataSet, order: Order) -> dict[str, Any]:
    """Show an order: `status` in the shared words, `orderStatus` as the vendor calls it."""
    held = order.type == ORDINARY
    return {
        "account": data.name,
        "orderId": order.id,
        "orderNumber": order.number,
        "clientReference": order.known_as,
        "customerOrderRef": order.reference,
        "eCommerceOrderNumber": order.ecommerce_number,
        "sessionId": order.session,
        "systemOrderType": order.type,
        "customerId": order.customer_id,
        "status": order.word,
        "orderStatusId": order.status,
        "orderStatus": data.order_text(order),
        "subStatus": order.sub_text,
        "createdAt": order.created,
        "lastAmendedAt": local_text(order.amended),
        "duplicateOf": order.duplicate_of,
        "lines": [
            {
                "lineNumber": line.item_number,
                "orderLineId": line.id,
                "sku": line.variant.code.rstrip(" "),
                "variantCode": line.variant.code,
                "clientLineReference": line.ecommerce_item_id,
                "stockLocationId": line.location,
                "quantityOrdered": plain(line.quantity),
                "quantityAllocated": plain(line.open) if held else 0,
                "quantityBackordered": 0,
                "quantityPicking": plain(line.picking),
                "quantityDespatched": plain(line.sent),
                "quantityCancelled": plain(line.cancelled),
                "itemGross": line.item_gross,
                "itemNet": line.item_net,
            }
            for line in order.lines
        ],
        "despatches": [
            {"despatchId": one.id, "ordinal": one.ordinal, "isFinal": one.is_final}
            for one in order.despatches
        ],
        "content": order.content,
    }


def despatch_row(data: DataSet, made: Despatch) -> dict[str, Any]:
    """Show a despatch; every consignment is a parcel, and goods without a number are one parcel without one."""
    packed: list[tuple[str | None, Mapping[Any, Any]]] = [
        (one.number, one.units) for one in made.consignments
    ]
    packed = packed or [(None, made.units)]
    return {
        "account": data.name,
        "despatchId": made.id,
        "despatchNumber": made.number,
        "orderId": made.order.id,
        "clientReference": made.order.known_as,
        "ordinal": made.ordinal,
        "isFinal": made.is_final,
        "despatchedAt": made.instant,
        "lastAmendedAt": local_text(made.amended),
        "voidedAt": None,
        "carrier": {"name": made.courier["name"]},
        "lines": _lines(made.units),
        "parcels": [
            {
                "parcelId": f"{made.id}/{index}",
                "parcelNumber": index,
                "trackingNumber": number,
                "trackingUrl": made.url(number),
                "lines": _lines(units),
            }
            for index, (number, units) in enumerate(packed, 1)
        ],
    }


def _lines(units: Mapping[Any, Any]) -> list[dict[str, Any]]:
    return [
        {
            "lineNumber": line.item_number,
            "orderLineId": line.id,
            "sku": line.variant.code.rstrip(" "),
            "quantity": plain(quantity),
        }
        for line, quantity in units.items()
    ]


def return_row(data: DataSet, made: CustomerReturn) -> dict[str, Any]:
    """Show a return with its receipts."""
    return {
        "account": data.name,
        "returnId": made.id,
        "returnNumber": made.number,
        "rmaNumber": made.reference,
        "orderId": made.order.id if made.order else None,
        "clientReference": made.order.known_as if made.order else None,
        "status": made.status,
        "createdAt": made.created,
        "lines": [
            {
                "returnLineId": line.id,
                "orderLineId": line.line.id,
                "sku": line.line.variant.code.rstrip(" "),
                "quantityExpected": plain(line.quantity),
                "quantityReceived": plain(line.received),
                "reason": line.reason,
                "action": line.action,
            }
            for line in made.lines
        ],
        "receipts": [
            {
                "receiptId": one.id,
                "receivedAt": one.instant,
                "returnLineId": one.return_line.id if one.return_line else None,
                "orderLineId": one.order_line.id if one.order_line else None,
                "sku": one.variant.code.rstrip(" "),
                "quantity": plain(one.quantity),
                "condition": one.condition,
                "action": one.action,
                "stockLocationId": one.location,
            }
            for one in made.receipts
        ],
    }


def stock_shelves(data: DataSet, variant: Variant) -> Iterable[dict[str, Any]]:
    """Show a variant's stock per location: the truth of this moment, and what the job last left."""
    for shelf in variant.shelves.values():
        free = variant.free_now(shelf.location)
        yield {
            "account": data.name,
            "sku": variant.code.rstrip(" "),
            "variantCode": variant.code,
            "stockLocationId": shelf.location,
            "warehouseCode": str(shelf.location),
            "physical": plain(shelf.physical),
            "reserved": plain(shelf.allocated),
            "elsewhere": plain(shelf.elsewhere),
            "availableForSale": max(0, int(free // 1)) if not variant.discontinued else 0,
            "freeNow": plain(free),
            "freeStock": plain(shelf.free),
            "lastCalculatedAt": None if variant.calculated is None else local_text(variant.calculated),
        }


def _products(data: DataSet) -> Iterable[dict[str, Any]]:
    for one in data.variants.values():
        yield {
            "account": data.name,
            "sku": one.code.rstrip(" "),
            "variantCode": one.code,
            **shown(one, with_sales=True),
        }


def _imports(data: DataSet) -> Iterable[dict[str, Any]]:
    for one in data.deferred:
        yield {
            "account": data.name,
            "sessionId": one.session,
            "eCommerceOrderNumber": one.ecommerce_number,
            "submittedAt": one.submitted,
            "state": one.state,
            "orderId": one.order_id,
            "reason": one.reason,
        }


LISTS: dict[str, Callable[[DataSet], Iterable[dict[str, Any]]]] = {
    "orders": lambda data: (order_row(data, one) for one in data.orders.values()),
    "despatches": lambda data: (despatch_row(data, one) for one in data.despatches.values()),
    "stock": lambda data: (row for one in data.variants.values() for row in stock_shelves(data, one)),
    "returns": lambda data: (return_row(data, one) for one in data.returns.values()),
    "products": _products,
    "imports": _imports,
    "batches": lambda data: ({"account": data.name, **one} for one in data.batches.values()),
    "customers": lambda data: ({"account": data.name, **one} for one in data.customers.values()),
    "purchaseOrders": lambda data: ({"account": data.name, **one} for one in data.purchase_orders),
}


async def get_state(request: web.Request) -> web.Response:
    """Dump what is known. `section` (comma list) chooses; `after` and `limit` page the lists; `account` is a data set.

    Facts and requests carry their number `n`, so the next page is `after` = the last `n`; for the other lists it is the
    number of entries seen. Without `account` it is the live data set's lists, with `*` those of all; facts are of all.
    """
    sections = (*LISTS, "facts", "requests", *VALUES)
    wanted = [name for name in request.query.get("section", "").split(",") if name] or list(sections)
    unknown = set(wanted) - set(sections)
    if unknown:
        raise ControlError(400, f"unknown section {', '.join(sorted(unknown))}; known: {', '.join(sections)}")
    try:
        after = int(request.query.get("after", "0"))
        limit = int(request.query["limit"]) if "limit" in request.query else None
    except ValueError as error:
        raise ControlError(400, "after and limit are whole numbers") from error
    return answer({name: _section(request, name, after, limit) for name in wanted})


def _data_sets(request: web.Request) -> list[DataSet]:
    world, name = request.app[WORLD], request.query.get("account")
    if name == "*":
        return list(world.data_sets.values())
    found = world.data_set(name)
    if found is None:
        raise ControlError(404, f"there is no data set {name!r}")
    return [found]


def _section(request: web.Request, name: str, after: int, limit: int | None) -> Any:
    world = request.app[WORLD]
    end = None if limit is None else after + limit
    if name == "facts":
        return world.journal.facts[after:end]
    if name == "requests":
        return list(islice((row for row in world.journal.requests if row["n"] > after), limit))
    if name in LISTS:
        rows = (row for data in _data_sets(request) for row in LISTS[name](data))
        return list(islice(rows, after, end))
    if name == "counters":
        return world.journal.counters()
    if name == "faultsInjected":
        return dict(world.plan.injected)
    if name == "accounts":
        return [
            {"accountCode": one.name, "warehouses": [str(number) for number in one.lists.locations]}
            for one in world.data_sets.values()
        ]
    return exact(world.settings.to_json())


def exact(value: Any) -> Any:
    """Make settings and figures of the control plane writable: fractions of seconds become decimals."""

    if isinstance(value, float):
        return Decimal(str(value))
    if isinstance(value, Mapping):
        return {name: exact(one) for name, one in value.items()}
    return [exact(one) for one in value] if isinstance(value, list | tuple) else value


async def get_summary(request: web.Request) -> web.Response:
    """Count by status: cheap enough to ask every second."""
    world = request.app[WORLD]
    orders: Counter[str] = Counter()
    units: Counter[str] = Counter()
    despatches = parcels = returned = waiting = 0
    for data in _data_sets(request):
        for order in data.orders.values():
            orders[order.word] += 1
            for line in order.lines:
                units["ordered"] += int(line.quantity)
                units["despatched"] += int(line.sent)
                units["cancelled"] += int(line.cancelled)
        despatches += len(data.despatches)
        parcels += sum(max(1, len(one.consignments)) for one in data.despatches.values())
        returned += len(data.returns)
        waiting += sum(one.state == "waiting" for one in data.deferred)
    body = {
        "now": world.now_text(),
        "localNow": local_text(world.wall.now()),
        "orders": {"total": sum(orders.values()), "byStatus": dict(orders), "units": dict(units)},
        "despatches": {"total": despatches, "voided": 0, "parcels": parcels},
        "returns": {"total": returned},
        "waitingForImport": waiting,
        "stockJobWaiting": sum(one.stock.waiting for one in world.data_sets.values()),
        "requests": world.journal.counters(),
        "faultsInjected": dict(world.plan.injected),
        "facts": len(world.journal.facts),
        "scheduled": len(world.scheduler),
        "defects": world.scheduler.errors,
        "autoProgress": world.settings.auto_progress.enabled,
    }
    return answer(body)
