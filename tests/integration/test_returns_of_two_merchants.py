"""Returns of an order that both back ends sent parts of, judged by all three sandboxes' records."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flow_world import World
from order_story import JACKET, TEE, calm, exception, exceptions_of, open_kinds, until_settled, writes
from return_story import (
    announced,
    blind,
    booked,
    come_back,
    held_returns,
    money_holds,
    receipt_of,
    receive,
    refunded_units,
)
from split_story import both_worlds, erp_leaves, go_round, scend_leaves, split

from syncbridge.domain.returns import ReturnReason
from syncbridge.flows import (
    return_announce,
    return_decide,
    return_expect,
    return_pull,
    return_push,
)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("both")) as made:
        yield made


@pytest.fixture(autouse=True)
def _calm(one: World) -> Iterator[None]:
    yield
    calm(one)


def sent(one: World, scend: int = 2, orderwise: int = 2) -> int:
    """An order of which both parts have left, and SCAYLE shows it."""
    order_id = split(one, scend, orderwise)
    go_round(one)
    scend_leaves(one, order_id)
    erp_leaves(one, order_id, f"OW{order_id}")
    go_round(one, 3, seconds=30)
    assert {unit["status"] for unit in one.units(order_id)} == {"delivered"}
    return order_id


def of(one: World, order_id: int, merchant: str) -> list[int]:
    return sorted(unit["itemId"] for unit in one.units(order_id) if unit["merchant"] == merchant)


def erp_returns(one: World) -> list[object]:
    rows: list[object] = one.state(one.orderwise, "returns")["returns"]
    return rows


def erp_receives(one: World, rma: str, sku: str, quantity: int = 1, condition: str = "Resaleable", close: bool = True) -> None:
    line = {"sku": sku, "quantity": quantity, "condition": condition, "action": "Refund"}
    one.post(one.orderwise, f"returns/by-rma/{rma}/receive", {"lines": [line], "close": close})


def test_an_order_of_two_back_ends_has_a_number_in_each(one: World) -> None:
    order_id = sent(one)
    units = [*of(one, order_id, "scend")[:1], *of(one, order_id, "orderwise")[:1]]
    made = return_expect.announce(one.context, order_id, units, reason=ReturnReason.TOO_SMALL, actor="test").returns
    return_announce.run(one.context)
    # SCAYLE delegates to both at once, so which part is made first is open.
    assert sorted((row.account.partition(":")[0], len(row.units)) for row in made) == [("orderwise", 1), ("scend", 1)]
    assert {row.state for row in writes(one, order_id, "return_announce")} == {"acknowledged"}
    ours = {row.account.partition(":")[0]: row.rma_number for row in made}
    assert ours["orderwise"] in str(erp_returns(one))
    receive(one, ours["scend"], (TEE, 1))
    erp_receives(one, ours["orderwise"], JACKET)
    come_back(one)
    assert refunded_units(one, order_id) == sorted(units)
    assert {row["merchantReferenceKey"] for row in booked(one, order_id)} == {"scend", "orderwise"}
    assert len(writes(one, order_id, "return")) == 2, "one merchant a call"
    assert not open_kinds(one, order_id)
    money_holds(one, order_id)


def test_goods_that_come_back_to_orderwise_in_parts_are_refunded_once_each(one: World) -> None:
    order_id = sent(one, 1, 3)
    made = announced(one, order_id, *of(one, order_id, "orderwise"))
    for number in range(3):
        erp_receives(one, made.rma_number, JACKET, close=number == 2)
        one.advance(minutes=1)
        come_back(one)
        come_back(one)
        assert len(refunded_units(one, order_id)) == number + 1
    assert not open_kinds(one, order_id)
    money_holds(one, order_id)


def test_an_announcement_to_orderwise_whose_answer_is_lost_is_made_once(one: World) -> None:
    order_id = sent(one, 1, 1)
    one.fault(one.orderwise, "POST", "/returns/customer-return", "timeout_after")
    made = announced(one, order_id, *of(one, order_id, "orderwise"))
    until_settled(one, lambda: return_announce.run(one.context, order_id=order_id))
    assert str(erp_returns(one)).count(made.rma_number) == 1
    assert [row.state for row in writes(one, order_id, "return_announce")] == ["acknowledged"]


def test_unlinked_goods_in_orderwise_are_matched_by_their_order_or_are_a_persons(one: World) -> None:
    order_id = sent(one, 1, 1)
    line = {"sku": JACKET, "quantity": 1, "condition": "Resaleable", "action": "Refund"}
    one.post(one.orderwise, "returns/unlinked", {"clientReference": f"SCYOW-NB-{order_id}", "lines": [line]})
    one.advance(minutes=1)
    come_back(one)
    assert refunded_units(one, order_id) == of(one, order_id, "orderwise")

    before = len(exceptions_of(one, "return_unknown_order"))
    one.post(one.orderwise, "returns/unlinked", {"lines": [line]})
    come_back(one)
    one.advance(minutes=11)
    come_back(one)
    assert len(exceptions_of(one, "return_unknown_order")) == before + 1


@pytest.mark.parametrize("rma", [True, False], ids=["announced", "unannounced"])
def test_goods_of_an_order_of_which_orderwise_names_no_line_are_a_persons(one: World, rma: bool) -> None:
    order_id = sent(one, 1, 1)
    units = of(one, order_id, "orderwise")
    line = {"sku": JACKET, "quantity": 1, "condition": "Resaleable", "action": "Refund", "linked": False}
    if rma:
        made = announced(one, order_id, *units)
        one.post(one.orderwise, f"returns/by-rma/{made.rma_number}/receive", {"lines": [line]})
    else:
        one.post(one.orderwise, "returns/unlinked", {"clientReference": f"SCYOW-NB-{order_id}", "lines": [line]})
    one.advance(minutes=1)
    come_back(one)
    assert not booked(one, order_id)
    held = exception(one, order_id, "return_held")
    assert held.cause.endswith("the back end does not say which line of the order it is")

    return_decide.run(one.context, held.evidence["receipt"], refund=True, units=units, actor="test", reason="looked at it")
    come_back(one)
    assert refunded_units(one, order_id) == units
    assert open_kinds(one, order_id) == {}


def test_goods_to_reject_are_not_refunded_without_a_person(one: World) -> None:
    order_id = sent(one, 1, 1)
    made = announced(one, order_id, *of(one, order_id, "orderwise"))
    line = {"sku": JACKET, "quantity": 1, "condition": "Resaleable", "action": "Reject"}
    one.post(one.orderwise, f"returns/by-rma/{made.rma_number}/receive", {"lines": [line], "close": True})
    come_back(one)
    assert not booked(one, order_id)
    assert open_kinds(one, order_id) == {"return_decision": 1}


def test_one_back_end_that_is_away_holds_up_no_return_of_the_other(one: World) -> None:
    order_id = sent(one, 1, 1)
    one.fault(one.orderwise, "POST", "/system/export-definition/206", "http", times=None, status=503)
    blind(one, (TEE, 1), clientReference=f"SCY-NB-{order_id}")
    with pytest.raises(Exception, match="orderwise"):
        return_pull.run(one.context)
    return_push.run(one.context)
    assert refunded_units(one, order_id) == of(one, order_id, "scend")
    assert len(held_returns(one, order_id)) == 1


def test_a_customer_who_sends_all_of_a_split_order_to_one_warehouse_is_refunded_once_a_person_says_so(one: World) -> None:
    order_id = sent(one, 1, 1)
    (tee,), (jacket,) = of(one, order_id, "scend"), of(one, order_id, "orderwise")
    made = return_expect.announce(one.context, order_id, [tee, jacket], reason=ReturnReason.TOO_SMALL, actor="test").returns
    return_announce.run(one.context)
    ours = {row.account.partition(":")[0]: row.rma_number for row in made}
    receive(one, ours["scend"], (TEE, 1), (JACKET, 1))
    come_back(one)
    assert refunded_units(one, order_id) == [tee]
    told = exception(one, order_id, "return_wrong_goods").evidence
    assert [entry.partition(":")[0] for entry in told["elsewhere"]] == [str(jacket)], told
    receipt = told["receipt"]
    foreign = of(one, sent(one, 1, 1), "scend")
    with pytest.raises(return_decide.NotDecidable, match="another order"):
        return_decide.run(one.context, receipt, refund=True, units=foreign, actor="anna", reason="wrong parcel")
    return_decide.run(one.context, receipt, refund=True, units=[jacket], actor="anna", reason="all in one parcel")
    return_push.run(one.context, order_id=order_id)
    assert refunded_units(one, order_id) == sorted([tee, jacket])
    assert {row["merchantReferenceKey"] for row in booked(one, order_id)} == {"scend", "orderwise"}
    assert {row.account.partition(":")[0]: row.state for row in held_returns(one, order_id)} == {
        "scend": "closed",
        "orderwise": "closed",
    }
    assert not open_kinds(one, order_id)
    money_holds(one, order_id)


def test_goods_that_carry_the_other_warehouses_number_say_so(one: World) -> None:
    order_id = sent(one, 1, 1)
    (jacket,) = of(one, order_id, "orderwise")
    (made,) = return_expect.announce(one.context, order_id, [jacket], reason=ReturnReason.TOO_SMALL, actor="test").returns
    return_announce.run(one.context)
    returned = blind(one, (JACKET, 1), close=True, note=f"label {made.rma_number}")
    come_back(one)
    one.advance(minutes=11)
    come_back(one)
    receipt = receipt_of(one, returned)
    (told,) = [row for row in exceptions_of(one, "return_unknown_order") if row.evidence["receipt"] == receipt.id]
    assert [entry.partition(":")[0] for entry in told.evidence["elsewhere"]] == [str(jacket)], told.evidence
    return_decide.run(one.context, receipt.id, refund=True, units=[jacket], actor="anna", reason="wrong warehouse")
    return_push.run(one.context, order_id=order_id)
    assert refunded_units(one, order_id) == [jacket]
    assert [row.state for row in held_returns(one, order_id) if row.id == made.id] == ["closed"]
    assert not open_kinds(one, order_id)
    money_holds(one, order_id)
