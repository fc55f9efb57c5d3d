"""The controllable clock on which everything in a sandbox happens."""

from __future__ import annotations

import asyncio
import math
import time
from datetime import UTC, datetime, timedelta


class SandboxClock:
    """Tell a time that runs like the wall clock but can be moved, and stopped, by the control plane.

    Coroutines that wait on this clock wake when *its* time has come, also when it was moved there. All
    methods belong to the event loop's thread, except that moving the clock is safe from any thread.
    """

    def __init__(self, offset_seconds: float = 0.0) -> None:
        self._initial_offset_seconds = offset_seconds
        self._offset_seconds = offset_seconds
        self._stopped_at: float | None = None
        self._sleepers: set[asyncio.Future[None]] = set()

    def timestamp(self) -> float:
        """Return sandbox time in epoch seconds."""
        return whole_microseconds(self._wall() + self._offset_seconds)

    def now(self) -> datetime:
        """Return sandbox time as an aware UTC datetime."""
        return datetime.fromtimestamp(self.timestamp(), UTC)

    def set(self, instant: datetime) -> None:
        """Move the clock to `instant`; raise ValueError if it is naive. Moving backwards is allowed."""
        if instant.tzinfo is None:
            raise ValueError("the sandbox clock takes aware datetimes only")
        self._offset_seconds = whole_microseconds(instant.timestamp() - self._wall())
        self._wake_sleepers()

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds`; raise ValueError if that is negative."""
        if seconds < 0:
            raise ValueError("advance takes a number of seconds >= 0")
        self._offset_seconds = whole_microseconds(self._offset_seconds + seconds)
        self._wake_sleepers()

    def stop(self) -> None:
        """Stand still at the next whole second, so that sums of seconds are exact. It can still be moved; what is due then happens."""
        shown = math.ceil(self.timestamp())
        self._stopped_at = whole_microseconds(self._wall())
        self._offset_seconds = whole_microseconds(shown - self._stopped_at)
        self._wake_sleepers()

    def go_on(self) -> None:
        """Run again, from the time that it shows."""
        now = self.timestamp()
        self._stopped_at = None
        self._offset_seconds = now - self._wall()
        self._wake_sleepers()

    def restore(self) -> None:
        """Run with the offset the clock was made with."""
        self._stopped_at = None
        self._offset_seconds = self._initial_offset_seconds
        self._wake_sleepers()

    async def sleep_until(self, instant: datetime) -> None:
        """Return when sandbox time has reached `instant`."""
        await self.sleep_until_timestamp(instant.timestamp())

    async def wait(self, seconds: float) -> None:
        """Return when `seconds` of sandbox time have passed."""
        await self.sleep_until_timestamp(self.timestamp() + seconds)

    async def sleep_until_timestamp(self, due: float) -> None:
        """Return when sandbox time has reached `due`, in epoch seconds."""
        due = whole_microseconds(due)
        while due > self.timestamp():
            await self.moved_or_elapsed(self.seconds_until(due))

    def seconds_until(self, due: float) -> float | None:
        """Return the wall time until sandbox time reaches `due` (epoch seconds), 0 once it has; None while it stands still."""
        remaining = due - self.timestamp()
        return 0.0 if remaining <= 0 else None if self._stopped_at is not None else remaining

    async def moved_or_elapsed(self, seconds: float | None) -> None:
        """Return when the clock was moved or after `seconds` of wall time, whichever comes first.

        `None` waits for a move only. This lets a scheduler with its own heap sleep until its next due event
        without asking the clock every few milliseconds.
        """
        loop = asyncio.get_running_loop()
        sleeper: asyncio.Future[None] = loop.create_future()
        timer = None if seconds is None else loop.call_later(max(seconds, 0.0), _resolve, sleeper)
        self._sleepers.add(sleeper)
        try:
            await sleeper
        finally:
            self._sleepers.discard(sleeper)
            if timer is not None:
                timer.cancel()

    def nudge(self) -> None:
        """Wake whoever waits in `moved_or_elapsed`, because what they wait for may have become earlier."""
        self._wake_sleepers()

    def _wall(self) -> float:
        return time.time() if self._stopped_at is None else self._stopped_at

    def _wake_sleepers(self) -> None:
        for sleeper in tuple(self._sleepers):
            sleeper.get_loop().call_soon_threadsafe(_resolve, sleeper)


def whole_microseconds(seconds: float) -> float:
    """Round an instant in epoch seconds to what a datetime carries.

    Without it what is due at `now()` and some days may lie a fraction of a microsecond after the same days by `timestamp()`:
    a standing clock that is moved just there would never reach it.
    """
    return round(seconds, 6)


def _resolve(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


def format_instant(instant: datetime) -> str:
    """Write an aware datetime as RFC 3339 in UTC with milliseconds and `Z`: 2026-03-02T08:41:07.000Z."""
    utc = instant.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def parse_instant(text: str) -> datetime:
    """Read an RFC 3339 timestamp as aware UTC; raise ValueError if it is malformed or has no offset."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None or "T" not in text.upper():
        raise ValueError(f"not a timestamp with an offset: {text!r}")
    return instant.astimezone(UTC)


def floor_to_milliseconds(instant: datetime) -> datetime:
    """Drop what milliseconds cannot carry, so that a stored instant equals the one that was sent."""
    return instant - timedelta(microseconds=instant.microsecond % 1000)
