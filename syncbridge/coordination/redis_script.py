"""Lua that Redis runs as one step."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.exceptions import NoScriptError

from syncbridge.coordination.redis_connection import RedisConnection


class Script:
    """A script on one key, sent by its digest and in full only to a server that does not have it (any more)."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def run(self, connection: RedisConnection, key: str, arguments: Sequence[Any]) -> list[int]:
        """Return the script's list of integers; raises RedisUnreachable."""
        return connection.run(lambda client: self._evaluate(client, key, arguments))

    def _evaluate(self, client: Redis, key: str, arguments: Sequence[Any]) -> list[int]:
        answer: Any
        try:
            answer = client.evalsha(self._digest, 1, key, *arguments)
        except NoScriptError:
            answer = client.eval(self._source, 1, key, *arguments)
        return [int(number) for number in answer]
