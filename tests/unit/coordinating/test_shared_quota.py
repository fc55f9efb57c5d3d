from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import fakeredis
import pytest
from redis import Redis
from redis.exceptions import TimeoutError as RedisTimeoutError

from syncbridge.coordination.quota import RedisQuota
from syncbridge.coordination.redis_connection import RedisConnection
from syncbridge.domain.errors import Busy
from syncbridge.ports.quota import Lane, QuotaReading

BUCKET = QuotaReading(120, 119, refill_per_second=2.0)
WINDOW = QuotaReading(1000, 999, window=timedelta(seconds=60), resets_in=timedelta(seconds=59))


class Time:
    """The server's time and the process's, moved by hand and by sleeping."""

    def __init__(self) -> None:
        self.seconds = 1_000_000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.seconds

    def micros(self) -> int:
        return round(self.seconds * 1_000_000)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def client() -> Iterator[Redis]:
    client = fakeredis.FakeRedis()
    yield client
    client.close()


def quota_for(client: Redis, time: Time) -> RedisQuota:
    return RedisQuota(
        RedisConnection(lambda: client, monotonic=time.monotonic),
        sleep=time.sleep,
        monotonic=time.monotonic,
        server_micros=time.micros,
    )


@pytest.fixture
def quota(client: Redis, time: Time) -> RedisQuota:
    return quota_for(client, time)


def burst(quota: RedisQuota, lane: Lane) -> int:
    passed = 0
    while passed < 1000 and quota.ask("scend", "api", lane, 0.0).granted:
        passed += 1
    return passed


def test_nothing_but_one_call_leaves_before_a_limit_is_known(quota: RedisQuota) -> None:
    assert burst(quota, Lane.ORDERS) == 1


def test_the_first_answer_of_a_token_bucket_opens_its_burst_with_a_margin(quota: RedisQuota) -> None:
    assert quota.ask("scend", "api", Lane.ORDERS, 0.0).granted
    quota.learn("scend", "api", BUCKET)
    assert 100 <= burst(quota, Lane.ORDERS) <= 117


def test_the_first_answer_of_a_window_allows_no_more_than_its_small_burst(
    quota: RedisQuota, time: Time
) -> None:
    quota.learn("scend", "api", WINDOW)
    assert burst(quota, Lane.ORDERS) <= 1
    time.seconds += 30
    assert burst(quota, Lane.ORDERS) == 20


@pytest.mark.parametrize(
    ("lane", "left_for_it"),
    [(Lane.ORDERS, 117), (Lane.DESPATCHES, 93), (Lane.STOCK, 76), (Lane.BULK, 59)],
)
def test_a_lower_lane_leaves_a_reserve_to_higher_ones(
    quota: RedisQuota, time: Time, lane: Lane, left_for_it: int
) -> None:
    quota.learn("scend", "api", BUCKET)
    time.seconds += 120
    assert burst(quota, lane) == left_for_it
    if lane is not Lane.ORDERS:
        assert burst(quota, Lane.ORDERS) == 117 - left_for_it


def test_a_waiting_order_goes_before_bulk_even_when_there_is_hardly_a_burst(
    quota: RedisQuota, time: Time
) -> None:
    quota.learn("scend", "api", QuotaReading(60, 59, window=timedelta(seconds=60)))
    time.seconds += 10
    assert burst(quota, Lane.ORDERS) == 1
    waiting = quota.ask("scend", "api", Lane.ORDERS, 5.0)
    assert not waiting.granted
    time.seconds += waiting.hint_seconds + 0.2
    assert not quota.ask("scend", "api", Lane.BULK, 0.0).granted
    assert quota.ask("scend", "api", Lane.ORDERS, 5.0).granted


def test_an_order_that_gave_up_does_not_hold_bulk_back(quota: RedisQuota, time: Time) -> None:
    quota.learn("scend", "api", QuotaReading(60, 59, window=timedelta(seconds=60)))
    time.seconds += 10
    burst(quota, Lane.ORDERS)
    assert not quota.ask("scend", "api", Lane.ORDERS, 0.0).granted  # waits for nothing
    time.seconds += 1.3
    assert quota.ask("scend", "api", Lane.BULK, 0.0).granted


def test_a_count_lower_than_ours_lowers_ours_at_once(quota: RedisQuota, time: Time) -> None:
    quota.learn("scend", "api", BUCKET)
    time.seconds += 120
    quota.learn("scend", "api", QuotaReading(120, 10, refill_per_second=2.0))
    assert burst(quota, Lane.ORDERS) == 8  # ten and what is left of a token, less the margin of three


def test_a_window_that_is_used_up_lets_nothing_pass_until_it_ends(quota: RedisQuota, time: Time) -> None:
    quota.learn("scend", "api", WINDOW)
    time.seconds += 20
    used_up = QuotaReading(1000, 2, window=timedelta(seconds=60), resets_in=timedelta(seconds=39))
    quota.learn("scend", "api", used_up)
    time.seconds += 10
    assert burst(quota, Lane.ORDERS) == 2
    assert quota.ask("scend", "api", Lane.ORDERS, 0.0).hint_seconds == pytest.approx(30, abs=1)
    time.seconds += 31
    assert burst(quota, Lane.ORDERS) == 20


def test_a_late_answer_from_the_window_before_is_not_believed(quota: RedisQuota, time: Time) -> None:
    quota.learn("scend", "api", WINDOW)
    time.seconds += 5
    quota.learn(
        "scend", "api", QuotaReading(1000, 30, window=timedelta(seconds=60), resets_in=timedelta(seconds=0))
    )
    time.seconds += 10
    passed = 0
    for _ in range(5):
        passed += burst(quota, Lane.ORDERS)
        time.seconds += 1
    assert passed > 60  # thirty would be all that the old window had left


