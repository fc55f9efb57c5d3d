"""Everything SCAYLE knows about orders, in memory: records, indexes and numbers."""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.scayle.answers import ApiError, Json, encode, stamp

OPEN_STATUSES = frozenset({"available", "deliverable", "created", "pended", "confirmed", "delegated"})
"""Item statuses under which a unit can still be shipped or cancelled."""

NEVER = datetime.min.replace(tzinfo=UTC)
"""The time of what has not happened yet."""


@dataclass(slots=True, eq=False)
class Unit:
    """One order item, which is one unit, with what SCAYLE knows beyond the document."""

    id: int
    order: OrderRecord
    document: Json
    sku: str | None
    variant_id: int | None
    merchant: str
    warehouse: str | None
    part: int = 1
    paid_gross: int = 0
    paid_net: int = 0
    shipments: list[str] = field(default_factory=list)
    returns: int = 0
    captures: int = 0
    refunds: int = 0
    cancellations: int = 0
    force_closed: bool = False
    custom_data: Json | None = None

    @property
    def status(self) -> str:
        """The item status as the API shows it."""
        return str(self.document["status"])

    @property
    def is_open(self) -> bool:
        """Whether the unit still waits for a shipment or a cancellation."""
        return self.status in OPEN_STATUSES

    def row(self) -> Json:
        """Describe the unit flat, for the oracle."""
        return {
            "orderId": self.order.id,
            "itemId": self.id,
            "sku": self.sku,
            "merchant": self.merchant,
            "warehouse": self.warehouse,
            "status": self.status,
            "paid": self.paid_gross,
            "shipments": list(self.shipments),
            "returns": self.returns,
            "captures": self.captures,
            "refunds": self.refunds,
            "cancellations": self.cancellations,
            "forceClosed": self.force_closed,
        }


@dataclass(slots=True, eq=False)
class OrderRecord:
    """One order: its document as the Admin API shows it, and its life behind it."""

    id: int
    document: Json
    state: str
    company_id: int
    units: dict[int, Unit] = field(default_factory=dict)
    open_units: int = 0
    shipped_units: int = 0
    returned_units: int = 0
    created: datetime = NEVER
    updated: datetime = NEVER
    confirmed: datetime | None = None
    delegated: datetime | None = None
    last_shipment: datetime | None = None
    force_closed: datetime | None = None
    reference_keys: list[str] = field(default_factory=list)
    package_load: Counter[int] = field(default_factory=Counter)
    last_package: int = 0
    shipments: list[str] = field(default_factory=list)
    failed_units: int = 0
    cancelled_units: int = 0
    invoices: list[Json] = field(default_factory=list)
    capture_rows: list[Json] = field(default_factory=list)
    documents: list[Json] = field(default_factory=list)
    captured: int = 0
    refunded: int = 0
    gift_card_left: int = 0
    fees_invoiced: bool = False
    capture_fails: bool = False
    billing_override: str | None = None
    external_status: str | None = None
    custom_data: Json = field(default_factory=dict)
    customer_custom_data: Json = field(default_factory=dict)
    encoded: bytes | None = None

    @property
    def shop_country(self) -> tuple[str, str]:
        """The selling shop and its country (alpha-2, upper case)."""
        shop_country = self.document["shopCountry"]
        return str(shop_country["shopKey"]), str(shop_country["countryCode"]).upper()

    @property
    def reference_key(self) -> str | None:
        """The reference key as it stands now."""
        return self.document.get("referenceKey")

    def view(self, wanted: frozenset[str]) -> bytes:
        """Return the order as JSON; custom data members only when asked for by `with`."""
        if not wanted & {"legacyCustomData", "items.legacyCustomData", "customer.legacyCustomData"}:
            if self.encoded is None:
                self.encoded = encode(self.document)
            return self.encoded
        document = dict(self.document)
        if "legacyCustomData" in wanted:
            document["legacyCustomData"] = self.custom_data
        if "customer.legacyCustomData" in wanted and isinstance(document.get("customer"), dict):
            document["customer"] = {**document["customer"], "legacyCustomData": self.customer_custom_data}
        if "items.legacyCustomData" in wanted:
            document["items"] = [
                {**unit.document, "legacyCustomData": unit.custom_data or {}} for unit in self.units.values()
            ]
        return encode(document)


