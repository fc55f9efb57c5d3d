"""SCAYLE's stock and bulk endpoints, typed (SCAYLE contract 9 and 11)."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.dialect import Answer, Call
from connectors.http import Transport
from connectors.pagination import Page, pages
from connectors.scayle.payloads import compact_json
from connectors.scayle.stock_mapping import (
    bulk_body,
    document_of,
    operation_key,
    refused_write,
    stock_body,
    stock_path,
)
from connectors.scayle.stock_payloads import (
    BulkCreated,
    BulkStatus,
    OperationStatus,
    StockDocument,
    StockList,
)
from syncbridge.domain.errors import NeedsPerson, NotFound, OutcomeUnknown, RetryLater
from syncbridge.domain.stock import StockWrite
from syncbridge.ports.quota import Lane

BULK = "/variants/stocks/bulk-requests"


class StockClient:
    """Every method raises Busy or a VendorError, as `Transport.exchange` says."""

    def __init__(self, transport: Transport, system: str) -> None:
        self._transport = transport
        self._system = system

    def write(self, write: StockWrite) -> StockDocument:
        """POST /variants/{variantIdentifier}/stocks: 200 or 201, whether it was applied or ignored as too old.

        Raises NotFound for a SKU that SCAYLE lacks, NeedsPerson for an unknown warehouse or merchant.
        """
        call = Call(
            "write stock",
            "POST",
            stock_path(write.sku),
            "stocksWrite",
            Lane.STOCK,
            write=True,
            body=compact_json(stock_body(write)).encode(),
        )
        try:
            return self._transport.exchange(call, lambda answer: document_of(answer.body))
        except NeedsPerson as error:
            raise refused_write(error.evidence) from error

    def stocks(self, sku: str, lane: Lane = Lane.STOCK) -> list[StockDocument]:
        """GET /variants/{variantIdentifier}/stocks: all its warehouses and merchants."""

        def fetch(token: str | None, _size: int) -> Page[StockDocument]:
            query = [] if token is None else [("cursor", token)]
            call = Call("read stock", "GET", stock_path(sku), "stocksRead", lane, query=query)
            found = self._transport.exchange(call, lambda answer: StockList.model_validate_json(answer.body))
            more = found.cursor.next if found.cursor else None
            return Page(tuple(found.entities), more or "", more=bool(more))

        read = pages(fetch, start=None, limit=1, system=self._system, operation="read stock")
        return [row for page in read for row in page.rows]

    def add_to_bulk(
        self, writes: Sequence[StockWrite], first_index: int, *, request_key: str | None, last: bool
    ) -> str:
        """POST /variants/stocks/bulk-requests: begin a request, or add a chunk to one; return its key.

        A request beyond SCAYLE's limit of running operations is refused (contract 11, documented, error key unknown):
        that is no business of a person, and RetryLater.
        """
        key: int | str | None = request_key
        if request_key is not None and request_key.isascii() and request_key.isdigit():
            key = int(request_key)
        call = Call(
            "write stock in bulk",
            "POST",
            BULK,
            "stocksWrite",
            Lane.STOCK,
            write=True,
            body=bulk_body(writes, first_index, request_key=key, last=last).encode(),
        )
        try:
            return self._transport.exchange(call, _bulk_key)
        except NeedsPerson as error:
            if "LIMIT" in (error.evidence.code or "").upper():
                raise RetryLater("too many bulk operations are running", error.evidence) from error
            raise

    def cancel_bulk(self, request_key: str) -> None:
        """PUT /bulk-requests/{requestKey}/cancel: what is done stays done."""
        path = f"/bulk-requests/{request_key}/cancel"
        call = Call("cancel bulk request", "PUT", path, "globalWrite", Lane.STOCK, write=True)
        self._transport.exchange(call, lambda _: None)

    def bulk_status(self, request_key: str) -> BulkStatus:
        """GET /bulk-requests/{requestKey}/status; raises OutcomeUnknown for a request that SCAYLE no longer has."""
        path = f"/bulk-requests/{request_key}/status"
        call = Call("read bulk status", "GET", path, "globalRead", Lane.STOCK)
        try:
            return self._transport.exchange(call, lambda answer: BulkStatus.model_validate_json(answer.body))
        except NotFound as error:
            # NotFound is said of SKUs; what became of the writes has to be read SKU by SKU.
            raise OutcomeUnknown("SCAYLE no longer has the bulk request", error.evidence) from error

    def operation(self, request_key: str, index: int) -> tuple[OperationStatus, str]:
        """GET /bulk-requests/{requestKey}/operations/{operationKey}/status, with the id of our request."""
        path = f"/bulk-requests/{request_key}/operations/{operation_key(index)}/status"
        call = Call("read bulk operation", "GET", path, "globalRead", Lane.BULK)
        return self._transport.exchange(
            call, lambda answer: (OperationStatus.model_validate_json(answer.body), answer.request_id)
        )


def _bulk_key(answer: Answer) -> str:
    key = BulkCreated.model_validate_json(answer.body).key
    if not (key.isascii() and key.replace("-", "").isalnum()):
        raise ValueError("the key of the bulk request is no plain word")
    return key
