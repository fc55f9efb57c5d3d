"""`quota`: orders under Scend's real limit of 120 calls and 2 more a second, starting with nothing left.

Emptying the bucket behind our back would measure how we learn, not how we work: so the bench empties it to a few calls, lets
one order of ours through, from whose answers our own limiter learns, and begins.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any

import requests

from syncbridge.sandbox.bench.figures import Goal, Paper, number
from syncbridge.sandbox.bench.load import Driver, Phase
from syncbridge.sandbox.bench.scene import Scene, SceneOptions
from syncbridge.sandbox.clock import parse_instant
from syncbridge.sandbox.demo.addresses import ACCOUNT, SCEND_PATH
from syncbridge.sandbox.demo.processes import DemoFailed

CAPACITY, PER_SECOND = 120, 2.0
"""Scend's documented limit."""
STEADY_PER_SECOND, STEADY_GOAL_SECONDS = 1.0, 5.0
SHARE_GOAL_PERCENT = 90.0
LEAVE_CALLS = 4
PROBE_SECONDS = 30.0
WINDOW_SECONDS = 30.0
"""The steady part is also shown in stretches of so many seconds."""


@dataclass(frozen=True)
class Start:
    """What Scend had left at a moment (epoch seconds), by its own header."""

    level: float
    at: float


@dataclass(frozen=True)
class Use:
    """Calls that Scend took between two moments, and how many it could have taken."""

    calls: int
    possible: float
    seconds: float
    start_level: float

    @property
    def share_percent(self) -> float:
        """The part of the quota that was used."""
        return 100 * self.calls / self.possible


def measure(
    options: SceneOptions, steady_seconds: float, backlog: int, settle_seconds: float, paper: Paper
) -> tuple[dict[str, Any], list[Goal]]:
    """Run the steady part (0 seconds: not) and the backlog (0 orders: not); return the report and the goals."""
    report: dict[str, Any] = {}
    goals: list[Goal] = []
    with Scene(options, paper) as scene:
        driver = Driver(scene)
        report["scene"] = scene.describe()
        if steady_seconds > 0:
            start = empty_bucket(scene, driver)
            paper.say(
                f"steady: 1 order a second for {steady_seconds:g} s, Scend has {start.level:.0f} calls left"
            )
            orders = round(steady_seconds * STEADY_PER_SECOND)
            phase = driver.run("steady", STEADY_PER_SECOND, orders, settle_seconds=settle_seconds)
            report["steady"] = {
                **phase.to_json(),
                "startLevel": round(start.level, 2),
                "windows": _windows(phase),
            }
            goals += _steady_goals(phase)
            _show_steady(phase, paper)
        if backlog > 0:
            start = empty_bucket(scene, driver)
            paper.say(f"backlog: {backlog} orders at once, Scend has {start.level:.0f} calls left")
            phase = driver.run(
                "backlog",
                backlog,
                backlog,
                at_once=True,
                settle_seconds=backlog / PER_SECOND * 2 + settle_seconds,
            )
            use = used(phase, start)
            report["backlog"] = {
                **phase.to_json(),
                "startLevel": round(use.start_level, 2),
                "drainedSeconds": round(use.seconds, 2),
                "calls": use.calls,
                "possibleCalls": round(use.possible, 1),
                "sharePercent": round(use.share_percent, 2),
            }
            goals += [
                Goal(
                    "backlog: share of the quota used", use.share_percent, SHARE_GOAL_PERCENT, "%", above=True
                ),
                Goal("backlog: 429", float(phase.refusals()), 1, "answers"),
                Goal(
                    "backlog: orders missing or doubled",
                    float(phase.missing() + phase.doubled()),
                    1,
                    "orders",
                ),
            ]
            _show_backlog(phase, use, paper)
    return report, goals


