from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncbridge.coordination.quota_shape import SPREAD_SECONDS, shape_of
from syncbridge.ports.quota import QuotaReading

MINUTE = timedelta(seconds=60)


@given(limit=st.integers(1, 100_000), seconds=st.integers(1, 3600))
def test_whatever_passes_within_a_window_and_its_spread_stays_within_the_limit(
    limit: int, seconds: int
) -> None:
    shape = shape_of(QuotaReading(limit, limit, window=timedelta(seconds=seconds)))
    assert shape is not None
    assert shape.burst >= 1
    assert shape.rate > 0
    # A bucket lets floor(burst + rate * t) calls pass within t.
    assert int(shape.burst + shape.rate * (seconds + SPREAD_SECONDS) * 0.999999) <= limit


@pytest.mark.parametrize("limit", [60, 100, 300, 1000, 2500])
def test_more_than_95_percent_of_a_minute_can_be_used_steadily(limit: int) -> None:
    shape = shape_of(QuotaReading(limit, limit, window=MINUTE))
    assert shape is not None
    assert shape.rate * 60 > 0.95 * limit


@pytest.mark.parametrize(
    ("limit", "burst", "rate"), [(1000, 20.0, 980 / 61), (300, 6.0, 294 / 61), (60, 1.385, 0.961)]
)
def test_worked_values_of_the_module_for_windows(limit: int, burst: float, rate: float) -> None:
    shape = shape_of(QuotaReading(limit, 10, window=MINUTE))
    assert shape is not None
    assert shape.burst == pytest.approx(burst, abs=0.01)
    assert shape.rate == pytest.approx(rate, abs=0.01)


def test_a_token_bucket_keeps_a_margin_below_the_vendors() -> None:
    shape = shape_of(QuotaReading(120, 119, refill_per_second=2.0))
    assert shape is not None
    assert (shape.burst, shape.rate, shape.margin) == (117.0, pytest.approx(1.98), 3.0)


@pytest.mark.parametrize(
    "reading",
    [
        QuotaReading(0, 0, window=MINUTE),
        QuotaReading(100, 3),
        QuotaReading(100, 3, window=timedelta(0)),
        QuotaReading(100, 3, refill_per_second=0.0),
    ],
)
def test_a_reading_that_says_too_little_shapes_nothing(reading: QuotaReading) -> None:
    assert shape_of(reading) is None
