"""The names of everything that syncbridge keeps in Redis, in one place.

`PREFIX` is also the key prefix of the Celery broker, so that one Redis can serve other applications too.
"""

from __future__ import annotations

PREFIX = "syncbridge:"

SIGN_IN = f"{PREFIX}sign-in"
"""What the counters of sign-in attempts to the console begin with."""


def quota(system: str, scope: str) -> str:
    """Where the shared token bucket of one vendor quota lives."""
    return f"{PREFIX}quota:{system}:{scope}"


def breaker(system: str) -> str:
    """Where the circuit breaker of one system lives."""
    return f"{PREFIX}breaker:{system}"


def lock(name: str) -> str:
    """Where the lock of this name lives."""
    return f"{PREFIX}lock:{name}"


def bell(flow: str, part: str) -> str:
    """Where the rings of a spaced flow are remembered; `part` is "now" or "later"."""
    return f"{PREFIX}bell:{flow}:{part}"
