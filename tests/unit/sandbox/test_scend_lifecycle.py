"""Scend sandbox: status transitions, stock arithmetic, cancelling (contract 2.9, 2.11, 2.12)."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from typing import Any

import pytest

from syncbridge.sandbox.scend.lifecycle import STATUSES, TRANSITIONS

LINES = [
    {"lineNumber": 1, "sku": "TEE-ORG-BLK-M", "quantity": 2},
    {"lineNumber": 2, "sku": "JKT-RAIN-NVY-L", "quantity": 1},
]

DOCUMENTED = {
    "RECEIVED": "QUARANTINED ON_HOLD ALLOCATED BACKORDERED CANCELLED",
    "QUARANTINED": "RECEIVED CANCELLED",
    "ON_HOLD": "RECEIVED CANCELLED",
    "BACKORDERED": "ALLOCATED ON_HOLD CANCELLED",
    "ALLOCATED": "PICKING BACKORDERED ON_HOLD CANCELLED",
    "PICKING": "PICKED BACKORDERED CANCELLED",
    "PICKED": "PACKED BACKORDERED",
    "PACKED": "PARTIALLY_DESPATCHED DESPATCHED",
    "PARTIALLY_DESPATCHED": "DESPATCHED PACKED",
    "DESPATCHED": "PACKED PARTIALLY_DESPATCHED",
    "CANCELLED": "",
}


def drain(scend: Any, sku: str = "TEE-ORG-BLK-M") -> int:
    """Take every sellable unit of a SKU away; return how many there were."""
    free = int(scend.stock(sku)["availableForSale"])
    scend.control("POST", "/stock/adjust", {"sku": sku, "bucket": "lockedForSale", "delta": free})
    return free


def bring(scend: Any, status: str, reference: str = "SCY-1") -> dict[str, Any]:
    """Create an order and bring it into a status over legal transitions."""
    scend.create(reference)
    if status == "QUARANTINED":
        scend.floor(reference, "advance", {"to": status, "reasons": [{"code": "ADDRESS_INCOMPLETE"}]})
    elif status == "ON_HOLD":
        scend.floor(reference, "hold")
    elif status == "BACKORDERED":
        scend.floor(reference, "advance", {"to": "ALLOCATED"})
        scend.floor(reference, "advance", {"to": status})
    elif status == "CANCELLED":
        scend.floor(reference, "warehouse-cancel")
    elif status == "PARTIALLY_DESPATCHED":
        scend.floor(reference, "advance", {"to": "PACKED"})
        scend.floor(reference, "despatch", {"parcels": [{"lines": [{"lineNumber": 2, "quantity": 1}]}]})
    elif status != "RECEIVED":
        scend.floor(reference, "advance", {"to": status})
    order = scend.order(reference)
    assert order["status"] == status
    return dict(order)


def check_invariants(scend: Any) -> None:
    """Every line and every stock row obeys the contract's arithmetic, and they agree with each other."""
    state = scend.control("GET", "/state?section=orders,stock,despatches")
    reserved: dict[tuple[str, str], int] = {}
    for order in state["orders"]:
        for line in order["lines"]:
            parts = [
                line[f"quantity{name}"] for name in ("Allocated", "Backordered", "Despatched", "Cancelled")
            ]
            assert min(parts) >= 0
            if order["status"] in ("RECEIVED", "QUARANTINED", "ON_HOLD"):
                assert parts[:2] == [0, 0]
            else:
                assert sum(parts) == line["quantityOrdered"], order["status"]
            key = (line["sku"], order["warehouseCode"])
            reserved[key] = reserved.get(key, 0) + line["quantityAllocated"]
            sent = sum(
                one["quantity"]
                for despatch in state["despatches"]
                if despatch["orderId"] == order["orderId"] and not despatch["voidedAt"]
                for one in despatch["lines"]
                if one["lineNumber"] == line["lineNumber"]
            )
            assert sent == line["quantityDespatched"]
    for row in state["stock"]:
        assert 0 <= row["availableForSale"] <= row["available"] <= row["physical"]
        assert 0 <= row["picked"] <= row["reserved"]
        assert row["available"] == row["physical"] - row["picked"]
        free = row["physical"] - row["reserved"] - row["quarantined"] - row["lockedForSale"]
        assert row["availableForSale"] == (max(0, free) if row["active"] else 0)
        assert row["reserved"] == reserved.get((row["sku"], row["warehouseCode"]), 0)


