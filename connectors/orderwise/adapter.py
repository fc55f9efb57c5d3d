"""OrderWise behind the `FulfilmentBackend` port."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from connectors.http import Limits
from connectors.orderwise import mapping, return_mapping
from connectors.orderwise.change_feeds import ChangeFeeds
from connectors.orderwise.checks import faults_of
from connectors.orderwise.client import Fetched, OrderWiseClient, now
from connectors.orderwise.decimal_json import read_json
from connectors.orderwise.dialect import CANCEL, RETURN, SYSTEM, CancelRefused
from connectors.orderwise.finance import OrderWiseFinance
from connectors.orderwise.lines import OrderLines
from connectors.orderwise.local_time import milliseconds
from connectors.orderwise.order_body import compose_order
from connectors.orderwise.payloads import ItemRow, OrderStatus, trimmed
from connectors.orderwise.terms import capabilities_of, timing_of
from connectors.orderwise.wishes import UnknownLine, cancel_body, frozen_cancel, frozen_return, return_body
from syncbridge.config.orderwise import OrderWiseSettings, folded
from syncbridge.domain.backend import (
    BackendDespatch,
    BackendOrder,
    BackendReturn,
    CancelAnswer,
    CancelState,
    CancelWish,
    CatalogueItem,
    ReturnRequest,
    WebhookEvent,
)
from syncbridge.domain.errors import Busy, CallEvidence, NeedsPerson, NotFound, VendorError
from syncbridge.domain.orders import Fault, FulfilmentRequest
from syncbridge.domain.stock import StockRow
from syncbridge.ports.answers import FeedPage, Health
from syncbridge.ports.backend import BackendTiming, Capabilities
from syncbridge.ports.quota import Breaker, Lane, Quota

LOOKUP_BATCH = 10
"""References looked up at once. OrderWise takes one a call; chosen so that a batch ends well within a lease."""
READ_BACK_WITHIN_SECONDS = 5.0
"""An order that took longer to create or cancel is left to the next look-up, so that the row's lease holds. Chosen."""
CATALOGUE_READ = "all"
"""The cursor of the catalogue: it is always read as a whole."""


