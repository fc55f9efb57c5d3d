"""Scend's interface: the endpoints we use, typed (Scend contract 2.2 to 2.15, assumed)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import quote

from connectors.dialect import Answer, Call, Refusal, header_number, retry_after_header
from connectors.http import Limits, Transport
from connectors.pagination import Page, pages
from connectors.scend.order_body import instant_text
from connectors.scend.payloads import (
    DespatchDocument,
    DespatchFeed,
    ErrorDocument,
    OrderDocument,
    OrderFeed,
    PageInfo,
    Ping,
    Product,
    ProductFeed,
    ReturnDocument,
    ReturnFeed,
    SpoiltDespatch,
    StockDocument,
    StockFeed,
    despatch_of,
)
from connectors.wire import machine_words
from syncbridge.config.scend import ScendSettings
from syncbridge.domain.errors import (
    AlreadyExists,
    CallEvidence,
    CursorRefused,
    NeedsPerson,
    OutcomeUnknown,
    VendorError,
)
from syncbridge.ports.quota import Breaker, Lane, Quota, QuotaReading

SYSTEM = "scend"
SCOPE = "account"
"""Scend counts all calls of a token together (contract 2.6)."""

FILTER_VALUES = 50
"""The most values that one filter takes (contract 2.5)."""

_TELLING = ("orderId", "status", "cutoffStatus", "missingScope", "oldestAllowed")
"""Members of an error's context that hold machine words."""

class PastCutoff(NeedsPerson):
    """Scend does not cancel an order any more; `status` is how far it has got."""

    def __init__(self, message: str, evidence: CallEvidence, status: str) -> None:
        super().__init__(message, evidence)
        self.status = status


Row = TypeVar("Row")
Query = list[tuple[str, str]]


def first_guess(settings: ScendSettings) -> Mapping[str, QuotaReading]:
    """Return the quota as configured, for a limiter that has not yet seen an answer."""
    capacity = settings.rate_capacity
    return {
        SCOPE: QuotaReading(limit=capacity, remaining=capacity, refill_per_second=settings.rate_per_second)
    }


class ScendDialect:
    """Scend's headers, error envelope and rate headers."""

    system = SYSTEM

    def __init__(self, settings: ScendSettings, token: str) -> None:
        self._headers = {"Authorization": f"Bearer {token}", "X-Scend-Account": settings.account_code}
        self._capacity = settings.rate_capacity
        self._refill = settings.rate_per_second

    def headers(self) -> Mapping[str, str]:
        return self._headers

    def is_failure(self, answer: Answer) -> bool:
        """The seam for a Scend that reports failures inside a 200 (contract 2.18); the assumed one does not."""
        return not 200 <= answer.status < 300

    def refusal(self, answer: Answer) -> Refusal:
        try:
            error = ErrorDocument.model_validate_json(answer.body).error
        except ValueError:
            return Refusal(code=None, excerpt="no error document", enveloped=False)
        context = error.context or {}
        words = [f"{one.code or 'UNKNOWN'} {one.field or ''}".strip() for one in error.details or ()]
        words += [f"{name} {context[name]}" for name in _TELLING if isinstance(context.get(name), str)]
        differing = context.get("differingFields")
        words += [f"differs {name}" for name in differing] if isinstance(differing, list) else []
        return Refusal(
            code=machine_words([error.code]) or None,
            excerpt=machine_words(words),
            enveloped=True,
            context=context,
        )

    def translate(
        self, call: Call, answer: Answer, refusal: Refusal, evidence: CallEvidence
    ) -> VendorError | None:
        match refusal.code:
            case "DUPLICATE_CLIENT_REFERENCE" | "DUPLICATE_RMA_NUMBER":
                return AlreadyExists("Scend already holds this reference with other content", evidence)
            case "PAST_CUTOFF":
                status = refusal.context.get("status")
                return PastCutoff("the order is past the cut-off", evidence, status if isinstance(status, str) else "")
            case "REQUEST_IN_PROGRESS":
                return OutcomeUnknown("Scend is still working on a request with this reference", evidence)
            case "CURSOR_EXPIRED" | "CURSOR_INVALID":
                return CursorRefused("the stored feed position is no longer accepted", evidence)
            case "CHANGED_SINCE_TOO_OLD":
                return CursorRefused("the feed does not reach back so far", evidence, snapshot_needed=True)
        return None

    def had_no_effect(self, answer: Answer, refusal: Refusal) -> bool:
        """Scend guarantees it for its own SERVICE_UNAVAILABLE (contract 2.4); a proxy's bare 503 proves nothing."""
        return answer.status == 503 and refusal.code == "SERVICE_UNAVAILABLE"

    def credentials_refused(self, answer: Answer, refusal: Refusal) -> bool:
        """A 401, or a 403 about the account; a missing scope stops only the calls that need it (contract 2.3)."""
        return answer.status == 401 or (answer.status == 403 and "missingScope" not in refusal.context)

    def retry_after(self, answer: Answer) -> timedelta | None:
        return retry_after_header(answer)

    def quota(self, call: Call, answer: Answer) -> tuple[str, QuotaReading] | None:
        limit = header_number(answer, "X-RateLimit-Limit")
        remaining = header_number(answer, "X-RateLimit-Remaining")
        refused = answer.status == 429
        if (limit is None or remaining is None) and not refused:
            return None
        return SCOPE, QuotaReading(
            limit=self._capacity if limit is None else limit,
            remaining=0 if refused or remaining is None else remaining,
            refill_per_second=self._refill,
            retry_after=(retry_after_header(answer) or timedelta(seconds=1)) if refused else None,
        )


