"""Returns that need a person: one exception each, with owner and steps, and not a penny moved; open ends by age."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from flow_world import World, line
from order_story import (
    BOOT,
    JACKET,
    ORDERS,
    TEE,
    accepted,
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
    tell,
    unit_ids,
    until_settled,
    writes,
)
from return_story import (
    announced,
    blind,
    booked,
    check,
    come_back,
    held_returns,
    money_holds,
    receipt_of,
    receive,
    refunded_units,
    refunds,
    return_in_panel,
    shipped,
    subscribed,
    the_receipts,
    unit_rows,
)
from sqlalchemy import select

from syncbridge.domain.backend import Condition, Disposition
from syncbridge.domain.exception_kinds import KINDS
from syncbridge.domain.returns import ReceiptState, ReturnReason
from syncbridge.flows import (
    housekeep,
    order_poll,
    refund_watch,
    resolve,
    return_announce,
    return_decide,
    return_expect,
    return_match,
    return_pull,
    return_push,
    webhooks,
)
from syncbridge.flows.return_decide import NotDecidable
from syncbridge.ledger import receipts
from syncbridge.ledger.tables import audit, order_units, returns
from syncbridge.ports.backend import Capabilities, Capability

ACCOUNT = "scend:ACME-UK"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("troubles")) as made:
        yield made


@pytest.fixture(autouse=True)
def _calm(one: World) -> Iterator[None]:
    yield
    calm(one)


def open_of(one: World, returned: Any) -> list[str]:
    """Return the kinds of open exceptions about the last receipt line of a return."""
    line_id = returned["receipts"][-1]["lines"][-1]["receiptLineId"]
    subject = f"receipt:{ACCOUNT}:{line_id}"
    return [
        row.kind
        for kind in KINDS
        for row in exceptions_of(one, kind, subject)
        if row.state != "resolved"
    ]


# ---- one exception each


def test_an_rma_that_is_none_of_ours_moves_nothing(one: World) -> None:
    order_id = shipped(one, line(TEE))
    foreign = {
        "rmaNumber": "RMA-OF-SOMEBODY",
        "clientReference": reference(order_id),
        "lines": [{"lineNumber": 1, "orderLineNumber": 1, "sku": TEE, "quantity": 1, "reasonCode": "OTHER"}],
    }
    client = one.context.backends["scend"]
    client.send_return(json.dumps(foreign))
    returned = receive(one, "RMA-OF-SOMEBODY", (TEE, 1))
    come_back(one, order_id)
    assert open_of(one, returned) == ["return_unknown_rma"]
    assert not refunds(one, order_id)

    receipt = receipt_of(one, returned)
    return_decide.run(
        one.context, receipt.id, refund=True, units=unit_ids(one, order_id), actor="test", reason="theirs after all"
    )
    come_back(one, order_id)
    assert len(refunds(one, order_id)) == 1
    assert open_of(one, returned) == []


def test_goods_of_an_unknown_order_are_told_once_after_a_while(one: World) -> None:
    returned = blind(one, (TEE, 1))
    come_back(one)
    assert open_of(one, returned) == []
    one.advance(minutes=11)
    come_back(one)
    assert open_of(one, returned) == ["return_unknown_order"]
    one.advance(minutes=11)
    come_back(one)
    assert open_of(one, returned) == ["return_unknown_order"], "still one"
    assert KINDS["return_unknown_order"].steps


def test_goods_by_whose_label_nothing_was_known_are_found_once_their_despatch_is(one: World) -> None:
    order_id = packed(one, line(TEE))
    leave(one, order_id, tracking="RM77001GB")
    returned = blind(one, (TEE, 1), returnTracking={"carrierCode": "ROYAL_MAIL", "trackingNumber": "RM77001GB"})
    come_back(one)
    one.advance(hours=1)
    come_back(one)
    assert open_of(one, returned) == ["return_unknown_order"]
    pull(one)
    tell(one, order_id)
    come_back(one, order_id)
    assert refunded_units(one, order_id) == unit_ids(one, order_id)
    assert open_of(one, returned) == []
    (held,) = held_returns(one, order_id)
    assert held.linked_by == "tracking"


def test_what_came_with_goods_that_nobody_knows_is_forgotten_in_time(one: World) -> None:
    returned = blind(one, (TEE, 1), note="parcel 07700900123")
    come_back(one)

    def kept() -> Any:
        with one.context.ledger.reading() as connection:
            return connection.execute(
                select(returns.c.codes).where(returns.c.backend_id == returned["returnId"])
            ).scalar_one()

    assert kept() == ["07700900123"]
    one.advance(days=91)
    housekeep.run(one.context)
    assert kept() is None


def test_a_sku_that_the_order_does_not_have_is_held(one: World) -> None:
    order_id = shipped(one, line(TEE))
    made = announced(one, order_id)
    returned = receive(one, made.rma_number, (BOOT, 1), close=False)
    come_back(one, order_id)
    assert open_of(one, returned) == ["return_wrong_goods"]
    assert not refunds(one, order_id)
    receive(one, made.rma_number, (TEE, 1))
    come_back(one, order_id)
    assert len(refunds(one, order_id)) == 1, "the right goods are refunded all the same"


def test_more_than_was_announced_is_held_and_the_rest_refunded(one: World) -> None:
    order_id = shipped(one, line(TEE, 3))
    made = announced(one, order_id, unit_ids(one, order_id)[0])
    returned = receive(one, made.rma_number, (TEE, 2))
    come_back(one, order_id)
    assert refunded_units(one, order_id) == unit_ids(one, order_id)[:1]
    assert open_of(one, returned) == ["return_over"]
    receipt = receipt_of(one, returned)
    return_decide.run(
        one.context, receipt.id, refund=True, units=[unit_ids(one, order_id)[2]], actor="test", reason="goodwill"
    )
    come_back(one, order_id)
    assert refunded_units(one, order_id) == [unit_ids(one, order_id)[0], unit_ids(one, order_id)[2]]
    assert open_of(one, returned) == []
    money_holds(one, order_id)


def test_less_than_was_announced_is_told_only_when_the_return_is_closed(one: World) -> None:
    order_id = shipped(one, line(TEE, 2))
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 1), close=False)
    come_back(one, order_id)
    assert not open_kinds(one, order_id)
    one.post(one.scend, f"returns/by-rma/{made.rma_number}/receive", {"lines": [], "close": True})
    come_back(one, order_id)
    assert open_kinds(one, order_id) == {"return_short": 1}
    assert len(refunds(one, order_id)) == 1


def test_goods_for_a_unit_that_is_returned_already_move_nothing(one: World) -> None:
    order_id = shipped(one, line(TEE))
    blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    again = blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    assert open_of(one, again) == ["return_repeated"]
    assert len(refunds(one, order_id)) == 1
    with pytest.raises(NotDecidable):
        return_decide.run(
            one.context,
            receipt_of(one, again).id,
            refund=True,
            units=unit_ids(one, order_id),
            actor="test",
            reason="once more",
        )
    return_decide.run(one.context, receipt_of(one, again).id, refund=False, actor="test", reason="a swap")
    assert open_of(one, again) == []
    come_back(one, order_id)
    money_holds(one, order_id)


def test_goods_that_never_left_are_told_after_a_while(one: World) -> None:
    order_id = accepted(one, line(TEE))
    returned = blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    assert open_of(one, returned) == []
    one.advance(minutes=11)
    come_back(one, order_id)
    assert open_of(one, returned) == ["return_not_despatched"]
    assert not booked(one, order_id)


def test_a_shipment_that_scayle_refused_leaves_its_return_without_a_key(one: World) -> None:
    order_id = packed(one, line(TEE))
    leave(one, order_id)
    pull(one)
    body = {"errors": [{"errorKey": "CARRIER_NOT_ASSIGNED", "message": "no", "context": {}}]}
    one.fault(one.scayle, "POST", "/fulfillment/shipments", "http", status=400, body=body)
    tell(one, order_id)
    assert open_kinds(one, order_id) == {"shipment_refused": 1}
    returned = blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    one.advance(minutes=11)
    come_back(one, order_id)
    assert open_of(one, returned) == ["return_key_missing"]
    assert not booked(one, order_id)


def test_goods_of_an_order_that_scayle_does_not_know_are_told_and_hold_up_no_others(
    one: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone, other = shipped(one, line(TEE)), shipped(one, line(TEE))
    unknown = {"errors": [{"errorKey": "ORDER_NOT_FOUND", "message": "no", "context": {}}]}
    one.fault(one.scayle, "GET", f"{ORDERS}/{gone}", "http", times=50, status=404, body=unknown)
    returned = blind(one, (TEE, 1), clientReference=reference(gone))
    come_back(one)
    one.advance(minutes=11)
    blind(one, (TEE, 1), clientReference=reference(other))
    with monkeypatch.context() as patched:
        patched.setattr(return_match, "_BATCH", 1)
        # As often as there are receipts: each has its turn, and one that is looked at in vain goes to the end.
        for _ in the_receipts(one):
            return_pull.run(one.context)
    return_push.run(one.context)
    assert refunded_units(one, other) == unit_ids(one, other)
    assert open_of(one, returned) == ["return_key_missing"]
    assert not refunds(one, gone)
    calm(one)
    come_back(one)
    assert refunded_units(one, gone) == unit_ids(one, gone)
    assert open_of(one, returned) == []


# ---- a person decides


@pytest.mark.parametrize("refund", [True, False])
def test_worn_goods_wait_for_a_person(one: World, refund: bool) -> None:
    order_id = shipped(one, line(TEE))
    made = announced(one, order_id)
    returned = receive(one, made.rma_number, (TEE, 1), condition="WORN")
    come_back(one, order_id)
    found = exception(one, order_id, "return_decision")
    assert (found.owner, found.evidence["condition"], found.evidence["units"]) == (
        "customer_service",
        "worn",
        unit_ids(one, order_id),
    )
    assert not booked(one, order_id)
    until_settled(one, lambda: come_back(one, order_id), rounds=3)
    assert not booked(one, order_id)

    receipt = receipt_of(one, returned)
    return_decide.run(one.context, receipt.id, refund=refund, actor="anna", reason="looked at it", dry_run=True)
    assert open_kinds(one, order_id) == {"return_decision": 1}, "a dry run decides nothing"
    return_decide.run(one.context, receipt.id, refund=refund, actor="anna", reason="looked at it")
    come_back(one, order_id)
    assert len(refunds(one, order_id)) == int(refund)
    assert not open_kinds(one, order_id)
    if refund:
        with pytest.raises(NotDecidable):
            return_decide.run(one.context, receipt.id, refund=False, actor="anna", reason="too late")
    with one.context.ledger.reading() as connection:
        (kept,) = [row for row in connection.execute(audit.select()) if row.subject == f"order:{order_id}"
                   and row.action == "returns decide"]  # fmt: skip
    assert (kept.actor, kept.reason) == ("anna", "looked at it")


@pytest.mark.parametrize("again", [True, False])
def test_of_two_people_who_decide_the_second_is_told_and_only_a_refusal_is_taken_back(one: World, again: bool) -> None:
    order_id = shipped(one, line(TEE))
    made = announced(one, order_id)
    returned = receive(one, made.rma_number, (TEE, 1), condition="WORN")
    come_back(one, order_id)
    receipt = receipt_of(one, returned).id
    return_decide.run(one.context, receipt, refund=False, actor="anna", reason="worn by the customer")
    with pytest.raises(NotDecidable, match=r"decided already \(refused\)"):
        return_decide.run(one.context, receipt, refund=again, actor="bert", reason="did not see what anna said")
    come_back(one, order_id)
    assert refunds(one, order_id) == []
    with pytest.raises(NotDecidable):
        return_decide.run(one.context, receipt, refund=False, actor="bert", reason="no", after_refusal=True)
    return_decide.run(one.context, receipt, refund=True, actor="anna", reason="our fault", after_refusal=True)
    come_back(one, order_id)
    assert refunded_units(one, order_id) == unit_ids(one, order_id)
    with pytest.raises(NotDecidable):
        return_decide.run(one.context, receipt, refund=True, actor="bert", reason="twice", after_refusal=True)
    money_holds(one, order_id)


def test_a_refusal_of_goods_that_belonged_to_no_unit_is_taken_back_with_a_unit(one: World) -> None:
    order_id = shipped(one, line(TEE))
    returned = receive_nobodys(one)
    receipt = receipt_of(one, returned).id
    return_decide.run(one.context, receipt, refund=False, actor="anna", reason="not ours")
    units = unit_ids(one, order_id)
    with pytest.raises(NotDecidable):
        return_decide.run(one.context, receipt, refund=True, units=units, actor="bert", reason="ours")
    return_decide.run(one.context, receipt, refund=True, units=units, actor="bert", reason="ours", after_refusal=True)
    return_push.run(one.context, order_id=order_id)
    assert refunded_units(one, order_id) == units


def receive_nobodys(one: World) -> Any:
    returned = blind(one, (TEE, 1), close=True)
    come_back(one)
    return returned


def test_a_refusal_that_comes_while_somebody_refunds_goods_of_no_order_is_told(
    one: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = shipped(one, line(TEE))
    receipt = receipt_of(one, receive_nobodys(one)).id
    real = receipts.settle

    def slower(connection: Any, seen: Any, *rest: Any, **more: Any) -> bool:
        # What the other person's transaction has committed by then: the receipt is not in the state that was seen.
        return real(connection, replace(seen, state=ReceiptState.HELD), *rest, **more)

    monkeypatch.setattr(receipts, "settle", slower)
    with pytest.raises(NotDecidable, match="just now"):
        return_decide.run(one.context, receipt, refund=False, actor="bert", reason="not ours")
    monkeypatch.undo()
    return_decide.run(
        one.context, receipt, refund=True, units=unit_ids(one, order_id), actor="anna", reason="wrong slip"
    )


@pytest.mark.parametrize(
    ("condition", "disposition", "refunded"),
    [
        ("RESALEABLE", "RESTOCK", True),
        ("FAULTY", "QUARANTINE", True),
        ("DAMAGED", "SCRAP", True),
        ("UNSELLABLE", "SCRAP", False),
        ("WRONG_ITEM", "QUARANTINE", False),
    ],
)
def test_the_table_decides_by_condition_and_disposition(
    one: World, condition: str, disposition: str, refunded: bool
) -> None:
    order_id = shipped(one, line(TEE))
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 1), condition=condition, disposition=disposition)
    come_back(one, order_id)
    assert bool(refunds(one, order_id)) is refunded
    assert open_kinds(one, order_id) == ({} if refunded else {"return_decision": 1})


def test_a_question_closed_without_an_answer_is_asked_again(one: World) -> None:
    order_id = shipped(one, line(TEE))
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 1), condition="WORN")
    come_back(one, order_id)
    found = exception(one, order_id, "return_decision")
    resolve.run(one.context, found.id, found.kind, found.subject, actor="test", reason="tidying up")
    assert not open_kinds(one, order_id)
    check(one)
    assert open_kinds(one, order_id) == {"return_decision": 1}


def test_a_question_is_over_once_somebody_refunds_its_units_in_scayle(one: World) -> None:
    order_id = shipped(one, line(TEE, 2))
    first, second = unit_ids(one, order_id)
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 2), condition="WORN")
    come_back(one, order_id)
    assert exception(one, order_id, "return_decision").evidence["units"] == [first, second]
    return_in_panel(one, first)
    refund_watch.look(one.context, order_id)
    assert open_kinds(one, order_id) == {"return_decision": 1}, "one of its units still waits for an answer"
    return_in_panel(one, second)
    refund_watch.look(one.context, order_id)
    assert not open_kinds(one, order_id)
    check(one)
    come_back(one, order_id)
    assert not open_kinds(one, order_id)
    assert refunded_units(one, order_id) == [first, second]


# ---- the warehouse says something else


def say(one: World, rma: str, **otherwise: Any) -> None:
    """Have the warehouse say something else of the (last) receipt line of a return, in a newer version of it."""
    backend = one.context.backends["scend"]
    held = backend.find_returns([rma])[rma]
    changed = replace(held.receipts[-1], **otherwise)
    with one.context.ledger.reading() as connection:
        version = connection.execute(select(returns.c.backend_version).where(returns.c.rma_number == rma)).scalar_one()
    newer = replace(held, version=version + 1, receipts=(*held.receipts[:-1], changed))
    with one.context.ledger.work() as work:
        return_pull.note(one.context, work.connection, ACCOUNT, newer, one.context.now())
        work.commit()
    return_match.run(one.context)
    return_push.run(one.context)


@pytest.mark.parametrize("inspected", [Condition.RESALEABLE, Condition.UNSELLABLE])
def test_an_inspection_that_comes_later_decides_instead_of_a_person(one: World, inspected: Condition) -> None:
    order_id = shipped(one, line(TEE, 2))
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 2), condition="WORN")
    come_back(one, order_id)
    assert open_kinds(one, order_id) == {"return_decision": 1}
    for _repeat in range(2):
        say(one, made.rma_number, condition=inspected, disposition=Disposition.RESTOCK)
    refunded = inspected is Condition.RESALEABLE
    assert refunded_units(one, order_id) == (unit_ids(one, order_id) if refunded else [])
    assert open_kinds(one, order_id) == ({} if refunded else {"return_decision": 1})
    if not refunded:
        assert exception(one, order_id, "return_decision").evidence["condition"] == "unsellable"
        (receipt,) = the_receipts(one, made.id)
        return_decide.run(one.context, receipt.id, refund=True, actor="anna", reason="looked at it")
        return_push.run(one.context, order_id=order_id)
        assert refunded_units(one, order_id) == unit_ids(one, order_id)
    money_holds(one, order_id)


def test_a_receipt_of_another_sku_that_is_corrected_is_refunded(one: World) -> None:
    order_id = shipped(one, line(TEE))
    made = announced(one, order_id)
    receive(one, made.rma_number, (BOOT, 1))
    come_back(one, order_id)
    assert open_kinds(one, order_id)["return_wrong_goods"] == 1
    say(one, made.rma_number, sku=TEE, order_line_number=1)
    assert refunded_units(one, order_id) == unit_ids(one, order_id)
    assert "return_wrong_goods" not in open_kinds(one, order_id)
    money_holds(one, order_id)


@pytest.mark.parametrize(
    "otherwise", [{"quantity": 1}, {"quantity": 3}, {"sku": JACKET}, {"condition": Condition.UNSELLABLE}]
)
def test_a_receipt_that_is_changed_after_its_refund_moves_nothing_and_is_told(one: World, otherwise: Any) -> None:
    order_id = shipped(one, line(TEE, 3))
    made = announced(one, order_id, *unit_ids(one, order_id)[:2])
    receive(one, made.rma_number, (TEE, 2))
    come_back(one, order_id)
    say(one, made.rma_number, **otherwise)
    told = exception(one, order_id, "return_amended").evidence
    (name,) = otherwise
    assert (told["booked"][name], told["now"][name]) == ({"quantity": 2, "sku": TEE, "condition": "resaleable"}[name],
                                                         otherwise[name])  # fmt: skip
    assert refunded_units(one, order_id) == unit_ids(one, order_id)[:2]
    say(one, made.rma_number)
    say(one, made.rma_number, quantity=2)
    assert "return_amended" not in open_kinds(one, order_id)
    money_holds(one, order_id)


def test_a_change_of_goods_on_which_a_person_just_decided_is_told(one: World) -> None:
    order_id = shipped(one, line(TEE))
    made = announced(one, order_id)
    returned = receive(one, made.rma_number, (TEE, 1), condition="WORN")
    come_back(one, order_id)
    return_decide.run(one.context, receipt_of(one, returned).id, refund=False, actor="anna", reason="worn")
    say(one, made.rma_number, condition=Condition.RESALEABLE, disposition=Disposition.RESTOCK)
    assert refunds(one, order_id) == []
    assert open_kinds(one, order_id) == {"return_amended": 1}


# ---- open ends


def test_what_is_missing_of_a_return_that_is_never_closed_is_told(one: World) -> None:
    order_id = shipped(one, line(TEE, 3))
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 1), close=False)
    come_back(one, order_id)
    one.advance(days=31)
    check(one)
    check(one)
    found = exception(one, order_id, "return_overdue")
    assert (found.occurrences, found.evidence["missing"]) == (1, {TEE: 2})
    receive(one, made.rma_number, (TEE, 1), close=False)
    come_back(one, order_id)
    assert open_kinds(one, order_id)["return_overdue"] == 1, "one is still missing"
    receive(one, made.rma_number, (TEE, 1))
    come_back(one, order_id)
    check(one)
    assert not open_kinds(one, order_id)
    money_holds(one, order_id)


def test_announced_and_never_arrived_is_told_once_and_closes_when_it_comes(one: World) -> None:
    order_id = shipped(one, line(TEE))
    made = announced(one, order_id)
    one.advance(days=29)
    check(one)
    assert not open_kinds(one, order_id)
    one.advance(days=2)
    check(one)
    check(one)
    assert exception(one, order_id, "return_overdue").occurrences == 1
    receive(one, made.rma_number, (TEE, 1))
    come_back(one, order_id)
    assert not open_kinds(one, order_id)


def test_received_and_not_refunded_is_told(one: World) -> None:
    order_id = shipped(one, line(TEE, 2))
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 2))
    body = {"errors": [{"errorKey": "NO", "message": "no", "context": {}}]}
    one.fault(one.scayle, "POST", "/fulfillment/return-items", "http", status=400, body=body)
    come_back(one, order_id)
    one.advance(days=4)
    check(one)
    assert open_kinds(one, order_id) == {"return_refused": 1, "refund_overdue": 2}


def test_a_booking_is_no_refund_until_a_message_or_the_billing_says_so(one: World) -> None:
    order_id = shipped(one, line(TEE, 3))
    for _ in range(2):
        blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    first, second = (unit_rows(one, order_id)[unit] for unit in unit_ids(one, order_id)[:2])
    assert first.shown_at is not None
    assert second.shown_at is not None
    assert {first.refunded_by, second.refunded_by} == {"billing", ""}, "partly refunded proves one unit, not two"
    (refund,) = [row for row in refunds(one, order_id) if not unit_rows(one, order_id)[row["itemId"]].refunded_at]
    webhooks.receive_scayle(one.context, refund_message(refund))
    check(one)
    assert all(row.refunded_at for row in unit_rows(one, order_id).values())
    one.advance(days=4)
    check(one)
    assert not open_kinds(one, order_id)


def test_a_unit_that_cost_nothing_waits_for_no_refund(one: World) -> None:
    order_id = shipped(one, line(TEE, 2), line(JACKET, price=0))
    (free,) = unit_ids(one, order_id, JACKET)
    paid, _other = unit_ids(one, order_id, TEE)
    made = announced(one, order_id, free, paid)
    receive(one, made.rma_number, (JACKET, 1), (TEE, 1))
    come_back(one, order_id)
    one.advance(days=31)
    check(one)
    found = unit_rows(one, order_id)
    assert {unit: row.refunded_by for unit, row in found.items()} == {free: "cost nothing", paid: "billing"}
    assert open_kinds(one, order_id) == {}


def test_messages_that_name_no_unit_prove_every_refund_once_they_add_up(one: World) -> None:
    order_id = shipped(one, line(TEE, 2), line(JACKET, price=7900))
    tee, *_others = unit_ids(one, order_id, TEE)
    (jacket,) = unit_ids(one, order_id, JACKET)
    for sku in (TEE, JACKET):
        blind(one, (sku, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    paid = {row["itemId"]: row for row in refunds(one, order_id)}

    def proven() -> list[str]:
        refund_watch.look(one.context, order_id)
        found = unit_rows(one, order_id)
        return [found[unit].refunded_by for unit in (tee, jacket)]

    before = proven()
    assert "" in before, "partly refunded proves one unit at most"
    webhooks.receive_scayle(one.context, refund_message(paid[tee], items=[]))
    assert proven() == before
    webhooks.receive_scayle(one.context, refund_message(paid[jacket], items=[]))
    assert "" not in proven()
    assert not open_kinds(one, order_id)


def refund_message(refund: Any, **changes: Any) -> bytes:
    """Return a payment-refund event as SCAYLE's stand-in writes it."""
    payload = {
        "order": {"id": refund["orderId"]},
        "amount": refund["amount"],
        "currencyCode": "GBP",
        "items": [{"id": refund["itemId"]}],
        **changes,
    }
    key = f"ev-{refund['id']}-{len(changes)}"
    return json.dumps({"key": key, "type": "payment-refund", "occurredAt": refund["at"], "payload": payload}).encode()


