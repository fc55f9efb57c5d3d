"""What a fulfilment back end tells us: orders, despatches and parcels in canonical words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from syncbridge.domain.orders import Fault


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


@dataclass(frozen=True)
class BackendOrder:
    """An order as the back end holds it. `version` rises with every change of it.

    `attention` lists why a person must look (quarantine, hold); `initiator` says who cancelled, if anybody.
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
