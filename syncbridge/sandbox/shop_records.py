"""SCAYLE's own records, in the form in which the judge reads them: who bought what, and what became of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from syncbridge.sandbox.request_records import RequestEntry, read_requests

SHOP_SECTIONS = "orders,units,shipments,delegations,delegationCalls,stock,facts,faultsInjected"
"""The sections of the stand-in's state that `read_shop` needs."""

SHIPPED = frozenset({"delivered", "shipped"})
CANCELLED_BY_SHOP = frozenset({"cancelled", "unavailable"})
CANCELLED_BY_MERCHANT = frozenset({"undeliverable"})
RETURNED = frozenset({"returned"})
OPEN = frozenset({"available", "deliverable", "created", "pended", "confirmed", "delegated"})


@dataclass(frozen=True)
class ShopUnit:
    """One unit as SCAYLE has it, with how often each final thing was done to it; `paid` in minor units, if known."""

    order_id: int
    item_id: int
    sku: str
    merchant: str
    status: str
    shipments: tuple[str, ...] = ()
    captures: int = 0
    returns: int = 0
    refunds: int = 0
    cancellations: int = 0
    paid: int | None = None


@dataclass(frozen=True)
class DelegationCall:
    """One attempt of SCAYLE to delegate: the answer's status (None: no answer), its body and how long it took."""

    order_id: int
    merchant: str
    item_ids: tuple[int, ...]
    status: int | None
    body: Any
    milliseconds: float | None
    number: int = 1
    at: str = ""


@dataclass(frozen=True)
class ShopShipment:
    """One shipment that SCAYLE was told of."""

    key: str
    order_id: int
    item_ids: tuple[int, ...]


@dataclass(frozen=True)
class ShopStockRow:
    """One SKU on sale: `sellable` is the quantity less live blocks; `published` is false before anybody wrote it."""

    sku: str
    warehouse: str
    merchant: str
    sellable: int
    published: bool = True


@dataclass(frozen=True)
class ShopRecord:
    """What SCAYLE knows. `states` is the order's state by order id; `names` its public key (the invoice number).

    `totals` is what the shopper owed for an order when it was placed, fees and tax included, in minor units.
    """

    units: tuple[ShopUnit, ...]
    states: Mapping[int, str]
    names: Mapping[int, str]
    calls: tuple[DelegationCall, ...] = ()
    shipments: tuple[ShopShipment, ...] = ()
    stock: tuple[ShopStockRow, ...] = ()
    facts: tuple[Mapping[str, Any], ...] = ()
    requests: tuple[RequestEntry, ...] = ()
    faults_injected: Mapping[str, int] = field(default_factory=dict)
    totals: Mapping[int, int] = field(default_factory=dict)

    def of(self, merchant: str) -> ShopRecord:
        """Return what concerns one merchant: its units, shipments, delegations and stock; facts and requests stay."""
        units = tuple(unit for unit in self.units if unit.merchant == merchant)
        items = {unit.item_id for unit in units}
        return replace(
            self,
            units=units,
            calls=tuple(call for call in self.calls if call.merchant == merchant),
            shipments=tuple(one for one in self.shipments if not items.isdisjoint(one.item_ids)),
            stock=tuple(row for row in self.stock if row.merchant == merchant),
        )

    @cached_property
    def by_order(self) -> Mapping[int, tuple[ShopUnit, ...]]:
        """Units by order id."""
        grouped: defaultdict[int, list[ShopUnit]] = defaultdict(list)
        for unit in self.units:
            grouped[unit.order_id].append(unit)
        return {order_id: tuple(units) for order_id, units in grouped.items()}

    @cached_property
    def by_item(self) -> Mapping[int, ShopUnit]:
        """Units by order item id."""
        return {unit.item_id: unit for unit in self.units}


def read_units(rows: Sequence[Mapping[str, Any]]) -> tuple[ShopUnit, ...]:
    """Read the units of the SCAYLE stand-in's state."""
    return tuple(
        ShopUnit(
            order_id=int(row["orderId"]),
            item_id=int(row["itemId"]),
            sku=str(row["sku"] if row["sku"] is not None else ""),
            merchant=str(row["merchant"]),
            status=str(row["status"]),
            shipments=tuple(row["shipments"]),
            captures=int(row["captures"]),
            returns=int(row["returns"]),
            refunds=int(row["refunds"]),
            cancellations=int(row["cancellations"]),
            paid=int(row["paid"]) if row.get("paid") is not None else None,
        )
        for row in rows
    )


def read_shop(dump: Mapping[str, Any], requests: Sequence[Mapping[str, Any]] = ()) -> ShopRecord:
    """Read the SCAYLE stand-in's state (`GET /_sandbox/state`) and, if given, its journal."""
    items_of = {int(row["id"]): tuple(int(number) for number in row["items"]) for row in dump["delegations"]}
    return ShopRecord(
        units=read_units(dump["units"]),
        states={int(row["id"]): str(row["_state"]) for row in dump["orders"]},
        names={int(row["id"]): str(row.get("publicKey") or "") for row in dump["orders"]},
        calls=tuple(
            DelegationCall(
                order_id=int(row["orderId"]),
                merchant=str(row["merchant"]),
                item_ids=items_of.get(int(row["delegationId"]), ()),
                status=row["status"],
                body=row["answer"],
                milliseconds=row["latencyMilliseconds"],
                number=int(row["n"]),
                at=str(row["at"]),
            )
            for row in dump["delegationCalls"]
        ),
        shipments=tuple(
            ShopShipment(
                key=str(row["shipmentKey"]),
                order_id=int(row["orderId"]),
                item_ids=tuple(int(item["orderItemId"]) for item in row["items"]),
            )
            for row in dump["shipments"]
        ),
        stock=tuple(
            ShopStockRow(
                sku=str(row["sku"]),
                warehouse=str(row["warehouseReferenceKey"]),
                merchant=str(row["merchantReferenceKey"]),
                sellable=int(row["sellable"]),
                published=row["changedAt"] is not None,
            )
            for row in dump["stock"]
        ),
        facts=tuple(dump["facts"]),
        requests=read_requests(requests),
        faults_injected=dict(dump["faultsInjected"]),
        totals={int(row["id"]): int(row["cost"]["withTax"]) for row in dump["orders"] if row.get("cost")},
    )
