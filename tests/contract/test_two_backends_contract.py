"""What every `FulfilmentBackend` owes its flows: one suite over the real adapters and the stand-ins of both vendors.

A `Warehouse` is what the vendor's own people do, in words that both have; what only one of them can is in its own suite.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connectors.orderwise.adapter import OrderWiseBackend
from connectors.scend.adapter import ScendBackend
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.config.scend import ScendSettings
from syncbridge.domain.backend import (
    BackendDespatch,
    BackendOrder,
    CancelState,
    CancelWish,
    FulfilmentStatus,
)
from syncbridge.domain.errors import (
    AlreadyExists,
    CursorRefused,
    Misconfigured,
    OutcomeUnknown,
    RetryLater,
)
from syncbridge.domain.orders import Address, FulfilmentRequest, Line, Totals
from syncbridge.domain.prices import ShopFee, ShopPayment
from syncbridge.ports.answers import FeedPage
from syncbridge.ports.backend import FulfilmentBackend

RATE = Decimal("0.2")
TEE, JACKET = "TEE-ORG-BLK-M", "JKT-RAIN-NVY-L"
REQUEST = FulfilmentRequest(
    reference="SCY-NB-1",
    order_id=1,
    order_number="NB1",
    shop="nb",
    warehouse_code="MID1",
    currency="GBP",
    service="STD48",
    delivery=Address(
        first_name="Inès",
        last_name="Okafor",
        street="Mill Lane",
        house_number="18",
        postcode="NR3 1QX",
        city="Norwich",
        country="GB",
        phone="+447700900123",
    ),
    lines=(
        Line(1, TEE, TEE, (101, 102), "Organic tee", 2200, RATE, 3666),
        Line(2, JACKET, JACKET, (103,), "Rain jacket", 9500, RATE, 7917),
    ),
    email="ines@example.com",
    ordered_at=datetime(2026, 3, 2, 8, 41, tzinfo=UTC),
    totals=Totals(13900, 395, 2382),
    fees=(ShopFee("delivery", 395, 329, RATE),),
    payments=(ShopPayment("creditcard", 14295, "tx-1"),),
)


@dataclass
class Warehouse:
    """A vendor's people, and the same back end with other credentials or settings."""

    vendor: str
    root: str
    control: Any
    quota: Any
    breaker: Any

    def backend(self, secret: str | None = None, **changes: Any) -> FulfilmentBackend:
        """Return the real adapter. Made anew for every use, as every process makes its own."""
        if self.vendor == "scend":
            scend = ScendSettings.model_validate(
                {"base_url": f"{self.root}/v1", "account_code": "ACME-UK", **changes}
            )
            return ScendBackend(scend, secret or "scend-sandbox-token", self.quota, self.breaker)
        orderwise = OrderWiseSettings.model_validate(
            {
                "base_url": f"{self.root}/owapi",
                "name": "ACME-UK",
                "session_id": 12,
                "customer": {"id": 4021},
                "capabilities": {"cancel": "api", "returns": "api"},
                "maps": {
                    "delivery_method": {"STD48": 18},
                    "payment_method": {"creditcard": 7},
                    "stock_location": {"MID1": 3},
                    "sale_locations": {"MID1": [3, 5]},
                },
                **changes,
            }
        )
        return OrderWiseBackend(orderwise, "syncbridge", secret or "orderwise-sandbox", self.quota, self.breaker)

    def act(self, reference: str, verb: str, body: Any = None) -> Any:
        return self.control("POST", f"/orders/by-reference/{reference}/{verb}", body or {})

    def hold(self, reference: str) -> None:
        self.act(reference, "hold", {"code": "MANUAL"} if self.vendor == "scend" else {})

    def pack(self, reference: str) -> None:
        self.act(reference, "advance", {"to": "PACKED"})

    def despatch(self, reference: str, parcels: list[dict[str, Any]]) -> None:
        self.act(reference, "despatch", {"parcels": parcels})

    def track(self, despatch_id: str, number: str) -> None:
        self.control("POST", f"/despatches/{despatch_id}/tracking", {"trackingNumber": number})

    def create_path(self) -> str:
        return "/orders" if self.vendor == "scend" else "/sales/order"

    def orders(self) -> int:
        return len(self.control("GET", "/state?section=orders")["orders"])


