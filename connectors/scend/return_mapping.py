"""Scend's returns in canonical words, and our announcements in Scend's (Scend contract 2.14, assumed). Pure."""

from __future__ import annotations

from typing import Any

from connectors.scend.payloads import ReceiptDocument, ReturnDocument, compact_json
from connectors.wire import unknown_value, utc
from syncbridge.domain.backend import (
    BackendReturn,
    BackendReturnLine,
    Condition,
    Disposition,
    ReceiptLine,
    ReturnRequest,
    ReturnStatus,
)

LONGEST_NOTE = 250

_STATUSES = {
    "ANNOUNCED": ReturnStatus.ANNOUNCED,
    "IN_TRANSIT": ReturnStatus.ANNOUNCED,
    "RECEIVING": ReturnStatus.RECEIVING,
    "RECEIVED": ReturnStatus.RECEIVED,
    "CANCELLED": ReturnStatus.CANCELLED,
}
_CONDITIONS = {
    "RESALEABLE": Condition.RESALEABLE,
    "RESALEABLE_AFTER_REWORK": Condition.REWORK,
    "DAMAGED": Condition.DAMAGED,
    "FAULTY": Condition.FAULTY,
    "WORN": Condition.WORN,
    "WRONG_ITEM": Condition.WRONG_ITEM,
    "UNSELLABLE": Condition.UNSELLABLE,
}
_DISPOSITIONS = {
    "RESTOCK": Disposition.RESTOCK,
    "QUARANTINE": Disposition.QUARANTINE,
    "SCRAP": Disposition.SCRAP,
}
# Our reasons that Scend has under the same name; it knows no parcel that was refused because it came too late to stop.
_REASONS = frozenset(
    (
        "TOO_SMALL", "TOO_LARGE", "NOT_AS_DESCRIBED", "CHANGED_MIND", "FAULTY", "DAMAGED_IN_TRANSIT",
        "WRONG_ITEM_SENT", "LATE_DELIVERY", "OTHER",
    )
)  # fmt: skip
_OTHER_REASONS = {"TOO_LATE_TO_CANCEL": "CHANGED_MIND"}


def compose_return(request: ReturnRequest) -> str:
    """Write the body of `POST /returns`. A note that is too long is left out, never cut."""
    body: dict[str, Any] = {
        "rmaNumber": request.rma_number,
        "clientReference": request.reference,
        "lines": [
            {
                "lineNumber": line.line_number,
                "orderLineNumber": line.order_line_number,
                "sku": line.sku,
                "quantity": line.quantity,
                "reasonCode": reason_code(line.reason),
                "requestedDisposition": "DEFAULT",
            }
            for line in request.lines
        ],
    }
    if request.warehouse_code:
        body["warehouseCode"] = request.warehouse_code
    if request.tracking_number:
        body["returnTracking"] = {"trackingNumber": request.tracking_number}
    if 0 < len(request.note) <= LONGEST_NOTE:
        body["customerNote"] = request.note
    return compact_json(body)


def reason_code(reason: str) -> str:
    """Return Scend's code for a reason of ours; what it has no word for is OTHER."""
    word = reason.upper()
    return word if word in _REASONS else _OTHER_REASONS.get(word, "OTHER")


def to_return(document: ReturnDocument) -> BackendReturn:
    """Map a return. `lineNumber` of a receipt names the return's line, and that names the order's, where one is known."""
    status = _STATUSES.get(document.status)
    if status is None:
        unknown_value("scend.return.status", document.status)
        status = ReturnStatus.UNKNOWN
    order_lines = {line.line_number: line.order_line_number for line in document.lines}
    notes = [line.note for receipt in document.receipts for line in receipt.lines]
    texts = (document.tracking.tracking_number if document.tracking else None, document.customer_note, *notes)
    return BackendReturn(
        return_id=document.return_id,
        rma_number=document.rma_number or "",
        reference=document.client_reference or "",
        status=status,
        raw_status=document.status,
        version=document.version,
        announced=bool(document.announced if document.announced is not None else document.rma_number),
        lines=tuple(
            BackendReturnLine(line.order_line_number, line.sku, line.announced or 0, line.received or 0)
            for line in document.lines
        ),
        receipts=tuple(line for receipt in document.receipts for line in _receipt_lines(receipt, order_lines)),
        hints=tuple(text for text in texts if text),
        changed_at=utc(document.changed_at, "scend.return.changedAt"),
    )


def _receipt_lines(document: ReceiptDocument, order_lines: dict[int, int | None]) -> list[ReceiptLine]:
    received_at = utc(document.received_at, "scend.return.receipts.receivedAt")
    assert received_at is not None
    return [
        ReceiptLine(
            receipt_line_id=line.receipt_line_id,
            received_at=received_at,
            order_line_number=order_lines.get(line.line_number) if line.line_number is not None else None,
            sku=line.sku,
            quantity=line.quantity,
            condition=_condition(line.condition),
            disposition=_disposition(line.disposition),
            raw_condition=line.condition or "",
            raw_disposition=line.disposition or "",
        )
        for line in document.lines
    ]


def _condition(word: str | None) -> Condition:
    if word not in _CONDITIONS:
        unknown_value("scend.return.conditionCode", word)
    return _CONDITIONS.get(word or "", Condition.UNKNOWN)


def _disposition(word: str | None) -> Disposition:
    if word not in _DISPOSITIONS:
        unknown_value("scend.return.disposition", word)
    return _DISPOSITIONS.get(word or "", Disposition.UNKNOWN)
