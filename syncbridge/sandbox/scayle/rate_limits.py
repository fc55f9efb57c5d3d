"""The rate limiter that SCAYLE documents: a fixed window of one minute per scope and token."""

from __future__ import annotations

import math
from dataclasses import dataclass

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.scayle.settings import Behaviour

WINDOW_SECONDS = 60.0


@dataclass(slots=True)
class Verdict:
    """Whether a call may pass, and the four headers that every answer carries."""

    allowed: bool
    headers: dict[str, str]


class RateLimiter:
    """Count calls per (token, scope); a window starts on the clock minute or with its first call, as set.

    A changed limit begins a new window: what was called without limits, to fill a shop, is not held against it.
    """

    def __init__(self, clock: SandboxClock, behaviour: Behaviour) -> None:
        self._clock = clock
        self._behaviour = behaviour
        self._windows: dict[tuple[str, str], tuple[float, int, int]] = {}
        self.refused: dict[str, int] = {}

    def take(self, token: str, scope: str) -> Verdict:
        """Count one call and judge it; refused calls do not count."""
        limit = self._behaviour.rate_limits[scope]
        start, used = self._window(token, scope, limit)
        allowed = used < limit or not self._behaviour.on("rateLimitsEnabled")
        if allowed:
            used += 1
            self._windows[token, scope] = (start, used, limit)
        else:
            self.refused[scope] = self.refused.get(scope, 0) + 1
        return Verdict(allowed, self._headers(scope, limit, limit - used, start))

    def look(self, token: str, scope: str) -> dict[str, str]:
        """Return the headers without counting, for answers that cost nothing."""
        limit = self._behaviour.rate_limits[scope]
        start, used = self._window(token, scope, limit)
        return self._headers(scope, limit, limit - used, start)

    def _window(self, token: str, scope: str, limit: int) -> tuple[float, int]:
        now = self._clock.timestamp()
        start, used, under = self._windows.get((token, scope), (-math.inf, 0, limit))
        if under == limit and start <= now < start + WINDOW_SECONDS:
            return start, used
        by_minute = self._behaviour["rateWindow"] == "clock_minute"
        return (now - now % WINDOW_SECONDS if by_minute else now), 0

    def _headers(self, scope: str, limit: int, remaining: int, start: float) -> dict[str, str]:
        # Documented: Reset is the number of seconds until the window resets, not a timestamp.
        reset = max(1, math.ceil(start + WINDOW_SECONDS - self._clock.timestamp()))
        return {
            "X-RateLimit-Scope": scope,
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, remaining)),
            "X-RateLimit-Reset": str(reset),
        }
