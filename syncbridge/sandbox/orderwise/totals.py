"""Whether an order's header adds up, to the penny (contract 12.2, assumed).

    orderGross = sum(quantity * itemGross) + deliveryGross - sum(discount price) + sum(surcharge price)

and likewise net, where the net of a gross discount is price / (1 + rate), rounded half-up to 2 places. The tolerance is
0.01 for each order line, for the delivery where there is one, and for each discount or surcharge.

    2 * 30.00 + 4.95 - 5.00 = 59.95 gross; 2 * 25.00 + 4.13 - 4.17 = 49.96 net
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

PENNY = Decimal("0.01")


@dataclass(frozen=True)
class Priced:
    """A line's quantity and its unit prices, as far as they are known."""

    quantity: Decimal
    gross: Decimal | None
    net: Decimal | None


@dataclass(frozen=True)
class Dissur:
    """A discount or a surcharge; `rate` is the tax rate in per cent, `is_gross` what the price includes."""

    price: Decimal
    is_discount: bool
    is_gross: bool
    rate: Decimal

    @property
    def gross(self) -> Decimal:
        """What it adds to the gross total."""
        price = self.price if self.is_gross else _pence(self.price * (1 + self.rate / 100))
        return -price if self.is_discount else price

    @property
    def net(self) -> Decimal:
        """What it adds to the net total."""
        price = _pence(self.price / (1 + self.rate / 100)) if self.is_gross else self.price
        return -price if self.is_discount else price


@dataclass(frozen=True)
class Header:
    """The totals that the header claims, as far as it does."""

    gross: Decimal | None = None
    net: Decimal | None = None
    tax: Decimal | None = None
    delivery_gross: Decimal | None = None
    delivery_net: Decimal | None = None
    delivery_tax: Decimal | None = None


def discrepancies(
    header: Header, lines: Sequence[Priced], dissurs: Sequence[Dissur]
) -> list[tuple[str, str]]:
    """Return (member, sentence) for every total that is further off than the tolerance; none claimed, none checked."""
    has_delivery = header.delivery_gross is not None or header.delivery_net is not None
    tolerance = PENNY * (len(lines) + has_delivery + len(dissurs))
    found = []

    def compare(member: str, claimed: Decimal | None, computed: Decimal | None) -> None:
        if claimed is not None and computed is not None and abs(claimed - computed) > tolerance:
            text = f"does not reconcile: {claimed} given, {computed} computed, tolerance {tolerance}"
            found.append((member, text))

    gross = _sum(lines, [line.gross for line in lines], header.delivery_gross, [one.gross for one in dissurs])
    net = _sum(lines, [line.net for line in lines], header.delivery_net, [one.net for one in dissurs])
    compare("orderHeader.orderGross", header.gross, gross)
    compare("orderHeader.orderNet", header.net, net)
    if header.gross is not None and header.net is not None:
        compare("orderHeader.orderTax", header.tax, header.gross - header.net)
    if header.delivery_gross is not None and header.delivery_net is not None:
        compare("orderHeader.deliveryTax", header.delivery_tax, header.delivery_gross - header.delivery_net)
    return found


def _sum(
    lines: Sequence[Priced],
    prices: Sequence[Decimal | None],
    delivery: Decimal | None,
    dissurs: Sequence[Decimal],
) -> Decimal | None:
    """Add up one kind of amount; None where a line has no price of this kind."""
    total = (delivery or Decimal(0)) + sum(dissurs, Decimal(0))
    for line, price in zip(lines, prices, strict=True):
        if price is None:
            return None
        total += line.quantity * price
    return total


def _pence(amount: Decimal) -> Decimal:
    return amount.quantize(PENNY, ROUND_HALF_UP)