def test_the_table_is_the_documented_one() -> None:
    assert {status: set(after.split()) for status, after in DOCUMENTED.items()} == TRANSITIONS


NEEDS_TWO_DESPATCHES = {
    ("DESPATCHED", "PARTIALLY_DESPATCHED"),
    ("PARTIALLY_DESPATCHED", "PARTIALLY_DESPATCHED"),
}
"""Covered by the tests of despatches."""

PAIRS = sorted(set(itertools.product(STATUSES, STATUSES)) - NEEDS_TWO_DESPATCHES)


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=lambda value: value)
def test_single_transitions_are_possible_exactly_where_documented(
    scend: Any, before: str, after: str
) -> None:
    order = bring(scend, before)
    undo = before in ("PARTIALLY_DESPATCHED", "DESPATCHED") and after == "PACKED"
    verb, body = "advance", {"to": after}
    if after == "PARTIALLY_DESPATCHED":
        verb, body = "despatch", {"parcels": [{"lines": [{"lineNumber": 1, "quantity": 1}]}]}
    elif after == "QUARANTINED":
        body["reasons"] = [{"code": "ADDRESS_INCOMPLETE"}]  # type: ignore[assignment]  # the verb takes any JSON
    elif after == "BACKORDERED" and before == "RECEIVED":
        drain(scend)
        drain(scend, "JKT-RAIN-NVY-L")
    legal = after in DOCUMENTED[before].split()
    if undo:
        scend.control("POST", f"/despatches/{order['despatches'][0]['despatchId']}/void")
        assert scend.order()["status"] == after
    elif legal:
        scend.floor("SCY-1", verb, body)
        assert scend.order()["status"] == after
        assert scend.order()["version"] == order["version"] + 1
    elif verb == "advance" and _is_a_walk(before, after):
        scend.floor("SCY-1", verb, body)
        steps = [one["status"] for one in scend.order()["statusHistory"]]
        assert all(b in TRANSITIONS[a] for a, b in itertools.pairwise(steps))
    else:
        scend.floor("SCY-1", verb, body, expect=409)
        assert scend.order() == order
    check_invariants(scend)


def _is_a_walk(before: str, after: str) -> bool:
    road = ["RECEIVED", "ALLOCATED", "PICKING", "PICKED", "PACKED", "DESPATCHED"]
    here = "RECEIVED" if before == "BACKORDERED" else before
    return here in road and after in road and road.index(after) > road.index(here)


def test_history_keeps_the_latest_twenty(scend: Any) -> None:
    scend.create()
    for _ in range(12):
        scend.floor("SCY-1", "hold")
        scend.floor("SCY-1", "unhold")
    order = scend.order()
    assert len(order["statusHistory"]) == 20
    assert order["statusHistory"][-1]["version"] == order["version"] == 25


def test_stock_follows_the_order_through_the_floor(scend: Any) -> None:
    before = scend.stock()

    def moved() -> tuple[int, int, int]:
        now = scend.stock()
        return tuple(now[name] - before[name] for name in ("physical", "reserved", "picked"))  # type: ignore[return-value]  # three names

    scend.create()
    assert moved() == (0, 0, 0)
    for status, expected in (
        ("ALLOCATED", (0, 2, 0)),
        ("PICKING", (0, 2, 0)),
        ("PICKED", (0, 2, 2)),
        ("PACKED", (0, 2, 2)),
        ("DESPATCHED", (-2, 0, 0)),
    ):
        scend.floor("SCY-1", "advance", {"to": status})
        assert moved() == expected, status
        check_invariants(scend)


