"""What OrderWise alone does: late imports, accepted duplicates, local time, shared locations, returns. Over its stand-in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from connectors.orderwise.adapter import OrderWiseBackend
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.domain.backend import (
    CancelLine,
    CancelState,
    CancelWish,
    Condition,
    Disposition,
    FulfilmentStatus,
    ReturnLine,
    ReturnRequest,
    ReturnStatus,
)
from syncbridge.domain.errors import AlreadyExists, Misconfigured, NeedsPerson, NotFound
from syncbridge.domain.orders import Address, FulfilmentRequest, Line, Totals
from syncbridge.domain.prices import Discount, ShopFee, ShopPayment
from syncbridge.domain.stock import whole_units
from syncbridge.ports.answers import FeedPage

RATE = Decimal("0.2")
ADDRESS = Address(
    first_name="Mara",
    last_name="Quill",
    street="Lantern Yard",
    house_number="7",
    postcode="LS1 9ZZ",
    city="Leeds",
    country="GB",
)
REQUEST = FulfilmentRequest(
    reference="SCY-NB-1",
    order_id=1,
    order_number="1",
    shop="nb",
    warehouse_code="MAIN",
    currency="GBP",
    service="STANDARD",
    delivery=ADDRESS,
    lines=(
        Line(1, "TEE-NAVY-M", "TEE-NAVY-M", (101, 102), "", 2750, RATE, 4584, (Discount("voucher", 250),)),
        Line(2, "BOOK-ATLAS", "BOOK-ATLAS", (103,), "", 1899, Decimal(0), 1899),
        Line(3, "TEE-NAVY-M", "TEE-NAVY-M", (104,), "", 3000, RATE, 2500),
    ),
    ordered_at=datetime(2026, 3, 2, 14, 5, tzinfo=UTC),
    totals=Totals(10399, 595, 1500),
    fees=(ShopFee("delivery", 495, 413, RATE), ShopFee("payment", 100, 83, RATE)),
    payments=(ShopPayment("card-of-a-friend", 1000, "gc-1", gift_card=True), ShopPayment("creditcard", 9994, "tx-1")),
)


class Clock:
    """The connector's clock, moved together with the stand-in's."""

    def __init__(self, control: Any) -> None:
        self._control = control
        self._at: datetime | None = None

    def __call__(self) -> datetime:
        return self._at or datetime.now(UTC)

    def set(self, at: datetime) -> None:
        self._at = at
        self._control("POST", "/clock", {"now": at.strftime("%Y-%m-%dT%H:%M:%S.000Z")})


Make = Callable[..., OrderWiseBackend]


@pytest.fixture
def clock(orderwise_control: Any) -> Clock:
    return Clock(orderwise_control)


@pytest.fixture
def make(orderwise_server: str, orderwise_control: Any, open_quota: Any, closed_breaker: Any, clock: Clock) -> Make:
    orderwise_control("PUT", "/settings", {"recalculationSeconds": 0, "strictFields": True})

    def made(**changes: Any) -> OrderWiseBackend:
        settings = OrderWiseSettings.model_validate(
            {
                "base_url": f"{orderwise_server}/OWAPI",
                "name": "ACME-UK",
                "session_id": 12,
                "customer": {"id": 4021},
                "capabilities": {"cancel": "api", "returns": "api"},
                "maps": {
                    "delivery_method": {"STANDARD": 18},
                    "payment_method": {"creditcard": 7, "gift_card": 8},
                    "stock_location": {"MAIN": 3},
                    "sale_locations": {"MAIN": [3, 5]},
                    "discount": {"voucher": "WEBVOUCHER"},
                    "surcharge": {"payment": "SMALLORDER"},
                },
                **changes,
            }
        )
        return OrderWiseBackend(settings, "syncbridge", "orderwise-sandbox", open_quota, closed_breaker, clock=clock)

    return made


@pytest.fixture
def backend(make: Make) -> OrderWiseBackend:
    return make()


@pytest.fixture
def floor(orderwise_control: Any) -> Callable[..., Any]:
    def act(reference: str, verb: str, body: Any = None) -> Any:
        return orderwise_control("POST", f"/orders/by-reference/{reference}/{verb}", body or {})

    return act


def body_of(backend: OrderWiseBackend, request: FulfilmentRequest = REQUEST) -> str:
    assert backend.faults(request) == ()
    return backend.compose_order(request)


def drained(pages: Iterator[FeedPage[Any]]) -> tuple[list[Any], str]:
    rows: list[Any] = []
    cursor = ""
    for page in pages:
        rows += page.rows
        cursor = page.cursor
    return rows, cursor


# ---- orders


def test_discounts_fees_and_payments_reconcile_in_orderwise(backend: OrderWiseBackend, orderwise_control: Any) -> None:
    assert backend.create_order(body_of(backend)) is not None
    (stored,) = orderwise_control("GET", "/state?section=orders")["orders"]
    assert stored["content"]["orderHeader"]["orderGross"] == 109.94


def test_what_does_not_reconcile_is_refused_there_and_held_here(backend: OrderWiseBackend) -> None:
    wrong = replace(REQUEST, totals=Totals(10399, 695, 0))
    assert [fault.code for fault in backend.faults(wrong)] == ["TOTAL_MISSING_AMOUNT"]
    body = body_of(backend).replace('"orderGross":109.94', '"orderGross":110.94')
    with pytest.raises(NeedsPerson) as refused:
        backend.create_order(body)
    assert "orderHeader.orderGross" in str(refused.value)


@pytest.mark.parametrize("status", [200, 202])
def test_an_order_that_is_imported_later_is_found_once_it_is_there(
    backend: OrderWiseBackend, orderwise_control: Any, status: int
) -> None:
    orderwise_control("PUT", "/settings", {"importMode": "deferred:3600", "deferredStatus": status})
    body = body_of(backend)
    assert backend.create_order(body) is None
    assert backend.find_orders(["SCY-NB-1"]) == {}
    orderwise_control("POST", "/imports/SCY-NB-1/import")
    found = backend.find_orders(["SCY-NB-1"])["SCY-NB-1"]
    assert backend.differences(body, found) == ()
    assert backend.timing.import_timeout == timedelta(minutes=30)


def test_where_duplicates_are_accepted_the_first_counts_and_the_rest_are_copies(
    backend: OrderWiseBackend, orderwise_control: Any
) -> None:
    orderwise_control("PUT", "/settings", {"duplicatePolicy": "accept"})
    body = body_of(backend)
    first, second = backend.create_order(body), backend.create_order(body)
    assert first is not None and second is not None
    found = backend.find_orders(["SCY-NB-1"])["SCY-NB-1"]
    assert (found.backend_id, found.copies) == (first.backend_id, (second.backend_id,))
    cancelled = backend.send_cancel(backend.compose_cancel(CancelWish("SCY-NB-1", second.backend_id, "Duplicate")))
    assert cancelled.state is CancelState.CANCELLED
    assert backend.find_orders(["SCY-NB-1"])["SCY-NB-1"].copies == ()


def test_where_duplicates_are_refused_the_order_is_there_to_adopt(backend: OrderWiseBackend) -> None:
    body = body_of(backend)
    backend.create_order(body)
    with pytest.raises(AlreadyExists):
        backend.create_order(body)
    assert backend.differences(body, backend.find_orders(["SCY-NB-1"])["SCY-NB-1"]) == ()


def test_tokens_that_end_at_any_moment_cost_nothing(backend: OrderWiseBackend, orderwise_control: Any) -> None:
    body = body_of(backend)
    orderwise_control("POST", "/tokens/expire")
    assert backend.create_order(body) is not None
    orderwise_control("POST", "/tokens/expire")
    assert len(backend.find_orders(["SCY-NB-1"])) == 1


def test_a_wrong_application_name_is_a_misconfiguration(make: Make, orderwise_server: str) -> None:
    with pytest.raises(Misconfigured):
        make(base_url=f"{orderwise_server}/nowhere").health()
    with pytest.raises(Misconfigured):
        make(export_ids={"order_lookup": 999}).find_orders(["SCY-NB-1"])


@pytest.mark.parametrize("prefix", ["@", ""])
def test_parameters_go_with_and_without_their_prefix(make: Make, prefix: str) -> None:
    assert make(param_prefix=prefix).find_orders(["SCY-NB-1"]) == {}


def test_renamed_statuses_are_mapped_by_configuration_and_unknown_ones_are_unknown(
    make: Make, orderwise_control: Any
) -> None:
    backend = make()
    backend.create_order(body_of(backend))
    orderwise_control("PUT", "/settings", {"statusTexts": {"1": "Ready to go"}})
    assert backend.find_orders(["SCY-NB-1"])["SCY-NB-1"].status is FulfilmentStatus.UNKNOWN
    renamed = make(maps={"status": {" ready TO go": "accepted"}})
    assert renamed.find_orders(["SCY-NB-1"])["SCY-NB-1"].status is FulfilmentStatus.ACCEPTED


@pytest.mark.parametrize(
    "change",
    [
        {"service": "DRONE"},
        {"warehouse_code": "ELSEWHERE"},
        {"payments": (ShopPayment("crypto", 10994),)},
        {"reference": "X" * 51},
    ],
)
def test_what_the_checks_find_would_indeed_be_refused(backend: OrderWiseBackend, change: dict[str, Any]) -> None:
    request = replace(REQUEST, **change)
    assert backend.faults(request)
    with pytest.raises(NeedsPerson) as refused:
        backend.create_order(backend.compose_order(request).replace(":null", ":77"))
    assert "Quill" not in str(refused.value)


def test_codes_that_differ_only_in_case(backend: OrderWiseBackend, orderwise_control: Any) -> None:
    orderwise_control("POST", "/seed", {"variants": [
        {"variantId": 9001, "variantCode": "ab1"}, {"variantId": 9002, "variantCode": "Ab1"},
    ]})  # fmt: skip
    skus = ["85123A", "85123a", "tee-navy-m", "mug-white", "AB1", "ab1"]
    assert backend.unknown_skus(skus) == backend.ambiguous_skus(skus) == {"AB1"}
    lower = replace(REQUEST.lines[1], sku="book-atlas")
    request = replace(REQUEST, lines=(lower,), fees=(), payments=(), totals=Totals(1899, 0, 0))
    order = backend.create_order(body_of(backend, request))
    assert order is not None
    assert backend.differences(backend.compose_order(request), order) == ()


# ---- despatches


def test_two_lines_of_one_sku_are_told_apart_by_their_line_ids(make: Make, floor: Callable[..., Any]) -> None:
    first = make()
    first.create_order(body_of(first))
    floor("SCY-NB-1", "despatch", {
        "lines": [{"lineNumber": 1, "quantity": 2}, {"lineNumber": 3, "quantity": 1}],
        "consignments": [
            {"number": "EXP1", "lines": [{"lineNumber": 1, "quantity": 1}, {"lineNumber": 3, "quantity": 1}]},
            {"number": "EXP2", "lines": [{"lineNumber": 1, "quantity": 1}]},
        ],
    })  # fmt: skip
    (despatch,), _ = drained(make().despatches_changed(None, None))
    assert [
        (parcel.tracking_number, sorted((line.line_number, line.quantity) for line in parcel.lines))
        for parcel in despatch.parcels
    ] == [("EXP1", [(1, 1), (3, 1)]), ("EXP2", [(1, 1)])]


def test_rows_without_a_number_vanish_when_numbers_come(
    backend: OrderWiseBackend, orderwise_control: Any, floor: Callable[..., Any]
) -> None:
    backend.create_order(body_of(backend))
    floor("SCY-NB-1", "despatch")
    (bare,), cursor = drained(backend.despatches_changed(None, None))
    assert [parcel.parcel_id for parcel in bare.parcels] == [""]
    orderwise_control("POST", f"/despatches/{bare.despatch_id}/tracking", {"consignments": ["EXP1"]})
    rows, _ = drained(backend.despatches_changed(cursor, None))
    assert [parcel.parcel_id for parcel in rows[-1].parcels] == ["EXP1"]
    assert rows[-1].version > bare.version


def test_thirty_despatches_around_the_repeated_hour_come_each_and_none_is_missed(
    backend: OrderWiseBackend, clock: Clock, floor: Callable[..., Any]
) -> None:
    """An order is despatched every five minutes from 00:00 to 02:25 UTC; the feed is read every ten."""
    start = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    line = replace(REQUEST.lines[1], net_minor=1899)
    cursor: str | None = None
    truth: dict[str, datetime] = {}
    seen: dict[str, datetime] = {}
    for number in range(30):
        at = start + timedelta(minutes=5 * number)
        clock.set(at)
        reference = f"SCY-NB-{number}"
        request = replace(
            REQUEST, reference=reference, lines=(line,), fees=(), payments=(), totals=Totals(1899, 0, 0)
        )
        backend.create_order(body_of(backend, request))
        floor(reference, "despatch", {"consignments": [f"EXP{number}"], "force": True})
        truth[reference] = at
        if number % 2:
            clock.set(at + timedelta(seconds=30))
            rows, cursor = drained(backend.despatches_changed(cursor, None))
            for row in rows:
                seen.setdefault(row.reference, row.despatched_at)
    assert seen.keys() == truth.keys()
    for reference, at in truth.items():
        assert abs(seen[reference] - at) < timedelta(seconds=30), reference


def test_equal_times_are_never_split_by_a_small_page(make: Make, clock: Clock, floor: Callable[..., Any]) -> None:
    backend = make(page_limit=2)
    clock.set(datetime(2026, 3, 3, 12, 0, tzinfo=UTC))
    for number in range(5):
        backend.create_order(body_of(backend, replace(REQUEST, reference=f"SCY-NB-{number}")))
        floor(f"SCY-NB-{number}", "despatch", {"force": True})
    rows, cursor = drained(backend.despatches_changed(None, None))
    assert sorted({row.reference for row in rows}) == [f"SCY-NB-{number}" for number in range(5)]
    assert all(sum(line.quantity for parcel in row.parcels for line in parcel.lines) == 4 for row in rows)
    again, same = drained(backend.despatches_changed(cursor, None))
    assert {row.despatch_id for row in again} <= {row.despatch_id for row in rows}
    assert same == cursor


# ---- stock


def test_stock_is_the_raw_sum_of_the_sale_locations(backend: OrderWiseBackend, orderwise_control: Any) -> None:
    rows, cursor = drained(backend.stock_changed(None, None))
    held = {row.sku: row.available_for_sale for row in rows}
    assert held["TEE-ORG-BLK-M"] == 104
    assert held["TEE-NAVY-M"] == 47
    assert (held["SOCK-WOOL-M"], whole_units(held["SOCK-WOOL-M"])) == (Decimal(-4), 0)
    assert (held["RIBBON-RED"], whole_units(held["RIBBON-RED"])) == (Decimal("12.75"), 12)
    assert "MUG-WHITE" in held
    orderwise_control("POST", "/stock/adjust", {"sku": "TEE-ORG-BLK-M", "stockLocationId": 5, "delta": -4})
    rows, _ = drained(backend.stock_changed(cursor, None))
    assert [row.available_for_sale for row in rows if row.sku == "TEE-ORG-BLK-M"][-1] == 100


def test_a_product_that_somebody_made_and_the_job_has_not_seen_yet_hides_no_other(
    backend: OrderWiseBackend, orderwise_control: Any, orderwise_server: str
) -> None:
    """As a public client makes one: from a template, then stock booked in; until the job runs its time is null."""
    orderwise_control("PUT", "/settings", {"recalculationSeconds": 3600})
    base = f"{orderwise_server}/owapi"
    token = requests.get(f"{base}/token/gettoken", auth=("syncbridge", "orderwise-sandbox"), timeout=5).text.strip('"')
    signed = {"Authorization": f"Bearer {token}"}
    new = {"variantInfo": {"code": "TYRE-1", "description": "Tyre", "eanCode": "5011111111111"}}
    made = requests.post(f"{base}/variants?template_variant_id=5521", json=new, headers=signed, timeout=5)
    assert made.status_code == 201
    booked = {"variantID": made.json()["variantInfo"]["id"], "stockLocationID": 3, "binID": 1, "quantity": 4}
    assert requests.post(f"{base}/stock/adjust-stock-in", json=booked, headers=signed, timeout=5).status_code == 200
    rows, cursor = drained(backend.stock_changed(None, None))
    assert "TYRE-1" not in {row.sku for row in rows}
    assert "TEE-NAVY-M" in {row.sku for row in rows}
    orderwise_control("POST", "/stock/recalculate")
    rows, _ = drained(backend.stock_changed(cursor, None))
    assert [row.available_for_sale for row in rows if row.sku == "TYRE-1"] == [4]


def test_an_order_reserves_at_once_and_free_stock_follows_with_the_job(
    backend: OrderWiseBackend, orderwise_control: Any
) -> None:
    orderwise_control("PUT", "/settings", {"recalculationSeconds": 3600})
    _, cursor = drained(backend.stock_changed(None, None))
    order = backend.create_order(body_of(backend))
    assert order is not None
    assert [line.allocated for line in order.lines] == [2, 1, 1]
    orderwise_control("POST", "/stock/recalculate")
    rows, _ = drained(backend.stock_changed(cursor, None))
    assert [row.available_for_sale for row in rows if row.sku == "TEE-NAVY-M"][-1] == 44


# ---- cancelling


def test_lines_can_be_cancelled_and_the_rest_goes_on(backend: OrderWiseBackend) -> None:
    order = backend.create_order(body_of(backend))
    assert order is not None
    wish = CancelWish("SCY-NB-1", order.backend_id, "Customer request", (CancelLine(3, "TEE-NAVY-M", 1),), whole=False)
    answer = backend.send_cancel(backend.compose_cancel(wish))
    assert answer.state is CancelState.CANCELLED
    assert answer.order is not None
    assert [(line.line_number, line.cancelled, line.allocated) for line in answer.order.lines] == [
        (1, 0, 2), (2, 0, 1), (3, 1, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(("verb", "refused"), [("allocate", False), ("pick", True)])
def test_picking_is_the_cut_off_and_allocation_is_not(
    backend: OrderWiseBackend, floor: Callable[..., Any], verb: str, refused: bool
) -> None:
    order = backend.create_order(body_of(backend))
    assert order is not None
    floor("SCY-NB-1", verb)
    shown = backend.find_orders(["SCY-NB-1"])["SCY-NB-1"]
    assert shown.cancellable is not refused
    answer = backend.send_cancel(backend.compose_cancel(CancelWish("SCY-NB-1", order.backend_id, "Customer request")))
    assert answer.state is (CancelState.REFUSED if refused else CancelState.CANCELLED)


def test_cancelling_an_order_that_is_not_there(backend: OrderWiseBackend) -> None:
    with pytest.raises(NotFound):
        backend.send_cancel(backend.compose_cancel(CancelWish("SCY-NB-1", "424242", "Customer request")))


# ---- returns


def announced(backend: OrderWiseBackend, order_id: str) -> str:
    return backend.compose_return(
        ReturnRequest(
            "RMA-01",
            "SCY-NB-1",
            order_id,
            "MAIN",
            datetime(2026, 3, 10, 10, 0, tzinfo=UTC),
            (ReturnLine(1, 3, "TEE-NAVY-M", 1, "size"),),
        )
    )


def test_a_return_is_announced_once_and_its_goods_are_seen(
    backend: OrderWiseBackend, orderwise_control: Any, floor: Callable[..., Any]
) -> None:
    order = backend.create_order(body_of(backend))
    assert order is not None
    floor("SCY-NB-1", "despatch")
    body = announced(backend, order.backend_id)
    made, again = backend.send_return(body), backend.send_return(body)
    assert (made.return_id, made.status) == (again.return_id, ReturnStatus.ANNOUNCED)
    orderwise_control(
        "POST",
        "/returns/by-rma/RMA-01/receive",
        {"lines": [{"lineNumber": 3, "quantity": 1, "condition": "Damaged", "action": "Refund"}]},
    )
    (seen,), cursor = drained(backend.returns_changed(None, None))
    assert (seen.return_id, seen.rma_number, seen.reference, seen.announced) == (made.return_id, "RMA-01", "SCY-NB-1", True)
    (line,) = seen.receipts
    assert (line.order_line_number, line.sku, line.quantity) == (3, "TEE-NAVY-M", 1)
    assert (line.condition, line.disposition) == (Condition.DAMAGED, Disposition.QUARANTINE)
    assert cursor


def test_more_than_was_sent_cannot_come_back(backend: OrderWiseBackend) -> None:
    order = backend.create_order(body_of(backend))
    assert order is not None
    with pytest.raises(NeedsPerson):
        backend.send_return(announced(backend, order.backend_id))


def test_goods_that_nobody_announced_are_seen_with_what_is_known(
    backend: OrderWiseBackend, orderwise_control: Any, floor: Callable[..., Any]
) -> None:
    backend.create_order(body_of(backend))
    floor("SCY-NB-1", "despatch")
    goods = {"sku": "TEE-NAVY-M", "quantity": 1, "condition": "Resaleable", "action": "Refund", "linked": False}
    orderwise_control("POST", "/returns/unlinked", {"clientReference": "SCY-NB-1", "lines": [goods]})
    orderwise_control("POST", "/returns/unlinked", {"lines": [goods]})
    rows, _ = drained(backend.returns_changed(None, None))
    assert [(row.announced, row.rma_number, row.reference) for row in rows] == [(False, "", "SCY-NB-1"), (False, "", "")]
    assert all(row.receipts[0].order_line_number is None for row in rows)
