"""What Redis holds of ours just now, for people: queue lengths, messages being worked on, quotas and circuits.

Read-only, and nobody decides anything by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from syncbridge.coordination import keys
from syncbridge.coordination.redis_connection import RedisConnection

# How kombu's Redis transport names the list of a queue's higher priorities, and its default steps (its source, 5.7).
_PRIORITY_SEPARATOR = "\x06\x16"
_PRIORITY_STEPS = (3, 6, 9)
_UNACKED = "unacked"
_MICRO = 1_000_000


@dataclass(frozen=True)
class QueueState:
    """Messages that wait per queue, and those that a worker has taken and not finished."""

    waiting: dict[str, int]
    taken: int


@dataclass(frozen=True)
class QuotaState:
    """A shared token bucket: `level` calls may leave at once, `rate` flow in per second, nothing before `blocked_seconds`."""

    system: str
    scope: str
    level: float
    burst: float
    rate: float
    blocked_seconds: float


@dataclass(frozen=True)
class CircuitState:
    """A vendor's circuit breaker; `open_seconds` is the time until the next probe, 0 while calls pass."""

    system: str
    failures: int
    open_seconds: float


@dataclass(frozen=True)
class ServerState:
    """The server itself: how it evicts and whether it keeps anything over a restart."""

    version: str
    eviction_policy: str
    append_only: bool
    snapshots: bool
    memory_bytes: int
    memory_limit_bytes: int


def server_state(connection: RedisConnection) -> ServerState:
    """Return the server's own account; raises RedisUnreachable."""
    info: dict[str, Any] = connection.run(lambda client: _plain(client.info("everything")))
    return ServerState(
        version=str(info.get("valkey_version") or info.get("redis_version") or "unknown"),
        eviction_policy=str(info.get("maxmemory_policy", "unknown")),
        append_only=bool(info.get("aof_enabled", 0)),
        snapshots=connection.run(_saves),
        memory_bytes=int(info.get("used_memory", 0)),
        memory_limit_bytes=int(info.get("maxmemory", 0)),
    )


def queue_state(connection: RedisConnection, queues: Iterable[str]) -> QueueState:
    """Return how many messages wait in the queues; raises RedisUnreachable."""
    names = sorted(set(queues))

    def ask(client: Redis) -> list[Any]:
        pipeline = client.pipeline(transaction=False)
        for name in names:
            for suffix in ("", *(f"{_PRIORITY_SEPARATOR}{step}" for step in _PRIORITY_STEPS)):
                pipeline.llen(f"{keys.PREFIX}{name}{suffix}")
        pipeline.hlen(f"{keys.PREFIX}{_UNACKED}")
        return list(pipeline.execute())

    answers = connection.run(ask)
    each = 1 + len(_PRIORITY_STEPS)
    waiting = {name: sum(answers[place * each : (place + 1) * each]) for place, name in enumerate(names)}
    return QueueState(waiting, int(answers[-1]))


def quota_states(connection: RedisConnection) -> list[QuotaState]:
    """Return every quota that is known to Redis; raises RedisUnreachable."""
    now, found = _hashes(connection, keys.quota("*", "*"))
    states = []
    for name, values in found:
        system, _, scope = name.removeprefix(keys.quota("", "").removesuffix(":")).partition(":")
        age = max(0.0, now - values.get("at", now)) / _MICRO
        rate, burst = values.get("rate", 0.0), values.get("burst", 0.0)
        blocked = max(0.0, values.get("block", 0.0) - now) / _MICRO
        states.append(QuotaState(system, scope, min(burst, values.get("level", 0.0) + rate * age), burst, rate, blocked))
    return sorted(states, key=lambda state: (state.system, state.scope))


def circuit_states(connection: RedisConnection) -> list[CircuitState]:
    """Return every circuit that has met a failure lately; raises RedisUnreachable."""
    now, found = _hashes(connection, keys.breaker("*"))
    return sorted(
        (
            CircuitState(
                name.removeprefix(keys.breaker("")),
                int(values.get("failures", 0)),
                max(0.0, values.get("open_until", 0.0) - now) / _MICRO,
            )
            for name, values in found
        ),
        key=lambda state: state.system,
    )


def _hashes(connection: RedisConnection, pattern: str) -> tuple[float, list[tuple[str, dict[str, float]]]]:
    """Return the server's time in microseconds and the numeric hashes whose keys match."""

    def ask(client: Redis) -> tuple[float, list[tuple[str, dict[str, float]]]]:
        seconds, micros = _pair(client.time())
        found = [(_text(name), _numbers(client.hgetall(name))) for name in _scan(client, pattern)]
        return seconds * _MICRO + micros, found

    return connection.run(ask)


def _scan(client: Redis, pattern: str) -> Iterator[Any]:
    return iter(client.scan_iter(match=pattern, count=500))


def _numbers(values: Any) -> dict[str, float]:
    return {_text(name): float(value) for name, value in values.items()}


def _pair(value: Any) -> tuple[int, int]:
    return int(value[0]), int(value[1])


def _plain(value: Any) -> dict[str, Any]:
    return dict(value)


def _saves(client: Redis) -> bool:
    """Say whether snapshots are configured; a managed server may keep its configuration to itself."""
    try:
        answer: Any = client.config_get("save")
    except ResponseError:
        return False
    return bool(answer.get("save"))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