def test_refund_messages_come_from_scayle_itself_and_repeats_do_nothing(one: World) -> None:
    with subscribed(one, "payment-refund", "order-item-returned") as came:
        order_id = shipped(one, line(TEE, 2))
        made = announced(one, order_id)
        receive(one, made.rma_number, (TEE, 2))
        come_back(one, order_id)
        from flow_world import wait_until

        wait_until(lambda: came.count("payment-refund") >= 2)
        one.post(one.scayle, "webhooks/redeliver", {"type": "payment-refund", "orderId": order_id})
        wait_until(lambda: came.count("payment-refund") >= 4)
    check(one)
    assert all(row.refunded_at for row in unit_rows(one, order_id).values())
    assert not open_kinds(one, order_id)
    assert ("return_check",) in one.bell.rings


def test_refunded_in_scayle_and_never_received_is_told_and_closes_when_the_goods_come(one: World) -> None:
    order_id = shipped(one, line(TEE, 2))
    low, high = unit_ids(one, order_id)
    return_in_panel(one, high)
    order_poll.run(one.context)
    one.advance(days=31)
    check(one)
    assert exception(one, order_id, "refund_without_goods").subject == f"unit:{high}"
    assert [row.state for row in rows(one, order_units, order_id)] == ["despatched", "despatched"]

    blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    assert refunded_units(one, order_id) == [high], "the goods are those that were refunded: nothing is paid twice"
    assert not open_kinds(one, order_id)
    blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    assert refunded_units(one, order_id) == [low, high]
    money_holds(one, order_id)


