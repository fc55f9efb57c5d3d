"""A token bucket: so many requests at once, and so many more a second."""

from __future__ import annotations

import math


class TokenBucket:
    """Hold up to `capacity` tokens, refilled at `rate` per second; times are epoch seconds of the sandbox."""

    __slots__ = ("at", "capacity", "rate", "tokens")

    def __init__(self, capacity: int, rate: float, now: float) -> None:
        self.capacity = capacity
        self.rate = rate
        self.tokens = float(capacity)
        self.at = now

    def take(self, now: float) -> bool:
        """Take one token if there is one; a refusal costs nothing."""
        self._refill(now)
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def retry_after(self) -> int:
        """Return whole seconds until a token is there, at least 1: ceil((1 - tokens) / rate)."""
        return max(1, math.ceil((1 - self.tokens) / self.rate))

    def headers(self) -> dict[str, str]:
        """Return the three headers; the reset is the epoch second at which the bucket is full again."""
        return {
            "X-RateLimit-Limit": str(self.capacity),
            "X-RateLimit-Remaining": str(int(self.tokens)),
            "X-RateLimit-Reset": str(math.ceil(self.at + (self.capacity - self.tokens) / self.rate)),
        }

    def resize(self, capacity: int, rate: float, now: float) -> None:
        """Take over new limits and start with a full bucket."""
        self.capacity, self.rate, self.tokens, self.at = capacity, rate, float(capacity), now

    def _refill(self, now: float) -> None:
        elapsed = max(0.0, now - self.at)
        self.tokens = min(float(self.capacity), self.tokens + elapsed * self.rate)
        self.at = now