def test_after_a_429_nothing_passes_until_the_vendor_said(quota: RedisQuota, time: Time) -> None:
    quota.learn("scend", "api", BUCKET)
    time.seconds += 60
    quota.learn("scend", "api", QuotaReading(120, 0, refill_per_second=2.0, retry_after=timedelta(seconds=7)))
    refused = quota.ask("scend", "api", Lane.ORDERS, 0.0)
    assert not refused.granted
    assert refused.hint_seconds == pytest.approx(7.25)
    time.seconds += 7.3
    assert quota.ask("scend", "api", Lane.ORDERS, 0.0).granted


def test_a_429_without_numbers_still_holds_calls_back(quota: RedisQuota) -> None:
    quota.learn("scend", "api", QuotaReading(0, 0, retry_after=timedelta(seconds=7)))
    assert quota.ask("scend", "api", Lane.ORDERS, 0.0).hint_seconds > 7


def test_take_waits_until_a_call_is_free(quota: RedisQuota, time: Time) -> None:
    quota.take("scend", "api", Lane.ORDERS, timedelta(0))
    quota.learn("scend", "api", QuotaReading(120, 2, refill_per_second=2.0))
    quota.take("scend", "api", Lane.ORDERS, timedelta(seconds=5))
    assert 0.4 < sum(time.slept) < 1.6


def test_take_raises_busy_with_the_time_when_waiting_is_not_enough(quota: RedisQuota, time: Time) -> None:
    quota.learn("scend", "api", QuotaReading(120, 0, refill_per_second=2.0, retry_after=timedelta(seconds=9)))
    with pytest.raises(Busy) as busy:
        quota.take("scend", "api", Lane.ORDERS, timedelta(seconds=5))
    assert busy.value.after == timedelta(seconds=9.25)
    assert time.slept == []


def test_scopes_and_systems_do_not_share_a_bucket(quota: RedisQuota) -> None:
    assert quota.ask("scend", "api", Lane.ORDERS, 0.0).granted
    assert quota.ask("scend", "other", Lane.ORDERS, 0.0).granted
    assert quota.ask("scayle", "api", Lane.ORDERS, 0.0).granted


def test_what_one_process_learnt_counts_for_another(client: Redis, time: Time) -> None:
    quota_for(client, time).learn("scend", "api", BUCKET)
    time.seconds += 120
    assert burst(quota_for(client, time), Lane.ORDERS) == 117


def test_emptying_redis_keeps_the_pace_and_gives_no_burst(
    client: Redis, quota: RedisQuota, time: Time
) -> None:
    quota.learn("scend", "api", WINDOW)
    client.flushdb()
    assert burst(quota, Lane.ORDERS) == 0
    time.seconds += 1.0
    assert burst(quota, Lane.ORDERS) == 16  # a second's refill of 16.07


def test_a_server_clock_that_is_set_back_does_not_stop_the_flow(quota: RedisQuota, time: Time) -> None:
    quota.learn("scend", "api", WINDOW)
    quota.learn(
        "scend", "api", QuotaReading(1000, 0, window=timedelta(seconds=60), resets_in=timedelta(seconds=30))
    )
    time.seconds -= 7200
    quota.ask("scend", "api", Lane.ORDERS, 0.0)
    time.seconds += 2
    assert quota.ask("scend", "api", Lane.ORDERS, 0.0).granted


def test_scarce_says_when_less_than_half_of_the_burst_is_left(quota: RedisQuota, time: Time) -> None:
    assert quota.scarce("scend", "api")  # nobody knows the limit
    quota.learn("scend", "api", BUCKET)
    time.seconds += 120
    assert not quota.scarce("scend", "api")
    burst(quota, Lane.ORDERS)
    time.seconds += 1
    assert quota.scarce("scend", "api")


class Unreachable(fakeredis.FakeRedis):
    """A Redis that does not answer while `down` is set."""

    down = False

    def execute_command(self, *args: object, **options: object) -> object:
        if self.down:
            raise RedisTimeoutError("no answer")
        return super().execute_command(*args, **options)


def test_without_redis_a_tenth_of_the_last_known_rate_goes_on(time: Time) -> None:
    client = Unreachable()
    quota = quota_for(client, time)
    quota.learn("scend", "api", WINDOW)
    client.down = True
    passed = 0
    for _ in range(1000):
        passed += quota.ask("scend", "api", Lane.ORDERS, 0.0).granted
        time.seconds += 0.06
    assert 90 <= passed <= 0.1 * 1000 + 2


def test_without_redis_bulk_leaves_a_call_for_orders(time: Time) -> None:
    client = Unreachable()
    quota = quota_for(client, time)
    client.down = True
    assert not quota.ask("scend", "api", Lane.BULK, 0.0).granted
    assert quota.ask("scend", "api", Lane.ORDERS, 0.0).granted


def test_without_redis_a_429_is_still_respected(time: Time) -> None:
    client = Unreachable()
    quota = quota_for(client, time)
    client.down = True
    quota.learn("scend", "api", QuotaReading(120, 0, refill_per_second=2.0, retry_after=timedelta(seconds=9)))
    assert quota.ask("scend", "api", Lane.ORDERS, 0.0).hint_seconds == pytest.approx(9.25)


def test_redis_coming_back_is_used_again(time: Time) -> None:
    client = Unreachable()
    quota = quota_for(client, time)
    quota.learn("scend", "api", BUCKET)
    client.down = True
    quota.ask("scend", "api", Lane.ORDERS, 0.0)
    client.down = False
    time.seconds += 120
    assert burst(quota, Lane.ORDERS) == 117
