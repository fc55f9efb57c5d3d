"""A full compare of stock as the scheduler asks for it: when it was over by the ledger, what it read by SCAYLE's own list."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass

from syncbridge.sandbox.bench.ledger_rows import epoch_of, ledger_rows
from syncbridge.sandbox.bench.scene import Scene
from syncbridge.sandbox.clock import parse_instant
from syncbridge.sandbox.demo.processes import DemoFailed
from syncbridge.sandbox.replay import ControlPlane

PERIOD_SECONDS = 86_400
"""The default of production, which makes the slot that this compare takes."""
ASK_SECONDS = 60.0

_COMPARISONS = (
    "SELECT started_at, finished_at, skus, skus_off, units_off, edited FROM stock_comparisons ORDER BY id"
)


@dataclass(frozen=True)
class Compared:
    """One full compare: epoch seconds when it was asked for, begun and over, and what it says it found."""

    asked: float
    began: float
    ended: float
    skus: int
    skus_off: int
    units_off: int
    edited: int

    @property
    def minutes(self) -> float:
        """From asking to the end."""
        return (self.ended - self.asked) / 60


@dataclass(frozen=True)
class Reads:
    """When SCAYLE was asked for stock figures, in epoch seconds, by its own list."""

    moments: tuple[float, ...]

    @property
    def busiest_minute(self) -> int:
        """Return the most that fell into any minute."""
        most = first = 0
        for last, at in enumerate(self.moments):
            while at - self.moments[first] >= 60:
                first += 1
            most = max(most, last - first + 1)
        return most


def ask_for_compare(scene: Scene) -> float:
    """Enqueue the compare as the scheduler does, for today's slot; return when, in epoch seconds."""
    asked = time.time()
    command = [sys.executable, "-m", "celery", "-A", "tasks.app", "call", "syncbridge.stock_reconcile"]
    arguments = ["--kwargs", f'{{"every": {PERIOD_SECONDS}}}']
    done = subprocess.run(
        [*command, *arguments],
        env=dict(scene.environment),
        cwd=scene.stage.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=ASK_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise DemoFailed(f"the compare could not be asked for: {done.stderr[-500:]}")
    return asked


def comparison(database_url: str, asked: float) -> Compared | None:
    """Return the compare that was begun after it was asked for and is over; None: not yet."""
    for row in ledger_rows(database_url, _COMPARISONS):
        began = epoch_of(row.started_at)
        if began >= asked:
            ended = epoch_of(row.finished_at)
            return Compared(asked, began, ended, row.skus, row.skus_off, row.units_off, row.edited)
    return None


def stock_reads(plane: ControlPlane, after: int) -> Reads:
    """Return the stock reads after SCAYLE's request number `after`."""
    rows = plane.pages("/journal", "requests")
    return Reads(
        tuple(
            parse_instant(row["at"]).timestamp()
            for row in rows
            if row["n"] > after and row["method"] == "GET" and str(row["path"]).endswith("/stocks")
        )
    )
