"""The port of a warehouse's system: what it can do, how late it may show it, and every call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from syncbridge.domain.backend import (
    BackendDespatch,
    BackendOrder,
    BackendReturn,
    CancelAnswer,
    CancelWish,
    CatalogueItem,
    ReturnRequest,
    WebhookEvent,
)
from syncbridge.domain.orders import Fault, FulfilmentRequest
from syncbridge.domain.stock import StockRow
from syncbridge.ports.answers import FeedPage, Health


@dataclass(frozen=True)
class BackendTiming:
    """How late a back end may show what it was sent.

    `lookup_lag`: a record may be missing from look-ups for so long after it was made.
    `landing`: a request may take effect so long after we gave up on it.
    """

    lookup_lag: timedelta
    landing: timedelta
    stock_lag: timedelta = timedelta(0)
    """How far the stock feed may trail the warehouse: an end of the feed at R proves every row as of R less this.

    Nobody waits for it: stamps are so much older, and what was reserved within it is deducted all the same. Too small a
    figure can oversell; too large a one costs sales. For figures that a job recalculates it is the job's interval plus
    its running time."""
    unique_references: bool = False
    """Whether the back end itself recognises a reference it has, so that a repeat has no second effect."""
    feed_overlap: timedelta = timedelta(minutes=15)
    """How far before the last complete reading a feed is read again where its cursor is refused."""
    tracking_wait: timedelta = timedelta(minutes=30)
    """How long a despatch may wait for its tracking number before the shop is told of it under its own number."""
    import_timeout: timedelta | None = None
    """After so long a request that was accepted and is still not to be found is a person's, and is never sent again by
    itself. None where an accepted request is there at once."""
    reread: timedelta | None = None
    """How far back the despatch and return feeds are read again every night, and all stock with them. None where a
    feed misses nothing."""


class Capability(StrEnum):
    """How something is done in a back end: by its interface, by a person, or not at all."""

    API = "api"
    MANUAL = "manual"
    OFF = "off"


@dataclass(frozen=True)
class Capabilities:
    """What a back end can do for us. `cancel_lines`: single lines, not only whole orders, can be cancelled by API.

    Without `order_feed` nobody tells of changed orders: they are asked for one by one. Without `catalogue_feed` nobody tells
    of a SKU that is discontinued: each is asked for by name, again after a while. With `receipt_lines` it names the order's line
    of whatever came back: goods of an order without one are odd, and a person's.

    `stock_made_of` says by which settings its figures of stock are made up, as a text: under another one all stock is read again.
    """

    cancel: Capability = Capability.API
    cancel_lines: bool = False
    returns: Capability = Capability.API
    order_feed: bool = True
    catalogue_feed: bool = True
    receipt_lines: bool = False
    stock_made_of: str = ""


class FulfilmentBackend(Protocol):
    """A warehouse's system. Every method may raise a `VendorError` or `Busy`, unless it is said to be pure."""

    @property
    def account(self) -> str:
        """The name of this back end in the ledger, such as "scend:ACME-UK"."""
        ...

    @property
    def timing(self) -> BackendTiming: ...

    @property
    def capabilities(self) -> Capabilities: ...

    def faults(self, request: FulfilmentRequest) -> tuple[Fault, ...]:
        """Return everything that this back end would refuse or hold about the request. Pure."""
        ...

    def compose_order(self, request: FulfilmentRequest) -> str:
        """Return the exact body to send. Pure; the request must have no faults."""
        ...

    def create_order(self, body: str) -> BackendOrder | None:
        """Create the order, whole or not at all. None: accepted, and not there yet. Raises AlreadyExists for a known reference."""
        ...

    def find_orders(self, references: Sequence[str], *, urgent: bool = True) -> dict[str, BackendOrder]:
        """Look orders up by reference, at most `lookup_batch` at a time; what is not there is left out.

        Nobody waits for an answer that is not `urgent`: it leaves the quota to orders that are to be sent.
        """
        ...

    @property
    def lookup_batch(self) -> int: ...

    def calls_are_scarce(self) -> bool:
        """Say whether calls should be saved just now. Never raises."""
        ...

    def products_changed(self, cursor: str | None, since: datetime | None) -> Iterator[FeedPage[CatalogueItem]]:
        """Yield changed products from a cursor, else from an instant, else from the beginning."""
        ...

    def differences(self, body: str, found: BackendOrder) -> tuple[str, ...]:
        """Name the fields in which a found order is not what `body` asked for. Pure."""
        ...

    def orders_changed(self, cursor: str | None, since: datetime | None) -> Iterator[FeedPage[BackendOrder]]:
        """Yield changed orders from a cursor, else from an instant, else from the beginning."""
        ...

    def despatches_changed(self, cursor: str | None, since: datetime | None) -> Iterator[FeedPage[BackendDespatch]]:
        """Yield changed despatches from a cursor, else from an instant, else from the beginning."""
        ...

    def stock_changed(self, cursor: str | None, since: datetime | None) -> Iterator[FeedPage[StockRow]]:
        """Yield changed stock rows from a cursor, else from an instant, else from the beginning."""
        ...

    def compose_cancel(self, wish: CancelWish) -> str:
        """Return the exact body of a cancellation, with all that sending it needs. Pure."""
        ...

    def send_cancel(self, body: str) -> CancelAnswer:
        """Ask for the cancellation; a refusal (past the cut-off) is an answer, not an error. Raises NotFound."""
        ...

    def compose_return(self, request: ReturnRequest) -> str:
        """Return the exact body of an announced return. Pure."""
        ...

    def send_return(self, body: str) -> BackendReturn:
        """Announce a return; the same body again gives what is there. Raises AlreadyExists, NotFound."""
        ...

    def find_returns(self, rma_numbers: Sequence[str]) -> dict[str, BackendReturn]:
        """Look returns up by RMA number; what is not there, or cannot be looked up there, is left out."""
        ...

    def returns_changed(self, cursor: str | None, since: datetime | None) -> Iterator[FeedPage[BackendReturn]]:
        """Yield changed returns from a cursor, else from an instant, else from the beginning."""
        ...

    def unknown_skus(self, skus: Sequence[str]) -> frozenset[str]:
        """Return which of the SKUs the back end does not know or no longer serves."""
        ...

    def ambiguous_skus(self, skus: Sequence[str]) -> frozenset[str]:
        """Return which of the unknown SKUs are several products there, as where codes differ only in capital letters."""
        ...

    def verify_webhook(self, headers: Mapping[str, str], raw: bytes, now: datetime) -> WebhookEvent | None:
        """Return the event if a valid signature covers the raw bytes, else None. Pure."""
        ...

    def health(self) -> Health: ...
