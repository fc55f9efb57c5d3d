"""One Redis client per process, which never holds a caller up for longer than about a second.

After a failure the process leaves Redis alone for `pause_seconds`, so that a Redis which is down costs one short wait per pause
and not one per call. Everybody who uses it has something sensible to do without Redis.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.retry import Retry

from syncbridge.domain.errors import SyncbridgeError

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

SOCKET_TIMEOUT_SECONDS = 0.4
"""Chosen: a healthy Redis answers in under 5 ms; two such waits stay below a second."""

PAUSE_SECONDS = 1.0
"""Chosen: how long a process does without Redis after a failure, before it tries again."""


class RedisUnreachable(SyncbridgeError):
    """Redis did not answer, or failed us a moment ago: do without it."""


def client_for(url: str) -> Redis:
    """Build a client for a `redis://`, `rediss://` or `unix://` URL; nothing is connected yet.

    A connection that died while idle (Redis was restarted) is replaced once, at once; a timeout is not repeated.
    """
    return Redis.from_url(
        url,
        socket_timeout=SOCKET_TIMEOUT_SECONDS,
        socket_connect_timeout=SOCKET_TIMEOUT_SECONDS,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
        client_name="syncbridge",
    )


class RedisConnection:
    """Runs operations on this process's client.

    The client is built on first use and again after a fork: a socket shared by two processes mixes up their answers.
    """

    def __init__(
        self,
        make_client: Callable[[], Redis],
        *,
        pause_seconds: float = PAUSE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make_client = make_client
        self._pause_seconds = pause_seconds
        self._monotonic = monotonic
        self._client: Redis | None = None
        self._pid = 0
        self._paused_until = 0.0
        self._reachable = True

    @classmethod
    def to(cls, url: str) -> RedisConnection:
        """Return a connection to the server at `url`."""
        return cls(lambda: client_for(url))

    def run(self, operation: Callable[[Redis], Answer]) -> Answer:
        """Return what `operation` returns; raises RedisUnreachable where Redis fails or failed a moment ago."""
        if self._monotonic() < self._paused_until:
            raise RedisUnreachable("Redis failed a moment ago")
        try:
            answer = operation(self._client_of_this_process())
        except (RedisError, OSError) as error:
            self._paused_until = self._monotonic() + self._pause_seconds
            if self._reachable:
                self._reachable = False
                log.warning("redis_unreachable", error=type(error).__name__)
            raise RedisUnreachable(f"Redis: {type(error).__name__}") from error
        if not self._reachable:
            self._reachable = True
            log.info("redis_reachable_again")
        return answer

    def ping(self) -> bool:
        """Say whether Redis answers now; takes at most about a second."""
        try:
            return bool(self.run(lambda client: client.ping()))
        except RedisUnreachable:
            return False

    def _client_of_this_process(self) -> Redis:
        pid = os.getpid()
        if self._client is None or self._pid != pid:
            self._client, self._pid = self._make_client(), pid
        return self._client
