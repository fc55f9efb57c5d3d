"""Several wishes to cancel units of one order: each takes out its own, nobody's task is lost, nothing is taken out twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cancel_story import able_to, advance_in_scend, ask_merchants, wishes
from flow_world import World, erp_line, line
from order_story import (
    JACKET,
    TEE,
    calm,
    delegate,
    exception,
    item,
    open_kinds,
    parts,
    push,
    statuses,
    unit_ids,
    until_settled,
    writes,
)
from split_story import both_delegated, both_worlds, erp, in_erp

from syncbridge.flows import cancel_ask, cancel_order, cancellation_push, status_pull
from syncbridge.ports.backend import Capability


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("twice")) as made:
        ask_merchants(made, "scend", "orderwise")
        yield made


@pytest.fixture(autouse=True)
def _calm(one: World) -> Iterator[None]:
    yield
    calm(one)


def test_two_people_who_cancel_different_units_of_a_line_at_once_each_take_out_their_own(one: World) -> None:
    order_id = both_delegated(one, one.place(erp_line(JACKET, 4)), 1)
    push(one, order_id)
    first, second, *_others = unit_ids(one, order_id)
    for unit in (first, second):
        cancel_order.run(one.context, order_id, actor=f"ops-{unit}", reason="wrong colour", units=[unit])
    for _round in range(3):
        cancel_ask.run(one.context)
        one.advance(minutes=2)
    cancellation_push.run(one.context, order_id=order_id)
    (held,) = in_erp(one, order_id)
    assert sum(row["quantityCancelled"] for row in held["lines"]) == 2
    assert statuses(one, order_id) == {"undeliverable": 2, "available": 2}
    assert [wish.state for wish in wishes(one, order_id)] == ["cancelled", "cancelled"]
    assert open_kinds(one, order_id) == {}


def test_units_of_a_line_wait_while_nobody_knows_whether_others_were_taken_out(one: World) -> None:
    order_id = both_delegated(one, one.place(erp_line(JACKET, 4)), 1)
    push(one, order_id)
    first, second, *_others = unit_ids(one, order_id)
    match = {"method": "POST", "pathRegex": "/cancel$"}
    one.post(one.orderwise, "faults", {"match": match, "fault": "timeout_before", "times": 1})
    for unit in (first, second):
        cancel_order.run(one.context, order_id, actor="ops", reason="wrong colour", units=[unit])
        cancel_ask.run(one.context)
    assert [row.attempts for row in writes(one, order_id, "order_cancel")] == [1, 0]
    until_settled(one, lambda: cancel_ask.run(one.context))
    (held,) = in_erp(one, order_id)
    assert sum(row["quantityCancelled"] for row in held["lines"]) == 2
    assert [wish.state for wish in wishes(one, order_id)] == ["cancelled", "cancelled"]


def test_units_to_be_taken_out_by_hand_are_all_on_the_task_until_all_are_out(one: World) -> None:
    here = able_to(one, "orderwise", cancel=Capability.MANUAL, order_feed=False)
    order_id = both_delegated(here, here.place(erp_line(JACKET, 4)), 1)
    push(here, order_id)
    first, second, *_others = unit_ids(here, order_id)
    for unit in (first, second):
        cancel_order.run(here.context, order_id, actor="ops", reason="wrong colour", units=[unit])
    assert task(here, order_id) == [(2, [first, second])]
    (held,) = in_erp(here, order_id)
    take_one_out = {"lines": [{"orderLineId": held["lines"][0]["orderLineId"], "quantity": 1}]}
    erp(here, order_id, "warehouse-cancel", take_one_out)
    asked_about(here)
    assert [wish.state for wish in wishes(here, order_id)] == ["cancelled", "manual"]
    assert task(here, order_id) == [(1, [second])]
    erp(here, order_id, "warehouse-cancel", take_one_out)
    asked_about(here)
    assert [wish.state for wish in wishes(here, order_id)] == ["cancelled", "cancelled"]
    assert open_kinds(here, order_id) == {}
    cancellation_push.run(here.context, order_id=order_id)
    assert statuses(here, order_id) == {"undeliverable": 2, "available": 2}


def test_a_unit_that_could_not_be_cancelled_stays_customer_services_when_another_could(one: World) -> None:
    order_id = both_delegated(one, one.place(erp_line(JACKET), erp_line(TEE)), 1)
    push(one, order_id)
    (picked,), (free,) = unit_ids(one, order_id, JACKET), unit_ids(one, order_id, TEE)
    (held,) = in_erp(one, order_id)
    (jacket,) = [row for row in held["lines"] if row["variantCode"] == JACKET]
    erp(one, order_id, "pick", {"lines": [{"orderLineId": jacket["orderLineId"], "quantity": 1}]})
    for unit in (picked, free):
        cancel_order.run(one.context, order_id, actor="ops", reason="wrong colour", units=[unit])
        cancel_ask.run(one.context)
    assert [wish.state for wish in wishes(one, order_id)] == ["refused", "cancelled"]
    assert exception(one, order_id, "cancellation_too_late").evidence["units"] == [picked]


@pytest.mark.parametrize("too_late", [False, True])
def test_a_part_that_comes_after_an_operator_cancelled_its_order_is_never_sent(one: World, too_late: bool) -> None:
    one.put(one.scayle, "settings", {"delegationDelaySeconds": 36_000})
    try:
        order_id = one.place(line(TEE), erp_line(JACKET, 2))
    finally:
        one.put(one.scayle, "settings", {"delegationDelaySeconds": 0})
    (tee,), jackets = unit_ids(one, order_id, TEE), unit_ids(one, order_id, JACKET)
    assert delegate(one, delegation(order_id, "scend", {tee: TEE})).status == 201
    push(one, order_id)
    if too_late:
        advance_in_scend(one, order_id, "PACKED")
    cancel_order.run(one.context, order_id, actor="ops", reason="fraud")
    cancel_ask.run(one.context)
    for _repeat in range(2):
        document = delegation(order_id, "orderwise", dict.fromkeys(jackets, JACKET))
        assert delegate(one, document, "orderwise").status == 201
        push(one, order_id)
    assert in_erp(one, order_id) == []
    assert [part.state for part in parts(one, order_id)] == ["acknowledged", "withdrawn"]
    cancellation_push.run(one.context, order_id=order_id)
    assert statuses(one, order_id) == ({"available": 1, "undeliverable": 2} if too_late else {"undeliverable": 3})


@pytest.mark.parametrize("by", ["merchant", "units"])
def test_another_merchants_part_comes_although_one_merchants_was_cancelled(one: World, by: str) -> None:
    one.put(one.scayle, "settings", {"delegationDelaySeconds": 36_000})
    try:
        order_id = one.place(line(TEE), erp_line(JACKET))
    finally:
        one.put(one.scayle, "settings", {"delegationDelaySeconds": 0})
    (tee,), (jacket,) = unit_ids(one, order_id, TEE), unit_ids(one, order_id, JACKET)
    assert delegate(one, delegation(order_id, "scend", {tee: TEE})).status == 201
    scope: dict[str, Any] = {"merchant": "scend"} if by == "merchant" else {"units": [tee]}
    cancel_order.run(one.context, order_id, actor="ops", reason="out of stock", **scope)
    assert delegate(one, delegation(order_id, "orderwise", {jacket: JACKET}), "orderwise").status == 201
    push(one, order_id)
    assert [held["status"] for held in in_erp(one, order_id)] != []
    assert {part.merchant: part.state for part in parts(one, order_id)} == {"scend": "withdrawn", "orderwise": "acknowledged"}


def delegation(order_id: int, merchant: str, units: dict[int, str]) -> dict[str, Any]:
    """Return SCAYLE's call for some units of an order that it holds, made before its own goes out."""
    warehouse = {"scend": "WH-SCEND-1", "orderwise": "WH-OW-1"}[merchant]
    return {
        "id": min(units),
        "orderId": order_id,
        "orderReferenceKey": f"NB-GB-{order_id}",
        "shopKey": "nb",
        "countryCode": "GB",
        "fulfillingMerchantKey": merchant,
        "items": [
            item(
                orderItemId=unit,
                merchantProductVariantReferenceKey=sku,
                merchantKey=merchant,
                warehouseReferenceKey=warehouse,
            )
            for unit, sku in units.items()
        ],
    }


def task(one: World, order_id: int) -> list[tuple[int, list[int]]]:
    told = exception(one, order_id, "cancellation_manual").evidence["take_out"]
    return [(row["quantity"], row["units"]) for row in told]


def asked_about(one: World) -> None:
    """Learn what OrderWise's people did: it has no feed of orders, so each is asked about in turn."""
    one.advance(minutes=30)
    status_pull.run(one.context)