def test_a_refund_in_the_panel_that_the_poll_has_not_met_yet_takes_the_goods_too(one: World) -> None:
    order_id = shipped(one, line(TEE, 2))
    _low, high = unit_ids(one, order_id)
    return_in_panel(one, high)
    blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    assert refunded_units(one, order_id) == [high]
    assert not writes(one, order_id, "return")


# ---- money


@pytest.mark.parametrize("how", ["refused", "defect"])
def test_an_order_that_cannot_be_looked_at_holds_up_no_look_at_another(
    one: World, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd, other = shipped(one, line(TEE)), shipped(one, line(TEE))
    for order_id in (odd, other):
        blind(one, (TEE, 1), clientReference=reference(order_id))
    nothing = {"errors": [{"errorKey": "NO", "message": "no", "context": {}}]}
    one.fault(one.scayle, "POST", "/fulfillment/return-items", "timeout_after", times=2)
    come_back(one)
    one.advance(hours=1)
    looking = refund_watch.look

    def look(context: Any, order_id: int) -> Any:
        if order_id == odd and how == "defect":
            raise KeyError(order_id)
        return looking(context, order_id)

    if how == "refused":
        one.fault(one.scayle, "GET", f"{ORDERS}/{odd}", "http", times=9, status=400, body=nothing)
    with monkeypatch.context() as patched:
        patched.setattr(refund_watch, "look", look)
        check(one)
    assert unit_rows(one, other)[unit_ids(one, other)[0]].refunded_by == "billing"
    calm(one)
    one.advance(hours=1)
    check(one)
    assert unit_rows(one, odd)[unit_ids(one, odd)[0]].refunded_by == "billing"
    assert all(row.state == "resolved" for row in exceptions_of(one, "defect", f"return_check:order:{odd}"))


def test_a_refund_of_another_amount_than_was_paid_is_finances(one: World) -> None:
    order_id = shipped(one, line(TEE, 2))
    blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    (refund,) = refunds(one, order_id)
    webhooks.receive_scayle(one.context, refund_message(refund, amount=2500))
    check(one)
    found = exception(one, order_id, "refund_mismatch")
    assert found.owner == "finance"
    assert (found.evidence["refunded_minor"], found.evidence["paid_minor"]) == (2500, 2200)
    resolve.run(one.context, found.id, found.kind, found.subject, actor="test", reason="corrected")
    one.advance(minutes=30)
    check(one)
    order_poll.run(one.context)
    assert not open_kinds(one, order_id)


def test_a_refund_of_a_unit_with_an_absolute_voucher_is_right_as_scayle_pays_it(one: World) -> None:
    order_id = shipped(one, line(TEE), line(JACKET, price=7900), voucher={"type": "absolute", "value": 1000})
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 1), (JACKET, 1))
    come_back(one, order_id)
    assert sorted(row["amount"] for row in refunds(one, order_id)) == [2200, 6900]
    for refund in refunds(one, order_id):
        webhooks.receive_scayle(one.context, refund_message(refund))
    check(one)
    assert not open_kinds(one, order_id)


