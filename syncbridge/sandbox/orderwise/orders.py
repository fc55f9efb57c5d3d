"""An order as the vendor keeps it, its lines and its despatches, and what their states are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from syncbridge.sandbox.orderwise.stock import ZERO, Variant

AWAITING, HELD, CANCELLED, PARTLY_SENT, COMPLETED, INVOICING = 1, 2, 3, 4, 5, 6
STATUS_TEXTS = {
    AWAITING: "Awaiting despatch",
    HELD: "On hold",
    CANCELLED: "Cancelled",
    PARTLY_SENT: "Partially despatched",
    COMPLETED: "Completed",
    INVOICING: "Invoice Waiting to be Printed",
}
"""Contract 12.4: the texts are known from public clients, the ids are assumed."""

ORDINARY = 1
"""The order type that reaches the warehouse (contract 4.1); quotes, credits and the rest only lie there."""


@dataclass(eq=False)
class OrderLine:
    """One line, in units of its variant. `picking` is what is on somebody's trolley, part of what is open."""

    id: int
    item_number: int
    variant: Variant
    quantity: Decimal
    location: int
    tax_rate_id: int
    item_gross: Decimal | None = None
    item_net: Decimal | None = None
    ecommerce_item_id: str | None = None
    sent: Decimal = ZERO
    cancelled: Decimal = ZERO
    picking: Decimal = ZERO

    @property
    def open(self) -> Decimal:
        """What can still leave."""
        return self.quantity - self.sent - self.cancelled

    @property
    def status(self) -> int:
        """The line's own status (assumed to use the order's texts, as the contract's sample does)."""
        if not self.open:
            return COMPLETED if self.sent else CANCELLED
        return PARTLY_SENT if self.sent else AWAITING


@dataclass
class Consignment:
    """One consignment of a despatch: its number and the units per line in it."""

    number: str
    units: dict[OrderLine, Decimal]


@dataclass(eq=False)
class Despatch:
    """Goods that left; `consignments` is empty until numbers are known, which may be never."""

    id: int
    order: Order
    units: dict[OrderLine, Decimal]
    at: datetime
    instant: str
    courier: Mapping[str, str]
    ordinal: int
    is_final: bool
    amended: datetime
    consignments: list[Consignment] = field(default_factory=list)

    @property
    def number(self) -> str:
        """The printable number."""
        return f"D{self.id:07d}"

    def url(self, number: str | None) -> str | None:
        """Return where a consignment can be followed: courier prefix + number + courier suffix."""
        return f"{self.courier['prefix']}{number}{self.courier['suffix']}" if number else None


@dataclass(eq=False)
class Order:
    """A sales order."""

    id: int
    number: str
    session: int
    ecommerce_number: str
    reference: str | None
    type: int
    customer_id: int
    delivery_method_id: int
    content: dict[str, Any]
    lines: list[OrderLine]
    ordered: datetime
    created: str
    amended: datetime
    status: int = AWAITING
    allocated: bool = False
    on_hold: bool = False
    sub_status: str | None = None
    forced_text: str | None = None
    despatches: list[Despatch] = field(default_factory=list)
    duplicate_of: int | None = None
    returns: list[Any] = field(default_factory=list)
    step: int = 0
    fate: Any = None

    @property
    def known_as(self) -> str:
        """The client's reference, as facts and the oracle name it."""
        return self.reference if self.reference is not None else self.ecommerce_number

    def line(self, line_id: int) -> OrderLine | None:
        """Return a line by its id, or None."""
        return next((line for line in self.lines if line.id == line_id), None)

    @property
    def sub_text(self) -> str:
        """The sub-status: what a person set, else how far the floor is."""
        if self.sub_status is not None:
            return self.sub_status
        if self.status not in (AWAITING, PARTLY_SENT):
            return ""
        if any(line.picking for line in self.lines):
            return "Picking"
        return "Allocated" if self.allocated else ""

    @property
    def word(self) -> str:
        """The state in the words of the other stand-in's oracle, so that one judge reads both."""
        if self.status == AWAITING:
            return {"Picking": "PICKING", "Allocated": "ALLOCATED"}.get(self.sub_text, "RECEIVED")
        return {
            HELD: "ON_HOLD",
            CANCELLED: "CANCELLED",
            PARTLY_SENT: "PARTIALLY_DESPATCHED",
        }.get(self.status, "DESPATCHED")


def identity(order: Order, account: str) -> dict[str, Any]:
    """Name an order in a fact."""
    return {"account": account, "orderId": order.id, "clientReference": order.known_as}