def test_row_with_available_units_can_have_none_for_sale(scend: Any) -> None:
    """Scenario S7."""
    scend.control("POST", "/seed", {"stock": [{"sku": "JKT-RAIN-NVY-L", "physical": 5, "quarantined": 2}]})
    scend.create(lines=[{"lineNumber": 1, "sku": "JKT-RAIN-NVY-L", "quantity": 3}])
    scend.floor("SCY-1", "advance", {"to": "ALLOCATED"})
    row = scend.stock("JKT-RAIN-NVY-L")
    assert (row["available"], row["availableForSale"]) == (5, 0)


@pytest.mark.parametrize(
    ("allow_partial", "free", "status", "allocated", "backordered"),
    [
        (True, 0, "BACKORDERED", 0, 2),
        (True, 1, "ALLOCATED", 1, 1),
        (True, 2, "ALLOCATED", 2, 0),
        (False, 1, "BACKORDERED", 1, 1),
        (False, 2, "ALLOCATED", 2, 0),
    ],
)
def test_allocation_rule(
    scend: Any, allow_partial: bool, free: int, status: str, allocated: int, backordered: int
) -> None:
    drain(scend)
    scend.control(
        "POST", "/stock/adjust", {"sku": "TEE-ORG-BLK-M", "bucket": "lockedForSale", "delta": -free}
    )
    scend.create(allowPartialDespatch=allow_partial, lines=LINES[:1])
    scend.floor("SCY-1", "allocate")
    order = scend.order()
    line = order["lines"][0]
    assert (order["status"], line["quantityAllocated"], line["quantityBackordered"]) == (
        status,
        allocated,
        backordered,
    )
    check_invariants(scend)


def test_backordered_order_keeps_what_it_has_and_takes_the_rest_later(scend: Any) -> None:
    drain(scend)
    scend.create(allowPartialDespatch=False)
    scend.floor("SCY-1", "allocate")
    assert scend.order()["lines"][1]["quantityAllocated"] == 1
    scend.control("POST", "/stock/adjust", {"sku": "TEE-ORG-BLK-M", "bucket": "lockedForSale", "delta": -1})
    scend.floor("SCY-1", "allocate")
    order = scend.order()
    assert (order["status"], order["version"]) == ("BACKORDERED", 3)
    scend.control("POST", "/stock/adjust", {"sku": "TEE-ORG-BLK-M", "bucket": "lockedForSale", "delta": -1})
    scend.floor("SCY-1", "allocate")
    assert scend.order()["status"] == "ALLOCATED"
    check_invariants(scend)


def test_short_pick_without_partials_goes_back_to_backordered(scend: Any) -> None:
    before = scend.stock()
    scend.create(allowPartialDespatch=False)
    scend.floor("SCY-1", "advance", {"to": "PICKED"})
    order = scend.floor("SCY-1", "short-pick", {"lines": [{"sku": "TEE-ORG-BLK-M", "quantity": 1}]})
    assert order["status"] == "BACKORDERED"
    line = order["lines"][0]
    assert (line["quantityAllocated"], line["quantityBackordered"]) == (1, 1)
    after = scend.stock()
    assert (after["physical"], after["reserved"], after["picked"]) == (before["physical"] - 1, 1, 0)
    check_invariants(scend)


def test_short_pick_then_short_close_ships_short(scend: Any) -> None:
    """Scenario S12."""
    scend.create(allowPartialDespatch=False)
    scend.floor("SCY-1", "advance", {"to": "PICKING"})
    scend.floor("SCY-1", "short-pick", {"lines": [{"lineNumber": 1, "quantity": 1}]})
    closed = scend.floor("SCY-1", "short-close")
    assert (closed["status"], closed["lines"][0]["quantityCancelled"]) == ("ALLOCATED", 1)
    order = scend.floor("SCY-1", "advance", {"to": "DESPATCHED"})
    assert order["status"] == "DESPATCHED"
    assert [line["quantityCancelled"] for line in order["lines"]] == [1, 0]
    cancellation = order["cancellation"]
    assert (cancellation["state"], cancellation["initiator"], cancellation["reasonCode"]) == (
        "ACCEPTED",
        "WAREHOUSE",
        "SHORT_CLOSED",
    )
    assert scend.facts("short_close")[0]["lines"] == [{"lineNumber": 1, "quantity": 1}]
    check_invariants(scend)


