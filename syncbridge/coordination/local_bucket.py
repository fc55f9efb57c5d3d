"""What a process allows itself while Redis is out of reach."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from syncbridge.coordination.quota_shape import Shape
from syncbridge.ports.quota import Lane

LOCAL_SHARE = 0.1
"""Chosen: a tenth of the last known rate per process, so that up to ten processes together stay within the quota."""

UNKNOWN_RATE = 0.2
"""Chosen: calls per second and process where no limit was ever learnt."""

_LANE_NEED = {Lane.ORDERS: 1.0, Lane.DESPATCHES: 1.25, Lane.STOCK: 1.5, Lane.BULK: 2.0}
"""Tokens that must be there before a lane may take one: with a burst of two, one is kept for orders and cancellations."""

_BURST = 2.0


@dataclass
class _Level:
    tokens: float
    at: float
    blocked_until: float = 0.0


class LocalBuckets:
    """One small token bucket per quota, for this process alone. Thread-safe; seconds are monotonic."""

    def __init__(self) -> None:
        self._levels: dict[tuple[str, str], _Level] = {}
        self._lock = threading.Lock()

    def hint(self, quota: tuple[str, str], lane: Lane, shape: Shape | None, now: float) -> float:
        """Take a token and return 0, or return the seconds after which asking again makes sense."""
        rate = max(LOCAL_SHARE * shape.rate, 0.001) if shape else UNKNOWN_RATE
        with self._lock:
            level = self._refilled(quota, rate, now)
            if level.blocked_until > now:
                return level.blocked_until - now
            need = _LANE_NEED[lane]
            if level.tokens < need:
                return (need - level.tokens) / rate
            level.tokens -= 1.0
            return 0.0

    def block(self, quota: tuple[str, str], seconds: float, now: float) -> None:
        """Let nothing pass for so long: the vendor asked for it."""
        with self._lock:
            level = self._refilled(quota, 0.0, now)
            level.blocked_until = max(level.blocked_until, now + seconds)
            level.tokens = 0.0

    def _refilled(self, quota: tuple[str, str], rate: float, now: float) -> _Level:
        # It starts with one token, not a burst: how much the other processes have just used is unknown.
        level = self._levels.setdefault(quota, _Level(tokens=1.0, at=now))
        level.tokens = min(_BURST, level.tokens + rate * max(0.0, now - level.at))
        level.at = now
        return level
