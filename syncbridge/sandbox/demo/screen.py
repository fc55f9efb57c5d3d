"""What the demo shows: live on a terminal, plain lines elsewhere, and the table at the end."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from syncbridge.sandbox.demo.vendors import Sight
from syncbridge.sandbox.verdict import Verdict

PLAIN_WIDTH = 110
PLAIN_SECONDS = 5.0
"""How often progress is a line of its own where nothing can be overwritten."""


class Screen:
    """Progress and results. Use as a context manager around the part that is shown live."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        if not self.console.is_terminal:
            self.console.width = PLAIN_WIDTH
        self._live: Live | None = None
        self._started = time.monotonic()
        self._shown_at = 0.0
        self._last = ""

    def __enter__(self) -> Screen:
        if self.console.is_terminal:
            self._live = Live(console=self.console, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def say(self, text: str) -> None:
        """Print a line that stays."""
        self.console.print(
            f"[{time.monotonic() - self._started:6.1f} s] {text}", markup=False, soft_wrap=True
        )

    def progress(self, doing: str, placed: int, planned: int, exceptions: int | None, sight: Sight) -> None:
        """Show how far things are."""
        facts = {
            "orders placed": f"{placed} of {planned}",
            "delegations taken": str(sight.delegated),
            "orders on Scend": str(sight.on_scend),
            "orders in OrderWise": str(sight.in_orderwise),
            "despatches": str(sight.despatches),
            "shipments in SCAYLE": str(sight.shipments),
            "units still open": f"{sight.open_units} of {sight.units}",
            "open exceptions": "…" if exceptions is None else str(exceptions),
            "faults played": str(sight.faults),
        }
        if self._live is not None:
            table = Table.grid(padding=(0, 2))
            for name, value in facts.items():
                table.add_row(name, value)
            elapsed = Text(f"{time.monotonic() - self._started:.0f} s  {doing}")
            self._live.update(Group(elapsed, table))
            return
        line = f"{doing}: " + ", ".join(f"{name} {value}" for name, value in facts.items())
        now = time.monotonic()
        if line != self._last and now - self._shown_at >= PLAIN_SECONDS:
            self._shown_at, self._last = now, line
            self.say(line)

    def verdict(self, verdict: Verdict) -> None:
        """Print the result."""
        table = Table(title="What must always hold, from the vendors' own records", title_justify="left")
        for heading in ("", "invariant", "looked at", "violations", ""):
            table.add_column(heading, justify="right" if heading in ("looked at", "violations") else "left")
        for score in verdict.scores:
            result = Text("held", style="green") if score.held else Text("BROKEN", style="bold red")
            name = score.name if score.name.startswith("I") else ""
            table.add_row(name, score.title, str(score.counted), str(len(score.violations)), result)
        self.console.print(table)
        counts = Table(title="What became of the orders", title_justify="left", show_header=False)
        for name, value in verdict.counts.to_json().items():
            counts.add_row(_COUNT_NAMES.get(name, name), str(value))
        times = ", ".join(f"{name} {value:.0f} ms" for name, value in verdict.delegation_milliseconds.items())
        if times:
            counts.add_row("delegations answered in", times)
        self.console.print(counts)
        if verdict.credits is not None:
            self._credits(verdict.credits)
        for score in verdict.scores:
            for line in score.lines():
                self.console.print(line, markup=False, soft_wrap=True)
        for violation in verdict.unexpected:
            self.console.print(
                f"unexpected: {violation.subject}: {violation.text}", markup=False, soft_wrap=True
            )

    def _credits(self, found: Mapping[str, Any]) -> None:
        table = Table(title="What the day's credits became", title_justify="left", show_header=False)
        for name, value in found["counts"].items():
            shown = value
            if isinstance(value, dict):
                shown = ", ".join(f"{currency} {amount / 100:.2f}" for currency, amount in value.items()) or "nothing"
            table.add_row(_CREDIT_NAMES.get(name, name), str(shown))
        self.console.print(table)


_CREDIT_NAMES = {
    "credits": "rows of credits in the day's data",
    "unmatched": "of them matching nothing of the day (listed by name)",
    "asked": "cancellations asked (SCAYLE's questions to a merchant)",
    "cancelled": "cancelled (nothing was ever sent)",
    "refused": "refused (SCAYLE was told no)",
    "tooLate": "too late (the goods were sent)",
    "notAsked": "not asked any more (all had left): returned instead",
    "returned": "units returned",
    "refunded": "refunded",
    "open": "open",
}

_COUNT_NAMES = {
    "attempted": "attempted (orders placed and paid)",
    "split": "split (goods of both warehouses)",
    "acknowledged": "acknowledged (whole on live orders)",
    "despatched": "despatched (nothing open in SCAYLE)",
    "exceptions": "exceptions (orders that wait for a person)",
    "recovered": "recovered (met a failure, ended as foretold)",
    "unexpected": "unexpected (ended otherwise than foretold)",
    "faults": "faults played by the vendors",
    "units": "units in these orders",
}
