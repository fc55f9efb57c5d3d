from __future__ import annotations

from collections.abc import Iterator

import fakeredis
import pytest
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from structlog.testing import capture_logs

from syncbridge.coordination.breaker import RedisBreaker
from syncbridge.coordination.redis_connection import RedisConnection
from syncbridge.domain.errors import Busy


class Time:
    seconds = 1_000_000.0

    def monotonic(self) -> float:
        return self.seconds

    def micros(self) -> int:
        return round(self.seconds * 1_000_000)


class Unreachable(fakeredis.FakeRedis):
    down = False

    def execute_command(self, *args: object, **options: object) -> object:
        if self.down:
            raise RedisConnectionError("gone")
        return super().execute_command(*args, **options)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def client() -> Iterator[Unreachable]:
    client = Unreachable()
    yield client
    client.down = False
    client.close()


def breaker_for(client: Redis, time: Time) -> RedisBreaker:
    return RedisBreaker(
        RedisConnection(lambda: client, monotonic=time.monotonic),
        monotonic=time.monotonic,
        server_micros=time.micros,
    )


def held_back(breaker: RedisBreaker, system: str = "scend") -> float:
    """Seconds for which a call is held back; 0 when it may go."""
    try:
        breaker.check(system)
    except Busy as busy:
        return busy.after.total_seconds()
    return 0.0


def fail(breaker: RedisBreaker, times: int) -> None:
    for _ in range(times):
        breaker.failed("scend")


def test_it_opens_after_five_failures_in_a_row_for_all_processes(client: Redis, time: Time) -> None:
    one, other = breaker_for(client, time), breaker_for(client, time)
    fail(one, 2)
    fail(other, 2)
    assert held_back(one) == 0
    fail(one, 1)
    assert held_back(one) == held_back(other) == 5.0


def test_a_success_in_between_starts_the_count_again(client: Redis, time: Time) -> None:
    breaker = breaker_for(client, time)
    fail(breaker, 4)
    breaker.check("scend")
    breaker.succeeded("scend")
    fail(breaker, 4)
    assert held_back(breaker) == 0


def test_a_success_of_another_process_counts_too(client: Redis, time: Time) -> None:
    failing, working = breaker_for(client, time), breaker_for(client, time)
    fail(failing, 4)
    working.check("scend")
    working.succeeded("scend")
    fail(failing, 1)
    assert held_back(failing) == 0


def test_failures_far_apart_do_not_add_up(client: Redis, time: Time) -> None:
    breaker = breaker_for(client, time)
    for _ in range(10):
        fail(breaker, 1)
        time.seconds += 20
    assert held_back(breaker) == 0


def test_refused_credentials_open_it_at_once_and_for_longest(client: Redis, time: Time) -> None:
    breaker = breaker_for(client, time)
    breaker.failed("scend", refused=True)
    assert held_back(breaker) == 30.0


def test_one_system_does_not_hold_up_another(client: Redis, time: Time) -> None:
    breaker = breaker_for(client, time)
    breaker.failed("scend", refused=True)
    assert held_back(breaker, "scayle") == 0


def test_one_probe_at_a_time_and_its_success_closes_for_all(client: Redis, time: Time) -> None:
    one, other = breaker_for(client, time), breaker_for(client, time)
    fail(one, 5)
    time.seconds += 5.1
    assert held_back(one) == 0
    assert held_back(other) > 0
    one.succeeded("scend")
    assert held_back(one) == held_back(other) == 0
    fail(one, 4)
    assert held_back(one) == 0  # counted from the beginning again


def test_a_probe_that_fails_opens_it_for_longer_up_to_thirty_seconds(client: Redis, time: Time) -> None:
    breaker = breaker_for(client, time)
    fail(breaker, 5)
    open_times = []
    for _ in range(5):
        open_times.append(wait := held_back(breaker))
        time.seconds += wait + 0.1
        assert held_back(breaker) == 0
        fail(breaker, 1)
    assert open_times == [5.0, 10.0, 20.0, 30.0, 30.0]


def test_a_prober_that_died_is_replaced_within_the_minute(client: Redis, time: Time) -> None:
    one, other = breaker_for(client, time), breaker_for(client, time)
    one.failed("scend", refused=True)
    time.seconds += 30.1
    assert held_back(one) == 0  # and is never heard of again
    time.seconds += 20.1
    assert held_back(other) == 0


def test_answers_that_come_late_neither_close_nor_lengthen_it(client: Redis, time: Time) -> None:
    one, late = breaker_for(client, time), breaker_for(client, time)
    fail(one, 5)
    late.failed("scend")
    late.succeeded("scend")
    assert held_back(one) == 5.0


def test_opening_and_closing_are_logged_once(client: Redis, time: Time) -> None:
    one, other = breaker_for(client, time), breaker_for(client, time)
    with capture_logs() as logs:
        fail(one, 5)
        fail(other, 3)
        for _ in range(3):
            time.seconds += 31
            held_back(one)
            fail(one, 1)
        time.seconds += 31
        held_back(other)
        other.succeeded("scend")
        held_back(one)
        one.succeeded("scend")
    events = [entry["event"] for entry in logs if entry["event"] != "circuit_probe"]
    assert events == ["circuit_opened", "circuit_closed"]


def test_emptying_redis_closes_it_and_failures_open_it_again(client: Redis, time: Time) -> None:
    breaker = breaker_for(client, time)
    fail(breaker, 5)
    client.flushdb()
    assert held_back(breaker) == 0
    fail(breaker, 5)
    assert held_back(breaker) == 5.0


def test_without_redis_a_process_judges_by_what_it_sees(client: Unreachable, time: Time) -> None:
    breaker = breaker_for(client, time)
    client.down = True
    fail(breaker, 4)
    assert held_back(breaker) == 0
    fail(breaker, 1)
    assert held_back(breaker) == 5.0
    time.seconds += 5.1
    assert held_back(breaker) == 0  # the probe
    assert held_back(breaker) > 0
    breaker.succeeded("scend")
    assert held_back(breaker) == 0


def test_a_server_clock_that_is_set_back_holds_calls_back_no_longer_than_usual(
    client: Redis, time: Time
) -> None:
    breaker = breaker_for(client, time)
    fail(breaker, 5)
    time.seconds -= 86_400
    assert held_back(breaker) <= 30.0