@pytest.fixture(params=["scend", "orderwise"])
def warehouse(request: pytest.FixtureRequest, open_quota: Any, closed_breaker: Any) -> Warehouse:
    vendor = request.param
    root = request.getfixturevalue(f"{vendor}_server")
    control = request.getfixturevalue(f"{vendor}_control")
    if vendor == "scend":
        control("PUT", "/settings", {"rateCapacity": 100_000, "ratePerSecond": 10_000})
    else:
        control("PUT", "/settings", {"recalculationSeconds": 0, "strictFields": True})
    return Warehouse(vendor, root, control, open_quota, closed_breaker)


@pytest.fixture
def backend(warehouse: Warehouse) -> FulfilmentBackend:
    return warehouse.backend()


def created(backend: FulfilmentBackend, request: FulfilmentRequest = REQUEST) -> BackendOrder:
    assert backend.faults(request) == ()
    order = backend.create_order(backend.compose_order(request))
    assert order is not None
    return order


def found(backend: FulfilmentBackend, reference: str = "SCY-NB-1") -> BackendOrder:
    return backend.find_orders([reference])[reference]


def drained(pages: Iterator[FeedPage[Any]]) -> tuple[list[Any], str]:
    rows: list[Any] = []
    cursor = ""
    last = False
    for page in pages:
        assert not last, "nothing follows the last page"
        rows += page.rows
        cursor, last = page.cursor, page.last
    assert last
    return rows, cursor


def test_an_order_without_faults_is_taken_and_is_what_was_asked_for(backend: FulfilmentBackend) -> None:
    order = created(backend)
    assert (order.reference, order.status, order.attention) == ("SCY-NB-1", FulfilmentStatus.ACCEPTED, ())
    assert [(line.line_number, line.sku, line.ordered) for line in order.lines] == [(1, TEE, 2), (2, JACKET, 1)]
    body = backend.compose_order(REQUEST)
    assert backend.differences(body, order) == backend.differences(body, found(backend)) == ()
    assert found(backend).backend_id == order.backend_id
    assert found(backend).copies == ()


def test_composing_is_repeatable_to_the_byte(backend: FulfilmentBackend) -> None:
    assert backend.compose_order(REQUEST) == backend.compose_order(replace(REQUEST))


def test_another_order_under_our_reference_is_told_apart(backend: FulfilmentBackend) -> None:
    created(backend)
    fewer = replace(REQUEST.lines[0], unit_ids=(101,), net_minor=1833)
    other = replace(REQUEST, lines=(fewer, REQUEST.lines[1]), totals=Totals(11700, 395, 0), payments=())
    assert backend.faults(other) == ()
    assert any("quantity" in name for name in backend.differences(backend.compose_order(other), found(backend)))


def test_a_lost_answer_leaves_one_order_that_can_be_found(warehouse: Warehouse, backend: FulfilmentBackend) -> None:
    body = backend.compose_order(REQUEST)
    warehouse.control.fault("POST", warehouse.create_path(), "timeout_before")
    with pytest.raises(OutcomeUnknown):
        backend.create_order(body)
    assert backend.find_orders(["SCY-NB-1"]) == {}
    warehouse.control.fault("POST", warehouse.create_path(), "timeout_after")
    with pytest.raises(OutcomeUnknown):
        backend.create_order(body)
    assert backend.differences(body, found(backend)) == ()
    assert warehouse.orders() == 1


