"""One rate limiter per (system, scope), shared by all processes over Redis."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import structlog

from syncbridge.coordination import keys
from syncbridge.coordination.local_bucket import LocalBuckets
from syncbridge.coordination.quota_script import LEARN, PEEK, TAKE
from syncbridge.coordination.quota_shape import Shape, shape_of
from syncbridge.coordination.redis_connection import RedisConnection, RedisUnreachable
from syncbridge.coordination.redis_script import Script
from syncbridge.domain.errors import Busy
from syncbridge.ports.quota import Lane, QuotaReading

log = structlog.get_logger(__name__)

MICRO = 1_000_000

LONGEST_NAP_SECONDS = 1.0
"""Chosen: a waiting caller looks again at least so often, because an answer may have changed the bucket."""

WAIT_SLACK = timedelta(milliseconds=250)
"""Chosen: added to a vendor's Retry-After, since its clock and ours tick differently."""

WINDOW_SLACK = timedelta(seconds=1)
"""Chosen: the time to a window's end comes in whole seconds, and nobody says that they are rounded up."""

SCARCE_FOR_SECONDS = 0.2
"""Chosen: how long a process believes its last answer to `scarce`."""

ORDER_SHARE = 0.2
"""The Scend contract asks for 20 % of the budget to be kept for orders and cancellations [2.6]."""

FURTHER_RESERVE = 0.15
"""Chosen: what stock leaves to despatches, and bulk to stock, beyond that."""


@dataclass(frozen=True)
class Verdict:
    """What the bucket says to one call: it may go, or asking again makes sense after `hint_seconds`."""

    granted: bool
    hint_seconds: float


class RedisQuota:
    """Implements `Quota` with the scripts of `quota_script`; server time is Redis', so that machines' clocks do not matter.

    `known` gives shapes that configuration or documents state, per (system, scope); they save the careful first seconds. The bucket
    starts empty all the same, for nobody knows what was used before.
    `order_share` is the part of a burst that all lanes below orders leave alone.
    `server_micros` replaces the server's time in simulations.
    """

    def __init__(
        self,
        connection: RedisConnection,
        *,
        known: Mapping[tuple[str, str], QuotaReading] | None = None,
        order_share: float = ORDER_SHARE,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        server_micros: Callable[[], int] | None = None,
    ) -> None:
        self._connection = connection
        self._sleep = sleep
        self._monotonic = monotonic
        self._server_micros = server_micros
        self._random = random.Random()  # noqa: S311 - jitter, no secret
        self._local = LocalBuckets()
        self._shapes = {
            quota: shape
            for quota, reading in (known or {}).items()
            if (shape := shape_of(reading)) is not None
        }
        self._reserves = {
            lane: 0.0 if lane is Lane.ORDERS else min(0.9, order_share + FURTHER_RESERVE * (lane - 1))
            for lane in Lane
        }
        self._taught: set[tuple[str, str]] = set()
        self._scarce: dict[tuple[str, str], tuple[float, bool]] = {}

    def take(self, system: str, scope: str, lane: Lane, wait: timedelta) -> None:
        """Take one call from the quota, waiting at most `wait`; raises Busy when that is not enough."""
        deadline = self._monotonic() + wait.total_seconds()
        while True:
            patience = max(0.0, deadline - self._monotonic())
            verdict = self.ask(system, scope, lane, patience)
            if verdict.granted:
                return
            if verdict.hint_seconds > patience:
                raise Busy(
                    f"the {scope} quota of {system} has nothing left for {lane.name.lower()}",
                    after=timedelta(seconds=verdict.hint_seconds),
                )
            # The jitter keeps callers that were refused together from coming back together.
            nap = min(verdict.hint_seconds, LONGEST_NAP_SECONDS) * self._random.uniform(1.0, 1.05)
            self._sleep(min(nap, patience) + 0.0005)

    def ask(self, system: str, scope: str, lane: Lane, patience_seconds: float) -> Verdict:
        """Ask once, without waiting. `patience_seconds` says how long the caller would wait; below the hint it gives up."""
        quota = (system, scope)
        shape = self._shapes.get(quota)
        arguments = (int(lane), round(patience_seconds * MICRO), self._reserves[lane])
        try:
            granted, hint, _, burst, rate, margin, taught, known = self._run(TAKE, system, scope, arguments)
        except RedisUnreachable:
            seconds = self._local.hint(quota, lane, shape, self._monotonic())
            return Verdict(seconds == 0.0, seconds)
        if taught:
            self._taught.add(quota)
        else:
            self._taught.discard(quota)
        if known and shape is None:
            # Another process learnt it; whether it is a window matters only to learning, which brings its own.
            self._shapes[quota] = Shape(burst / MICRO, rate / MICRO, margin / MICRO, is_window=True)
        return Verdict(bool(granted), hint / MICRO)

    def learn(self, system: str, scope: str, reading: QuotaReading) -> None:
        """Take over what an answer says about the quota; costs nothing while it says what is known and plenty is left."""
        quota = (system, scope)
        shape = shape_of(reading)
        if shape is not None:
            settled = shape == self._shapes.get(quota) and quota in self._taught
            if settled and reading.retry_after is None and shape.is_ahead_of(reading):
                return
            self._shapes[quota] = shape
        slack = WINDOW_SLACK if reading.window is not None else WAIT_SLACK
        retry_after = reading.retry_after + slack if reading.retry_after is not None else None
        if retry_after is not None:
            log.warning("quota_exceeded", system=system, scope=scope, retry_after=retry_after.total_seconds())
            self._local.block(quota, retry_after.total_seconds(), self._monotonic())
        tolerance = reading.window / 4 if reading.window else timedelta(seconds=5)
        arguments = (
            *((shape.burst, shape.rate, shape.margin) if shape else ("", "", "")),
            1 if shape is None or shape.is_window else 0,
            max(0, reading.remaining) if reading.limit >= 1 else "",
            _micros(reading.resets_in + WINDOW_SLACK if reading.resets_in is not None else None),
            _micros(tolerance),
            _micros(retry_after),
        )
        try:
            self._run(LEARN, system, scope, arguments)
        except RedisUnreachable:
            return

    def scarce(self, system: str, scope: str) -> bool:
        """Say whether less than half of the burst is left; asked of Redis at most five times a second per process.

        True also while the limit is unknown or Redis is out of reach: then every call counts.
        """
        quota = (system, scope)
        believed = self._scarce.get(quota)
        now = self._monotonic()
        if believed is not None and now - believed[0] < SCARCE_FOR_SECONDS:
            return believed[1]
        try:
            blocked, level, burst, known = self._run(PEEK, system, scope, ())
            scarce = bool(blocked) or not known or level * 2 < burst
        except RedisUnreachable:
            scarce = True
        self._scarce[quota] = (now, scarce)
        return scarce

    def _run(self, script: Script, system: str, scope: str, arguments: tuple[object, ...]) -> list[int]:
        shape = self._shapes.get((system, scope))
        argv = (
            self._server_micros() if self._server_micros else "",
            *((shape.burst, shape.rate, shape.margin) if shape else ("", "", "")),
            *arguments,
        )
        return script.run(self._connection, keys.quota(system, scope), argv)


def _micros(span: timedelta | None) -> int | str:
    return "" if span is None else max(0, round(span / timedelta(microseconds=1)))
