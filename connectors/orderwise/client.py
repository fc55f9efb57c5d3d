"""OrderWise's interface: the endpoints we use, typed (OrderWise contract 12, partly assumed)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from connectors.dialect import Answer, Call
from connectors.http import Limits, Transport
from connectors.orderwise.decimal_json import compact_json, read_json
from connectors.orderwise.dialect import (
    CANCEL,
    CREATE,
    EXPORT,
    FIND_BATCH,
    POST_BATCH,
    RETURN,
    SCOPE,
    SYSTEM,
    OrderWiseDialect,
    TokenRefused,
)
from connectors.orderwise.local_time import time_of_fetching
from connectors.orderwise.payloads import (
    BatchDocument,
    CancelDocument,
    CreatedOrder,
    DespatchRow,
    ItemRow,
    LocationRow,
    Loose,
    OrderRow,
    OrderStatus,
    ReceiptRow,
    ReturnDocument,
    SpoiltRow,
    StockRowDocument,
    VariantRow,
    despatch_rows,
    one,
    rows,
    trimmed,
)
from connectors.orderwise.tokens import TokenStore
from syncbridge.config.orderwise import OrderWiseSettings, folded
from syncbridge.domain.errors import Misconfigured
from syncbridge.ports.quota import Breaker, Lane, Quota, QuotaReading

T = TypeVar("T")
Row = TypeVar("Row", bound=Loose)
Parameters = Mapping[str, str | int]


@dataclass(frozen=True)
class Fetched(Generic[T]):
    """What was read, when the reading began, when the answer was made, and the server's clock; times are aware UTC."""

    value: T
    started_at: datetime
    fetched_at: datetime
    server_time: datetime | None = None


def first_guess(settings: OrderWiseSettings) -> Mapping[str, QuotaReading]:
    """Return the quota as configured: OrderWise publishes none and sends no rate headers."""
    return {
        SCOPE: QuotaReading(
            limit=settings.burst, remaining=settings.burst, refill_per_second=settings.max_requests_per_second
        )
    }


def now() -> datetime:
    return datetime.now(UTC)