@pytest.mark.parametrize(
    ("fault", "more"),
    [("http", {"status": 500}), ("html_502", {}), ("truncated_json", {})],
)
def test_doubtful_answers_to_a_create_are_unknown(
    warehouse: Warehouse, backend: FulfilmentBackend, fault: str, more: dict[str, Any]
) -> None:
    warehouse.control.fault("POST", warehouse.create_path(), fault, **more)
    with pytest.raises(OutcomeUnknown):
        created(backend)


def test_an_answer_to_a_create_that_does_not_come_in_time_is_unknown(warehouse: Warehouse) -> None:
    # A token may have to be fetched first, within the same patience.
    impatient = warehouse.backend(read_timeout_seconds=1)
    warehouse.control.fault("POST", warehouse.create_path(), "slow", milliseconds=5000)
    with pytest.raises(OutcomeUnknown):
        created(impatient)


def test_a_quota_that_is_used_up_is_asked_again_later(warehouse: Warehouse, backend: FulfilmentBackend) -> None:
    warehouse.control.fault("POST", warehouse.create_path(), "rate_limit", retryAfter=9)
    with pytest.raises(RetryLater) as limited:
        created(backend)
    assert limited.value.after == timedelta(seconds=9)
    assert warehouse.orders() == 0


def test_another_content_under_a_known_reference_is_refused_or_told_apart(
    warehouse: Warehouse, backend: FulfilmentBackend
) -> None:
    created(backend)
    other = replace(REQUEST, lines=REQUEST.lines[1:], totals=Totals(9500, 395, 0), payments=())
    with pytest.raises(AlreadyExists):
        backend.create_order(backend.compose_order(other))
    assert warehouse.orders() == 1


def test_only_orders_that_exist_are_found(backend: FulfilmentBackend) -> None:
    for number in (3, 7):
        created(backend, replace(REQUEST, reference=f"SCY-NB-{number}"))
    references = [f"SCY-NB-{number}" for number in range(1, backend.lookup_batch + 1)][:10]
    assert sorted(backend.find_orders(references)) == ["SCY-NB-3", "SCY-NB-7"]
    assert backend.find_orders(references, urgent=False).keys() == {"SCY-NB-3", "SCY-NB-7"}
    assert backend.find_orders(["SCY-NB-33"]) == {}


def test_a_held_order_needs_attention_and_stays_ours(warehouse: Warehouse, backend: FulfilmentBackend) -> None:
    created(backend)
    warehouse.hold("SCY-NB-1")
    held = found(backend)
    assert held.status is FulfilmentStatus.NEEDS_ATTENTION
    assert held.attention
    assert backend.differences(backend.compose_order(REQUEST), held) == ()


