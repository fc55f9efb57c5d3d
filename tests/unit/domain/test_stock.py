"""The arithmetic of stock: what may be sold, with which stamp, in which order, and what is too much to be believed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncbridge.domain.stock import BufferRule, MassChange, Terms, publishing_order, stamp_for, whole_units

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
units = st.integers(0, 100_000)
instants = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC))


@given(units, units, units)
def test_sellable_is_never_negative_and_never_more_than_is_available(
    available: int, in_flight: int, buffer: int
) -> None:
    sellable = Terms(available, in_flight, buffer).sellable
    assert 0 <= sellable <= available
    assert sellable == 0 or sellable + in_flight + buffer == available


@given(units, units, units, units)
def test_another_sale_or_a_larger_buffer_never_raises_the_number(
    available: int, in_flight: int, buffer: int, more: int
) -> None:
    number = Terms(available, in_flight, buffer).sellable
    assert Terms(available, in_flight + more, buffer).sellable <= number
    assert Terms(available, in_flight, buffer + more).sellable <= number


@pytest.mark.parametrize(
    ("raw", "whole"),
    [("0", 0), ("-0.5", 0), ("-3", 0), ("0.999", 0), ("2.9", 2), ("3.0", 3), ("1E+2", 100), ("-1E-9", 0), ("9E+12", 1_000_000_000)],
)
def test_raw_figures_are_floored_and_never_negative(raw: str, whole: int) -> None:
    assert whole_units(Decimal(raw)) == whole


@given(st.decimals(-10_000, 10_000, allow_nan=False, allow_infinity=False))
def test_no_unit_is_made_out_of_a_fraction(raw: Decimal) -> None:
    whole = whole_units(raw)
    assert whole >= 0
    assert whole <= max(raw, Decimal(0)) < whole + 1


@given(st.lists(st.tuples(instants, instants), min_size=1, max_size=20))
def test_stamps_of_one_sku_strictly_rise_and_never_pass_a_watermark(
    runs: list[tuple[datetime, datetime]],
) -> None:
    last: datetime | None = None
    for watermarks in runs:
        stamp = stamp_for(watermarks, last=last)
        if stamp is None:
            continue
        assert stamp <= min(watermarks)
        assert stamp.microsecond == 0
        assert last is None or stamp - last >= timedelta(seconds=1)
        last = stamp


@given(instants, instants, instants)
def test_a_correction_is_newer_than_the_edit_or_waits(mark: datetime, last: datetime, edit: datetime) -> None:
    stamp = stamp_for((mark,), last=last, newer_than=edit)
    assert stamp is None or (stamp > last and stamp > edit)


@pytest.mark.parametrize(
    ("watermark", "last", "stamp"),
    [
        (0.9, None, 0),  # rounded down: what happened later in that second is not known
        (0.9, 0, None),  # the same second again has to wait
        (1.0, 0, 1),
        (1.9, 0.9, 1),
        (-3600, 0, None),  # our clock went back
    ],
)
def test_stamps_are_whole_seconds_rounded_down(
    watermark: float, last: float | None, stamp: float | None
) -> None:
    def at(seconds: float | None) -> datetime | None:
        return None if seconds is None else NOON + timedelta(seconds=seconds)

    mark = at(watermark)
    assert mark is not None
    assert stamp_for((NOON + timedelta(days=1), mark), last=at(last)) == at(stamp)


def test_the_nearest_buffer_rule_wins_and_the_percentage_is_added_rounded_up() -> None:
    rule = BufferRule(
        fixed=1, percent=Decimal(10), skus=(("TEE-A", 7),), patterns=(("TEE-*", 5), ("*-A", 4), ("tee-*", 3))
    )

    def of(sku: str, available: int) -> int:
        return rule.units(sku, available, sold_per_minute=Decimal(99), age=timedelta(hours=1))

    assert of("TEE-A", 0) == 7
    assert of("TEE-B", 0) == 5
    assert of("CAP-A", 0) == 4
    assert of("tee-b", 0) == 3
    assert of("CAP-B", 25) == 1 + 3


@pytest.mark.parametrize(
    ("per_minute", "seconds", "buffer"),
    [("0.9", 600, 0), ("1", 0, 2), ("1", 60, 2), ("3", 61, 7), ("3", -60, 2), ("100", 3600, 20)],
)
def test_a_fast_mover_keeps_back_what_sells_while_its_figure_ages(
    per_minute: str, seconds: int, buffer: int
) -> None:
    rule = BufferRule(fast_from_per_minute=Decimal(1), safety=Decimal(2), floor=2, ceiling=20)
    age = timedelta(seconds=seconds)
    assert rule.units("TEE", 50, sold_per_minute=Decimal(per_minute), age=age) == buffer


@given(units, st.integers(0, 50), st.decimals(0, 100, places=2), st.decimals(0, 1000, places=3))
def test_a_buffer_is_never_negative(available: int, fixed: int, percent: Decimal, speed: Decimal) -> None:
    rule = BufferRule(fixed=fixed, percent=percent, fast_from_per_minute=Decimal(1))
    assert rule.units("TEE", available, sold_per_minute=speed, age=timedelta(seconds=90)) >= fixed


def test_sell_outs_go_first_then_the_largest_decreases_then_increases() -> None:
    changes = {
        "small sell-out": (2, 0),
        "large sell-out": (90, 0),
        "nobody knows, nothing left": (None, 0),
        "small decrease": (9, 8),
        "large decrease": (90, 1),
        "small increase": (1, 2),
        "first number": (None, 30),
        "large increase": (0, 90),
    }
    assert sorted(changes, key=lambda name: publishing_order(*changes[name])) == [
        "large sell-out",
        "small sell-out",
        "nobody knows, nothing left",
        "large decrease",
        "small decrease",
        "small increase",
        "first number",
        "large increase",
    ]


@pytest.mark.parametrize(
    ("on_sale", "zeroed", "before", "moved", "held"),
    [
        (10_000, 9_500, 100_000, 95_000, True),
        (10_000, 2_000, 100_000, 20_000, False),  # just the share
        (10_000, 2_001, 100_000, 20_000, True),
        (60, 49, 600, 490, False),  # fewer than the least
        (60, 50, 600, 500, True),
        (10_000, 0, 9_999, 4_999, False),  # fewer units than the least
        (10_000, 0, 10_000, 5_000, False),
        (10_000, 0, 9_999, 5_000, True),
        (0, 0, 0, 50_000, True),  # everything comes back from nothing
        (0, 0, 0, 0, False),
    ],
)
def test_a_run_that_changes_too_much_is_held(
    on_sale: int, zeroed: int, before: int, moved: int, held: bool
) -> None:
    assert bool(MassChange().too_much(on_sale, zeroed, before, moved)) is held


@pytest.mark.parametrize(("ceiling", "sellable"), [(None, 21), (20, 20), (30, 21), (0, 0)])
def test_a_ceiling_bounds_a_number_and_never_raises_it(ceiling: int | None, sellable: int) -> None:
    assert Terms(50, 29, 0, ceiling).sellable == sellable