def test_a_second_refund_of_a_unit_is_told(one: World) -> None:
    order_id = shipped(one, line(TEE))
    blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    (refund,) = refunds(one, order_id)
    webhooks.receive_scayle(one.context, refund_message(refund))
    check(one)
    assert not open_kinds(one, order_id)
    webhooks.receive_scayle(one.context, refund_message(refund | {"id": "again"}))
    check(one)
    assert "refunded again" in exception(one, order_id, "refund_mismatch").cause


# ---- where the warehouse takes no announcements


class ByHand:
    """The same warehouse, whose returns people announce."""

    def __init__(self, inner: Any, capability: Capability) -> None:
        self._inner = inner
        self.capabilities = Capabilities(returns=capability)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def test_by_hand_the_announcement_is_a_task_and_what_comes_is_refunded(one: World) -> None:
    hand = ByHand(one.context.backends["scend"], Capability.MANUAL)
    other = replace(one, context=replace(one.context, backends={"scend": hand}))
    order_id = shipped(other, line(TEE, 2))
    (made,) = return_expect.announce(
        other.context, order_id, unit_ids(one, order_id), reason=ReturnReason.OTHER, actor="test"
    ).returns
    return_announce.run(other.context)
    task = exception(one, order_id, "return_by_hand")
    assert task.evidence["lines"] == [{"line": 1, "sku": TEE, "quantity": 2}]
    assert not writes(one, order_id, "return_announce")
    by_person = {
        "rmaNumber": made.rma_number,
        "clientReference": reference(order_id),
        "lines": [{"lineNumber": 1, "orderLineNumber": 1, "sku": TEE, "quantity": 2, "reasonCode": "OTHER"}],
    }
    hand.send_return(json.dumps(by_person))
    come_back(other, order_id)
    assert not open_kinds(one, order_id), "the warehouse shows it"
    receive(other, made.rma_number, (TEE, 2))
    come_back(other, order_id)
    assert refunded_units(one, order_id) == unit_ids(one, order_id)


