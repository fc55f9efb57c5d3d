"""What a fulfilment back end tells us: orders, despatches and parcels in canonical words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from syncbridge.domain.orders import Fault


class CancelState(StrEnum):
    """What a back end makes of the wish to cancel. REQUESTED is no cancellation: the floor decides later."""

    CANCELLED = "cancelled"
    REQUESTED = "requested"
    REFUSED = "refused"


class FulfilmentStatus(StrEnum):
    """How far a back end has got with an order. Not monotonic: a short pick sends an order back."""

    ACCEPTED = "accepted"
    NEEDS_ATTENTION = "needs_attention"
    BACKORDERED = "backordered"
    IN_FULFILMENT = "in_fulfilment"
    PARTIALLY_DESPATCHED = "partially_despatched"
    DESPATCHED = "despatched"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class BackendLine:
    """A line of a back end's order, quantities in single units."""

    line_number: int
    sku: str
    ordered: int
    allocated: int = 0
    backordered: int = 0
    despatched: int = 0
    cancelled: int = 0


NOT_SHOWN = "taken, not shown yet"
"""The `raw_status` of an order that the back end says it made and has not shown. Its lines are those that were sent; what it
really holds is compared with them when it is shown for the first time."""


@dataclass(frozen=True)
class BackendOrder:
    """An order as the back end holds it. `version` rises with every change of it; 0 where the back end counts none.

    Of two readings with one version the later one is news if it says something else. `attention` lists why a person must look (quarantine, hold); `initiator` says who cancelled, if anybody.
    `cancellation` is what the back end says of a wish to cancel, None where there was none or it does not say.
    `cancellable` is whether the cut-off still lets such a wish through as a whole: advice, for the next moment may differ.
    `copies` are ids of other live orders under the same reference: made by others, or by a request that landed late.
    """

    backend_id: str
    reference: str
    status: FulfilmentStatus
    raw_status: str
    version: int
    lines: tuple[BackendLine, ...]
    updated_at: datetime | None = None
    attention: tuple[Fault, ...] = ()
    initiator: str = ""
    cancellation: CancelState | None = None
    cancellable: bool = True
    copies: tuple[str, ...] = ()
    total_minor: int | None = None
    currency: str = ""
    document: str = ""
    """The vendor's own JSON, for comparing content; it holds personal data and is never logged or stored."""


@dataclass(frozen=True)
class ParcelLine:
    """What a parcel holds of one line."""

    line_number: int
    sku: str
    quantity: int


@dataclass(frozen=True)
class Parcel:
    """One physical parcel. An empty tracking number may still come with a later version."""

    parcel_id: str
    tracking_number: str
    lines: tuple[ParcelLine, ...]


@dataclass(frozen=True)
class BackendDespatch:
    """Goods that left the warehouse for one order. `version` rises when tracking comes or it is voided."""

    despatch_id: str
    number: str
    reference: str
    backend_order_id: str
    version: int
    despatched_at: datetime
    carrier: str
    parcels: tuple[Parcel, ...]
    voided_at: datetime | None = None


@dataclass(frozen=True)
class CancelLine:
    """So many units of a line that are not to be sent any more."""

    line_number: int
    sku: str
    quantity: int


@dataclass(frozen=True)
class CancelWish:
    """What a back end is asked to cancel: a whole order, or `lines` of it where the back end can do that."""

    reference: str
    backend_id: str
    reason: str
    lines: tuple[CancelLine, ...] = ()
    whole: bool = True


@dataclass(frozen=True)
class CancelAnswer:
    """What came of a wish to cancel, and the order as the back end shows it afterwards, if it does."""

    state: CancelState
    raw_status: str = ""
    order: BackendOrder | None = None


class ReturnStatus(StrEnum):
    """How far a return has got in a warehouse."""

    ANNOUNCED = "announced"
    RECEIVING = "receiving"
    RECEIVED = "received"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class Condition(StrEnum):
    """What received goods are like. UNKNOWN needs a person."""

    RESALEABLE = "resaleable"
    REWORK = "rework"
    DAMAGED = "damaged"
    FAULTY = "faulty"
    WORN = "worn"
    WRONG_ITEM = "wrong_item"
    UNSELLABLE = "unsellable"
    UNKNOWN = "unknown"


class Disposition(StrEnum):
    """What the warehouse does with received goods; stock follows from it there, never here."""

    RESTOCK = "restock"
    QUARANTINE = "quarantine"
    SCRAP = "scrap"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ReturnLine:
    """Units of one order line that are announced to come back. `reason` is a key of ours, mapped by the connector."""

    line_number: int
    order_line_number: int
    sku: str
    quantity: int
    reason: str


@dataclass(frozen=True)
class ReturnRequest:
    """A return to announce to a back end under our own, unique RMA number."""

    rma_number: str
    reference: str
    backend_order_id: str
    warehouse_code: str
    announced_at: datetime
    lines: tuple[ReturnLine, ...]
    tracking_number: str = ""
    note: str = ""


@dataclass(frozen=True)
class ReceiptLine:
    """Goods of one line that arrived in one receipt; `receipt_line_id` is unique in the back end.

    `order_line_number` is None where the back end cannot say which line of the order it was.
    """

    receipt_line_id: str
    received_at: datetime
    order_line_number: int | None
    sku: str
    quantity: int
    condition: Condition
    disposition: Disposition
    raw_condition: str = ""
    raw_disposition: str = ""


@dataclass(frozen=True)
class BackendReturnLine:
    """A line of a return as the back end holds it, quantities in single units."""

    order_line_number: int | None
    sku: str
    announced: int
    received: int


@dataclass(frozen=True)
class BackendReturn:
    """A return as the back end holds it. `version` rises with every change of it.

    `rma_number`, `reference` are empty where the goods came without an announcement; `hints` are texts on such a
    return that may be a return label's code or an order's reference. `receipts` are all receipt lines known so far; a
    feed that brings only the new ones says so with `complete=False`.
    """

    return_id: str
    rma_number: str
    reference: str
    status: ReturnStatus
    raw_status: str
    version: int
    announced: bool
    lines: tuple[BackendReturnLine, ...]
    receipts: tuple[ReceiptLine, ...]
    hints: tuple[str, ...] = ()
    complete: bool = True
    changed_at: datetime | None = None


@dataclass(frozen=True)
class CatalogueItem:
    """A product that the back end knows; an inactive one would hold an order back."""

    sku: str
    active: bool


@dataclass(frozen=True)
class WebhookEvent:
    """A verified message of a vendor: a doorbell, never the fact itself. `order_id` is the shop's, if known."""

    message_id: str
    topic: str
    occurred_at: datetime | None = None
    order_id: int | None = None
    reference: str = ""
    amount_minor: int | None = None
    """Of a refund: what was paid back, which nothing else of the shop tells; `units` are the order item ids it names."""
    currency: str = ""
    units: tuple[int, ...] = ()
