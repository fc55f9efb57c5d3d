"""Scheduled runs: once per time slot, and again at the next tick when a run did not get its work done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from syncbridge import bootstrap
from syncbridge.config.operations import ScheduleSettings
from syncbridge.domain.errors import CallEvidence, RetryLater
from syncbridge.ledger import migrate
from syncbridge.ledger.engine import Ledger
from tasks.base import run_flow
from tasks.schedule import LONGEST_TICK_SECONDS, beat_schedule

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def runs(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    ledger = Ledger(sqlite_url)
    migrate.upgrade(ledger)
    context = SimpleNamespace(ledger=ledger, now=lambda: NOW)
    monkeypatch.setattr(bootstrap, "context", lambda: context)
    yield []
    ledger.close()


def flow(runs: list[str], error: Exception | None = None) -> Any:
    def run(_context: Any) -> dict[str, int]:
        runs.append("run")
        if error is not None:
            raise error
        return {"done": 1}

    return run


def test_a_slot_is_run_once_however_often_it_is_offered(runs: list[str]) -> None:
    outcomes = [run_flow("sweep", flow(runs), every=10) for _ in range(3)]
    assert outcomes == [{"done": 1}, *[{"skipped": "this time slot has run"}] * 2]
    assert runs == ["run"]


def test_slots_of_different_flows_are_their_own(runs: list[str]) -> None:
    run_flow("sweep", flow(runs), every=10)
    run_flow("escalate", flow(runs), every=10)
    assert len(runs) == 2


def test_a_run_by_doorbell_or_by_hand_takes_no_slot(runs: list[str]) -> None:
    run_flow("despatch_pull", flow(runs))
    run_flow("despatch_pull", flow(runs))
    run_flow("despatch_pull", flow(runs), every=60)
    assert len(runs) == 3


def test_a_run_that_a_vendor_held_up_gives_its_slot_back(runs: list[str]) -> None:
    assert run_flow(
        "catalogue_pull",
        flow(runs, RetryLater("away", CallEvidence("scend", "read product feed"))),
        every=86_400,
    ) == {"held_up": "RetryLater"}
    assert run_flow("catalogue_pull", flow(runs), every=86_400) == {"done": 1}


def test_a_run_that_failed_by_a_fault_of_ours_gives_its_slot_back(runs: list[str]) -> None:
    with pytest.raises(ZeroDivisionError):
        run_flow("escalate", flow(runs, ZeroDivisionError()), every=60)
    assert run_flow("escalate", flow(runs), every=60) == {"done": 1}


def test_what_runs_rarely_is_offered_often_enough_to_survive_a_scheduler_s_restart() -> None:
    for flow_name, entry in beat_schedule(ScheduleSettings()).items():
        assert entry["schedule"] <= LONGEST_TICK_SECONDS, flow_name
        assert entry["schedule"] <= entry["kwargs"]["every"], flow_name
        assert entry["options"]["expires"] >= 30, flow_name