def empty_bucket(scene: Scene, driver: Driver) -> Start:
    """Use up Scend's bucket but for a few calls, let one order of ours learn it, and say what is left."""
    session = requests.Session()
    session.trust_env = False
    session.headers.update(
        {"Authorization": f"Bearer {scene.addresses.scend_token}", "X-Scend-Account": ACCOUNT}
    )

    def left() -> float:
        answer = session.get(f"{scene.addresses.scend}{SCEND_PATH}/ping", timeout=5)
        if answer.status_code == 429:
            raise DemoFailed("Scend's bucket ran dry while it was emptied: something else is calling")
        return float(answer.headers["X-RateLimit-Remaining"])

    with session:
        while left() > LEAVE_CALLS:
            pass
        probe = driver.run("probe", 1.0, 1, settle_seconds=PROBE_SECONDS)
        if probe.missing() or probe.refusals():
            raise DemoFailed(
                "the order from which our limiter was to learn that nothing is left did not get through"
            )
        # One call that our limiter does not see; it stays so far below Scend's count that this is harmless.
        return Start(left(), time.time())


def used(phase: Phase, start: Start) -> Use:
    """Return how much of Scend's quota was used from the first delegation to the last order at Scend."""
    began = min(life.acknowledged_by_shop or phase.began for life in phase.lives.values())
    ended = max(life.created_at_scend or began for life in phase.lives.values())
    moments = [parse_instant(row["at"]).timestamp() for row in phase.scend_calls if row["status"] != 429]
    level = min(float(CAPACITY), start.level + PER_SECOND * (began - start.at))
    level -= sum(start.at < moment < began for moment in moments)
    calls = sum(began <= moment <= ended for moment in moments)
    return Use(calls, max(0.0, level) + PER_SECOND * (ended - began), ended - began, max(0.0, level))


def _windows(phase: Phase) -> list[dict[str, Any]]:
    """Return p95 of the push by the time at which orders came."""
    found: dict[int, list[Any]] = {}
    for life in phase.lives.values():
        found.setdefault(int((life.due - phase.began) // WINDOW_SECONDS), []).append(life)
    return [
        {"fromSecond": slot * WINDOW_SECONDS, "pushSeconds": phase.push(lives).to_json()}
        for slot, lives in sorted(found.items())
    ]


def _steady_goals(phase: Phase) -> list[Goal]:
    return [
        Goal("steady: push to order at Scend, p95", phase.push().p95, STEADY_GOAL_SECONDS, "s"),
        Goal(
            "steady: push to acknowledged in the ledger, p95",
            phase.push_to_ledger().p95,
            STEADY_GOAL_SECONDS,
            "s",
        ),
        Goal("steady: 429", float(phase.refusals()), 1, "answers"),
        Goal("steady: orders missing or doubled", float(phase.missing() + phase.doubled()), 1, "orders"),
    ]


def _show_steady(phase: Phase, paper: Paper) -> None:
    rows = [
        ("201 to order at Scend", *phase.push().cells(2)),
        ("201 to acknowledged in the ledger", *phase.push_to_ledger().cells(2)),
    ]
    for window in _windows(phase):
        figures = window["pushSeconds"]
        cells = (number(figures[name], 2) for name in ("p50", "p95", "p99", "max"))
        rows.append((f"  orders from second {window['fromSecond']:.0f}", str(figures["count"]), *cells))
    paper.table("One order a second, nothing in the bucket (s)", ("", "n", "p50", "p95", "p99", "max"), rows)
    paper.say(_calls(phase))


def _show_backlog(phase: Phase, use: Use, paper: Paper) -> None:
    paper.table(
        f"{len(phase.lives)} orders at once, nothing in the bucket",
        ("drained in", "calls", "possible calls", "share used", "429", "calls/order"),
        [
            (
                f"{use.seconds:.1f} s",
                str(use.calls),
                f"{use.possible:.1f}",
                f"{use.share_percent:.1f} %",
                str(phase.refusals()),
                f"{use.calls / len(phase.lives):.2f}",
            )
        ],
    )
    paper.say(_calls(phase))


def _calls(phase: Phase) -> str:
    counts: dict[str, int] = {}
    for row in phase.scend_calls:
        what = f"{row['method']} {row['path'].removeprefix(SCEND_PATH)}"
        counts[what] = counts.get(what, 0) + 1
    return f"calls to Scend, {phase.refusals()} of them refused with 429: {json.dumps(counts)}"
