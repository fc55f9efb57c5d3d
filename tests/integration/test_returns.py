"""Returns: goods that come back are refunded once, judged by SCAYLE's and Scend's own records."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flow_world import World, line, world
from order_story import (
    JACKET,
    ORDERS,
    TEE,
    calm,
    exception,
    exceptions_of,
    leave,
    open_kinds,
    packed,
    pull,
    reference,
    rows,
    sqlite_world,
    statuses,
    stock,
    tell,
    unit_ids,
    until_settled,
    with_settings,
    writes,
)
from return_story import (
    announced,
    blind,
    booked,
    check,
    come_back,
    held_returns,
    label,
    money_holds,
    receive,
    refunded_units,
    refunds,
    return_in_panel,
    shipped,
    states,
    unit_rows,
)
from return_story import in_scend as returns_in_scend

from syncbridge.domain.returns import ReturnReason, ReturnSource
from syncbridge.flows import (
    despatch_pull,
    rerun,
    return_announce,
    return_expect,
    return_pull,
    return_push,
    sweep,
)
from syncbridge.flows.return_expect import NotReturnable
from syncbridge.ledger.tables import order_units

ACCOUNT = "scend:ACME-UK"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("returns")) as made:
        yield made


@pytest.fixture(autouse=True)
def _calm(one: World) -> Iterator[None]:
    yield
    calm(one)


# ---- the whole way, on both databases


@pytest.fixture
def fresh(ledger_url: str, tmp_path: Path) -> Iterator[World]:
    with world(ledger_url, tmp_path) as made:
        stock(made)
        yield made


def test_announced_goods_come_back_and_are_refunded(fresh: World) -> None:
    order_id = shipped(fresh, line(TEE, 2), line(JACKET, price=7900))
    made = announced(fresh, order_id, *unit_ids(fresh, order_id, TEE)[:1])
    (held,) = returns_in_scend(fresh, order_id)
    assert (held["rmaNumber"], held["status"]) == (made.rma_number, "ANNOUNCED")
    assert [(row["orderLineNumber"], row["quantityAnnounced"]) for row in held["lines"]] == [(1, 1)]
    assert [row["reasonCode"] for row in held["lines"]] == ["TOO_SMALL"]

    receive(fresh, made.rma_number, (TEE, 1))
    come_back(fresh, order_id)
    assert refunded_units(fresh, order_id) == unit_ids(fresh, order_id, TEE)[:1]
    assert [row["amount"] for row in refunds(fresh, order_id)] == [2200]
    assert statuses(fresh, order_id) == {"returned": 1, "delivered": 2}
    assert [row.state for row in rows(fresh, order_units, order_id)].count("returned") == 1
    assert [row.state for row in writes(fresh, order_id, "return")] == ["acknowledged"]
    assert states(fresh, order_id) == ["closed"]
    assert not open_kinds(fresh, order_id)
    money_holds(fresh, order_id)


def test_the_return_message_is_what_scayle_asks_for(one: World) -> None:
    order_id = shipped(one, line(TEE))
    made = announced(one, order_id, reason=ReturnReason.FAULTY)
    returned = receive(one, made.rma_number, (TEE, 1))
    come_back(one, order_id)
    (row,) = booked(one, order_id)
    (unit,) = unit_ids(one, order_id)
    assert (row["returnKey"], row["merchantReferenceKey"], row["returnReason"]) == (str(unit), "scend", "faulty")
    received_at = datetime.fromisoformat(returned["receipts"][0]["receivedAt"])
    assert row["received"] == f"{received_at:%Y-%m-%d %H:%M:%S}"


def test_several_units_of_one_receipt_are_one_call(one: World) -> None:
    order_id = shipped(one, line(TEE, 3))
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 3))
    come_back(one, order_id)
    assert refunded_units(one, order_id) == unit_ids(one, order_id)
    (write,) = writes(one, order_id, "return")
    assert write.attempts == 1
    money_holds(one, order_id)


def test_units_come_back_lowest_id_first(one: World) -> None:
    order_id = shipped(one, line(TEE, 3))
    blind(one, (TEE, 2), clientReference=reference(order_id))
    come_back(one, order_id)
    assert refunded_units(one, order_id) == unit_ids(one, order_id)[:2]


def test_a_full_return_refunds_exactly_what_was_paid_for_the_goods(one: World) -> None:
    order_id = shipped(one, line(TEE, 3, price=3333), line(JACKET, price=7901), voucher={"type": "absolute", "value": 1000})
    made = announced(one, order_id)
    paid = sum(unit["paid"] for unit in one.units(order_id))
    receive(one, made.rma_number, (TEE, 2), close=False)
    come_back(one, order_id)
    receive(one, made.rma_number, (JACKET, 1), (TEE, 1))
    come_back(one, order_id)
    assert sum(row["amount"] for row in refunds(one, order_id)) == paid
    assert not open_kinds(one, order_id)
    money_holds(one, order_id)


# ---- repeated, reordered, split, late


def test_hearing_of_a_receipt_again_changes_nothing(one: World) -> None:
    order_id = shipped(one, line(TEE, 2))
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 1), close=False)
    come_back(one, order_id)
    seen = one.context.backends["scend"].find_returns([made.rma_number])[made.rma_number]
    for _ in range(3):
        with one.context.ledger.work() as work:
            return_pull.note(one.context, work.connection, ACCOUNT, seen, one.context.now())
            work.commit()
        come_back(one, order_id)
    assert len(refunds(one, order_id)) == 1
    assert len(booked(one, order_id)) == 1


def test_an_older_version_that_comes_late_changes_nothing(one: World) -> None:
    order_id = shipped(one, line(TEE, 2))
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 1), close=False)
    old = one.context.backends["scend"].find_returns([made.rma_number])[made.rma_number]
    receive(one, made.rma_number, (TEE, 1))
    come_back(one, order_id)
    with one.context.ledger.work() as work:
        return_pull.note(one.context, work.connection, ACCOUNT, old, one.context.now())
        work.commit()
    come_back(one, order_id)
    assert states(one, order_id) == ["closed"]
    assert refunded_units(one, order_id) == unit_ids(one, order_id)
    money_holds(one, order_id)


def test_receipts_split_over_days_refund_each_unit_once(one: World) -> None:
    order_id = shipped(one, line(TEE, 3))
    made = announced(one, order_id)
    for number in range(3):
        receive(one, made.rma_number, (TEE, 1), close=number == 2)
        come_back(one, order_id)
        assert len(refunds(one, order_id)) == number + 1
    assert not open_kinds(one, order_id)
    money_holds(one, order_id)


def test_a_parcel_after_the_return_was_closed_is_still_refunded(one: World) -> None:
    order_id = shipped(one, line(TEE, 2))
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 1))
    come_back(one, order_id)
    assert exception(one, order_id, "return_short").evidence["missing"] == {TEE: 1}
    receive(one, made.rma_number, (TEE, 1))
    come_back(one, order_id)
    assert refunded_units(one, order_id) == unit_ids(one, order_id)
    assert not open_kinds(one, order_id)


def test_goods_that_come_back_before_we_heard_of_their_despatch_wait_for_it(one: World) -> None:
    order_id = packed(one, line(TEE))
    leave(one, order_id)
    blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    assert not refunds(one, order_id)
    assert not open_kinds(one, order_id)
    pull(one)
    come_back(one, order_id)
    assert not refunds(one, order_id), "its shipment is not acknowledged yet"
    tell(one, order_id)
    come_back(one, order_id)
    assert len(refunds(one, order_id)) == 1
    assert not open_kinds(one, order_id)
    money_holds(one, order_id)


# ---- where it comes from


def test_a_parcel_with_our_label_is_known_without_an_announcement(one: World) -> None:
    order_id = shipped(one, line(TEE, 2))
    code = label(one, order_id)
    blind(one, (TEE, 1), returnTracking={"carrierCode": "ROYAL_MAIL", "trackingNumber": code})
    come_back(one, order_id)
    assert len(refunds(one, order_id)) == 1
    (held,) = held_returns(one, order_id)
    assert (held.source, held.linked_by) == ("unannounced", "label")


def test_our_label_in_a_note_is_found_and_the_rest_of_the_note_forgotten(one: World) -> None:
    order_id = shipped(one, line(TEE))
    blind(one, (TEE, 1), note=f"label {label(one, order_id)}, from Zoe Nwosu, Mill Lane 4a")
    come_back(one, order_id)
    assert len(refunds(one, order_id)) == 1
    with one.context.ledger.reading() as connection:
        raw = connection.connection.driver_connection.iterdump()  # type: ignore[union-attr]  # SQLite's own connection
        kept = [row for row in raw if row.startswith("INSERT INTO") and "Mill Lane" in row]
    assert all(row.startswith(('INSERT INTO "orders"', 'INSERT INTO "inbox"', 'INSERT INTO "transmissions"')) for row in kept)


def test_with_hold_only_rma_and_label_are_trusted(one: World) -> None:
    order_id, other = shipped(one, line(TEE)), shipped(one, line(TEE))
    holding = with_returns(one, unannounced="hold")
    returned = blind(holding, (TEE, 1), clientReference=reference(order_id))
    blind(holding, (TEE, 1), returnTracking={"trackingNumber": label(one, other)})
    come_back(holding)
    assert not refunds(one, order_id)
    assert len(refunds(one, other)) == 1
    (held,) = exceptions_of(one, "return_held", receipt_subject(returned))
    assert held.state == "open"


def with_returns(one: World, **changes: Any) -> World:
    from dataclasses import replace

    settings = one.context.configuration
    changed = replace(settings, returns=settings.returns.model_copy(update=changes))
    return replace(one, context=replace(one.context, configuration=changed))


def receipt_subject(returned: Any) -> str:
    return f"receipt:{ACCOUNT}:{returned['receipts'][-1]['lines'][-1]['receiptLineId']}"


def test_a_sku_on_two_lines_of_a_guessed_order_is_a_persons(one: World) -> None:
    order_id = shipped(one, line(TEE, price=2200), line(TEE, price=1800))
    returned = blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    assert not refunds(one, order_id)
    assert exceptions_of(one, "return_held", receipt_subject(returned))


# ---- announcing


def test_the_number_is_stored_before_anything_is_sent(one: World) -> None:
    order_id = shipped(one, line(TEE))
    (made,) = return_expect.announce(
        one.context, order_id, unit_ids(one, order_id), reason=ReturnReason.OTHER, actor="test"
    ).returns
    assert made.rma_number.startswith("RMA-")
    assert not returns_in_scend(one, order_id)
    (write,) = writes(one, order_id, "return_announce")
    assert (write.key, write.state) == (made.rma_number, "pending")


def test_announcing_what_is_announced_already_makes_no_second_number(one: World) -> None:
    order_id = shipped(one, line(TEE))
    announced(one, order_id)
    again = return_expect.announce(
        one.context, order_id, unit_ids(one, order_id), reason=ReturnReason.OTHER, actor="test"
    )
    assert not again.returns
    assert len(again.already) == 1


def test_returned_and_foreign_units_are_not_announced(one: World) -> None:
    order_id, other = shipped(one, line(TEE)), shipped(one, line(TEE))
    blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    for units in (unit_ids(one, order_id), [1], []):
        with pytest.raises(NotReturnable):
            return_expect.announce(one.context, order_id, units, reason=ReturnReason.OTHER, actor="test")
    with pytest.raises(NotReturnable):
        return_expect.announce(
            one.context, order_id, unit_ids(one, other), reason=ReturnReason.OTHER, actor="test"
        )


def test_a_return_waits_until_its_goods_have_left(one: World) -> None:
    order_id = packed(one, line(TEE, 2))
    tees = unit_ids(one, order_id)
    with one.context.ledger.work() as work:
        return_expect.expect(
            one.context,
            work.connection,
            order_id,
            tees,
            source=ReturnSource.TOO_LATE_CANCELLATION,
            reason=ReturnReason.TOO_LATE_TO_CANCEL,
            created_by="syncbridge",
            at=one.context.now(),
        )
        work.commit()
    return_announce.run(one.context)
    assert states(one, order_id) == ["waiting"]
    assert not returns_in_scend(one, order_id)

    leave(one, order_id, (TEE, 1), force=True)
    pull(one)
    return_announce.run(one.context)
    assert states(one, order_id) == ["expected", "waiting"], "what is still in the warehouse waits under its own number"
    assert [row["lines"][0]["quantityAnnounced"] for row in returns_in_scend(one, order_id)] == [1]
    leave(one, order_id, (TEE, 1))
    pull(one)
    return_announce.run(one.context)
    assert states(one, order_id) == ["expected", "expected"]
    assert len(returns_in_scend(one, order_id)) == 2


def test_despatches_ring_for_the_announcements_that_wait(one: World) -> None:
    despatch_pull.run(one.context)
    assert ("return_announce",) in one.bell.rings


def test_a_refused_announcement_is_a_persons_and_can_be_run_again(one: World) -> None:
    order_id = shipped(one, line(TEE))
    body = {"error": {"code": "RETURN_REJECTED", "message": "no", "requestId": "req-1"}}
    one.fault(one.scend, "POST", "/returns", "http", status=422, body=body)
    made = announced(one, order_id)
    assert exception(one, order_id, "return_announce_refused").evidence["reference"] == made.rma_number
    rerun.run(one.context, [order_id], actor="test", reason="mended")
    return_announce.run(one.context, order_id=order_id)
    assert len(returns_in_scend(one, order_id)) == 1
    assert not open_kinds(one, order_id)


def test_a_refused_announcement_is_over_once_its_goods_came_back_all_the_same(one: World) -> None:
    order_id = shipped(one, line(TEE))
    body = {"error": {"code": "RETURN_REJECTED", "message": "no", "requestId": "req-1"}}
    one.fault(one.scend, "POST", "/returns", "http", status=422, body=body)
    announced(one, order_id)
    blind(one, (TEE, 1), returnTracking={"trackingNumber": label(one, order_id)})
    come_back(one, order_id)
    return_announce.run(one.context, order_id=order_id)
    assert refunded_units(one, order_id) == unit_ids(one, order_id)
    assert not open_kinds(one, order_id)
    assert [row.state for row in writes(one, order_id, "return_announce")] == ["withdrawn"]


ANSWERS = ["timeout_after", "timeout_before", "truncated_json", "html_502", "rate_limit"]


@pytest.mark.parametrize("fault", ANSWERS)
def test_an_announcement_whose_answer_is_lost_is_made_once(one: World, fault: str) -> None:
    order_id = shipped(one, line(TEE))
    one.fault(one.scend, "POST", "/returns", fault)
    made = announced(one, order_id)
    until_settled(one, lambda: return_announce.run(one.context, order_id=order_id))
    assert [row["rmaNumber"] for row in returns_in_scend(one, order_id)] == [made.rma_number]
    assert [row.state for row in writes(one, order_id, "return_announce")] == ["acknowledged"]


def test_a_warehouse_that_rejects_every_repeat_is_asked_what_it_has(one: World) -> None:
    order_id = shipped(one, line(TEE))
    one.put(one.scend, "settings", {"duplicateMode": "always_reject"})
    one.fault(one.scend, "POST", "/returns", "timeout_after")
    announced(one, order_id)
    until_settled(one, lambda: return_announce.run(one.context, order_id=order_id))
    one.put(one.scend, "settings", {"duplicateMode": "replay"})
    assert [row.state for row in writes(one, order_id, "return_announce")] == ["acknowledged"]
    assert len(returns_in_scend(one, order_id)) == 1
    assert not open_kinds(one, order_id)


def test_the_sweeper_rings_for_both_kinds(one: World) -> None:
    order_id = shipped(one, line(TEE, 2))
    return_expect.announce(
        one.context, order_id, unit_ids(one, order_id)[:1], reason=ReturnReason.OTHER, actor="test"
    )
    blind(one, (TEE, 1), clientReference=reference(order_id))
    return_pull.run(one.context)
    one.bell.rings.clear()
    sweep.run(one.context)
    assert {("return_announce",), ("return_push",)} <= set(one.bell.rings)


# ---- SCAYLE's side fails


@pytest.mark.parametrize("fault", ANSWERS)
def test_a_return_whose_answer_is_lost_is_booked_once(one: World, fault: str) -> None:
    order_id = shipped(one, line(TEE, 2))
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 2))
    one.fault(one.scayle, "POST", "/fulfillment/return-items", fault)
    until_settled(one, lambda: come_back(one, order_id))
    assert refunded_units(one, order_id) == unit_ids(one, order_id)
    assert [row.state for row in writes(one, order_id, "return")] == ["acknowledged"]
    money_holds(one, order_id)


def test_nothing_is_matched_while_scayle_cannot_be_asked(one: World) -> None:
    order_id = shipped(one, line(TEE))
    blind(one, (TEE, 1), clientReference=reference(order_id))
    one.fault(one.scayle, "GET", f"{ORDERS}/{order_id}", "http", times=20, status=503)
    come_back(one, order_id)
    assert not writes(one, order_id, "return")
    calm(one)
    come_back(one, order_id)
    assert len(refunds(one, order_id)) == 1


def test_a_refused_return_is_a_persons_and_nothing_is_sent_again_by_itself(one: World) -> None:
    order_id = shipped(one, line(TEE))
    blind(one, (TEE, 1), clientReference=reference(order_id))
    body = {"errors": [{"errorKey": "RETURN_PERIOD_OVER", "message": "no", "context": {}}]}
    one.fault(one.scayle, "POST", "/fulfillment/return-items", "http", status=400, body=body)
    come_back(one, order_id)
    until_settled(one, lambda: come_back(one, order_id), rounds=3, minutes=30)
    assert exception(one, order_id, "return_refused")
    assert not refunds(one, order_id)
    rerun.run(one.context, [order_id], actor="test", reason="mended in SCAYLE")
    come_back(one, order_id)
    assert len(refunds(one, order_id)) == 1
    assert not open_kinds(one, order_id)


def test_a_return_key_that_scayle_does_not_know_is_told_as_such(one: World) -> None:
    order_id = shipped(one, line(TEE))
    blind(one, (TEE, 1), clientReference=reference(order_id))
    body = {"errors": [{"errorKey": "ORDER_ITEM_NOT_FOUND", "message": "no", "context": {}}]}
    one.fault(one.scayle, "POST", "/fulfillment/return-items", "http", status=404, body=body)
    come_back(one, order_id)
    assert exception(one, order_id, "return_key_missing")
    assert not refunds(one, order_id)


def test_a_unit_that_somebody_returned_meanwhile_is_left_out_and_the_rest_is_told(one: World) -> None:
    order_id = shipped(one, line(TEE, 2))
    first, second = unit_ids(one, order_id)
    blind(one, (TEE, 2), clientReference=reference(order_id))
    return_pull.run(one.context)
    return_in_panel(one, second)
    return_push.run(one.context, order_id=order_id)
    assert refunded_units(one, order_id) == [first, second]
    assert [row.state for row in writes(one, order_id, "return")] == ["acknowledged"]
    assert not open_kinds(one, order_id)
    money_holds(one, order_id)


def test_a_frozen_return_is_written_anew_when_part_of_it_was_returned_by_hand(one: World) -> None:
    order_id = shipped(one, line(TEE, 2))
    first, second = unit_ids(one, order_id)
    blind(one, (TEE, 2), clientReference=reference(order_id))
    return_pull.run(one.context)
    one.fault(one.scayle, "POST", "/fulfillment/return-items", "timeout_before")
    return_push.run(one.context, order_id=order_id)
    calm(one)
    return_in_panel(one, first)
    until_settled(one, lambda: return_push.run(one.context, order_id=order_id))
    assert refunded_units(one, order_id) == [first, second]
    assert [row.state for row in writes(one, order_id, "return")] == ["acknowledged"]
    assert not open_kinds(one, order_id)
    money_holds(one, order_id)


def test_a_parcel_that_comes_without_its_number_ends_the_waiting_for_it(one: World) -> None:
    order_id = shipped(one, line(TEE))
    announced(one, order_id)
    blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    assert states(one, order_id) == ["closed", "arrived"]
    assert len(refunds(one, order_id)) == 1


def test_an_announcement_waits_while_its_despatch_is_voided(one: World) -> None:
    order_id = packed(one, line(TEE))
    left = leave(one, order_id, tracking=None)
    pull(one)
    return_expect.announce(one.context, order_id, unit_ids(one, order_id), reason=ReturnReason.OTHER, actor="test")
    one.post(one.scend, f"despatches/{left['despatchId']}/void", {})
    pull(one)
    return_announce.run(one.context, order_id=order_id)
    assert not returns_in_scend(one, order_id)
    leave(one, order_id)
    pull(one)
    one.advance(minutes=11)
    return_announce.run(one.context, order_id=order_id)
    assert len(returns_in_scend(one, order_id)) == 1
    assert not open_kinds(one, order_id)


@pytest.mark.parametrize("units", [1, 2])
def test_a_refused_return_ends_by_itself_once_scayle_shows_what_somebody_returned_there(
    one: World, monkeypatch: pytest.MonkeyPatch, units: int
) -> None:
    order_id = shipped(one, line(TEE, units))
    first = unit_ids(one, order_id)[0]
    blind(one, (TEE, units), clientReference=reference(order_id))
    return_pull.run(one.context)
    sent = one.context.shop.send_return

    def overtaken(body: str) -> None:
        monkeypatch.undo()
        return_in_panel(one, first)
        sent(body)

    monkeypatch.setattr(one.context.shop, "send_return", overtaken)
    return_push.run(one.context, order_id=order_id)
    assert exception(one, order_id, "return_refused")
    check(one)
    return_push.run(one.context, order_id=order_id)
    assert refunded_units(one, order_id) == unit_ids(one, order_id)
    assert [row.state for row in writes(one, order_id, "return")] == ["acknowledged"]
    assert not open_kinds(one, order_id)
    money_holds(one, order_id)


def test_without_reading_orders_a_return_is_believed_when_scayle_takes_it(one: World) -> None:
    order_id = shipped(one, line(TEE))
    degraded = with_settings(one, order_reading=False)
    blind(degraded, (TEE, 1), clientReference=reference(order_id))
    come_back(degraded, order_id)
    assert len(refunds(one, order_id)) == 1
    assert [row.state for row in writes(one, order_id, "return")] == ["acknowledged"]
    assert unit_rows(one, order_id)[unit_ids(one, order_id)[0]].shown_at is not None


def test_without_reading_orders_a_lost_answer_is_a_persons_and_never_a_second_return(one: World) -> None:
    order_id = shipped(one, line(TEE))
    degraded = with_settings(one, order_reading=False)
    blind(degraded, (TEE, 1), clientReference=reference(order_id))
    one.fault(one.scayle, "POST", "/fulfillment/return-items", "timeout_after")
    until_settled(one, lambda: come_back(degraded, order_id), rounds=4)
    assert len(booked(one, order_id)) == 1
    assert open_kinds(one, order_id) == {"return_refused": 1}
