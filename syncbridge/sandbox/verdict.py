"""What the judge says about a run: the scores, and what became of how many orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncbridge.sandbox.score import Score, Violation


@dataclass(frozen=True)
class Counts:
    """What became of the orders; all but `recovered` and `faults` count orders.

    `acknowledged`: on a live order with every unit. `split`: units of more than one merchant. `despatched`: nothing open in SCAYLE and something shipped.
    `exceptions`: under at least one open exception. `unexpected`: ended otherwise than the data foretold. `recovered`:
    hit by at least one failed request or delegation and yet ended as foretold. `faults`: failures the vendors played.
    """

    attempted: int
    split: int
    acknowledged: int
    despatched: int
    exceptions: int
    lost: int
    duplicated: int
    unexpected: int
    recovered: int
    faults: int
    units: int

    def to_json(self) -> dict[str, int]:
        """Write it for a report."""
        return dict(vars(self))


@dataclass(frozen=True)
class Verdict:
    """The scores, the counts, how fast delegations were answered (milliseconds by percentile), and counts by back end."""

    scores: tuple[Score, ...]
    counts: Counts
    delegation_milliseconds: Mapping[str, float]
    unexpected: tuple[Violation, ...]
    back_ends: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    credits: Mapping[str, Any] | None = None

    @property
    def held(self) -> bool:
        """Whether every invariant held and every order ended as the data foretold."""
        return all(one.held for one in self.scores) and not self.unexpected

    def to_json(self) -> dict[str, Any]:
        """Write it for a report."""
        return {
            "held": self.held,
            "counts": self.counts.to_json(),
            "backEnds": {name: dict(counts) for name, counts in self.back_ends.items()},
            "delegationMilliseconds": dict(self.delegation_milliseconds),
            "invariants": [one.to_json() for one in self.scores],
            "unexpected": [{"subject": one.subject, "text": one.text} for one in self.unexpected],
            **({"credits": dict(self.credits)} if self.credits is not None else {}),
        }
