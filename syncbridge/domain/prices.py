"""What an order's price is made of beside its goods: reductions, fees, payments. Amounts are integers in minor units."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal


@dataclass(frozen=True)
class Discount:
    """What one unit is reduced by, including tax. `category` is the shop's word, such as "sale" or "voucher"."""

    category: str
    amount_minor: int


@dataclass(frozen=True)
class ShopFee:
    """A charge that is not goods. `category` is the shop's word, such as "delivery"; what is None was not said."""

    category: str
    gross_minor: int
    net_minor: int | None = None
    tax_rate: Decimal | None = None


@dataclass(frozen=True)
class ShopPayment:
    """An amount that was paid, or is to be, by one method. A gift card is a payment, not a reduction."""

    method: str
    amount_minor: int
    reference: str = ""
    gift_card: bool = False


def share_of_payments(
    payments: Iterable[ShopPayment], stretches: Iterable[tuple[int, int]]
) -> tuple[ShopPayment, ...]:
    """Return what the payments of an order give to a part of it.

    Everything that an order costs lies one behind the other, and the payments cover it in their own order, so that every
    penny of a payment goes to one part. `stretches` are where the part lies: (what comes before, its amount). An order
    of 30.00 paid with a gift card of 10.00 and a card of 20.00 gives a first part of 12.00 the gift card and 2.00 of the
    card.
    """
    places = tuple(stretches)
    shares: list[ShopPayment] = []
    start = 0
    for payment in payments:
        end = start + payment.amount_minor
        share = sum(max(0, min(end, before + amount) - max(start, before)) for before, amount in places)
        if share > 0:
            shares.append(replace(payment, amount_minor=share))
        start = end
    return tuple(shares)
