"""OrderWise as it has to be expected at first: people cancel there, and people announce returns (`capabilities`, both manual)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from cancel_story import ask_merchants, call, result
from flow_world import DEFAULT_PASSWORD, DEFAULT_USER, Free, World, erp_line
from order_story import JACKET, TEE, calm, exception, open_kinds, statuses, writes
from split_story import (
    both_delegated,
    both_worlds,
    by_merchant,
    erp,
    erp_leaves,
    erp_reference,
    go_round,
    in_erp,
    live,
    split,
)

from connectors.orderwise.adapter import OrderWiseBackend
from syncbridge.config.orderwise import CapabilitySettings
from syncbridge.flows import return_announce, return_pull, return_push

LATER, YES, NO = (503, None), (201, "successful"), (201, "failed")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("by_hand")) as made:
        ask_merchants(made, "scend", "orderwise")
        yield made


@pytest.fixture
def one(whole: World) -> Iterator[World]:
    """The world with OrderWise's capabilities as nobody has configured them."""
    settings = whole.context.configuration.orderwise
    assert settings is not None
    by_hand = OrderWiseBackend(
        settings.model_copy(update={"capabilities": CapabilitySettings()}),
        DEFAULT_USER,
        DEFAULT_PASSWORD,
        Free(),
        Free(),
        clock=whole.clock.now,
        deadline_seconds=5,
    )
    yield replace(whole, context=replace(whole.context, backends={**whole.context.backends, "orderwise": by_hand}))
    calm(whole)


def bought(one: World, *lines: dict[str, Any]) -> int:
    order_id = both_delegated(one, one.place(*lines), merchants=1)
    go_round(one)
    return order_id


def asked(one: World, order_id: int) -> tuple[int, Any]:
    return result(call(one, order_id, "orderwise", warehouseIds=[13]))


def test_a_person_gets_everything_they_need_to_cancel_and_the_outcome_is_seen(one: World) -> None:
    order_id = bought(one, erp_line(TEE, 2), erp_line(JACKET))
    assert asked(one, order_id) == LATER
    (held,) = in_erp(one, order_id)
    task = exception(one, order_id, "cancellation_manual")
    assert task.owner == "warehouse"
    assert (task.evidence["reference"], task.evidence["backend_id"]) == (held["clientReference"], str(held["orderId"]))
    assert task.evidence["whole_order"] is True
    assert {row["sku"]: row["quantity"] for row in task.evidence["take_out"]} == {TEE: 2, JACKET: 1}
    go_round(one, 2, minutes=1)
    assert live(one, order_id) == (0, 1)
    assert writes(one, order_id, "order_cancel") == []
    erp(one, order_id, "warehouse-cancel")
    go_round(one, 2, minutes=1)
    assert asked(one, order_id) == YES
    assert open_kinds(one, order_id) == {}


def test_a_person_who_comes_too_late_makes_it_a_refusal_and_a_return_by_hand(one: World) -> None:
    order_id = bought(one, erp_line(TEE, 2))
    assert asked(one, order_id) == LATER
    erp_leaves(one, order_id, f"EXP{order_id}")
    go_round(one, 3, minutes=1)
    assert statuses(one, order_id) == {"delivered": 2}
    assert asked(one, order_id) == NO
    return_announce.run(one.context)
    assert open_kinds(one, order_id) == {"cancellation_too_late": 1, "return_by_hand": 1}
    task = exception(one, order_id, "return_by_hand").evidence
    (held,) = in_erp(one, order_id)
    assert (task["reference"], task["backend_id"]) == (erp_reference(order_id), str(held["orderId"]))
    assert task["lines"] == [{"line": 1, "sku": TEE, "quantity": 2}]
    assert writes(one, order_id, "return_announce") == []


def test_of_a_split_order_the_part_that_can_be_is_cancelled_and_the_other_waits_for_its_person(one: World) -> None:
    order_id = split(one)
    go_round(one)
    assert result(call(one, order_id, "scend", warehouseIds=[12])) == YES
    assert asked(one, order_id) == LATER
    assert live(one, order_id) == (0, 1)
    assert open_kinds(one, order_id) == {"cancellation_manual": 1}
    erp_leaves(one, order_id, f"EXP{order_id}")
    go_round(one, 3, minutes=1)
    assert by_merchant(one, order_id)["orderwise"] == {"delivered": 2}
    assert asked(one, order_id) == NO


def test_a_return_that_a_person_entered_there_is_refunded_when_its_goods_come(one: World) -> None:
    """They typed our number in small letters, as people do."""
    order_id = bought(one, erp_line(TEE, 2))
    assert asked(one, order_id) == LATER
    erp_leaves(one, order_id, f"EXP{order_id}")
    go_round(one, 3, minutes=1)
    return_announce.run(one.context)
    rma = exception(one, order_id, "return_by_hand").evidence["rma"]
    (held,) = in_erp(one, order_id)
    base = f"{one.orderwise}/owapi"
    token = requests.get(f"{base}/token/gettoken", auth=(DEFAULT_USER, DEFAULT_PASSWORD), timeout=10).json()
    line = {"orderLineId": held["lines"][0]["orderLineId"], "variantCode": TEE, "quantity": 2, "action": "Refund"}
    entered = {"customerReturnRef": rma.lower(), "orderId": held["orderId"], "lines": [line]}
    path, headers = "/returns/customer-return", {"Authorization": f"Bearer {token}"}
    made = requests.post(base + path, headers=headers, json=entered, timeout=10)
    assert made.status_code == 201
    one.post(one.orderwise, f"returns/{made.json()['returnId']}/receive", {"lines": [{"sku": TEE, "quantity": 2}]})
    for _ in range(3):
        return_pull.run(one.context)
        return_push.run(one.context)
        one.advance(minutes=1)
    assert statuses(one, order_id) == {"returned": 2}
    assert open_kinds(one, order_id) == {"cancellation_too_late": 1}
