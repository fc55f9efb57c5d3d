"""`stock`: a full compare of a large catalogue under SCAYLE's real limits, while orders come in.

Everything is published first, a few numbers are edited in the shop's panel, and the compare is asked for as the scheduler asks
for it, through the broker. What it took is told by the vendors' own records; that it is over, by the ledger.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from syncbridge.sandbox.bench import census, shelf
from syncbridge.sandbox.bench.basket import SKUS
from syncbridge.sandbox.bench.compare import Compared, Reads, ask_for_compare, comparison, stock_reads
from syncbridge.sandbox.bench.figures import Goal, Paper, number
from syncbridge.sandbox.bench.footprint import LIMIT_MEBIBYTES, Samples
from syncbridge.sandbox.bench.ledger_rows import ledger_rows
from syncbridge.sandbox.bench.load import Driver, Phase
from syncbridge.sandbox.bench.scene import Scene, SceneOptions
from syncbridge.sandbox.demo.processes import DemoFailed
from syncbridge.sandbox.replay import ControlPlane

FULL_SKUS, FULL_PER_MINUTE, FULL_MINUTES = 20_000, 2_500, 9.0
"""What the project promises: so many SKUs, at SCAYLE's default limit, in so many minutes."""
ORDERS_PER_MINUTE, ORDER_GOAL_SECONDS = 50.0, 5.0
EDITED_SKUS, EDITED_TO = 40, shelf.SHELF_UNITS + 3
WARM_UP_ORDERS = 10
LATENCY_MILLISECONDS = 50
"""What a call over the Internet takes longer than one on loopback. Guessed: two ways within a continent, TLS kept open, and
the vendor's own work. Without it one connection would make any number of calls."""
SAMPLE_SECONDS = 3.0
CORRECTED_SECONDS = 120.0
"""Longest wait for the last edited number to be put right after the compare."""
LONGEST_FACTOR = 3.0
"""A compare that takes so many times its goal is given up."""

_EDITS = "SELECT count(*) AS found FROM exceptions WHERE kind = 'stock_edited'"


def scayle_limits(per_minute: int) -> dict[str, int]:
    """Return SCAYLE's documented limits, those of stock replaced."""
    return {
        "ordersRead": 1000,
        "ordersWrite": 300,
        "fulfillmentWrite": 300,
        "globalRead": 1000,
        "globalWrite": 300,
        "stocksRead": per_minute,
        "stocksWrite": per_minute,
    }


def goal_minutes(skus: int, per_minute: int) -> float:
    """Return the promise for another size: 2,000 SKUs at 2,500 a minute have 0.9 minutes."""
    return FULL_MINUTES * (skus / FULL_SKUS) * (FULL_PER_MINUTE / per_minute)


@dataclass(frozen=True)
class Corrected:
    """Edited numbers that are right again, how many have a name, and seconds from the end of the compare."""

    edited: int
    right: int
    named: int
    seconds: float


def measure(
    options: SceneOptions, skus: int, per_minute: int, edited: int, settle_seconds: float, paper: Paper
) -> tuple[dict[str, Any], list[Goal]]:
    """Run the compare once; return the report and the goals."""
    if not census.available():
        raise DemoFailed("stock: this system has no /proc/PID/smaps_rollup, which Linux has")
    samples = Samples()
    bound = goal_minutes(skus, per_minute)
    with Scene(options, paper) as scene:
        paper.say(f"{skus} SKUs read and published in {scene.published_seconds:.0f} s, without limits and latency")
        paper.say(
            f"now SCAYLE takes {per_minute} stock reads a minute, Scend {options.scend_per_second:g} calls a second, "
            f"each call {options.latency_milliseconds} ms"
        )
        driver = Driver(scene)
        driver.run("warm-up", 1.0, WARM_UP_ORDERS, settle_seconds=settle_seconds)
        refused_before = refusals(scene.vendors.scayle)
        seen = _requests_so_far(scene.vendors.scayle)
        chosen = shelf.edited(edited, options.shelf)
        shelf.edit_in_panel(scene.vendors, chosen, EDITED_TO)
        samples.take(scene, 0)
        asked = ask_for_compare(scene)
        paper.say(
            f"{len(chosen)} numbers edited in the panel; compare asked for; {ORDERS_PER_MINUTE:g} orders a minute meanwhile"
        )
        watcher = _Watcher(scene, samples, asked)
        longest = bound * LONGEST_FACTOR + 1
        phase = driver.run(
            "compare",
            ORDERS_PER_MINUTE / 60,
            round(ORDERS_PER_MINUTE * longest),
            settle_seconds=settle_seconds,
            watch=watcher.look,
            enough=lambda: watcher.found is not None,
        )
        found = watcher.found or comparison(scene.database_url, asked)
        corrected = wait_until_right(scene, chosen, found)
        after = samples.take(scene, len(phase.lives))
        refused = {
            scope: count - refused_before.get(scope, 0)
            for scope, count in refusals(scene.vendors.scayle).items()
            if count > refused_before.get(scope, 0)
        }
        reads = stock_reads(scene.vendors.scayle, seen)
        described = scene.describe()
        published_seconds = scene.published_seconds
    _show(found, phase, corrected, reads, per_minute, samples, paper)
    if refused:
        paper.say("SCAYLE refused: " + ", ".join(f"{count} of {scope}" for scope, count in sorted(refused.items())))
    report = {
        "scene": described,
        "skus": skus,
        "perMinute": per_minute,
        "publishedSeconds": round(published_seconds, 1),
        "compare": None if found is None else {**vars(found), "minutes": round(found.minutes, 3)},
        "orders": phase.to_json(),
        "corrected": vars(corrected),
        "stockReads": {"count": len(reads.moments), "busiestMinute": reads.busiest_minute},
        "refused429": {"scend": phase.refusals(), "scayle": refused},
        "largestMebibytes": {role: round(samples.peak(role), 1) for role in sorted(after)},
    }
    return report, goals(found, skus, bound, phase, corrected, sum(refused.values()), samples)


