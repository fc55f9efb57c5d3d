"""SCAYLE's Admin API: the endpoints we use, typed. Paths, headers and limits per SCAYLE contract 1 to 8.

Those of stock are in `stock_client`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import quote

from connectors.dialect import Answer, Call, Refusal, header_number, retry_after_header
from connectors.http import Limits, Transport
from connectors.pagination import Page, pages
from connectors.scayle.mapping import instant_text
from connectors.scayle.payloads import (
    Carrier,
    CarrierList,
    Cursor,
    ErrorDocument,
    Key,
    KeyList,
    OrderDocument,
    OrderList,
)
from connectors.scayle.stock_client import StockClient
from connectors.wire import machine_words
from syncbridge.config.shops import ScayleSettings, ShopSettings
from syncbridge.domain.errors import CallEvidence, NeedsPerson, VendorError
from syncbridge.ports.quota import Breaker, Lane, Quota, QuotaReading

SYSTEM = "scayle"

WINDOW = timedelta(minutes=1)
"""Limits are per minute (SCAYLE contract 1.4, documented)."""

FIRST_GUESS: Mapping[str, QuotaReading] = {
    scope: QuotaReading(limit=limit, remaining=limit, window=WINDOW)
    for scope, limit in {
        "ordersRead": 1000,
        "ordersWrite": 300,
        "fulfillmentWrite": 300,
        "stocksRead": 2500,
        "stocksWrite": 2500,
        "globalRead": 1000,
        "globalWrite": 300,
    }.items()
}
"""Documented default limits (SCAYLE contract 1.4). They vary per tenant; the first answer teaches the real ones."""

PAGE_LIMIT = 100
"""The documented default page size (SCAYLE contract 1.3)."""

Row = TypeVar("Row")


def read_refusal(body: bytes) -> Refusal:
    """Read an error document (SCAYLE contract 1.2); anything else is a refusal without words."""
    try:
        errors = ErrorDocument.model_validate_json(body).errors
    except ValueError:
        return Refusal(code=None, excerpt="no error document", enveloped=False)
    words = [error.error_key for error in errors if error.error_key]
    # The name of the field is fit to be shown; its value and the message may hold personal data.
    for error in errors:
        named = (error.context or {}).get("field")
        if isinstance(named, str):
            words.append(f"field {named}")
    code = errors[0].error_key if errors else None
    return Refusal(
        code=machine_words([code]) if code else None,
        excerpt=machine_words(words[1:]),
        enveloped=bool(errors),
    )


class ScayleDialect:
    """SCAYLE's headers, error envelope and rate headers."""

    system = SYSTEM

    def __init__(self, access_token: str) -> None:
        self._headers = {"X-Access-Token": access_token}

    def headers(self) -> Mapping[str, str]:
        return self._headers

    def is_failure(self, answer: Answer) -> bool:
        return not 200 <= answer.status < 300

    def refusal(self, answer: Answer) -> Refusal:
        return read_refusal(answer.body)

    def translate(
        self, call: Call, answer: Answer, refusal: Refusal, evidence: CallEvidence
    ) -> VendorError | None:
        if call.write and refusal.enveloped and answer.status in (400, 404, 409, 412, 413, 422):
            return NeedsPerson("SCAYLE refused it", evidence)
        return None

    def had_no_effect(self, answer: Answer, refusal: Refusal) -> bool:
        """Always False: no server error of SCAYLE is documented to be without effect."""
        return False

    def credentials_refused(self, answer: Answer, refusal: Refusal) -> bool:
        """Only a 401 speaks of the key as such; a 403 means that it lacks this one resource (contract 1.2)."""
        return answer.status == 401

    def retry_after(self, answer: Answer) -> timedelta | None:
        """`X-RateLimit-Reset` is a duration in seconds; Retry-After is not documented but honoured."""
        seconds = header_number(answer, "X-RateLimit-Reset")
        if answer.status == 429 and seconds is not None:
            return timedelta(seconds=min(seconds, 3600))
        return retry_after_header(answer)

    def quota(self, call: Call, answer: Answer) -> tuple[str, QuotaReading] | None:
        scope = answer.headers.get("X-RateLimit-Scope", "").strip() or call.scope
        limit = header_number(answer, "X-RateLimit-Limit")
        remaining = header_number(answer, "X-RateLimit-Remaining")
        resets = header_number(answer, "X-RateLimit-Reset")
        refused = answer.status == 429
        if limit is None or remaining is None:
            if not refused:
                return None
            guess = FIRST_GUESS.get(scope)
            limit = limit if limit is not None else guess.limit if guess else 300
        return scope, QuotaReading(
            limit=limit,
            remaining=0 if refused or remaining is None else remaining,
            window=WINDOW,
            retry_after=(self.retry_after(answer) or WINDOW) if refused else None,
            resets_in=None if resets is None else timedelta(seconds=min(resets, 3600)),
        )


