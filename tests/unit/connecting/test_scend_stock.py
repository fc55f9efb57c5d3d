"""The stock feed over canned answers: only what is for sale counts, and a row is never guessed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from connectors.scend.adapter import ScendBackend
from connectors.scend.payloads import StockDocument
from syncbridge.config.scend import ScendSettings
from syncbridge.domain.errors import CursorRefused, RetryLater
from syncbridge.domain.stock import StockRow
from syncbridge.ports.backend import FulfilmentBackend
from syncbridge.ports.quota import Lane

BASE = "https://scend.example/v1"
LEVELS = f"{BASE}/stock-levels"
ROW: dict[str, Any] = {
    "sku": "TEE-ORG-BLK-M",
    "warehouseCode": "MID1",
    "physical": 120,
    "reserved": 22,
    "picked": 6,
    "quarantined": 9,
    "lockedForSale": 5,
    "available": 114,
    "availableForSale": 84,
    "inbound": 200,
    "nextInboundDate": "2026-03-20",
    "active": True,
    "changedAt": "2026-03-02T09:12:44.310Z",
    "sequence": 771904,
}


@pytest.fixture
def backend(scend_settings: ScendSettings, quota: Any, breaker: Any) -> FulfilmentBackend:
    return ScendBackend(scend_settings, "token-1", quota, breaker)


def page(*rows: Any, cursor: str = "c-end", more: bool = False) -> dict[str, Any]:
    return {"data": list(rows), "page": {"limit": 100, "hasMore": more, "nextCursor": cursor}}


def only(backend: FulfilmentBackend, row: dict[str, Any]) -> StockRow:
    with responses.RequestsMock() as vendor:
        vendor.get(LEVELS, json=page(row))
        ((found,),) = [one.rows for one in backend.stock_changed("c0", None)]
    return found


def test_a_row_is_what_is_for_sale_and_when_the_warehouse_saw_it(
    backend: FulfilmentBackend, quota: Any
) -> None:
    assert only(backend, ROW) == StockRow(
        sku="TEE-ORG-BLK-M",
        warehouse_code="MID1",
        available_for_sale=Decimal(84),
        active=True,
        sequence=771904,
        changed_at=datetime(2026, 3, 2, 9, 12, 44, 310_000, tzinfo=UTC),
    )
    assert quota.taken == [("scend", "account", Lane.STOCK)]


def test_the_payload_has_no_place_for_the_figure_that_holds_reserved_units() -> None:
    fields = {name: field.alias or name for name, field in StockDocument.model_fields.items()}
    assert set(fields.values()) == {
        "sku",
        "warehouseCode",
        "availableForSale",
        "active",
        "changedAt",
        "sequence",
    }


@pytest.mark.parametrize("available", [0, 1, 5, 10**6])
def test_whatever_is_available_changes_nothing(backend: FulfilmentBackend, available: int) -> None:
    row = {**ROW, "available": available, "availableForSale": 0, "physical": available}
    assert only(backend, row).available_for_sale == 0


@pytest.mark.parametrize(
    ("figure", "read"),
    [("84", "84"), (-3, "-3"), (2.9, "2.9"), ("2.90", "2.90"), ("-0.5", "-0.5"), (84.0, "84")],
)
def test_a_figure_is_taken_as_it_comes(backend: FulfilmentBackend, figure: Any, read: str) -> None:
    assert only(backend, {**ROW, "availableForSale": figure}).available_for_sale == Decimal(read)


@pytest.mark.parametrize(
    ("change", "active", "changed_at"),
    [
        ({"active": False}, False, True),
        ({"active": None}, True, True),
        ({"active": "perhaps"}, True, True),
        ({"changedAt": None}, True, False),
        ({"changedAt": "soon"}, True, False),
        ({"available": None, "physical": None}, True, True),
    ],
)
def test_what_is_not_needed_may_be_missing(
    backend: FulfilmentBackend, change: dict[str, Any], active: bool, changed_at: bool
) -> None:
    row = only(backend, {**ROW, **change})
    assert row.active is active
    assert (row.changed_at is not None) is changed_at


@pytest.mark.parametrize(
    "change",
    [
        {"availableForSale": None},
        {"availableForSale": "many"},
        {"availableForSale": "NaN"},
        {"availableForSale": "1E+999999"},
        {"availableForSale": "Infinity"},
        {"availableForSale": []},
        {"sku": None},
        {"warehouseCode": None},
        {"sequence": None},
    ],
)
def test_a_row_that_cannot_be_read_holds_its_page_and_is_read_once_it_is_mended(
    backend: FulfilmentBackend, change: dict[str, Any]
) -> None:
    other = {**ROW, "sku": "JKT-RAIN-NVY-L"}
    with responses.RequestsMock() as vendor:
        vendor.get(LEVELS, json=page(other, cursor="c1", more=True))
        vendor.get(LEVELS, json=page(other, {**ROW, **change}))
        vendor.get(LEVELS, json=page(other, ROW))
        feed = backend.stock_changed("c0", None)
        assert next(feed).cursor == "c1"
        with pytest.raises(RetryLater):
            next(feed)
        (mended,) = backend.stock_changed("c1", None)
    assert [row.sku for row in mended.rows] == ["JKT-RAIN-NVY-L", "TEE-ORG-BLK-M"]
    assert mended.last


def test_a_row_that_lacks_the_figure_for_sale_is_never_read_from_another(backend: FulfilmentBackend) -> None:
    row = {name: value for name, value in ROW.items() if name != "availableForSale"}
    with responses.RequestsMock() as vendor:
        vendor.get(LEVELS, json=page(row))
        with pytest.raises(RetryLater):
            list(backend.stock_changed(None, None))


def test_a_cursor_wins_over_an_instant_and_pages_are_read_to_the_end(backend: FulfilmentBackend) -> None:
    since = datetime(2026, 3, 2, 9, tzinfo=UTC)
    with responses.RequestsMock() as vendor:
        vendor.get(LEVELS, json=page(ROW, cursor="c1", more=True))
        vendor.get(LEVELS, json=page(cursor="c2", more=True))
        vendor.get(LEVELS, json=page(ROW, cursor="c3"))
        pages = list(backend.stock_changed(None, since))
        list(backend.stock_changed("c3", since))
        list(backend.stock_changed(None, None))
        queries = [parse_qs(urlsplit(call.request.url or "").query) for call in vendor.calls]
    assert [(one.cursor, one.last) for one in pages] == [("c1", False), ("c2", False), ("c3", True)]
    assert [{k: v[0] for k, v in query.items() if k != "limit"} for query in queries] == [
        {"changedSince": "2026-03-02T09:00:00.000Z"},
        {"cursor": "c1"},
        {"cursor": "c2"},
        {"cursor": "c3"},
        {},
    ]


@pytest.mark.parametrize(
    ("code", "status", "snapshot"),
    [("CURSOR_EXPIRED", 410, False), ("CURSOR_INVALID", 400, False), ("CHANGED_SINCE_TOO_OLD", 400, True)],
)
def test_a_refused_cursor_says_how_to_start_again(
    backend: FulfilmentBackend, code: str, status: int, snapshot: bool
) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(LEVELS, json={"error": {"code": code, "message": "", "requestId": "r"}}, status=status)
        with pytest.raises(CursorRefused) as refused:
            next(backend.stock_changed("c0", None))
    assert refused.value.snapshot_needed is snapshot


def test_the_declared_lag_of_the_feed_is_the_configured_one(
    backend: FulfilmentBackend, scend_settings: ScendSettings, quota: Any, breaker: Any
) -> None:
    assert backend.timing.stock_lag == timedelta(0)
    late = scend_settings.model_copy(update={"stock_lag_seconds": 90})
    assert ScendBackend(late, "t", quota, breaker).timing.stock_lag == timedelta(seconds=90)
