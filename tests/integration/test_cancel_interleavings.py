"""Any order of delegating, cancelling, pushing, losing answers, picking, despatching and polling ends in agreement.

Judged from SCAYLE's and Scend's own records: no unit twice, none lost, and both sides agree or a person is told.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from cancel_story import ask_merchants, call, result
from flow_world import World, line, world
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from order_story import (
    TEE,
    calm,
    close_in_scayle,
    in_scend,
    open_kinds,
    reference,
    sqlite_world,
    stock,
    unit_ids,
)

from syncbridge.flows import (
    cancel_ask,
    cancel_learn,
    cancel_order,
    cancellation_push,
    despatch_pull,
    order_poll,
    order_push,
    shipment_push,
    status_pull,
)

CLOSED = ("cancelled", "undeliverable")


class Story:
    """One order and everything that can happen to it."""

    def __init__(self, one: World) -> None:
        self.one = one
        self.order_id = one.place(line(TEE, 2))
        self.answers: list[Any] = []

    def do(self, step: str) -> None:
        getattr(self, step)()

    def delegate(self) -> None:
        one, order_id = self.one, self.order_id
        for verb, body in (("delegate", {}), ("redelegate", {"times": 1})):
            answer = requests.post(f"{one.scayle}/_sandbox/orders/{order_id}/{verb}", json=body, timeout=20)
            assert answer.status_code < 500, answer.text

    def call(self) -> None:
        self.answers.append(result(call(self.one, self.order_id, seconds=0.1)))

    def push(self) -> None:
        order_push.run(self.one.context)

    def push_answer_lost(self) -> None:
        self._faulty("POST", "/orders", "timeout_after", self.push)

    def push_never_arrives(self) -> None:
        self._faulty("POST", "/orders", "timeout_before", self.push)

    def ask(self) -> None:
        cancel_ask.run(self.one.context)

    def ask_answer_lost(self) -> None:
        self._faulty("POST", "/orders/", "timeout_after", self.ask)

    def _faulty(self, method: str, path: str, fault: str, act: Any) -> None:
        self.one.fault(self.one.scend, method, path, fault)
        act()
        calm(self.one)

    def shop_closes_one(self) -> None:
        """Somebody closes a unit in SCAYLE without asking anybody."""
        open_units = [unit["itemId"] for unit in self.one.units(self.order_id) if unit["status"] == "available"]
        if open_units:
            close_in_scayle(self.one, self.order_id, open_units[:1])

    def operator(self) -> None:
        try:
            cancel_order.run(self.one.context, self.order_id, actor="ops", reason="customer called")
        except cancel_order.CannotCancel:
            return

    def event(self) -> None:
        cancel_learn.run(self.one.context, self.order_id)

    def poll(self) -> None:
        order_poll.run(self.one.context)

    def pull(self) -> None:
        status_pull.run(self.one.context)
        despatch_pull.run(self.one.context)

    def tell(self) -> None:
        cancellation_push.run(self.one.context)
        shipment_push.run(self.one.context)

    def pick(self) -> None:
        self._floor("advance", {"to": "PICKED"})

    def picking(self) -> None:
        self._floor("advance", {"to": "PICKING"})

    def grant(self) -> None:
        self._floor("cancellation", {"decision": "ACCEPT"})

    def give_up(self) -> None:
        self._floor("warehouse-cancel", {})

    def despatch(self) -> None:
        self._floor("advance", {"to": "PACKED"})
        for held in in_scend(self.one, self.order_id):
            lines = [
                {"sku": row["sku"], "quantity": row["quantityAllocated"]} for row in held["lines"] if row["quantityAllocated"]
            ]
            if lines:
                parcels = [{"lines": lines, "trackingNumber": f"RM{self.order_id}GB"}]
                self._floor("despatch", {"carrierCode": "ROYAL_MAIL", "parcels": parcels})

    def _floor(self, verb: str, body: Any) -> None:
        """The warehouse does it, if the order is there and its state allows it."""
        url = f"{self.one.scend}/_sandbox/orders/by-reference/{reference(self.order_id)}/{verb}"
        assert requests.post(url, json=body, timeout=20).status_code < 500

    def wait(self) -> None:
        self.one.advance(seconds=45)

    def settle(self) -> None:
        """Everything comes through, and everybody has had their say."""
        self.delegate()
        for span in (1, 45, 45, 60, 960, 60):
            for step in ("push", "event", "ask", "pull", "ask", "tell"):
                self.do(step)
            self.one.advance(seconds=span)
        self.despatch()
        for _ in range(2):
            for step in ("pull", "tell"):
                self.do(step)
            self.one.advance(seconds=30)


STEPS = (
    "delegate", "call", "push", "push_answer_lost", "push_never_arrives", "ask", "ask_answer_lost", "shop_closes_one",
    "operator", "event", "poll", "pull", "tell", "picking", "pick", "grant", "give_up", "despatch", "wait",
)  # fmt: skip


def judge(story: Story) -> None:
    one, order_id = story.one, story.order_id
    held = in_scend(one, order_id)
    live = [row for row in held if row["status"] != "CANCELLED"]
    kinds = open_kinds(one, order_id)
    assert len(live) <= 1, "two live orders"
    units = one.units(order_id)
    sent = sum(row["quantityDespatched"] for order in held for row in order["lines"])
    for unit in units:
        assert len(unit["shipments"]) <= 1, unit
        assert unit["cancellations"] <= 1, unit
        assert not (unit["shipments"] and unit["cancellations"]), unit
    shipped = sum(unit["status"] == "delivered" for unit in units)
    closed = sum(unit["status"] in CLOSED for unit in units)
    waiting = sum(unit["status"] == "available" for unit in units)
    assert shipped + closed + waiting == len(units)
    assert shipped <= sent, "the shop was told of what never left"
    if (201, "successful") in story.answers:
        assert sent == 0, "called cancelled, and sent"
        first = story.answers.index((201, "successful"))
        assert set(story.answers[first:]) == {(201, "successful")}, story.answers
    if sent != shipped or waiting:
        assert kinds, (dict(kinds), sent, shipped, waiting, [row["status"] for row in held])


ANY = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("interleavings")) as made:
        ask_merchants(made)
        made.put(made.scayle, "settings", {"delegationDelaySeconds": 10_000_000})
        yield made


@ANY
@given(st.lists(st.sampled_from(STEPS), max_size=12))
@example(["call", "delegate", "push"])
@example(["delegate", "push_answer_lost", "call", "pick", "pull"])
@example(["delegate", "push", "picking", "call", "pick", "call", "despatch", "call"])
@example(["delegate", "push_never_arrives", "operator", "wait", "wait", "wait", "push"])
@example(["delegate", "push", "shop_closes_one", "despatch", "pull", "tell"])
@example(["delegate", "push", "despatch", "pull", "shop_closes_one", "tell"])
@example(["delegate", "push", "give_up", "call", "pull"])
@example(["delegate", "push", "picking", "operator", "ask", "grant", "call"])
def test_any_interleaving_ends_in_agreement_or_with_a_person(one: World, steps: list[str]) -> None:
    story = Story(one)
    for step in steps:
        story.do(step)
    calm(one)
    story.settle()
    judge(story)


@pytest.mark.parametrize(
    "steps",
    [
        ["call", "delegate", "push", "call"],
        ["delegate", "push", "call", "call"],
        ["delegate", "push_answer_lost", "call", "wait", "call"],
        ["delegate", "push", "operator", "ask", "tell"],
        ["delegate", "push", "shop_closes_one", "event", "ask", "despatch"],
    ],
)
def test_the_same_holds_on_both_engines(ledger_url: str, tmp_path: Path, steps: list[str]) -> None:
    with world(ledger_url, tmp_path) as made:
        stock(made)
        ask_merchants(made)
        made.put(made.scayle, "settings", {"delegationDelaySeconds": 10_000_000})
        story = Story(made)
        for step in steps:
            story.do(step)
        story.settle()
        judge(story)


def test_units_of_a_story_are_really_two(one: World) -> None:
    assert len(unit_ids(one, Story(one).order_id)) == 2
