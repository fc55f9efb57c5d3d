"""When a demo's day is over: not before SCAYLE has every answer, and not because a command failed once."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

from syncbridge.sandbox.credit_rule import CreditPlan
from syncbridge.sandbox.demo import day
from syncbridge.sandbox.demo.addresses import find_addresses
from syncbridge.sandbox.demo.credits import Credits
from syncbridge.sandbox.demo.options import DemoOptions
from syncbridge.sandbox.demo.processes import DemoFailed
from syncbridge.sandbox.demo.vendors import Sight
from syncbridge.sandbox.replay import ReplayOutcome
from syncbridge.sandbox.replay_order import Replay


class Shop:
    """SCAYLE's control plane, whose one question gets its answer after so many looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def call(self, method: str, path: str, **query: Any) -> dict[str, Any]:
        self.looks -= 1
        state = "asking" if self.looks >= 0 else "successful"
        question = {"orderId": 1, "merchant": "scend", "state": state}
        return {"cancellationRequests": [question], "refunds": []}


class Commands:
    """The command line, which fails at its first turns."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures

    def exceptions(self) -> list[dict[str, Any]]:
        self.failures -= 1
        if self.failures >= 0:
            raise DemoFailed("the database is locked")
        return []


def run_with(shop: Shop, commands: Commands) -> Any:
    sight = Sight(delegated=0, on_scend=0, in_orderwise=0, despatches=0, shipments=0, units=0, open_units=0, faults=0)
    said: list[str] = []

    class Screen(contextlib.nullcontext[None]):
        def progress(self, *_: object) -> None: ...
        def say(self, text: str) -> None:
            said.append(text)

    addresses = find_addresses()
    return SimpleNamespace(
        options=DemoOptions(faults=False),
        screen=Screen(),
        said=said,
        work=Replay("none", ()),
        vendors=SimpleNamespace(look=lambda: sight, given_up=frozenset, scayle=shop),
        processes=SimpleNamespace(check=lambda: None),
        commands=commands,
        credits=Credits(CreditPlan(), addresses, commands),  # type: ignore[arg-type]  # it runs no command here
    )


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(day, "EXCEPTIONS_SECONDS", 0.0)
    monkeypatch.setattr(day, "LOOK_SECONDS", 0.0)


def test_a_day_is_not_over_while_the_shop_still_asks_whether_something_may_be_cancelled() -> None:
    """The units may be closed by then, by ourselves; judged at that moment, the question would count as never answered."""
    shop = Shop(looks=3)
    run = run_with(shop, Commands())
    assert day.settle(run, ReplayOutcome(run.work)) == []
    assert shop.looks < 0
    assert run.said == ["everything is settled"]


def test_a_command_that_fails_once_on_a_busy_machine_does_not_end_the_day() -> None:
    run = run_with(Shop(looks=0), Commands(failures=1))
    assert day.settle(run, ReplayOutcome(run.work)) == []
    assert run.said == ["the database is locked", "everything is settled"]
