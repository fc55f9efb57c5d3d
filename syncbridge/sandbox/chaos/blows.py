"""What is done to our processes and to Redis: when, drawn from the seed, and how."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from syncbridge.embedded.redis_server import EmbeddedRedis
from syncbridge.sandbox.demo.interruption import signals_held
from syncbridge.sandbox.demo.processes import Processes

QUIET_START, QUIET_END = 4.0, 2.0
"""Seconds without a kill at either end of the storm: the first orders are on their way, the last kill is within it."""
REDIS_AWAY = 3.0
"""Seconds between Redis's death and its new start over the same append-only file."""
FLUSH_AT, REDIS_DIES_AT = 0.4, 0.65
"""When Redis is emptied and when it is killed, in parts of the storm."""


@dataclass(frozen=True)
class Blow:
    """One thing that is done, `at` seconds after the storm began."""

    at: float
    name: str


def timetable(seconds: float, kill_every: float, seed: int) -> list[Blow]:
    """Return everything that is done in a storm, in its sequence.

    Kills come at random moments, `kill_every` seconds apart on average; every kind has had its turn before one comes
    again.
    """
    draw = random.Random(f"blows|{seed}")
    planned = [
        Blow(seconds * FLUSH_AT, "Redis emptied"),
        Blow(seconds * REDIS_DIES_AT, "Redis killed"),
        Blow(seconds * REDIS_DIES_AT + REDIS_AWAY, "Redis started"),
    ]
    kinds = _decks(draw)
    wanted = max(1, round((seconds - QUIET_START - QUIET_END) / kill_every))
    latest = max(QUIET_START, seconds - QUIET_END)
    kills = [Blow(draw.uniform(QUIET_START, latest), next(kinds)) for _ in range(wanted)]
    return sorted([*planned, *kills], key=lambda blow: blow.at)


def _decks(draw: random.Random) -> Iterator[str]:
    while True:
        yield from draw.sample(list(KILLS), len(KILLS))


@dataclass
class Striker:
    """Does it, and counts. `lost_at`: when Redis forgot everything."""

    processes: Processes
    redis: EmbeddedRedis
    say: Callable[[str], None]
    kills: Counter[str] = field(default_factory=Counter)
    flushes: int = 0
    redis_kills: int = 0
    lost_at: list[datetime] = field(default_factory=list)

    def strike(self, blow: Blow) -> None:
        """Do one thing. A process that is just being started again, and so cannot be killed, is left out and not counted."""
        if blow.name == "Redis emptied":
            self._empty_redis()
        elif blow.name == "Redis killed":
            self.redis.kill()
            self.redis_kills += 1
            self.say("SIGKILL to Redis")
        elif blow.name == "Redis started":
            with signals_held():
                self.redis.start()
                # The server has another process id now, and must not outlive us either.
                self.processes.guard(self.redis.pid)
            self.say(f"Redis is started again after {REDIS_AWAY:g} s")
        elif KILLS[blow.name](self.processes):
            self.kills[blow.name] += 1
            self.say(f"SIGKILL: {blow.name}")

    def _empty_redis(self) -> None:
        client = self.redis.client()
        try:
            self.lost_at.append(datetime.now(UTC))
            client.flushall()
        finally:
            client.close()
        self.flushes += 1
        self.say("FLUSHALL: messages, locks, quotas and circuits are gone")


def _whole(*names: str) -> Callable[[Processes], bool]:
    """Kill processes with all that they have forked, as a machine would lose them."""

    def kill(processes: Processes) -> bool:
        running = processes.running()
        found = [running[name] for name in names if name in running]
        for pid in found:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        return bool(found)

    return kill


def _main_only(name: str) -> Callable[[Processes], bool]:
    """Kill a process and leave what it has forked to find out."""

    def kill(processes: Processes) -> bool:
        pid = processes.running().get(name)
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return pid is not None

    return kill


def _children(name: str) -> Callable[[Processes], bool]:
    """Kill what a process has forked, in the middle of its work, and leave the process."""

    def kill(processes: Processes) -> bool:
        pid = processes.running().get(name)
        found = _children_of(pid) if pid is not None else []
        for child in found:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return bool(found)

    return kill


def _children_of(pid: int) -> list[int]:
    """Return the ids of a process's children; none where the system does not list them (/proc)."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            # The name in parentheses may hold blanks; the parent is the second field after it.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(entry.name))
    return sorted(found)


KILLS: dict[str, Callable[[Processes], bool]] = {
    "a worker with its pool": _whole("worker-0"),
    "the other worker's main process": _main_only("worker-1"),
    "a worker's pool, in the middle of its work": _children("worker-1"),
    "every worker at once": _whole("worker-0", "worker-1", "bulk"),
    "bulk with its pool": _whole("bulk"),
    "web with its children": _whole("web"),
    "a child of web": _children("web"),
    "beat": _whole("beat"),
}
