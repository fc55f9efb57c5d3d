"""The oracle: everything this SCAYLE knows, section by section."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from syncbridge.sandbox.scayle.answers import Json
from syncbridge.sandbox.scayle.state import OrderRecord
from syncbridge.sandbox.scayle.world import World


def _order(record: OrderRecord) -> Json:
    return {
        **record.document,
        "legacyCustomData": record.custom_data,
        "_state": record.state,
        "_referenceKeys": record.reference_keys,
        "_openUnits": record.open_units,
        "_captured": record.captured,
        "_refunded": record.refunded,
        "_invoices": record.invoices,
        "_forceClosed": record.force_closed.isoformat() if record.force_closed else None,
    }


SECTIONS: dict[str, Callable[[World], Iterable[Json]]] = {
    "orders": lambda world: (_order(record) for record in world.store.orders.values()),
    "units": lambda world: (unit.row() for unit in world.store.units.values()),
    "shipments": lambda world: world.store.shipments.values(),
    "cancellations": lambda world: world.store.cancellations,
    "cancellationRequests": lambda world: (one.row() for one in world.cancellations.requests.values()),
    "returns": lambda world: world.store.returns,
    "captures": lambda world: world.store.captures,
    "refunds": lambda world: world.store.refunds,
    "stock": lambda world: world.stock.rows(),
    "blocks": lambda world: world.stock.block_rows(),
    "webhooks": lambda world: (one.row() for one in world.webhooks.deliveries),
    "delegations": lambda world: world.delegations.all(),
    "delegationCalls": lambda world: world.delegations.calls,
    "facts": lambda world: world.journal.facts,
}
"""Sections that are lists; `journal` and `faultsInjected` are counters."""


def state(
    world: World, names: list[str] | None, offset: int, limit: int | None, order_id: int | None
) -> Json:
    """Return sections as lists, cut by `offset` and `limit` and limited to one order; raises KeyError.

    Shipments give their items as `{itemId: returnKey}` turned into a list, since JSON keys are strings.
    """
    out: Json = {}
    for name in names or [*SECTIONS, "journal", "faultsInjected"]:
        if name == "journal":
            out[name] = world.journal.counters()
        elif name == "faultsInjected":
            out[name] = dict(world.faults.injected)
        else:
            if name == "units" and order_id is not None:
                # By far the longest list: the other orders' units are not written out to be dropped.
                found = world.store.orders.get(order_id)
                rows = [] if found is None else [unit.row() for unit in found.units.values()]
            else:
                rows = list(SECTIONS[name](world))
                if order_id is not None:
                    rows = [row for row in rows if _order_of(name, row) == order_id]
            stop = None if limit is None else offset + limit
            out[name] = [_plain(name, row) for row in rows[offset:stop]]
    return out


def _order_of(section: str, row: Json) -> Any:
    return row.get("id") if section == "orders" else row.get("orderId")


def _plain(section: str, row: Json) -> Json:
    if section != "shipments":
        return row
    items = [{"orderItemId": number, "returnKey": key} for number, key in row["items"].items()]
    return {**row, "items": items}


def summary(world: World) -> Json:
    """Count everything that matters for live progress, without going through the orders."""
    return {
        "now": world.clock.now().isoformat(),
        **world.store.summary(),
        **world.delegations.summary(),
        "cancellationRequests": len(world.cancellations.requests),
        "stockWrites": {"applied": world.stock.applied_writes, "ignored": world.stock.ignored_writes},
        "webhooks": world.webhooks.summary(),
        "rateLimited": dict(world.rate_limiter.refused),
        "faultsInjected": dict(world.faults.injected),
        "requests": world.journal.total,
        "requestsByStatus": dict(world.journal.by_status),
        "facts": len(world.journal.facts),
        "scheduled": world.scheduler.pending,
        "busy": world.scheduler.busy,
        "sandboxFailures": world.scheduler.failures[:20],
    }
