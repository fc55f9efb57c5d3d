"""The vendors' own records, in the form in which the judge reads them: who sold what, and who holds what."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

REFERENCE = re.compile(r"^SCY[A-Z]*-[A-Za-z0-9]+-(\d+)(?:-(?:\d+|R\d+))?$")
"""The usual reference template, `SCY-{shop}-{order_id}`, with the suffix of a later delegation.

A second back end's begins with letters of its own after `SCY`, since references are unique over all back ends.
"""

SHOP_SECTIONS = "orders,units,shipments,delegations,delegationCalls,stock,facts,faultsInjected"
WAREHOUSE_SECTIONS = "orders,despatches,stock,returns,facts,faultsInjected"
"""The sections of the stand-ins' state that `read_shop` and `read_warehouse` need."""

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
class RequestEntry:
    """One request to a vendor, without its body. `status` None: the connection was dropped."""

    number: int
    at: str
    method: str
    path: str
    query: str
    status: int | None
    fault: str | None
    scope: str


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


@dataclass(frozen=True)
class OpenException:
    """One open exception as `syncbridge exceptions list --json` shows it."""

    number: str
    kind: str
    subject: str
    order_id: int | None
    owner: str
    cause: str
    due: str
    faults: frozenset[str]
    text: str

    def names_order(self, order_id: int) -> bool:
        """Say whether the exception is about this order, by its number standing alone in subject or evidence."""
        return self.order_id == order_id or (
            self.order_id is None and re.search(rf"(?<!\d){order_id}(?!\d)", self.text) is not None
        )


def read_exceptions(document: Any) -> tuple[OpenException, ...]:
    """Read the list of exceptions, leaving out the resolved ones."""
    rows: list[Any] = document.get("exceptions") or [] if isinstance(document, dict) else document
    found = []
    for row in rows:
        if str(row.get("state", "open")) == "resolved":
            continue
        evidence = row.get("evidence")
        order_id = row.get("order_id")
        found.append(
            OpenException(
                number=str(row.get("id", "")),
                kind=str(row.get("kind", "")),
                subject=str(row.get("subject", "")),
                order_id=int(order_id) if order_id is not None else None,
                owner=str(row.get("owner") or ""),
                cause=str(row.get("cause") or ""),
                due=str(row.get("due_at") or row.get("due") or ""),
                faults=_fault_codes(evidence),
                text=f"{row.get('subject', '')} {row.get('cause', '')} {evidence}",
            )
        )
    return tuple(found)


def _fault_codes(evidence: Any) -> frozenset[str]:
    faults = evidence.get("faults") if isinstance(evidence, dict) else None
    return frozenset(
        str(fault.get("code"))
        for fault in (faults if isinstance(faults, list) else [])
        if isinstance(fault, dict)
    )


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


def read_requests(rows: Sequence[Mapping[str, Any]]) -> tuple[RequestEntry, ...]:
    """Read journal rows."""
    return tuple(
        RequestEntry(
            number=int(row["n"]),
            at=str(row.get("at", "")),
            method=str(row.get("method", "")),
            path=str(row.get("path", "")),
            query=str(row.get("query") or ""),
            status=row.get("status"),
            fault=row.get("fault"),
            scope=str(row.get("scope") or "all"),
        )
        for row in rows
    )
