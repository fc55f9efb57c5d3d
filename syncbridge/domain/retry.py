"""The retry policy: attempt, error and hint in, waiting time out. Pure; the randomness is an argument."""

from __future__ import annotations

from datetime import timedelta

from syncbridge.domain.errors import Busy, Misconfigured, OutcomeUnknown, RetryLater

BASE = timedelta(seconds=1)
# Work must resume within a minute of a fault's end (design, section 2); the circuit breaker, not a long
# wait, is what spares a vendor that is down.
CAP = timedelta(seconds=20)
MISCONFIGURED = timedelta(seconds=30)
# The answer was lost more often than the request: the first look-up comes at once.
FIRST_LOOK = timedelta(seconds=1)
HINT_LIMIT = timedelta(minutes=5)
# A fault of our own code or of data that we do not understand: tried a few times, then a person's.
DEFECT_ATTEMPTS = 4


def wait_after(attempt: int, error: Exception, chance: float) -> timedelta:
    """Return how long to wait after the attempt-th failure in a row (1, 2, ...); `chance` is in 0..1.

    The server's word comes first; otherwise full jitter below a doubling, capped ceiling.
    wait_after(3, RetryLater(...), 0.5) is 2 s: half of the ceiling of 4 s.
    """
    if isinstance(error, Busy):
        return min(error.after, HINT_LIMIT)
    if isinstance(error, RetryLater) and error.after is not None:
        return min(error.after, HINT_LIMIT) + BASE * chance
    if isinstance(error, OutcomeUnknown):
        return FIRST_LOOK
    if isinstance(error, Misconfigured):
        return MISCONFIGURED
    ceiling = min(CAP, BASE * 2.0 ** min(attempt - 1, 16))
    return max(timedelta(milliseconds=200), ceiling * chance)
