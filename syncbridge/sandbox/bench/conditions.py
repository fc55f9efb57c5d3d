"""The conditions of a measurement: which machine, how busy with other things, and how steady it was."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncbridge.sandbox.bench.figures import Paper

GAUGE_ROUNDS = 400_000
"""Rounds of the gauge's loop: about 30 ms on a core of 2020."""
GAUGE_REPEATS = 9


def gauge_milliseconds() -> tuple[float, float]:
    """Time a fixed loop a few times; return the fastest and the median run in milliseconds.

    The fastest tells how fast a core is, the median how often something else had it.
    """
    runs = []
    for _ in range(GAUGE_REPEATS):
        began = time.perf_counter()
        total = 0
        for number in range(GAUGE_ROUNDS):
            total += number & 7
        runs.append((time.perf_counter() - began) * 1000)
    return min(runs), sorted(runs)[len(runs) // 2]


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    """Return the name of the processor, where the system tells it."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def busy_seconds() -> float | None:
    """Return the processor seconds that this computer has spent so far, on whatever; None where it does not tell."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]
    except (OSError, IndexError):
        return None
    user, nice, system, _idle, _waiting, irq, softirq, steal = (int(figure) for figure in first)
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


@dataclass
class Conditions:
    """The machine before and after. `gauge` figures are milliseconds: (fastest, median)."""

    gauge_before: tuple[float, float] = field(default_factory=gauge_milliseconds)
    load_before: tuple[float, float, float] = field(default_factory=os.getloadavg)
    gauge_after: tuple[float, float] | None = None
    load_after: tuple[float, float, float] | None = None

    def finish(self) -> None:
        """Measure again, with everything of the measurement stopped."""
        self.load_after = os.getloadavg()
        self.gauge_after = gauge_milliseconds()

    @property
    def drift(self) -> float | None:
        """By which part the median loop is slower after than before; ± 0.1 and more means a busy machine."""
        if self.gauge_after is None:
            return None
        return self.gauge_after[1] / self.gauge_before[1] - 1

    def show(self, paper: Paper) -> None:
        """Print them."""
        paper.say("")
        paper.say(
            f"machine: {cores()} cores, {processor()}, Python {platform.python_version()}, {platform.system()} {platform.release()}"
        )
        paper.say(
            f"load average before {_load(self.load_before)}"
            + (f", after {_load(self.load_after)}" if self.load_after else "")
        )
        text = f"noise gauge (a fixed loop, fastest / median): before {_gauge(self.gauge_before)}"
        if self.gauge_after is not None and self.drift is not None:
            text += f", after {_gauge(self.gauge_after)}; median {self.drift:+.0%}"
        paper.say(text)
        if self.load_before[0] > 0.5 * cores():
            paper.say("the machine was busy before the measurement began: take the figures as an upper bound")

    def to_json(self) -> dict[str, Any]:
        """Write them for a report."""
        return {
            "cores": cores(),
            "processor": processor(),
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.release()}",
            "loadBefore": self.load_before,
            "loadAfter": self.load_after,
            "gaugeMillisecondsBefore": [round(one, 3) for one in self.gauge_before],
            "gaugeMillisecondsAfter": [round(one, 3) for one in self.gauge_after]
            if self.gauge_after
            else None,
            "gaugeDrift": round(self.drift, 4) if self.drift is not None else None,
        }


def _load(averages: tuple[float, float, float]) -> str:
    return " ".join(f"{one:.2f}" for one in averages)


def _gauge(pair: tuple[float, float]) -> str:
    return f"{pair[0]:.1f} / {pair[1]:.1f} ms"
