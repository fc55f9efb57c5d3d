"""OrderWise sandbox: the warehouse that works by itself."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

from syncbridge.sandbox.orderwise.autoprogress import draw_fate
from syncbridge.sandbox.orderwise.settings import AutoProgress

QUICK = {
    "speed": 200.0,
    "partialShare": 0.3,
    "multiParcelShare": 0.4,
    "lateTrackingShare": 0.3,
    "sharedTrackingShare": 0.1,
    "shortPickShare": 0.2,
    "untrackedShare": 0.1,
}


def test_the_same_order_meets_the_same_fate() -> None:
    settings = AutoProgress().changed(QUICK)
    assert draw_fate(settings, "SCY-1") == draw_fate(settings, "SCY-1")
    fates = [draw_fate(settings, f"SCY-{number}") for number in range(300)]
    assert 40 < sum(one.short_pick for one in fates) < 80
    assert {one.parcels for one in fates} == {1, 2, 3}


def wait_for(orderwise: Any, finished: Any) -> None:
    deadline = time.monotonic() + 45
    while not finished(orderwise.control("GET", "/summary")):
        assert time.monotonic() < deadline, orderwise.control("GET", "/summary")
        time.sleep(0.05)


def test_every_order_ends_and_every_unit_is_accounted_for(orderwise: Any) -> None:
    orderwise.settings(autoProgress=QUICK)
    codes = ["TEE-NAVY-M", "TEE-ORG-BLK-M", "BOOK-ATLAS", "MUG-WHITE", "RIBBON-RED"]
    orderwise.control(
        "POST", "/seed", {"stock": [{"variantCode": code, "stockLocationId": 3, "physical": 500} for code in codes]}
    )
    for number in range(40):
        lines = [(codes[(number + step) % 5], 1 + (number + step) % 3) for step in range(1 + number % 3)]
        orderwise.create(f"SCY-{number}", lines=[*lines, ("RIBBON-RED", 0.5 if number % 7 == 0 else 2.5)])
    wait_for(orderwise, lambda shown: shown["scheduled"] == 0 and shown["orders"]["byStatus"] == {"DESPATCHED": 40})
    state = orderwise.control("GET", "/state?section=orders,despatches,stock,facts")
    parcels: Counter[tuple[int, int]] = Counter()
    for made in state["despatches"]:
        for parcel in made["parcels"]:
            for line in parcel["lines"]:
                parcels[line["orderLineId"], 0] += line["quantity"]
    for order in state["orders"]:
        for line in order["lines"]:
            assert line["quantityDespatched"] + line["quantityCancelled"] == line["quantityOrdered"]
            assert parcels[line["orderLineId"], 0] == line["quantityDespatched"]
    assert all(row["reserved"] == 0 for row in state["stock"])
    kinds = Counter(fact["fact"] for fact in state["facts"])
    assert kinds["short_pick"] == kinds["lines_cancelled"] > 0
    assert kinds["tracking_set"] > 0
    assert any(parcel["trackingNumber"] is None for made in state["despatches"] for parcel in made["parcels"])
    assert len(state["despatches"]) > 40


def test_what_is_not_there_is_given_up_in_the_end(orderwise: Any) -> None:
    orderwise.settings(autoProgress={**dict.fromkeys([name for name in QUICK if name != "speed"], 0), "speed": 500.0})
    orderwise.create("SCY-1", lines=[("SEAT-CHILD", 8), ("BOOK-ATLAS", 1)])
    wait_for(orderwise, lambda shown: shown["orders"]["byStatus"] == {"DESPATCHED": 1})
    lines = orderwise.order()["lines"]
    assert [(one["quantityDespatched"], one["quantityCancelled"]) for one in lines] == [(6, 2), (1, 0)]
    assert [fact["lines"][0]["quantity"] for fact in orderwise.facts("short_close")] == [2]


def test_orders_that_were_there_before_are_taken_up(orderwise: Any) -> None:
    orderwise.create("SCY-1")
    orderwise.create("SCY-2", systemOrderType=2)
    orderwise.settings(autoProgress={"speed": 500.0})
    wait_for(orderwise, lambda shown: shown["orders"]["byStatus"].get("DESPATCHED") == 1)
    assert orderwise.order("SCY-2")["status"] == "RECEIVED", "a quote goes nowhere"
    orderwise.settings(autoProgress=False)
    orderwise.create("SCY-3")
    time.sleep(0.1)
    assert orderwise.order("SCY-3")["status"] == "RECEIVED"
