"""Percentiles, and the tables in which figures are shown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

WIDTH = 118


@dataclass(frozen=True)
class Spread:
    """How values are distributed, in their own unit. All None where there is no value."""

    count: int
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    largest: float | None = None

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Take nearest-rank percentiles: of 1..100, p95 is 95. Nothing is interpolated, each figure was measured."""
        ranked = sorted(values)
        if not ranked:
            return cls(0)
        return cls(len(ranked), *(_rank(ranked, share) for share in (0.5, 0.95, 0.99, 1.0)))

    def to_json(self) -> dict[str, Any]:
        """Write it for a report."""
        return {
            "count": self.count,
            "p50": _rounded(self.p50),
            "p95": _rounded(self.p95),
            "p99": _rounded(self.p99),
            "max": _rounded(self.largest),
        }

    def cells(self, digits: int) -> tuple[str, ...]:
        """Write count, p50, p95, p99 and maximum as texts."""
        figures = (self.p50, self.p95, self.p99, self.largest)
        return (str(self.count), *(number(figure, digits) for figure in figures))


def _rank(ranked: Sequence[float], share: float) -> float:
    return ranked[max(1, math.ceil(share * len(ranked))) - 1]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def number(value: float | None, digits: int) -> str:
    """Write a figure, or a dash where there is none."""
    return "-" if value is None else f"{value:.{digits}f}"


@dataclass(frozen=True)
class Goal:
    """What a figure should be: below (or above) `bound`. `met` is None where nothing was measured."""

    name: str
    value: float | None
    bound: float
    unit: str
    above: bool = False

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached."""
        if self.value is None:
            return None
        return self.value > self.bound if self.above else self.value < self.bound

    def to_json(self) -> dict[str, Any]:
        """Write it for a report."""
        sign = ">" if self.above else "<"
        return {
            "name": self.name,
            "value": _rounded(self.value),
            "goal": f"{sign} {self.bound:g} {self.unit}",
            "met": self.met,
        }


class Paper:
    """Where a measurement is shown: the terminal, or plain lines of a fixed width."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = WIDTH

    def say(self, text: str) -> None:
        """Print a line."""
        self.console.print(text, markup=False, soft_wrap=True)

    def table(self, title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Print a table; all columns but the first are figures."""
        made = Table(title=title, title_justify="left", title_style="bold", show_edge=False, pad_edge=False)
        for position, heading in enumerate(headings):
            # A first column that breaks in the middle of words cannot be read; figures are short.
            made.add_column(heading, justify="right" if position else "left", overflow="fold", no_wrap=not position)
        for row in rows:
            made.add_row(*row)
        self.console.print()
        self.console.print(made)

    def goals(self, goals: Sequence[Goal]) -> None:
        """Print what should have been reached and whether it was."""
        if not goals:
            return
        words = {True: "yes", False: "NO", None: "not measured"}
        rows = []
        for goal in goals:
            sign = "above" if goal.above else "below"
            measured = f"{number(goal.value, 2)} {goal.unit}" if goal.value is not None else "-"
            rows.append((goal.name, measured, f"{sign} {goal.bound:g} {goal.unit}", words[goal.met]))
        self.table("Goals", ("figure", "measured", "goal", "met"), rows)
