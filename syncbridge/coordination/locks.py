"""Locks shared by all processes: they save work and prove nothing."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from syncbridge.coordination import keys
from syncbridge.coordination.redis_connection import RedisConnection, RedisUnreachable
from syncbridge.coordination.redis_script import Script

RELEASE = Script("""
if redis.call('GET', KEYS[1]) == ARGV[1] then
    return {redis.call('DEL', KEYS[1])}
end
return {0}
""")


class RedisCoordinator:
    """Implements `Coordinator` with one key per lock, which expires by itself after its life."""

    def __init__(self, connection: RedisConnection) -> None:
        self._connection = connection

    @contextmanager
    def lock(self, name: str, life: timedelta) -> Iterator[bool]:
        """Try to hold the lock without waiting; True also when Redis is out of reach, since the ledger's leases still hold.

        Only its holder releases it: a lock that expired and went to somebody else stays theirs.
        """
        key, token = keys.lock(name), secrets.token_hex(16)
        try:
            held = self._connection.run(
                lambda client: bool(
                    client.set(key, token, nx=True, px=max(1, round(life.total_seconds() * 1000)))
                )
            )
        except RedisUnreachable:
            yield True
            return
        try:
            yield held
        finally:
            if held:
                self._release(key, token)

    def _release(self, key: str, token: str) -> None:
        try:
            RELEASE.run(self._connection, key, [token])
        except RedisUnreachable:
            return  # it expires by itself
