"""Quota, breaker, lock and doorbell on a real server that freezes, dies and is emptied."""

from __future__ import annotations

import base64
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from redis import Redis

from syncbridge.coordination.breaker import RedisBreaker
from syncbridge.coordination.doorbell import COALESCE_SECONDS, CeleryDoorbell
from syncbridge.coordination.locks import RedisCoordinator
from syncbridge.coordination.quota import RedisQuota
from syncbridge.coordination.redis_connection import RedisConnection
from syncbridge.embedded.redis_server import EmbeddedRedis
from syncbridge.ports.quota import Lane, QuotaReading


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A server of the test's own, because it gets hurt."""
    server = EmbeddedRedis(tmp_path / "redis", append_only=False).start()
    yield server
    if server.pid is not None:
        os.kill(server.pid, signal.SIGCONT)
    server.stop()


def seconds(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def shortest(action: Callable[[], object]) -> float:
    """Of several times: a busy machine makes one of them long, and what waits for a server makes all of them long."""
    return min(seconds(action) for _ in range(5))


def eventually(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


def queued(server: EmbeddedRedis, queue: str) -> list[list[object]]:
    """The arguments of the messages in a queue."""
    with Redis.from_url(server.url) as client:
        messages = [json.loads(message) for message in client.lrange(f"syncbridge:{queue}", 0, -1)]
    return [json.loads(base64.b64decode(message["body"]))[0] for message in messages]


def test_a_frozen_redis_holds_nobody_up_for_long_and_is_found_again(server: EmbeddedRedis) -> None:
    connection = RedisConnection.to(server.url)
    quota, breaker = RedisQuota(connection), RedisBreaker(connection)
    doorbell = CeleryDoorbell.to(server.url, {"push_order": "orders"})
    doorbell.ring("push_order", 1)
    assert quota.ask("scend", "api", Lane.ORDERS, 0.0).granted
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)

    # Without time limits of our own each of these would wait for as long as the server is frozen.
    assert seconds(lambda: quota.ask("scend", "api", Lane.ORDERS, 0.0)) < 5
    assert shortest(lambda: breaker.check("scend")) < 0.05
    assert shortest(lambda: quota.learn("scend", "api", QuotaReading(120, 9, refill_per_second=2.0))) < 0.05
    with RedisCoordinator(connection).lock("order:1", timedelta(seconds=5)) as held:
        assert held
    assert seconds(lambda: doorbell.ring("push_order", 2)) < 5
    assert shortest(lambda: doorbell.ring("push_order", 3)) < 0.01

    os.kill(server.pid, signal.SIGCONT)
    eventually(connection.ping)

    def is_heard() -> bool:
        doorbell.ring("push_order", 4)
        return [4] in queued(server, "orders")

    eventually(is_heard)


def test_a_restarted_redis_is_not_even_noticed(server: EmbeddedRedis) -> None:
    connection = RedisConnection.to(server.url)
    quota = RedisQuota(connection)
    doorbell = CeleryDoorbell.to(server.url, {"push_order": "orders"})
    quota.learn("scend", "api", QuotaReading(120, 119, refill_per_second=2.0))
    doorbell.ring("push_order", 1)
    server.kill()
    server.start()
    assert not quota.ask(
        "scend", "api", Lane.ORDERS, 0.0
    ).granted  # emptied: the pace is kept, the burst is not
    doorbell.ring("push_order", 2)
    assert queued(server, "orders") == [[2]]


def test_a_ring_without_arguments_is_heard_again_after_the_joining_span(server: EmbeddedRedis) -> None:
    doorbell = CeleryDoorbell.to(server.url, {"despatches": "despatches"})
    begun = time.monotonic()
    for _ in range(20):
        doorbell.ring("despatches")
    spans = (time.monotonic() - begun) / COALESCE_SECONDS
    eventually(lambda: len(queued(server, "despatches")) >= 2)
    time.sleep(0.5)
    # The first and one for each span, begun or over; a busy machine may need many spans for as many rings.
    assert 2 <= len(queued(server, "despatches")) <= 2 + spans


def _take_for(url: str, span: float, pipe: Connection) -> None:
    quota = RedisQuota(RedisConnection.to(url))
    taken, until = 0, time.monotonic() + span
    while time.monotonic() < until:
        verdict = quota.ask("scayle", "ordersRead", Lane.ORDERS, 1.0)
        taken += verdict.granted
        if not verdict.granted:
            time.sleep(min(0.05, verdict.hint_seconds))
    pipe.send(taken)


def test_many_processes_share_one_bucket(server: EmbeddedRedis) -> None:
    reading = QuotaReading(1000, 999, window=timedelta(seconds=60))
    RedisQuota(RedisConnection.to(server.url)).learn("scayle", "ordersRead", reading)
    context = get_context("spawn")
    begun = time.monotonic()
    pipes, processes = [], []
    for _ in range(3):
        ours, theirs = context.Pipe()
        processes.append(context.Process(target=_take_for, args=(server.url, 1.5, theirs)))
        pipes.append(ours)
    for process in processes:
        process.start()
    taken = sum(pipe.recv() for pipe in pipes)
    for process in processes:
        process.join()
    lasted = time.monotonic() - begun
    assert 20 <= taken <= 20 + 16.07 * lasted + 1
