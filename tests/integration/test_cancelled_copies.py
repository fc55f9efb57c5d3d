"""An order that OrderWise holds twice and that is over: nothing of it is left live there without a person knowing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cancel_story import ask_merchants, call, result
from flow_world import World, erp_line
from order_story import TEE, calm, events, exception, open_kinds, parts, shipments, statuses, writes
from split_story import both_delegated, both_worlds, erp, erp_leaves, go_round, in_erp, live

from syncbridge.flows import cancel_ask, order_push, status_pull

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


def bought(one: World) -> int:
    order_id = both_delegated(one, one.place(erp_line(TEE, 2)), merchants=1)
    go_round(one)
    return order_id


def test_a_copy_that_turns_up_after_everything_left_is_cancelled_before_it_is_picked(one: World) -> None:
    """What a late request can still make is made within its time: finished orders are looked at once more after it."""
    order_id = bought(one)
    erp_leaves(one, order_id, f"FIRST{order_id}")
    go_round(one, 2)
    erp(one, order_id, "duplicate")
    for _ in range(4):
        go_round(one, minutes=15)
    first, copy = sorted(in_erp(one, order_id), key=lambda row: row["orderId"])
    assert (first["status"], copy["status"]) == ("DESPATCHED", "CANCELLED")
    assert statuses(one, order_id) == {"delivered": 2}
    assert len(shipments(one, order_id)) == 1
    assert events(one, order_id).count("copy_cancelled") == 1
    assert open_kinds(one, order_id) == {}


def test_a_copy_that_turns_up_after_the_order_was_cancelled_is_cancelled_too(one: World) -> None:
    order_id = bought(one)
    cancelled(one, order_id)
    rounds(one, 2)
    erp(one, order_id, "duplicate")
    assert live(one, order_id) == (0, 1)
    for _ in range(4):
        go_round(one, minutes=15)
        cancel_ask.run(one.context)
    assert live(one, order_id) == (0, 0)
    assert events(one, order_id).count("copy_cancelled") == 1
    assert open_kinds(one, order_id) == {}


def test_a_finished_order_is_looked_at_once_more_and_then_left_alone(one: World) -> None:
    order_id = bought(one)
    erp_leaves(one, order_id, f"ONCE{order_id}")
    go_round(one, 2)
    looked = [parts(one, order_id)[0].asked_at]
    for _ in range(5):
        one.advance(minutes=20)
        status_pull.run(one.context)
        looked.append(parts(one, order_id)[0].asked_at)
    # Thirty minutes are what an import may take.
    assert looked[0] == looked[1] != looked[2]
    assert len(set(looked)) == 2


def test_an_order_whose_goods_left_with_its_copy_is_stopped_before_they_leave_again(one: World) -> None:
    order_id = bought(one)
    erp(one, order_id, "duplicate")
    first, copy = sorted(row["orderId"] for row in in_erp(one, order_id))
    one.post(one.orderwise, f"orders/{copy}/despatch", {"consignments": [f"COPY{order_id}"], "force": True})
    rounds(one, 6)
    assert {row["orderId"]: row["status"] for row in in_erp(one, order_id)} == {first: "CANCELLED", copy: "DESPATCHED"}
    assert statuses(one, order_id) == {"delivered": 2}
    assert len(shipments(one, order_id)) == 1
    assert open_kinds(one, order_id) == {}


def test_a_copy_that_was_to_be_cancelled_waits_while_nobody_knows_whether_the_other_is_live(one: World) -> None:
    order_id = bought(one)
    erp(one, order_id, "duplicate")
    one.advance(minutes=1)
    status_pull.run(one.context)
    erp(one, order_id, "texts", {"orderStatus": "Moved"})
    order_push.run(one.context)
    rounds(one, 2)
    assert live(one, order_id) == (0, 2)
    erp(one, order_id, "texts", {})
    rounds(one, 8)
    assert live(one, order_id) == (0, 1)
    assert open_kinds(one, order_id) == {}


def test_a_copy_that_only_people_can_cancel_is_told_once(one: World) -> None:
    order_id = bought(one)
    erp(one, order_id, "texts", {"orderStatus": "Moved"})
    erp(one, order_id, "duplicate")
    rounds(one, 4)
    assert exception(one, order_id, "order_duplicated").occurrences == 1


@pytest.mark.parametrize("kept", ["voided there", "moved there"])
def test_while_nobody_knows_what_a_status_means_no_copy_is_cancelled(one: World, kept: str) -> None:
    """Somebody may have cancelled the first order under another name for it and entered it anew."""
    order_id = bought(one)
    one.put(one.orderwise, "settings", {"statusTexts": {"3": "Voided by Bob"}})
    erp(one, order_id, "duplicate")
    erp(one, order_id, *(("warehouse-cancel",) if kept == "voided there" else ("texts", {"orderStatus": "Moved"})))
    rounds(one, 4)
    _first, anew = sorted(in_erp(one, order_id), key=lambda row: row["orderId"])
    assert anew["status"] != "CANCELLED"
    assert writes(one, order_id, "copy_cancel") == []
    assert set(open_kinds(one, order_id)) >= {"order_duplicated", "defect"}
    assert statuses(one, order_id) == {"available": 2}, "the shop is told of nothing that nobody understands"
    one.put(one.orderwise, "settings", {"statusTexts": None})
    erp(one, order_id, "texts", {})
    rounds(one, 8)
    assert live(one, order_id) == (0, 1)
    assert open_kinds(one, order_id) == {}