class ScendClient:
    """Endpoints of Scend. Every method raises Busy or a VendorError, as `Transport.exchange` says."""

    def __init__(
        self, settings: ScendSettings, token: str, quota: Quota, breaker: Breaker, limits: Limits
    ) -> None:
        self._page_limit = settings.page_limit
        self._transport = Transport(settings.base_url, ScendDialect(settings, token), quota, breaker, limits)

    def ping(self) -> Ping:
        """GET /ping."""
        call = Call("ping", "GET", "/ping", SCOPE, Lane.DESPATCHES)
        return self._transport.exchange(call, lambda answer: Ping.model_validate_json(answer.body))

    def create_order(self, body: str) -> OrderDocument:
        """POST /orders: 201 for a new order, 200 for the same one again."""
        reference = json.loads(body)["clientReference"]

        def read(answer: Answer) -> OrderDocument:
            order = OrderDocument.model_validate_json(answer.body)
            if order.client_reference != reference:
                raise ValueError("the answer is about another order")
            return order

        call = Call("create order", "POST", "/orders", SCOPE, Lane.ORDERS, write=True, body=body.encode())
        return self._transport.exchange(call, read)

    def cancel_order(self, order_id: str, body: str) -> OrderDocument:
        """POST /orders/{orderId}/cancel: 200 cancelled, 202 the floor decides; 409 PAST_CUTOFF raises PastCutoff."""

        def read(answer: Answer) -> OrderDocument:
            order = OrderDocument.model_validate_json(answer.body)
            if order.order_id != order_id:
                raise ValueError("the answer is about another order")
            return order

        path = f"/orders/{quote(order_id, safe='')}/cancel"
        call = Call("cancel order", "POST", path, SCOPE, Lane.ORDERS, write=True, body=body.encode())
        return self._transport.exchange(call, read)

    def orders_by_reference(self, references: Sequence[str], lane: Lane) -> Iterator[OrderDocument]:
        """GET /orders?clientReference=: those that exist, of at most 50 references."""
        query = [("clientReference", ",".join(references))]
        for page in self._orders("find orders", query, None, lane):
            yield from page.rows

    def orders(self, cursor: str | None, since: datetime | None) -> Iterator[Page[OrderDocument]]:
        """GET /orders as a feed."""
        return self._orders("read order feed", _start(cursor, since), cursor, Lane.DESPATCHES)

    def _orders(
        self, operation: str, query: Query, cursor: str | None, lane: Lane
    ) -> Iterator[Page[OrderDocument]]:
        def fetch(token: str | None, size: int) -> Page[OrderDocument]:
            call = Call(operation, "GET", "/orders", SCOPE, lane, query=_query(query, token, size))
            found = self._transport.exchange(call, lambda answer: OrderFeed.model_validate_json(answer.body))
            return _page(found.data, found.page)

        return pages(fetch, start=cursor, limit=self._page_limit, system=SYSTEM, operation=operation)

    def despatches(
        self, cursor: str | None, since: datetime | None
    ) -> Iterator[Page[DespatchDocument | SpoiltDespatch]]:
        """GET /despatches as a feed."""
        query = _start(cursor, since)

        def read(answer: Answer) -> Page[DespatchDocument | SpoiltDespatch]:
            found = DespatchFeed.model_validate_json(answer.body)
            return _page([despatch_of(row) for row in found.data], found.page)

        def fetch(token: str | None, size: int) -> Page[DespatchDocument | SpoiltDespatch]:
            call = Call(
                "read despatch feed",
                "GET",
                "/despatches",
                SCOPE,
                Lane.DESPATCHES,
                query=_query(query, token, size),
            )
            return self._transport.exchange(call, read)

        return pages(
            fetch, start=cursor, limit=self._page_limit, system=SYSTEM, operation="read despatch feed"
        )

    def create_return(self, body: str) -> ReturnDocument:
        """POST /returns: 201 for a new announcement, 200 for the same one again."""
        number = json.loads(body)["rmaNumber"]

        def read(answer: Answer) -> ReturnDocument:
            made = ReturnDocument.model_validate_json(answer.body)
            if made.rma_number != number:
                raise ValueError("the answer is about another return")
            return made

        call = Call("announce return", "POST", "/returns", SCOPE, Lane.DESPATCHES, write=True, body=body.encode())
        return self._transport.exchange(call, read)

    def returns_by_rma(self, rma_numbers: Sequence[str]) -> Iterator[ReturnDocument]:
        """GET /returns?rmaNumber=: those that exist, of at most 50 numbers."""
        query = [("rmaNumber", ",".join(rma_numbers))]
        for page in self._returns("find returns", query, None):
            yield from page.rows

    def returns(self, cursor: str | None, since: datetime | None) -> Iterator[Page[ReturnDocument]]:
        """GET /returns as a feed."""
        return self._returns("read return feed", _start(cursor, since), cursor)

    def _returns(self, operation: str, query: Query, cursor: str | None) -> Iterator[Page[ReturnDocument]]:
        def fetch(token: str | None, size: int) -> Page[ReturnDocument]:
            call = Call(operation, "GET", "/returns", SCOPE, Lane.DESPATCHES, query=_query(query, token, size))
            found = self._transport.exchange(call, lambda answer: ReturnFeed.model_validate_json(answer.body))
            return _page(found.data, found.page)

        return pages(fetch, start=cursor, limit=self._page_limit, system=SYSTEM, operation=operation)

    def products(self, skus: Sequence[str]) -> Iterator[Product]:
        """GET /products?sku=: those that exist, of at most 50 SKUs."""
        query = [("sku", ",".join(skus))]

        def fetch(token: str | None, size: int) -> Page[Product]:
            call = Call(
                "look up SKUs", "GET", "/products", SCOPE, Lane.ORDERS, query=_query(query, token, size)
            )
            found = self._transport.exchange(
                call, lambda answer: ProductFeed.model_validate_json(answer.body)
            )
            return _page(found.data, found.page)

        for page in pages(fetch, start=None, limit=self._page_limit, system=SYSTEM, operation="look up SKUs"):
            yield from page.rows

    def product_feed(self, cursor: str | None, since: datetime | None) -> Iterator[Page[Product]]:
        """GET /products as a feed."""
        operation = "read product feed"
        query = _start(cursor, since)

        def fetch(token: str | None, size: int) -> Page[Product]:
            call = Call(operation, "GET", "/products", SCOPE, Lane.BULK, query=_query(query, token, size))
            found = self._transport.exchange(
                call, lambda answer: ProductFeed.model_validate_json(answer.body)
            )
            return _page(found.data, found.page)

        return pages(fetch, start=cursor, limit=self._page_limit, system=SYSTEM, operation=operation)

    def stock(self, cursor: str | None, since: datetime | None) -> Iterator[Page[StockDocument]]:
        """GET /stock-levels as a feed: one row per SKU and warehouse."""
        operation = "read stock feed"
        query = _start(cursor, since)

        def fetch(token: str | None, size: int) -> Page[StockDocument]:
            call = Call(
                operation, "GET", "/stock-levels", SCOPE, Lane.STOCK, query=_query(query, token, size)
            )
            found = self._transport.exchange(call, lambda answer: StockFeed.model_validate_json(answer.body))
            return _page(found.data, found.page)

        return pages(fetch, start=cursor, limit=self._page_limit, system=SYSTEM, operation=operation)


def _start(cursor: str | None, since: datetime | None) -> Query:
    """A cursor and an instant exclude each other (contract 2.5); the cursor is more exact."""
    return [] if cursor is not None or since is None else [("changedSince", instant_text(since))]


def _query(query: Query, token: str | None, size: int) -> Query:
    if token is None:
        return [*query, ("limit", str(size))]
    return [*(pair for pair in query if pair[0] != "changedSince"), ("limit", str(size)), ("cursor", token)]


def _page(rows: list[Row], info: PageInfo) -> Page[Row]:
    return Page(tuple(rows), info.next_cursor, more=info.has_more)