def goals(
    found: Compared | None,
    skus: int,
    bound: float,
    phase: Phase,
    corrected: Corrected,
    scayle_refused: int,
    samples: Samples,
) -> list[Goal]:
    """Return what the promise comes to."""
    return [
        Goal(f"compare of {skus} SKUs", found.minutes if found else None, bound, "minutes"),
        Goal("SKUs not compared", float(max(0, skus - found.skus)) if found else None, 1, "SKUs"),
        Goal("429 from SCAYLE", float(scayle_refused), 1, "answers"),
        Goal("429 from Scend", float(phase.refusals()), 1, "answers"),
        Goal("delegation due to acknowledged, p95", phase.due_to_ledger().p95, ORDER_GOAL_SECONDS, "s"),
        Goal("orders missing or doubled", float(phase.missing() + phase.doubled()), 1, "orders"),
        Goal("edited numbers not put right", float(corrected.edited - corrected.right), 1, "SKUs"),
        Goal("edited numbers not named", float(corrected.edited - corrected.named), 1, "SKUs"),
        Goal(
            "largest of our processes",
            max((samples.peak(role) for role in samples.ours), default=None),
            LIMIT_MEBIBYTES,
            "MiB",
        ),
    ]


class _Watcher:
    """Looks about once a second whether the compare is over, and at memory a little less often."""

    def __init__(self, scene: Scene, samples: Samples, asked: float) -> None:
        self._scene, self._samples, self._asked = scene, samples, asked
        self.found: Compared | None = None

    def look(self, phase: Phase) -> None:
        """Look once."""
        self._scene.processes.check()
        if self.found is None:
            self.found = comparison(self._scene.database_url, self._asked)
        if time.monotonic() - self._samples.sampled_at >= SAMPLE_SECONDS:
            self._samples.take(self._scene, len(phase.lives))


def wait_until_right(scene: Scene, chosen: Sequence[str], found: Compared | None) -> Corrected:
    """Wait until the shop shows the edited SKUs as they are, and count how many were named."""
    wrong = set(chosen)
    deadline = time.monotonic() + CORRECTED_SECONDS
    while wrong and time.monotonic() < deadline:
        scene.processes.check()
        wrong = {sku for sku in wrong if shelf.shown(scene.vendors, sku) != shelf.SHELF_UNITS}
        if wrong:
            time.sleep(1.0)
    named = int(ledger_rows(scene.database_url, _EDITS)[0].found)
    return Corrected(
        len(chosen), len(chosen) - len(wrong), named, max(0.0, time.time() - (found.ended if found else time.time()))
    )


def refusals(plane: ControlPlane) -> dict[str, int]:
    """Return how many calls of each scope SCAYLE has answered with 429 so far."""
    return dict(plane.call("GET", "/summary")["rateLimited"])


def _requests_so_far(plane: ControlPlane) -> int:
    return int(plane.call("GET", "/summary")["requests"])


def _show(
    found: Compared | None,
    phase: Phase,
    corrected: Corrected,
    reads: Reads,
    per_minute: int,
    samples: Samples,
    paper: Paper,
) -> None:
    if found is None:
        paper.say("the compare did not end in time")
    else:
        busiest = reads.busiest_minute
        paper.table(
            "The compare",
            ("SKUs", "minutes", "waited s", "reads", "busiest minute", "of the limit", "SKUs off", "units off", "edited"),
            [
                (
                    str(found.skus),
                    number(found.minutes, 2),
                    number(found.began - found.asked, 1),
                    str(len(reads.moments)),
                    str(busiest),
                    f"{100 * busiest / per_minute:.1f} %",
                    str(found.skus_off),
                    str(found.units_off),
                    str(found.edited),
                )
            ],
        )
        paper.say(
            f"{corrected.right} of {corrected.edited} edited numbers right again {corrected.seconds:.0f} s after it, "
            f"{corrected.named} named"
        )
    paper.table(
        f"{len(phase.lives)} orders of {len(SKUS)} SKUs meanwhile (s)",
        ("", "n", "p50", "p95", "p99", "max"),
        [
            ("delegation due to acknowledged in the ledger", *phase.due_to_ledger().cells(2)),
            ("201 to order at Scend", *phase.push().cells(2)),
        ],
    )
    peaks = ", ".join(f"{role} {samples.peak(role):.0f}" for role in sorted(samples.ours))
    paper.say(f"most memory that one process of each kind took, MiB of proportional set size: {peaks}")
    paper.say(
        "cores used: "
        + ", ".join(
            f"{name} {spent / phase.seconds:.2f}"
            for name, spent in sorted(phase.cpu_seconds.items(), key=lambda pair: -pair[1])
            if spent / phase.seconds >= 0.01
        )
    )
