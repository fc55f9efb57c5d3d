"""Scend sandbox: the warehouse that works by itself, cheaply and repeatably."""

from __future__ import annotations

import time
from collections import Counter
from typing import Any

import pytest

from syncbridge.sandbox.scend.autoprogress import draw_fate, first_part, split_over_parcels
from syncbridge.sandbox.scend.settings import AutoProgress

TROUBLE = {
    "partialShare": 0.4,
    "multiParcelShare": 0.4,
    "lateTrackingShare": 0.3,
    "sharedTrackingShare": 0.3,
    "shortPickShare": 0.3,
}


def wait_until_idle(scend: Any) -> dict[str, Any]:
    """Wind the clock until nothing is planned any more."""
    deadline = time.monotonic() + 45
    while True:
        summary = scend.control("GET", "/summary")
        if not summary["scheduled"]:
            return dict(summary)
        assert time.monotonic() < deadline, summary
        scend.wind(30)


def run_day(scend: Any, orders: int, **changes: Any) -> list[dict[str, Any]]:
    scend.control("POST", "/reset")
    scend.settings(autoProgress={**TROUBLE, **changes})
    stock = [
        {"sku": sku, "physical": 5000} for sku in ("TEE-ORG-BLK-M", "JKT-RAIN-NVY-L", "BOOT-HIKE-BRN-42")
    ]
    scend.control("POST", "/seed", {"stock": stock})
    for number in range(orders):
        lines = [
            {"lineNumber": 1, "sku": "TEE-ORG-BLK-M", "quantity": 1 + number % 3},
            {"lineNumber": 2, "sku": "JKT-RAIN-NVY-L", "quantity": 1},
            {"lineNumber": 3, "sku": "BOOT-HIKE-BRN-42", "quantity": 1 + number % 2},
        ]
        scend.create(f"R-{number}", lines=lines, allowPartialDespatch=number % 4 != 0)
    wait_until_idle(scend)
    return list(scend.control("GET", "/state?section=despatches")["despatches"])


def test_every_order_ends_and_every_unit_is_accounted_for(scend: Any) -> None:
    despatches = run_day(scend, 60)
    orders = scend.control("GET", "/state?section=orders")["orders"]
    assert {order["status"] for order in orders} == {"DESPATCHED"}
    for order in orders:
        for line in order["lines"]:
            assert line["quantityOrdered"] == line["quantityDespatched"] + line["quantityCancelled"]
    per_order = Counter(one["clientReference"] for one in despatches)
    assert max(per_order.values()) >= 2
    assert any(len(one["parcels"]) > 1 for one in despatches)
    assert any(one["version"] > 1 for one in despatches), "late tracking"
    assert all(parcel["trackingNumber"] for one in despatches for parcel in one["parcels"])
    shared = [
        one for one in despatches if len(one["parcels"]) > len({p["trackingNumber"] for p in one["parcels"]})
    ]
    assert shared
    assert any(line["quantityCancelled"] for order in orders for line in order["lines"]), (
        "short picks, closed short"
    )
    whole = {order["clientReference"] for order in orders if not order["allowPartialDespatch"]}
    assert all(per_order[reference] == 1 for reference in whole)
    stock = scend.control("GET", "/state?section=stock")["stock"]
    assert all(row["reserved"] == row["picked"] == 0 for row in stock)