class OrderWiseBackend:
    """The ERP, over OrderWise's interface. Safe for threads.

    `clock` tells the time at which local times of the repeated autumn hour are judged. `may_be_ours` says whether a
    reference may be one of our orders': the same feeds tell of everybody else's, which concern nobody here.
    """

    def __init__(
        self,
        settings: OrderWiseSettings,
        username: str,
        password: str,
        quota: Quota,
        breaker: Breaker,
        *,
        clock: Callable[[], datetime] = now,
        may_be_ours: Callable[[str], bool] = lambda _reference: True,
        deadline_seconds: float = 20.0,
        proxy: str | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        limits = Limits.of(settings, deadline_seconds, proxy)
        self._client = OrderWiseClient(settings, username, password, quota, breaker, limits, clock)
        self._finance = OrderWiseFinance(settings, self._client)
        self._lines = OrderLines(lambda order_id: self._client.order_status(order_id, Lane.DESPATCHES))
        self._feeds = ChangeFeeds(settings, self._client, self._lines, clock, may_be_ours)
        self._timing = timing_of(settings)
        self._capabilities = capabilities_of(settings)

    @property
    def account(self) -> str:
        return f"{SYSTEM}:{self._settings.name}"

    @property
    def timing(self) -> BackendTiming:
        return self._timing

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    @property
    def finance(self) -> OrderWiseFinance:
        """The same installation as a ledger: one token and one connection pool serve both."""
        return self._finance

    @property
    def lookup_batch(self) -> int:
        return LOOKUP_BATCH

    def calls_are_scarce(self) -> bool:
        """Never: nothing here serves several orders with one call, so waiting for more of them saves none."""
        return False

    def faults(self, request: FulfilmentRequest) -> tuple[Fault, ...]:
        return faults_of(request, self._settings)

    def compose_order(self, request: FulfilmentRequest) -> str:
        return compose_order(request, self._settings)

    def create_order(self, body: str) -> BackendOrder | None:
        """Create the order; None where it was accepted and is not there yet, or could not be read back at once.

        An answer that names the order's id and our number is OrderWise's own word that it holds it: a call is spared.
        """
        started_at = time.monotonic()
        created = self._client.create_order(body)
        if created.order_id is None:
            return None
        if trimmed(created.ecommerce_order_number):
            # The client has compared it with ours.
            return mapping.taken_order(created.order_id, body)
        if time.monotonic() - started_at > READ_BACK_WITHIN_SECONDS:
            return None
        try:
            reading = self._client.order_status(str(created.order_id), brief=True)
        except (VendorError, Busy):
            return None
        return self._order(created.order_id, read_json(body.encode())["orderHeader"]["customerOrderRef"], reading)

    def find_orders(self, references: Sequence[str], *, urgent: bool = True) -> dict[str, BackendOrder]:
        """Look orders up, one after the other; a reference longer than OrderWise's column is not asked for."""
        lane = Lane.ORDERS if urgent else Lane.DESPATCHES
        found: dict[str, BackendOrder] = {}
        for reference in dict.fromkeys(references):
            if not reference.strip() or len(reference) > self._settings.limits.reference:
                continue
            row, copies = mapping.chosen(self._client.order_rows(reference, lane), reference, self._settings)
            if row is None:
                continue
            try:
                reading = self._client.order_status(str(row.order_id), lane)
            except NotFound:
                found[reference] = mapping.unreadable_order(row.order_id, reference, copies)
                continue
            found[reference] = self._order(row.order_id, reference, reading, copies)
        return found

    def _order(
        self, order_id: int, reference: str, reading: Fetched[OrderStatus], copies: tuple[str, ...] = ()
    ) -> BackendOrder:
        self._lines.remember(order_id, reading.value)
        return mapping.to_order(order_id, reference, reading, self._settings, copies)

    def differences(self, body: str, found: BackendOrder) -> tuple[str, ...]:
        return mapping.differences(body, found)

    def orders_changed(self, cursor: str | None, since: datetime | None) -> Iterator[FeedPage[BackendOrder]]:
        """Yield nothing: OrderWise lists no changed orders, each is asked for."""
        yield from ()

    def despatches_changed(self, cursor: str | None, since: datetime | None) -> Iterator[FeedPage[BackendDespatch]]:
        """Yield changed despatches; raises CursorRefused for a cursor that is no time of OrderWise."""
        return self._feeds.despatches(cursor, since)

    def stock_changed(self, cursor: str | None, since: datetime | None) -> Iterator[FeedPage[StockRow]]:
        """Yield changed stock; the whole of it without a cursor. A cursor that is no time is refused, and asks for the whole."""
        return self._feeds.stock(cursor, since)

    def returns_changed(self, cursor: str | None, since: datetime | None) -> Iterator[FeedPage[BackendReturn]]:
        """Yield changed receipts, a return each; raises CursorRefused for a cursor that is no time of OrderWise."""
        return self._feeds.returns(cursor, since)

    def products_changed(
        self, cursor: str | None, since: datetime | None
    ) -> Iterator[FeedPage[CatalogueItem]]:
        """Yield the whole catalogue as one page: OrderWise tells of no changes in it.

        Its list says which codes exist, not which are discontinued, unless an installation adds that; `unknown_skus` says.
        """
        codes = {
            code: row.discontinued is not True
            for row in self._client.variants()
            if (code := trimmed(row.variant_code))
        }
        yield FeedPage(tuple(CatalogueItem(code, active) for code, active in codes.items()), CATALOGUE_READ, last=True)

    def unknown_skus(self, skus: Sequence[str]) -> frozenset[str]:
        """Return the SKUs that OrderWise does not have, has discontinued, or cannot tell from another one."""
        return frozenset(
            sku
            for sku in dict.fromkeys(skus)
            if len(meant := self._meant(sku)) != 1 or meant[0].discontinued is True
        )

    def ambiguous_skus(self, skus: Sequence[str]) -> frozenset[str]:
        """Return the SKUs for which OrderWise has several codes that differ in case, and none that is exact."""
        return frozenset(sku for sku in dict.fromkeys(skus) if len(self._meant(sku)) > 1)

    def _meant(self, sku: str) -> list[ItemRow]:
        """Return the variants that a SKU means: the exact one, else those that differ from it in case only."""
        if not sku.strip() or len(sku) > self._settings.limits.variant_code:
            return []
        found = [row for row in self._client.items(sku) if folded(row.variant_code) == folded(sku)]
        return [row for row in found if trimmed(row.variant_code) == sku.strip()] or found

    def compose_cancel(self, wish: CancelWish) -> str:
        return frozen_cancel(wish)

    def send_cancel(self, body: str) -> CancelAnswer:
        """Cancel an order, or lines of it; a refusal past the cut-off is an answer. Raises NotFound."""
        started_at = time.monotonic()
        frozen = read_json(body.encode())
        ids: dict[int, tuple[int, str]] = {}
        if frozen["lines"]:
            ids = OrderLines.ids(self._client.order_status(frozen["orderId"]).value)
        try:
            answer = self._client.cancel(frozen["orderId"], cancel_body(frozen, ids))
        except UnknownLine as error:
            raise NeedsPerson(f"OrderWise's order has no {error}", CallEvidence(SYSTEM, CANCEL)) from error
        except CancelRefused as error:
            return CancelAnswer(CancelState.REFUSED, error.status, self._read_again(frozen, started_at))
        return CancelAnswer(CancelState.CANCELLED, trimmed(answer.order_status), self._read_again(frozen, started_at))

    def _read_again(self, frozen: Mapping[str, str], started_at: float) -> BackendOrder | None:
        """Return the order after a wish to cancel, with what else is live under its reference; None: neither is known.

        After a slow answer it is left to the next look-up.
        """
        order_id, reference = int(frozen["orderId"]), frozen["reference"]
        if time.monotonic() - started_at > READ_BACK_WITHIN_SECONDS:
            return None
        try:
            rows = self._client.order_rows(reference, Lane.ORDERS, brief=True)
            reading = self._client.order_status(str(order_id), brief=True)
        except (VendorError, Busy):
            return None
        copies = mapping.live_beside(order_id, rows, reference, self._settings)
        return self._order(order_id, reference, reading, copies)

    def compose_return(self, request: ReturnRequest) -> str:
        return frozen_return(request, self._settings)

    def send_return(self, body: str) -> BackendReturn:
        """Announce a return; the same again gives what is there. Raises AlreadyExists, NotFound."""
        frozen = read_json(body.encode())
        ids = OrderLines.ids(self._client.order_status(frozen["orderId"]).value)
        try:
            sent = return_body(frozen, int(frozen["orderId"]), ids)
        except UnknownLine as error:
            raise NeedsPerson(f"OrderWise's order has no {error}", CallEvidence(SYSTEM, RETURN)) from error
        answer = self._client.announce_return(sent)
        return BackendReturn(
            return_id=str(answer.return_id),
            rma_number=trimmed(answer.customer_return_ref) or frozen["customerReturnRef"],
            reference=frozen["reference"],
            status=return_mapping.return_status_of(answer.return_status, self._settings),
            raw_status=trimmed(answer.return_status),
            version=milliseconds(self._clock()),
            announced=True,
            lines=(),
            receipts=(),
            complete=False,
        )

    def find_returns(self, rma_numbers: Sequence[str]) -> dict[str, BackendReturn]:
        """Return nothing: OrderWise lists no returns by number. Announcing one again is harmless there (contract 12.9)."""
        return {}

    def verify_webhook(self, headers: Mapping[str, str], raw: bytes, now: datetime) -> WebhookEvent | None:
        """Return None: OrderWise pushes nothing, so nothing can come from it."""
        return None

    def health(self) -> Health:
        """Check that a token is given and that the interface answers with it."""
        settings, read = self._settings, self._client.stock_locations()
        known = {row.id if row.id is not None else row.stock_location_id for row in read.value}
        needed = {place for places in settings.sale_warehouses.values() for place in places}
        needed |= set(settings.maps.stock_location.values())
        missing = sorted(needed - known) if known - {None} else []
        return Health(
            detail=f"{settings.name}, session {settings.session_id}, {len(read.value)} stock locations",
            server_time=read.server_time,
            warnings=tuple(f"it has no stock location {number}" for number in missing),
        )
