"""Payments are shared out over the parts of an order, to the penny."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from syncbridge.domain.prices import ShopPayment, share_of_payments

GIFT = ShopPayment("voucher-card", 1000, "gc", gift_card=True)
CARD = ShopPayment("creditcard", 2000, "tx")


def test_payments_cover_the_parts_of_an_order_one_behind_the_other() -> None:
    first = share_of_payments((GIFT, CARD), [(0, 1200)])
    second = share_of_payments((GIFT, CARD), [(1200, 1800)])
    assert [(one.method, one.amount_minor, one.gift_card) for one in first] == [
        ("voucher-card", 1000, True),
        ("creditcard", 200, False),
    ]
    assert [(one.method, one.amount_minor) for one in second] == [("creditcard", 1800)]


def test_what_was_not_paid_is_nobodys() -> None:
    assert share_of_payments((), [(0, 1200)]) == ()
    assert share_of_payments((GIFT,), [(1000, 500)]) == ()
    assert [one.amount_minor for one in share_of_payments((GIFT,), [(600, 900)])] == [400]


@given(
    payments=st.lists(st.integers(1, 5_000), max_size=4),
    parts=st.lists(st.integers(0, 4_000), min_size=1, max_size=5),
)
def test_every_penny_goes_to_one_part_and_no_part_gets_more_than_it_costs(payments: list[int], parts: list[int]) -> None:
    paid = [ShopPayment(f"method-{number}", amount) for number, amount in enumerate(payments)]
    shares = []
    before = 0
    for part in parts:
        share = sum(one.amount_minor for one in share_of_payments(paid, [(before, part)]))
        assert share <= part
        shares.append(share)
        before += part
    assert sum(shares) == min(sum(payments), sum(parts))
