"""What a test asks of a world, order by order: the sandboxes' own records first, our exceptions second."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import requests
from flow_world import Bell, World, world
from sqlalchemy import select

from syncbridge.flows import cancellation_push, despatch_pull, intake, order_push, shipment_push, status_pull
from syncbridge.ledger.tables import (
    exceptions,
    fulfilment_orders,
    history,
    inbox,
    order_units,
    transmissions,
)
from syncbridge.ports.shop import UnitCancellation

TEE, JACKET, BOOT = "TEE-ORG-BLK-M", "JKT-RAIN-NVY-L", "BOOT-HIKE-BRN-42"
# Ids that the sandbox never gives out, for delegations written by hand.
_ids = count(900_000_001)


@contextmanager
def sqlite_world(folder: Path) -> Iterator[World]:
    """A world on a SQLite ledger, with shelves that many tests can share."""
    with world(f"sqlite:///{folder / 'ledger.sqlite3'}", folder) as made:
        stock(made)
        yield made


def stock(one: World) -> None:
    """Fill the shelves, so that tests do not take each other's goods."""
    levels = [{"sku": sku, "warehouseCode": "MID1", "physical": 100_000} for sku in (TEE, JACKET, BOOT)]
    one.post(one.scend, "seed", {"stock": levels})


ORDERS = "/shops/nb/countries/GB/orders"
"""Where SCAYLE's orders are read."""


def reference(order_id: int) -> str:
    return f"SCY-NB-{order_id}"


def in_scend(one: World, order_id: int) -> list[Any]:
    """Return every order that the warehouse holds for this order, later delegations included."""
    name = reference(order_id)
    return [
        held
        for held in one.backend_orders()
        if held["clientReference"] in (name, *(f"{name}-{n}" for n in (2, 3)))
    ]


def ordered(held: Any) -> Counter[str]:
    """Return the units by SKU that an order of the warehouse asks for."""
    units: Counter[str] = Counter()
    for line in held["lines"]:
        units[line["sku"]] += line["quantityOrdered"]
    return units


def shipments(one: World, order_id: int) -> list[Any]:
    return [row for row in one.state(one.scayle, "shipments")["shipments"] if row["orderId"] == order_id]


def captures(one: World, order_id: int) -> list[Any]:
    return [row for row in one.state(one.scayle, "captures")["captures"] if row["orderId"] == order_id]


def statuses(one: World, order_id: int) -> Counter[str]:
    """Count an order's units by the status that SCAYLE shows."""
    return Counter(unit["status"] for unit in one.units(order_id))


def push(one: World, order_id: int) -> order_push.Summary:
    return order_push.run(one.context, order_id=order_id)


def pull(one: World) -> None:
    """Read both feeds of the warehouse."""
    status_pull.run(one.context)
    despatch_pull.run(one.context)


def tell(one: World, order_id: int) -> shipment_push.Summary:
    """Tell SCAYLE what left and what never will."""
    cancellation_push.run(one.context, order_id=order_id)
    return shipment_push.run(one.context, order_id=order_id)


def accepted(one: World, *lines: dict[str, Any], **more: Any) -> int:
    """An order that the warehouse holds."""
    order_id = one.delegated(one.place(*lines, **more))
    push(one, order_id)
    assert len(in_scend(one, order_id)) == 1
    return order_id


def calm(one: World) -> None:
    """Forget the faults that are still planned."""
    for url in one.sandboxes:
        requests.delete(f"{url}/_sandbox/faults", timeout=10).raise_for_status()


def injected(one: World, url: str) -> int:
    """Count the faults that a vendor has acted out."""
    return sum(one.state(url, "faultsInjected")["faultsInjected"].values())


def leave(one: World, order_id: int, *goods: tuple[str, int], tracking: str | None = "", **more: Any) -> Any:
    """Have a parcel with these goods leave (without any: everything there is); a fresh tracking number unless given."""
    number = f"RM{next(_ids)}GB" if tracking == "" else tracking
    (held, *_others) = in_scend(one, order_id)
    lines = [{"sku": sku, "quantity": units} for sku, units in goods] or [
        {"lineNumber": row["lineNumber"], "quantity": row["quantityAllocated"]}
        for row in held["lines"]
        if row["quantityAllocated"]
    ]
    body = {"carrierCode": "ROYAL_MAIL", "parcels": [{"lines": lines, "trackingNumber": number}], **more}
    return one.warehouse(reference(order_id), "despatch", body)


