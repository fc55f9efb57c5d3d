"""The port of the shop, and what it is told and asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from syncbridge.domain.backend import WebhookEvent
from syncbridge.domain.errors import VendorError
from syncbridge.domain.orders import Delegation, ShopOrder
from syncbridge.domain.stock import ShopStock, StockWrite
from syncbridge.ports.answers import FeedPage, Health
from syncbridge.ports.quota import Lane


@dataclass(frozen=True)
class Shipment:
    """One parcel (or several under one tracking number) for the shop; times are aware UTC."""

    order_id: int
    shop: str
    country: str
    merchant: str
    carrier: str
    shipment_key: str
    despatched_at: datetime
    return_ident_code: str
    unit_ids: tuple[int, ...]


@dataclass(frozen=True)
class UnitCancellation:
    """Units that will not be sent, for the shop."""

    order_id: int
    shop: str
    country: str
    merchant: str
    unit_ids: tuple[int, ...]


@dataclass(frozen=True)
class UnitReturn:
    """One returned unit, for the shop, which refunds it."""

    order_item_id: int
    merchant: str
    received_at: datetime
    reason: str


@dataclass(frozen=True)
class CancellationCall:
    """The shop's blocking question whether units may still be cancelled: one merchant's warehouses within an order.

    `warehouses` are the shop's warehouse keys; empty means all of the merchant's.
    """

    order_reference: str
    merchant: str
    warehouses: tuple[str, ...]


class Shop(Protocol):
    """The system that sells. Every method may raise a `VendorError` or `Busy`; `compose_*` and `parse_*` are pure.

    A composed body is frozen by the caller and sent as it is, on the first and on every later attempt.
    """

    def read_order(self, order_id: int) -> ShopOrder:
        """Read one order; raises NotFound when the shop does not know it."""
        ...

    def order_called(self, reference_key: str) -> ShopOrder:
        """Read one order by the reference key that the shop has for it now; raises NotFound."""
        ...

    def orders_changed(self, since: datetime) -> Iterator[FeedPage[ShopOrder]]:
        """Yield every order changed at or after `since`, over all configured shops, page by page."""
        ...

    def parse_delegation(self, raw: bytes, merchant: str) -> Delegation:
        """Read a delegation call; raises UnreadableMessage where no order id or no unit at all can be read."""
        ...

    def order_from_delegation(self, raw: bytes) -> ShopOrder:
        """Map a stored delegation to the canonical order (`complete=False`)."""
        ...

    def delegation_answer(self, order_id: int) -> dict[str, str]:
        """Return the acknowledgement body: the same for every repeat."""
        ...

    def parse_webhook(self, raw: bytes) -> WebhookEvent: ...

    def compose_shipment(self, shipment: Shipment) -> str: ...

    def send_shipment(self, body: str) -> None: ...

    def compose_cancellation(self, cancellation: UnitCancellation) -> str: ...

    def send_cancellation(self, body: str) -> None: ...

    def parse_cancellation_call(self, raw: bytes, merchant: str) -> CancellationCall:
        """Read a cancellation call; raises UnreadableMessage where it is not certain what is to be cancelled.

        A warehouse that the shop itself does not name becomes `#` and its id. Not pure: the shop may be asked for its
        warehouses, so it may raise a `VendorError` or `Busy` as well.
        """
        ...

    def cancellation_answer(self, order_reference: str, *, successful: bool) -> dict[str, str]:
        """Return the answer body of a cancellation call: the same for every repeat."""
        ...

    def compose_return(self, units: Sequence[UnitReturn]) -> str:
        """Write the return of units of one merchant."""
        ...

    def send_return(self, body: str) -> None: ...

    def write_stock(self, write: StockWrite) -> ShopStock:
        """Write one quantity and return what the shop holds now, which may be something newer.

        Raises NotFound for a SKU that the shop does not have. Writing the same again has no further effect. Several
        threads may call at once.
        """
        ...

    def write_stocks(self, writes: Sequence[StockWrite]) -> str:
        """Hand many quantities over at once; return the key under which `stock_results` tells what became of them.

        Several requests may be under way side by side; how many writes one should hold is the configuration's business.
        """
        ...

    def stock_results(self, key: str, writes: Sequence[StockWrite]) -> Mapping[int, ShopStock | VendorError] | None:
        """Return what became of each write by its place in `writes`, or None while the shop still works on them.

        Of a large request in which anything failed, all may be OutcomeUnknown: the same writes again, in small requests or
        singly, tell which. They are absolute and stamped, so that this is harmless.
        """
        ...

    def read_stock(self, sku: str, lane: Lane | None = None) -> tuple[ShopStock, ...]:
        """Return what the shop holds of a SKU, over all its warehouses and merchants; raises NotFound.

        `lane` says how urgent it is; None is the lane of stock. Several threads may call at once.
        """
        ...

    def clock(self) -> datetime | None:
        """Return the shop's own time, by one cheap call; None where it does not tell."""
        ...

    def carriers(self) -> frozenset[str]:
        """Return the carrier keys that the shop knows."""
        ...

    def health(self) -> Health: ...
