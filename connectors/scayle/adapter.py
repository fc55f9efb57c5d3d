"""SCAYLE behind the `Shop` port."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from connectors.http import Limits
from connectors.scayle import cancellation_call, delegated_order, delegation, mapping, stock_mapping, webhook
from connectors.scayle.bulk_stock import BulkStock
from connectors.scayle.client import SYSTEM, ScayleClient
from connectors.scayle.payloads import OrderDocument
from syncbridge.config.shops import ScayleSettings
from syncbridge.domain.backend import WebhookEvent
from syncbridge.domain.errors import CallEvidence, Misconfigured, NotFound, VendorError
from syncbridge.domain.orders import Delegation, ShopOrder
from syncbridge.domain.stock import ShopStock, StockWrite
from syncbridge.ports.answers import FeedPage, Health
from syncbridge.ports.quota import Breaker, Lane, Quota
from syncbridge.ports.shop import CancellationCall, Shipment, UnitCancellation, UnitReturn

log = structlog.get_logger(__name__)

WAREHOUSE_REFRESH_SECONDS = 60.0
"""How soon an id that is still unknown is asked for again. Chosen: a new warehouse costs one more call a minute."""


class ScayleShop:
    """The shop, over SCAYLE's Admin API. Safe for threads."""

    def __init__(
        self,
        settings: ScayleSettings,
        access_token: str,
        quota: Quota,
        breaker: Breaker,
        *,
        deadline_seconds: float = 20.0,
        proxy: str | None = None,
    ) -> None:
        self._settings = settings
        limits = Limits.of(settings, deadline_seconds, proxy)
        self._client = ScayleClient(settings, access_token, quota, breaker, limits)
        self._bulk = BulkStock(self._client.stock, settings.stock_bulk_chunk)
        self._warehouses: dict[int, str] = {}
        self._missing: set[int] = set()
        self._asked_at = 0.0
        self._asking = threading.Lock()

    def read_order(self, order_id: int) -> ShopOrder:
        """Read one order. Its shop is the one that sold it, whether or not that is configured here."""
        self._reading_allowed("read order")
        document, text = self._client.order(self._settings.shops[0], order_id)
        return replace(self._map((document,))[0], document=text)

    def order_called(self, reference_key: str) -> ShopOrder:
        """Read one order by the reference key that SCAYLE has for it now; raises NotFound."""
        self._reading_allowed("read order")
        document, text = self._client.order(self._settings.shops[0], f"key={reference_key}")
        return replace(self._map((document,))[0], document=text)

    def orders_changed(self, since: datetime) -> Iterator[FeedPage[ShopOrder]]:
        """Yield every order changed at or after `since`, shop by shop, page by page, each fetched when asked for.

        What changes while the pages are read is met by the next poll, which has to start where this one started. The
        cursors only tell pages apart; SCAYLE offers no position that outlives the listing.
        """
        self._reading_allowed("list orders")
        for number, shop in enumerate(self._settings.shops, start=1):
            for page in self._client.orders(shop, since):
                yield FeedPage(
                    rows=self._map(page.rows),
                    cursor=f"{shop.key}/{shop.country}:{page.token}",
                    last=not page.more and number == len(self._settings.shops),
                )

    def parse_delegation(self, raw: bytes, merchant: str) -> Delegation:
        return delegation.parse_delegation(raw, merchant, self._settings)

    def order_from_delegation(self, raw: bytes) -> ShopOrder:
        return delegated_order.order_from_delegation(raw, self._settings)

    def delegation_answer(self, order_id: int) -> dict[str, str]:
        """Return the acknowledgement of SCAYLE contract 5.2; `referenceKey` is the order's id there (inferred)."""
        return {"referenceKey": str(order_id), "orderDelegationResult": "acknowledged"}

    def parse_webhook(self, raw: bytes) -> WebhookEvent:
        return webhook.parse_webhook(raw)

    def compose_shipment(self, shipment: Shipment) -> str:
        return mapping.compose_shipment(shipment)

    def send_shipment(self, body: str) -> None:
        self._client.post_shipment(body)

    def compose_cancellation(self, cancellation: UnitCancellation) -> str:
        return mapping.compose_cancellation(cancellation)

    def send_cancellation(self, body: str) -> None:
        self._client.post_cancellation(body)

    def parse_cancellation_call(self, raw: bytes, merchant: str) -> CancellationCall:
        """Read a cancellation call; SCAYLE is asked for its warehouses where an id is new to us."""
        key, ids = cancellation_call.parse(raw, merchant)
        known = self._warehouse_keys(set(ids))
        return CancellationCall(key, merchant, tuple(known.get(one, f"#{one}") for one in ids))

    def cancellation_answer(self, order_reference: str, *, successful: bool) -> dict[str, str]:
        result = "successful" if successful else self._settings.cancellation_refusal
        return cancellation_call.answer(order_reference, result)

    def compose_return(self, units: Sequence[UnitReturn]) -> str:
        return mapping.compose_return(units)

    def send_return(self, body: str) -> None:
        self._client.post_return(body)

    def write_stock(self, write: StockWrite) -> ShopStock:
        """Write one quantity. SCAYLE ignores a stamp older than its own and answers with what it holds (contract 9.1)."""
        return stock_mapping.to_answer(self._client.stock.write(write), write)

    def write_stocks(self, writes: Sequence[StockWrite]) -> str:
        """Hand many quantities over as one bulk request; see `BulkStock.start`."""
        return self._bulk.start(writes)

    def stock_results(
        self, key: str, writes: Sequence[StockWrite]
    ) -> Mapping[int, ShopStock | VendorError] | None:
        """Return what became of every write, or None while SCAYLE works on them; see `BulkStock.results`.

        A quantity and time of None mean "accepted, but not told what is held now"; OutcomeUnknown means to look it up.
        """
        return self._bulk.results(key, writes)

    def read_stock(self, sku: str, lane: Lane | None = None) -> tuple[ShopStock, ...]:
        """Return every warehouse and merchant of a SKU; one that SCAYLE does not name is an empty text."""
        documents = self._client.stock.stocks(sku, Lane.STOCK if lane is None else lane)
        return tuple(stock_mapping.to_stock(document, sku) for document in documents)

    def clock(self) -> datetime | None:
        """Return the time of SCAYLE's own answer (its Date header); None where it sends none."""
        return self._client.first_warehouse_page().date

    def carriers(self) -> frozenset[str]:
        return frozenset(carrier.key for carrier in self._client.carriers() if carrier.key)

    def health(self) -> Health:
        """Check that the key is accepted and, where we rely on it, that it may read orders."""
        answer = self._client.first_warehouse_page()
        health = Health(detail="access token accepted", server_time=answer.date)
        if not self._settings.order_reading:
            return replace(health, warnings=("reading orders is switched off: syncbridge runs degraded",))
        try:
            self._client.first_order_page(self._settings.shops[0])
        except (Misconfigured, NotFound) as error:
            return replace(health, warnings=(f"orders cannot be read: {error}",))
        return health

    def _reading_allowed(self, operation: str) -> None:
        if not self._settings.order_reading:
            evidence = CallEvidence(SYSTEM, operation)
            raise Misconfigured("reading orders is switched off (scayle.order_reading)", evidence)

    def _map(self, documents: tuple[OrderDocument, ...]) -> tuple[ShopOrder, ...]:
        ids = {found for document in documents for found in mapping.warehouse_ids(document)}
        warehouses = self._warehouse_keys(ids)
        return tuple(mapping.to_order(document, warehouses, self._settings) for document in documents)

    def _warehouse_keys(self, ids: set[int]) -> Mapping[int, str]:
        """Return warehouse keys by id, asking SCAYLE when an id is new to us, and once a minute for those it lacked.

        Without the right to list warehouses an order is still worth reading: its delegation names the warehouse.
        """
        if ids <= self._warehouses.keys():
            return self._warehouses
        with self._asking:
            unknown = ids - self._warehouses.keys()
            due = time.monotonic() - self._asked_at >= WAREHOUSE_REFRESH_SECONDS
            if unknown and (due or not unknown <= self._missing):
                try:
                    found = self._client.warehouses()
                except (Misconfigured, NotFound) as error:
                    if error.evidence.status not in (403, 404):
                        raise
                    log.warning("warehouses_unreadable", request_id=error.evidence.request_id)
                    found = []
                self._warehouses = {
                    one.id: one.reference_key for one in found if one.id is not None and one.reference_key
                }
                self._missing = ids - self._warehouses.keys()
                self._asked_at = time.monotonic()
        return self._warehouses
