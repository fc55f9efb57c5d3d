"""SCAYLE's stock and bulk objects as spelled on the wire (SCAYLE contract 9 and 11, from SDK), reduced to what we read."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from connectors.scayle.payloads import Cursor, Instant, Text
from connectors.wire import LENIENT, Wire

Whole = Annotated[int | None, LENIENT]


class StockDocument(Wire):
    """ProductVariantStock. No member is sure to be there: whether an answer repeats what was sent is not documented."""

    quantity: Whole = None
    warehouse_reference_key: Text = Field(None, alias="warehouseReferenceKey")
    merchant_reference_key: Text = Field(None, alias="merchantReferenceKey")
    changed_at: Instant = Field(None, alias="changedAt")


class StockList(Wire):
    """All warehouses of a variant. The SDK has no cursor here; one that comes all the same is followed."""

    entities: list[StockDocument]
    cursor: Annotated[Cursor | None, LENIENT] = None


class BulkCreated(Wire):
    key: Annotated[str, Field(min_length=1)]


class BulkProgress(Wire):
    total: Whole = Field(None, alias="totalOperations")
    processed: Whole = Field(None, alias="processedOperations")
    failed: Whole = Field(None, alias="failedOperations")


class BulkStatus(Wire):
    """BulkRequestStatus."""

    status: str
    progress: Annotated[BulkProgress | None, LENIENT] = None


class OperationResponse(Wire):
    """What one call of the container got. `body` is null for a 204."""

    status_code: Whole = Field(None, alias="statusCode")
    body: Any = None


class OperationStatus(Wire):
    """BulkOperationStatus."""

    status: str
    response: Annotated[OperationResponse | None, LENIENT] = None
