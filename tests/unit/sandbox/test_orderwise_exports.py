"""OrderWise sandbox: export definitions, local time, cursors (contract 5, 11, 12.6, 12.7)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from syncbridge.sandbox.orderwise.local_time import local_text, read_local, sql_rounded
from syncbridge.sandbox.orderwise.stamped_feed import StampedFeed

NOON = datetime.fromisoformat("2026-03-02T12:00:00")


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(0, ""), (1_000, ""), (2_000, ".003"), (35_000, ".037"), (228_999, ".23"), (100_000, ".1"), (417_100, ".417")],
)
def test_times_have_the_databases_steps_and_no_trailing_zeros(microseconds: int, text: str) -> None:
    moment = sql_rounded(NOON + timedelta(microseconds=microseconds))
    assert local_text(moment) == f"2026-03-02T12:00:00{text}"
    assert read_local(local_text(moment)) == moment


def test_the_last_millisecond_of_a_second_is_the_next_second() -> None:
    assert local_text(sql_rounded(NOON + timedelta(microseconds=999_000))) == "2026-03-02T12:00:01"


@pytest.mark.parametrize("text", ["2026-03-02T12:00:00Z", "2026-03-02 12:00:00", "2026-03-02T12:00:00.1234", "1600-01-01"])
def test_other_forms_of_time_are_not_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"zone|year"):
        read_local(text)


def test_a_group_of_equal_stamps_is_never_cut() -> None:
    feed: StampedFeed[int] = StampedFeed()
    for key in range(10):
        feed.touch(key, NOON + timedelta(seconds=key // 4))

    def page(since: datetime, limit: int) -> list[int]:
        return [row["key"] for row in feed.after(since, limit, lambda key: [{"key": key}])]

    before = NOON - timedelta(seconds=1)
    assert page(before, 1) == [0, 1, 2, 3]
    assert page(before, 4) == [0, 1, 2, 3]
    assert page(before, 5) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert page(NOON, 1) == [4, 5, 6, 7]
    assert page(NOON + timedelta(seconds=2), 1) == []
    feed.touch(0, NOON + timedelta(seconds=9))
    assert page(before, 1) == [1, 2, 3], "a key is filed once, under its newest stamp"
    for _ in range(2100):
        feed.touch(1, NOON)
    assert page(before, 1) == [2, 3, 1]


def test_parameters_are_taken_with_and_without_the_sign(orderwise: Any) -> None:
    orderwise.create()
    for name in ("@reference", "reference", "@Reference"):
        body = [{"name": name, "value": "SCY-1"}]
        assert len(orderwise.post("/system/export-definition/201", body).json()) == 1


@pytest.mark.parametrize("blank", [{"name": "", "value": None}, {"name": "", "value": ""}])
def test_no_parameters_are_one_blank_element(orderwise: Any, blank: dict[str, Any]) -> None:
    rows = orderwise.post("/system/export-definition/204", [blank]).json()
    assert {"variantCode", "stockLocationId", "freeStock", "physicalStock", "lastCalculatedAt"} == set(rows[0])


@pytest.mark.parametrize(
    ("number", "body", "status"),
    [
        (999, [{"name": "", "value": None}], 404),
        (204, [], 400),
        (204, {}, 400),
        (204, [{"name": "x"}], 400),
        (201, [{"name": "", "value": None}], 400),
        (201, [{"name": "@reference", "value": None}], 400),
        (202, [{"name": "@amended_since", "value": "2026-03-03T16:28:00"}], 400),
        (202, [{"name": "@amended_since", "value": "now"}, {"name": "@limit", "value": 5}], 400),
        (202, [{"name": "@amended_since", "value": "2026-03-03T16:28:00"}, {"name": "@limit", "value": 0}], 400),
        (202, [{"name": "@amended_since", "value": "2026-03-03"}, {"name": "@limit", "value": "5"}], 200),
    ],
)
def test_wrong_calls_of_exports(orderwise: Any, number: int, body: Any, status: int) -> None:
    answer = orderwise.post(f"/system/export-definition/{number}", body)
    assert answer.status_code == status
    if status == 400 and number != 204:
        assert answer.json()["errors"][0]["field"].startswith("@")


def test_numbers_are_written_with_a_fraction_and_stock_may_be_negative_or_fractional(orderwise: Any) -> None:
    answer = orderwise.post("/system/export-definition/204", [{"name": "", "value": None}])
    assert '"variantCode":"SOCK-WOOL-M","stockLocationId":3,"freeStock":-4.0,"physicalStock":2.0' in answer.text
    assert '"variantCode":"RIBBON-RED","stockLocationId":3,"freeStock":12.75' in answer.text
    kit = next(row for row in answer.json() if row["variantCode"] == "KIT-PICNIC")
    assert kit["freeStock"] == 18.0, "40 mugs make 20, 18 bottles make 18"


def test_changed_stock_comes_with_all_its_locations(orderwise: Any) -> None:
    rows = orderwise.feed(203)
    last = rows[-1]["lastCalculatedAt"]
    orderwise.wind(1)
    orderwise.create()
    fresh = orderwise.feed(203, last)
    assert {(row["variantCode"], row["stockLocationId"]) for row in fresh} == {("TEE-NAVY-M", 3), ("TEE-NAVY-M", 1)}
    assert orderwise.feed(203, fresh[-1]["lastCalculatedAt"]) == []


def test_free_stock_follows_at_the_next_run_of_the_job(orderwise: Any) -> None:
    orderwise.settings(recalculationSeconds=900)
    before = orderwise.feed(203)[-1]["lastCalculatedAt"]
    orderwise.create()
    row = orderwise.shelf()
    assert (row["freeStock"], row["freeNow"], row["availableForSale"]) == (47, 45, 45)
    assert orderwise.feed(203, before) == []
    orderwise.wind(901)
    fresh = [row for row in _patiently(lambda: orderwise.feed(203, before)) if row["stockLocationId"] == 3]
    assert (fresh[0]["freeStock"], fresh[0]["physicalStock"]) == (45, 47)
    orderwise.floor("SCY-1", "despatch")
    row = orderwise.shelf()
    assert (row["physical"], row["freeStock"]) == (45, 45), "physical stock falls at once, free stock stays"
    assert orderwise.control("POST", "/stock/recalculate") == {"recalculated": 1}


def test_one_variant_may_be_recalculated_alone(orderwise: Any) -> None:
    orderwise.settings(recalculationSeconds=900)
    cursor = orderwise.feed(203)[-1]["lastCalculatedAt"]
    orderwise.wind(5)
    orderwise.create(lines=[("TEE-NAVY-M", 1), ("BOOK-ATLAS", 1)])
    orderwise.control("POST", "/stock/recalculate", {"sku": "BOOK-ATLAS"})
    assert [(row["variantCode"], row["freeStock"]) for row in orderwise.feed(203, cursor)] == [("BOOK-ATLAS", 24)]
    assert orderwise.control("POST", "/stock/recalculate") == {"recalculated": 1}


def test_the_job_runs_again_after_the_clock_was_set_back(orderwise: Any) -> None:
    orderwise.settings(recalculationSeconds=900)
    orderwise.control("POST", "/clock", {"now": "2026-12-01T00:00:00Z"})
    orderwise.mint()
    orderwise.create("SCY-1")
    orderwise.control("POST", "/clock", {"now": "2026-10-25T00:00:00Z"})
    orderwise.create("SCY-2")
    orderwise.wind(901)
    _patiently(lambda: [1] if orderwise.shelf()["freeStock"] == 43 else [])


def test_the_repeated_hour_of_autumn_is_written_twice_the_same(orderwise: Any) -> None:
    orderwise.control("POST", "/clock", {"now": "2026-10-25T00:10:00Z"})
    for number in range(3):
        orderwise.create(f"SCY-{number}")
        orderwise.floor(f"SCY-{number}", "despatch", {"consignments": [f"E{number}"]})
        orderwise.wind(1200)
    first = [row["lastAmendedAt"] for row in orderwise.feed(202)]
    assert [text[:16] for text in first] == ["2026-10-25T01:10", "2026-10-25T01:30", "2026-10-25T01:50"]
    orderwise.create("SCY-3")
    orderwise.floor("SCY-3", "despatch", {"consignments": ["E3"]})
    rows = orderwise.feed(202)
    assert [row["consignmentNumber"] for row in rows] == ["E0", "E3", "E1", "E2"], "filed among the hour before"
    assert orderwise.feed(202, first[-1]) == [], "a bare cursor has gone past it"
    assert "E3" in [row["consignmentNumber"] for row in orderwise.feed(202, "2026-10-25T00:48:00")]


def test_a_row_may_commit_late_with_an_older_stamp(orderwise: Any) -> None:
    orderwise.create("SCY-1")
    orderwise.create("SCY-2")
    orderwise.floor("SCY-1", "despatch", {"consignments": ["E1"]})
    cursor = orderwise.feed(202)[-1]["lastAmendedAt"]
    orderwise.floor("SCY-2", "despatch", {"consignments": ["E2"], "amendedSecondsAgo": 90})
    assert orderwise.feed(202, cursor) == []
    assert [row["consignmentNumber"] for row in orderwise.feed(202)] == ["E2", "E1"]


def _patiently(look: Any) -> Any:
    for _ in range(200):
        if found := look():
            return found
    raise AssertionError("it did not happen")
