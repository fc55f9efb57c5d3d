"""What the endpoints are given: how to reach the context, the configuration and Redis, each made on first use in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from syncbridge.config import Configuration
from syncbridge.flows.context import Context


@dataclass(frozen=True)
class Parts:
    """Handed to every blueprint. `context` may raise whatever a broken deployment raises; the caller then answers 503."""

    context: Callable[[], Context]
    configuration: Callable[[], Configuration]
    redis_answers: Callable[[], bool]