def test_short_pick_with_partials_goes_on_and_the_remainder_can_be_closed(scend: Any) -> None:
    scend.create()
    scend.floor("SCY-1", "advance", {"to": "PICKING"})
    assert (
        scend.floor("SCY-1", "short-pick", {"lines": [{"lineNumber": 2, "quantity": 1}]})["status"]
        == "PICKING"
    )
    scend.floor("SCY-1", "advance", {"to": "PACKED"})
    scend.floor("SCY-1", "despatch")
    assert scend.order()["status"] == "PARTIALLY_DESPATCHED"
    order = scend.floor("SCY-1", "short-close")
    assert order["status"] == "DESPATCHED"
    assert [line["quantityCancelled"] for line in order["lines"]] == [0, 1]
    check_invariants(scend)


def test_short_pick_of_everything_returns_to_backordered_even_with_partials(scend: Any) -> None:
    scend.create(lines=LINES[:1])
    scend.floor("SCY-1", "advance", {"to": "PICKING"})
    order = scend.floor("SCY-1", "short-pick", {"lines": [{"lineNumber": 1, "quantity": 2}]})
    assert order["status"] == "BACKORDERED"
    scend.floor("SCY-1", "short-close", expect=409)
    check_invariants(scend)


def test_open_remainder_takes_new_stock_with_a_version_but_no_status_change(scend: Any) -> None:
    drain(scend)
    scend.create()
    scend.floor("SCY-1", "advance", {"to": "PACKED"})
    scend.floor("SCY-1", "despatch")
    order = scend.order()
    assert order["status"] == "PARTIALLY_DESPATCHED"
    scend.control("POST", "/stock/adjust", {"sku": "TEE-ORG-BLK-M", "bucket": "lockedForSale", "delta": -2})
    later = scend.floor("SCY-1", "allocate")
    assert (later["status"], later["version"]) == ("PARTIALLY_DESPATCHED", order["version"] + 1)
    assert len(later["statusHistory"]) == len(order["statusHistory"])
    assert scend.floor("SCY-1", "despatch")["isFinal"] is True
    assert scend.order()["status"] == "DESPATCHED"
    check_invariants(scend)


def test_missing_goods_must_be_short_picked(scend: Any) -> None:
    scend.create()
    scend.floor("SCY-1", "advance", {"to": "PICKING"})
    physical = scend.stock()["physical"]
    scend.control("POST", "/stock/adjust", {"sku": "TEE-ORG-BLK-M", "bucket": "physical", "delta": -physical})
    scend.floor("SCY-1", "advance", {"to": "PICKED"}, expect=409)
    scend.floor("SCY-1", "short-pick", {"lines": [{"lineNumber": 1, "quantity": 2}]})
    assert scend.floor("SCY-1", "advance", {"to": "PICKED"})["status"] == "PICKED"
    check_invariants(scend)


def cancel(scend: Any, reason: str | None = "CUSTOMER_REQUEST") -> Any:
    return scend.post(f"/orders/{scend.order()['orderId']}/cancel", {"reasonCode": reason})


@pytest.mark.parametrize(
    ("status", "allowed", "http", "state"),
    [
        ("RECEIVED", "IMMEDIATE", 200, "ACCEPTED"),
        ("QUARANTINED", "IMMEDIATE", 200, "ACCEPTED"),
        ("ON_HOLD", "IMMEDIATE", 200, "ACCEPTED"),
        ("BACKORDERED", "IMMEDIATE", 200, "ACCEPTED"),
        ("ALLOCATED", "IMMEDIATE", 200, "ACCEPTED"),
        ("PICKING", "ON_REQUEST", 202, "REQUESTED"),
        ("PICKED", "NO", 409, "NONE"),
        ("PACKED", "NO", 409, "NONE"),
        ("PARTIALLY_DESPATCHED", "NO", 409, "NONE"),
        ("DESPATCHED", "NO", 409, "NONE"),
        ("CANCELLED", "NO", 200, "ACCEPTED"),
    ],
)
def test_cancel_in_every_status(scend: Any, status: str, allowed: str, http: int, state: str) -> None:
    """Scenario S6."""
    before = bring(scend, status)
    assert before["cancellation"]["allowed"] == allowed
    answer = cancel(scend)
    assert answer.status_code == http
    order = scend.order()
    assert order["cancellation"]["state"] == state
    if http == 409:
        error = answer.json()["error"]
        assert error["code"] == "PAST_CUTOFF"
        assert error["context"] == {"status": status, "cutoffStatus": "PICKED"}
        assert order == before
    elif status == "CANCELLED":
        assert order == before
    elif http == 200:
        assert answer.json() == order
        assert (order["status"], order["cancellation"]["initiator"]) == ("CANCELLED", "CLIENT")
        assert [line["quantityCancelled"] for line in order["lines"]] == [2, 1]
        assert (order["hold"], order["quarantine"]) == (None, None)
        assert scend.stock()["reserved"] == 0
    check_invariants(scend)


