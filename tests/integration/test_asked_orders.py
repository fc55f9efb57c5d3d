"""A back end without a feed of its orders: they are asked for, and what was accepted may be made much later."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asked_backend import IMPORT_TIMEOUT, asked_world, manual
from flow_world import World, line, world
from order_story import (
    TEE,
    calm,
    close_in_scayle,
    events,
    exception,
    exceptions_of,
    in_scend,
    leave,
    open_kinds,
    parts,
    push,
    reference,
    sqlite_world,
    statuses,
    stock,
    tell,
    unit_ids,
    until_settled,
    writes,
)
from sqlalchemy import event

from syncbridge.domain.backend import FulfilmentStatus
from syncbridge.domain.errors import Busy, CallEvidence, RetryLater
from syncbridge.flows import (
    cancel_ask,
    cancel_order,
    catalogue_pull,
    despatch_pull,
    escalate,
    order_push,
    reread,
    rerun,
    resolve,
    status_pull,
)
from syncbridge.ledger import asking
from syncbridge.ledger.tables import fulfilment_lines
from syncbridge.ports.backend import Capabilities

SCEND = "scend:ACME-UK"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("asked")) as made:
        yield made


@pytest.fixture
def one(whole: World) -> Iterator[World]:
    # Orders of other tests that wait for something must not be asked about in this one.
    whole.advance(days=3)
    yield whole
    calm(whole)


def new(one: World, units: int = 1) -> int:
    return one.delegated(one.place(line(TEE, units)))


def of(order_id: int, asked: list[tuple[tuple[str, ...], bool]]) -> int:
    return sum(reference(order_id) in references for references, _urgent in asked)


# ---- asking


def test_an_order_is_asked_about_until_it_is_finished_and_not_urgently(one: World) -> None:
    here, backend = asked_world(one)
    order_id = new(here)
    push(here, order_id)
    backend.asked.clear()
    status_pull.run(here.context)
    assert of(order_id, backend.asked) == 1
    assert {urgent for _references, urgent in backend.asked} == {False}
    one.warehouse(reference(order_id), "advance", {"to": "PACKED"})
    leave(one, order_id)
    one.advance(minutes=1)
    status_pull.run(here.context)
    assert parts(here, order_id)[0].backend_status == "despatched"
    backend.asked.clear()
    one.advance(minutes=1)
    status_pull.run(here.context)
    assert of(order_id, backend.asked) == 0


@pytest.mark.parametrize("versions", [True, False])
def test_a_reading_that_says_nothing_new_leaves_no_trace_in_the_history(one: World, versions: bool) -> None:
    here, _backend = asked_world(one, versions=versions)
    order_id = new(here)
    push(here, order_id)
    status_pull.run(here.context)
    before, row = events(here, order_id), parts(here, order_id)[0]
    for _ in range(3):
        one.advance(minutes=1)
        status_pull.run(here.context)
    assert events(here, order_id) == before
    after = parts(here, order_id)[0]
    assert after.updated_at == row.updated_at
    assert after.asked_at > row.asked_at


@pytest.mark.parametrize("versions", [True, False])
def test_what_the_back_end_reserved_meanwhile_is_noted(one: World, versions: bool) -> None:
    here, _backend = asked_world(one, versions=versions)
    order_id = new(here, 2)
    push(here, order_id)
    one.warehouse(reference(order_id), "advance", {"to": "ALLOCATED"})
    one.advance(minutes=1)
    status_pull.run(here.context)
    with here.context.ledger.reading() as connection:
        part = parts(here, order_id)[0].id
        (row,) = connection.execute(fulfilment_lines.select().where(fulfilment_lines.c.fulfilment_order_id == part))
    assert row.allocated == 2


def test_the_order_not_asked_about_for_longest_comes_first_and_the_rest_in_their_turn(
    one: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, backend = asked_world(one, lookup_batch=2)
    orders = [new(here) for _ in range(5)]
    for order_id in orders:
        push(here, order_id)
    # So little time that a run gets no further than its first batch.
    monkeypatch.setattr("syncbridge.flows.status_pull.ASKING_SECONDS", 0.01)
    backend.asked.clear()
    for _ in range(3):
        one.advance(minutes=1)
        find = backend.find_orders

        def slow(references: Any, *, urgent: bool = True, find: Any = find) -> Any:
            time.sleep(0.02)
            return find(references, urgent=urgent)

        backend.find_orders = slow  # type: ignore[method-assign]  # one back end, made slow
        status_pull.run(here.context)
        backend.find_orders = find  # type: ignore[method-assign]  # quick again
    asked = [name for references, _urgent in backend.asked for name in references]
    mine = [name for name in asked if name in {reference(order_id) for order_id in orders}]
    assert mine[:5] == [reference(order_id) for order_id in orders]


def test_a_quota_without_room_ends_the_asking_without_a_complaint(one: World) -> None:
    here, backend = asked_world(one)
    order_id = new(here)
    push(here, order_id)

    def busy(references: Any, *, urgent: bool = True) -> Any:
        raise Busy("no room", one.context.lease_life)

    backend.find_orders = busy  # type: ignore[method-assign]  # a quota that is used up
    assert status_pull.run(here.context) == {SCEND: 0}
    assert exceptions_of(one, "feed_failing", f"feed:orders:{SCEND}") == []


def test_a_back_end_that_cannot_be_asked_is_told_after_a_while_and_heals(one: World) -> None:
    here, backend = asked_world(one)
    push(here, new(here))
    find = backend.find_orders

    def away(references: Any, *, urgent: bool = True) -> Any:
        raise RetryLater("away", CallEvidence("scend", "find orders", 503))

    backend.find_orders = away  # type: ignore[method-assign]  # it does not answer
    for _ in range(2):
        with pytest.raises(RetryLater):
            status_pull.run(here.context)
        one.advance(minutes=6)
    assert exceptions_of(one, "feed_failing", f"feed:orders:{SCEND}")[-1].state == "open"
    backend.find_orders = find  # type: ignore[method-assign]  # it answers again
    status_pull.run(here.context)
    assert exceptions_of(one, "feed_failing", f"feed:orders:{SCEND}")[-1].state == "resolved"


def test_an_order_that_cannot_be_read_keeps_no_other_from_being_read(one: World) -> None:
    here, backend = asked_world(one)
    bad, good = new(here), new(here)
    for order_id in (bad, good):
        push(here, order_id)
        one.warehouse(reference(order_id), "advance", {"to": "PACKED"})
    find = backend.find_orders

    def partly(references: Any, *, urgent: bool = True) -> Any:
        if reference(bad) in references:
            raise RetryLater("not readable yet", CallEvidence("scend", "find orders", 404))
        return find(references, urgent=urgent)

    backend.find_orders = partly  # type: ignore[method-assign]  # one of its orders is broken
    one.advance(minutes=3)
    status_pull.run(here.context)
    assert [parts(here, order_id)[0].backend_status for order_id in (bad, good)] == ["accepted", "in_fulfilment"]
    assert open_kinds(here, bad) == {}, "what cannot be read has not vanished"


def test_an_order_that_vanished_is_told_once_and_over_when_it_is_shown_again(one: World) -> None:
    here, backend = asked_world(one)
    order_id = new(here)
    push(here, order_id)
    find = backend.find_orders

    def without(references: Any, *, urgent: bool = True) -> Any:
        found = find(references, urgent=urgent)
        return {name: order for name, order in found.items() if name != reference(order_id)}

    backend.find_orders = without  # type: ignore[method-assign]  # somebody deleted it
    for _ in range(3):
        one.advance(minutes=3)
        status_pull.run(here.context)
    assert exception(here, order_id, "order_vanished").occurrences == 1
    backend.find_orders = find  # type: ignore[method-assign]  # it is back
    one.advance(minutes=1)
    status_pull.run(here.context)
    assert open_kinds(here, order_id) == {}


def test_a_finished_order_that_is_shown_no_more_has_not_vanished(one: World) -> None:
    """Back ends archive what is over."""
    here, backend = asked_world(one)
    order_id = new(here)
    push(here, order_id)
    one.warehouse(reference(order_id), "advance", {"to": "PACKED"})
    leave(one, order_id)
    one.advance(minutes=1)
    status_pull.run(here.context)
    assert parts(here, order_id)[0].backend_status == "despatched"
    backend.find_orders = lambda references, *, urgent=True: {}  # type: ignore[method-assign]  # it is in an archive
    before = parts(here, order_id)[0].asked_at
    one.advance(minutes=60)
    status_pull.run(here.context)
    assert parts(here, order_id)[0].asked_at > before, "it was looked at once more"
    assert "order_vanished" not in open_kinds(here, order_id)


def test_an_order_withdrawn_although_it_was_sent_stays_watched(one: World) -> None:
    here, backend = asked_world(one, later=True)
    order_id = new(here)
    push(here, order_id)
    close_in_scayle(one, order_id, unit_ids(one, order_id))
    until_settled(here, lambda: push(here, order_id), rounds=5, minutes=1)
    assert writes(here, order_id)[0].state == "withdrawn"
    status_pull.run(here.context)
    assert open_kinds(here, order_id) == {}
    backend.make()
    one.advance(minutes=1)
    status_pull.run(here.context)
    assert "reference_resurfaced" in open_kinds(here, order_id)


def test_what_is_to_be_asked_is_found_without_looking_at_the_past(one: World) -> None:
    """Ten million finished orders must cost a look nothing: no statement reads all orders, or all writes, of an account."""
    statements: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        statements.append((statement, parameters))

    at = one.context.now()
    event.listen(one.context.ledger.engine, "before_cursor_execute", note)
    try:
        with one.context.ledger.reading() as connection:
            asking.to_ask(connection, SCEND, before=at, watched_since=at, settled_by=at, limit=3)
    finally:
        event.remove(one.context.ledger.engine, "before_cursor_execute", note)
    with one.context.ledger.reading() as connection:
        plans = [
            str(step[3])
            for statement, parameters in statements
            if statement.lstrip().startswith("SELECT")
            for step in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        ]
    assert len(plans) >= 5
    assert not [step for step in plans if "ix_fulfilment_orders_backend" in step]
    # The writes of one kind are read whole only where they are few: copies that were cancelled.
    assert [step for step in plans if "(target=? AND kind=?)" in step or ("SCAN" in step and "INDEX" not in step)] == [
        "SEARCH transmissions USING INDEX sqlite_autoindex_transmissions_1 (target=? AND kind=?)"
    ]


def test_asking_works_on_both_engines(ledger_url: str, tmp_path: Path) -> None:
    with world(ledger_url, tmp_path) as fresh:
        stock(fresh)
        here, _backend = asked_world(fresh, lookup_batch=2)
        orders = [new(here) for _ in range(3)]
        for order_id in orders:
            push(here, order_id)
        fresh.warehouse(reference(orders[1]), "advance", {"to": "PACKED"})
        fresh.advance(minutes=1)
        assert status_pull.run(here.context) == {SCEND: 3}
        fresh.advance(minutes=1)
        before = [events(here, order_id) for order_id in orders]
        assert status_pull.run(here.context) == {SCEND: 3}
        assert [events(here, order_id) for order_id in orders] == before
        leave(fresh, orders[1])
        despatch_pull.run(here.context)
        reread.run(here.context)
        fresh.advance(minutes=1)
        status_pull.run(here.context)
        fresh.advance(minutes=1)
        assert status_pull.run(here.context) == {SCEND: 2}


# ---- accepted, and made later


def test_an_accepted_order_stays_sent_until_it_is_found_and_is_never_sent_again(one: World) -> None:
    here, backend = asked_world(one, later=True, timing={"import_timeout": IMPORT_TIMEOUT})
    order_id = new(here)
    until_settled(here, lambda: push(here, order_id), rounds=6, minutes=3)
    (write,) = writes(here, order_id)
    assert (write.state, write.uncertain, backend.creations) == ("sent", True, 1)
    escalate.run(here.context)
    assert open_kinds(here, order_id) == {}
    backend.make()
    one.advance(minutes=2)
    push(here, order_id)
    assert writes(here, order_id)[0].state == "acknowledged"
    assert len(in_scend(one, order_id)) == 1


def timed_out(one: World) -> tuple[World, Any, int]:
    """Return an order of which nothing was heard for longer than an import may take."""
    here, backend = asked_world(one, later=True, timing={"import_timeout": IMPORT_TIMEOUT})
    order_id = new(here)
    until_settled(here, lambda: push(here, order_id), rounds=8, minutes=5)
    return here, backend, order_id


def test_after_its_time_a_person_decides_and_looking_goes_on(one: World) -> None:
    here, backend, order_id = timed_out(one)
    (write,) = writes(here, order_id)
    assert (write.state, write.due_at, backend.creations) == ("sent", None, 1)
    assert open_kinds(here, order_id) == {"order_import_timeout": 1}
    backend.make()
    one.advance(minutes=1)
    status_pull.run(here.context)
    assert writes(here, order_id)[0].state == "acknowledged"
    assert open_kinds(here, order_id) == {}


def test_a_late_order_that_is_not_what_was_sent_is_a_conflict(one: World) -> None:
    here, backend, order_id = timed_out(one)
    backend.make()
    backend.differing = ("lines[1].quantity",)
    one.advance(minutes=1)
    status_pull.run(here.context)
    push(here, order_id)
    assert open_kinds(here, order_id) == {"order_import_timeout": 1, "order_conflict": 1}
    assert writes(here, order_id)[0].state == "sent"


def test_its_despatch_proves_a_late_order_too(one: World) -> None:
    here, backend, order_id = timed_out(one)
    backend.make()
    one.warehouse(reference(order_id), "advance", {"to": "PACKED"})
    leave(one, order_id)
    despatch_pull.run(here.context)
    tell(here, order_id)
    assert statuses(one, order_id) == {"delivered": 1}
    assert open_kinds(here, order_id) == {}


def test_a_rerun_alone_sends_nothing_again(one: World) -> None:
    here, backend, order_id = timed_out(one)
    rerun.run(here.context, [order_id], actor="anna", reason="try")
    push(here, order_id)
    assert backend.creations == 1
    assert exception(here, order_id, "order_import_timeout").occurrences == 2


def test_a_person_who_settles_it_and_reruns_has_it_sent_once_more(one: World) -> None:
    here, backend, order_id = timed_out(one)
    row = exception(here, order_id, "order_import_timeout")
    backend.waiting.clear()
    resolve.run(here.context, row.id, row.kind, row.subject, actor="anna", reason="lost there, send it again")
    rerun.run(here.context, [order_id], actor="anna", reason="lost there")
    until_settled(here, lambda: push(here, order_id), rounds=8, minutes=5)
    assert backend.creations == 2
    # The next sending has its own time, and its own person.
    assert open_kinds(here, order_id) == {"order_import_timeout": 1}
    backend.make()
    status_pull.run(here.context)
    assert open_kinds(here, order_id) == {}
    assert len(in_scend(one, order_id)) == 1


def test_a_reference_that_is_taken_and_not_shown_is_looked_for_and_not_repeated(one: World) -> None:
    here, backend = asked_world(one, later=True)
    order_id = new(here)
    push(here, order_id)
    # Without an import time an absent order may be sent again: the back end says that it has it.
    until_settled(here, lambda: push(here, order_id), rounds=5, minutes=1)
    assert len(backend.waiting) == 1
    assert writes(here, order_id)[0].state == "sent"
    backend.make()
    until_settled(here, lambda: push(here, order_id), rounds=5, minutes=1)
    assert writes(here, order_id)[0].state == "acknowledged"
    assert len(in_scend(one, order_id)) == 1


# ---- copies


def test_copies_are_told_once_and_cancelled_and_the_exception_closes(one: World) -> None:
    here, backend = asked_world(one)
    order_id = new(here)
    push(here, order_id)
    backend.copies[reference(order_id)] = ("copy-8", "copy-9")
    one.advance(minutes=1)
    status_pull.run(here.context)
    row = exception(here, order_id, "order_duplicated")
    assert row.evidence["copies"] == ["copy-8", "copy-9"]
    assert ("order_push", SCEND) in here.bell.rings
    push(here, order_id)
    assert sorted(backend.cancelled) == ["copy-8", "copy-9"]
    assert {write.state for write in writes(here, order_id, "copy_cancel")} == {"acknowledged"}
    for _ in range(2):
        one.advance(minutes=1)
        status_pull.run(here.context)
        push(here, order_id)
    assert len(backend.cancelled) == 2
    assert open_kinds(here, order_id) == {}
    assert len(writes(here, order_id)) == 1


def test_a_copy_that_is_picked_already_stays_a_persons_until_it_is_gone(one: World) -> None:
    here, backend = asked_world(one)
    order_id = new(here)
    push(here, order_id)
    backend.copies[reference(order_id)] = ("copy-7",)
    backend.stuck.add("copy-7")
    until_settled(here, lambda: (status_pull.run(here.context), push(here, order_id)), rounds=4, minutes=1)
    assert open_kinds(here, order_id) == {"order_duplicated": 2}
    assert backend.cancelled == []
    backend.copies.clear()
    until_settled(here, lambda: (status_pull.run(here.context), push(here, order_id)), rounds=3, minutes=1)
    assert open_kinds(here, order_id) == {}


def test_where_people_cancel_the_copies_are_only_told(one: World) -> None:
    here, backend = asked_world(one, capabilities=manual())
    order_id = new(here)
    backend.copies[reference(order_id)] = ("copy-6",)
    push(here, order_id)
    push(here, order_id)
    assert open_kinds(here, order_id) == {"order_duplicated": 1}
    assert (backend.cancelled, writes(here, order_id, "copy_cancel")) == ([], [])


# ---- one back end does not hold up the other


class Away:
    """A back end that raises whatever it is asked."""

    def __init__(self, like: Any, error: Exception) -> None:
        self.account, self.timing, self.capabilities = "other:X", like.timing, like.capabilities
        self.lookup_batch = like.lookup_batch
        self._error = error

    def calls_are_scarce(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        raise self._error


@pytest.mark.parametrize("error", [RetryLater("away", CallEvidence("other", "any", 503)), ZeroDivisionError()], ids=repr)
@pytest.mark.parametrize("first", [True, False])
def test_a_back_end_that_is_away_holds_up_nothing_of_the_other(one: World, error: Exception, first: bool) -> None:
    good = one.context.backends["scend"]
    bad: Any = Away(good, error)
    backends = {"other": bad, "scend": good} if first else {"scend": good, "other": bad}
    context = replace(one.context, backends=backends)
    order_id = new(one)
    order_push.run(context)
    assert len(in_scend(one, order_id)) == 1
    one.warehouse(reference(order_id), "advance", {"to": "PACKED"})
    leave(one, order_id)
    for flow in (status_pull, despatch_pull, catalogue_pull):
        with pytest.raises(type(error)):
            flow.run(context)
    assert reread.run(context) == {SCEND: 0, "other:X": 0}
    assert parts(one, order_id)[0].backend_status == "despatched"
    tell(one, order_id)
    assert statuses(one, order_id) == {"delivered": 1}


def finished(one: World, here: World) -> int:
    """Have an order leave, and be heard of as despatched."""
    order_id = new(here)
    push(here, order_id)
    one.warehouse(reference(order_id), "advance", {"to": "PACKED"})
    leave(one, order_id)
    one.advance(minutes=1)
    despatch_pull.run(here.context)
    status_pull.run(here.context)
    assert parts(here, order_id)[0].backend_status == "despatched"
    return order_id


def test_an_outage_does_not_cost_a_finished_order_its_second_look(one: World) -> None:
    here, backend = asked_world(one)
    order_id = finished(one, here)
    backend.copies[reference(order_id)] = ("copy-late",)
    find = backend.find_orders

    def away(references: Any, *, urgent: bool = True) -> Any:
        raise RetryLater("away", CallEvidence("scend", "find orders", 503))

    backend.find_orders = away
    one.advance(minutes=60)
    with pytest.raises(RetryLater):
        status_pull.run(here.context)
    backend.find_orders = find
    backend.asked.clear()
    for _ in range(10):
        one.advance(minutes=60)
        status_pull.run(here.context)
    assert of(order_id, backend.asked) >= 1
    assert "order_duplicated" in open_kinds(here, order_id)


def test_those_that_move_are_asked_about_before_those_that_are_finished(one: World) -> None:
    here, backend = asked_world(one, lookup_batch=2)
    for _ in range(3):
        finished(one, here)
    one.advance(minutes=60)
    live = new(here)
    push(here, live)
    one.advance(minutes=1)
    backend.asked.clear()
    status_pull.run(here.context)
    first = next(iter(backend.asked))[0]
    assert reference(live) in first


def test_a_part_of_an_order_that_is_shown_no_more_is_a_persons(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    here, backend = asked_world(one, capabilities=Capabilities(order_feed=False, cancel_lines=True))
    order_id = new(here, 2)
    push(here, order_id)
    monkeypatch.setattr(backend, "find_orders", lambda references, *, urgent=True: {}, raising=False)
    cancel_order.run(here.context, order_id, actor="anna", reason="one too many", units=unit_ids(one, order_id)[:1])
    for _ in range(5):
        cancel_ask.run(here.context)
        one.advance(seconds=6)
    assert open_kinds(here, order_id).get("cancellation_not_taken") == 1


def test_lines_given_up_under_a_status_that_nobody_knows_are_heard_where_a_feed_tells_once(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cursor has passed: whoever translates the status later would not have the order told again."""
    order_id = new(one, 2)
    push(one, order_id)
    status_pull.run(one.context)
    backend = one.context.backends["scend"]
    feed = backend.orders_changed

    def translated(order):
        if order.reference != reference(order_id):
            return order
        lines = tuple(replace(line_, cancelled=1) for line_ in order.lines)
        return replace(order, raw_status="WAVED", status=FulfilmentStatus.UNKNOWN, lines=lines)

    def orders_changed(cursor, since):
        for page in feed(cursor, since):
            yield replace(page, rows=tuple(translated(row) for row in page.rows))

    monkeypatch.setattr(backend, "orders_changed", orders_changed)
    one.warehouse(reference(order_id), "advance", {"to": "ALLOCATED"})
    status_pull.run(one.context)
    assert writes(one, order_id, "cancellation")


def test_what_people_cancel_of_a_finished_order_closes_its_exception_too(one: World) -> None:
    here, backend = asked_world(one, capabilities=manual())
    order_id = finished(one, here)
    backend.copies[reference(order_id)] = ("copy-late",)
    one.advance(minutes=60)
    status_pull.run(here.context)
    assert open_kinds(here, order_id) == {"order_duplicated": 1}
    one.advance(hours=60)
    status_pull.run(here.context)
    assert open_kinds(here, order_id) == {"order_duplicated": 1}
    backend.copies.clear()
    one.advance(minutes=5)
    status_pull.run(here.context)
    assert open_kinds(here, order_id) == {}
    backend.asked.clear()
    one.advance(minutes=5)
    status_pull.run(here.context)
    assert of(order_id, backend.asked) == 0
