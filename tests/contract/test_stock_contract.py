"""What a `Shop` and a `FulfilmentBackend` owe the stock flows, shown by the real adapters over the stand-ins."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from connectors.scayle.adapter import ScayleShop
from connectors.scend.adapter import ScendBackend
from syncbridge.config.scend import ScendSettings
from syncbridge.config.shops import ScayleSettings
from syncbridge.domain.errors import (
    CursorRefused,
    NeedsPerson,
    NotFound,
    OutcomeUnknown,
    RetryLater,
    VendorError,
)
from syncbridge.domain.stock import ShopStock, StockRow, StockWrite
from syncbridge.ports.backend import FulfilmentBackend
from syncbridge.ports.shop import Shop

NOW = datetime.now(UTC).replace(microsecond=0)
ODD = ("A B", "A/B", "A+B", "A%2FB", "100%?#&=;", "Größe-名", "85123a", "85123A")
TEE, JACKET = "TEE-ORG-BLK-M", "JKT-RAIN-NVY-L"


# ---- the shop


@pytest.fixture
def shop(scayle_server: str, scayle_control: Any, open_quota: Any, closed_breaker: Any) -> Shop:
    scayle_control("POST", "/seed", {"products": [{"sku": sku} for sku in ("TEE", "CAP", *ODD)]})
    settings = ScayleSettings.model_validate(
        {
            "base_url": f"{scayle_server}/api/admin/v1",
            "shops": [{"key": "nb", "country": "GB", "currencies": ["GBP"]}],
            "stock_bulk_chunk": 3,
        }
    )
    return ScayleShop(settings, "sandbox-token", open_quota, closed_breaker)


def write(
    quantity: int, seconds: float = 0, sku: str = "TEE", warehouse: str = "WH-1", merchant: str = "scend"
) -> StockWrite:
    return StockWrite(sku, warehouse, merchant, quantity, NOW + timedelta(seconds=seconds))


def bulk_requests(control: Any) -> list[dict[str, Any]]:
    answer = requests.get(
        f"{control.root}/api/admin/v1/bulk-requests", headers={"X-Access-Token": "sandbox-token"}, timeout=5
    )
    rows: list[dict[str, Any]] = answer.json()["entities"]
    return rows


def results_of(shop: Shop, key: str, writes: Sequence[StockWrite]) -> Mapping[int, ShopStock | VendorError]:
    ends_at = time.monotonic() + 30
    while (results := shop.stock_results(key, writes)) is None:
        assert time.monotonic() < ends_at, "the bulk request does not end"
        time.sleep(0.02)
    assert sorted(results) == list(range(len(writes)))
    return results


def test_a_write_is_answered_with_what_is_held_now(shop: Shop) -> None:
    assert shop.write_stock(write(7)) == ShopStock("TEE", "WH-1", "scend", 7, NOW)
    assert shop.write_stock(write(0, 1)) == ShopStock("TEE", "WH-1", "scend", 0, NOW + timedelta(seconds=1))
    assert shop.read_stock("TEE") == (ShopStock("TEE", "WH-1", "scend", 0, NOW + timedelta(seconds=1)),)


def test_writing_the_same_again_changes_nothing(shop: Shop) -> None:
    assert shop.write_stock(write(7)) == shop.write_stock(write(7)) == shop.read_stock("TEE")[0]


def test_a_stale_write_is_seen_by_its_answer(shop: Shop) -> None:
    shop.write_stock(write(7))
    assert shop.write_stock(write(50, -1)) == ShopStock("TEE", "WH-1", "scend", 7, NOW)


def test_a_part_of_a_second_is_rounded_down_and_never_up(shop: Shop) -> None:
    assert shop.write_stock(write(7, 0.999)).changed_at == NOW
    assert shop.write_stock(write(8, 1.999)).changed_at == NOW + timedelta(seconds=1)


@pytest.mark.parametrize(("switch", "held"), [("applied", 8), ("ignored", 7)])
def test_an_equal_stamp_is_told_by_the_quantity(
    shop: Shop, scayle_control: Any, switch: str, held: int
) -> None:
    scayle_control("PUT", "/settings", {"equalChangedAt": switch})
    shop.write_stock(write(7))
    assert shop.write_stock(write(8)) == ShopStock("TEE", "WH-1", "scend", held, NOW)


def test_two_writes_in_reverse_leave_the_newer_one(shop: Shop) -> None:
    shop.write_stock(write(9, 10))
    shop.write_stock(write(10, 5))
    assert shop.read_stock("TEE") == (ShopStock("TEE", "WH-1", "scend", 9, NOW + timedelta(seconds=10)),)


def test_an_older_value_with_a_newer_stamp_is_written(shop: Shop) -> None:
    assert [shop.write_stock(write(units, at)).quantity for at, units in enumerate((10, 9, 10))] == [
        10,
        9,
        10,
    ]


def test_answers_may_deduct_what_orders_hold(shop: Shop, scayle_control: Any) -> None:
    shop.write_stock(write(5, -60))
    line = {"sku": "TEE", "quantity": 2, "unitPriceWithTax": 1000, "taxRate": 0.2}
    line |= {"merchant": "scend", "warehouse": "WH-1"}
    scayle_control("POST", "/orders", {"shop": "nb", "country": "GB", "lines": [line], "confirm": True})
    assert shop.read_stock("TEE")[0].quantity == 5
    scayle_control("PUT", "/settings", {"stockDeductsBlocks": True})
    assert shop.read_stock("TEE")[0] == ShopStock("TEE", "WH-1", "scend", 3, NOW - timedelta(seconds=60))
    assert shop.write_stock(write(5, -50)) == ShopStock(
        "TEE", "WH-1", "scend", 3, NOW - timedelta(seconds=50)
    )


def test_warehouses_and_merchants_of_a_sku_are_told_apart(shop: Shop) -> None:
    shop.write_stock(write(1))
    shop.write_stock(write(2, warehouse="WH-2", merchant="other"))
    assert {(one.warehouse, one.merchant, one.quantity) for one in shop.read_stock("TEE")} == {
        ("WH-1", "scend", 1),
        ("WH-2", "other", 2),
    }


def test_a_sku_that_nobody_wrote_yet_has_no_stock(shop: Shop) -> None:
    assert shop.read_stock("CAP") == ()


def test_a_sku_in_any_script_reaches_its_own_variant(shop: Shop) -> None:
    for units, sku in enumerate(ODD):
        assert shop.write_stock(write(units, sku=sku)).quantity == units
    assert [shop.read_stock(sku)[0].quantity for sku in ODD] == list(range(len(ODD)))
    later = [write(units + 100, 1, sku=sku) for units, sku in enumerate(ODD)]
    results_of(shop, shop.write_stocks(later), later)
    assert [shop.read_stock(sku)[0].quantity for sku in ODD] == [units + 100 for units in range(len(ODD))]


def test_an_unknown_sku_is_not_found_and_anything_else_is_for_a_person(shop: Shop) -> None:
    with pytest.raises(NotFound):
        shop.write_stock(write(1, sku="NOBODY"))
    with pytest.raises(NotFound):
        shop.read_stock("NOBODY")
    for misplaced in (write(1, warehouse="WH-9"), write(1, merchant="nobody")):
        with pytest.raises(NeedsPerson):
            shop.write_stock(misplaced)


def test_a_lost_answer_is_unknown_and_a_repeat_tells(shop: Shop, scayle_control: Any) -> None:
    scayle_control.fault("POST", "/variants", "timeout_after")
    with pytest.raises(OutcomeUnknown):
        shop.write_stock(write(7))
    assert shop.read_stock("TEE")[0].quantity == 7
    assert shop.write_stock(write(7)).quantity == 7


def test_a_used_up_quota_had_no_effect(shop: Shop, scayle_control: Any) -> None:
    scayle_control("PUT", "/settings", {"rateLimits": {"stocksWrite": 1}})
    shop.write_stock(write(7))
    with pytest.raises(RetryLater) as limited:
        shop.write_stock(write(8, 1))
    assert limited.value.after is not None
    assert shop.read_stock("TEE")[0].quantity == 7


def test_a_bulk_request_of_several_chunks_writes_every_sku(shop: Shop, scayle_control: Any) -> None:
    writes = [write(units, sku=sku) for units, sku in enumerate(("TEE", "CAP", *ODD))]
    key = shop.write_stocks(writes)
    results = results_of(shop, key, writes)
    assert all(isinstance(one, ShopStock) for one in results.values())
    assert [shop.read_stock(one.sku)[0].quantity for one in writes] == [one.quantity for one in writes]
    assert [one["status"] for one in bulk_requests(scayle_control)] == ["processed"]


def test_a_bulk_request_tells_known_skus_from_unknown_ones(shop: Shop) -> None:
    shop.write_stock(write(7))
    writes = [
        write(1, sku="NOBODY"),
        write(50, -1),
        write(2, sku="CAP"),
        write(3, warehouse="WH-9"),
        write(4, sku="A/B"),
    ]
    results = results_of(shop, shop.write_stocks(writes), writes)
    assert type(results[0]) is NotFound
    assert results[1] == ShopStock("TEE", "WH-1", "scend", 7, NOW), "ignored as stale: the answer shows it"
    assert results[2] == ShopStock("CAP", "WH-1", "scend", 2, NOW)
    assert type(results[3]) is NeedsPerson
    assert isinstance(results[4], ShopStock)
    assert shop.read_stock("A/B")[0].quantity == 4


def test_a_bulk_request_that_is_still_at_work_says_so(shop: Shop, scayle_control: Any) -> None:
    scayle_control("PUT", "/settings", {"bulkStepSeconds": 30})
    writes = [write(1), write(2, sku="CAP")]
    key = shop.write_stocks(writes)
    assert shop.stock_results(key, writes) is None
    scayle_control("POST", "/clock", {"advanceSeconds": 60})
    assert all(isinstance(one, ShopStock) for one in results_of(shop, key, writes).values())


def test_a_bulk_request_where_all_is_refused_names_each(shop: Shop) -> None:
    writes = [write(1, sku=f"NOBODY-{n}") for n in range(4)]
    results = results_of(shop, shop.write_stocks(writes), writes)
    assert [type(one) for one in results.values()] == [NotFound] * 4


def test_a_bulk_request_that_breaks_off_does_nothing(shop: Shop, scayle_control: Any) -> None:
    path = "/variants/stocks/bulk-requests"
    scayle_control.fault("POST", path, "slow", milliseconds=1)
    scayle_control.fault("POST", path, "rate_limit")
    with pytest.raises(RetryLater):
        shop.write_stocks([write(units, sku=sku) for units, sku in enumerate(ODD)])
    assert {shop.read_stock(sku) for sku in ODD} == {()}
    assert [one["status"] for one in bulk_requests(scayle_control)] == ["cancelled"]


def test_a_bulk_key_that_nobody_gave_is_unknown(shop: Shop) -> None:
    with pytest.raises(OutcomeUnknown):
        shop.stock_results("987654", [write(1)])


# ---- the back end


@pytest.fixture
def make(scend_server: str, scend_control: Any, open_quota: Any, closed_breaker: Any) -> Callable[..., Any]:
    scend_control("PUT", "/settings", {"rateCapacity": 100_000, "ratePerSecond": 10_000})

    def backend(**more: Any) -> ScendBackend:
        settings = ScendSettings.model_validate(
            {"base_url": f"{scend_server}/v1", "account_code": "ACME-UK", **more}
        )
        return ScendBackend(settings, "scend-sandbox-token", open_quota, closed_breaker)

    return backend


@pytest.fixture
def backend(make: Callable[..., FulfilmentBackend]) -> FulfilmentBackend:
    return make()


def drain(
    backend: FulfilmentBackend, cursor: str | None = None, since: datetime | None = None
) -> tuple[list[StockRow], str]:
    pages = list(backend.stock_changed(cursor, since))
    assert [page.last for page in pages] == [False] * (len(pages) - 1) + [True]
    return [row for page in pages for row in page.rows], pages[-1].cursor


def adjust(control: Any, sku: str, bucket: str, delta: int, warehouse: str = "MID1") -> None:
    body = {"sku": sku, "warehouseCode": warehouse, "bucket": bucket, "delta": delta}
    control("POST", "/stock/adjust", body)


def last_of(rows: Sequence[StockRow], sku: str, warehouse: str = "MID1") -> StockRow:
    return [row for row in rows if (row.sku, row.warehouse_code) == (sku, warehouse)][-1]


def test_a_snapshot_has_every_row_once_and_then_only_changes_come(
    backend: FulfilmentBackend, scend_control: Any
) -> None:
    rows, cursor = drain(backend)
    assert len({(row.sku, row.warehouse_code) for row in rows}) == len(rows) > 1
    assert [row.sequence for row in rows] == sorted(row.sequence for row in rows)
    assert drain(backend, cursor) == ([], cursor)
    adjust(scend_control, TEE, "physical", 3)
    changed, _ = drain(backend, cursor)
    assert [row.sku for row in changed] == [TEE]
    assert changed[0].available_for_sale == last_of(rows, TEE).available_for_sale + 3
    assert changed[0].sequence > last_of(rows, TEE).sequence
    assert changed[0].changed_at is not None
    assert changed[0].changed_at >= NOW


@pytest.mark.parametrize("bucket", ["quarantined", "lockedForSale"])
def test_units_that_are_there_but_not_for_sale_do_not_count(
    backend: FulfilmentBackend, scend_control: Any, bucket: str
) -> None:
    before = last_of(drain(backend)[0], TEE).available_for_sale
    adjust(scend_control, TEE, bucket, int(before))
    assert last_of(drain(backend)[0], TEE).available_for_sale == 0


def test_what_is_announced_by_suppliers_does_not_count(
    backend: FulfilmentBackend, scend_control: Any
) -> None:
    before = last_of(drain(backend)[0], TEE).available_for_sale
    adjust(scend_control, TEE, "inbound", 500)
    assert last_of(drain(backend)[0], TEE).available_for_sale == before


def test_a_feed_that_breaks_off_is_resumed_where_it_was_stored(
    make: Callable[..., FulfilmentBackend], scend_control: Any
) -> None:
    everything, _ = drain(make())
    backend = make(page_limit=1)
    feed = backend.stock_changed(None, None)
    first = next(feed)
    scend_control.fault("GET", "/stock-levels", "truncated_json")
    with pytest.raises(RetryLater):
        next(feed)
    rest, _ = drain(backend, first.cursor)
    assert [*first.rows, *rest] == everything


def test_a_row_that_changes_under_the_reader_comes_again(
    make: Callable[..., FulfilmentBackend], scend_control: Any
) -> None:
    feed = make(page_limit=1).stock_changed(None, None)
    first = next(feed)
    sku, warehouse = first.rows[0].sku, first.rows[0].warehouse_code
    adjust(scend_control, sku, "physical", 1, warehouse)
    rest = [row for page in feed for row in page.rows]
    assert last_of(rest, sku, warehouse).sequence > first.rows[0].sequence


def test_a_refused_cursor_is_restarted_with_an_overlap(
    backend: FulfilmentBackend, scend_control: Any
) -> None:
    rows, cursor = drain(backend)
    scend_control.fault("GET", "/stock-levels", "cursor_expired")
    with pytest.raises(CursorRefused) as expired:
        drain(backend, cursor)
    assert not expired.value.snapshot_needed
    adjust(scend_control, TEE, "physical", 1)
    again, _ = drain(backend, None, datetime.now(UTC) - timedelta(minutes=15))
    assert last_of(again, TEE).available_for_sale == last_of(rows, TEE).available_for_sale + 1
    with pytest.raises(CursorRefused) as garbled:
        drain(backend, "nonsense")
    assert not garbled.value.snapshot_needed
    with pytest.raises(CursorRefused) as too_old:
        drain(backend, None, datetime.now(UTC) - timedelta(days=40))
    assert too_old.value.snapshot_needed


def test_a_cursor_of_another_feed_is_refused(backend: FulfilmentBackend) -> None:
    *_, products = backend.products_changed(None, None)
    with pytest.raises(CursorRefused):
        drain(backend, products.cursor)


def test_a_trailing_feed_shows_a_change_only_after_its_lag(
    make: Callable[..., FulfilmentBackend], scend_control: Any
) -> None:
    backend = make(stock_lag_seconds=60)
    assert backend.timing.stock_lag == timedelta(seconds=60)
    _, cursor = drain(backend)
    scend_control("PUT", "/settings", {"stockLagSeconds": 60})
    adjust(scend_control, TEE, "physical", 1)
    rows, cursor = drain(backend, cursor)
    assert rows == []
    scend_control("POST", "/clock", {"advanceSeconds": 61})
    rows, _ = drain(backend, cursor)
    assert [row.sku for row in rows] == [TEE]


def test_a_discontinued_sku_stays_in_the_feed_and_says_so(
    backend: FulfilmentBackend, scend_control: Any
) -> None:
    _, cursor = drain(backend)
    scend_control("POST", "/seed", {"products": [{"sku": JACKET, "active": False}]})
    rows, _ = drain(backend, cursor)
    gone = last_of(rows, JACKET)
    assert (gone.active, gone.available_for_sale) == (False, Decimal(0))