class ScayleClient:
    """Endpoints of the Admin API. Every method raises Busy or a VendorError, as `Transport.exchange` says."""

    def __init__(
        self, settings: ScayleSettings, access_token: str, quota: Quota, breaker: Breaker, limits: Limits
    ) -> None:
        self._company = {} if settings.company_id is None else {"X-Company-Id": str(settings.company_id)}
        self._transport = Transport(settings.base_url, ScayleDialect(access_token), quota, breaker, limits)
        self.stock = StockClient(self._transport, SYSTEM)

    def order(self, shop: ShopSettings, identifier: int | str) -> tuple[OrderDocument, str]:
        """GET /shops/{shopKey}/countries/{countryCode}/orders/{orderIdentifier}; shop and country do not filter.

        The identifier is the order's id, or `key=` and its reference key (contract 1.1, from SDK).

        Returns the order and the text it was read from.
        """
        path = f"{_shop_path(shop)}/orders/{quote(str(identifier), safe='=')}"
        call = Call("read order", "GET", path, "ordersRead", Lane.ORDERS)
        return self._transport.exchange(
            call, lambda answer: (OrderDocument.model_validate_json(answer.body), answer.body.decode())
        )

    def orders(
        self, shop: ShopSettings, since: datetime, limit: int = PAGE_LIMIT
    ) -> Iterator[Page[OrderDocument]]:
        """GET /shops/{shopKey}/countries/{countryCode}/orders, changed at or after `since`, sorted by id."""

        def fetch(token: str | None, size: int) -> Page[OrderDocument]:
            query = [("filters[minUpdatedAt]", instant_text(since)), ("limit", str(size))]
            if token is not None:
                query.append(("cursor", token))
            call = Call(
                "list orders", "GET", f"{_shop_path(shop)}/orders", "ordersRead", Lane.DESPATCHES, query=query
            )
            found = self._transport.exchange(call, lambda answer: OrderList.model_validate_json(answer.body))
            return _page(found.entities, found.cursor)

        return pages(fetch, start=None, limit=limit, system=SYSTEM, operation="list orders")

    def warehouses(self) -> list[Key]:
        """GET /warehouses: all of them."""

        def fetch(token: str | None, size: int) -> Page[Key]:
            call = Call(
                "list warehouses", "GET", "/warehouses", "globalRead", Lane.ORDERS, query=_query(token, size)
            )
            found = self._transport.exchange(call, lambda answer: KeyList.model_validate_json(answer.body))
            return _page(found.entities, found.cursor)

        read = pages(fetch, start=None, limit=1000, system=SYSTEM, operation="list warehouses")
        return [row for page in read for row in page.rows]

    def carriers(self) -> list[Carrier]:
        """GET /carriers: all of them."""

        def fetch(token: str | None, size: int) -> Page[Carrier]:
            call = Call(
                "list carriers", "GET", "/carriers", "globalRead", Lane.DESPATCHES, query=_query(token, size)
            )
            found = self._transport.exchange(
                call, lambda answer: CarrierList.model_validate_json(answer.body)
            )
            return _page(found.entities, found.cursor)

        read = pages(fetch, start=None, limit=1000, system=SYSTEM, operation="list carriers")
        return [row for page in read for row in page.rows]

    def first_warehouse_page(self) -> Answer:
        """GET /warehouses?limit=1: SCAYLE has no ping, and this needs no order to exist."""
        call = Call("check access", "GET", "/warehouses", "globalRead", Lane.ORDERS, query=[("limit", "1")])
        return self._transport.exchange(call, _checked_list)

    def first_order_page(self, shop: ShopSettings) -> Answer:
        """GET .../orders?limit=1: tells whether this key may read orders; what it holds is not looked at."""
        call = Call(
            "check order access",
            "GET",
            f"{_shop_path(shop)}/orders",
            "ordersRead",
            Lane.ORDERS,
            query=[("limit", "1")],
        )
        return self._transport.exchange(call, lambda answer: answer)

    def post_shipment(self, body: str) -> None:
        """POST /fulfillment/shipments; any 2xx, with or without a body, is success (contract 2, from SDK)."""
        self._post("send shipment", "/fulfillment/shipments", body, Lane.DESPATCHES)

    def post_cancellation(self, body: str) -> None:
        """POST /fulfillment/cancellations."""
        self._post("send cancellation", "/fulfillment/cancellations", body, Lane.ORDERS)

    def post_return(self, body: str) -> None:
        """POST /fulfillment/return-items."""
        self._post("send return", "/fulfillment/return-items", body, Lane.DESPATCHES)

    def _post(self, operation: str, path: str, body: str, lane: Lane) -> None:
        call = Call(
            operation,
            "POST",
            path,
            "fulfillmentWrite",
            lane,
            write=True,
            body=body.encode(),
            headers=self._company,
        )
        self._transport.exchange(call, lambda _: None)


def _shop_path(shop: ShopSettings) -> str:
    return f"/shops/{quote(shop.key, safe='')}/countries/{quote(shop.country, safe='')}"


def _query(token: str | None, size: int) -> list[tuple[str, str]]:
    return [("limit", str(size))] if token is None else [("limit", str(size)), ("cursor", token)]


def _page(rows: list[Row], cursor: Cursor | None) -> Page[Row]:
    token = cursor.next if cursor else None
    return Page(tuple(rows), token or "", more=bool(token))


def _checked_list(answer: Answer) -> Answer:
    KeyList.model_validate_json(answer.body)
    return answer
