"""The processes of a measurement, by what they are: how much processor time and memory each takes (Linux only)."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

STAND_INS = frozenset({"scayle", "scend"})
"""Programs that belong to the measurement and not to us."""


@dataclass(frozen=True)
class Process:
    """One process. `role` is its program, with ` child` for what a program started itself."""

    pid: int
    role: str
    cpu_seconds: float

    @property
    def is_ours(self) -> bool:
        """Whether it is part of syncbridge rather than of the stand-ins or the supervisor."""
        return self.role.removesuffix(" child") not in STAND_INS | {"supervisor"}


def available() -> bool:
    """Say whether this system tells what we ask: Linux does."""
    return Path("/proc/self/smaps_rollup").exists()


def count_processes(programs: Mapping[str, int], pids: Iterable[int]) -> list[Process]:
    """Return the living ones of `pids`; `programs` gives the process ids of the programs themselves by name."""
    names = {pid: name for name, pid in programs.items()}
    rows = {pid: row for pid in {*pids, *names} if (row := _stat(pid)) is not None}
    found = []
    for pid, (_parent, cpu_seconds) in sorted(rows.items()):
        ancestor = pid
        while ancestor not in names and ancestor in rows:
            ancestor = rows[ancestor][0]
        name = names.get(ancestor, "supervisor")
        found.append(
            Process(pid, name if ancestor == pid or name == "supervisor" else f"{name} child", cpu_seconds)
        )
    return found


def _stat(pid: int) -> tuple[int, float] | None:
    """Return parent and processor seconds, those of children that have ended included."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The name in brackets may hold blanks.
    fields = text.rpartition(")")[2].split()
    return int(fields[1]), sum(int(figure) for figure in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def cpu_by_program(processes: Iterable[Process]) -> dict[str, float]:
    """Return processor seconds by program, children included."""
    totals: defaultdict[str, float] = defaultdict(float)
    for process in processes:
        totals[process.role.removesuffix(" child")] += process.cpu_seconds
    return dict(totals)


def pss_mebibytes(pid: int) -> float | None:
    """Return the proportional set size: memory of its own, and its share of what it shares. None if it is gone."""
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    return None
