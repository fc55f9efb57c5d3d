"""Despatches of OrderWise under trouble: late numbers, remainders, the repeated hour with the reader down, small pages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flow_world import World, erp_line
from order_story import BOOT, JACKET, TEE, calm, captures, events, open_kinds, shipments, statuses
from split_story import both_delegated, both_worlds, erp, erp_leaves, erp_reference, go_round

from syncbridge.flows import despatch_pull, order_push, reread, shipment_push, status_pull


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("parcels")) as made:
        yield made


@pytest.fixture
def one(whole: World) -> Iterator[World]:
    yield whole
    calm(whole)


def bought(one: World, *lines: dict[str, Any]) -> int:
    return both_delegated(one, one.place(*(lines or (erp_line(TEE),))), merchants=1)


def test_a_part_leaves_and_the_rest_is_given_up(one: World) -> None:
    order_id = bought(one, erp_line(TEE, 3), erp_line(JACKET, 2))
    go_round(one)
    erp(one, order_id, "despatch", {"lines": [{"lineNumber": 1, "quantity": 2}], "consignments": [f"P{order_id}"], "force": True})
    go_round(one, 2)
    assert statuses(one, order_id)["delivered"] == 2
    erp(one, order_id, "warehouse-cancel", {})
    go_round(one, 4)
    counted = statuses(one, order_id)
    assert counted["delivered"] == 2
    assert counted["available"] == 0
    assert len(captures(one, order_id)) == 1
    assert open_kinds(one, order_id) == {"order_cancelled_by_warehouse": 1}


def test_numbers_that_replace_each_other_before_the_shop_was_told_are_told_as_they_are(one: World) -> None:
    order_id = bought(one, erp_line(TEE, 2))
    go_round(one)
    made = erp_leaves(one, order_id, f"X{order_id}")
    one.post(one.orderwise, f"despatches/{made['despatchId']}/tracking", {"consignments": [f"Y{order_id}", f"Z{order_id}"]})
    go_round(one, 3)
    assert {row["shipmentKey"] for row in shipments(one, order_id)} == {f"Y{order_id}", f"Z{order_id}"}
    assert statuses(one, order_id) == {"delivered": 2}


def test_numbers_that_replace_each_other_after_the_shop_was_told_make_no_second_shipment(one: World) -> None:
    order_id = bought(one, erp_line(TEE, 2))
    go_round(one)
    made = erp_leaves(one, order_id, f"Q{order_id}")
    go_round(one, 2)
    one.post(one.orderwise, f"despatches/{made['despatchId']}/tracking", {"consignments": [f"R{order_id}", f"S{order_id}"]})
    go_round(one, 3)
    assert [row["shipmentKey"] for row in shipments(one, order_id)] == [f"Q{order_id}"]
    assert len(captures(one, order_id)) == 1
    assert open_kinds(one, order_id) != {}


def test_two_despatches_under_one_consignment_number_are_two_shipments(one: World) -> None:
    order_id = bought(one, erp_line(TEE, 2))
    go_round(one)
    for _ in range(2):
        one.post(
            one.orderwise,
            f"orders/by-reference/{erp_reference(order_id)}/despatch",
            {"lines": [{"lineNumber": 1, "quantity": 1}], "consignments": [f"SH{order_id}"], "force": True},
        )
        go_round(one, 2)
    assert sorted(row["shipmentKey"] for row in shipments(one, order_id)) == [f"SH{order_id}", f"SH{order_id}-2"]
    assert statuses(one, order_id) == {"delivered": 2}


def test_foreign_orders_and_credits_of_the_same_session_are_left_alone(one: World) -> None:
    order_id = bought(one)
    go_round(one)
    client = Foreign(one.orderwise)
    client.create("EBAY-77", 1)
    client.create(erp_reference(order_id), 4, number=f"CR-{order_id}")
    one.post(one.orderwise, "orders/by-reference/EBAY-77/despatch", {"consignments": ["EB1"], "force": True})
    go_round(one, 3)
    assert statuses(one, order_id) == {"available": 1}
    assert "copy_cancelled" not in events(one, order_id)
    erp_leaves(one, order_id, f"OK{order_id}")
    go_round(one, 3)
    assert statuses(one, order_id) == {"delivered": 1}
    assert open_kinds(one, order_id) == {}
    held = {row["eCommerceOrderNumber"]: row["status"] for row in one.state(one.orderwise, "orders")["orders"]}
    assert "CANCELLED" not in (held["EBAY-77"], held[f"CR-{order_id}"])


class Foreign:
    """Somebody else's client in the same session."""

    def __init__(self, url: str) -> None:
        from orderwise_stand_in import OrderWiseClient

        self._client = OrderWiseClient(url)
        self._client.mint()

    def create(self, reference: str, kind: int, number: str = "") -> None:
        body = self._client.body(reference, lines=[(TEE, 1)], systemOrderType=kind)
        body["orderHeader"]["eCommerceOrderNumber"] = number or reference
        body.pop("payments", None)
        body.pop("dissurs", None)
        answer = self._client.send_order(body)
        assert answer.status_code == 201, answer.text


BEFORE_THE_CHANGE = datetime(2027, 10, 31, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize("down", ["through it all", "from its middle to three hours later"])
def test_thirty_despatches_of_the_repeated_hour_are_told_once_after_the_reader_was_down(tmp_path: Path, down: str) -> None:
    with both_worlds(tmp_path) as one:
        one.advance(seconds=(BEFORE_THE_CHANGE - one.context.now()).total_seconds())
        sold = [bought(one, erp_line((TEE, JACKET, BOOT)[n % 3])) for n in range(30)]
        for _ in range(3):
            order_push.run(one.context)
        despatch_pull.run(one.context)
        for number, order_id in enumerate(sold):
            erp_leaves(one, order_id, f"H{order_id}")
            if down != "through it all" and number < 13:
                despatch_pull.run(one.context)
            one.advance(seconds=235)
        one.advance(hours=0.5 if down == "through it all" else 3)
        for _ in range(3):
            despatch_pull.run(one.context)
            status_pull.run(one.context)
            shipment_push.run(one.context)
            one.advance(minutes=1)
        reread.run(one.context)
        shipment_push.run(one.context)
        assert [statuses(one, order_id) for order_id in sold] == [{"delivered": 1}] * 30
        assert [len(shipments(one, order_id)) for order_id in sold] == [1] * 30
        assert {unit["captures"] for order_id in sold for unit in one.units(order_id)} == {1}
