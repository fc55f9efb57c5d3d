"""One task that runs whatever is due on the sandbox clock: a heap, so that thousands of orders stay cheap."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import sys
import traceback
from collections.abc import Callable

from syncbridge.sandbox.clock import SandboxClock, whole_microseconds

BATCH = 100
"""Events run in one go before requests get their turn."""


class Scheduler:
    """Run callbacks at instants of the sandbox clock, in order of their due time."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._waiting_for: float | None = None
        self.errors = 0

    def __len__(self) -> int:
        return len(self._heap)

    def after(self, seconds: float, callback: Callable[[], None]) -> None:
        """Run `callback` in so many seconds of sandbox time."""
        self.at(self._clock.timestamp() + seconds, callback)

    def at(self, due: float, callback: Callable[[], None]) -> None:
        """Run `callback` when sandbox time has reached `due` (epoch seconds)."""
        heapq.heappush(self._heap, (whole_microseconds(due), next(self._numbers), callback))
        if self._waiting_for is not None and due < self._waiting_for:
            self._clock.nudge()

    def clear(self) -> None:
        """Forget everything that is planned."""
        self._heap.clear()

    def run_due(self, most: int = BATCH) -> int:
        """Run what is due now, at most so many; return how many were run."""
        now = self._clock.timestamp()
        done = 0
        while self._heap and self._heap[0][0] <= now and done < most:
            callback = heapq.heappop(self._heap)[2]
            done += 1
            try:
                callback()
            except Exception:  # noqa: BLE001 - one bad event must not stop the warehouse; it is counted and shown
                self.errors += 1
                traceback.print_exc(file=sys.stderr)
        return done

    async def run(self) -> None:
        """Run for ever."""
        while True:
            if self.run_due() == BATCH:
                await asyncio.sleep(0)
                continue
            if self._heap and self._heap[0][0] <= self._clock.timestamp():
                continue
            self._waiting_for = self._heap[0][0] if self._heap else float("inf")
            seconds = self._clock.seconds_until(self._waiting_for) if self._heap else None
            await self._clock.moved_or_elapsed(seconds)
            self._waiting_for = None
