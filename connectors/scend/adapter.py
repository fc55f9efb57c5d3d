"""Scend behind the `FulfilmentBackend` port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from connectors.http import Limits
from connectors.scend import cancelling, mapping, return_mapping, signature
from connectors.scend.checks import faults_of
from connectors.scend.client import FILTER_VALUES, SCOPE, SYSTEM, ScendClient
from connectors.scend.order_body import compose_order
from connectors.scend.payloads import DespatchDocument, SpoiltDespatch
from connectors.wire import utc
from syncbridge.config.scend import ScendSettings
from syncbridge.domain.backend import (
    BackendDespatch,
    BackendOrder,
    BackendReturn,
    CancelAnswer,
    CancelWish,
    CatalogueItem,
    ReturnRequest,
    WebhookEvent,
)
from syncbridge.domain.orders import Fault, FulfilmentRequest
from syncbridge.domain.stock import StockRow
from syncbridge.ports.answers import FeedPage, Health, Unread
from syncbridge.ports.backend import BackendTiming, Capabilities
from syncbridge.ports.quota import Breaker, Lane, Quota

NEEDED_SCOPES = (
    "orders:read",
    "orders:write",
    "despatches:read",
    "products:read",
    "stock:read",
    "returns:read",
    "returns:write",
)
"""What our calls need (Scend contract 2.2)."""


class ScendBackend:
    """The warehouse, over Scend's interface. Safe for threads."""

    def __init__(
        self,
        settings: ScendSettings,
        token: str,
        quota: Quota,
        breaker: Breaker,
        *,
        webhook_secrets: Sequence[str] = (),
        deadline_seconds: float = 20.0,
        proxy: str | None = None,
    ) -> None:
        self._settings = settings
        self._quota = quota
        limits = Limits.of(settings, deadline_seconds, proxy)
        self._client = ScendClient(settings, token, quota, breaker, limits)
        self._keys = tuple(signature.signing_key(secret) for secret in webhook_secrets)
        self._timing = BackendTiming(
            lookup_lag=timedelta(seconds=settings.lookup_lag_seconds),
            landing=timedelta(seconds=settings.landing_seconds),
            stock_lag=timedelta(seconds=settings.stock_lag_seconds),
            # A clientReference is unique for ever: the same body again is a replay or a 409 (contract 2.7).
            unique_references=True,
            feed_overlap=timedelta(seconds=settings.feed_overlap_seconds),
            tracking_wait=timedelta(seconds=settings.tracking_wait_seconds),
        )

    @property
    def account(self) -> str:
        return f"{SYSTEM}:{self._settings.account_code}"

    @property
    def timing(self) -> BackendTiming:
        return self._timing

    @property
    def capabilities(self) -> Capabilities:
        """Whole orders can be cancelled, single lines cannot (contract 2.11)."""
        return Capabilities()

    @property
    def lookup_batch(self) -> int:
        return FILTER_VALUES

    def calls_are_scarce(self) -> bool:
        return self._quota.scarce(SYSTEM, SCOPE)

    def faults(self, request: FulfilmentRequest) -> tuple[Fault, ...]:
        return faults_of(request, self._settings)

    def compose_order(self, request: FulfilmentRequest) -> str:
        return compose_order(request, self._settings)

    def create_order(self, body: str) -> BackendOrder:
        """Create the order; the same body sent again gives the order that is already there."""
        return mapping.to_order(self._client.create_order(body), self._settings, with_document=True)

    def find_orders(self, references: Sequence[str], *, urgent: bool = True) -> dict[str, BackendOrder]:
        """Look orders up. References that Scend could not hold are left out without asking."""
        asked = [one for one in dict.fromkeys(references) if self._settings.accepts_reference(one)]
        found: dict[str, BackendOrder] = {}
        for start in range(0, len(asked), FILTER_VALUES):
            for document in self._client.orders_by_reference(
                asked[start : start + FILTER_VALUES], Lane.ORDERS if urgent else Lane.DESPATCHES
            ):
                found[document.client_reference] = mapping.to_order(
                    document, self._settings, with_document=True
                )
        return {reference: found[reference] for reference in asked if reference in found}

    def compose_cancel(self, wish: CancelWish) -> str:
        return cancelling.compose(wish)

    def send_cancel(self, body: str) -> CancelAnswer:
        """Ask for the cancellation of a whole order; asking again changes nothing (contract 2.11)."""
        return cancelling.send(self._client, body, self._settings)

    def differences(self, body: str, found: BackendOrder) -> tuple[str, ...]:
        return mapping.differences(body, found)

    def orders_changed(self, cursor: str | None, since: datetime | None) -> Iterator[FeedPage[BackendOrder]]:
        """Yield changed orders; raises CursorRefused as Scend's feeds do (contract 2.5)."""
        for page in self._client.orders(cursor, since):
            rows = tuple(mapping.to_order(row, self._settings) for row in page.rows)
            yield FeedPage(rows, page.token, last=not page.more)

    def despatches_changed(
        self, cursor: str | None, since: datetime | None
    ) -> Iterator[FeedPage[BackendDespatch]]:
        """Yield changed despatches; raises CursorRefused as Scend's feeds do (contract 2.5)."""
        for page in self._client.despatches(cursor, since):
            rows = [mapping.to_despatch(row, self._settings) for row in page.rows if isinstance(row, DespatchDocument)]
            spoilt = [row for row in page.rows if isinstance(row, SpoiltDespatch)]
            unread = [Unread(row.mark.despatch_id, row.mark.client_reference or "", row.fields) for row in spoilt]
            yield FeedPage(tuple(rows), page.token, not page.more, tuple(unread))

    def products_changed(
        self, cursor: str | None, since: datetime | None
    ) -> Iterator[FeedPage[CatalogueItem]]:
        """Yield changed products; raises CursorRefused as Scend's feeds do (contract 2.5)."""
        for page in self._client.product_feed(cursor, since):
            rows = tuple(CatalogueItem(product.sku, product.active) for product in page.rows)
            yield FeedPage(rows, page.token, last=not page.more)

    def stock_changed(self, cursor: str | None, since: datetime | None) -> Iterator[FeedPage[StockRow]]:
        """Yield changed stock rows; raises CursorRefused as Scend's feeds do (contract 2.5).

        A page with a row that cannot be read raises RetryLater, as in the other feeds. To skip the row would be worse: the
        end of the feed would then prove a figure that nobody has seen, and release the shop's block on its last units.
        """
        for page in self._client.stock(cursor, since):
            yield FeedPage(
                tuple(mapping.to_stock_row(row) for row in page.rows), page.token, last=not page.more
            )

    def compose_return(self, request: ReturnRequest) -> str:
        return return_mapping.compose_return(request)

    def send_return(self, body: str) -> BackendReturn:
        """Announce the return; the same body sent again gives the return that is already there."""
        return return_mapping.to_return(self._client.create_return(body))

    def find_returns(self, rma_numbers: Sequence[str]) -> dict[str, BackendReturn]:
        asked = list(dict.fromkeys(rma_numbers))
        found: dict[str, BackendReturn] = {}
        for start in range(0, len(asked), FILTER_VALUES):
            for document in self._client.returns_by_rma(asked[start : start + FILTER_VALUES]):
                if document.rma_number in asked:
                    found[document.rma_number] = return_mapping.to_return(document)
        return found

    def returns_changed(self, cursor: str | None, since: datetime | None) -> Iterator[FeedPage[BackendReturn]]:
        """Yield changed returns; raises CursorRefused as Scend's feeds do (contract 2.5)."""
        for page in self._client.returns(cursor, since):
            yield FeedPage(
                tuple(return_mapping.to_return(row) for row in page.rows), page.token, last=not page.more
            )

    def unknown_skus(self, skus: Sequence[str]) -> frozenset[str]:
        """Return the SKUs that are not in the catalogue or no longer active.

        A SKU that breaks Scend's pattern cannot be in it: it counts as unknown and is not asked for.
        """
        wanted = list(dict.fromkeys(skus))
        asked = [sku for sku in wanted if self._settings.accepts_sku(sku)]
        active: set[str] = set()
        for start in range(0, len(asked), FILTER_VALUES):
            products = self._client.products(asked[start : start + FILTER_VALUES])
            active.update(product.sku for product in products if product.active)
        return frozenset(wanted) - active

    def ambiguous_skus(self, skus: Sequence[str]) -> frozenset[str]:
        """Return none: a SKU of Scend has capital letters only (contract 2.7)."""
        return frozenset()

    def verify_webhook(self, headers: Mapping[str, str], raw: bytes, now: datetime) -> WebhookEvent | None:
        tolerance = timedelta(seconds=self._settings.webhook_tolerance_seconds)
        return signature.verify(headers, raw, now, self._keys, tolerance)

    def health(self) -> Health:
        """Check that the token is accepted for our account and may do what we need."""
        ping = self._client.ping()
        warnings: list[str] = []
        if ping.scopes is not None and (missing := [one for one in NEEDED_SCOPES if one not in ping.scopes]):
            warnings.append(f"the token lacks {', '.join(missing)}")
        if ping.account_code and ping.account_code != self._settings.account_code:
            warnings.append(f"Scend answers for the account {ping.account_code}")
        return Health(
            detail=f"account {ping.account_code or self._settings.account_code}, {ping.environment or 'environment unknown'}",
            server_time=utc(ping.server_time, "scend.ping.serverTime"),
            warnings=tuple(warnings),
        )
