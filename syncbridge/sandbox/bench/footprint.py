"""`footprint`: how much memory each process takes before, during and after many orders, and whether it grows."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from syncbridge.sandbox.bench import census
from syncbridge.sandbox.bench.figures import Goal, Paper, number
from syncbridge.sandbox.bench.load import Driver, Phase
from syncbridge.sandbox.bench.scene import Scene, SceneOptions
from syncbridge.sandbox.demo.processes import DemoFailed

LIMIT_MEBIBYTES = 150.0
FLAT_MEBIBYTES = 8.0
"""What a process may gain between half of the orders and the end and still count as flat: the spread of repeats of an
idle worker (guessed, not measured), with room. A leak of 1 KiB an order shows as 5 MiB within 5,000 orders."""
SAMPLE_SECONDS = 3.0
MARKS = (0.25, 0.5, 0.75, 1.0)


@dataclass
class Samples:
    """The largest process of every role, in MiB, by the moment: how many orders Scend had."""

    rows: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    ours: set[str] = field(default_factory=set)
    sampled_at: float = 0.0

    def take(self, scene: Scene, orders: int) -> dict[str, float]:
        """Look at every process once."""
        largest: defaultdict[str, float] = defaultdict(float)
        counts: defaultdict[str, int] = defaultdict(int)
        for process in scene.census():
            size = census.pss_mebibytes(process.pid)
            if size is None:
                continue
            largest[process.role] = max(largest[process.role], size)
            counts[process.role] += 1
            if process.is_ours:
                self.ours.add(process.role)
        self.counts = dict(counts)
        self.rows.append((orders, dict(largest)))
        self.sampled_at = time.monotonic()
        return dict(largest)

    def at(self, orders: float, role: str) -> float | None:
        """Return the last sample before that many orders had arrived."""
        before = [sizes for count, sizes in self.rows if count <= orders]
        return before[-1].get(role) if before else None

    def peak(self, role: str) -> float:
        """Return the largest sample."""
        return max(sizes.get(role, 0.0) for _, sizes in self.rows)


def measure(
    options: SceneOptions, orders: int, rate: float, settle_seconds: float, paper: Paper
) -> tuple[dict[str, Any], list[Goal]]:
    """Send `orders` through everything and sample memory; return the report and the goals."""
    if not census.available():
        raise DemoFailed("footprint: this system has no /proc/PID/smaps_rollup, which Linux has")
    samples = Samples()
    with Scene(options, paper) as scene:
        samples.take(scene, 0)

        def watch(phase: Phase) -> None:
            if time.monotonic() - samples.sampled_at >= SAMPLE_SECONDS:
                samples.take(scene, sum(life.created_at_scend is not None for life in phase.lives.values()))

        paper.say(f"{orders} orders of 5 units at {rate:g} a second")
        phase = Driver(scene).run("footprint", rate, orders, settle_seconds=settle_seconds, watch=watch)
        samples.take(scene, orders)
        if options.warehouse:
            _wait_for_parcels(scene, samples, orders, settle_seconds)
        shipments = scene.vendors.look().shipments
        after = samples.take(scene, orders)
        described = scene.describe()
    middle = {role: samples.at(orders / 2, role) or 0.0 for role in after}
    _show(samples, after, orders, shipments, paper)
    report = {
        "scene": described,
        "orders": orders,
        "shipments": shipments,
        "missing": phase.missing(),
        "pushSeconds": phase.push().to_json(),
        "largestMebibytes": {
            role: {
                "processes": samples.counts[role],
                "before": _mebibytes(samples.rows[0][1].get(role)),
                **{f"at{mark:.0%}": _mebibytes(samples.at(mark * orders, role)) for mark in MARKS},
                "after": _mebibytes(after[role]),
                "peak": _mebibytes(samples.peak(role)),
            }
            for role in sorted(after)
        },
        "samples": [
            {"orders": count, **{r: _mebibytes(s) for r, s in sizes.items()}} for count, sizes in samples.rows
        ],
    }
    ours = sorted(samples.ours & after.keys())
    goals = [
        Goal(
            f"largest of our processes after {orders} orders",
            max((after[role] for role in ours), default=None),
            LIMIT_MEBIBYTES,
            "MiB",
        ),
        Goal(
            "most that one of ours gained in the second half",
            max((after[role] - middle[role] for role in ours), default=None),
            FLAT_MEBIBYTES,
            "MiB",
        ),
        Goal("orders missing or doubled", float(phase.missing() + phase.doubled()), 1, "orders"),
    ]
    return report, goals


def _wait_for_parcels(scene: Scene, samples: Samples, orders: int, settle_seconds: float) -> None:
    """Wait until SCAYLE knows every unit's fate, or the time is up."""
    deadline = time.monotonic() + settle_seconds
    while time.monotonic() < deadline and scene.vendors.look().open_units:
        scene.processes.check()
        samples.take(scene, orders)
        time.sleep(SAMPLE_SECONDS)


def _show(samples: Samples, after: dict[str, float], orders: int, shipments: int, paper: Paper) -> None:
    rows = [
        (
            role + ("" if role in samples.ours else " (not ours)"),
            str(samples.counts[role]),
            number(samples.rows[0][1].get(role), 1),
            *(number(samples.at(mark * orders, role), 1) for mark in MARKS),
            number(after[role], 1),
            number(samples.peak(role), 1),
        )
        for role in sorted(after, key=lambda role: (role not in samples.ours, role))
    ]
    paper.table(
        f"Proportional set size of the largest process of each kind (MiB); {orders} orders, {shipments} shipments",
        ("process", "how many", "before", *(f"{mark:.0%}" for mark in MARKS), "after", "peak"),
        rows,
    )


def _mebibytes(size: float | None) -> float | None:
    return None if size is None else round(size, 1)
