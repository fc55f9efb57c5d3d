"""Money of returns: examples to the penny, and properties over any order, any split and any order of messages."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncbridge.domain.refunds import (
    LineCredit,
    RunningCap,
    ShownRefund,
    mismatches,
    paid_per_unit,
    proven_units,
    spread,
)


def test_three_for_a_hundred_less_ten_per_cent_give_180_for_two_and_then_90() -> None:
    line = LineCredit(paid_minor=3 * 10000 - 3000, units=3)
    two, line = line.credit(2)
    last, line = line.credit(1)
    assert (two, last, line.credited_minor) == (18000, 9000, 27000)


def test_a_relative_voucher_over_six_and_four_taking_one_leaves_540_for_the_six() -> None:
    assert paid_per_unit([600, 400], 100) == (540, 360)


def test_net_52_and_tax_10_in_parts_never_pass_either() -> None:
    cap = RunningCap(5200, 1000)
    taken = []
    for part in (3200, 900, 800, 300, 600, 400):
        net, tax, cap = cap.take(part)
        assert net + tax == part
        assert cap.net_minor >= 0
        assert cap.tax_minor >= 0
        taken.append((net, tax))
    assert cap == RunningCap(0, 0)
    assert (sum(net for net, _ in taken), sum(tax for _, tax in taken)) == (5200, 1000)


def test_the_last_unit_takes_the_residue() -> None:
    line = LineCredit(1000, 3)
    amounts = []
    for _ in range(3):
        amount, line = line.credit(1)
        amounts.append(amount)
    assert amounts == [333, 333, 334]


@pytest.mark.parametrize("units", [0, -1, 4])
def test_more_units_than_are_left_are_refused(units: int) -> None:
    with pytest.raises(ValueError, match="left"):
        LineCredit(1000, 3).credit(units)


@pytest.mark.parametrize("amount", [-1, 6201])
def test_more_money_than_is_left_is_refused(amount: int) -> None:
    with pytest.raises(ValueError, match="left"):
        RunningCap(5200, 1000).take(amount)


# ---- properties

MINOR = st.integers(0, 10_000_00)


@given(MINOR, st.integers(1, 40), st.data())
def test_any_split_of_a_line_is_exact_and_never_passes_it(paid: int, units: int, data: st.DataObject) -> None:
    line, given_back = LineCredit(paid, units), 0
    while line.credited_units < units:
        more = data.draw(st.integers(1, units - line.credited_units))
        amount, line = line.credit(more)
        assert amount >= 0
        given_back += amount
        assert given_back == line.credited_minor <= paid
    assert given_back == paid


@given(MINOR, MINOR, st.data())
def test_any_split_of_net_and_tax_is_exact_and_never_passes_either(net: int, tax: int, data: st.DataObject) -> None:
    cap, nets, taxes = RunningCap(net, tax), 0, 0
    for _ in range(data.draw(st.integers(0, 12))):
        part = data.draw(st.integers(0, cap.net_minor + cap.tax_minor))
        got_net, got_tax, cap = cap.take(part)
        nets, taxes = nets + got_net, taxes + got_tax
        assert got_net + got_tax == part
        assert min(got_net, got_tax) >= 0
        assert nets <= net
        assert taxes <= tax
    got_net, got_tax, cap = cap.take(cap.net_minor + cap.tax_minor)
    assert (nets + got_net, taxes + got_tax, cap) == (net, tax, RunningCap(0, 0))


@given(MINOR, st.lists(st.integers(0, 5000), min_size=1, max_size=30))
def test_an_amount_that_is_spread_adds_up_and_no_part_is_off_by_more_than_a_penny(amount: int, weights: list[int]) -> None:
    parts = spread(amount, weights)
    assert sum(parts) == amount
    whole = sum(weights)
    if whole:
        assert all(abs(part * whole - amount * weight) <= whole for part, weight in zip(parts, weights, strict=True))


@given(st.lists(st.integers(0, 100_00), min_size=1, max_size=20), st.data())
def test_no_discount_makes_a_unit_cost_less_than_nothing(prices: list[int], data: st.DataObject) -> None:
    discount = data.draw(st.integers(0, sum(prices)))
    paid = paid_per_unit(prices, discount)
    assert sum(paid) == sum(prices) - discount
    assert all(0 <= part <= price for part, price in zip(paid, prices, strict=True))


# ---- what the shop shows, against what was paid

PAID = {1: 2200, 2: 2200, 3: 6900}


def shown(key: str, amount: int | None, *units: int) -> ShownRefund:
    return ShownRefund(key, units, amount)


@pytest.mark.parametrize(
    ("refunds", "problems"),
    [
        ([shown("a", 2200, 1), shown("b", 9100, 2, 3)], []),
        ([shown("a", 2500, 1)], [("a", "not what was paid for its units")]),
        ([shown("a", 2199, 1)], [("a", "not what was paid for its units")]),
        ([shown("a", 2200, 1), shown("b", 2200, 1)], [("b", "refunded again: 1")]),
        ([shown("a", 100, 9)], [("a", "not units of this order: 9")]),
        ([shown("a", 11700)], [("a", "all refunds together (11700) pass the order's total (11695)")]),
        ([shown("a", 6000), shown("b", 5695)], []),
        ([shown("a", None, 1)], []),
    ],
)
def test_refunds_are_held_against_units_and_total(
    refunds: list[ShownRefund], problems: list[tuple[str, str]]
) -> None:
    assert [(one.key, one.problem) for one in mismatches(refunds, PAID, 11300 + 395)] == problems


@pytest.mark.parametrize(
    ("refunds", "out", "units"),
    [
        ([], {1: 2200}, set()),
        ([shown("a", 2200, 1)], {1: 2200, 2: 2200}, {1}),
        ([shown("a", 2200)], {1: 2200}, {1}),
        ([shown("a", None)], {1: 2200}, {1}),
        ([shown("a", 2200)], {1: 2200, 2: 2200}, set()),
        ([shown("a", 2200), shown("b", 2200)], {1: 2200, 2: 2200}, {1, 2}),
        ([shown("a", 4400)], {1: 2200, 2: 2200}, {1, 2}),
        ([shown("a", 2200, 1), shown("b", 2200)], {1: 2200, 2: 2200}, {1, 2}),
        ([shown("a", 2200, 1), shown("b", 2100)], {1: 2200, 2: 2200}, {1}),
        ([shown("a", 2200, 1), shown("b", None)], {1: 2200, 2: 2200}, {1}),
        ([shown("a", 2200), shown("b", 2200)], {1: 2200, 2: None}, set()),
        ([shown("a", 6900, 3), shown("b", 2200)], {1: 2200, 2: 6900}, {3}),
    ],
)
def test_a_refund_is_proven_by_its_unit_or_by_the_sum_of_all(
    refunds: list[ShownRefund], out: dict[int, int | None], units: set[int]
) -> None:
    assert proven_units(refunds, out) == units


@given(st.lists(st.integers(1, 9000), min_size=1, max_size=12), st.data())
def test_refunds_of_exactly_what_was_paid_agree_in_any_order_and_split(
    prices: list[int], data: st.DataObject
) -> None:
    paid = dict(enumerate(prices, start=1))
    units = data.draw(st.permutations(sorted(paid)))
    refunds, start = [], 0
    while start < len(units):
        size = data.draw(st.integers(1, len(units) - start))
        some = units[start : start + size]
        refunds.append(shown(str(start), sum(paid[unit] for unit in some), *some))
        start += size
    assert mismatches(refunds, paid, sum(prices)) == ()
    assert mismatches([*refunds, shown("more", 1)], paid, sum(prices))


@given(
    st.lists(st.integers(1, 900), min_size=1, max_size=6),
    st.lists(st.tuples(st.sets(st.integers(1, 6), max_size=6), st.integers(1, 1500)), max_size=8),
    st.randoms(use_true_random=False),
)
def test_whatever_the_messages_and_their_order_more_than_was_paid_is_never_taken_as_right(
    prices: list[int], said: list[tuple[set[int], int]], chance: Random
) -> None:
    paid = dict(enumerate(prices, start=1))
    messages = [shown(str(number), amount, *sorted(units & paid.keys())) for number, (units, amount) in enumerate(said)]
    chance.shuffle(messages)
    found = mismatches(messages, paid, sum(prices))
    passes = sum(one.amount_minor or 0 for one in messages) > sum(prices)
    by_unit = Counter(unit for one in messages for unit in one.units)
    wrong_sum = any(one.units and one.amount_minor != sum(paid[unit] for unit in one.units) for one in messages)
    assert bool(found) == (passes or wrong_sum or max(by_unit.values(), default=0) > 1)
