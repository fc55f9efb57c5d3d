"""`throughput`: how quickly delegations are answered and orders pushed, with the vendors' limits out of the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from syncbridge.sandbox.bench.figures import Goal, Paper, number
from syncbridge.sandbox.bench.load import Driver, Phase
from syncbridge.sandbox.bench.scene import Scene, SceneOptions

DELEGATION_GOAL = (50.0, 500.0)
"""Orders a second, and milliseconds of p99 that the project promises for it on two cores."""
PUSH_GOAL = (30.0, 5.0)
"""Orders a second, and seconds of p95 from SCAYLE's 201 to the order at Scend."""
WARM_UP_ORDERS = 30


@dataclass(frozen=True)
class Stretch:
    """So many orders a second for so many seconds."""

    rate: float
    seconds: float

    @property
    def orders(self) -> int:
        """How many orders it takes."""
        return max(1, round(self.rate * self.seconds))


def measure(
    options: SceneOptions, stretches: Sequence[Stretch], repeats: int, settle_seconds: float, paper: Paper
) -> tuple[dict[str, Any], list[Goal]]:
    """Run every stretch `repeats` times in one scene; return the report and the goals that these rates have."""
    phases: list[Phase] = []
    with Scene(options, paper) as scene:
        driver = Driver(scene)
        driver.run("warm-up", 10.0, WARM_UP_ORDERS, settle_seconds=settle_seconds)
        for stretch in stretches:
            for repeat in range(1, repeats + 1):
                name = f"{stretch.rate:g}/s for {stretch.seconds:g} s" + (
                    f" #{repeat}" if repeats > 1 else ""
                )
                paper.say(f"{name}: {stretch.orders} orders of 5 units")
                phase = driver.run(name, stretch.rate, stretch.orders, settle_seconds=settle_seconds)
                phases.append(phase)
                paper.say(
                    f"  all acknowledged after {phase.seconds:.0f} s"
                    if not phase.missing()
                    else f"  {phase.missing()} orders are not acknowledged after {phase.seconds:.0f} s"
                )
        described = scene.describe()
    show(phases, paper)
    return {"scene": described, "phases": [phase.to_json() for phase in phases]}, goals(phases)


def goals(phases: Sequence[Phase]) -> list[Goal]:
    """Return what the phases should have reached: the worst repeat counts."""
    found = []
    rate, bound = DELEGATION_GOAL
    quick = [phase for phase in phases if phase.rate >= rate]
    if quick:
        worst = max(
            (one.p99 for phase in quick if (one := phase.delegations()).p99 is not None), default=None
        )
        found.append(Goal(f"delegation answered, p99 at {rate:g}/s", worst, bound, "ms"))
    rate, bound = PUSH_GOAL
    steady = [phase for phase in phases if phase.rate == rate]
    if steady:
        worst = max((one.p95 for phase in steady if (one := phase.push()).p95 is not None), default=None)
        found.append(Goal(f"push to order at Scend, p95 at {rate:g}/s", worst, bound, "s"))
        worst = max(
            (one.p95 for phase in steady if (one := phase.push_to_ledger()).p95 is not None), default=None
        )
        found.append(Goal(f"push to acknowledged in the ledger, p95 at {rate:g}/s", worst, bound, "s"))
    found.append(
        Goal("orders missing or doubled", float(sum(p.missing() + p.doubled() for p in phases)), 1, "orders")
    )
    return found


def show(phases: Sequence[Phase], paper: Paper) -> None:
    """Print the tables."""
    headings = ("", "n", "p50", "p95", "p99", "max")
    paper.table(
        "Delegation call, as SCAYLE saw it (ms)",
        (*headings, "not 201", "p99 with its own waiting"),
        (
            (
                phase.name,
                *phase.delegations().cells(0),
                str(sum(phase.errors().values())),
                number(phase.due_to_answer().p99, 0),
            )
            for phase in phases
        ),
    )
    paper.table(
        "From SCAYLE's 201 to the order at Scend (s)",
        (*headings, "p95 1st half", "p95 2nd half"),
        (
            (phase.name, *phase.push().cells(2), *(number(half.p95, 2) for half in phase.halves()))
            for phase in phases
        ),
    )
    paper.table(
        "From SCAYLE's 201 to acknowledged in the ledger (s)",
        headings,
        ((phase.name, *phase.push_to_ledger().cells(2)) for phase in phases),
    )
    paper.table(
        "What it took",
        (
            "",
            "missing",
            "doubled",
            "429",
            "Scend calls/order",
            "SCAYLE calls/order",
            "cores used, by program",
        ),
        (
            (
                phase.name,
                str(phase.missing()),
                str(phase.doubled()),
                str(phase.refusals() + phase.scayle_refusals),
                f"{len(phase.scend_calls) / len(phase.lives):.2f}",
                f"{phase.scayle_calls / len(phase.lives):.2f}",
                ", ".join(
                    f"{name} {spent / phase.seconds:.2f}"
                    for name, spent in sorted(phase.cpu_seconds.items(), key=lambda pair: -pair[1])
                    if spent / phase.seconds >= 0.01
                ),
            )
            for phase in phases
        ),
    )
