"""Who belongs to a session: all that a supervisor has started stays in the one that was opened for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path


def members_of(session: int) -> list[int]:
    """Return the ids of all processes of a session that have not ended; one that nobody has collected yet has."""
    return sorted(pid for pid in _running() if _session_of(pid) == session)


def kill_members(session: int, seconds: float) -> list[int]:
    """Send SIGKILL to all of a session until none is left, or the time is up; return those that are."""
    deadline = time.monotonic() + seconds
    while (left := members_of(session)) and time.monotonic() < deadline:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    return left


def _running() -> list[int]:
    """Return the id of every process of this computer that we may see and that has not ended."""
    proc = Path("/proc")
    if (proc / "self").exists():
        return [int(entry.name) for entry in proc.iterdir() if entry.name.isdigit() and not _has_ended(entry)]
    listed = subprocess.run(["ps", "-A", "-o", "pid=,stat="], capture_output=True, text=True, check=True)
    rows = (line.split() for line in listed.stdout.splitlines())
    return [int(pid) for pid, state, *_ in rows if not state.startswith("Z")]


def _has_ended(entry: Path) -> bool:
    try:
        # The name in parentheses may hold blanks; the state is the first field after it.
        return (entry / "stat").read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return True


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except (ProcessLookupError, PermissionError):
        return None
