"""Scend's objects as spelled on the wire, reduced to what we read (Scend contract 2.4 to 2.16, assumed)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import Field, ValidationError

from connectors.wire import LENIENT, Wire, spoilt_fields

Text = Annotated[str | None, LENIENT]
Count = Annotated[int | None, LENIENT]
Instant = Annotated[datetime | None, LENIENT]
Units = Annotated[Decimal, Field(ge=-1_000_000_000, le=1_000_000_000)]
"""A figure that no warehouse can have is a mistake of the sender."""


class PageInfo(Wire):
    has_more: bool = Field(alias="hasMore")
    next_cursor: str = Field(alias="nextCursor")


class OrderLine(Wire):
    line_number: int = Field(alias="lineNumber")
    sku: str
    ordered: int = Field(alias="quantityOrdered")
    unit_price: Text = Field(None, alias="unitPrice")
    client_line_reference: Text = Field(None, alias="clientLineReference")
    allocated: Count = Field(None, alias="quantityAllocated")
    backordered: Count = Field(None, alias="quantityBackordered")
    despatched: Count = Field(None, alias="quantityDespatched")
    cancelled: Count = Field(None, alias="quantityCancelled")


class Reason(Wire):
    """Why an order is quarantined. Its message is not read: it may quote the address."""

    code: Text = None
    field: Text = None
    sku: Text = None


class Quarantine(Wire):
    reasons: Annotated[list[Reason] | None, LENIENT] = None


class Hold(Wire):
    code: Text = None


class CancellationInfo(Wire):
    allowed: Text = None
    state: Text = None
    initiator: Text = None
    reason_code: Text = Field(None, alias="reasonCode")


class OrderTotals(Wire):
    goods: Text = None
    shipping: Text = None
    discount: Text = None
    tax: Text = None
    grand_total: Text = Field(None, alias="grandTotal")


class OrderDocument(Wire):
    """An order (Scend contract 2.8). Addresses are not read: nothing here holds personal data."""

    order_id: str = Field(alias="orderId")
    client_reference: str = Field(alias="clientReference")
    status: str
    version: int
    warehouse_code: Text = Field(None, alias="warehouseCode")
    updated_at: Instant = Field(None, alias="updatedAt")
    currency: Text = None
    lines: list[OrderLine]
    quarantine: Annotated[Quarantine | None, LENIENT] = None
    hold: Annotated[Hold | None, LENIENT] = None
    cancellation: Annotated[CancellationInfo | None, LENIENT] = None
    totals: Annotated[OrderTotals | None, LENIENT] = None


class OrderFeed(Wire):
    data: list[OrderDocument]
    page: PageInfo


class ParcelLineDocument(Wire):
    line_number: int = Field(alias="lineNumber")
    sku: str
    quantity: int


class ParcelDocument(Wire):
    parcel_id: str = Field(alias="parcelId")
    tracking_number: Text = Field(None, alias="trackingNumber")
    lines: list[ParcelLineDocument]


class CarrierDocument(Wire):
    code: Text = None


class DespatchDocument(Wire):
    """A despatch (Scend contract 2.13)."""

    despatch_id: str = Field(alias="despatchId")
    despatch_number: Text = Field(None, alias="despatchNumber")
    order_id: Text = Field(None, alias="orderId")
    client_reference: Text = Field(None, alias="clientReference")
    version: int
    despatched_at: datetime = Field(alias="despatchedAt")
    voided_at: Instant = Field(None, alias="voidedAt")
    carrier: Annotated[CarrierDocument | None, LENIENT] = None
    lines: Annotated[list[ParcelLineDocument] | None, LENIENT] = None
    parcels: list[ParcelDocument]


class DespatchMark(Wire):
    """What a despatch is about, if nothing else of it can be read."""

    despatch_id: str = Field(alias="despatchId")
    client_reference: Text = Field(None, alias="clientReference")


@dataclass(frozen=True)
class SpoiltDespatch:
    """A despatch that cannot be read, for the sake of these fields."""

    mark: DespatchMark
    fields: tuple[str, ...]


def despatch_of(row: Any) -> DespatchDocument | SpoiltDespatch:
    """Read one despatch of the feed. Raises ValueError for one that does not even say which it is."""
    try:
        return DespatchDocument.model_validate(row)
    except ValidationError as error:
        return SpoiltDespatch(DespatchMark.model_validate(row), spoilt_fields(error))


class DespatchFeed(Wire):
    """A page of despatches, read one by one: the cursor says where the feed goes on, so that one spoils no other."""

    data: list[Any]
    page: PageInfo


class ReturnLineDocument(Wire):
    line_number: int = Field(alias="lineNumber")
    order_line_number: Count = Field(None, alias="orderLineNumber")
    sku: str
    announced: Count = Field(None, alias="quantityAnnounced")
    received: Count = Field(None, alias="quantityReceived")


class ReceiptLineDocument(Wire):
    receipt_line_id: str = Field(alias="receiptLineId")
    line_number: Count = Field(None, alias="lineNumber")
    sku: str
    quantity: int
    condition: Text = Field(None, alias="conditionCode")
    disposition: Text = None
    note: Text = None


class ReceiptDocument(Wire):
    received_at: datetime = Field(alias="receivedAt")
    lines: list[ReceiptLineDocument]


class ReturnTracking(Wire):
    tracking_number: Text = Field(None, alias="trackingNumber")


class ReturnDocument(Wire):
    """A return (Scend contract 2.14). Its notes are read for codes only: they may hold personal data."""

    return_id: str = Field(alias="returnId")
    rma_number: Text = Field(None, alias="rmaNumber")
    announced: Annotated[bool | None, LENIENT] = None
    client_reference: Text = Field(None, alias="clientReference")
    status: str
    version: int
    changed_at: Instant = Field(None, alias="changedAt")
    tracking: Annotated[ReturnTracking | None, LENIENT] = Field(None, alias="returnTracking")
    customer_note: Text = Field(None, alias="customerNote")
    lines: list[ReturnLineDocument]
    receipts: list[ReceiptDocument]


class ReturnFeed(Wire):
    data: list[ReturnDocument]
    page: PageInfo


class Product(Wire):
    sku: str
    active: bool


class ProductFeed(Wire):
    data: list[Product]
    page: PageInfo


class StockDocument(Wire):
    """Stock of a SKU in one warehouse (Scend contract 2.12). Of its figures only the one for sale may reach the shop.

    The figure is taken as it comes, below zero and in fractions too. A row that lacks one is unreadable, never zero.
    """

    sku: str
    warehouse_code: str = Field(alias="warehouseCode")
    available_for_sale: Units = Field(alias="availableForSale")
    active: Annotated[bool | None, LENIENT] = None
    changed_at: Instant = Field(None, alias="changedAt")
    sequence: int


class StockFeed(Wire):
    data: list[StockDocument]
    page: PageInfo


class Ping(Wire):
    """GET /ping (Scend contract 2.3)."""

    account_code: Text = Field(None, alias="accountCode")
    environment: Text = None
    server_time: Instant = Field(None, alias="serverTime")
    scopes: Annotated[list[str] | None, LENIENT] = None


class ErrorDetail(Wire):
    code: Text = None
    field: Text = None


class ErrorBody(Wire):
    code: str
    context: Annotated[dict[str, Any] | None, LENIENT] = None
    details: Annotated[list[ErrorDetail] | None, LENIENT] = None


class ErrorDocument(Wire):
    """The one error envelope (Scend contract 2.4). `message` and `details[].value` are not read on purpose."""

    error: ErrorBody


def compact_json(document: Any) -> str:
    """Write JSON whose bytes depend on its content only: sorted keys, no spaces."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
