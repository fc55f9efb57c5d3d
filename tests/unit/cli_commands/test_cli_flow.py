"""`syncbridge flow`: the same functions as the tasks, by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_story import Run, Story

from syncbridge import bootstrap
from syncbridge.cli.flow_registry import FLOWS
from syncbridge.domain.errors import CallEvidence, RetryLater
from syncbridge.flows import order_poll, order_push
from syncbridge.flows.context import Context
from syncbridge.flows.write import Summary

pytestmark = pytest.mark.usefixtures("ledger", "configured")


def test_every_flow_with_a_queue_can_be_run_by_hand() -> None:
    assert set(FLOWS) == set(bootstrap.QUEUES)


def test_the_list_names_every_flow_with_its_options(run: Run) -> None:
    out = run("flow", "list").out
    for name in FLOWS:
        assert name in out
    flows = {one["name"]: one for one in run("flow", "list", "--json").json["flows"]}
    assert flows["order_push"] == {
        "name": "order_push",
        "queue": "orders",
        "title": "Send orders to the back ends.",
        "options": ["order"],
    }


@pytest.mark.parametrize("name", sorted(FLOWS))
def test_a_dry_run_of_every_flow_says_what_it_would_do(run: Run, story: Story, name: str) -> None:
    story.order(7)
    answer = run("flow", "run", name, "--dry-run", "--json")
    assert answer.code == 0, answer.err
    assert answer.json["flow"] == name
    assert answer.json["would"]["sentence"]
    assert run("flow", "run", name, "--dry-run").out[:20] == answer.json["would"]["sentence"][:20]


def test_a_dry_run_shows_what_is_due_and_what_is_parked(run: Run, story: Story) -> None:
    for order_id in (7, 8):
        story.order(order_id)
    story.invalid(8)
    rows = run("flow", "run", "order_push", "--dry-run", "--json").json["would"]["rows"]
    assert [(row["order"], row["standing"]) for row in rows] == [(7, "due")]
    (parked,) = run("flow", "run", "order-push", "--order", "SCY-NB-8", "--dry-run", "--json").json["would"]["rows"]
    assert (parked["order"], parked["standing"]) == (8, "parked")


def test_the_order_and_the_time_reach_the_flow(run: Run, story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    story.order(7)
    seen: list[object] = []

    def push(_context: Context, account: str | None = None, order_id: int | None = None) -> Summary:
        seen.append((account, order_id))
        return Summary(acknowledged=1)

    monkeypatch.setattr(order_push, "run", push)
    answer = run("flow", "run", "order_push", "--order", "NB-7")
    assert (answer.code, seen) == (0, [(None, 7)])
    assert answer.out.startswith("order_push: acknowledged 1 (")


def test_parked_writes_are_trouble(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_push, "run", lambda *_arguments, **_options: Summary(parked=2))
    answer = run("flow", "run", "order_push")
    assert answer.code == 1
    assert "2 writes wait for a person" in answer.out


def test_a_vendor_that_is_away_is_a_sentence_and_exit_1(run: Run) -> None:
    answer = run("flow", "run", order_poll.__name__.rpartition(".")[2], "--since", "2h")
    assert answer.code == 1
    assert "order_poll did not come through" in answer.err
    assert "Traceback" not in answer.err


def test_the_vendors_own_words_are_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_context: Context) -> None:
        raise RetryLater("the server is busy", CallEvidence("scend", "list orders", 503, None, "req-9"))

    monkeypatch.setitem(FLOWS, "status_pull", type(FLOWS["status_pull"])("x", fail, FLOWS["status_pull"].preview))
    answer = run("flow", "run", "status_pull")
    assert answer.code == 1
    assert "the server is busy (scend list orders, HTTP 503, request req-9)" in answer.err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("nonsense",), "There is no flow 'nonsense'"),
        (("status_pull", "--order", "7"), "status_pull takes no --order. It is for order_push"),
        (("order_poll", "--until", "1h"), "order_poll takes no --until. No flow of this version does."),
        (("order_push", "--since", "1h"), "It is for order_poll."),
        (("order_poll", "--since", "soon"), "is no time"),
        ((), "NAME"),
    ],
)
def test_wrong_use_is_exit_2_with_a_clear_text(run: Run, arguments: tuple[str, ...], text: str) -> None:
    answer = run("flow", "run", *arguments)
    assert answer.code == 2
    assert text in answer.err


def test_an_unknown_order_is_exit_1(run: Run) -> None:
    assert run("flow", "run", "order_push", "--order", "999").code == 1


def test_without_a_configuration_every_fault_is_named(run: Run, configured: Path) -> None:
    configured.write_text("[scayle]\nbase_url = 7\nnonsense = 1\n")
    answer = run("flow", "run", "sweep")
    assert answer.code == 2
    assert len(answer.err.splitlines()) > 2
    assert all(line.startswith("configuration: ") for line in answer.err.splitlines())
