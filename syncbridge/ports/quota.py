"""What guards a vendor's system from too many calls, shared by all processes: quota and circuit breaker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from typing import Protocol


class Lane(IntEnum):
    """Who goes first when a quota is short; a lower number may use more of it."""

    ORDERS = 0
    DESPATCHES = 1
    STOCK = 2
    BULK = 3


@dataclass(frozen=True)
class QuotaReading:
    """What a vendor's answer says about a quota. Times are relative, so that clocks do not matter.

    `refill_per_second` is set for token buckets; `window` (its whole length) for limits per fixed window, and `resets_in` says
    when the present window ends. A `limit` of 0 means that the answer names none.
    """

    limit: int
    remaining: int
    window: timedelta | None = None
    refill_per_second: float | None = None
    retry_after: timedelta | None = None
    resets_in: timedelta | None = None


class Quota(Protocol):
    """One limiter per (system, scope), shared by all processes."""

    def take(self, system: str, scope: str, lane: Lane, wait: timedelta) -> None:
        """Take one call from the quota, waiting at most `wait`; raises Busy when that is not enough."""
        ...

    def learn(self, system: str, scope: str, reading: QuotaReading) -> None:
        """Take over what an answer says about the quota."""
        ...

    def scarce(self, system: str, scope: str) -> bool:
        """Say whether less than half of the quota's burst is left, so that calls are worth batching."""
        ...


class Breaker(Protocol):
    """One circuit breaker per system, shared by all processes."""

    def check(self, system: str) -> None:
        """Raise Busy while the circuit is open; let one probe through when its time has come."""
        ...

    def succeeded(self, system: str) -> None: ...

    def failed(self, system: str, *, refused: bool = False) -> None:
        """Count a failure; `refused` (credentials) opens the circuit at once."""
        ...
