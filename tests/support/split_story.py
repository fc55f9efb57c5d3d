"""Orders whose units belong to two merchants, told from the records of all three sandboxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flow_world import World, erp_line, line, world
from order_story import BOOT, JACKET, TEE, in_scend, stock

from syncbridge.flows import (
    cancellation_push,
    despatch_pull,
    escalate,
    order_push,
    reread,
    shipment_push,
    status_pull,
)


@contextmanager
def both_worlds(folder: Path, settings: str = "") -> Iterator[World]:
    """A world with both back ends, with full shelves in both."""
    with world(f"sqlite:///{folder / 'ledger.sqlite3'}", folder, both=True, settings=settings) as made:
        stock(made)
        erp_stock(made)
        yield made


def erp_stock(one: World) -> None:
    """Fill OrderWise's shelves, and let its job recalculate at every change."""
    one.put(one.orderwise, "settings", {"recalculationSeconds": 0})
    levels = [{"variantCode": sku, "stockLocationId": 3, "physical": 100_000} for sku in (TEE, JACKET, BOOT)]
    one.post(one.orderwise, "seed", {"stock": levels})


def erp_reference(order_id: int) -> str:
    return f"SCYOW-NB-{order_id}"


def in_erp(one: World, order_id: int) -> list[Any]:
    """Return every order that OrderWise holds for this order, cancelled ones too."""
    held = one.state(one.orderwise, "orders")["orders"]
    return [row for row in held if row["clientReference"] == erp_reference(order_id)]


def erp(one: World, order_id: int, verb: str, body: Any = None) -> Any:
    """Act as OrderWise's people on the order."""
    return one.post(one.orderwise, f"orders/by-reference/{erp_reference(order_id)}/{verb}", body or {})


def erp_leaves(one: World, order_id: int, *numbers: str, **more: Any) -> Any:
    """Have everything leave OrderWise's warehouse under these consignment numbers (none: without tracking)."""
    return erp(one, order_id, "despatch", {"consignments": list(numbers), "force": True, **more})


def scend_leaves(one: World, order_id: int) -> None:
    (held,) = in_scend(one, order_id)
    reference = held["clientReference"]
    one.warehouse(reference, "advance", {"to": "PACKED"})
    lines = [{"lineNumber": row["lineNumber"], "quantity": row["quantityOrdered"]} for row in held["lines"]]
    parcels = [{"lines": lines, "trackingNumber": f"RM{order_id}GB"}]
    one.warehouse(reference, "despatch", {"carrierCode": "ROYAL_MAIL", "parcels": parcels})


def split(one: World, scend: int = 2, orderwise: int = 2, **more: Any) -> int:
    """Have a shopper buy from both merchants; return the order's id once both delegations were taken in."""
    order_id = one.place(line(TEE, scend), erp_line(JACKET, orderwise), **more)
    return both_delegated(one, order_id)


def both_delegated(one: World, order_id: int, merchants: int = 2) -> int:
    from flow_world import wait_until

    def acknowledged() -> bool:
        calls = one.state(one.scayle, "delegationCalls")["delegationCalls"]
        return len({call["merchant"] for call in calls if call["orderId"] == order_id and call["status"] == 201}) == merchants

    wait_until(acknowledged)
    return order_id


def by_merchant(one: World, order_id: int) -> dict[str, Counter[str]]:
    """Count an order's units by merchant and SCAYLE's status."""
    counts: dict[str, Counter[str]] = {}
    for unit in one.units(order_id):
        counts.setdefault(unit["merchant"], Counter())[unit["status"]] += 1
    return counts


def live(one: World, order_id: int) -> tuple[int, int]:
    """Count the live orders in Scend and in OrderWise."""
    return (
        sum(held["status"] != "CANCELLED" for held in in_scend(one, order_id)),
        sum(held["status"] != "CANCELLED" for held in in_erp(one, order_id)),
    )


def go_round(one: World, rounds: int = 1, **step: float) -> None:
    """Run every flow as the scheduler would, whatever a vendor raises, while the clocks move on."""
    for _ in range(rounds):
        for flow in (order_push, status_pull, despatch_pull, cancellation_push, shipment_push, reread, escalate):
            try:
                flow.run(one.context)
            except Exception:  # the scheduler goes on after a failure too
                continue
        one.advance(**(step or {"seconds": 30}))


def down(one: World, url: str) -> None:
    """Let a vendor answer nothing but 503."""
    for method in ("GET", "POST"):
        one.post(url, "faults", {"match": {"method": method, "pathRegex": ".*"}, "fault": "http", "status": 503, "times": None})
