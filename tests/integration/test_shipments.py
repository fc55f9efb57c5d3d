"""Shipments: one terminal write per unit, whatever SCAYLE or anybody else did to it meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flow_world import World, line
from order_story import (
    TEE,
    calm,
    captures,
    close_in_scayle,
    exception,
    leave,
    open_kinds,
    packed,
    pull,
    shipments,
    sqlite_world,
    statuses,
    tell,
    unit_ids,
    until_settled,
    writes,
)

from syncbridge.flows import escalate, rerun
from syncbridge.ledger import late_cancellations
from syncbridge.ports.shop import Shipment


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("shipments")) as made:
        yield made


@pytest.fixture(autouse=True)
def _calm(one: World) -> Iterator[None]:
    yield
    calm(one)


def despatched(one: World, units: int = 2) -> int:
    """An order of which everything left and nothing is told yet."""
    order_id = packed(one, line(TEE, units))
    leave(one, order_id)
    pull(one)
    return order_id


def ship_in_scayle(one: World, order_id: int, units: list[int], key: str) -> None:
    """Somebody else reports a shipment."""
    shop = one.context.shop
    body = shop.compose_shipment(
        Shipment(
            order_id, "nb", "GB", "scend", "ROYALMAIL_GB", key, one.context.now(), f"RI-{key}", tuple(units)
        )
    )
    shop.send_shipment(body)


def test_a_shipment_is_acknowledged_only_once_scayles_order_shows_it(one: World) -> None:
    order_id = despatched(one)
    one.fault(one.scayle, "GET", "/shops", "http", times=3, status=503)
    tell(one, order_id)
    assert writes(one, order_id, "shipment")[0].state != "acknowledged"
    until_settled(one, lambda: tell(one, order_id), rounds=4)
    assert writes(one, order_id, "shipment")[0].state == "acknowledged"
    assert len(shipments(one, order_id)) == len(captures(one, order_id)) == 1


@pytest.mark.parametrize(
    ("status", "key"), [(409, "ORDER_ITEM_CANCELLED"), (404, "ORDER_NOT_FOUND"), (400, "X")]
)
def test_a_refused_shipment_is_an_exception_and_is_not_repeated_by_itself(
    one: World, status: int, key: str
) -> None:
    order_id = despatched(one)
    body = {"errors": [{"errorKey": key, "message": "no", "context": {}}]}
    one.fault(one.scayle, "POST", "/fulfillment", "http", status=status, body=body)
    until_settled(one, lambda: tell(one, order_id), rounds=3, minutes=5)
    assert shipments(one, order_id) == []
    assert key in str(exception(one, order_id, "shipment_refused").evidence)
    rerun.run(one.context, [order_id], actor="test", reason="mended")
    tell(one, order_id)
    assert statuses(one, order_id) == {"delivered": 2}
    assert open_kinds(one, order_id) == {}


def test_a_unit_that_scayle_cancelled_before_it_was_told_is_left_out_and_the_rest_is_told(one: World) -> None:
    order_id = despatched(one)
    cancelled, other = unit_ids(one, order_id)
    close_in_scayle(one, order_id, [cancelled])
    until_settled(one, lambda: tell(one, order_id), rounds=3)
    (shipment,) = shipments(one, order_id)
    assert [item["orderItemId"] for item in shipment["items"]] == [other]
    found = exception(one, order_id, "despatched_although_cancelled")
    assert found.evidence["units"] == [cancelled]
    assert found.evidence["tracking"].startswith("RM")
    with one.context.ledger.reading() as connection:
        (waiting,) = [row for row in late_cancellations.waiting_for_return(connection) if row.order_id == order_id]
    assert waiting.units == (cancelled,)


def test_a_parcel_of_which_scayle_cancelled_everything_is_not_told_at_all(one: World) -> None:
    order_id = despatched(one, 1)
    close_in_scayle(one, order_id, unit_ids(one, order_id))
    until_settled(one, lambda: tell(one, order_id), rounds=3)
    assert shipments(one, order_id) == []
    assert open_kinds(one, order_id) == {"despatched_although_cancelled": 1}
    assert [write.state for write in writes(one, order_id, "shipment")] == ["withdrawn"]


def test_a_force_closed_order_gets_no_shipment_from_us(one: World) -> None:
    order_id = despatched(one)
    one.post(one.scayle, f"orders/{order_id}/force-close", {})
    until_settled(one, lambda: tell(one, order_id), rounds=3)
    assert shipments(one, order_id) == []
    assert open_kinds(one, order_id) == {"shipment_refused": 1}
    assert {unit["captures"] for unit in one.units(order_id)} == {1}


def test_a_unit_that_somebody_else_shipped_is_an_exception_and_no_second_shipment(one: World) -> None:
    order_id = despatched(one)
    ship_in_scayle(one, order_id, unit_ids(one, order_id)[:1], f"ELSE-{order_id}")
    until_settled(one, lambda: tell(one, order_id), rounds=3)
    assert [row["shipmentKey"] for row in shipments(one, order_id)] == [f"ELSE-{order_id}"]
    assert open_kinds(one, order_id) == {"shipment_refused": 1}


def test_a_shipment_key_that_scayle_has_with_other_units_is_an_exception(one: World) -> None:
    other, order_id = packed(one, line(TEE)), packed(one, line(TEE))
    ship_in_scayle(one, other, unit_ids(one, other), f"TAKEN-{order_id}")
    leave(one, order_id, tracking=f"TAKEN-{order_id}")
    pull(one)
    tell(one, order_id)
    assert shipments(one, order_id) == []
    assert "SHIPMENT_EXISTS" in exception(one, order_id, "shipment_refused").cause


def test_open_units_near_the_force_close_are_told_in_time_and_once(one: World) -> None:
    order_id, done = packed(one, line(TEE)), despatched(one)
    tell(one, done)
    one.advance(days=10, hours=1)
    for _ in range(2):
        escalate.run(one.context)
    assert open_kinds(one, order_id) == {"force_close_near": 1}
    assert open_kinds(one, done) == {}
    leave(one, order_id)
    pull(one)
    tell(one, order_id)
    escalate.run(one.context)
    assert open_kinds(one, order_id) == {}
