"""Order push: complete or not at all, once, and as the shop has it when it leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from flow_world import World, line, wait_until, world
from order_story import (
    BOOT,
    JACKET,
    TEE,
    accepted,
    close_in_scayle,
    events,
    exception,
    exceptions_of,
    in_scend,
    leave,
    open_kinds,
    ordered,
    parts,
    pull,
    push,
    reference,
    sqlite_world,
    statuses,
    stock,
    tell,
    unit_ids,
    until_settled,
    with_settings,
    writes,
)
from sqlalchemy import delete, update

from syncbridge.flows import order_push, rerun, status_pull
from syncbridge.ledger.tables import attempts, fulfilment_lines, fulfilment_orders, order_units, transmissions

RERUN = {"actor": "test", "reason": "test"}
HAT = "HAT-WOOL-GRY-OS"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("push")) as made:
        yield made


def cancel_in_scayle(one: World, order_id: int) -> None:
    """Cancel as the shopper; the merchant of these tests has no cancellation URL, so nobody objects."""
    one.post(one.scayle, f"orders/{order_id}/cancel", {"wait": True})
    assert set(statuses(one, order_id)) == {"cancelled"}


def test_two_workers_at_once_send_every_order_once(ledger_url: str, tmp_path: Path) -> None:
    with world(ledger_url, tmp_path) as one:
        stock(one)
        placed = [one.place(line(TEE)) for _ in range(12)]
        for order_id in placed:
            one.delegated(order_id)
        with ThreadPoolExecutor(4) as pool:
            summaries = list(pool.map(lambda _n: order_push.run(one.context), range(4)))
        assert sorted(order["clientReference"] for order in one.backend_orders()) == sorted(
            map(reference, placed)
        )
        assert sum(summary.acknowledged for summary in summaries) == 12
        calls = one.state(one.scend, "requests", "counters")
        assert {write.state for order_id in placed for write in writes(one, order_id)} == {"acknowledged"}
        assert {write.attempts for order_id in placed for write in writes(one, order_id)} == {1}, calls


def test_an_order_cancelled_before_it_was_pushed_is_withdrawn(one: World) -> None:
    order_id = one.delegated(one.place())
    cancel_in_scayle(one, order_id)
    push(one, order_id)
    assert in_scend(one, order_id) == []
    assert [write.state for write in writes(one, order_id)] == ["withdrawn"]
    assert [part.state for part in parts(one, order_id)] == ["withdrawn"]
    assert open_kinds(one, order_id) == {}


def test_an_exception_of_an_order_ends_with_the_order(one: World) -> None:
    order_id = one.delegated(one.place(line(HAT)))
    push(one, order_id)
    assert open_kinds(one, order_id) == {"order_invalid": 1}
    cancel_in_scayle(one, order_id)
    rerun.run(one.context, [order_id], **RERUN)
    push(one, order_id)
    assert writes(one, order_id)[0].state == "withdrawn"
    assert open_kinds(one, order_id) == {}


def test_only_what_the_shop_did_not_cancel_is_sent(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE, 2), line(JACKET)))
    close_in_scayle(one, order_id, unit_ids(one, order_id, TEE))
    push(one, order_id)
    (held,) = in_scend(one, order_id)
    assert ordered(held) == {JACKET: 1}


@pytest.mark.parametrize("fault", [{"fault": "rate_limit"}, {"fault": "timeout_before"}], ids=str)
def test_an_order_cancelled_while_its_sending_had_to_wait_is_not_sent(
    one: World, fault: dict[str, str]
) -> None:
    order_id = one.delegated(one.place())
    one.fault(one.scend, "POST", "/orders", **fault)
    push(one, order_id)
    assert in_scend(one, order_id) == []
    cancel_in_scayle(one, order_id)
    one.advance(minutes=5)
    push(one, order_id)
    assert in_scend(one, order_id) == []
    assert [write.state for write in writes(one, order_id)] == ["withdrawn"]


def test_units_cancelled_while_the_sending_had_to_wait_are_left_out(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE, 2), line(JACKET)))
    one.fault(one.scend, "POST", "/orders", "rate_limit")
    push(one, order_id)
    close_in_scayle(one, order_id, unit_ids(one, order_id, TEE))
    one.advance(minutes=5)
    push(one, order_id)
    (held,) = in_scend(one, order_id)
    assert ordered(held) == {JACKET: 1}
    assert [write.body_version for write in writes(one, order_id)] == [2]


def test_a_retry_sends_the_frozen_bytes_whatever_the_maps_say_by_then(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    one.fault(one.scend, "POST", "/orders", "timeout_before")
    push(one, order_id)
    (before,) = writes(one, order_id)
    merchant = one.context.configuration.merchants[0]
    changed = with_settings(
        one, merchants=(merchant.model_copy(update={"service_map": {}, "default_service": "NEXT24"}),)
    )
    one.advance(minutes=5)
    push(changed, order_id)
    (held,) = in_scend(one, order_id)
    assert held["shipping"]["serviceCode"] == "STD48"
    assert writes(one, order_id)[0].body == before.body


def test_every_fault_of_an_order_is_told_at_once_and_mending_it_is_enough(one: World) -> None:
    order_id = one.delegated(
        one.place(
            line(HAT), line("lower case"), shipping={"firstName": "A", "lastName": "B", "countryCode": "GBR"}
        )
    )
    push(one, order_id)
    assert in_scend(one, order_id) == []
    found = exception(one, order_id, "order_invalid")
    codes = {fault["code"] for fault in found.evidence["faults"]}
    assert {"SKU_UNKNOWN", "SKU_FORMAT", "ADDRESS_INCOMPLETE"} <= codes
    assert all(fault["field"] and fault["way_out"] for fault in found.evidence["faults"])
    assert writes(one, order_id)[0].due_at is None


def test_a_sku_that_is_set_up_later_goes_out_when_run_again_and_closes_its_exception(one: World) -> None:
    sku = "LATE-SKU-1"
    order_id = one.delegated(one.place(line(sku)))
    push(one, order_id)
    assert open_kinds(one, order_id) == {"order_invalid": 1}
    one.post(one.scend, "seed", {"products": [{"sku": sku, "description": "late"}],
                                 "stock": [{"sku": sku, "warehouseCode": "MID1", "physical": 5}]})  # fmt: skip
    push(one, order_id)
    assert in_scend(one, order_id) == [], "parked until a person says so"
    rerun.run(one.context, [order_id], **RERUN)
    push(one, order_id)
    assert len(in_scend(one, order_id)) == 1
    assert open_kinds(one, order_id) == {}


def test_a_refusal_parks_the_order_until_a_person_runs_it_again(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    body = {"error": {"code": "ORDER_REJECTED", "message": "no", "details": []}}
    one.fault(one.scend, "POST", "/orders", "http", status=422, body=body)
    push(one, order_id)
    assert open_kinds(one, order_id) == {"order_refused": 1}
    one.advance(minutes=30)
    push(one, order_id)
    assert in_scend(one, order_id) == []
    rerun.run(one.context, [order_id], **RERUN)
    push(one, order_id)
    assert len(in_scend(one, order_id)) == 1
    assert open_kinds(one, order_id) == {}


def test_units_cancelled_between_two_versions_do_not_hide_what_the_warehouse_gives_up_later(
    one: World,
) -> None:
    order_id = one.delegated(one.place(line(TEE, 3)))
    one.fault(one.scend, "POST", "/orders", "http", status=422, body={"error": {"code": "ORDER_REJECTED"}})
    push(one, order_id)
    close_in_scayle(one, order_id, unit_ids(one, order_id)[:1])
    rerun.run(one.context, [order_id], **RERUN)
    push(one, order_id)
    assert ordered(in_scend(one, order_id)[0]) == {TEE: 2}
    one.warehouse(reference(order_id), "warehouse-cancel", {})
    pull(one)
    tell(one, order_id)
    assert statuses(one, order_id) == {"undeliverable": 3}


# ---- another order under our reference


def foreign_order(one: World, order_id: int, **changes: object) -> None:
    """Somebody else makes an order under the reference that is ours."""
    document = {
        "clientReference": reference(order_id),
        "channel": "OTHER",
        "currency": "GBP",
        "warehouseCode": "MID1",
        "shipping": {"serviceCode": "STD48"},
        "deliveryAddress": {"recipientName": "X", "line1": "1 A", "city": "Leeds", "postcode": "LS1 4AB", "countryCode": "GB"},
        "lines": [{"lineNumber": 1, "sku": BOOT, "quantity": 7}],
        **changes,
    }  # fmt: skip
    one.context.backends["scend"].create_order(json.dumps(document))


def test_another_order_under_our_reference_is_a_conflict_and_ours_is_never_sent(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    foreign_order(one, order_id)
    until_settled(one, lambda: (push(one, order_id), status_pull.run(one.context)), rounds=4, minutes=1)
    (held,) = in_scend(one, order_id)
    assert ordered(held) == {BOOT: 7}
    assert open_kinds(one, order_id) == {"order_conflict": 1}
    assert writes(one, order_id)[0].state == "pending"


def test_a_409_with_other_content_parks_the_order_and_no_feed_adopts_it(one: World) -> None:
    one.put(one.scend, "settings", {"searchLagSeconds": 20})
    try:
        order_id = one.delegated(one.place(line(TEE)))
        foreign_order(one, order_id)
        until_settled(one, lambda: (push(one, order_id), status_pull.run(one.context)), rounds=6)
    finally:
        one.put(one.scend, "settings", {"searchLagSeconds": 0})
    one.warehouse(reference(order_id), "advance", {"to": "PACKED"})
    leave(one, order_id)
    pull(one)
    tell(one, order_id)
    assert writes(one, order_id)[0].state == "sent"
    assert open_kinds(one, order_id)["order_conflict"] == 1
    assert statuses(one, order_id) == {"available": 1}, "the other order's despatch is not this order's"
    rerun.run(one.context, [order_id], **RERUN)
    push(one, order_id)
    assert exception(one, order_id, "order_conflict").occurrences >= 2
    assert len(in_scend(one, order_id)) == 1


def test_another_order_with_our_goods_at_another_price_is_not_adopted_once_the_conflict_is_known(
    one: World,
) -> None:
    one.put(one.scend, "settings", {"searchLagSeconds": 20})
    try:
        order_id = one.delegated(one.place(line(TEE, 2, 2200)))
        foreign_order(
            one, order_id, lines=[{"lineNumber": 1, "sku": TEE, "quantity": 2, "unitPrice": "1.00"}]
        )
        until_settled(one, lambda: push(one, order_id), rounds=3)
    finally:
        one.put(one.scend, "settings", {"searchLagSeconds": 0})
    assert open_kinds(one, order_id) == {"order_conflict": 1}
    one.warehouse(reference(order_id), "advance", {"to": "PACKED"})
    leave(one, order_id)
    pull(one)
    tell(one, order_id)
    assert writes(one, order_id)[0].state == "sent"
    assert statuses(one, order_id) == {"available": 2}


def test_another_order_that_the_feed_shows_before_our_look_up_is_not_adopted(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    one.fault(one.scend, "POST", "/orders", "timeout_before")
    push(one, order_id)
    foreign_order(one, order_id)
    status_pull.run(one.context)
    assert writes(one, order_id)[0].state == "sent"
    until_settled(one, lambda: push(one, order_id), rounds=2)
    assert open_kinds(one, order_id) == {"order_conflict": 1}


# ---- held in the warehouse


def test_a_quarantine_that_comes_later_is_an_exception_until_it_is_released(one: World) -> None:
    sku = "SOON-DISCONTINUED"
    one.post(one.scend, "seed", {"products": [{"sku": sku, "description": "x"}]})
    accepted(one, line(sku))
    order_id = one.delegated(one.place(line(sku)))
    # Our catalogue still says yes when the warehouse discontinues the product, and its own check comes later.
    one.post(one.scend, "seed", {"products": [{"sku": sku, "description": "x", "active": False}]})
    one.put(one.scend, "settings", {"asyncValidation": True})
    try:
        push(one, order_id)
        assert open_kinds(one, order_id) == {}
        one.advance(seconds=5)
        wait_until(lambda: in_scend(one, order_id)[0]["status"] == "QUARANTINED")
    finally:
        one.put(one.scend, "settings", {"asyncValidation": False})
    status_pull.run(one.context)
    assert "SKU_INACTIVE" in exception(one, order_id, "order_quarantined").cause
    one.post(one.scend, "seed", {"products": [{"sku": sku, "description": "x", "active": True}]})
    held = in_scend(one, order_id)[0]
    release = requests.post(
        f"{one.scend}/v1/orders/{held['orderId']}/release", headers=AUTH, json={}, timeout=10
    )
    release.raise_for_status()
    status_pull.run(one.context)
    assert open_kinds(one, order_id) == {}


AUTH = {"Authorization": "Bearer scend-sandbox-token", "X-Scend-Account": "ACME-UK"}


def test_a_hold_is_an_exception_until_it_ends(one: World) -> None:
    order_id = accepted(one, line(TEE))
    one.warehouse(reference(order_id), "hold", {"code": "STOCK_QUERY", "message": "?"})
    status_pull.run(one.context)
    assert "STOCK_QUERY" in exception(one, order_id, "order_quarantined").cause
    one.warehouse(reference(order_id), "unhold", {})
    status_pull.run(one.context)
    assert open_kinds(one, order_id) == {}


def test_a_hold_that_comes_again_is_a_new_exception(one: World) -> None:
    order_id = accepted(one, line(TEE))
    for _ in range(2):
        one.warehouse(reference(order_id), "hold", {"code": "MANUAL"})
        status_pull.run(one.context)
        one.warehouse(reference(order_id), "unhold", {})
        status_pull.run(one.context)
    rows = exceptions_of(one, "order_quarantined", f"fulfilment:{reference(order_id)}")
    assert [(row.state, row.occurrences) for row in rows] == [("resolved", 1), ("resolved", 1)]


# ---- given up by the warehouse


def test_a_warehouse_cancel_closes_every_unit_in_scayle_once(one: World) -> None:
    order_id = accepted(one)
    one.warehouse(reference(order_id), "warehouse-cancel", {})
    pull(one)
    tell(one, order_id)
    pull(one)
    tell(one, order_id)
    assert statuses(one, order_id) == {"undeliverable": 3}
    assert {unit["cancellations"] for unit in one.units(order_id)} == {1}
    assert open_kinds(one, order_id) == {"order_cancelled_by_warehouse": 1}


def test_a_short_close_closes_exactly_its_units_and_the_rest_ships(one: World) -> None:
    order_id = accepted(one, line(TEE, 3), line(JACKET))
    one.warehouse(reference(order_id), "advance", {"to": "PICKING"})
    one.warehouse(reference(order_id), "short-pick", {"lines": [{"sku": TEE, "quantity": 2}]})
    one.warehouse(reference(order_id), "short-close", {})
    pull(one)
    tell(one, order_id)
    assert statuses(one, order_id) == {"available": 2, "undeliverable": 2}
    one.warehouse(reference(order_id), "advance", {"to": "PACKED"})
    leave(one, order_id)
    pull(one)
    tell(one, order_id)
    by_sku = {(unit["sku"], unit["status"]) for unit in one.units(order_id)}
    assert by_sku == {(TEE, "delivered"), (TEE, "undeliverable"), (JACKET, "delivered")}
    assert statuses(one, order_id) == {"delivered": 2, "undeliverable": 2}
    assert max(unit["cancellations"] + len(unit["shipments"]) for unit in one.units(order_id)) == 1


def test_a_cancellation_whose_answer_was_lost_closes_its_units_once(one: World) -> None:
    order_id = accepted(one)
    one.warehouse(reference(order_id), "warehouse-cancel", {})
    pull(one)
    one.fault(one.scayle, "POST", "/fulfillment", "timeout_after")
    until_settled(one, lambda: tell(one, order_id), rounds=3)
    assert {unit["cancellations"] for unit in one.units(order_id)} == {1}
    assert [write.state for write in writes(one, order_id, "cancellation")] == ["acknowledged"]


def test_a_unit_that_scayle_closed_by_itself_does_not_stop_the_others_from_being_closed(one: World) -> None:
    order_id = accepted(one, line(TEE, 2))
    one.warehouse(reference(order_id), "warehouse-cancel", {})
    pull(one)
    close_in_scayle(one, order_id, unit_ids(one, order_id)[:1])
    tell(one, order_id)
    assert statuses(one, order_id) == {"undeliverable": 2}
    assert "cancellation_refused" not in open_kinds(one, order_id)


def test_versions_of_an_order_in_the_wrong_order_change_nothing(one: World) -> None:
    order_id = accepted(one)
    backend = one.context.backends["scend"]
    old = backend.find_orders([reference(order_id)])[reference(order_id)]
    one.warehouse(reference(order_id), "warehouse-cancel", {})
    pull(one)
    with one.context.ledger.work() as work:
        assert not status_pull.note(one.context, work.connection, backend.account, old, one.context.now())
        work.commit()
    assert parts(one, order_id)[0].backend_status == "cancelled"


# ---- a reference that is not where the ledger thinks


def test_a_reference_found_although_the_ledger_never_sent_it_is_compared_adopted_and_shipped(
    one: World,
) -> None:
    order_id = one.delegated(one.place(line(TEE, 2)))
    push(one, order_id)
    forget(one, order_id)
    one.warehouse(reference(order_id), "advance", {"to": "PACKED"})
    leave(one, order_id)
    until_settled(one, lambda: (pull(one), push(one, order_id), tell(one, order_id)), rounds=3)
    assert len(in_scend(one, order_id)) == 1
    assert statuses(one, order_id) == {"delivered": 2}
    assert open_kinds(one, order_id) == {}


def forget(one: World, order_id: int) -> None:
    """Set the ledger back to before the order was sent, as a restored backup would."""
    part, write = parts(one, order_id)[0].id, writes(one, order_id)[0].id
    with one.context.ledger.work() as work:
        run = work.connection.execute
        run(delete(attempts).where(attempts.c.transmission_id == write))
        run(delete(fulfilment_lines).where(fulfilment_lines.c.fulfilment_order_id == part))
        run(update(order_units).where(order_units.c.order_id == order_id).values(line_number=None))
        run(
            update(transmissions)
            .where(transmissions.c.id == write)
            .values(state="pending", body=None, attempts=0, last_sent_at=None, due_at=None, uncertain=False)
        )
        run(
            update(fulfilment_orders)
            .where(fulfilment_orders.c.id == part)
            .values(state="pending", backend_version=None, backend_status=None, backend_id=None)
        )
        work.commit()


def test_a_withdrawn_reference_that_turns_up_in_the_warehouse_is_told_until_it_is_cancelled_there(
    one: World,
) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    cancel_in_scayle(one, order_id)
    push(one, order_id)
    foreign_order(one, order_id)
    status_pull.run(one.context)
    assert open_kinds(one, order_id) == {"reference_resurfaced": 1}
    one.warehouse(reference(order_id), "warehouse-cancel", {})
    status_pull.run(one.context)
    assert open_kinds(one, order_id) == {}
    assert writes(one, order_id)[0].state == "withdrawn"


def test_the_history_of_an_order_tells_what_happened(one: World) -> None:
    order_id = accepted(one)
    told = events(one, order_id)
    assert told[:1] == ["order_delegated"]
    assert [event for event in told if event.startswith("order_")] == [
        "order_delegated",
        "order_sent",
        "order_acknowledged",
    ]