@pytest.mark.parametrize(
    ("decision", "status", "state"), [("ACCEPT", "CANCELLED", "ACCEPTED"), ("DECLINE", "PICKING", "DECLINED")]
)
def test_requested_cancel_is_decided_by_the_floor(scend: Any, decision: str, status: str, state: str) -> None:
    bring(scend, "PICKING")
    scend.floor("SCY-1", "cancellation", {"decision": decision}, expect=409)
    first = cancel(scend)
    repeat = cancel(scend, "OTHER")
    assert (first.status_code, repeat.status_code) == (202, 202)
    assert repeat.json() == first.json()
    requested = first.json()["cancellation"]
    assert (requested["initiator"], requested["reasonCode"], requested["resolvedAt"]) == (
        "CLIENT",
        "CUSTOMER_REQUEST",
        None,
    )
    order = scend.floor("SCY-1", "cancellation", {"decision": decision})
    assert (order["status"], order["cancellation"]["state"]) == (status, state)
    assert order["cancellation"]["resolvedAt"] is not None
    check_invariants(scend)


def test_request_is_declined_by_reaching_picked_and_can_be_asked_again_before(scend: Any) -> None:
    bring(scend, "PICKING")
    cancel(scend)
    scend.floor("SCY-1", "cancellation", {"decision": "DECLINE"})
    assert cancel(scend).status_code == 202
    order = scend.floor("SCY-1", "advance", {"to": "PICKED"})
    assert order["cancellation"]["state"] == "DECLINED"


def test_request_is_accepted_by_falling_back_to_backordered(scend: Any) -> None:
    scend.create(allowPartialDespatch=False)
    scend.floor("SCY-1", "advance", {"to": "PICKING"})
    cancel(scend)
    order = scend.floor("SCY-1", "short-pick", {"lines": [{"lineNumber": 1, "quantity": 1}]})
    assert (order["status"], order["cancellation"]["state"]) == ("CANCELLED", "ACCEPTED")
    assert [one["status"] for one in order["statusHistory"][-2:]] == ["BACKORDERED", "CANCELLED"]
    check_invariants(scend)


def test_cutoff_can_be_set_to_picking(scend: Any) -> None:
    bring(scend, "PICKING")
    scend.settings(cutoffStatus="PICKING")
    assert (scend.order()["cancellation"]["allowed"], scend.order()["cancellation"]["cutoffStatus"]) == (
        "NO",
        "PICKING",
    )
    answer = cancel(scend)
    assert (answer.status_code, answer.json()["error"]["context"]["cutoffStatus"]) == (409, "PICKING")


@pytest.mark.parametrize(("reason", "problem"), [(None, "REQUIRED"), ("BORED", "INVALID_ENUM")])
def test_cancel_needs_a_known_reason(scend: Any, reason: str | None, problem: str) -> None:
    scend.create()
    answer = cancel(scend, reason)
    assert answer.status_code == 400
    assert [(one["field"], one["code"]) for one in answer.json()["error"]["details"]] == [
        ("reasonCode", problem)
    ]