class Store:
    """Hold orders with their indexes; every change of an order goes through `touch`."""

    def __init__(self, clock: SandboxClock) -> None:
        self.clock = clock
        self.orders: dict[int, OrderRecord] = {}
        self.units: dict[int, Unit] = {}
        self.return_keys: dict[str, Unit] = {}
        self.order_states: Counter[str] = Counter()
        self.unit_statuses: Counter[str] = Counter()
        self.shipments: dict[str, Json] = {}
        self.cancellations: list[Json] = []
        self.returns: list[Json] = []
        self.captures: list[Json] = []
        self.refunds: list[Json] = []
        self._by_key: dict[str, int] = {}
        self._by_shop: dict[tuple[str, str], list[int]] = {}
        self._numbers: dict[str, Iterator[int]] = {}

    def number(self, kind: str, start: int = 1) -> int:
        """Return the next number of a kind of thing."""
        counter = self._numbers.get(kind)
        if counter is None:
            counter = self._numbers[kind] = itertools.count(start)
        return next(counter)

    def new_order_id(self) -> int:
        """Return a free order id."""
        while (number := self.number("order", 7_204_418)) in self.orders:
            pass
        return number

    def new_unit_id(self) -> int:
        """Return a free order item id."""
        while (number := self.number("unit", 61_000_101)) in self.units:
            pass
        return number

    def add(self, record: OrderRecord) -> None:
        """Take in a new order; raises ApiError 409 if its id, key or an item id is taken."""
        key = record.reference_key
        if record.id in self.orders or (key is not None and key in self._by_key):
            raise ApiError(409, "ORDER_EXISTS", "There is such an order.", {"orderId": record.id})
        taken = record.units.keys() & self.units.keys()
        if taken:
            raise ApiError(409, "ORDER_ITEM_EXISTS", "An item id is taken.", {"orderItemId": min(taken)})
        self.orders[record.id] = record
        self.units.update(record.units)
        if key is not None:
            self._by_key[key] = record.id
            record.reference_keys.append(key)
        insort(self._by_shop.setdefault(record.shop_country, []), record.id)
        self.order_states[record.state] += 1
        for unit in record.units.values():
            self.unit_statuses[unit.status] += 1
        record.open_units = sum(unit.is_open for unit in record.units.values())

    def remove(self, record: OrderRecord) -> None:
        """Forget an order that was deleted."""
        del self.orders[record.id]
        for unit in record.units.values():
            del self.units[unit.id]
            self.unit_statuses[unit.status] -= 1
        if record.reference_key is not None:
            self._by_key.pop(record.reference_key, None)
        self._by_shop[record.shop_country].remove(record.id)
        self.order_states[record.state] -= 1

    def find(self, identifier: int | str) -> OrderRecord:
        """Return an order by id or by its current reference key; raises ApiError 404."""
        number = self._by_key.get(identifier) if isinstance(identifier, str) else identifier
        record = self.orders.get(number) if number is not None else None
        if record is None:
            raise ApiError(404, "ORDER_NOT_FOUND", "There is no such order.", {"order": str(identifier)})
        return record

    def rename(self, record: OrderRecord, key: str) -> None:
        """Give an order another reference key; raises ApiError 409 if it is taken."""
        if self._by_key.get(key, record.id) != record.id:
            raise ApiError(409, "REFERENCE_KEY_EXISTS", "Another order has that key.", {"referenceKey": key})
        if record.reference_key is not None:
            self._by_key.pop(record.reference_key, None)
        self._by_key[key] = record.id
        if key not in record.reference_keys:
            record.reference_keys.append(key)
        record.document["referenceKey"] = key
        self.touch(record)

    def of_shop(self, shop_country: tuple[str, str], after: int) -> Iterator[OrderRecord]:
        """Go through a shop country's orders in ascending order of id, behind `after`."""
        ids = self._by_shop.get(shop_country, [])
        for position in range(bisect_right(ids, after), len(ids)):
            yield self.orders[ids[position]]

    def set_status(self, unit: Unit, status: str, moment: str | None = None) -> None:
        """Change the status of a unit and stamp the moment (`shippedAt`, ...) on it; keep the counters right."""
        order, before = unit.order, unit.is_open
        self.unit_statuses[unit.status] -= 1
        self.unit_statuses[status] += 1
        unit.document["status"] = status
        now = stamp(self.clock.now())
        unit.document["updatedAt"] = now
        if moment is not None:
            unit.document[moment] = now
        order.open_units += int(unit.is_open) - int(before)

    def touch(self, record: OrderRecord) -> None:
        """Move `updatedAt` and drop the ready-made JSON: something about the order has changed."""
        record.updated = self.clock.now().replace(microsecond=0)
        record.document["updatedAt"] = stamp(record.updated)
        record.encoded = None

    def summary(self) -> dict[str, Any]:
        """Count cheaply, for live progress."""
        return {
            "orders": len(self.orders),
            "ordersByState": {state: count for state, count in self.order_states.items() if count},
            "units": len(self.units),
            "unitsByStatus": {status: count for status, count in self.unit_statuses.items() if count},
            "shipments": len(self.shipments),
            "cancellations": len(self.cancellations),
            "returns": len(self.returns),
            "captures": len(self.captures),
            "refunds": len(self.refunds),
        }
