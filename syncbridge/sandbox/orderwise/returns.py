"""Customer returns and receipts as the vendor keeps them (contract 12.9, 12.10, assumed)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from syncbridge.sandbox.orderwise.orders import Order, OrderLine
from syncbridge.sandbox.orderwise.stock import ZERO, Variant

ACTIONS = ("Refund", "Replace", "Repair", "Reject")
CONDITIONS = ("Resaleable", "Damaged", "Scrap")
AWAITING_GOODS, PARTLY_RECEIVED, RECEIVED = "Awaiting goods", "Partially received", "Received"
COMPLETED, CANCELLED = "Completed", "Cancelled"


@dataclass(eq=False)
class ReturnLine:
    """One announced line of a return."""

    id: int
    line: OrderLine
    quantity: Decimal
    reason: str | None
    action: str
    received: Decimal = ZERO


@dataclass(eq=False)
class CustomerReturn:
    """A return: announced by the client, or made by the warehouse when goods came unannounced."""

    id: int
    reference: str | None
    order: Order | None
    lines: list[ReturnLine]
    canonical: Any
    created: str
    status: str = AWAITING_GOODS
    receipts: list[Receipt] = field(default_factory=list)

    @property
    def number(self) -> str:
        """The printable number."""
        return f"R{self.id:07d}"


@dataclass(eq=False)
class Receipt:
    """Goods that came back: one receipt per return line and booking."""

    id: int
    owner: CustomerReturn
    return_line: ReturnLine | None
    order_line: OrderLine | None
    variant: Variant
    quantity: Decimal
    condition: str
    action: str
    location: int
    at: datetime
    instant: str
    amended: datetime