def test_same_seed_gives_the_same_fate_whatever_the_timing(scend: Any) -> None:
    def parcels_of(despatches: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
        return {
            (
                one["clientReference"],
                one["ordinal"],
                tuple(
                    (
                        parcel["trackingNumber"],
                        tuple((line["lineNumber"], line["quantity"]) for line in parcel["lines"]),
                    )
                    for parcel in one["parcels"]
                ),
            )
            for one in despatches
        }

    first = parcels_of(run_day(scend, 25, seed=5))
    assert parcels_of(run_day(scend, 25, seed=5, speed=50)) == first
    assert parcels_of(run_day(scend, 25, seed=6)) != first


def test_shares_are_kept_over_many_orders() -> None:
    settings = AutoProgress(partial_share=0.25, late_tracking_share=0.1)
    fates = [draw_fate(settings, f"R-{number}") for number in range(4000)]
    assert 0.22 < sum(fate.partial for fate in fates) / len(fates) < 0.28
    assert 0.08 < sum(fate.late_tracking for fate in fates) / len(fates) < 0.12


def test_nothing_moves_while_it_is_off_and_open_orders_are_taken_up_when_it_goes_on(scend: Any) -> None:
    scend.create()
    scend.wind(1000)
    assert scend.order()["status"] == "RECEIVED"
    scend.settings(autoProgress=True)
    wait_until_idle(scend)
    assert scend.order()["status"] == "DESPATCHED"
    scend.settings(autoProgress=False)
    scend.create("SCY-2")
    scend.wind(1000)
    assert scend.order("SCY-2")["status"] == "RECEIVED"


def test_backordered_order_goes_on_when_stock_comes(scend: Any) -> None:
    scend.settings(autoProgress=True)
    scend.control(
        "POST", "/seed", {"products": [{"sku": "NEW-1"}], "stock": [{"sku": "NEW-1", "physical": 0}]}
    )
    scend.create(lines=[{"lineNumber": 1, "sku": "NEW-1", "quantity": 2}])
    wait_until_idle(scend)
    assert scend.order()["status"] == "BACKORDERED"
    scend.control("POST", "/stock/adjust", {"sku": "NEW-1", "bucket": "physical", "delta": 5})
    wait_until_idle(scend)
    assert scend.order()["status"] == "DESPATCHED"


def test_hopeless_backorder_is_cancelled_where_told(scend: Any) -> None:
    scend.settings(autoProgress={"backorderGiveUpSeconds": 60})
    scend.control("POST", "/seed", {"products": [{"sku": "NEW-1"}]})
    scend.create(lines=[{"lineNumber": 1, "sku": "NEW-1", "quantity": 2}])
    wait_until_idle(scend)
    order = scend.order()
    assert (order["status"], order["cancellation"]["initiator"]) == ("CANCELLED", "WAREHOUSE")


@pytest.mark.parametrize(
    ("share", "status", "state"), [(1, "CANCELLED", "ACCEPTED"), (0, "DESPATCHED", "DECLINED")]
)
def test_cancel_requests_are_decided_by_the_share(scend: Any, share: float, status: str, state: str) -> None:
    scend.stop_clock()
    scend.settings(autoProgress={"cancelAcceptShare": share, "pickedSeconds": 100, "shortPickShare": 0})
    order = scend.create()
    scend.wind(5)
    scend.floor("SCY-1", "advance", {"to": "PICKING"})
    assert scend.post(f"/orders/{order['orderId']}/cancel", {"reasonCode": "OTHER"}).status_code == 202
    wait_until_idle(scend)
    order = scend.order()
    assert (order["status"], order["cancellation"]["state"]) == (status, state)


def test_quarantined_and_held_orders_wait_for_people(scend: Any) -> None:
    scend.settings(autoProgress=True)
    body = scend.order_body()
    body["deliveryAddress"]["city"] = None
    order = scend.post("/orders", body).json()
    scend.create("SCY-2")
    scend.floor("SCY-2", "hold")
    wait_until_idle(scend)
    assert [scend.order(one)["status"] for one in ("SCY-1", "SCY-2")] == ["QUARANTINED", "ON_HOLD"]
    address = {**body["deliveryAddress"], "city": "Norwich"}
    scend.call("PATCH", f"/orders/{order['orderId']}/delivery-address", json=address)
    scend.floor("SCY-2", "unhold")
    wait_until_idle(scend)
    assert [scend.order(one)["status"] for one in ("SCY-1", "SCY-2")] == ["DESPATCHED", "DESPATCHED"]


@pytest.mark.parametrize(
    ("units", "parcels", "expected"),
    [
        ({1: 2, 2: 1}, 1, [{1: 2, 2: 1}]),
        ({1: 1}, 3, [{1: 1}]),
        ({1: 2, 2: 1}, 2, [{1: 2}, {2: 1}]),
        ({1: 3}, 2, [{1: 2}, {1: 1}]),
        ({1: 2}, 3, [{1: 1}, {1: 1}]),
    ],
)
def test_units_are_spread_over_parcels_without_loss(
    units: dict[int, int], parcels: int, expected: list[dict[int, int]]
) -> None:
    assert split_over_parcels(units, parcels) == expected


def test_first_part_is_never_everything() -> None:
    assert first_part({1: 2, 2: 5, 3: 1}) == {1: 2}
    assert first_part({4: 5}) == {4: 2}


def test_units_that_a_count_found_missing_leave_the_books_once(scend: Any) -> None:
    row = {"sku": "TEE-ORG-BLK-M", "warehouseCode": "MID1", "physical": 3, "quarantined": 0, "lockedForSale": 0}
    scend.control("POST", "/seed", {"stock": [row]})
    scend.settings(autoProgress={**dict.fromkeys(TROUBLE, 0.0), "allocateSeconds": 1, "pickSeconds": 60})
    lines = [{"lineNumber": 1, "sku": "TEE-ORG-BLK-M", "quantity": 1}]
    for number in range(3):
        scend.create(f"R-{number}", lines=lines)
    scend.wind(2)
    deadline = time.monotonic() + 30
    while scend.stock()["reserved"] < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    scend.control("POST", "/stock/adjust", {"sku": "TEE-ORG-BLK-M", "bucket": "physical", "delta": -1})
    assert wait_until_idle(scend)["defects"] == 0
    statuses = Counter(order["status"] for order in scend.control("GET", "/state?section=orders")["orders"])
    assert statuses == {"DESPATCHED": 2, "CANCELLED": 1}
    assert (scend.stock()["physical"], scend.stock()["reserved"]) == (0, 0)
