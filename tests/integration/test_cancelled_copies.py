"""An order that OrderWise holds twice, and a shopper who cancels it: nothing of it is left live there without a person knowing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cancel_story import ask_merchants, call, result
from flow_world import World, erp_line
from order_story import TEE, calm, events, open_kinds, shipments, statuses
from split_story import both_delegated, both_worlds, erp, go_round, in_erp, live

from syncbridge.flows import cancel_ask, status_pull

YES = (201, "successful")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("copies")) as made:
        ask_merchants(made, "scend", "orderwise")
        yield made


@pytest.fixture
def one(whole: World) -> Iterator[World]:
    yield whole
    calm(whole)


def twice_there(one: World) -> tuple[int, int]:
    """An order that somebody entered a second time; return its id and the copy's."""
    order_id = both_delegated(one, one.place(erp_line(TEE, 2)), merchants=1)
    go_round(one)
    erp(one, order_id, "duplicate")
    return order_id, max(row["orderId"] for row in in_erp(one, order_id))


def cancelled(one: World, order_id: int) -> None:
    assert result(call(one, order_id, "orderwise", warehouseIds=[13])) == YES


def rounds(one: World, times: int) -> None:
    for _ in range(times):
        go_round(one, minutes=1)
        cancel_ask.run(one.context)


@pytest.mark.parametrize("known", [True, False])
def test_a_copy_of_a_cancelled_order_is_cancelled_too(one: World, known: bool) -> None:
    order_id, _copy = twice_there(one)
    if known:
        one.advance(minutes=1)
        status_pull.run(one.context)
        assert open_kinds(one, order_id) == {"order_duplicated": 1}
    cancelled(one, order_id)
    assert open_kinds(one, order_id) == {"order_duplicated": 1}
    rounds(one, 3)
    assert live(one, order_id) == (0, 0)
    assert events(one, order_id).count("copy_cancelled") == 1
    assert open_kinds(one, order_id) == {}


def test_a_copy_that_is_picked_stays_a_persons_although_the_order_was_cancelled(one: World) -> None:
    order_id, copy = twice_there(one)
    one.post(one.orderwise, f"orders/{copy}/advance", {"to": "PICKING"})
    rounds(one, 2)
    cancelled(one, order_id)
    rounds(one, 3)
    assert live(one, order_id) == (0, 1)
    assert open_kinds(one, order_id) == {"order_duplicated": 2}
    one.post(one.orderwise, f"orders/{copy}/unpick", {})
    one.post(one.orderwise, f"orders/{copy}/warehouse-cancel", {})
    rounds(one, 3)
    assert open_kinds(one, order_id) == {}


def test_a_copy_that_leaves_after_all_is_told_and_costs_the_shopper_nothing(one: World) -> None:
    order_id, copy = twice_there(one)
    one.post(one.orderwise, f"orders/{copy}/advance", {"to": "PICKING"})
    rounds(one, 1)
    cancelled(one, order_id)
    one.post(one.orderwise, f"orders/{copy}/despatch", {"consignments": [f"CP{order_id}"], "force": True})
    rounds(one, 3)
    assert shipments(one, order_id) == []
    assert "delivered" not in statuses(one, order_id)
    assert open_kinds(one, order_id)["despatched_although_cancelled"] == 1

