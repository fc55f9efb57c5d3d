"""Stock in SCAYLE's words and ours (SCAYLE contract 1.1, 9 and 11). Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from connectors.dialect import Refusal
from connectors.scayle.mapping import instant_text
from connectors.scayle.payloads import compact_json
from connectors.scayle.stock_payloads import StockDocument
from connectors.wire import utc
from syncbridge.domain.errors import (
    CallEvidence,
    Misconfigured,
    NeedsPerson,
    NotFound,
    OutcomeUnknown,
    RetryLater,
    VendorError,
)
from syncbridge.domain.stock import ShopStock, StockWrite

VARIANT_UNKNOWN = "VARIANT_NOT_FOUND"
"""The one error key about variants that the SDK shows (SCAYLE contract 1.2)."""


def stock_path(sku: str) -> str:
    """Return the path of a SKU's stock, relative to the API's root.

    SCAYLE's SDKs encode a key as a form does, so that a `+` is read as a space (contract 1.1): everything beside letters and
    digits is therefore percent-encoded. `A B/1+` gives `/variants/key=A%20B%2F1%2B/stocks`.
    """
    return f"/variants/key={quote(sku, safe='')}/stocks"


def stock_body(write: StockWrite) -> dict[str, Any]:
    """Return the body of one write (contract 9.1). Raises ValueError for a time without an offset.

    The merchant is always named, since nobody sells from the default merchant's stock. `sellableWithoutStock` is left
    out: it is the shop's own choice, and a write of ours must not reset it.
    """
    return {
        "quantity": write.quantity,
        "warehouseReferenceKey": write.warehouse,
        "merchantReferenceKey": write.merchant,
        "changedAt": instant_text(write.changed_at),
    }


def bulk_body(
    writes: Sequence[StockWrite], first_index: int, *, request_key: int | str | None, last: bool
) -> str:
    """Return one chunk of a bulk request (contract 11); an operation's key is the place of its write in the whole.

    No addresses for callbacks are given: what would be sent there is not documented, and the status can be asked for.
    """
    callbacks: dict[str, Any] = {"requestStatus": "complete" if last else "incomplete"}
    if request_key is not None:
        callbacks["bulkRequestKey"] = request_key
    operations = [
        {
            "key": operation_key(index),
            "method": "POST",
            "url": stock_path(write.sku),
            "headers": {},
            "body": stock_body(write),
        }
        for index, write in enumerate(writes, start=first_index)
    ]
    return compact_json({"callbacks": callbacks, "operations": operations})


def operation_key(index: int) -> str:
    return str(index)


def unsaid(write: StockWrite) -> ShopStock:
    """What is known of a write that was accepted without a word about what is held now."""
    return ShopStock(write.sku, write.warehouse, write.merchant, quantity=None, changed_at=None)


def to_answer(document: StockDocument, write: StockWrite) -> ShopStock:
    """Map the answer to a write. One that names another warehouse or merchant says nothing about ours."""
    warehouse, merchant = document.warehouse_reference_key, document.merchant_reference_key
    if (warehouse and warehouse != write.warehouse) or (merchant and merchant != write.merchant):
        return unsaid(write)
    changed_at = utc(document.changed_at, "scayle.stock.changedAt")
    return replace(unsaid(write), quantity=document.quantity, changed_at=changed_at)


def to_stock(document: StockDocument, sku: str) -> ShopStock:
    """Map one row of a variant's stock; a warehouse or merchant that it does not name is an empty text."""
    return ShopStock(
        sku=sku,
        warehouse=document.warehouse_reference_key or "",
        merchant=document.merchant_reference_key or "",
        quantity=document.quantity,
        changed_at=utc(document.changed_at, "scayle.stock.changedAt"),
    )


def document_of(body: Any) -> StockDocument:
    """Read an answer's body; nothing, null and PHP's `[]` for an empty object all say nothing.

    Raises ValueError for anything that is not an object.
    """
    if isinstance(body, str | bytes):
        body = json.loads(body) if body.strip() else None
    if body is None or body == []:
        return StockDocument()
    return StockDocument.model_validate(body)


def refused_write(evidence: CallEvidence) -> VendorError:
    """Return why a stock write was refused by SCAYLE itself: the SKU is not there, or a person has to look.

    Warehouse and merchant are named in the body, and their absence is set-up and not a question of the SKU. Which status
    SCAYLE gives it is not documented.
    """
    words = f"{evidence.code or ''} {evidence.excerpt}".upper()
    names_place = "WAREHOUSE" in words or "MERCHANT" in words
    if evidence.code == VARIANT_UNKNOWN or (evidence.status == 404 and not names_place):
        return NotFound("SCAYLE has no such SKU", evidence)
    return NeedsPerson("SCAYLE refused it", evidence)


def failed_operation(status: int | None, refusal: Refusal, evidence: CallEvidence) -> VendorError:
    """Return what a failed operation of a bulk request means, by the status that the call inside it got."""
    if status == 429:
        return RetryLater("the quota was used up", evidence)
    if status in (401, 403):
        return Misconfigured("the credentials are not accepted for this", evidence)
    if status is None or status < 400 or status == 408 or status >= 500:
        return OutcomeUnknown("it failed, and whether it took effect is unknown", evidence)
    if status == 404 and not refusal.enveloped:
        return OutcomeUnknown("something other than SCAYLE's interface answered it", evidence)
    return refused_write(evidence)


def texts_of(body: Any) -> bytes:
    """Return an operation's body as the bytes it once was, for whoever reads error documents."""
    if isinstance(body, str):
        return body.encode("utf-8", "replace")
    return json.dumps(body).encode() if isinstance(body, Mapping) else b""
