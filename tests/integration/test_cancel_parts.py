"""Orders in several parts and warehouses, back ends with other ways to cancel, and single units of an order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from cancel_story import (
    LATER,
    NO,
    YES,
    able_to,
    advance_in_scend,
    ask_merchants,
    call,
    result,
    shopper_cancels,
    verdicts,
    wishes,
)
from flow_world import World, erp_line, line
from order_story import (
    JACKET,
    ORDERS,
    TEE,
    accepted,
    calm,
    delegate,
    exception,
    exceptions_of,
    in_scend,
    item,
    open_kinds,
    parts,
    pull,
    push,
    reference,
    statuses,
    tell,
    unit_ids,
    with_settings,
    writes,
)
from return_story import held_returns
from split_story import both_delegated, both_worlds, by_merchant, erp, in_erp, scend_leaves, split

from syncbridge.domain.errors import Busy
from syncbridge.flows import cancel_ask, cancel_learn, cancel_order, cancellation_push, return_announce
from syncbridge.ports.backend import Capability
from syncbridge.ports.shop import UnitCancellation


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("parts")) as made:
        ask_merchants(made, "scend", "orderwise")
        yield made


@pytest.fixture(autouse=True)
def _calm(one: World) -> Iterator[None]:
    yield
    calm(one)


def in_two_delegations(one: World) -> int:
    """An order of two units that were delegated to one merchant in two calls: two orders in its warehouse."""
    one.put(one.scayle, "settings", {"delegationDelaySeconds": 36_000})
    try:
        order_id = one.place(line(TEE), line(JACKET))
    finally:
        one.put(one.scayle, "settings", {"delegationDelaySeconds": 0})
    first, second = unit_ids(one, order_id)
    for sku, unit in ((TEE, first), (JACKET, second)):
        document = {
            "id": unit,
            "orderId": order_id,
            "orderReferenceKey": f"NB-GB-{order_id}",
            "shopKey": "nb",
            "countryCode": "GB",
            "fulfillingMerchantKey": "scend",
            "items": [item(orderItemId=unit, merchantProductVariantReferenceKey=sku)],
        }
        assert delegate(one, document).status == 201
    push(one, order_id)
    assert len(in_scend(one, order_id)) == 2
    return order_id


def states(one: World, order_id: int) -> dict[str, str]:
    return {held["clientReference"]: held["status"] for held in in_scend(one, order_id)}


# ---- several parts


def test_all_parts_are_cancelled_together(one: World) -> None:
    order_id = in_two_delegations(one)
    assert result(call(one, order_id)) == YES
    assert set(states(one, order_id).values()) == {"CANCELLED"}


def test_no_part_is_cancelled_where_one_is_past_its_cut_off(one: World) -> None:
    order_id = in_two_delegations(one)
    one.warehouse(f"{reference(order_id)}-2", "advance", {"to": "PICKED"})
    assert [result(call(one, order_id)) for _ in range(2)] == [NO, NO]
    assert states(one, order_id)[reference(order_id)] != "CANCELLED"
    assert writes(one, order_id, "order_cancel") == []
    assert open_kinds(one, order_id) == {"cancellation_too_late": 2}


def test_every_part_that_was_refused_has_its_return_announced_when_it_leaves(one: World) -> None:
    order_id = in_two_delegations(one)
    one.warehouse(f"{reference(order_id)}-2", "advance", {"to": "PICKED"})
    assert result(call(one, order_id)) == NO
    return_announce.run(one.context)
    assert sorted(unit for row in held_returns(one, order_id) for unit in row.units) == unit_ids(one, order_id)


def test_a_mixed_outcome_is_no_success_and_is_told_unit_by_unit(one: World) -> None:
    order_id = in_two_delegations(one)
    held = {row["clientReference"]: row["orderId"] for row in in_scend(one, order_id)}
    late = {"error": {"code": "PAST_CUTOFF", "message": "-", "context": {"status": "PICKED", "cutoffStatus": "PICKED"}}}
    one.fault(
        one.scend, "POST", f"/orders/{held[reference(order_id) + '-2']}/cancel", "http", status=409, body=late
    )
    assert result(call(one, order_id)) == NO
    assert states(one, order_id)[reference(order_id)] == "CANCELLED"
    cancellation_push.run(one.context, order_id=order_id)
    assert statuses(one, order_id) == {"undeliverable": 1, "available": 1}
    assert open_kinds(one, order_id)["cancellation_mixed"] == 1
    assert [wish.state for wish in wishes(one, order_id)] == ["mixed"]
    assert result(call(one, order_id)) == YES, "the warehouse has not begun with it after all"
    assert not open_kinds(one, order_id)


def test_one_merchant_of_two_is_cancelled_and_the_other_goes_on(one: World) -> None:
    order_id = split(one)
    push(one, order_id)
    assert verdicts(shopper_cancels(one, order_id, merchants=["scend"])) == ["successful"]
    assert [row["status"] for row in in_scend(one, order_id)] == ["CANCELLED"]
    assert [row["status"] for row in in_erp(one, order_id)] != ["CANCELLED"]
    assert set(by_merchant(one, order_id)["scend"]) == {"cancelled"}
    assert set(by_merchant(one, order_id)["orderwise"]) == {"available"}


def test_both_merchants_are_asked_and_each_answers_for_itself(one: World) -> None:
    order_id = split(one)
    push(one, order_id)
    erp(one, order_id, "advance", {"to": "Picking"})
    found = {row["merchant"]: row["state"] for row in shopper_cancels(one, order_id)}
    assert found == {"scend": "successful", "orderwise": "refused"}


def test_an_order_in_the_second_back_end_is_cancelled_there(one: World) -> None:
    order_id = both_delegated(one, one.place(erp_line(JACKET, 2)), 1)
    push(one, order_id)
    assert verdicts(shopper_cancels(one, order_id)) == ["successful"]
    assert [row["status"] for row in in_erp(one, order_id)] == ["CANCELLED"]


def test_a_back_end_that_is_configured_no_more_holds_up_no_cancellation_of_another(one: World) -> None:
    gone = both_delegated(one, one.place(erp_line(JACKET)), 1)
    stays = both_delegated(one, one.place(line(TEE)), 1)
    push(one, gone)
    push(one, stays)
    for order_id, merchant in ((gone, "orderwise"), (stays, "scend")):
        units = tuple(unit_ids(one, order_id))
        body = one.context.shop.compose_cancellation(UnitCancellation(order_id, "nb", "GB", merchant, units))
        one.context.shop.send_cancellation(body)
    alone = replace(one.context, backends={"scend": one.context.backends["scend"]})
    for order_id in (gone, stays):
        cancel_learn.run(alone, order_id)
    for _ in range(2):
        cancel_ask.run(alone)
    assert [row["status"] for row in in_scend(one, stays)] == ["CANCELLED"]
    (wish,) = wishes(one, gone)
    (told,) = exceptions_of(one, "defect", f"cancellation:{wish.id}")
    assert (told.state, told.evidence["error"]) == ("open", "KeyError")
    cancel_ask.run(one.context)
    assert [row["status"] for row in in_erp(one, gone)] == ["CANCELLED"]
    (told,) = exceptions_of(one, "defect", f"cancellation:{wish.id}")
    assert told.state == "resolved"


def test_an_operator_cancels_what_is_open_of_a_split_order_and_what_left_before_is_none_of_it(one: World) -> None:
    order_id = split(one)
    push(one, order_id)
    scend_leaves(one, order_id)
    pull(one)
    tell(one, order_id)
    cancel_order.run(one.context, order_id, actor="ops", reason="customer called")
    cancel_ask.run(one.context)
    cancellation_push.run(one.context, order_id=order_id)
    assert by_merchant(one, order_id) == {"scend": {"delivered": 2}, "orderwise": {"undeliverable": 2}}
    assert [wish.state for wish in wishes(one, order_id)] == ["cancelled"]
    assert not open_kinds(one, order_id)


def test_what_one_back_end_cancelled_for_an_operator_is_told_while_another_waits_for_a_person(one: World) -> None:
    order_id = split(one)
    push(one, order_id)
    units = sorted(one.units(order_id), key=lambda unit: (unit["merchant"], unit["itemId"]))
    cancel_order.run(
        one.context, order_id, units=[units[0]["itemId"], units[-1]["itemId"]], actor="ops", reason="customer called"
    )
    cancel_ask.run(one.context)
    cancellation_push.run(one.context, order_id=order_id)
    assert open_kinds(one, order_id) == {"cancellation_partial": 1}
    assert by_merchant(one, order_id) == {"scend": {"available": 2}, "orderwise": {"available": 1, "undeliverable": 1}}


@pytest.mark.parametrize("asks", ["operator", "scayle"])
def test_goods_that_leave_before_their_cancellation_is_asked_for_have_their_return_announced(
    one: World, asks: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = accepted(one, line(TEE, 2))
    one.fault(one.scend, "POST", "/cancel", "html_502", times=20)
    one.fault(one.scend, "GET", "/orders", "html_502", times=20)
    if asks == "operator":
        cancel_order.run(one.context, order_id, actor="ops", reason="customer called")
    else:
        assert result(call(one, order_id, seconds=0.1)) == LATER
    calm(one)
    assert [wish.state for wish in wishes(one, order_id)] == ["asked"]
    scend_leaves(one, order_id)
    pull(one)
    tell(one, order_id)
    one.advance(minutes=5)
    cancel_ask.run(one.context)
    assert open_kinds(one, order_id) == {"cancellation_too_late": 1}
    return_announce.run(one.context)
    assert [(row.source, row.units) for row in held_returns(one, order_id)] == [
        ("too_late_cancellation", unit_ids(one, order_id))
    ]


# ---- single units


def test_single_units_are_cancelled_by_line_where_the_back_end_can(one: World) -> None:
    order_id = both_delegated(one, one.place(erp_line(JACKET, 3)), 1)
    push(one, order_id)
    first, *_others = unit_ids(one, order_id)
    done = cancel_order.run(one.context, order_id, actor="ops", reason="wrong price", units=[first])
    assert [part.action for part in done.parts] == ["asked of " + parts(one, order_id)[0].account]
    cancel_ask.run(one.context)
    cancellation_push.run(one.context, order_id=order_id)
    (held,) = in_erp(one, order_id)
    assert held["status"] != "CANCELLED"
    assert statuses(one, order_id) == {"undeliverable": 1, "available": 2}
    assert [wish.state for wish in wishes(one, order_id)] == ["cancelled"]
    assert open_kinds(one, order_id) == {}


def test_units_cancelled_in_scayle_one_after_the_other_are_never_taken_out_twice(one: World) -> None:
    order_id = both_delegated(one, one.place(erp_line(JACKET, 3)), 1)
    push(one, order_id)
    first, second, _third = unit_ids(one, order_id)
    for unit in (first, second):
        shop = one.context.shop
        shop.send_cancellation(
            shop.compose_cancellation(UnitCancellation(order_id, "nb", "GB", "orderwise", (unit,)))
        )
        cancel_learn.run(one.context, order_id)
        cancel_ask.run(one.context)
        cancel_ask.run(one.context)
    (held,) = in_erp(one, order_id)
    assert sum(row["quantityCancelled"] for row in held["lines"]) == 2
    assert open_kinds(one, order_id) == {}


# ---- other ways to cancel


def test_where_a_person_has_to_cancel_scayle_is_told_only_what_is_known(one: World) -> None:
    here = able_to(one, cancel=Capability.MANUAL)
    order_id = accepted(here, line(TEE))
    assert result(call(here, order_id)) == LATER
    assert exception(here, order_id, "cancellation_manual").evidence["reference"] == reference(order_id)
    assert result(call(here, order_id)) == LATER
    one.warehouse(reference(order_id), "warehouse-cancel", {})
    pull(here)
    assert result(call(here, order_id)) == YES
    assert open_kinds(here, order_id) == {}


def test_a_person_who_comes_too_late_makes_it_a_refusal(one: World) -> None:
    here = able_to(one, cancel=Capability.MANUAL)
    order_id = accepted(here, line(TEE))
    assert result(call(here, order_id)) == LATER
    advance_in_scend(one, order_id, "DESPATCHED")
    pull(here)
    assert result(call(here, order_id)) == NO
    assert open_kinds(here, order_id) == {"cancellation_too_late": 1}


def test_a_back_end_that_cancels_nothing_refuses_at_once(one: World) -> None:
    here = able_to(one, cancel=Capability.OFF)
    order_id = accepted(here, line(TEE))
    assert [result(call(here, order_id)) for _ in range(2)] == [NO, NO]
    told = exception(here, order_id, "cancellation_impossible")
    assert "too late" not in f"{told.cause} {told.evidence}"
    one.warehouse(reference(order_id), "warehouse-cancel", {})
    pull(here)
    assert open_kinds(here, order_id) == {"order_cancelled_by_warehouse": 1}


@pytest.mark.parametrize(("returns", "promised"), [(Capability.API, True), (Capability.MANUAL, True), (Capability.OFF, False)])
def test_a_return_is_promised_only_where_one_can_be_announced(one: World, returns: Capability, promised: bool) -> None:
    here = able_to(one, cancel=Capability.OFF, returns=returns)
    order_id = accepted(here, line(TEE))
    assert result(call(here, order_id)) == NO
    told = exception(here, order_id, "cancellation_impossible").evidence["next"]
    assert ("a return is announced" in told) is promised


# ---- names and warehouses


def test_every_key_ever_seen_for_an_order_finds_it(one: World) -> None:
    order_id = accepted(one, line(TEE))
    with one.context.ledger.work() as work:
        work.connection.exec_driver_sql(
            f"INSERT INTO order_references (reference_key, order_id) VALUES ('OLD-{order_id}', {order_id})"
        )
        work.commit()
    assert result(call(one, order_id, orderReferenceKey=f"OLD-{order_id}")) == YES
    assert result(call(one, order_id)) == YES
    assert len(wishes(one, order_id)) == 1


def test_an_order_is_found_under_a_key_that_only_scayle_knows(one: World) -> None:
    order_id = accepted(one, line(TEE))
    with one.context.ledger.work() as work:
        work.connection.exec_driver_sql(f"DELETE FROM order_references WHERE order_id = {order_id}")
        work.commit()
    assert result(call(one, order_id)) == YES
    assert [row["status"] for row in in_scend(one, order_id)] == ["CANCELLED"]


def test_a_warehouse_that_is_not_ours_is_a_persons_question(one: World) -> None:
    order_id = accepted(one, line(TEE))
    answer = call(one, order_id, warehouseIds=[13])
    assert result(answer) == LATER
    assert open_kinds(one, order_id) == {"cancellation_odd": 1}
    assert [row["status"] for row in in_scend(one, order_id)] != ["CANCELLED"]

    seller = one.context.configuration.merchant("scend")
    assert seller is not None
    both = (*seller.warehouses, seller.warehouses[0].model_copy(update={"key": "WH-OW-1", "code": "MID2"}))
    mended = with_settings(one, merchants=[seller.model_copy(update={"warehouses": both})])
    call(mended, order_id, warehouseIds=[13])
    assert not open_kinds(one, order_id)


def test_a_question_about_an_order_that_scayle_did_not_know_is_clear_once_it_does(one: World) -> None:
    order_id = accepted(one, line(TEE))
    forget(one, order_id)
    unknown = {"errors": [{"errorKey": "ORDER_NOT_FOUND", "message": "no", "context": {}}]}
    one.fault(one.scayle, "GET", f"{ORDERS}/", "http", status=404, body=unknown)
    assert result(call(one, order_id)) == LATER
    told = exceptions_of(one, "cancellation_odd")[-1]
    assert result(call(one, order_id)) == LATER
    push(one, order_id)
    assert result(call(one, order_id)) == YES
    (told,) = exceptions_of(one, "cancellation_odd", told.subject)
    assert told.state == "resolved"


def test_all_warehouses_and_each_of_them_are_the_same_question(one: World) -> None:
    order_id = accepted(one, line(TEE))
    assert result(call(one, order_id, warehouseIds=[])) == YES
    assert result(call(one, order_id, warehouseIds=[12])) == YES
    assert len(wishes(one, order_id)) == 1


# ---- nothing known yet


def test_what_the_warehouse_holds_although_the_ledger_does_not_is_not_called_cancelled(one: World) -> None:
    order_id = accepted(one, line(TEE))
    forget(one, order_id)
    assert result(call(one, order_id)) == LATER
    push(one, order_id)
    assert result(call(one, order_id)) == YES
    assert [row["status"] for row in in_scend(one, order_id)] == ["CANCELLED"]


def forget(one: World, order_id: int) -> None:
    """Restore a ledger from before this order."""
    with one.context.ledger.work() as work:
        run = work.connection.exec_driver_sql
        writes_of = f"SELECT id FROM transmissions WHERE order_id = {order_id}"
        run("PRAGMA defer_foreign_keys = ON")
        run(f"DELETE FROM attempts WHERE transmission_id IN ({writes_of})")
        lines = f"SELECT id FROM fulfilment_orders WHERE order_id = {order_id}"
        run(f"DELETE FROM fulfilment_lines WHERE fulfilment_order_id IN ({lines})")
        for table in ("order_units", "transmissions", "fulfilment_orders", "order_references"):
            run(f"DELETE FROM {table} WHERE order_id = {order_id}")
        run(f"DELETE FROM orders WHERE id = {order_id}")
        run(f"DELETE FROM inbox WHERE order_id = {order_id}")
        work.commit()


def test_without_reading_orders_a_tombstone_is_never_called_successful(one: World) -> None:
    here = with_settings(one, order_reading=False)
    answer = call(here, 1, orderReferenceKey="NB-GB-NEVER-SEEN")
    assert result(answer) == LATER


def test_without_reading_orders_a_success_is_told_by_its_answer_alone(one: World) -> None:
    here = with_settings(one, order_reading=False)
    order_id = accepted(one, line(TEE))
    assert result(call(here, order_id)) == YES
    assert [row["status"] for row in in_scend(one, order_id)] == ["CANCELLED"]
    one.advance(minutes=20)
    cancellation_push.run(here.context, order_id=order_id)
    assert statuses(one, order_id) == {"available": 1}
    assert [write.state for write in writes(one, order_id, "cancellation")] == ["withdrawn"]


def test_a_shop_that_is_away_leaves_the_tombstone_undecided(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        from datetime import timedelta

        raise Busy("away", timedelta(seconds=30))

    monkeypatch.setattr(type(one.context.shop), "order_called", away)
    assert result(call(one, 1, orderReferenceKey="NB-GB-AWAY")) == LATER


def test_bodies_are_kept_and_counted(one: World) -> None:
    order_id = accepted(one, line(TEE))
    for _ in range(3):
        call(one, order_id)
    with one.context.ledger.reading() as connection:
        rows = connection.exec_driver_sql(
            f"SELECT raw, seen FROM inbox WHERE order_id = {order_id} AND topic = 'cancellation'"
        ).all()
    assert [(json.loads(row.raw)["orderReferenceKey"], row.seen) for row in rows] == [(f"NB-GB-{order_id}", 3)]
