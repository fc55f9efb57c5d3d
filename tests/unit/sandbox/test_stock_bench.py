"""The arithmetic of the stock measurement: what counts as the compare, as a minute's reads, and as a promise kept."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from syncbridge.sandbox.bench import __main__ as command
from syncbridge.sandbox.bench import compare, shelf, stock
from syncbridge.sandbox.bench.compare import Compared, Reads
from syncbridge.sandbox.bench.figures import Goal, Paper
from syncbridge.sandbox.bench.footprint import Samples
from syncbridge.sandbox.bench.ledger_rows import epoch_of
from syncbridge.sandbox.bench.load import Life, Phase

ASKED = datetime(2026, 3, 2, 8, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return ASKED + timedelta(minutes=minutes)


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    path = tmp_path / "ledger.sqlite3"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE stock_comparisons (id INTEGER PRIMARY KEY, started_at TEXT, finished_at TEXT, skus INTEGER, "
            "skus_off INTEGER, units_off INTEGER, edited INTEGER)"
        )
    return f"sqlite:///{path}"


def note(ledger: str, began: float, ended: float, skus: int) -> None:
    row = (at(began).isoformat(), at(ended).replace(tzinfo=None).isoformat(" "), skus)
    with sqlite3.connect(ledger.removeprefix("sqlite:///")) as connection:
        connection.execute(
            "INSERT INTO stock_comparisons (started_at, finished_at, skus, skus_off, units_off, edited) "
            "VALUES (?, ?, ?, 40, 120, 40)",
            row,
        )


def test_the_compare_is_the_one_that_began_after_it_was_asked_for(ledger: str) -> None:
    asked = ASKED.timestamp()
    note(ledger, -30, -22, 7)
    assert compare.comparison(ledger, asked) is None
    note(ledger, 0.5, 8.5, 20_000)
    found = compare.comparison(ledger, asked)
    assert found is not None
    # Waiting in the queue is part of it.
    assert (found.skus, found.minutes) == (20_000, pytest.approx(8.5))


def test_a_stored_instant_without_a_zone_is_utc() -> None:
    assert epoch_of("2026-03-02 08:00:00") == epoch_of("2026-03-02T08:00:00+00:00") == ASKED.timestamp()


def test_the_busiest_minute_is_found_wherever_it_begins() -> None:
    assert Reads((0.0, 50.0, 59.9, 60.0, 109.9, 119.0)).busiest_minute == 4
    assert Reads(()).busiest_minute == 0


@pytest.mark.parametrize(
    ("skus", "per_minute", "minutes"), [(20_000, 2_500, 9.0), (2_000, 2_500, 0.9), (2_000, 250, 9.0)]
)
def test_the_goal_follows_size_and_limit(skus: int, per_minute: int, minutes: float) -> None:
    assert stock.goal_minutes(skus, per_minute) == pytest.approx(minutes)


def test_edited_numbers_are_spread_over_the_whole_shelf() -> None:
    chosen = shelf.edited(40, 19_940)
    assert (len(chosen), chosen[0], chosen[-1]) == (40, "SHELF-000001", "SHELF-019423")
    assert shelf.edited(3, 2) == shelf.skus(2)
    assert shelf.edited(0, 100) == ()


def goals(found: Compared | None, *, right: int = 40, named: int = 40, refused: int = 0) -> dict[str, Goal]:
    phase = Phase("compare", 0.8, {1: Life(10.0, 10.1, 10.5, 10.6, created=1)})
    samples = Samples(rows=[(0, {"web": 80.0, "scayle": 400.0})], ours={"web"})
    corrected = stock.Corrected(edited=40, right=right, named=named, seconds=3.0)
    return {goal.name: goal for goal in stock.goals(found, 20_000, 9.0, phase, corrected, refused, samples)}


def compared(minutes: float, skus: int = 20_004) -> Compared:
    asked = ASKED.timestamp()
    return Compared(asked, asked + 1, asked + 60 * minutes, skus, 40, 120, 40)


def test_a_compare_in_time_with_everything_right_meets_every_goal() -> None:
    assert {goal.met for goal in goals(compared(8.2)).values()} == {True}


@pytest.mark.parametrize(
    ("missed", "made"),
    [
        ("compare of 20000 SKUs", goals(compared(9.0))),
        ("SKUs not compared", goals(compared(8.0, skus=19_999))),
        ("429 from SCAYLE", goals(compared(8.0), refused=1)),
        ("edited numbers not put right", goals(compared(8.0), right=39)),
        ("edited numbers not named", goals(compared(8.0), named=39)),
    ],
)
def test_each_promise_can_be_missed_alone(missed: str, made: dict[str, Goal]) -> None:
    assert [name for name, goal in made.items() if not goal.met] == [missed]


def test_a_compare_that_did_not_end_meets_no_goal_of_its_own() -> None:
    made = goals(None)
    assert made["compare of 20000 SKUs"].met is made["SKUs not compared"].met is None


def test_a_missed_promise_fails_the_command_without_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run", lambda *_: ({}, [Goal("a", 9.0, 5.0, "s")]))
    assert command.main(["stock"], Paper()) == 1
    assert command.main(["throughput"], Paper()) == 0


def test_only_the_limits_of_stock_are_replaced() -> None:
    limits = stock.scayle_limits(1_000)
    assert (limits["stocksRead"], limits["stocksWrite"], limits["ordersRead"]) == (1_000, 1_000, 1_000)
    assert limits["globalRead"] == 1_000
    assert limits["fulfillmentWrite"] == 300
