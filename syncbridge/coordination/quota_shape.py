"""How a vendor's stated limit becomes a token bucket of ours that can never break it.

**Fixed windows whose phase we do not know** (SCAYLE: L calls per 60 s; the window may start on the clock minute or with the first call).
A bucket lets at most `burst + rate * t` calls pass within any time t. Calls reach the vendor up to `SPREAD` later than others that
passed at the same moment, so within any window of length w at most `burst + rate * (w + SPREAD)` arrive. We choose

    burst = max(1 + 0.4 s of refill, 2 % of L)        rate = (L - burst) / (w + SPREAD)

which makes that sum exactly L for every alignment. Worked values for w = 60 s: L = 1000 gives burst 20, rate 16.07/s, 96.4 % of L used under
backlog; L = 60 gives burst 1.39, rate 0.961/s, 96.1 %. The 0.4 s are what a sleeping caller may wake up late without wasting refill.

**Token buckets** (Scend: capacity 120, refill 2/s). Same shape, a little smaller: `burst = capacity - 1 - refill * SPREAD` covers calls that
bunch on the way, and 99 % of the refill lets the vendor's bucket stay ahead of ours although two clocks never run alike. Worked value:
burst 117, rate 1.98/s.
"""

from __future__ import annotations

from dataclasses import dataclass

from syncbridge.ports.quota import QuotaReading

SPREAD_SECONDS = 1.0
"""Guessed: by how much two calls that passed together may arrive apart. Headers correct what a worse network does."""

WINDOW_BURST_SHARE = 0.02
"""Chosen: every percent of burst is a percent of the window that cannot be used steadily."""

WAKE_LATE_SECONDS = 0.4
"""Chosen: how late a sleeping caller may wake up without wasting refill."""

BUCKET_RATE_SHARE = 0.99
"""Chosen: lets the vendor's bucket gain on ours."""


@dataclass(frozen=True)
class Shape:
    """A token bucket: tokens it holds at most, tokens per second, and how far below the vendor's own count it stays."""

    burst: float
    rate: float
    margin: float
    is_window: bool

    def is_ahead_of(self, reading: QuotaReading) -> bool:
        """Say whether the vendor has so much left that its count cannot lower ours."""
        return reading.remaining * 2 > reading.limit and reading.remaining + 1 - self.margin >= self.burst


def shape_of(reading: QuotaReading) -> Shape | None:
    """Return our bucket for a reading, or None where the reading does not say enough to shape one."""
    if reading.limit < 1:
        return None
    if reading.refill_per_second is not None:
        if reading.refill_per_second <= 0:
            return None
        burst = max(1.0, reading.limit - 1.0 - reading.refill_per_second * SPREAD_SECONDS)
        return Shape(
            burst, reading.refill_per_second * BUCKET_RATE_SHARE, reading.limit - burst, is_window=False
        )
    if reading.window is None or reading.window.total_seconds() <= 0:
        return None
    span = reading.window.total_seconds() + SPREAD_SECONDS
    # burst = 1 + WAKE_LATE * rate and rate = (L - burst) / span, solved for burst
    wakeful = (1.0 + WAKE_LATE_SECONDS * reading.limit / span) / (1.0 + WAKE_LATE_SECONDS / span)
    burst = max(wakeful, WINDOW_BURST_SHARE * reading.limit)
    if reading.limit < 2:
        # One call a window: any steady rate could put two into one window of unknown phase, a whole window apart cannot.
        return Shape(1.0, 1.0 / span, 0.0, is_window=True)
    return Shape(burst, (reading.limit - burst) / span, 0.0, is_window=True)
