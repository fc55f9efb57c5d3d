"""The arithmetic of the measurements: what is counted, and that a goal that was not measured is not met."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from syncbridge.sandbox.bench import __main__ as command
from syncbridge.sandbox.bench import census, quota, scene
from syncbridge.sandbox.bench.basket import UNITS, order_body
from syncbridge.sandbox.bench.figures import Goal, Paper, Spread
from syncbridge.sandbox.bench.load import Life, Phase
from syncbridge.sandbox.clock import format_instant, parse_instant
from syncbridge.sandbox.demo.processes import DemoFailed

START = parse_instant("2026-03-02T08:00:00.000Z").timestamp()


def at(seconds: float) -> str:
    return format_instant(datetime.fromtimestamp(START + seconds, UTC))


def call(seconds: float, status: int = 200) -> dict[str, object]:
    return {"at": at(seconds), "status": status, "method": "GET", "path": "/v1/orders"}


def test_percentiles_are_values_that_were_measured() -> None:
    spread = Spread.of(range(1, 101))
    assert (spread.count, spread.p50, spread.p95, spread.p99, spread.largest) == (100, 50, 95, 99, 100)
    assert Spread.of([7.0]).p99 == 7.0
    assert Spread.of([]) == Spread(0)


@pytest.mark.parametrize(
    ("value", "above", "met"),
    [(4.9, False, True), (5.0, False, False), (None, False, None), (90.1, True, True), (90.0, True, False)],
)
def test_goal_is_met_only_by_a_figure_on_the_right_side(
    value: float | None, above: bool, met: bool | None
) -> None:
    assert Goal("a", value, 90.0 if above else 5.0, "s", above=above).met is met


def test_orders_of_the_measurement_have_five_units() -> None:
    assert [sum(line["quantity"] for line in order_body(n)["lines"]) for n in (1, 26, 999_999)] == [UNITS] * 3
    assert order_body(3) == order_body(3)


def test_push_is_timed_from_the_answer_and_what_never_arrived_is_missing() -> None:
    phase = Phase("p", 10.0)
    phase.lives = {
        1: Life(START, START + 0.1, START + 1.1, START + 1.2, created=1),
        2: Life(START, START + 0.1, START + 2.1, START + 2.3, created=2),
        3: Life(START, START + 0.1),
    }
    assert phase.push().p50 == pytest.approx(1.0)
    assert phase.push().largest == pytest.approx(2.0)
    assert phase.push_to_ledger().largest == pytest.approx(2.2)
    assert (phase.missing(), phase.doubled()) == (1, 1)


def test_delegation_without_an_answer_is_an_error_and_not_a_latency() -> None:
    phase = Phase("p", 10.0)
    phase.delegation_calls = [
        {"status": 201, "latencyMilliseconds": 12.0, "error": None},
        {"status": 503, "latencyMilliseconds": 5.0, "error": None},
        {"status": None, "latencyMilliseconds": 15000.0, "error": "no answer within 15 s"},
    ]
    assert phase.delegations().count == 2
    assert phase.errors() == {"503": 1, "no answer within 15 s": 1}


def test_share_of_the_quota_counts_what_was_there_and_what_came_in_meanwhile() -> None:
    phase = Phase("backlog", 10.0, began=START)
    phase.lives = {1: Life(START, START + 10, START + 12), 2: Life(START, START + 11, START + 20)}
    phase.scend_calls = [call(1), *(call(11 + n / 2) for n in range(18)), call(15, 429), call(30)]
    use = quota.used(phase, quota.Start(level=3.0, at=START))
    # 3 at the start and 20 until the first answer at 10 s, less one call; 20 more until 20 s; 18 calls in between.
    assert use.start_level == pytest.approx(3 + 20 - 1)
    assert use.possible == pytest.approx(22 + 20)
    assert use.calls == 18
    assert use.share_percent == pytest.approx(100 * 18 / 42)


def test_start_level_is_never_above_the_capacity() -> None:
    phase = Phase("backlog", 10.0, began=START)
    phase.lives = {1: Life(START, START + 500, START + 501)}
    assert quota.used(phase, quota.Start(3.0, START)).start_level == quota.CAPACITY


@pytest.mark.skipif(not census.available(), reason="needs Linux's /proc")
def test_census_finds_this_process_and_its_memory() -> None:
    mine = os.getpid()
    (found,) = census.count_processes({"web": mine}, [])
    assert (found.role, found.is_ours) == ("web", True)
    assert found.cpu_seconds > 0
    assert 1 < (census.pss_mebibytes(mine) or 0) < 10_000
    assert census.cpu_by_program([found]) == {"web": found.cpu_seconds}


@pytest.mark.skipif(not census.available(), reason="needs Linux's /proc")
def test_census_knows_children_by_the_program_that_started_them() -> None:
    roles = {one.pid: one.role for one in census.count_processes({"worker": os.getppid()}, [os.getpid()])}
    assert roles[os.getpid()] == "worker child"


def test_postgresql_is_refused_without_a_database_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:///x")
    with pytest.raises(DemoFailed, match="DATABASE_URL"):
        scene.database_of("postgresql")
    assert not scene.database_of("sqlite")


def test_load_beyond_the_bounds_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        command.main(["throughput", "--rate", "5000"])
    assert refused.value.code == 2
    assert "takes 0 to 500" in capsys.readouterr().err


def test_missed_goal_fails_the_command_only_when_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "run", lambda *_: ({"figure": 1}, [Goal("a", 9.0, 5.0, "s")]))
    paper = Paper(Console(file=io.StringIO(), highlight=False))
    report = tmp_path / "report.json"
    assert command.main(["sandbox", "--report", str(report)], paper) == 0
    assert command.main(["sandbox", "--check"], paper) == 1
    document = json.loads(report.read_text())
    assert document["goals"] == [{"name": "a", "value": 9.0, "goal": "< 5 s", "met": False}]
    assert document["machine"]["cores"] >= 1
