"""A cancellation in the very moment of something else: taking in, composing, sending, asking. On both engines."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cancel_story import LATER, YES, ask_merchants, call, result, warehouse_status
from flow_world import World, line, world
from order_story import TEE, accepted, in_scend, parts, push, stock

from connectors.scend.adapter import ScendBackend
from syncbridge.flows import cancel_ask, order_push


@pytest.fixture
def one(ledger_url: str, tmp_path: Path) -> Iterator[World]:
    with world(ledger_url, tmp_path) as made:
        stock(made)
        ask_merchants(made)
        yield made


def once(act: Any) -> Any:
    """Return a function that acts at its first call only."""
    done: list[Any] = []

    def first() -> None:
        if not done:
            done.append(None)
            done[0] = act()

    first.outcome = done  # type: ignore[attr-defined]  # what came of it, for the test
    return first


def test_an_order_that_a_worker_composes_just_now_is_not_sent(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    composing = order_push.OrderWrite.prepare
    cancel = once(lambda: result(call(one, order_id)))

    def prepare(self: Any, claim: Any) -> Any:
        prepared = composing(self, claim)
        cancel()
        return prepared

    monkeypatch.setattr(order_push.OrderWrite, "prepare", prepare)
    summary = push(one, order_id)
    assert cancel.outcome == [YES]
    assert summary.lost_leases == 1
    assert in_scend(one, order_id) == []


def test_an_order_whose_request_is_under_way_is_cancelled_where_it_lands(
    one: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = one.delegated(one.place(line(TEE)))
    creating = ScendBackend.create_order
    cancel = once(lambda: result(call(one, order_id, seconds=0.2)))

    def create(self: Any, body: str) -> Any:
        cancel()
        return creating(self, body)

    monkeypatch.setattr(ScendBackend, "create_order", create)
    push(one, order_id)
    assert cancel.outcome == [LATER]
    assert [part.state for part in parts(one, order_id)] == ["acknowledged"]
    cancel_ask.run(one.context)
    assert warehouse_status(one, order_id) == ["CANCELLED"]
    assert result(call(one, order_id)) == YES


def test_a_picker_who_is_quicker_than_our_look_wins(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    order_id = accepted(one, line(TEE))
    sending = ScendBackend.send_cancel
    pick = once(lambda: one.warehouse(f"SCY-NB-{order_id}", "advance", {"to": "PICKED"}))

    def send(self: Any, body: str) -> Any:
        pick()
        return sending(self, body)

    monkeypatch.setattr(ScendBackend, "send_cancel", send)
    assert result(call(one, order_id)) == (201, "failed")
    assert warehouse_status(one, order_id) == ["PICKED"]


def test_the_same_question_many_times_at_once_gets_one_answer(one: World) -> None:
    order_id = accepted(one, line(TEE))
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: result(call(one, order_id, seconds=5)), range(6)))
    assert set(answers) <= {YES, LATER}
    assert YES in answers
    assert result(call(one, order_id)) == YES
    assert warehouse_status(one, order_id) == ["CANCELLED"]


def test_delegation_and_cancellation_at_once_never_leave_an_order_that_is_sent(one: World) -> None:
    one.put(one.scayle, "settings", {"delegationDelaySeconds": 10_000_000})
    placed = [one.place(line(TEE)) for _ in range(6)]

    def delegate(order_id: int) -> None:
        one.post(one.scayle, f"orders/{order_id}/delegate", {})

    with ThreadPoolExecutor(12) as pool:
        acts = [pool.submit(delegate, order_id) for order_id in placed]
        asked = [pool.submit(call, one, order_id) for order_id in placed]
        for act in acts:
            act.result()
        answers = {order_id: result(one_asked.result()) for order_id, one_asked in zip(placed, asked, strict=True)}
    for order_id in placed:
        one.delegated(order_id)
        push(one, order_id)
        cancel_ask.run(one.context)
        if answers[order_id] == YES:
            assert in_scend(one, order_id) == []
        assert result(call(one, order_id)) == YES
        assert [held["status"] for held in in_scend(one, order_id)] in ([], ["CANCELLED"])
