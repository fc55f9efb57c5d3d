"""What a chaos run has to say: the score, and what had to be survived for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from syncbridge.sandbox.verdict import Verdict


@dataclass(frozen=True)
class ChaosResult:
    """Everything that is counted.

    `placed` are orders, those that somebody cancelled included; `faults` are by vendor and kind; `exceptions` the open ones by kind.

    `settled_seconds`: from the storm's end until everything had ended as it must; None where it did not in
    time, and `unsettled` says what had not.
    """

    seed: int
    seconds: float
    database: str
    placed: int
    verdict: Verdict
    kills: Mapping[str, int]
    restarts: Mapping[str, int]
    flushes: int
    redis_kills: int
    faults: Mapping[str, Mapping[str, int]]
    cancelled: Mapping[str, int]
    cancellation_answers: Mapping[str, int]
    exceptions: Mapping[str, int]
    settled_seconds: float | None
    unsettled: tuple[str, ...] = ()

    @property
    def held(self) -> bool:
        """Whether every invariant held, every order ended as foretold, and all of it in time."""
        return self.verdict.held and self.settled_seconds is not None

    def to_json(self) -> dict[str, Any]:
        """Write it for a report."""
        return {
            **self.verdict.to_json(),
            "held": self.held,
            "seed": self.seed,
            "seconds": self.seconds,
            "placed": self.placed,
            "database": self.database,
            "kills": dict(self.kills),
            "restarts": dict(self.restarts),
            "flushes": self.flushes,
            "redisKills": self.redis_kills,
            "faultsByKind": {vendor: dict(kinds) for vendor, kinds in self.faults.items()},
            "cancelled": dict(self.cancelled),
            "cancellationAnswers": dict(self.cancellation_answers),
            "exceptionsByKind": dict(self.exceptions),
            "settledSeconds": self.settled_seconds,
            "unsettled": list(self.unsettled),
        }

    def show(self, console: Console) -> None:
        """Print what was survived, beside the score that the screen prints."""
        table = Table(
            title=f"What was done to it (seed {self.seed}, {self.database})",
            title_justify="left",
            show_header=False,
        )
        table.add_row(
            "orders",
            f"{self.placed} placed; {self.placed - self.verdict.counts.attempted} of them cancelled by somebody",
        )
        table.add_row("kills", f"{sum(self.kills.values())}: {_listed(self.kills)}")
        table.add_row("processes started again", _listed(self.restarts))
        table.add_row("Redis", f"emptied {self.flushes} times, killed {self.redis_kills} times")
        total: Counter[str] = Counter()
        for vendor, kinds in self.faults.items():
            total.update(kinds)
            table.add_row(f"faults of {vendor}", f"{sum(kinds.values())}: {_listed(kinds)}")
        table.add_row("faults together", str(sum(total.values())))
        table.add_row("cancelled on the way", _listed(self.cancelled))
        table.add_row("SCAYLE's cancellations ended", _listed(self.cancellation_answers))
        table.add_row("open exceptions by kind", _listed(self.exceptions))
        settled = (
            "not in time" if self.settled_seconds is None else f"{self.settled_seconds:.0f} s after the storm"
        )
        table.add_row("settled", settled)
        console.print(table)


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