def test_parcels_come_with_their_lines_and_tracking_may_come_later(
    warehouse: Warehouse, backend: FulfilmentBackend
) -> None:
    created(backend)
    warehouse.pack("SCY-NB-1")
    warehouse.despatch("SCY-NB-1", [{"lines": [{"lineNumber": 1, "quantity": 2}], "trackingNumber": "T1"}])
    rows, cursor = drained(backend.despatches_changed(None, None))
    first: BackendDespatch = rows[-1]
    assert (first.reference, first.backend_order_id) == ("SCY-NB-1", found(backend).backend_id)
    assert [(one.tracking_number, [(row.line_number, row.sku, row.quantity) for row in one.lines]) for one in first.parcels] == [
        ("T1", [(1, TEE, 2)])
    ]
    assert abs(first.despatched_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert found(backend).status is FulfilmentStatus.PARTIALLY_DESPATCHED
    assert [(line.ordered, line.despatched) for line in found(backend).lines] == [(2, 2), (1, 0)]

    warehouse.despatch("SCY-NB-1", [{"lines": [{"lineNumber": 2, "quantity": 1}], "trackingNumber": None}])
    rows, cursor = drained(backend.despatches_changed(cursor, None))
    second: BackendDespatch = next(row for row in rows if row.despatch_id != first.despatch_id)
    assert [one.tracking_number for one in second.parcels] == [""]
    assert found(backend).status is FulfilmentStatus.DESPATCHED

    warehouse.track(second.despatch_id, "T2")
    rows, _ = drained(backend.despatches_changed(cursor, None))
    newest = max((row for row in rows if row.despatch_id == second.despatch_id), key=lambda row: row.version)
    assert newest.version > second.version
    assert [one.tracking_number for one in newest.parcels] == ["T2"]


def test_a_cancelled_order_is_cancelled_once_and_every_repeat_says_so(backend: FulfilmentBackend) -> None:
    order = created(backend)
    wish = backend.compose_cancel(CancelWish("SCY-NB-1", order.backend_id, "Customer request"))
    assert backend.send_cancel(wish).state is CancelState.CANCELLED
    assert backend.send_cancel(wish).state is CancelState.CANCELLED
    assert found(backend).status is FulfilmentStatus.CANCELLED
    assert [(line.cancelled, line.allocated) for line in found(backend).lines] == [(2, 0), (1, 0)]


def test_past_the_cut_off_a_cancellation_is_refused(warehouse: Warehouse, backend: FulfilmentBackend) -> None:
    order = created(backend)
    warehouse.pack("SCY-NB-1")
    answer = backend.send_cancel(backend.compose_cancel(CancelWish("SCY-NB-1", order.backend_id, "Customer request")))
    assert answer.state is CancelState.REFUSED
    assert found(backend).status is FulfilmentStatus.IN_FULFILMENT


def test_stock_is_a_whole_first_and_then_only_what_changed(warehouse: Warehouse, backend: FulfilmentBackend) -> None:
    rows, cursor = drained(backend.stock_changed(None, None))
    assert {row.warehouse_code for row in rows} >= {"MID1"}
    before = next(row for row in rows if (row.sku, row.warehouse_code) == (TEE, "MID1"))
    body = {"sku": TEE, "delta": -3, "warehouseCode": "MID1"}
    if warehouse.vendor == "orderwise":
        body = {"sku": TEE, "delta": -3, "stockLocationId": 3}
    warehouse.control("POST", "/stock/adjust", body)
    rows, _ = drained(backend.stock_changed(cursor, None))
    after = [row for row in rows if (row.sku, row.warehouse_code) == (TEE, "MID1")][-1]
    assert after.available_for_sale == before.available_for_sale - 3
    assert after.sequence > before.sequence


def test_unknown_and_discontinued_skus_are_known_to_be(warehouse: Warehouse, backend: FulfilmentBackend) -> None:
    gone = "SCARF-OLD-RED" if warehouse.vendor == "scend" else "TEE-OLD-S"
    assert backend.unknown_skus([TEE, "HAT-WOOL-GRY-OS", gone]) == {"HAT-WOOL-GRY-OS", gone}
    assert backend.ambiguous_skus(["HAT-WOOL-GRY-OS", gone]) == frozenset()
    rows, _ = drained(backend.products_changed(None, None))
    assert {TEE, JACKET} <= {row.sku for row in rows if row.active}
    # A list that cannot tell says so.
    assert gone not in {row.sku for row in rows if row.active} or not backend.capabilities.catalogue_feed


def test_a_position_that_is_none_is_refused(backend: FulfilmentBackend) -> None:
    for feed in (backend.despatches_changed, backend.stock_changed):
        with pytest.raises(CursorRefused):
            drained(feed("nonsense", None))


def test_wrong_credentials_are_a_misconfiguration(warehouse: Warehouse) -> None:
    with pytest.raises(Misconfigured):
        warehouse.backend("wrong").health()


def test_health_shows_the_servers_time(backend: FulfilmentBackend) -> None:
    health = backend.health()
    assert health.warnings == ()
    assert health.server_time is not None
    assert abs(health.server_time - datetime.now(UTC)) < timedelta(minutes=1)
