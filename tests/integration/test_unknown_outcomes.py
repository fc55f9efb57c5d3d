"""Unknown outcomes: whatever a call comes to, one order, one shipment, and in the end the proof."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flow_world import World, line, world
from order_story import (
    ORDERS,
    TEE,
    accepted,
    calm,
    captures,
    exceptions_of,
    in_scend,
    injected,
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
    stock,
    tell,
    until_settled,
    with_settings,
    writes,
)

from syncbridge.domain.errors import LeaseLost
from syncbridge.flows import despatch_pull, escalate, order_push, shipment_push, status_pull
from syncbridge.ledger import transmissions
from syncbridge.ledger.claims import Claim, claim_due

FAULTS = [
    {"fault": "timeout_before"},
    {"fault": "timeout_after"},
    {"fault": "http", "status": 500},
    {"fault": "http", "status": 503},
    {"fault": "http", "status": 503, "effect": True},
    {"fault": "http", "status": 500, "effect": True},
    {"fault": "rate_limit"},
    {"fault": "html_502"},
    {"fault": "html_502", "effect": True},
    {"fault": "truncated_json"},
]
NAMES = [" ".join(str(value) for value in fault.values()) for fault in FAULTS]


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("unknown")) as made:
        yield made


@pytest.fixture(autouse=True)
def _calm(one: World) -> Iterator[None]:
    yield
    calm(one)


@pytest.fixture
def both(ledger_url: str, tmp_path: Path) -> Iterator[World]:
    with world(ledger_url, tmp_path) as made:
        stock(made)
        yield made


@pytest.fixture
def searching_late(one: World) -> Iterator[None]:
    """Scend's look-ups lag behind by 20 s; we are configured for 30."""
    one.put(one.scend, "settings", {"searchLagSeconds": 20})
    yield
    one.put(one.scend, "settings", {"searchLagSeconds": 0})


@pytest.fixture
def rejecting_repeats(one: World) -> Iterator[None]:
    one.put(one.scend, "settings", {"duplicateMode": "always_reject"})
    yield
    one.put(one.scend, "settings", {"duplicateMode": "replay"})


def settled(one: World, order_id: int) -> None:
    until_settled(one, lambda: push(one, order_id))
    assert len(in_scend(one, order_id)) == 1
    assert [write.state for write in writes(one, order_id)] == ["acknowledged"]
    assert [part.state for part in parts(one, order_id)] == ["acknowledged"]
    assert open_kinds(one, order_id) == {}


# ---- creating


@pytest.mark.parametrize("fault", FAULTS, ids=NAMES)
def test_whatever_creating_comes_to_there_is_one_order_in_the_end(one: World, fault: dict[str, Any]) -> None:
    order_id = one.delegated(one.place(line(TEE, 2)))
    one.fault(one.scend, "POST", "/orders", times=2, **fault)
    settled(one, order_id)


@pytest.mark.parametrize("fault", [FAULTS[1], FAULTS[4], FAULTS[9]], ids=[NAMES[1], NAMES[4], NAMES[9]])
def test_a_lost_answer_is_found_by_look_up_where_repeats_are_rejected(
    one: World, rejecting_repeats: None, fault: dict[str, Any]
) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    one.fault(one.scend, "POST", "/orders", **fault)
    settled(one, order_id)
    assert writes(one, order_id)[0].attempts == 1


@pytest.mark.parametrize("rejecting", [False, True])
def test_a_look_up_that_lags_does_not_count_as_absence(
    one: World, searching_late: None, rejecting: bool, request: pytest.FixtureRequest
) -> None:
    if rejecting:
        request.getfixturevalue("rejecting_repeats")
    order_id = one.delegated(one.place(line(TEE)))
    one.fault(one.scend, "POST", "/orders", "timeout_after")
    push(one, order_id)
    for _ in range(4):
        one.advance(seconds=6)
        push(one, order_id)
        assert writes(one, order_id)[0].attempts == 1, "a young negative look-up proves nothing"
    settled(one, order_id)
    assert writes(one, order_id)[0].attempts == 1


