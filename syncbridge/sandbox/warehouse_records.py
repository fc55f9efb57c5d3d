"""A back end's own records, in the form in which the judge reads them: who holds, sent and received what."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from syncbridge.sandbox.request_records import RequestEntry, read_requests

REFERENCE = re.compile(r"^SCY[A-Z]*-[A-Za-z0-9]+-(\d+)(?:-(?:\d+|R\d+))?$")
"""The usual reference template, `SCY-{shop}-{order_id}`, with the suffix of a later delegation.

A second back end's begins with letters of its own after `SCY`, since references are unique over all back ends.
"""

WAREHOUSE_SECTIONS = "orders,despatches,stock,returns,facts,faultsInjected"
"""The sections of a stand-in's state that `read_warehouse` needs."""


@dataclass(frozen=True)
class WarehouseLine:
    """One line of a back end's order, in units."""

    sku: str
    ordered: int
    despatched: int = 0
    cancelled: int = 0
    allocated: int = 0


@dataclass(frozen=True)
class WarehouseOrder:
    """One order as its back end holds it; `total_minor` includes tax and fees."""

    backend_id: str
    reference: str
    status: str
    lines: tuple[WarehouseLine, ...]
    total_minor: int | None = None

    @property
    def is_live(self) -> bool:
        """Whether goods can still leave, or have left, under it."""
        return self.status != "CANCELLED"

    @property
    def order_id(self) -> int | None:
        """The SCAYLE order that its reference names, or None."""
        match = REFERENCE.match(self.reference)
        return int(match.group(1)) if match else None

    def units(self) -> Counter[str]:
        """Units ordered, by SKU."""
        counts: Counter[str] = Counter()
        for line in self.lines:
            counts[line.sku] += line.ordered
        return counts


@dataclass(frozen=True)
class Parcel:
    """One parcel of a despatch: what was in it, and under which number it went."""

    tracking: str | None
    number: int
    units: Mapping[str, int]


@dataclass(frozen=True)
class Despatch:
    """One despatch of a back end, voided or not."""

    despatch_id: str
    despatch_number: str
    reference: str
    voided: bool
    parcels: tuple[Parcel, ...]


@dataclass(frozen=True)
class WarehouseStockRow:
    """What a back end has of one SKU in one warehouse and has promised to nobody."""

    sku: str
    available_for_sale: int


@dataclass(frozen=True)
class Received:
    """Goods that came back; `reference` is empty where the back end does not know of which order."""

    reference: str
    sku: str
    units: int


@dataclass(frozen=True)
class WarehouseRecord:
    """What a back end knows. `parcels_renamed`: parcels get other names, and other goods, once their numbers come."""

    orders: tuple[WarehouseOrder, ...]
    despatches: tuple[Despatch, ...] = ()
    stock: tuple[WarehouseStockRow, ...] = ()
    facts: tuple[Mapping[str, Any], ...] = ()
    requests: tuple[RequestEntry, ...] = ()
    faults_injected: Mapping[str, int] = field(default_factory=dict)
    name: str = "Scend"
    parcels_renamed: bool = False
    received: tuple[Received, ...] = ()

    @cached_property
    def by_shop_order(self) -> Mapping[int, tuple[WarehouseOrder, ...]]:
        """Orders by the SCAYLE order that they name."""
        grouped: defaultdict[int, list[WarehouseOrder]] = defaultdict(list)
        for order in self.orders:
            if order.order_id is not None:
                grouped[order.order_id].append(order)
        return {order_id: tuple(orders) for order_id, orders in grouped.items()}


def read_erp(
    dump: Mapping[str, Any], requests: Sequence[Mapping[str, Any]] = (), *, locations: Collection[str] = ("3",)
) -> WarehouseRecord:
    """Read the OrderWise stand-in's state and, if given, its journal; only stock of these locations is for sale."""
    stock = [row for row in dump["stock"] if row["warehouseCode"] in locations]
    record = read_warehouse({**dump, "stock": stock}, requests)
    totals = {str(row["orderId"]): row["content"].get("orderHeader", {}).get("orderGross") for row in dump["orders"]}
    return replace(
        record,
        name="OrderWise",
        parcels_renamed=True,
        orders=tuple(replace(one, total_minor=_minor(totals[one.backend_id])) for one in record.orders),
    )


def _minor(amount: object) -> int | None:
    """Return pence of an amount in pounds; None for no amount."""
    return None if amount is None else int((Decimal(str(amount)) * 100).to_integral_value())


def read_warehouse(dump: Mapping[str, Any], requests: Sequence[Mapping[str, Any]] = ()) -> WarehouseRecord:
    """Read the Scend stand-in's state (`GET /_sandbox/state`) and, if given, its journal."""
    return WarehouseRecord(
        orders=tuple(
            WarehouseOrder(
                backend_id=str(row["orderId"]),
                reference=str(row["clientReference"]),
                status=str(row["status"]),
                lines=tuple(
                    WarehouseLine(
                        sku=str(line["sku"]),
                        ordered=int(line["quantityOrdered"]),
                        despatched=int(line["quantityDespatched"]),
                        cancelled=int(line["quantityCancelled"]),
                        allocated=int(line["quantityAllocated"]),
                    )
                    for line in row["lines"]
                ),
                total_minor=_minor((row.get("totals") or {}).get("grandTotal")),
            )
            for row in dump["orders"]
        ),
        despatches=tuple(
            Despatch(
                despatch_id=str(row["despatchId"]),
                despatch_number=str(row["despatchNumber"]),
                reference=str(row["clientReference"]),
                voided=row["voidedAt"] is not None,
                parcels=tuple(_parcel(parcel) for parcel in row["parcels"]),
            )
            for row in dump["despatches"]
        ),
        stock=tuple(
            WarehouseStockRow(str(row["sku"]), int(row["availableForSale"])) for row in dump["stock"]
        ),
        received=tuple(
            Received(str(row.get("clientReference") or ""), str(line["sku"]), int(line["quantity"]))
            for row in dump.get("returns", ())
            for receipt in row["receipts"]
            # Scend's receipts have lines; OrderWise's are one line each.
            for line in receipt.get("lines", (receipt,))
        ),
        facts=tuple(dump["facts"]),
        requests=read_requests(requests),
        faults_injected=dict(dump["faultsInjected"]),
    )


def _parcel(row: Mapping[str, Any]) -> Parcel:
    units: Counter[str] = Counter()
    for line in row["lines"]:
        units[str(line["sku"])] += int(line["quantity"])
    return Parcel(row["trackingNumber"], int(row["parcelNumber"]), units)
