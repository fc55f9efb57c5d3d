"""The arithmetic by which the SCAYLE stand-in prices orders."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncbridge.sandbox.scayle import pricing
from syncbridge.sandbox.scayle.countries import ALPHA3, to_alpha2, to_alpha3

Json = dict[str, Any]


def item(number: int, gross: int, rate: str = "0.2") -> Json:
    line = {"unitPriceWithTax": gross, "taxRate": rate}
    return {"id": number, "key": f"it-{number}", "price": pricing.unit_price(line, None).document()}


@pytest.mark.parametrize(
    ("gross", "rate", "net"),
    [(1920, "0.2", 1600), (1999, "0.19", 1680), (5, "0.2", 4), (0, "0.2", 0), (7, "0", 7)],
)
def test_net_follows_gross_rounded_half_up(gross: int, rate: str, net: int) -> None:
    assert pricing.net_of(gross, Decimal(rate)) == net


def test_an_absolute_voucher_is_booked_on_the_dearest_unit_alone() -> None:
    items = [item(1, 1000), item(2, 3000), item(3, 3000)]
    reduction = pricing.book_absolute_voucher(items, 500, "FIVE", in_price=False)
    assert reduction is not None
    assert reduction["amount"]["absoluteWithTax"] == 500
    assert [pricing.paid_price(one["price"])[0] for one in items] == [1000, 2500, 3000]
    assert items[1]["price"]["withTax"] == 3000


def test_a_voucher_larger_than_its_unit_is_capped() -> None:
    items = [item(1, 300)]
    reduction = pricing.book_absolute_voucher(items, 500, None, in_price=True)
    assert reduction is not None
    assert reduction["amount"]["absoluteWithTax"] == 300
    assert items[0]["price"]["withTax"] == 0
    assert pricing.paid_price(items[0]["price"]) == (0, 0)


def test_a_relative_voucher_reduces_every_unit() -> None:
    voucher = {"type": "relative", "value": "0.1", "code": "TEN"}
    price = pricing.unit_price({"unitPriceWithTax": 1999}, voucher).document()
    assert price["withTax"] == 1799
    assert price["appliedReductions"][-1]["category"] == "voucher"
    assert price["appliedReductions"][-1]["amount"] == {"absoluteWithTax": 200, "relative": 0.1}


def test_the_two_calculators_differ_in_net_and_never_in_gross() -> None:
    items = [item(number, 999) for number in range(3)]
    by_line = pricing.order_cost(items, [], None, 0, by_line=True)
    by_total = pricing.order_cost(items, [], None, 0, by_line=False)
    assert by_line["withTax"] == by_total["withTax"] == 2997
    assert (by_line["withoutTax"], by_total["withoutTax"]) == (2499, 2498)


def test_a_line_without_a_price_is_refused() -> None:
    with pytest.raises(ValueError, match="unitPriceWithTax"):
        pricing.unit_price({"sku": "A"}, None)


@given(
    grosses=st.lists(st.integers(0, 100_000), min_size=1, max_size=20),
    voucher=st.integers(0, 50_000),
    fee=st.integers(0, 5_000),
    by_line=st.booleans(),
    in_price=st.booleans(),
)
def test_what_is_paid_for_units_and_fees_is_the_total(
    grosses: list[int], voucher: int, fee: int, by_line: bool, in_price: bool
) -> None:
    items = [item(number, gross) for number, gross in enumerate(grosses)]
    reduction = pricing.book_absolute_voucher(items, voucher, None, in_price)
    fees = [pricing.fee_document("base_shipping_service_cost", "delivery", fee, Decimal("0.2"))]
    cost = pricing.order_cost(items, fees, reduction, 0, by_line)
    assert cost["withTax"] == sum(pricing.paid_price(one["price"])[0] for one in items) + fee
    assert cost["withTax"] == cost["withoutTax"] + cost["tax"]["vat"]["amount"]
    assert pricing.fees_total(cost) == fee
    assert cost["withTax"] == sum(grosses) + fee - min(voucher, max(grosses))


def test_country_codes_map_both_ways_and_oddities_pass() -> None:
    assert all(to_alpha2(to_alpha3(code)) == code for code in ALPHA3)
    assert len(ALPHA3) > 245
    assert (to_alpha3("gb"), to_alpha2("deu"), to_alpha2("??")) == ("GBR", "DE", "??")


@pytest.mark.parametrize("value", ["10", "-0.1", "1.01"])
def test_a_relative_voucher_is_a_share_of_the_price(value: str) -> None:
    with pytest.raises(ValueError, match="share"):
        pricing.unit_price({"unitPriceWithTax": 2000}, {"type": "relative", "value": value, "code": "TEN"})
