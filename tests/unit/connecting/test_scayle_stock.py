"""Stock over canned answers: what is written and asked, and what becomes of answers that say little or no."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import responses

from connectors.scayle.adapter import ScayleShop
from connectors.scayle.bulk_stock import OPERATIONS_READ
from connectors.scayle.stock_mapping import stock_path
from syncbridge.config.shops import ScayleSettings
from syncbridge.domain.errors import (
    Busy,
    Misconfigured,
    NeedsPerson,
    NotFound,
    OutcomeUnknown,
    RetryLater,
    VendorError,
)
from syncbridge.domain.stock import ShopStock, StockWrite
from syncbridge.ports.quota import Lane
from syncbridge.ports.shop import Shop

BASE = "https://acme-live.example/api/admin/v1"
BULK = f"{BASE}/variants/stocks/bulk-requests"
AT = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)
WRITE = StockWrite("NB-TEE", "WH-1", "scend", 37, AT)
UNSAID = ShopStock("NB-TEE", "WH-1", "scend", None, None)
ONE = f"{BASE}/variants/key=NB-TEE/stocks"
ANSWER = {
    "quantity": 37,
    "warehouseReferenceKey": "WH-1",
    "changedAt": "2026-03-02T10:30:00+00:00",
    "sellableWithoutStock": False,
    "merchantReferenceKey": "scend",
    "expectedAvailabilityAt": None,
}


def refusal(key: str, field: str = "variant") -> dict[str, Any]:
    return {"errors": [{"errorKey": key, "message": "m", "context": {"field": field}}]}


@pytest.fixture
def shop(scayle_settings: ScayleSettings, quota: Any, breaker: Any) -> Shop:
    settings = scayle_settings.model_copy(update={"stock_bulk_chunk": 2})
    return ScayleShop(settings, "key-1", quota, breaker)


@pytest.mark.parametrize(
    ("sku", "segment"),
    [
        ("NB-TEE_0042.M~", "NB-TEE_0042.M~"),
        ("A B", "A%20B"),
        ("A/B", "A%2FB"),
        ("A+B", "A%2BB"),
        ("A%2FB", "A%252FB"),
        ("50%?#&=;,:@", "50%25%3F%23%26%3D%3B%2C%3A%40"),
        ("Größe-名", "Gr%C3%B6%C3%9Fe-%E5%90%8D"),
        ("..", ".."),
        ("812", "812"),
    ],
)
def test_a_sku_is_one_encoded_segment_on_the_wire(shop: Shop, sku: str, segment: str) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/variants/key={segment}/stocks", json={"entities": []})
        assert shop.read_stock(sku) == ()
        assert vendor.calls[0].request.url == f"{BASE}/variants/key={segment}/stocks"
    assert stock_path(sku) == f"/variants/key={segment}/stocks"


@pytest.mark.parametrize(
    ("changed_at", "sent"),
    [
        (AT, "2026-03-02T10:30:00+00:00"),
        (AT + timedelta(microseconds=999_999), "2026-03-02T10:30:00+00:00"),
        (
            datetime(2026, 3, 2, 12, 30, 7, 600_000, timezone(timedelta(hours=2))),
            "2026-03-02T10:30:07+00:00",
        ),
    ],
)
def test_a_write_names_merchant_and_time_in_whole_seconds_of_utc(
    shop: Shop, quota: Any, changed_at: datetime, sent: str
) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(ONE, json=ANSWER, status=201)
        held = shop.write_stock(StockWrite("NB-TEE", "WH-1", "scend", 37, changed_at))
        body = json.loads(vendor.calls[0].request.body or b"")
    assert body == {
        "quantity": 37,
        "warehouseReferenceKey": "WH-1",
        "merchantReferenceKey": "scend",
        "changedAt": sent,
    }
    assert held == ShopStock("NB-TEE", "WH-1", "scend", 37, AT)
    assert quota.taken == [("scayle", "stocksWrite", Lane.STOCK)]


def test_a_time_without_an_offset_is_never_sent(shop: Shop) -> None:
    with responses.RequestsMock(), pytest.raises(ValueError, match="offset"):
        shop.write_stock(StockWrite("NB-TEE", "WH-1", "scend", 1, datetime(2026, 3, 2)))


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize(
    ("answer", "quantity", "changed_at"),
    [
        (ANSWER, 37, AT),
        ({**ANSWER, "quantity": "12", "changedAt": "2026-03-02T11:30:00+01:00"}, 12, AT),
        ({"quantity": 12}, 12, None),
        ({"changedAt": "2026-03-02T10:30:00Z"}, None, AT),
        ({**ANSWER, "quantity": "many", "changedAt": "yesterday"}, None, None),
        ({**ANSWER, "quantity": None, "changedAt": None}, None, None),
        ({}, None, None),
        ([], None, None),
        (None, None, None),
        ({**ANSWER, "warehouseReferenceKey": "WH-2"}, None, None),
        ({**ANSWER, "merchantReferenceKey": "other"}, None, None),
        ({**ANSWER, "merchantReferenceKey": None, "warehouseReferenceKey": None}, 37, AT),
    ],
)
def test_an_answer_tells_what_it_tells(
    shop: Shop, status: int, answer: Any, quantity: int | None, changed_at: datetime | None
) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(ONE, json=answer, status=status)
        assert shop.write_stock(WRITE) == ShopStock("NB-TEE", "WH-1", "scend", quantity, changed_at)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_an_empty_answer_is_success_without_words(shop: Shop, status: int) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(ONE, status=status)
        assert shop.write_stock(WRITE) == UNSAID


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (404, refusal("VARIANT_NOT_FOUND"), NotFound),
        (404, refusal("SOME_KEY"), NotFound),
        (422, refusal("VARIANT_NOT_FOUND"), NotFound),
        (404, refusal("WAREHOUSE_NOT_FOUND", "warehouseReferenceKey"), NeedsPerson),
        (404, refusal("NOT_FOUND", "merchantReferenceKey"), NeedsPerson),
        (400, refusal("WAREHOUSE_NOT_FOUND", "warehouseReferenceKey"), NeedsPerson),
        (400, refusal("MERCHANT_NOT_FOUND", "merchantReferenceKey"), NeedsPerson),
        (422, refusal("VALIDATION", "quantity"), NeedsPerson),
        (404, {"detail": "no such page"}, Misconfigured),
        (403, refusal("FORBIDDEN"), Misconfigured),
        (429, refusal("RATE_LIMIT_EXCEED"), RetryLater),
        (503, refusal("X"), OutcomeUnknown),
    ],
)
def test_refusals_are_sorted_by_what_happens_next(
    shop: Shop, status: int, body: dict[str, Any], expected: type[VendorError]
) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(ONE, json=body, status=status)
        with pytest.raises(VendorError) as refused:
            shop.write_stock(WRITE)
    assert type(refused.value) is expected
    assert refused.value.evidence.operation == "write stock"


def test_an_unreadable_answer_leaves_the_write_unknown(shop: Shop) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(ONE, body="<html>", status=200)
        with pytest.raises(OutcomeUnknown):
            shop.write_stock(WRITE)


def test_reading_gives_every_row_with_what_it_lacks_left_open(shop: Shop, quota: Any) -> None:
    rows = [ANSWER, {"quantity": "5", "warehouseReferenceKey": "WH-2"}, {"warehouse": "?"}]
    with responses.RequestsMock() as vendor:
        vendor.get(ONE, json={"entities": rows})
        assert shop.read_stock("NB-TEE") == (
            ShopStock("NB-TEE", "WH-1", "scend", 37, AT),
            ShopStock("NB-TEE", "WH-2", "", 5, None),
            ShopStock("NB-TEE", "", "", None, None),
        )
    assert quota.taken == [("scayle", "stocksRead", Lane.STOCK)]


def test_a_full_compare_reads_in_the_lane_of_bulk_work(shop: Shop, quota: Any) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(ONE, json={"entities": [ANSWER]})
        shop.read_stock("NB-TEE", Lane.BULK)
    assert quota.taken == [("scayle", "stocksRead", Lane.BULK)]


@pytest.mark.parametrize(
    ("headers", "at"), [({"Date": "Mon, 02 Mar 2026 10:30:00 GMT"}, AT), ({}, None), ({"Date": "soon"}, None)]
)
def test_the_shops_clock_is_the_date_of_one_cheap_answer(
    shop: Shop, quota: Any, headers: dict[str, str], at: datetime | None
) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/warehouses", json={"entities": []}, headers=headers)
        assert shop.clock() == at
    assert [scope for _system, scope, _lane in quota.taken] == ["globalRead"]


def test_reading_follows_a_cursor_that_the_documents_do_not_foresee(shop: Shop) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(ONE, json={"entities": [ANSWER], "cursor": {"next": "n1"}})
        vendor.get(ONE, json={"entities": [{"quantity": 1}], "cursor": {"next": None}})
        assert [row.quantity for row in shop.read_stock("NB-TEE")] == [37, 1]


def test_reading_an_unknown_sku_is_not_found(shop: Shop) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(ONE, status=404, json=refusal("VARIANT_NOT_FOUND"))
        with pytest.raises(NotFound):
            shop.read_stock("NB-TEE")


def writes(count: int) -> list[StockWrite]:
    return [StockWrite(f"S {n}", "WH-1", "scend", n, AT) for n in range(count)]


def test_a_bulk_request_grows_in_chunks_and_begins_with_the_last(shop: Shop, quota: Any) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(BULK, json={"key": 17}, status=201)
        assert shop.write_stocks(writes(5)) == "17"
        bodies = [json.loads(call.request.body or b"") for call in vendor.calls]
    assert [body["callbacks"] for body in bodies] == [
        {"requestStatus": "incomplete"},
        {"requestStatus": "incomplete", "bulkRequestKey": 17},
        {"requestStatus": "complete", "bulkRequestKey": 17},
    ]
    assert [[one["key"] for one in body["operations"]] for body in bodies] == [["0", "1"], ["2", "3"], ["4"]]
    assert bodies[1]["operations"][1] == {
        "key": "3",
        "method": "POST",
        "url": "/variants/key=S%203/stocks",
        "headers": {},
        "body": {
            "quantity": 3,
            "warehouseReferenceKey": "WH-1",
            "merchantReferenceKey": "scend",
            "changedAt": "2026-03-02T10:30:00+00:00",
        },
    }
    assert set(quota.taken) == {("scayle", "stocksWrite", Lane.STOCK)}


def test_a_single_chunk_is_complete_at_once(shop: Shop) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(BULK, json={"key": "k-9"}, status=200)
        assert shop.write_stocks(writes(2)) == "k-9"
        assert json.loads(vendor.calls[0].request.body or b"")["callbacks"] == {"requestStatus": "complete"}


def test_no_writes_at_all_are_a_mistake_of_the_caller(shop: Shop) -> None:
    with responses.RequestsMock(), pytest.raises(ValueError, match="at least one"):
        shop.write_stocks([])


@pytest.mark.parametrize(("status", "error"), [(429, RetryLater), (500, OutcomeUnknown), (400, NeedsPerson)])
def test_a_request_that_cannot_be_finished_is_cancelled(
    shop: Shop, status: int, error: type[VendorError]
) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(BULK, json={"key": 17}, status=201)
        vendor.post(BULK, json=refusal("X"), status=status)
        cancelled = vendor.put(f"{BASE}/bulk-requests/17/cancel", status=500)
        with pytest.raises(error):
            shop.write_stocks(writes(5))
        assert cancelled.call_count == 1


def test_too_many_running_operations_are_a_reason_to_wait(shop: Shop) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(BULK, json=refusal("BULK_LIMIT_EXCEEDED", "limit"), status=400)
        with pytest.raises(RetryLater):
            shop.write_stocks(writes(1))


@pytest.mark.parametrize("key", ["../orders", "", "a b", None])
def test_a_bulk_key_that_is_no_plain_word_is_refused(shop: Shop, key: Any) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(BULK, json={"key": key}, status=201)
        with pytest.raises(OutcomeUnknown):
            shop.write_stocks(writes(1))


def status_of(
    vendor: responses.RequestsMock, status: str, processed: int | None, failed: int | None, total: int = 3
) -> None:
    progress = {"totalOperations": total, "processedOperations": processed, "failedOperations": failed}
    vendor.get(f"{BASE}/bulk-requests/17/status", json={"key": 17, "status": status, "progress": progress})


def operation(
    vendor: responses.RequestsMock, index: int, status: str, code: int | None, body: Any = None
) -> responses.BaseResponse:
    response = None if code is None else {"statusCode": code, "body": body}
    canned: responses.BaseResponse = vendor.get(
        f"{BASE}/bulk-requests/17/operations/{index}/status",
        json={"key": str(index), "status": status, "response": response},
    )
    return canned


@pytest.mark.parametrize("status", ["new", "pending", "processing", "brand_new_word"])
def test_results_wait_while_the_shop_works(shop: Shop, quota: Any, status: str) -> None:
    with responses.RequestsMock() as vendor:
        status_of(vendor, status, 1, 0)
        assert shop.stock_results("17", writes(3)) is None
    assert quota.taken == [("scayle", "globalRead", Lane.STOCK)]


@pytest.mark.parametrize("status", ["processed", "brand_new_word"])
def test_results_of_a_request_that_went_well_cost_one_call(shop: Shop, status: str) -> None:
    many = writes(20_000)
    with responses.RequestsMock() as vendor:
        status_of(vendor, status, 20_000, 0, 20_000)
        results = shop.stock_results("17", many)
        assert len(vendor.calls) == 1
    assert results is not None
    assert len(results) == 20_000
    assert results[19_999] == ShopStock("S 19999", "WH-1", "scend", None, None)


def test_failures_are_looked_for_until_all_are_found(shop: Shop, quota: Any) -> None:
    with responses.RequestsMock() as vendor:
        status_of(vendor, "processed", 2, 1)
        operation(vendor, 0, "processed", 201, {"quantity": "0", "changedAt": "2026-03-02T10:30:00Z"})
        operation(vendor, 1, "failed", 404, refusal("VARIANT_NOT_FOUND"))
        results = shop.stock_results("17", writes(3))
    assert results is not None
    assert sorted(results) == [0, 1, 2]
    assert results[0] == ShopStock("S 0", "WH-1", "scend", 0, AT)
    assert isinstance(results[1], NotFound)
    assert results[1].evidence.code == "VARIANT_NOT_FOUND"
    assert results[2] == ShopStock("S 2", "WH-1", "scend", None, None)
    assert quota.taken[1:] == [("scayle", "globalRead", Lane.BULK)] * 2


@pytest.mark.parametrize(
    ("status", "code", "body", "expected"),
    [
        ("failed", 404, refusal("VARIANT_NOT_FOUND"), NotFound),
        ("failed", 404, json.dumps(refusal("VARIANT_NOT_FOUND")), NotFound),
        ("failed", 404, "<html>", OutcomeUnknown),
        ("failed", 400, refusal("WAREHOUSE_NOT_FOUND", "warehouseReferenceKey"), NeedsPerson),
        ("failed", 429, refusal("RATE_LIMIT_EXCEED"), RetryLater),
        ("failed", 403, refusal("FORBIDDEN"), Misconfigured),
        ("failed", 500, None, OutcomeUnknown),
        ("failed", None, None, OutcomeUnknown),
        ("processed", 404, refusal("VARIANT_NOT_FOUND"), NotFound),
        ("processing", None, None, OutcomeUnknown),
        ("new", None, None, RetryLater),
    ],
)
def test_an_operation_that_failed_says_what_happens_next(
    shop: Shop, status: str, code: int | None, body: Any, expected: type[VendorError]
) -> None:
    with responses.RequestsMock() as vendor:
        status_of(vendor, "failed", 0, 1, 1)
        operation(vendor, 0, status, code, body)
        results = shop.stock_results("17", writes(1))
    assert results is not None
    assert type(results[0]) is expected


@pytest.mark.parametrize("body", [None, [], {}, "", "<html>", 7])
def test_an_operation_without_a_body_was_accepted_without_words(shop: Shop, body: Any) -> None:
    with responses.RequestsMock() as vendor:
        status_of(vendor, "processed", 1, 1, 2)
        operation(vendor, 0, "processed", 200, body)
        operation(vendor, 1, "failed", 400, refusal("X"))
        results = shop.stock_results("17", writes(2))
    assert results is not None
    assert results[0] == ShopStock("S 0", "WH-1", "scend", None, None)


@pytest.mark.parametrize(
    ("status", "counts"), [("cancelled", (1, 0)), ("aborted", (1, 0)), ("processed", (None, None))]
)
def test_a_request_that_does_not_add_up_is_read_operation_by_operation(
    shop: Shop, status: str, counts: tuple[int | None, int | None]
) -> None:
    with responses.RequestsMock() as vendor:
        status_of(vendor, status, *counts)
        operation(vendor, 0, "processed", 201, ANSWER)
        operation(vendor, 1, "new", None)
        vendor.get(f"{BASE}/bulk-requests/17/operations/2/status", status=404, json=refusal("X"))
        results = shop.stock_results("17", writes(3))
    assert results is not None
    assert results[0] == ShopStock("S 0", "WH-1", "scend", 37, AT)
    assert type(results[1]) is RetryLater
    assert type(results[2]) is OutcomeUnknown, "an unknown operation is no unknown SKU"


@pytest.mark.parametrize("trouble", [429, 403, 500])
def test_what_could_not_be_read_has_to_be_looked_up(shop: Shop, trouble: int) -> None:
    with responses.RequestsMock() as vendor:
        status_of(vendor, "processed", 2, 1)
        operation(vendor, 0, "processed", 201, ANSWER)
        second = vendor.get(f"{BASE}/bulk-requests/17/operations/1/status", status=trouble, json=refusal("X"))
        results = shop.stock_results("17", writes(3))
        assert second.call_count == 1
    assert results is not None
    assert isinstance(results[0], ShopStock)
    assert [type(results[n]) for n in (1, 2)] == [OutcomeUnknown, OutcomeUnknown]


def test_a_short_quota_cuts_the_reading_short(
    shop: Shop, quota: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = iter(range(10))

    def take(*_: Any) -> None:
        if next(calls) >= 2:
            raise Busy("no quota left", after=timedelta(seconds=1))

    monkeypatch.setattr(quota, "take", take)
    with responses.RequestsMock() as vendor:
        status_of(vendor, "processed", 2, 1)
        operation(vendor, 0, "processed", 201, ANSWER)
        results = shop.stock_results("17", writes(3))
    assert results is not None
    assert [isinstance(results[n], OutcomeUnknown) for n in range(3)] == [False, True, True]


@pytest.mark.parametrize(("more", "reads"), [(0, OPERATIONS_READ), (1, 0)])
def test_the_operations_of_a_large_request_are_not_read_one_by_one(shop: Shop, more: int, reads: int) -> None:
    """Handing all of it over again in small requests costs far fewer calls."""
    count = OPERATIONS_READ + more
    with responses.RequestsMock(assert_all_requests_are_fired=False) as vendor:
        status_of(vendor, "processed", count - 1, 1, count)
        read = [operation(vendor, n, "processed", 201, ANSWER) for n in range(count - 1)]
        read.append(operation(vendor, count - 1, "failed", 404, refusal("VARIANT_NOT_FOUND")))
        results = shop.stock_results("17", writes(count))
        assert sum(one.call_count for one in read) == reads
    assert results is not None
    assert len(results) == count
    assert type(results[count - 1]) is (OutcomeUnknown if more else NotFound)
    assert isinstance(results[0], OutcomeUnknown) is bool(more)


def test_a_request_that_the_shop_forgot_is_no_unknown_sku(shop: Shop) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/bulk-requests/17/status", status=404, json=refusal("BULK_REQUEST_NOT_FOUND"))
        with pytest.raises(OutcomeUnknown):
            shop.stock_results("17", writes(1))
