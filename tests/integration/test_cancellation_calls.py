"""SCAYLE asks before it cancels: what it is answered, and what both sides hold afterwards."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cancel_story import (
    LATER,
    NO,
    YES,
    advance_in_scend,
    all_wishes,
    ask_merchants,
    asked_again,
    call,
    result,
    shopper_cancels,
    verdicts,
    warehouse_status,
    wishes,
)
from flow_world import World, line
from order_story import (
    TEE,
    accepted,
    calm,
    exception,
    exceptions_of,
    in_scend,
    leave,
    open_kinds,
    packed,
    parts,
    pull,
    push,
    reference,
    shipments,
    sqlite_world,
    statuses,
    tell,
    writes,
)

from syncbridge.flows import despatch_pull, escalate


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("cancelling")) as made:
        ask_merchants(made)
        yield made


@pytest.fixture(autouse=True)
def _calm(one: World) -> Iterator[None]:
    yield
    calm(one)


def test_an_order_that_was_never_sent_is_withdrawn_and_never_sent_afterwards(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE, 2)))
    assert verdicts(shopper_cancels(one, order_id)) == ["successful"]
    assert [part.state for part in parts(one, order_id)] == ["withdrawn"], "before SCAYLE is told so"
    push(one, order_id)
    one.advance(minutes=30)
    push(one, order_id)
    assert in_scend(one, order_id) == []
    assert statuses(one, order_id) == {"cancelled": 2}
    assert [part.state for part in parts(one, order_id)] == ["withdrawn"]


def test_an_order_the_warehouse_has_not_begun_is_cancelled_there(one: World) -> None:
    order_id = accepted(one, line(TEE, 2))
    assert verdicts(shopper_cancels(one, order_id)) == ["successful"]
    assert warehouse_status(one, order_id) == ["CANCELLED"]
    assert statuses(one, order_id) == {"cancelled": 2}
    pull(one)
    assert open_kinds(one, order_id) == {}


def test_an_order_that_is_picked_is_refused_with_a_task_for_customer_service(one: World) -> None:
    order_id = accepted(one, line(TEE))
    advance_in_scend(one, order_id, "PICKED")
    assert verdicts(shopper_cancels(one, order_id)) == ["refused"]
    assert warehouse_status(one, order_id) == ["PICKED"]
    assert open_kinds(one, order_id) == {"cancellation_too_late": 1}
    assert wishes(one, order_id)[0].announce_return


def test_a_success_is_given_for_ever(one: World) -> None:
    order_id = accepted(one, line(TEE))
    assert result(call(one, order_id)) == YES
    one.advance(days=2)
    assert {result(call(one, order_id)) for _ in range(3)} == {YES}
    assert len(writes(one, order_id, "order_cancel")) == 1


def test_a_refusal_stands_while_the_state_does_and_no_longer(one: World) -> None:
    order_id = accepted(one, line(TEE))
    advance_in_scend(one, order_id, "PICKED")
    assert [result(call(one, order_id)) for _ in range(2)] == [NO, NO]
    advance_in_scend(one, order_id, "BACKORDERED")
    assert result(call(one, order_id)) == YES
    assert warehouse_status(one, order_id) == ["CANCELLED"]
    assert open_kinds(one, order_id) == {}


def test_a_refusal_stands_in_the_state_in_which_it_was_given(one: World) -> None:
    order_id = accepted(one, line(TEE))
    (held,) = in_scend(one, order_id)
    late = {"error": {"code": "PAST_CUTOFF", "message": "-", "context": {"status": held["status"], "cutoffStatus": "PICKED"}}}
    one.fault(one.scend, "POST", f"/orders/{held['orderId']}/cancel", "http", status=409, body=late)
    assert [result(call(one, order_id)) for _ in range(3)] == [NO, NO, NO]
    assert warehouse_status(one, order_id) == [held["status"]]
    for status in ("PICKED", "BACKORDERED"):
        advance_in_scend(one, order_id, status)
    assert result(call(one, order_id)) == YES, "the state that refused it is over"


def test_what_the_floor_decides_later_is_not_cancelled_until_it_has(one: World) -> None:
    order_id = accepted(one, line(TEE))
    advance_in_scend(one, order_id, "PICKING")
    assert result(call(one, order_id)) == LATER
    assert result(call(one, order_id)) == LATER
    one.warehouse(reference(order_id), "cancellation", {"decision": "ACCEPT"})
    pull(one)
    assert result(call(one, order_id)) == YES


def test_a_declined_request_becomes_a_refusal_and_a_task(one: World) -> None:
    order_id = accepted(one, line(TEE))
    advance_in_scend(one, order_id, "PICKING")
    assert result(call(one, order_id)) == LATER
    one.warehouse(reference(order_id), "cancellation", {"decision": "DECLINE"})
    pull(one)
    assert [result(call(one, order_id)) for _ in range(2)] == [NO, NO]
    assert open_kinds(one, order_id) == {"cancellation_too_late": 1}


def test_an_order_whose_outcome_is_unknown_is_looked_up_before_it_is_asked_for(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    one.fault(one.scend, "POST", "/orders", "timeout_after")
    push(one, order_id)
    assert [part.state for part in parts(one, order_id)] == ["sent"]
    assert result(call(one, order_id)) == YES
    assert warehouse_status(one, order_id) == ["CANCELLED"]


def test_an_order_that_may_still_land_is_neither_answered_nor_sent_again(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    one.fault(one.scend, "POST", "/orders", "timeout_before")
    push(one, order_id)
    assert result(call(one, order_id, seconds=0.5)) == LATER
    one.advance(seconds=40)
    push(one, order_id)
    assert in_scend(one, order_id) == []
    assert result(call(one, order_id, seconds=0.5)) == LATER
    one.advance(seconds=60)
    assert result(call(one, order_id)) == YES
    push(one, order_id)
    assert in_scend(one, order_id) == []


def test_a_lost_answer_of_the_warehouse_is_looked_up(one: World) -> None:
    order_id = accepted(one, line(TEE))
    held = in_scend(one, order_id)[0]["orderId"]
    one.fault(one.scend, "POST", f"/orders/{held}/cancel", "timeout_after")
    first = result(call(one, order_id, seconds=0.2))
    one.advance(seconds=5)
    assert result(call(one, order_id)) == YES
    assert first in (YES, LATER)
    assert len([fact for fact in writes(one, order_id, "order_cancel") if fact.state == "acknowledged"]) == 1


def test_a_warehouse_that_is_away_makes_scayle_ask_again(one: World) -> None:
    order_id = accepted(one, line(TEE))
    body = {"error": {"code": "SERVICE_UNAVAILABLE"}}
    one.fault(one.scend, "GET", "/orders", "http", 3, status=503, body=body, retryAfter=60)
    assert verdicts(shopper_cancels(one, order_id)) == ["asking"]
    assert statuses(one, order_id) == {"available": 1}
    calm(one)
    one.advance(minutes=5)
    assert {call_["outcome"] for call_ in asked_again(one, order_id)} == {"successful"}
    assert statuses(one, order_id) == {"cancelled": 1}


def test_a_cancellation_before_the_delegation_outlives_its_retries(one: World) -> None:
    one.put(one.scayle, "settings", {"delegationDelaySeconds": 3600})
    try:
        order_id = one.place(line(TEE))
        assert result(call(one, order_id)) == YES
        # A week of silence later the delegation still comes, as a retry would.
        one.advance(days=2)
    finally:
        one.put(one.scayle, "settings", {"delegationDelaySeconds": 0})
    one.post(one.scayle, f"orders/{order_id}/redelegate", {})
    one.delegated(order_id)
    assert [part.state for part in parts(one, order_id)] == ["withdrawn"]
    push(one, order_id)
    assert in_scend(one, order_id) == []
    assert result(call(one, order_id)) == YES


def test_a_shipped_order_is_refused_and_keeps_its_shipment(one: World) -> None:
    order_id = packed(one, line(TEE, 2))
    leave(one, order_id)
    pull(one)
    tell(one, order_id)
    assert result(call(one, order_id)) == NO
    assert len(shipments(one, order_id)) == 1


@pytest.mark.parametrize("again", [1, 20])
def test_repeats_at_once_all_get_the_same_answer(one: World, again: int) -> None:
    order_id = accepted(one, line(TEE))
    assert verdicts(shopper_cancels(one, order_id)) == ["successful"]
    assert {call_["outcome"] for call_ in asked_again(one, order_id, again)} == {"successful"}
    assert {unit["cancellations"] for unit in one.units(order_id)} == {1}


def test_a_request_that_the_floor_never_decides_is_told_by_its_age_and_closes_when_it_does(one: World) -> None:
    order_id = accepted(one, line(TEE))
    advance_in_scend(one, order_id, "PICKING")
    assert result(call(one, order_id)) == LATER
    one.advance(minutes=20)
    escalate.run(one.context)
    assert open_kinds(one, order_id) == {}
    one.advance(minutes=20)
    for _ in range(2):
        escalate.run(one.context)
        assert result(call(one, order_id)) == LATER
    told = exception(one, order_id, "cancellation_undecided")
    assert (told.evidence["state"], told.occurrences) == ("requested", 1)
    one.warehouse(reference(order_id), "cancellation", {"decision": "ACCEPT"})
    pull(one)
    escalate.run(one.context)
    assert result(call(one, order_id)) == YES
    assert open_kinds(one, order_id) == {}


def test_a_question_about_an_order_that_never_comes_is_told_by_its_age(one: World) -> None:
    assert result(call(one, 77_001_234, seconds=0.2)) == LATER
    one.advance(minutes=40)
    escalate.run(one.context)
    (wish,) = [row for row in all_wishes(one) if row.reference_key == "NB-GB-77001234"]
    told = exceptions_of(one, "cancellation_undecided", f"cancellation:{wish.id}")
    assert [row.evidence["order_reference"] for row in told] == ["NB-GB-77001234"]
    escalate.run(one.context)
    assert [row.occurrences for row in exceptions_of(one, "cancellation_undecided", f"cancellation:{wish.id}")] == [1]


def test_what_was_too_late_and_the_warehouse_cancels_all_the_same_is_told_to_scayle_and_not_said_to_be_sent(
    one: World,
) -> None:
    order_id = accepted(one, line(TEE, 2))
    advance_in_scend(one, order_id, "PICKED")
    assert result(call(one, order_id)) == NO
    one.warehouse(reference(order_id), "warehouse-cancel", {})
    pull(one)
    tell(one, order_id)
    assert open_kinds(one, order_id) == {"order_cancelled_by_warehouse": 1}
    assert set(statuses(one, order_id)) <= {"cancelled", "undeliverable"}
    assert result(call(one, order_id)) == YES


def test_a_refusal_of_what_has_left_says_so(one: World) -> None:
    order_id = packed(one, line(TEE))
    leave(one, order_id)
    despatch_pull.run(one.context)
    assert result(call(one, order_id)) == NO
    assert exception(one, order_id, "cancellation_too_late").cause == "too late to cancel: despatched"