def unit_ids(one: World, order_id: int, sku: str | None = None) -> list[int]:
    """Return SCAYLE's ids of an order's units (of one SKU), lowest first."""
    return sorted(unit["itemId"] for unit in one.units(order_id) if sku in (None, unit["sku"]))


def close_in_scayle(one: World, order_id: int, units: Sequence[int]) -> None:
    """Close units in SCAYLE behind our back, as a person in its panel can."""
    shop = one.context.shop
    shop.send_cancellation(
        shop.compose_cancellation(UnitCancellation(order_id, "nb", "GB", "scend", tuple(units)))
    )


def packed(one: World, *lines: dict[str, Any], **more: Any) -> int:
    """An order that waits in the warehouse to be despatched."""
    order_id = accepted(one, *lines, **more)
    one.warehouse(reference(order_id), "advance", {"to": "PACKED"})
    return order_id


def until_settled(one: World, act: Callable[[], Any], rounds: int = 8, **step: float) -> None:
    """Act again and again while the clocks move on: what waits for a look-up or a retry comes through."""
    for _ in range(rounds):
        act()
        one.advance(**(step or {"seconds": 30}))


def rows(one: World, table: Any, order_id: int) -> list[Any]:
    with one.context.ledger.reading() as connection:
        return list(
            connection.execute(
                select(table).where(table.c.order_id == order_id).order_by(table.c[_key(table)])
            )
        )


def _key(table: Any) -> str:
    return "order_item_id" if table is order_units else "id"


def writes(one: World, order_id: int, kind: str = "order") -> list[Any]:
    return [row for row in rows(one, transmissions, order_id) if row.kind == kind]


def parts(one: World, order_id: int) -> list[Any]:
    return rows(one, fulfilment_orders, order_id)


def events(one: World, order_id: int) -> list[str]:
    return [row.event for row in rows(one, history, order_id)]


def open_kinds(one: World, order_id: int) -> Counter[str]:
    """Count an order's open exceptions by kind."""
    return Counter(row.kind for row in rows(one, exceptions, order_id) if row.state != "resolved")


def exceptions_of(one: World, kind: str, subject: str | None = None) -> list[Any]:
    """Return exceptions of a kind, resolved ones too, oldest first."""
    query = select(exceptions).where(exceptions.c.kind == kind).order_by(exceptions.c.id)
    if subject is not None:
        query = query.where(exceptions.c.subject == subject)
    with one.context.ledger.reading() as connection:
        return list(connection.execute(query))


def exception(one: World, order_id: int, kind: str) -> Any:
    """Return the one open exception of a kind of an order."""
    found = [row for row in rows(one, exceptions, order_id) if row.kind == kind and row.state != "resolved"]
    assert len(found) == 1, (kind, [(row.kind, row.state) for row in rows(one, exceptions, order_id)])
    return found[0]


def received(one: World, order_id: int) -> list[Any]:
    return rows(one, inbox, order_id)


def body_of(one: World, order_id: int) -> dict[str, Any]:
    """Return SCAYLE's own delegation call for an order, as it was received."""
    document: dict[str, Any] = json.loads(received(one, order_id)[0].raw)
    return document


def delegate(one: World, document: object, merchant: str = "scend") -> intake.DelegationOutcome:
    """Make a delegation call with this JSON (or these raw bytes)."""
    raw = document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False).encode()
    return intake.receive_delegation(one.context, merchant, raw)


def by_hand(units: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a delegation of an order that SCAYLE's stand-in does not have."""
    return {
        "id": next(_ids),
        "orderId": next(_ids),
        "orderReferenceKey": "NB-GB-BY-HAND",
        "shopKey": "nb",
        "countryCode": "GB",
        "fulfillingMerchantKey": "scend",
        "items": [item() for _ in range(units)],
        **changes,
    }


def item(**changes: Any) -> dict[str, Any]:
    return {
        "orderItemId": next(_ids),
        "merchantProductVariantReferenceKey": TEE,
        "merchantKey": "scend",
        "warehouseReferenceKey": "WH-SCEND-1",
        "currencyCode": "GBP",
        "price": 2200,
        "quantity": 1,
        **changes,
    }


def with_settings(one: World, **changes: Any) -> World:
    """Return the same world with other settings of `[scayle]`; `merchants` replaces the merchants."""
    settings = one.context.configuration
    merchants = changes.pop("merchants", settings.merchants)
    scayle = settings.scayle.model_copy(update=changes)
    configuration = replace(settings, scayle=scayle, merchants=merchants)
    return replace(one, context=replace(one.context, configuration=configuration), bell=Bell())
