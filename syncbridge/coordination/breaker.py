"""One circuit breaker per system, shared by all processes over Redis.

closed → open after some failures in a row within `WITHIN_SECONDS`, or at once for refused credentials; while open every call is
held back. When the open time is over, one caller at a time may try (the probe): its success closes the circuit, its failure
opens it again, for longer. A prober that dies is replaced after `probe_seconds`.

So work resumes within 60 s of a fault's end: by default at most 30 s until the next probe, and 20 s for its call (design section 2).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import structlog

from syncbridge.coordination import keys
from syncbridge.coordination.local_circuit import LocalCircuits
from syncbridge.coordination.redis_connection import RedisConnection, RedisUnreachable
from syncbridge.coordination.redis_script import Script
from syncbridge.domain.errors import Busy

log = structlog.get_logger(__name__)

WITHIN_SECONDS = 60.0
"""Chosen: failures further apart are an error rate, not an outage."""

FIRST_OPEN_SECONDS = 5.0
"""Chosen: a vendor's restart is over by then; each probe that fails doubles it up to the longest open time."""

SETTLED_SECONDS = 1.0
"""Chosen: a success within this time of a check that found nothing wrong is not worth a round trip."""

_STATE = """
local key = KEYS[1]
local now = tonumber(ARGV[1])
if not now then
    local t = redis.call('TIME')
    now = tonumber(t[1]) * 1000000 + tonumber(t[2])
end
local h = {}
local flat = redis.call('HGETALL', key)
for i = 1, #flat, 2 do h[flat[i]] = tonumber(flat[i + 1]) end
-- A server clock that was set back must not keep a circuit open.
local longest = tonumber(ARGV[2])
if (h.open_until or 0) > now + longest then h.open_until = now + longest end
local function keep(name, value)
    h[name] = value
    redis.call('HSET', key, name, string.format('%.0f', value))
    redis.call('PEXPIRE', key, 3600000)
end
"""

CHECK = Script(
    _STATE
    + """
-- ARGV[3]: life of a probe. Returns {0 pass, 1 probe or 2 held back; microseconds to wait; failures}
if not h.open_until then return {0, 0, h.failures or 0} end
if h.open_until > now then return {2, h.open_until - now, 0} end
local probing = h.probe_until or 0
if probing > now and probing <= now + tonumber(ARGV[3]) then return {2, math.min(probing - now, 1000000), 0} end
keep('probe_until', now + tonumber(ARGV[3]))
return {1, 0, 0}
"""
)

SUCCEEDED = Script(
    _STATE
    + """
-- ARGV[3]: 1 from a prober. Returns {1} where this closed the circuit. Other answers that come late prove nothing about now.
if h.open_until and ARGV[3] ~= '1' then return {0} end
local was_open = h.open_until
redis.call('DEL', key)
return {was_open and 1 or 0}
"""
)

FAILED = Script(
    _STATE
    + """
-- ARGV[3]: 1 from a prober; [4]: 1 for refused; [5]: failures; [6]: within; [7]: first open time. Returns {1 if this opened it; open time}
local refused, prober = ARGV[4] == '1', ARGV[3] == '1'
local function open(span)
    keep('open_until', now + span)
    keep('span', span)
    keep('probe_until', 0)
    return span
end
if h.open_until then
    if refused then return {0, open(longest)} end
    if prober then return {0, open(math.min(longest, (h.span or tonumber(ARGV[7])) * 2))} end
    return {0, 0}
end
if refused then return {1, open(longest)} end
if not h.first_at or now - h.first_at > tonumber(ARGV[6]) or now < h.first_at then
    keep('first_at', now)
    keep('failures', 0)
end
keep('failures', h.failures + 1)
if h.failures >= tonumber(ARGV[5]) then return {1, open(tonumber(ARGV[7]))} end
return {0, 0}
"""
)


class RedisBreaker:
    """Implements `Breaker`; with Redis out of reach each process judges by what it sees itself.

    `probe_seconds` is the deadline of a vendor call: a prober that has not come back by then is dead.
    `server_micros` replaces the server's time in tests.
    """

    def __init__(
        self,
        connection: RedisConnection,
        *,
        failures: int = 5,
        longest_open_seconds: float = 30.0,
        probe_seconds: float = 20.0,
        monotonic: Callable[[], float] = time.monotonic,
        server_micros: Callable[[], int] | None = None,
    ) -> None:
        self._connection = connection
        self._failures = failures
        self._longest_open_seconds = longest_open_seconds
        self._first_open_seconds = min(FIRST_OPEN_SECONDS, longest_open_seconds)
        self._probe_seconds = probe_seconds
        self._monotonic = monotonic
        self._server_micros = server_micros
        self._local = LocalCircuits(
            failures=failures,
            within_seconds=WITHIN_SECONDS,
            first_open_seconds=self._first_open_seconds,
            longest_open_seconds=longest_open_seconds,
        )
        self._probing: set[str] = set()
        self._found_well_at: dict[str, float] = {}

    def check(self, system: str) -> None:
        """Raise Busy while the circuit is open; let one probe through when its time has come."""
        try:
            state, wait, failures = self._run(CHECK, system, _micros(self._probe_seconds))
        except RedisUnreachable:
            seconds = self._local.wait(system, self._monotonic())
            if seconds > 0:
                raise self._busy(system, seconds) from None
            return
        if state == 2:
            raise self._busy(system, wait / 1_000_000)
        if state == 1:
            self._probing.add(system)
            log.info("circuit_probe", system=system)
        elif failures == 0:
            self._found_well_at[system] = self._monotonic()

    def succeeded(self, system: str) -> None:
        """Note that the system answered: failures are no longer in a row, and a probe closes the circuit."""
        self._local.succeeded(system)
        prober = system in self._probing
        found_well_at = self._found_well_at.get(system)
        if not prober and found_well_at is not None and self._monotonic() - found_well_at < SETTLED_SECONDS:
            return
        try:
            (closed,) = self._run(SUCCEEDED, system, int(prober))
        except RedisUnreachable:
            return
        self._probing.discard(system)
        if closed:
            log.info("circuit_closed", system=system)

    def failed(self, system: str, *, refused: bool = False) -> None:
        """Count a failure; `refused` (credentials) opens the circuit at once."""
        self._found_well_at.pop(system, None)
        prober = system in self._probing
        self._probing.discard(system)
        # Judged here as well, so that losing Redis later does not forget what this process saw.
        opened_here = self._local.failed(system, self._monotonic(), refused=refused)
        try:
            opened, span = self._run(
                FAILED,
                system,
                int(prober),
                int(refused),
                self._failures,
                _micros(WITHIN_SECONDS),
                _micros(self._first_open_seconds),
            )
        except RedisUnreachable:
            if opened_here:
                log.warning("circuit_opened", system=system, refused=refused, shared=False)
            return
        if opened:
            log.warning(
                "circuit_opened", system=system, refused=refused, shared=True, seconds=span / 1_000_000
            )

    def _run(self, script: Script, system: str, *arguments: int) -> list[int]:
        now = self._server_micros() if self._server_micros else ""
        argv = (now, _micros(self._longest_open_seconds), *arguments)
        return script.run(self._connection, keys.breaker(system), argv)

    @staticmethod
    def _busy(system: str, seconds: float) -> Busy:
        return Busy(
            f"{system} failed repeatedly; calls are held back until a probe succeeds",
            timedelta(seconds=seconds),
        )


def _micros(seconds: float) -> int:
    return round(seconds * 1_000_000)
