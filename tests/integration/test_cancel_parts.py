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
    TEE,
    accepted,
    calm,
    delegate,
    exception,
    in_scend,
    item,
    open_kinds,
    parts,
    pull,
    push,
    reference,
    statuses,
    unit_ids,
    with_settings,
    writes,
)
from split_story import both_delegated, both_worlds, by_merchant, erp, in_erp, split

from syncbridge.domain.errors import Busy
from syncbridge.flows import cancel_ask, cancel_learn, cancel_order, cancellation_push
from syncbridge.ports import Capabilities, Capability, FulfilmentBackend, UnitCancellation


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("parts")) as made:
        ask_merchants(made, "scend", "orderwise")
        yield made


@pytest.fixture(autouse=True)
def _calm(one: World) -> Iterator[None]:
    yield
    calm(one)


class With:
    """A back end that can do other things than it says."""

    def __init__(self, backend: FulfilmentBackend, capabilities: Capabilities) -> None:
        self._backend = backend
        self.capabilities = capabilities

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)


def able_to(one: World, merchant: str = "scend", **capabilities: Any) -> World:
    backends = dict(one.context.backends)
    backends[merchant] = With(backends[merchant], Capabilities(**capabilities))  # type: ignore[assignment]  # it passes all on
    return replace(one, context=replace(one.context, backends=backends))


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
