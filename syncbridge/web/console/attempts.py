"""How often somebody may try to sign in: counted in Redis for all web processes, in this one alone while Redis is away."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter

from syncbridge.coordination import keys
from syncbridge.coordination.redis_connection import RedisConnection, RedisUnreachable, client_for

WINDOW_MINUTES = 5
PER_PERSON = RateLimitItemPerMinute(5, WINDOW_MINUTES, namespace="person")
"""Chosen: one name from one address. Another address is not held back, so that a stranger cannot lock anybody out."""
PER_ADDRESS = RateLimitItemPerMinute(100, WINDOW_MINUTES, namespace="address")
"""Chosen: a whole office may stand behind one address, but nobody tries many names."""


class SignInAttempts:
    """Counts attempts in windows of five minutes; a right password takes its own attempts back.

    Keys are digests: neither names nor addresses reach Redis.
    """

    def __init__(self, redis_url: str | None, secret: bytes) -> None:
        self._secret = secret
        self._own = FixedWindowRateLimiter(MemoryStorage())
        self._redis: RedisConnection | None = None
        self._shared = self._own
        if redis_url is not None:
            self._redis = RedisConnection.to(redis_url)
            pool = client_for(redis_url).connection_pool
            self._shared = FixedWindowRateLimiter(
                RedisStorage(redis_url, connection_pool=pool, key_prefix=keys.SIGN_IN)
            )

    def allow(self, name: str, address: str) -> bool:
        """Count an attempt; false where there were too many."""
        person, place = self._keys(name, address)
        # Both are counted, whichever says no first.
        counted = [self._hit(PER_ADDRESS, place), self._hit(PER_PERSON, person)]
        return all(counted)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the attempts of somebody who then got it right."""
        person, _place = self._keys(name, address)

        def clear(limiter: FixedWindowRateLimiter) -> bool:
            limiter.clear(PER_PERSON, person)
            return True

        self._run(clear)

    def _hit(self, limit: RateLimitItem, key: str) -> bool:
        return self._run(lambda limiter: limiter.hit(limit, key))

    def _run(self, operation: Callable[[FixedWindowRateLimiter], bool]) -> bool:
        if self._redis is not None:
            try:
                return self._redis.run(lambda _client: operation(self._shared))
            except RedisUnreachable:
                # It is tried again in a second; until then this process counts alone and locks nobody out for longer.
                pass
        return operation(self._own)

    def _keys(self, name: str, address: str) -> tuple[str, str]:
        return self._digest(f"{name.strip().casefold()}\0{address}"), self._digest(address)

    def _digest(self, text: str) -> str:
        return hashlib.sha256(self._secret + text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