def test_a_lost_request_is_sent_again_only_once_its_absence_counts(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    one.fault(one.scend, "POST", "/orders", "timeout_before")
    push(one, order_id)
    one.advance(seconds=20)
    push(one, order_id)
    assert in_scend(one, order_id) == []
    one.advance(seconds=15)
    push(one, order_id)
    assert len(in_scend(one, order_id)) == 1
    assert writes(one, order_id)[0].attempts == 2


@pytest.mark.parametrize("cut_off", [False, True], ids=["whole", "cut off"])
def test_a_request_still_in_progress_is_looked_up_and_not_sent_again(one: World, cut_off: bool) -> None:
    """Cut off on its way, the answer is a conflict that does not say with what: no refusal, but a reason to look."""
    order_id = one.delegated(one.place(line(TEE)))
    if cut_off:
        one.fault(one.scend, "POST", "/orders", "truncated_json")
    one.fault(one.scend, "POST", "/orders", "in_progress")
    settled(one, order_id)


READS = [("scayle", "GET", ORDERS), ("scend", "GET", "/orders"), ("scend", "GET", "/products")]


@pytest.mark.parametrize(("vendor", "method", "path"), READS, ids=[" ".join(read) for read in READS])
@pytest.mark.parametrize(
    "fault", [FAULTS[0], FAULTS[2], FAULTS[6], FAULTS[7], FAULTS[9]], ids=lambda one: one["fault"]
)
def test_whatever_a_read_on_the_way_comes_to_the_order_goes_out_once(
    one: World, vendor: str, method: str, path: str, fault: dict[str, Any]
) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    url = getattr(one, vendor)
    before = injected(one, url)
    one.fault(url, method, path, times=1 if path == "/products" else 2, **fault)
    settled(one, order_id)
    if path != "/products":  # the catalogue is asked only about what the ledger does not know yet
        assert injected(one, url) == before + 2


# ---- workers that die, and workers that come back


class Died(BaseException):
    """The process was killed here."""


def dying(one: World, system: str, method: str, *, before: bool) -> World:
    """Return the world as a worker sees it that is killed right before or right after one call."""
    target: Any = one.context.backends["scend"] if system == "scend" else one.context.shop

    class Wrapped:
        def __getattr__(self, name: str) -> Any:
            real = getattr(target, name)
            if name != method:
                return real

            def call(*arguments: Any) -> Any:
                if not before:
                    real(*arguments)
                raise Died

            return call

    wrapped: Any = Wrapped()
    context = (
        replace(one.context, backends={"scend": wrapped})
        if system == "scend"
        else replace(one.context, shop=wrapped)
    )
    return replace(one, context=context)


@pytest.mark.parametrize("before", [True, False], ids=["before the call", "after the call"])
def test_a_worker_killed_around_the_call_leaves_one_order(both: World, before: bool) -> None:
    order_id = both.delegated(both.place(line(TEE)))
    with pytest.raises(Died):
        push(dying(both, "scend", "create_order", before=before), order_id)
    (write,) = writes(both, order_id)
    assert (write.state, write.uncertain) == ("sent", True)
    push(both, order_id)
    assert writes(both, order_id)[0].attempts == 1, "the dead worker's lease still holds"
    settled(both, order_id)
    assert writes(both, order_id)[0].attempts == (2 if before else 1)


@pytest.mark.parametrize("before", [True, False], ids=["before the call", "after the call"])
def test_a_worker_killed_around_telling_scayle_leaves_one_shipment(one: World, before: bool) -> None:
    order_id = packed(one, line(TEE, 2))
    leave(one, order_id)
    pull(one)
    with pytest.raises(Died):
        shipment_push.run(dying(one, "scayle", "send_shipment", before=before).context, order_id=order_id)
    until_settled(one, lambda: tell(one, order_id), rounds=4)
    assert len(shipments(one, order_id)) == 1
    assert len(captures(one, order_id)) == 1
    assert statuses(one, order_id) == {"delivered": 2}
    assert [write.state for write in writes(one, order_id, "shipment")] == ["acknowledged"]


def test_a_worker_that_wakes_after_its_lease_was_taken_over_commits_nothing(both: World) -> None:
    order_id = both.delegated(both.place(line(TEE)))
    first = claim(both)
    both.clock.ahead += timedelta(seconds=26)
    second = claim(both)
    assert [one.id for one in first] == [one.id for one in second] == [writes(both, order_id)[0].id]
    ways: list[Callable[[Any], object]] = [
        lambda connection: transmissions.begin_attempt(
            connection, first[0], "{}", at=now(), life=timedelta(seconds=25)
        ),
        lambda connection: transmissions.acknowledge(connection, first[0], at=now()),
        lambda connection: transmissions.retry(connection, first[0], at=now(), due_at=now(), uncertain=False),
        lambda connection: transmissions.park(connection, first[0], at=now(), reason="x"),
        lambda connection: transmissions.withdraw(connection, first[0], at=now(), reason="x"),
    ]

    def now() -> Any:
        return both.context.now()

    for way in ways:
        with both.context.ledger.work() as work, pytest.raises(LeaseLost):
            way(work.connection)
    (write,) = writes(both, order_id)
    assert (write.state, write.attempts, write.lease) == ("pending", 0, second[0].lease)


def claim(one: World) -> list[Claim]:
    with one.context.ledger.work() as work:
        claims = claim_due(
            work.connection,
            target="scend:ACME-UK",
            kind="order",
            limit=10,
            at=one.context.now(),
            life=one.context.lease_life,
        )
        work.commit()
    return claims


def test_a_worker_whose_lease_ran_out_during_its_call_leaves_one_order_to_the_other(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    backend: Any = one.context.backends["scend"]

    class Slow:
        def __getattr__(self, name: str) -> Any:
            return getattr(backend, name)

        def create_order(self, body: str) -> Any:
            made = backend.create_order(body)
            one.advance(seconds=40)
            # Meanwhile another worker finds the row, looks up, and has its proof.
            assert push(one, order_id).acknowledged == 1
            return made

    slow: Any = Slow()
    late = push(replace(one, context=replace(one.context, backends={"scend": slow})), order_id)
    assert (late.acknowledged, late.lost_leases) == (0, 1)
    assert len(in_scend(one, order_id)) == 1
    assert [write.state for write in writes(one, order_id)] == ["acknowledged"]


# ---- proof that comes by another way


def test_the_status_feed_proves_what_was_sent(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    one.fault(one.scend, "POST", "/orders", "timeout_after")
    push(one, order_id)
    assert writes(one, order_id)[0].state == "sent"
    status_pull.run(one.context)
    (write,) = writes(one, order_id)
    assert (write.state, write.due_at, write.uncertain) == ("acknowledged", None, False)


def test_a_despatch_proves_what_was_sent_and_is_told(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    one.fault(one.scend, "POST", "/orders", "timeout_after")
    push(one, order_id)
    one.warehouse(reference(order_id), "advance", {"to": "PACKED"})
    leave(one, order_id)
    despatch_pull.run(one.context)
    assert writes(one, order_id)[0].state == "acknowledged"
    tell(one, order_id)
    assert statuses(one, order_id) == {"delivered": 1}


# ---- telling SCAYLE

SHIPMENT_FAULTS = [fault for fault in FAULTS if fault["fault"] != "truncated_json"]


@pytest.mark.parametrize(
    "fault", SHIPMENT_FAULTS, ids=[" ".join(map(str, f.values())) for f in SHIPMENT_FAULTS]
)
def test_whatever_telling_scayle_comes_to_there_is_one_shipment_and_one_capture(
    one: World, fault: dict[str, Any]
) -> None:
    order_id = packed(one, line(TEE, 2))
    leave(one, order_id)
    pull(one)
    one.fault(one.scayle, "POST", "/fulfillment", times=2, **fault)
    until_settled(one, lambda: tell(one, order_id))
    assert len(shipments(one, order_id)) == 1
    assert len(captures(one, order_id)) == 1
    assert {unit["captures"] for unit in one.units(order_id)} == {1}
    assert open_kinds(one, order_id) == {}


@pytest.mark.parametrize(
    "fault", [FAULTS[0], FAULTS[2], FAULTS[6], FAULTS[7], FAULTS[9]], ids=lambda one: one["fault"]
)
def test_whatever_reading_the_order_back_comes_to_the_shipment_is_told_once(
    one: World, fault: dict[str, Any]
) -> None:
    order_id = packed(one, line(TEE))
    leave(one, order_id)
    pull(one)
    one.fault(one.scayle, "GET", ORDERS, times=3, **fault)
    until_settled(one, lambda: tell(one, order_id), rounds=14)
    assert len(shipments(one, order_id)) == 1
    assert [write.state for write in writes(one, order_id, "shipment")] == ["acknowledged"]


def test_degraded_a_shipment_in_doubt_is_a_persons_and_is_not_repeated(one: World) -> None:
    order_id = packed(one, line(TEE))
    leave(one, order_id)
    pull(one)
    one.fault(one.scayle, "POST", "/fulfillment", "timeout_after")
    blind = with_settings(one, order_reading=False)
    until_settled(one, lambda: shipment_push.run(blind.context, order_id=order_id), rounds=4)
    assert len(shipments(one, order_id)) == 1
    assert open_kinds(one, order_id) == {"shipment_refused": 1}


# ---- one bad item, one bad vendor


def test_an_order_that_scayle_does_not_know_any_more_does_not_hold_up_the_others(one: World) -> None:
    lost, fine = packed(one, line(TEE)), packed(one, line(TEE))
    for order_id in (lost, fine):
        leave(one, order_id)
    pull(one)
    not_found = {"errors": [{"errorKey": "ORDER_NOT_FOUND", "message": "gone", "context": {}}]}
    one.fault(one.scayle, "GET", f"{ORDERS}/{lost}", "http", times=50, status=404, body=not_found)
    shipment_push.run(one.context)
    assert statuses(one, fine) == {"delivered": 1}
    assert statuses(one, lost) == {"available": 1}
    calm(one)
    one.advance(minutes=5)
    shipment_push.run(one.context)
    assert statuses(one, lost) == {"delivered": 1}


def test_a_vendor_that_refuses_us_is_one_exception_until_it_takes_a_call_again(one: World) -> None:
    first, second = (one.delegated(one.place(line(TEE))) for _ in range(2))
    one.fault(one.scend, "POST", "/orders", "token_revoked", times=2)
    push(one, first)
    push(one, second)
    row = exceptions_of(one, "vendor_refuses_us", "system:scend")[-1]
    assert (row.state, row.occurrences) == ("open", 2)
    until_settled(one, lambda: (push(one, first), push(one, second)), rounds=3)
    assert {row.state for row in exceptions_of(one, "vendor_refuses_us", "system:scend")} == {"resolved"}


def test_an_order_that_does_not_get_through_is_told_after_a_quarter_of_an_hour_and_heals(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    one.fault(one.scend, "POST", "/orders", "http", times=500, status=503)
    for _ in range(9):
        push(one, order_id)
        one.advance(minutes=2)
    escalate.run(one.context)
    escalate.run(one.context)
    assert open_kinds(one, order_id) == {"order_stuck": 1}
    calm(one)
    settled(one, order_id)


def test_a_defect_of_ours_is_tried_a_few_times_and_then_a_persons(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    backend: Any = one.context.backends["scend"]

    class Broken:
        def __getattr__(self, name: str) -> Any:
            return getattr(backend, name)

        def compose_order(self, request: object) -> str:
            raise ZeroDivisionError

    broken: Any = Broken()
    context = replace(one.context, backends={"scend": broken})
    until_settled(one, lambda: order_push.run(context, order_id=order_id), rounds=6)
    assert open_kinds(one, order_id) == {"defect": 1}
    assert in_scend(one, order_id) == []


def test_accepted_orders_are_left_alone(one: World) -> None:
    order_id = accepted(one)
    until_settled(one, lambda: (push(one, order_id), pull(one), tell(one, order_id)), rounds=2)
    assert writes(one, order_id)[0].attempts == 1