@pytest.mark.parametrize(
    "status", ["RECEIVED", "QUARANTINED", "ON_HOLD", "BACKORDERED", "ALLOCATED", "PICKING", "PICKED"]
)
def test_warehouse_can_cancel_until_packing(scend: Any, status: str) -> None:
    bring(scend, status)
    order = scend.floor("SCY-1", "warehouse-cancel")
    assert order["status"] == "CANCELLED"
    assert (order["cancellation"]["initiator"], order["cancellation"]["reasonCode"]) == (
        "WAREHOUSE",
        "WAREHOUSE",
    )
    check_invariants(scend)


@pytest.mark.parametrize("status", ["PACKED", "PARTIALLY_DESPATCHED", "DESPATCHED", "CANCELLED"])
def test_warehouse_cannot_cancel_later(scend: Any, status: str) -> None:
    before = bring(scend, status)
    scend.floor("SCY-1", "warehouse-cancel", expect=409)
    assert scend.order() == before


def test_arithmetic_holds_under_a_thousand_random_acts(scend: Any) -> None:
    """Whatever the floor, the client and the stock-taker do, in any order, possible or not."""
    dice = random.Random(20260302)
    acts = ["allocate", "advance", "advance", "advance", "despatch", "short-pick", "short-close", "hold", "unhold",
            "warehouse-cancel", "cancel", "void", "stock", "decide"]  # fmt: skip
    for number in range(25):
        scend.create(f"R-{number}", allowPartialDespatch=number % 3 > 0)
    done: Counter[str] = Counter()
    for turn in range(1000):
        reference, act = f"R-{dice.randrange(25)}", dice.choice(acts)
        order = scend.order(reference)
        path, body = f"/orders/by-reference/{reference}/{act}", {}
        if act == "advance":
            body = {
                "to": dice.choice(["ALLOCATED", "PICKING", "PICKED", "PACKED", "DESPATCHED", "BACKORDERED"])
            }
        elif act == "short-pick":
            body = {"lines": [{"lineNumber": dice.choice([1, 2]), "quantity": 1}]}
        elif act == "despatch":
            body = {"parcels": dice.choice([[], [{"lines": [{"lineNumber": 1, "quantity": 1}]}]])}
        elif act == "decide":
            path = f"/orders/by-reference/{reference}/cancellation"
            body = {"decision": dice.choice(["ACCEPT", "DECLINE"])}
        elif act == "stock":
            bucket = dice.choice(["physical", "quarantined", "lockedForSale"])
            path, body = (
                "/stock/adjust",
                {"sku": "TEE-ORG-BLK-M", "bucket": bucket, "delta": dice.choice([-9, -1, 4])},
            )
        elif act == "void" and order["despatches"]:
            path = f"/despatches/{dice.choice(order['despatches'])['despatchId']}/void"
        if act == "cancel":
            answer = scend.post(f"/orders/{order['orderId']}/cancel", {"reasonCode": "OTHER"})
        else:
            answer = scend.session.post(f"{scend.root}/_sandbox{path}", json=body, timeout=10)
        assert answer.status_code in (200, 202, 404, 409), answer.text
        done[act] += answer.status_code < 400
        if turn % 100 == 99:
            check_invariants(scend)
    assert set(acts) == {act for act, times in done.items() if times}, "every act was possible now and then"


def test_same_sku_on_two_lines_shares_the_stock(scend: Any) -> None:
    drain(scend)
    scend.control("POST", "/stock/adjust", {"sku": "TEE-ORG-BLK-M", "bucket": "lockedForSale", "delta": -3})
    lines = [{"lineNumber": n, "sku": "TEE-ORG-BLK-M", "quantity": 2} for n in (1, 2)]
    scend.create(lines=lines)
    scend.floor("SCY-1", "allocate")
    assert [line["quantityAllocated"] for line in scend.order()["lines"]] == [2, 1]
    scend.floor("SCY-1", "advance", {"to": "PACKED"})
    scend.floor("SCY-1", "despatch")
    assert scend.order()["status"] == "PARTIALLY_DESPATCHED"
    check_invariants(scend)


def test_orders_draw_on_their_own_warehouse(scend: Any) -> None:
    scend.create(warehouseCode="NTH2", lines=LINES[:1])
    scend.floor("SCY-1", "allocate")
    assert (scend.stock(warehouse="NTH2")["reserved"], scend.stock(warehouse="MID1")["reserved"]) == (2, 0)