class OrderWiseClient:
    """Endpoints of OrderWise. Every method raises Busy or a VendorError, as `Transport.exchange` says."""

    def __init__(
        self,
        settings: OrderWiseSettings,
        username: str,
        password: str,
        quota: Quota,
        breaker: Breaker,
        limits: Limits,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._settings = settings
        self._breaker = breaker
        self._clock = clock
        dialect = OrderWiseDialect(settings)
        self._transport = Transport(settings.base_url, dialect, quota, breaker, limits)
        # What precedes or follows another call within one task has a fraction of the time, so that the row's lease holds.
        short = limits.deadline_seconds / 4
        self._brief = Transport(settings.base_url, dialect, quota, breaker, replace(limits, deadline_seconds=short))
        self._tokens = TokenStore(self._brief, breaker, username, password, settings.token_cache_seconds)

    def create_order(self, body: str) -> CreatedOrder:
        """POST /sales/order: an order id, or none where the order waits for its import."""
        reference = str(read_json(body.encode())["orderHeader"]["eCommerceOrderNumber"])

        def read(answer: Answer) -> CreatedOrder:
            document = read_json(answer.body) if answer.body.strip() else None
            if not isinstance(document, dict):
                return CreatedOrder()
            created = CreatedOrder.model_validate(document)
            shown = trimmed(created.ecommerce_order_number)
            if shown and folded(shown) != folded(reference):
                raise ValueError("the answer is about another order")
            return created

        query = [("session_id", str(self._settings.session_id))]
        call = Call(
            CREATE, "POST", "/sales/order", SCOPE, Lane.ORDERS, write=True, query=query, body=body.encode()
        )
        return self._exchange(call, read)

    def order_rows(self, reference: str, lane: Lane, *, brief: bool = False) -> tuple[OrderRow, ...]:
        """Run `order_lookup`: every order under a reference, in no promised order."""
        call = self._export("order_lookup", {"reference": reference}, lane)
        return self._exchange(call, lambda answer: rows(OrderRow, answer.body), self._brief if brief else None)

    def order_status(self, order_id: str, lane: Lane = Lane.ORDERS, *, brief: bool = False) -> Fetched[OrderStatus]:
        """GET /sales/order/{id}/status with its lines. `brief` gives up early: other calls of the same task went before."""
        query = [("include_lines", "true"), ("include_delivery", "false")]
        path = f"/sales/order/{quote(order_id, safe='')}/status"
        call = Call("read order status", "GET", path, SCOPE, lane, query=query)
        return self._fetched(call, lambda answer: one(OrderStatus, answer.body), self._brief if brief else None)

    def despatches(self, since: str, limit: int) -> Fetched[tuple[DespatchRow | SpoiltRow, ...]]:
        """Run `despatches`: what changed after a local time, oldest first."""
        return self._feed("despatches", despatch_rows, since, limit, Lane.DESPATCHES)

    def stock_changes(self, since: str, limit: int) -> Fetched[tuple[StockRowDocument, ...]]:
        """Run `stock_changes`: every location of the variants that were recalculated after a local time."""
        return self._feed("stock_changes", partial(rows, StockRowDocument), since, limit, Lane.STOCK)

    def stock_snapshot(self) -> Fetched[tuple[StockRowDocument, ...]]:
        """Run `stock_snapshot`: every location of every variant."""
        call = self._export("stock_snapshot", {}, Lane.STOCK)
        return self._fetched(call, lambda answer: rows(StockRowDocument, answer.body))

    def receipts(self, since: str, limit: int) -> Fetched[tuple[ReceiptRow, ...]]:
        """Run `returned_goods`: receipts of return lines that changed after a local time."""
        return self._feed("returned_goods", partial(rows, ReceiptRow), since, limit, Lane.DESPATCHES)

    def items(self, code: str) -> tuple[ItemRow, ...]:
        """Run `item_by_code`: the database ignores case, so several variants may come."""
        call = self._export("item_by_code", {"variant_code": code}, Lane.ORDERS)
        return self._exchange(call, lambda answer: rows(ItemRow, answer.body))

    def variants(self) -> tuple[VariantRow, ...]:
        """GET /stock/variants: the code of every variant."""
        query = [("limit", str(self._settings.catalogue_limit))]
        call = Call("read catalogue", "GET", "/stock/variants", SCOPE, Lane.BULK, query=query)
        return self._exchange(call, lambda answer: rows(VariantRow, answer.body))

    def stock_locations(self) -> Fetched[tuple[LocationRow, ...]]:
        """GET /system/stock-locations: the cheapest proof that the interface answers us."""
        call = Call("read stock locations", "GET", "/system/stock-locations", SCOPE, Lane.DESPATCHES)
        return self._fetched(call, lambda answer: rows(LocationRow, answer.body))

    def cancel(self, order_id: str, body: Mapping[str, Any]) -> CancelDocument:
        """POST the cancellation of an order or of lines of it; raises CancelRefused past the cut-off."""
        path = self._settings.paths.cancel.format(order_id=quote(order_id, safe=""))
        return self._post(CANCEL, path, body, CancelDocument)

    def announce_return(self, body: Mapping[str, Any]) -> ReturnDocument:
        """POST a customer return; the same again gives what is there."""
        return self._post(RETURN, self._settings.paths.customer_return, body, ReturnDocument)

    def post_batch(self, body: str, reference: str, count: int) -> BatchDocument:
        """POST a financial batch as frozen; the same again gives what is there (contract 12.11).

        An answer about another batch, or about part of this one, proves nothing: it is an unknown outcome.
        """

        def read(answer: Answer) -> BatchDocument:
            document = one(BatchDocument, answer.body)
            if folded(trimmed(document.batch_ref)) != folded(reference):
                raise ValueError("the answer is about another batch")
            if document.accepted not in (None, count):
                raise ValueError("the answer is about part of the batch")
            return document

        path = self._settings.paths.financial_batch
        call = Call(POST_BATCH, "POST", path, SCOPE, Lane.BULK, write=True, body=body.encode())
        return self._exchange(call, read)

    def batches(self, reference: str) -> tuple[BatchDocument, ...]:
        """GET the financial batches under a reference."""
        path = self._settings.paths.financial_batch
        call = Call(FIND_BATCH, "GET", path, SCOPE, Lane.BULK, query=[("batch_ref", reference)])
        return self._exchange(call, lambda answer: rows(BatchDocument, answer.body))

    def _post(self, operation: str, path: str, body: Mapping[str, Any], model: type[Row]) -> Row:
        content = compact_json(body).encode()
        call = Call(operation, "POST", path, SCOPE, Lane.ORDERS, write=True, body=content)
        return self._exchange(call, lambda answer: one(model, answer.body))

    def _feed(self, name: str, read: Callable[[bytes], T], since: str, limit: int, lane: Lane) -> Fetched[T]:
        call = self._export(name, {"amended_since": since, "limit": limit}, lane)
        return self._fetched(call, lambda answer: read(answer.body))

    def _export(self, name: str, parameters: Parameters, lane: Lane) -> Call:
        """A call of an export definition. One without parameters still takes a blank one (contract 5)."""
        prefix = self._settings.param_prefix
        body: Sequence[Mapping[str, object]] = [
            {"name": prefix + parameter, "value": value} for parameter, value in parameters.items()
        ] or [{"name": "", "value": None}]
        number = getattr(self._settings.export_ids, name)
        path = f"/system/export-definition/{number}"
        return Call(f"{EXPORT} {name}", "POST", path, SCOPE, lane, body=compact_json(body).encode())

    def _fetched(self, call: Call, read: Callable[[Answer], T], transport: Transport | None = None) -> Fetched[T]:
        started_at = self._clock()

        def read_with_date(answer: Answer) -> Fetched[T]:
            fetched_at = time_of_fetching(self._clock(), answer.date)
            return Fetched(read(answer), started_at, fetched_at, answer.date)

        return self._exchange(call, read_with_date, transport)

    def _exchange(self, call: Call, read: Callable[[Answer], T], transport: Transport | None = None) -> T:
        """Make a call with a token; a refused one is replaced once (contract 11)."""
        through = transport or self._transport
        token = self._tokens.current(call.lane)
        try:
            return through.exchange(_with(call, token), read)
        except TokenRefused:
            self._tokens.drop(token)
        try:
            return through.exchange(_with(call, self._tokens.current(call.lane)), read)
        except TokenRefused as error:
            self._breaker.failed(SYSTEM, refused=True)
            raise Misconfigured("a fresh token is not accepted", error.evidence) from error


def _with(call: Call, token: str) -> Call:
    return replace(call, headers={**call.headers, "Authorization": f"Bearer {token}"})
