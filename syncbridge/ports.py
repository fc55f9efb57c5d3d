"""The narrow Protocols that flows and connectors need; who implements them is bootstrap's business."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from typing import Generic, Protocol, TypeVar

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
from syncbridge.domain.errors import VendorError
from syncbridge.domain.finance import Batch, PostedBatch, PostingType
from syncbridge.domain.orders import Delegation, Fault, FulfilmentRequest, ShopOrder
from syncbridge.domain.stock import ShopStock, StockRow, StockWrite

Row = TypeVar("Row", covariant=True)  # noqa: PLC0105  # the plain name reads better in every signature


class Clock(Protocol):
    """Where "now" comes from: aware UTC."""

    def now(self) -> datetime: ...


@dataclass(frozen=True)
class FeedPage(Generic[Row]):
    """One page of a vendor's feed.

    `cursor` is where to resume once this page is stored; `last` says that nothing more waits there now.
    """

    rows: tuple[Row, ...]
    cursor: str
    last: bool


@dataclass(frozen=True)
class Health:
    """What a vendor answers to "are you there and do you know us". `server_time` shows the clocks' distance."""

    detail: str
    server_time: datetime | None = None
    warnings: tuple[str, ...] = ()


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
    """

    cancel: Capability = Capability.API
    cancel_lines: bool = False
    returns: Capability = Capability.API
    order_feed: bool = True
    catalogue_feed: bool = True
    receipt_lines: bool = False


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


class FinanceBackend(Protocol):
    """The one ledger package of a deployment. Every method may raise a `VendorError` or `Busy`, unless it is pure."""

    @property
    def account(self) -> str:
        """The name of this target in our ledger, such as "orderwise:ACME-UK"."""
        ...

    @property
    def capability(self) -> Capability:
        """How batches are posted. With `manual` a person does it, and `batch_faults` and `compose_batch` still serve."""
        ...

    @property
    def posting_types(self) -> frozenset[PostingType]:
        """What is to be posted; a posting of another type is a fault of its batch."""
        ...

    def batch_faults(self, batch: Batch) -> tuple[Fault, ...]:
        """Return everything that would be refused about the batch, all at once. Pure."""
        ...

    def compose_batch(self, batch: Batch) -> str:
        """Return the exact body, for the caller to freeze. Pure; raises ValueError for a batch with faults."""
        ...

    def send_batch(self, body: str) -> PostedBatch:
        """Post a frozen batch, whole or not at all; the same body again has no further effect.

        Raises AlreadyExists where the reference is taken with different content, NeedsPerson where a period is closed, a
        code is unknown or `capability` is not `api`, and OutcomeUnknown where `find_batch` has to tell.
        """
        ...

    def find_batch(self, reference: str) -> PostedBatch | None:
        """Return what is posted under a reference, or None. Raises NeedsPerson where it is several batches."""
        ...


class Lane(IntEnum):
    """Who goes first when a quota is short; a lower number may use more of it."""

    ORDERS = 0
    DESPATCHES = 1
    STOCK = 2
    BULK = 3


@dataclass(frozen=True)
class QuotaReading:
    """What a vendor's answer says about a quota. Times are relative, so that clocks do not matter.

    `refill_per_second` is set for token buckets; `window` (its whole length) for limits per fixed window, and `resets_in` says
    when the present window ends. A `limit` of 0 means that the answer names none.
    """

    limit: int
    remaining: int
    window: timedelta | None = None
    refill_per_second: float | None = None
    retry_after: timedelta | None = None
    resets_in: timedelta | None = None


class Quota(Protocol):
    """One limiter per (system, scope), shared by all processes."""

    def take(self, system: str, scope: str, lane: Lane, wait: timedelta) -> None:
        """Take one call from the quota, waiting at most `wait`; raises Busy when that is not enough."""
        ...

    def learn(self, system: str, scope: str, reading: QuotaReading) -> None:
        """Take over what an answer says about the quota."""
        ...

    def scarce(self, system: str, scope: str) -> bool:
        """Say whether less than half of the quota's burst is left, so that calls are worth batching."""
        ...


class Breaker(Protocol):
    """One circuit breaker per system, shared by all processes."""

    def check(self, system: str) -> None:
        """Raise Busy while the circuit is open; let one probe through when its time has come."""
        ...

    def succeeded(self, system: str) -> None: ...

    def failed(self, system: str, *, refused: bool = False) -> None:
        """Count a failure; `refused` (credentials) opens the circuit at once."""
        ...


class Coordinator(Protocol):
    """Locks shared by all processes. They save work and prove nothing: the ledger decides."""

    def lock(self, name: str, life: timedelta) -> AbstractContextManager[bool]:
        """Try to hold a lock, without waiting; the context's value says whether we got it.

        With the coordinator out of reach the answer is True: the ledger's leases still hold.
        """
        ...


class Doorbell(Protocol):
    """Tells the workers that a flow has work. Losing a ring costs seconds: the sweeper rings again."""

    def ring(self, flow: str, *arguments: str | int) -> None:
        """Enqueue a flow by name; ids only. Never raises: a lost ring is swept up later."""
        ...
