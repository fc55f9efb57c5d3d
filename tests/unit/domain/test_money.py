"""Money: exact, parsed from text, one currency at a time."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncbridge.domain.money import Money, exponent, net_of

CURRENCIES = st.sampled_from(["GBP", "EUR", "ISK", "JPY", "KWD"])
MINOR = st.integers(-(10**12), 10**12)


@given(MINOR, CURRENCIES)
def test_what_is_printed_parses_back_to_the_same_amount(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.parse(str(money), currency) == money
    assert Decimal(str(money)) == money.amount


@given(MINOR, MINOR, CURRENCIES)
def test_adding_and_taking_away_come_back_to_the_same_amount(one: int, two: int, currency: str) -> None:
    assert Money(one, currency) + Money(two, currency) - Money(two, currency) == Money(one, currency)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(1920, "GBP", "19.20"), (5, "GBP", "0.05"), (-5, "GBP", "-0.05"), (1920, "ISK", "1920"), (1234, "KWD", "1.234"),
     (10**15, "GBP", "10000000000000.00")],
)  # fmt: skip
def test_amounts_print_with_the_places_of_their_currency(minor: int, currency: str, text: str) -> None:
    assert str(Money(minor, currency)) == text
    assert exponent(currency) == len(text.partition(".")[2])


@pytest.mark.parametrize(("text", "currency"), [("0.001", "GBP"), ("0.1", "ISK"), ("0.0001", "KWD")])
def test_more_places_than_the_currency_has_are_refused(text: str, currency: str) -> None:
    with pytest.raises(ValueError, match="decimal places"):
        Money.parse(text, currency)


@pytest.mark.parametrize("text", ["", "x", "1,20"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        Money.parse(text, "GBP")


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        Money.parse(text, "GBP")


@pytest.mark.parametrize("minor", [1.0, "1", True, Decimal(1)])
def test_minor_units_are_whole_numbers(minor: object) -> None:
    with pytest.raises(TypeError):
        Money(minor, "GBP")  # type: ignore[arg-type]  # what must not be


def test_two_currencies_never_mix() -> None:
    with pytest.raises(ValueError, match="combine"):
        Money(1, "GBP") + Money(1, "EUR")


@pytest.mark.parametrize(
    ("gross", "rate", "net"),
    [(1920, "0.2", 1600), (1, "0.2", 1), (3, "0.2", 3), (9, "0.2", 8), (1000, "0", 1000), (595, "0.19", 500)],
)
def test_the_net_part_is_rounded_half_up(gross: int, rate: str, net: int) -> None:
    assert net_of(gross, Decimal(rate)) == net


@given(st.integers(0, 10**9), st.decimals("0", "0.3", places=3))
def test_the_net_part_is_never_off_by_more_than_half_a_unit(gross: int, rate: Decimal) -> None:
    assert abs(Decimal(net_of(gross, rate)) * (1 + rate) - gross) <= (1 + rate) / 2
