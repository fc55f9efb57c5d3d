"""Scend sandbox: feeds without gaps, cursors, changedSince and lag (contract 2.5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

DAY = 24 * 3600


def instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_snapshot_has_every_row_once_in_sequence(scend: Any) -> None:
    for number in range(7):
        scend.create(f"R-{number}")
    scend.floor("R-2", "advance", {"to": "PICKING"})
    rows, _ = scend.feed("/orders", limit=3)
    assert [row["clientReference"] for row in rows] == [f"R-{n}" for n in (0, 1, 3, 4, 5, 6, 2)]
    sequences = [row["sequence"] for row in rows]
    assert sequences == sorted(set(sequences))


def test_row_that_changes_while_paging_is_delivered_again(scend: Any) -> None:
    for number in range(5):
        scend.create(f"R-{number}")
    first = scend.get("/orders", limit=3).json()
    assert first["page"]["hasMore"] is True
    scend.floor("R-0", "advance", {"to": "ALLOCATED"})
    scend.floor("R-4", "advance", {"to": "ALLOCATED"})
    scend.create("R-5")
    rest, cursor = scend.feed("/orders", limit=2, cursor=first["page"]["nextCursor"])
    assert [row["clientReference"] for row in rest] == ["R-3", "R-0", "R-4", "R-5"]
    again = scend.get("/orders", cursor=cursor).json()
    assert (again["data"], again["page"]["hasMore"]) == ([], False)
    assert again["page"]["nextCursor"]


def test_no_change_is_lost_over_many_polls_of_random_size(scend: Any) -> None:
    known: dict[str, int] = {}
    cursor = None
    for round_number in range(12):
        for number in range(6):
            reference = f"R-{round_number}-{number}"
            scend.create(reference)
            if number % 2:
                scend.floor(reference, "advance", {"to": "PACKED"})
        query = {"limit": 1 + round_number % 4} | ({"cursor": cursor} if cursor else {})
        answer = scend.get("/orders", **query).json()
        known |= {row["clientReference"]: row["version"] for row in answer["data"]}
        cursor = answer["page"]["nextCursor"]
    rest, _ = scend.feed("/orders", cursor=cursor)
    known |= {row["clientReference"]: row["version"] for row in rest}
    truth = scend.control("GET", "/state?section=orders")["orders"]
    assert known == {row["clientReference"]: row["version"] for row in truth}


def test_row_changed_three_times_is_delivered_once(scend: Any) -> None:
    scend.create()
    _, cursor = scend.feed("/orders")
    scend.floor("SCY-1", "advance", {"to": "PICKED"})
    rows, _ = scend.feed("/orders", cursor=cursor)
    assert [(row["status"], row["version"]) for row in rows] == [("PICKED", 4)]


def test_cursor_lives_seven_days(scend: Any) -> None:
    """Scenario S10."""
    scend.create("R-0")
    _, cursor = scend.feed("/orders")
    seen_at = datetime.fromisoformat(scend.control("GET", "/clock")["now"])
    scend.wind(7 * DAY - 60)
    assert scend.get("/orders", cursor=cursor).status_code == 200
    scend.create("R-1")
    scend.wind(DAY)
    assert code(scend.get("/orders", cursor=cursor)) == (410, "CURSOR_EXPIRED")
    overlap, _ = scend.feed("/orders", changedSince=instant(seen_at - timedelta(minutes=15)))
    assert [row["clientReference"] for row in overlap] == ["R-0", "R-1"]


def test_cursor_is_bound_to_path_filters_and_account(scend: Any) -> None:
    scend.create()
    cursor = scend.get("/orders", status="RECEIVED,ALLOCATED").json()["page"]["nextCursor"]
    assert scend.get("/orders", status="ALLOCATED,RECEIVED", cursor=cursor, limit=7).status_code == 200
    for path, filters in (
        ("/orders", {}),
        ("/orders", {"status": "RECEIVED"}),
        ("/despatches", {}),
    ):
        assert code(scend.get(path, cursor=cursor, **filters)) == (400, "CURSOR_INVALID")
    scend.control("POST", "/seed", {"accounts": [{"accountCode": "B"}], "tokens": [{"token": "both"}]})
    scend.headers |= {"Authorization": "Bearer both", "X-Scend-Account": "B"}
    assert code(scend.get("/orders", status="RECEIVED,ALLOCATED", cursor=cursor)) == (400, "CURSOR_INVALID")


@pytest.mark.parametrize("cursor", ["x", "c1.", "c1.AAAA", "c1.MToxOjE", "c2.abc", "c1." + "A" * 600, "c1.é"])
def test_garbled_cursors_are_refused(scend: Any, cursor: str) -> None:
    assert code(scend.get("/orders", cursor=cursor)) == (400, "CURSOR_INVALID")


def test_tampered_position_is_refused(scend: Any) -> None:
    cursor = scend.get("/orders").json()["page"]["nextCursor"]
    tampered = cursor[:5] + ("A" if cursor[5] != "A" else "B") + cursor[6:]
    assert code(scend.get("/orders", cursor=tampered)) == (400, "CURSOR_INVALID")


def test_injected_expiry_hits_only_calls_with_a_cursor(scend: Any) -> None:
    cursor = scend.get("/orders").json()["page"]["nextCursor"]
    scend.fault(fault="cursor_expired", match={"path": "/orders"})
    assert scend.get("/orders").status_code == 200
    assert code(scend.get("/orders", cursor=cursor)) == (410, "CURSOR_EXPIRED")
    assert scend.get("/orders", cursor=cursor).status_code == 200


def test_changed_since_includes_the_instant_itself(scend: Any) -> None:
    scend.create("R-0")
    scend.wind(60)
    changed = scend.create("R-1")["updatedAt"]
    rows, _ = scend.feed("/orders", changedSince=changed)
    assert [row["clientReference"] for row in rows] == ["R-1"]


def test_changed_since_goes_back_thirty_days(scend: Any) -> None:
    scend.stop_clock(now="2026-03-31T08:00:00Z")
    now = datetime(2026, 3, 31, 8, tzinfo=UTC)
    assert scend.get("/orders", changedSince=instant(now - timedelta(days=30))).status_code == 200
    refused = scend.get("/orders", changedSince=instant(now - timedelta(days=30, seconds=1)))
    assert code(refused) == (400, "CHANGED_SINCE_TOO_OLD")
    assert "oldestAllowed" in refused.json()["error"]["context"]


@pytest.mark.parametrize(
    ("query", "field", "problem"),
    [
        ({"limit": "0"}, "limit", "OUT_OF_RANGE"),
        ({"limit": "251"}, "limit", "OUT_OF_RANGE"),
        ({"limit": "ten"}, "limit", "INVALID_FORMAT"),
        ({"changedSince": "yesterday"}, "changedSince", "INVALID_FORMAT"),
        ({"changedSince": "2026-03-02T10:00:00"}, "changedSince", "INVALID_FORMAT"),
        ({"changedSince": "2999-01-01T00:00:00Z", "cursor": "c1.x"}, "changedSince", "INVALID_FORMAT"),
        ({"status": "PICKED,picked"}, "status", "INVALID_ENUM"),
        ({"clientReference": ",".join(f"R-{n}" for n in range(51))}, "clientReference", "TOO_MANY_ITEMS"),
    ],
)
def test_bad_list_queries_name_the_parameter(
    scend: Any, query: dict[str, str], field: str, problem: str
) -> None:
    answer = scend.get("/orders", **query)
    assert code(answer) == (400, "VALIDATION_FAILED")
    assert [(one["field"], one["code"]) for one in answer.json()["error"]["details"]] == [(field, problem)]


def test_largest_page_is_250(scend: Any) -> None:
    scend.control("POST", "/seed", {"products": [{"sku": f"P-{n}"} for n in range(300)]})
    page = scend.get("/products", limit=250).json()
    assert (len(page["data"]), page["page"]["limit"], page["page"]["hasMore"]) == (250, 250, True)
    assert len(scend.get("/products").json()["data"]) == 100


def test_unknown_reference_is_an_empty_list(scend: Any) -> None:
    answer = scend.get("/orders", clientReference="NOBODY")
    assert (answer.status_code, answer.json()["data"]) == (200, [])


def test_fifty_references_at_once(scend: Any) -> None:
    for number in range(3):
        scend.create(f"R-{number}")
    rows, _ = scend.feed(
        "/orders", clientReference="R-2,R-0,r-1," + ",".join(f"X-{n}" for n in range(47)), limit=1
    )
    assert [row["clientReference"] for row in rows] == ["R-0", "R-2"]


def test_filtered_feed_forgets_rows_that_stop_matching(scend: Any) -> None:
    scend.create()
    rows, cursor = scend.feed("/orders", status="RECEIVED")
    assert len(rows) == 1
    scend.floor("SCY-1", "advance", {"to": "ALLOCATED"})
    assert scend.feed("/orders", status="RECEIVED", cursor=cursor)[0] == []
    assert len(scend.feed("/orders", status="ALLOCATED")[0]) == 1


def test_stock_feed_filters_and_keeps_discontinued_rows(scend: Any) -> None:
    rows, cursor = scend.feed("/stock-levels", limit=2)
    assert len(rows) == 5
    old = next(row for row in rows if row["sku"] == "SCARF-OLD-RED")
    assert (old["active"], old["physical"], old["availableForSale"]) == (False, 3, 0)
    assert len(scend.feed("/stock-levels", sku="TEE-ORG-BLK-M,SCARF-OLD-RED")[0]) == 3
    assert len(scend.feed("/stock-levels", sku="TEE-ORG-BLK-M", warehouseCode="NTH2")[0]) == 1
    scend.control("POST", "/seed", {"products": [{"sku": "JKT-RAIN-NVY-L", "active": False}]})
    changed, _ = scend.feed("/stock-levels", cursor=cursor)
    assert [(row["sku"], row["active"], row["availableForSale"]) for row in changed] == [
        ("JKT-RAIN-NVY-L", False, 0)
    ]


def test_search_lag_hides_young_orders_without_a_gap(scend: Any) -> None:
    scend.settings(searchLagSeconds=30)
    order = scend.create("R-0")
    assert scend.get("/orders", clientReference="R-0").json()["data"] == []
    rows, cursor = scend.feed("/orders")
    assert rows == []
    assert scend.get(f"/orders/{order['orderId']}").status_code == 200
    scend.wind(31)
    assert scend.order("R-0")["orderId"] == order["orderId"]
    scend.create("R-1")
    rows, cursor = scend.feed("/orders", cursor=cursor)
    assert [row["clientReference"] for row in rows] == ["R-0"]
    scend.wind(31)
    rows, _ = scend.feed("/orders", cursor=cursor)
    assert [row["clientReference"] for row in rows] == ["R-1"]


def test_stock_lag_trails_without_a_gap(scend: Any) -> None:
    scend.wind(120)
    scend.settings(stockLagSeconds=60)
    rows, cursor = scend.feed("/stock-levels")
    assert len(rows) == 5
    scend.control("POST", "/stock/adjust", {"sku": "BOOT-HIKE-BRN-42", "bucket": "physical", "delta": 1})
    assert scend.feed("/stock-levels", cursor=cursor)[0] == []
    scend.wind(61)
    assert [row["physical"] for row in scend.feed("/stock-levels", cursor=cursor)[0]] == [31]


def test_feeds_survive_thousands_of_changes(scend: Any) -> None:
    """The log of changes is rewritten now and then; no row may be lost by it."""
    scend.create()
    _, cursor = scend.feed("/stock-levels")
    for _ in range(1200):
        scend.control("POST", "/stock/adjust", {"sku": "BOOT-HIKE-BRN-42", "bucket": "inbound", "delta": 1})
    rows, _ = scend.feed("/stock-levels", cursor=cursor)
    assert [(row["sku"], row["inbound"]) for row in rows] == [("BOOT-HIKE-BRN-42", 1200)]
    assert len(scend.feed("/stock-levels", limit=1)[0]) == 5
