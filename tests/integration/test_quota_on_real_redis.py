"""The shared limiter against simulated vendors, on a real server's Lua; the time is simulated, so minutes pass in a moment."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from redis import Redis

from syncbridge.coordination.quota import RedisQuota
from syncbridge.coordination.redis_connection import RedisConnection
from syncbridge.ports.quota import Lane, QuotaReading

SYSTEM, SCOPE = "vendor", "writes"


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    client = Redis.from_url(redis_url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@dataclass
class FixedWindow:
    """SCAYLE: `limit` calls a window, which starts anywhere; whole seconds to the reset in the header."""

    limit: int
    phase: float
    length: float = 60.0
    used: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    tells_what_is_left: bool = True

    def call(self, now: float) -> QuotaReading:
        index, into = divmod(now - self.phase, self.length)
        window = int(index)
        resets_in = timedelta(seconds=int(self.length - into))
        refusal = None
        if self.used[window] >= self.limit:
            self.refused += 1
            refusal = resets_in
        else:
            self.used[window] += 1
        if not self.tells_what_is_left:
            return QuotaReading(
                self.limit, self.limit, window=timedelta(seconds=self.length), retry_after=refusal
            )
        return QuotaReading(
            self.limit,
            self.limit - self.used[window],
            window=timedelta(seconds=self.length),
            retry_after=refusal,
            resets_in=resets_in,
        )


@dataclass
class TokenBucket:
    """Scend: `capacity` calls at once, `refill` a second."""

    capacity: int
    refill: float
    tokens: float = -1.0
    at: float = 0.0
    served: int = 0
    refused: int = 0

    def call(self, now: float) -> QuotaReading:
        if self.tokens < 0:
            self.tokens = self.capacity
        self.tokens = min(self.capacity, self.tokens + self.refill * (now - self.at))
        self.at = now
        refusal = None
        if self.tokens < 1:
            self.refused += 1
            refusal = timedelta(seconds=1)
        else:
            self.tokens -= 1
            self.served += 1
        return QuotaReading(
            self.capacity, int(self.tokens), refill_per_second=self.refill, retry_after=refusal
        )


@dataclass
class Simulation:
    """Callers that always have work, each its own process, and a vendor behind a network of varying speed."""

    client: Redis
    vendor: FixedWindow | TokenBucket
    seed: int
    now: float = 1_000_000.0
    sent: Counter[Lane] = field(default_factory=Counter)
    waited: dict[Lane, list[float]] = field(default_factory=dict)
    others: list[tuple[float, Callable[[], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.client.flushdb()
        self._random = random.Random(self.seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self.start = self.now

    def caller(self, lane: Lane, *, pause: float = 0.0, patience: float = 5.0) -> None:
        quota = RedisQuota(RedisConnection(lambda: self.client), server_micros=lambda: round(self.now * 1e6))
        begun = [0.0]

        def want() -> None:
            begun[0] = self.now
            ask()

        def ask() -> None:
            verdict = quota.ask(SYSTEM, SCOPE, lane, patience)
            if not verdict.granted:
                # As `take` sleeps, and as late as a busy machine wakes it up.
                nap = min(verdict.hint_seconds, 1.0) * self._random.uniform(1.0, 1.05)
                self.at(self.now + nap + self._random.uniform(0.0005, 0.02), ask)
                return
            self.sent[lane] += 1
            self.waited.setdefault(lane, []).append(self.now - begun[0])
            self.at(self.now + self._random.uniform(0.005, 0.3), arrive)

        def arrive() -> None:
            reading = self.vendor.call(self.now)
            self.at(self.now + self._random.uniform(0.005, 0.3), lambda: answer(reading))

        def answer(reading: QuotaReading) -> None:
            quota.learn(SYSTEM, SCOPE, reading)
            self.at(self.now + self._random.uniform(0.5, 1.5) * pause, want)

        self.at(self.now + self._random.uniform(0, 0.5), want)

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), what))

    def run(self, seconds: float) -> None:
        until = self.now + seconds
        while self._events and self._events[0][0] <= until:
            self.now, _, what = heapq.heappop(self._events)
            what()
        self.now = until


quick = settings(
    max_examples=6,
    phases=[Phase.generate],  # an example takes half a second: shrinking one would take minutes
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


@quick
@given(
    phase=st.floats(0, 60),
    limit=st.sampled_from([60, 300, 1000]),
    seed=st.integers(0, 1000),
    tells=st.booleans(),
)
def test_a_fixed_window_of_any_phase_is_used_and_never_broken(
    client: Redis, phase: float, limit: int, seed: int, tells: bool
) -> None:
    vendor = FixedWindow(limit, phase, tells_what_is_left=tells)
    simulation = Simulation(client, vendor, seed)
    for _ in range(8 if limit <= 300 else 12):
        simulation.caller(Lane.ORDERS)
    simulation.run(200)
    whole_windows = [vendor.used[window] for window in sorted(vendor.used)[1:-1]]
    assert vendor.refused == 0
    assert len(whole_windows) >= 1
    assert sum(whole_windows) > 0.95 * limit * len(whole_windows)


@quick
@given(level=st.integers(0, 120), seed=st.integers(0, 1000))
def test_a_token_bucket_is_used_and_never_overdrawn(client: Redis, level: int, seed: int) -> None:
    vendor = TokenBucket(120, 2.0, tokens=max(level, 1), at=1_000_000.0)
    simulation = Simulation(client, vendor, seed)
    for _ in range(8):
        simulation.caller(Lane.ORDERS)
    simulation.run(240)
    assert vendor.refused == 0
    assert vendor.served > 0.95 * 2.0 * 240


@pytest.mark.parametrize("vendor", [FixedWindow(60, 17.0), FixedWindow(300, 17.0), TokenBucket(120, 2.0)])
def test_orders_win_under_backlog_and_no_lane_starves(
    client: Redis, vendor: FixedWindow | TokenBucket
) -> None:
    simulation = Simulation(client, vendor, seed=5)
    for lane in (Lane.ORDERS, Lane.DESPATCHES, Lane.STOCK, Lane.BULK):
        for _ in range(4):
            simulation.caller(lane)
    simulation.run(200)
    total = sum(simulation.sent.values())
    assert vendor.refused == 0
    assert simulation.sent[Lane.ORDERS] > 0.75 * total
    assert simulation.sent[Lane.DESPATCHES] > simulation.sent[Lane.STOCK] > simulation.sent[Lane.BULK] > 0


@pytest.mark.parametrize("vendor", [FixedWindow(60, 17.0), FixedWindow(1000, 17.0), TokenBucket(120, 2.0)])
def test_a_bulk_run_hardly_delays_an_order(client: Redis, vendor: FixedWindow | TokenBucket) -> None:
    simulation = Simulation(client, vendor, seed=6)
    for _ in range(12):
        simulation.caller(Lane.BULK)
    simulation.caller(Lane.ORDERS, pause=4.0)
    simulation.run(120)
    orders = sorted(simulation.waited[Lane.ORDERS])
    assert vendor.refused == 0
    assert (
        orders[-1] < 2.5
    )  # a token of the smallest quota takes one second, one of a quota not yet known another


@pytest.mark.parametrize("vendor", [FixedWindow(60, 0.0), FixedWindow(1000, 31.0), TokenBucket(120, 2.0)])
def test_emptying_redis_again_and_again_breaks_no_quota(
    client: Redis, vendor: FixedWindow | TokenBucket
) -> None:
    simulation = Simulation(client, vendor, seed=7)
    for _ in range(8):
        simulation.caller(Lane.ORDERS)
    for moment in range(20, 110, 7):
        simulation.at(simulation.start + moment, lambda: client.flushdb() and None)
    simulation.run(120)
    assert vendor.refused == 0
    assert simulation.sent[Lane.ORDERS] > 80


def test_calls_that_somebody_else_makes_on_our_account_stop_us_in_time(client: Redis) -> None:
    vendor = FixedWindow(300, 0.0)
    simulation = Simulation(client, vendor, seed=8)
    for _ in range(4):
        simulation.caller(Lane.ORDERS)
    refused_others = 0

    def somebody_else() -> None:
        nonlocal refused_others
        before = vendor.refused
        for _ in range(3):
            vendor.call(simulation.now)
        refused_others += vendor.refused - before

    for second in range(120):
        simulation.at(simulation.start + second, somebody_else)
    simulation.run(120)
    # A window runs out twice; each time at most the calls that were on their way then are refused.
    assert vendor.refused - refused_others <= 2 * 4


def test_a_vendor_that_never_states_a_limit_is_approached_slowly(client: Redis) -> None:
    class Silent(TokenBucket):
        def call(self, now: float) -> QuotaReading:
            self.served += 1
            return QuotaReading(0, 0)

    vendor = Silent(0, 0.0)
    simulation = Simulation(client, vendor, seed=9)
    for _ in range(30):
        simulation.caller(Lane.ORDERS)
    simulation.run(5)
    assert vendor.served <= 8
    simulation.run(40)
    assert vendor.served > 200
