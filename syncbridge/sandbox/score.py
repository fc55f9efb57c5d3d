"""What the judge says about one invariant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SHOWN = 20
"""Violations written out one by one; the rest are counted."""


@dataclass(frozen=True)
class Violation:
    """One thing that must never be: the subject's ids, and what is wrong in a sentence."""

    subject: str
    text: str


@dataclass(frozen=True)
class Score:
    """One invariant: `counted` things were looked at, and these violate it."""

    name: str
    title: str
    counted: int
    violations: tuple[Violation, ...] = ()

    @property
    def held(self) -> bool:
        """Whether nothing violates it."""
        return not self.violations

    def to_json(self) -> dict[str, Any]:
        """Write it for a report, every violation included."""
        return {
            "name": self.name,
            "title": self.title,
            "held": self.held,
            "counted": self.counted,
            "violations": [{"subject": one.subject, "text": one.text} for one in self.violations],
        }

    def lines(self) -> list[str]:
        """Write the violations as text, at most `SHOWN` of them."""
        shown = [f"{self.name} {one.subject}: {one.text}" for one in self.violations[:SHOWN]]
        if len(self.violations) > SHOWN:
            shown.append(f"{self.name} … and {len(self.violations) - SHOWN} more")
        return shown


def score(name: str, title: str, counted: int, violations: Iterable[Violation]) -> Score:
    """Make a score, its violations sorted by subject so that two runs read alike."""
    return Score(name, title, counted, tuple(sorted(violations, key=lambda one: (one.subject, one.text))))