def test_unmatched_receipts_keep_no_other_from_being_matched(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    order_id, other = shipped(one, line(TEE)), shipped(one, line(TEE))
    blind(one, (TEE, 1), clientReference=reference(order_id))
    blind(one, (TEE, 1), clientReference=reference(other))
    real = return_match._match

    def broken(context: Any, connection: Any, held: Any, receipt: Any) -> Any:
        if held.order_id == order_id:
            raise RuntimeError("a defect")
        return real(context, connection, held, receipt)

    monkeypatch.setattr(return_match, "_match", broken)
    come_back(one)
    assert (len(refunds(one, order_id)), len(refunds(one, other))) == (0, 1)
    monkeypatch.setattr(return_match, "_match", real)
    come_back(one)
    assert len(refunds(one, order_id)) == 1


def test_a_return_that_cannot_be_noted_stops_no_poll(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    odd, other = shipped(one, line(TEE)), shipped(one, line(TEE))
    for order_id in (odd, other):
        return_in_panel(one, *unit_ids(one, order_id))
    real = refund_watch.note_shop

    def broken(context: Any, connection: Any, order: Any) -> None:
        if order.order_id == odd:
            raise RuntimeError("a defect")
        real(context, connection, order)

    monkeypatch.setattr(refund_watch, "note_shop", broken)
    order_poll.run(one.context)
    assert [row.shown_at is not None for row in unit_rows(one, other).values()] == [True]
    assert not unit_rows(one, odd)
    assert exceptions_of(one, "defect", f"returns of order:{odd}")


def test_what_was_refunded_in_the_panel_is_not_asked_again_when_the_words_change(one: World) -> None:
    order_id = shipped(one, line(TEE, 1))
    (first,) = unit_ids(one, order_id)
    made = announced(one, order_id)
    receive(one, made.rma_number, (TEE, 1), condition="WORN")
    come_back(one, order_id)
    return_in_panel(one, first)
    refund_watch.look(one.context, order_id)
    assert not open_kinds(one, order_id)
    say(one, made.rma_number, condition=Condition.UNSELLABLE, disposition=Disposition.RESTOCK)
    refund_watch.look(one.context, order_id)
    check(one)
    assert not open_kinds(one, order_id)
