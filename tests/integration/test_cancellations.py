"""Cancellations that nobody waits for: events, the poll, operators, the warehouse; whole orders and single units."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from cancel_story import (
    YES,
    advance_in_scend,
    ask_merchants,
    call,
    result,
    shopper_cancels,
    warehouse_status,
    wishes,
)
from flow_world import World, line
from order_story import (
    JACKET,
    TEE,
    accepted,
    calm,
    close_in_scayle,
    exception,
    exceptions_of,
    in_scend,
    injected,
    leave,
    open_kinds,
    parts,
    pull,
    push,
    reference,
    shipments,
    sqlite_world,
    statuses,
    tell,
    unit_ids,
    until_settled,
    writes,
)

from syncbridge.flows import (
    cancel_ask,
    cancel_learn,
    cancel_order,
    cancellation_push,
    order_poll,
    order_push,
    sweep,
    webhooks,
)
from syncbridge.ledger import late_cancellations, order_parts


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("cancellations")) as made:
        yield made


@pytest.fixture(autouse=True)
def _calm(one: World) -> Iterator[None]:
    yield
    calm(one)


def close_silently(one: World, order_id: int, units: list[int] | None = None) -> None:
    """Units are closed in SCAYLE without anybody asking us (a panel action, a payment provider)."""
    close_in_scayle(one, order_id, units if units is not None else unit_ids(one, order_id))


def noticed(one: World, order_id: int) -> None:
    """The poll notices, and the back end is asked."""
    cancel_learn.run(one.context, order_id)
    cancel_ask.run(one.context)


def operator(one: World, order_id: int, **more: Any) -> cancel_order.Outcome:
    done = cancel_order.run(one.context, order_id, actor="ops", reason="customer called", **more)
    if not more.get("dry_run"):
        cancel_ask.run(one.context)
        cancellation_push.run(one.context, order_id=order_id)
    return done


# ---- learnt from SCAYLE


@pytest.mark.parametrize("topic", ["order-cancelled", "order-canceled", "order-item-canceled", "order-item-unshippable"])
def test_an_event_rings_for_a_look_at_its_order(one: World, topic: str) -> None:
    raw = f'{{"key": "e-{topic}", "type": "{topic}", "payload": {{"order": {{"id": 77, "items": []}}}}}}'.encode()
    one.bell.rings.clear()
    webhooks.receive_scayle(one.context, raw)
    assert one.bell.rings == [("cancel_learn", 77)]


def test_an_order_cancelled_in_scayle_after_it_was_sent_is_cancelled_in_the_warehouse(one: World) -> None:
    order_id = accepted(one, line(TEE, 2))
    close_silently(one, order_id)
    noticed(one, order_id)
    assert warehouse_status(one, order_id) == ["CANCELLED"]
    pull(one)
    cancellation_push.run(one.context, order_id=order_id)
    assert {unit["cancellations"] for unit in one.units(order_id)} == {1}
    assert open_kinds(one, order_id) == {}
    assert [wish.state for wish in wishes(one, order_id)] == ["cancelled"]


def test_the_poll_finds_it_without_any_event(one: World) -> None:
    order_id = accepted(one, line(TEE))
    close_silently(one, order_id)
    order_poll.run(one.context, since=one.clock.now().replace(year=2020))
    cancel_ask.run(one.context)
    assert warehouse_status(one, order_id) == ["CANCELLED"]


def test_one_unit_of_two_is_a_task_that_says_what_to_take_out(one: World) -> None:
    order_id = accepted(one, line(TEE, 2), line(JACKET))
    first, *_others = unit_ids(one, order_id)
    close_silently(one, order_id, [first])
    noticed(one, order_id)
    assert warehouse_status(one, order_id) != ["CANCELLED"]
    found = exception(one, order_id, "cancellation_partial")
    assert [(row["sku"], row["quantity"]) for row in found.evidence["take_out"]] == [(TEE, 1)]
    assert found.evidence["reference"] == reference(order_id)


def test_a_unit_that_left_although_it_was_cancelled_keeps_its_tracking_and_waits_for_a_return(one: World) -> None:
    order_id = accepted(one, line(TEE, 2))
    first, other = unit_ids(one, order_id)
    close_silently(one, order_id, [first])
    noticed(one, order_id)
    advance_in_scend(one, order_id, "PACKED")
    leave(one, order_id, tracking="RM555000111GB")
    pull(one)
    tell(one, order_id)
    (shipment,) = shipments(one, order_id)
    assert [item["orderItemId"] for item in shipment["items"]] == [other]
    found = exception(one, order_id, "despatched_although_cancelled")
    assert "RM555000111GB" in str(found.evidence)
    assert statuses(one, order_id) == {"delivered": 1, "undeliverable": 1}
    with one.context.ledger.reading() as connection:
        (waiting,) = [row for row in late_cancellations.waiting_for_return(connection) if row.order_id == order_id]
    assert waiting.units == (first,)


def test_the_rest_cancelled_later_makes_it_the_whole_order(one: World) -> None:
    order_id = accepted(one, line(TEE, 2))
    first, other = unit_ids(one, order_id)
    close_silently(one, order_id, [first])
    noticed(one, order_id)
    close_silently(one, order_id, [other])
    noticed(one, order_id)
    assert warehouse_status(one, order_id) == ["CANCELLED"]
    assert open_kinds(one, order_id) == {}


def test_a_unit_cancelled_before_anything_left_is_left_out(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE), line(JACKET)))
    first, _other = unit_ids(one, order_id)
    close_silently(one, order_id, [first])
    cancel_learn.run(one.context, order_id)
    push(one, order_id)
    (held,) = in_scend(one, order_id)
    assert [row["sku"] for row in held["lines"]] == [JACKET]


def test_an_order_cancelled_while_its_outcome_is_unknown_is_stopped_where_it_landed(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    one.fault(one.scend, "POST", "/orders", "timeout_after")
    push(one, order_id)
    assert [part.state for part in parts(one, order_id)] == ["sent"]
    close_silently(one, order_id)
    noticed(one, order_id)
    for _ in range(4):
        one.advance(seconds=30)
        push(one, order_id)
        cancel_ask.run(one.context)
    assert warehouse_status(one, order_id) == ["CANCELLED"]


def test_units_that_scayle_shows_as_shipped_before_we_sent_them_are_never_sent(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    one.post(one.scayle, f"orders/{order_id}/force-close", {})
    push(one, order_id)
    one.advance(hours=1)
    push(one, order_id)
    assert in_scend(one, order_id) == []
    found = exception(one, order_id, "units_shipped_elsewhere")
    assert [row["unit"] for row in found.evidence["units"]] == unit_ids(one, order_id)


# ---- the operator


def test_an_operator_cancels_what_was_never_sent_and_scayle_is_told(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE, 2)))
    done = operator(one, order_id)
    assert done.state == "cancelled"
    assert statuses(one, order_id) == {"undeliverable": 2}
    push(one, order_id)
    assert in_scend(one, order_id) == []


def test_an_operator_cancels_what_the_warehouse_holds_and_scayle_is_told_afterwards(one: World) -> None:
    order_id = accepted(one, line(TEE, 2))
    operator(one, order_id)
    assert warehouse_status(one, order_id) == ["CANCELLED"]
    assert statuses(one, order_id) == {"undeliverable": 2}
    pull(one)
    cancellation_push.run(one.context, order_id=order_id)
    assert {unit["cancellations"] for unit in one.units(order_id)} == {1}
    assert open_kinds(one, order_id) == {}


def test_an_operator_who_comes_too_late_changes_nothing_in_scayle(one: World) -> None:
    order_id = accepted(one, line(TEE))
    advance_in_scend(one, order_id, "PACKED")
    operator(one, order_id)
    assert statuses(one, order_id) == {"available": 1}
    assert open_kinds(one, order_id) == {"cancellation_too_late": 1}


def test_a_dry_run_changes_nothing(one: World) -> None:
    order_id = accepted(one, line(TEE))
    done = operator(one, order_id, dry_run=True)
    assert [part.action for part in done.parts] == ["asked of scend:ACME-UK"]
    assert warehouse_status(one, order_id) != ["CANCELLED"]
    assert wishes(one, order_id) == []


def test_a_unit_named_twice_is_the_same_wish(one: World) -> None:
    order_id = accepted(one, line(TEE, 2))
    first, _other = unit_ids(one, order_id)
    for units in ([first], [first, first]):
        cancel_order.run(one.context, order_id, units=units, actor="ops", reason="customer called")
    assert len(wishes(one, order_id)) == 1
    assert wishes(one, order_id)[0].units == [first]


@pytest.mark.parametrize(
    ("more", "says"), [({"merchant": "nobody"}, "merchants: scend"), ({"units": [5]}, "no unit 5"), ({"reason": " "}, "reason")]
)
def test_what_cannot_be_cancelled_is_said(one: World, more: dict[str, Any], says: str) -> None:
    order_id = accepted(one, line(TEE))
    given = {"reason": "customer called", **more}
    with pytest.raises(cancel_order.CannotCancel, match=says):
        cancel_order.run(one.context, order_id, actor="ops", **given)


# ---- SCAYLE stops asking


def test_a_success_that_scayle_never_fetched_becomes_a_merchant_cancellation(one: World) -> None:
    order_id = accepted(one, line(TEE))
    assert result(call(one, order_id)) == YES
    cancellation_push.run(one.context, order_id=order_id)
    assert statuses(one, order_id) == {"available": 1}
    one.advance(minutes=16)
    cancellation_push.run(one.context, order_id=order_id)
    assert statuses(one, order_id) == {"undeliverable": 1}
    assert result(call(one, order_id)) == YES
    assert {unit["cancellations"] for unit in one.units(order_id)} == {1}


@pytest.mark.parametrize("all_of_them", [True, False])
def test_what_scayle_closed_between_our_look_and_our_word_ends_by_itself(
    one: World, monkeypatch: pytest.MonkeyPatch, all_of_them: bool
) -> None:
    order_id = accepted(one, line(TEE, 2))
    units = unit_ids(one, order_id)
    cancel_order.run(one.context, order_id, actor="ops", reason="customer called")
    cancel_ask.run(one.context)
    send = one.context.shop.send_cancellation

    def meanwhile(body: str) -> None:
        monkeypatch.undo()
        close_in_scayle(one, order_id, units if all_of_them else units[:1])
        send(body)

    monkeypatch.setattr(one.context.shop, "send_cancellation", meanwhile)
    cancellation_push.run(one.context, order_id=order_id)
    assert statuses(one, order_id)["undeliverable"] == (2 if all_of_them else 1)
    assert open_kinds(one, order_id) == {"cancellation_refused": 1}
    order_poll.run(one.context, since=one.clock.now().replace(year=2020))
    cancellation_push.run(one.context, order_id=order_id)
    assert statuses(one, order_id) == {"undeliverable": 2}
    assert {unit["cancellations"] for unit in one.units(order_id)} == {1}
    assert open_kinds(one, order_id) == {}


def test_a_message_that_never_arrived_is_written_anew_without_what_scayle_closed_meanwhile(one: World) -> None:
    order_id = accepted(one, line(TEE, 2))
    units = unit_ids(one, order_id)
    cancel_order.run(one.context, order_id, actor="ops", reason="customer called")
    cancel_ask.run(one.context)
    one.fault(one.scayle, "POST", "/fulfillment/cancellations", "timeout_before")
    before = injected(one, one.scayle)
    cancellation_push.run(one.context, order_id=order_id)
    assert injected(one, one.scayle) == before + 1
    close_in_scayle(one, order_id, units[:1])
    until_settled(one, lambda: cancellation_push.run(one.context, order_id=order_id))
    assert {unit["cancellations"] for unit in one.units(order_id)} == {1}
    assert exceptions_of(one, "cancellation_refused", f"cancellation:cancelled:{wishes(one, order_id)[0].id}:"
                         f"{parts(one, order_id)[0].id}") == []  # fmt: skip


def test_a_request_accepted_after_scayle_stopped_asking_becomes_a_merchant_cancellation(one: World) -> None:
    order_id = accepted(one, line(TEE))
    advance_in_scend(one, order_id, "PICKING")
    assert call(one, order_id).status == 503
    one.advance(hours=3)
    one.warehouse(reference(order_id), "cancellation", {"decision": "ACCEPT"})
    pull(one)
    one.advance(minutes=16)
    cancellation_push.run(one.context, order_id=order_id)
    assert statuses(one, order_id) == {"undeliverable": 1}
    assert open_kinds(one, order_id) == {}


def test_what_scayle_cancelled_by_itself_is_not_cancelled_twice(one: World) -> None:
    ask_merchants(one)
    order_id = accepted(one, line(TEE))
    shopper_cancels(one, order_id)
    one.advance(minutes=16)
    cancellation_push.run(one.context, order_id=order_id)
    assert statuses(one, order_id) == {"cancelled": 1}
    assert [write.attempts for write in writes(one, order_id, "cancellation")] == [0]


# ---- the rest of the machinery


def test_the_warehouses_own_cancellation_is_still_told_once(one: World) -> None:
    order_id = accepted(one, line(TEE, 2))
    one.warehouse(reference(order_id), "warehouse-cancel", {})
    pull(one)
    tell(one, order_id)
    assert statuses(one, order_id) == {"undeliverable": 2}
    assert open_kinds(one, order_id) == {"order_cancelled_by_warehouse": 1}


def test_a_withdrawn_order_that_turns_up_in_the_warehouse_is_stopped_there(one: World) -> None:
    order_id = accepted(one, line(TEE))
    with one.context.ledger.work() as work:
        part = order_parts.parts_of_order(work.connection, order_id)[0]
        for table in ("fulfilment_orders", "transmissions"):
            column = "id" if table == "fulfilment_orders" else "fulfilment_order_id"
            work.connection.exec_driver_sql(
                f"UPDATE {table} SET state = 'withdrawn' WHERE {column} = {part.id}"
            )
        work.commit()
    advance_in_scend(one, order_id, "ALLOCATED")
    pull(one)
    assert open_kinds(one, order_id) == {"reference_resurfaced": 1}
    cancel_ask.run(one.context)
    assert warehouse_status(one, order_id) == ["CANCELLED"]
    pull(one)
    assert open_kinds(one, order_id) == {}


def test_the_sweeper_rings_for_cancellations_that_are_due(one: World) -> None:
    order_id = accepted(one, line(TEE))
    cancel_order.run(one.context, order_id, actor="ops", reason="customer called")
    one.bell.rings.clear()
    sweep.run(one.context)
    assert ("cancel_ask",) in one.bell.rings


def test_stock_is_given_back_once_by_the_warehouses_own_figure(one: World) -> None:
    before = {row["sku"]: row for row in one.state(one.scend, "stock")["stock"]}[TEE]
    order_id = accepted(one, line(TEE, 3))
    operator(one, order_id)
    after = {row["sku"]: row for row in one.state(one.scend, "stock")["stock"]}[TEE]
    assert (after["reserved"], after["physical"]) == (before["reserved"], before["physical"])


def test_parts_show_what_became_of_them(one: World) -> None:
    order_id = accepted(one, line(TEE))
    operator(one, order_id)
    assert [part.state for part in parts(one, order_id)] == ["acknowledged"]
    order_push.run(one.context, order_id=order_id)
    assert exceptions_of(one, "defect") == []
