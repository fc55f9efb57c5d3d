from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fakeredis import FakeRedis, FakeServer
from structlog.testing import capture_logs

from syncbridge.coordination import doorbell as doorbell_module
from syncbridge.coordination.doorbell import CeleryDoorbell, publisher_app
from syncbridge.coordination.redis_connection import RedisConnection

QUEUES = {"push_order": "orders", "despatches": "despatches"}


class Publisher:
    """Stands in for the Celery application: keeps what is sent, or fails."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, tuple[Any, ...], str]] = []
        self.tries = 0
        self.down = False

    def send_task(self, name: str, args: list[Any], queue: str, **_options: Any) -> None:
        self.tries += 1
        if self.down:
            raise ConnectionRefusedError("no broker")
        self.sent.append((name, tuple(args), queue))


class Time:
    def __init__(self) -> None:
        self.seconds = 100.0
        self.due: list[tuple[float, Callable[[], None]]] = []

    def monotonic(self) -> float:
        return self.seconds

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        self.due.append((self.seconds + seconds, what))

    def move(self, seconds: float) -> None:
        self.seconds += seconds
        ready = [what for when, what in self.due if when <= self.seconds]
        self.due = [(when, what) for when, what in self.due if when > self.seconds]
        for what in ready:
            what()


@pytest.fixture
def publisher() -> Publisher:
    return Publisher()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def doorbell(publisher: Publisher, time: Time) -> CeleryDoorbell:
    return CeleryDoorbell(lambda: publisher, QUEUES, monotonic=time.monotonic, later=time.later)  # type: ignore[arg-type, return-value]  # it only needs send_task


def test_a_ring_is_a_task_by_name_in_the_queue_of_its_flow(
    doorbell: CeleryDoorbell, publisher: Publisher
) -> None:
    doorbell.ring("push_order", 42, "scend")
    assert publisher.sent == [("syncbridge.push_order", (42, "scend"), "orders")]


def test_only_rings_with_the_same_arguments_are_joined(doorbell: CeleryDoorbell, publisher: Publisher) -> None:
    for order in (1, 2, 1):
        doorbell.ring("push_order", order)
    assert [arguments for _, arguments, _ in publisher.sent] == [(1,), (2,)]


def test_many_rings_at_once_become_one_now_and_one_at_the_end(
    doorbell: CeleryDoorbell, publisher: Publisher, time: Time
) -> None:
    for _ in range(50):
        doorbell.ring("despatches")
    assert len(publisher.sent) == 1
    time.move(0.2)
    assert len(publisher.sent) == 2
    time.move(5.0)
    assert len(publisher.sent) == 2


def test_a_single_ring_is_sent_once(doorbell: CeleryDoorbell, publisher: Publisher, time: Time) -> None:
    doorbell.ring("despatches")
    time.move(5.0)
    assert len(publisher.sent) == 1


def test_steady_ringing_is_bounded_and_the_last_ring_is_heard(
    doorbell: CeleryDoorbell, publisher: Publisher, time: Time
) -> None:
    for _ in range(100):
        doorbell.ring("despatches")
        time.move(0.01)
    before = len(publisher.sent)
    assert before <= 7
    doorbell.ring("despatches")
    time.move(0.2)
    assert len(publisher.sent) > before


def test_flows_are_joined_each_for_itself(doorbell: CeleryDoorbell, publisher: Publisher) -> None:
    doorbell.ring("despatches")
    doorbell.ring("push_order")
    assert len(publisher.sent) == 2


def test_a_dead_broker_never_hurts_the_caller_and_is_left_alone_for_a_while(
    doorbell: CeleryDoorbell, publisher: Publisher, time: Time
) -> None:
    publisher.down = True
    for order in range(20):
        doorbell.ring("push_order", order)
    assert publisher.tries == 1
    publisher.down = False
    time.move(2.1)
    doorbell.ring("push_order", 99)
    assert publisher.sent == [("syncbridge.push_order", (99,), "orders")]


def test_a_dead_broker_is_logged_once_a_minute(
    doorbell: CeleryDoorbell, publisher: Publisher, time: Time
) -> None:
    publisher.down = True
    with capture_logs() as logs:
        for order in range(30):
            doorbell.ring("push_order", order)
            time.move(3.0)
    assert [entry["event"] for entry in logs] == ["doorbell_failed", "doorbell_failed"]


def test_a_flow_without_a_queue_is_an_error_in_the_log_and_nothing_else(
    doorbell: CeleryDoorbell, publisher: Publisher
) -> None:
    with capture_logs() as logs:
        doorbell.ring("no_such_flow", 1)
    assert publisher.tries == 0
    assert [entry["event"] for entry in logs] == ["doorbell_unknown_flow"]


def test_a_forked_process_builds_its_own_publisher(
    publisher: Publisher, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Publisher] = []

    def make() -> Any:
        made.append(publisher)
        return publisher

    doorbell = CeleryDoorbell(make, QUEUES, monotonic=time.monotonic, later=time.later)
    doorbell.ring("push_order", 1)
    doorbell.ring("push_order", 2)
    monkeypatch.setattr(doorbell_module.os, "getpid", lambda: -1)
    doorbell.ring("push_order", 3)
    assert len(made) == 2


def test_the_publisher_shares_the_key_prefix_and_keeps_no_results() -> None:
    app = publisher_app("redis://127.0.0.1:1/0")
    assert app.conf.broker_transport_options["global_keyprefix"] == "syncbridge:"
    assert app.conf.result_backend is None


def test_a_spaced_flow_starts_at_once_and_once_more_after_everything_that_rang_meanwhile() -> None:
    """Two processes share the spacing: five webhooks become two runs, and the second starts after the last of them."""
    server = FakeServer()
    redis = RedisConnection(lambda: FakeRedis(server=server))
    sent: list[tuple[str, float | None]] = []

    class Delayed:
        def send_task(self, name: str, *, countdown: float | None = None, **_options: Any) -> None:
            sent.append((name, countdown))

    bells = [
        CeleryDoorbell(Delayed, {"despatch_pull": "despatches"}, redis=redis, spaced={"despatch_pull": 5.0})
        for _process in range(2)
    ]
    for bell in (*bells, *bells, bells[0]):
        bell.ring("despatch_pull")
    assert sent == [("syncbridge.despatch_pull", None), ("syncbridge.despatch_pull", 5.0)]
