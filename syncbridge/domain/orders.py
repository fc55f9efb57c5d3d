"""The canonical order: what a shop sold, unit by unit, and what a back end is asked to send.

Both sources of an order (the delegation call and reading it from the shop) map to the same `ShopOrder`.
Amounts are integers in minor units of the order's currency and include tax unless the name says net.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from syncbridge.domain.prices import Discount, ShopFee, ShopPayment


@dataclass(frozen=True)
class CollectionPoint:
    """A parcel shop; `customer_key` is the shopper's number there."""

    key: str
    kind: str = ""
    description: str = ""
    customer_key: str = ""


@dataclass(frozen=True)
class Address:
    """Where goods or an invoice go. Text is as the shop has it, trimmed; country is ISO 3166 alpha-2."""

    first_name: str = ""
    last_name: str = ""
    company: str = ""
    street: str = ""
    house_number: str = ""
    additional: str = ""
    postcode: str = ""
    city: str = ""
    region: str = ""
    country: str = ""
    phone: str = ""
    collection_point: CollectionPoint | None = None

    @property
    def recipient(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()


class ShopUnitState(StrEnum):
    """How far the shop says a unit has got, reduced to what a flow decides on."""

    OPEN = "open"
    SHIPPED = "shipped"
    CANCELLED = "cancelled"
    UNFULFILLABLE = "unfulfillable"
    RETURNED = "returned"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ShopUnit:
    """One unit of an order, keyed by the shop's order item id. `shipment_key` is what the shop shows.

    `price_minor`, `net_minor` and `tax_minor` are what is paid for it, after every reduction; `discounts` are those of the
    reductions whose amount is known. `carrier` is that of the unit's own package; units of one order may differ in it.
    """

    order_item_id: int
    sku: str
    merchant: str
    warehouse: str
    state: ShopUnitState = ShopUnitState.OPEN
    raw_state: str = ""
    name: str = ""
    price_minor: int | None = None
    net_minor: int | None = None
    tax_minor: int | None = None
    tax_rate: Decimal | None = None
    reductions: tuple[str, ...] = ()
    discounts: tuple[Discount, ...] = ()
    currency: str = ""
    shipment_key: str = ""
    delegated_at: datetime | None = None
    carrier: str = ""
    paid_minor: int | None = None
    """What the unit costs the shopper with everything deducted, an absolute voucher booked on it included: the refund of it."""


@dataclass(frozen=True)
class ShopOrder:
    """An order as the shop has it.

    `confirmed_at` is None before the shop takes the order as real. `total_minor` includes tax and fees;
    `fees_minor` maps the shop's fee category (such as "delivery") to its amount including tax; `fees` are the same, one
    by one. `payments` are empty where the source does not carry them.
    `complete` is false when it was made from a delegation alone, which does not carry everything.
    """

    order_id: int
    shop: str
    country: str
    currency: str
    units: tuple[ShopUnit, ...]
    reference_key: str = ""
    status: str = ""
    confirmed_at: datetime | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    delivery: Address | None = None
    billing: Address | None = None
    email: str = ""
    carrier: str = ""
    total_minor: int | None = None
    tax_minor: int | None = None
    fees_minor: dict[str, int] = field(default_factory=dict)
    fees: tuple[ShopFee, ...] = ()
    payments: tuple[ShopPayment, ...] = ()
    external_prices: bool = False
    cancelled: bool = False
    billing_status: str = ""
    """The shop's own word for how far the money has got, such as "billing_refunded"."""
    complete: bool = True
    document: str = ""
    """The shop's own JSON, kept by the ledger as personal data that can be erased; never logged."""


@dataclass(frozen=True)
class DelegatedUnit:
    """A unit as a delegation call names it; an empty SKU or warehouse is possible and is kept."""

    order_item_id: int
    sku: str
    warehouse: str
    price_minor: int | None = None
    quantity: int = 1


@dataclass(frozen=True)
class Delegation:
    """A delegation call, as far as it could be read. `faults` names what could not."""

    order_id: int
    delegation_id: str
    merchant: str
    shop: str
    country: str
    currency: str
    reference_key: str
    units: tuple[DelegatedUnit, ...]
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an order: the field, the problem and the way out.

    `code` is stable and may be counted; `value` must never hold personal data.
    """

    code: str
    field: str
    problem: str
    way_out: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}. {self.way_out}"

    def as_dict(self) -> dict[str, str]:
        return {
            "code": self.code,
            "field": self.field,
            "problem": self.problem,
            "way_out": self.way_out,
            "value": self.value,
        }


@dataclass(frozen=True)
class Line:
    """A line of a back end's order and the shop units behind it, lowest order item id first.

    `price_minor` and `discounts` are those of one unit; `net_minor` is the net of the whole line, because the shop rounds
    it unit by unit.
    """

    line_number: int
    sku: str
    shop_sku: str
    unit_ids: tuple[int, ...]
    description: str = ""
    price_minor: int | None = None
    tax_rate: Decimal | None = None
    net_minor: int | None = None
    discounts: tuple[Discount, ...] = ()

    @property
    def quantity(self) -> int:
        return len(self.unit_ids)


@dataclass(frozen=True)
class Totals:
    """What one part of an order comes to, including tax. `fees_minor` is everything that is not goods."""

    goods_minor: int
    fees_minor: int
    tax_minor: int

    @property
    def grand_minor(self) -> int:
        return self.goods_minor + self.fees_minor


@dataclass(frozen=True)
class FulfilmentRequest:
    """What a back end is asked to send: one part of an order (merchant, warehouse, delegation).

    `fees` are those that ride on this part, `payments` this part's share of what was paid.
    """

    reference: str
    order_id: int
    order_number: str
    shop: str
    warehouse_code: str
    currency: str
    service: str
    delivery: Address
    lines: tuple[Line, ...]
    billing: Address | None = None
    email: str = ""
    ordered_at: datetime | None = None
    totals: Totals | None = None
    fees: tuple[ShopFee, ...] = ()
    payments: tuple[ShopPayment, ...] = ()


def group_lines(units: Iterable[ShopUnit], sku_map: dict[str, str]) -> tuple[Line, ...]:
    """Group units to lines by SKU, unit price, tax rate and reductions.

    Units with equal keys are interchangeable; lines are numbered by their lowest order item id, so that the
    same units always give the same lines. `sku_map` translates a shop SKU where the back end has another.
    """
    groups: dict[tuple[object, ...], list[ShopUnit]] = {}
    for unit in sorted(units, key=lambda one: one.order_item_id):
        key = (unit.sku, unit.price_minor, unit.tax_rate, unit.reductions)
        groups.setdefault(key, []).append(unit)
    return tuple(
        Line(
            line_number=number,
            sku=sku_map.get(members[0].sku, members[0].sku),
            shop_sku=members[0].sku,
            unit_ids=tuple(unit.order_item_id for unit in members),
            description=members[0].name,
            price_minor=members[0].price_minor,
            tax_rate=members[0].tax_rate,
            net_minor=_sum(unit.net_minor for unit in members),
            discounts=members[0].discounts,
        )
        for number, members in enumerate(groups.values(), start=1)
    )


def carries_fees(expected: Iterable[str], parts: Sequence[tuple[str, int]], part: tuple[str, int]) -> bool:
    """Say whether a part (merchant, number in the order of making) is the one that the order's fees ride on.

    Fees are charged once: they ride on the merchant whose key sorts first among those that have parts or are
    `expected` to get one, and there on the part that was made first; a later delegation changes nothing.
    """
    first = min({merchant for merchant, _number in parts} | set(expected), default=part[0])
    return part == min((one for one in parts if one[0] == first), default=None)


def stretches_of(order: ShopOrder, units: Sequence[ShopUnit], *, fees: bool) -> tuple[tuple[int, int], ...]:
    """Return where the part with these units lies in what the order costs: (what comes before, its amount) each.

    First come the fees, then the goods in the order of merchant and warehouse, later delegations behind. `fees` says that
    the part carries the fees.
    """
    first = min(units, key=lambda unit: unit.order_item_id, default=None)
    if first is None:
        return ()
    ours = {unit.order_item_id for unit in units}
    place = (first.merchant, first.warehouse, first.order_item_id)
    before = sum(
        unit.price_minor or 0
        for unit in order.units
        if unit.state not in (ShopUnitState.CANCELLED, ShopUnitState.UNFULFILLABLE)
        and unit.order_item_id not in ours
        and (unit.merchant, unit.warehouse, unit.order_item_id) < place
    )
    charges = sum(order.fees_minor.values())
    goods = (charges + before, sum(unit.price_minor or 0 for unit in units))
    return ((0, charges), goods) if fees else (goods,)


def _sum(amounts: Iterable[int | None]) -> int | None:
    """Return the sum, or None where one amount is not known."""
    total = 0
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total
