"""Money of returns. Pure.

SCAYLE computes and pays refunds, each unit by its own rules; here they are checked. What we compute ourselves (the credits
that an ERP's books need) runs against caps, so that no split and no order of returns ever passes what was paid.
Amounts are integers in minor units.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True)
class ShownRefund:
    """A refund that the shop told of. `units` are its order item ids; empty where the shop did not say.

    `amount_minor` is None where it named no amount.
    """

    key: str
    units: tuple[int, ...]
    amount_minor: int | None


@dataclass(frozen=True)
class RefundMismatch:
    """A refund that is not what was paid. `expected_minor` is None where it cannot be known."""

    key: str
    units: tuple[int, ...]
    shown_minor: int | None
    expected_minor: int | None
    problem: str


def mismatches(
    refunds: Sequence[ShownRefund], paid: Mapping[int, int], total_minor: int | None
) -> tuple[RefundMismatch, ...]:
    """Check refunds against what each unit cost (an absolute voucher is booked on one unit) and the order's cap.

    `paid` is what each unit of the order cost, `total_minor` the order's total with fees. A refund is exactly the sum of
    its units; no unit is refunded twice; and all together never pass the total.
    """
    found: list[RefundMismatch] = []
    seen: set[int] = set()
    running = 0
    for refund in refunds:
        running += refund.amount_minor or 0
        unknown = [unit for unit in refund.units if unit not in paid]
        expected = None if unknown or not refund.units else sum(paid[unit] for unit in refund.units)
        twice = sorted(seen & set(refund.units))
        seen |= set(refund.units)
        problem = ""
        if twice:
            problem = f"refunded again: {', '.join(map(str, twice))}"
        elif unknown:
            problem = f"not units of this order: {', '.join(map(str, unknown))}"
        elif None not in (expected, refund.amount_minor) and refund.amount_minor != expected:
            problem = "not what was paid for its units"
        elif total_minor is not None and running > total_minor:
            problem = f"all refunds together ({running}) pass the order's total ({total_minor})"
        if problem:
            found.append(RefundMismatch(refund.key, refund.units, refund.amount_minor, expected, problem))
    return tuple(found)


def proven_units(refunds: Sequence[ShownRefund], returned: Mapping[int, int | None]) -> frozenset[int]:
    """Return the units whose refund the shop's messages prove; `returned` is what each returned unit cost, None if unknown.

    A message proves the units that it names. One that names none proves the only unit that was returned, or all of them
    once the amounts add up to what all of them cost: 22.00 and 22.00 for two of 22.00.
    """
    named = {unit for refund in refunds for unit in refund.units}
    if all(refund.units for refund in refunds):
        return frozenset(named)
    if len(returned) == 1:
        return frozenset(named | returned.keys())
    amounts, paid = [refund.amount_minor for refund in refunds], list(returned.values())
    known = None not in amounts and None not in paid
    adds_up = known and sum(one or 0 for one in amounts) == sum(one or 0 for one in paid)
    return frozenset(returned if adds_up and named <= returned.keys() else named)


def spread(amount_minor: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Spread an amount over parts by weight, to the penny: spread(100, (600, 400)) == (60, 40).

    Each part is rounded against the running sum, so the parts always add up and none is off by more than a penny. Where
    all weights are zero the amount goes to the last part. Raises ValueError for a negative weight, or for no part at all.
    """
    if not weights or any(weight < 0 for weight in weights):
        raise ValueError("an amount is spread over at least one part, and no weight is negative")
    whole = sum(weights)
    if whole == 0:
        return (*([0] * (len(weights) - 1)), amount_minor)
    parts: list[int] = []
    weighed = given = 0
    for weight in weights:
        weighed += weight
        upto = _rounded(Decimal(amount_minor) * weighed / whole)
        parts.append(upto - given)
        given = upto
    return tuple(parts)


@dataclass(frozen=True)
class LineCredit:
    """A line of so many like units and what was paid for all of them: 3 units for 270.00 give 180.00 for two, then 90.00.

    Each unit is worth the line's share rounded down; the last one takes what is left.
    """

    paid_minor: int
    units: int
    credited_units: int = 0

    def credit(self, units: int) -> tuple[int, LineCredit]:
        """Credit so many more units; return the amount and the line afterwards. Raises ValueError for more than are left."""
        if units < 1 or self.credited_units + units > self.units:
            raise ValueError(f"{units} of {self.units - self.credited_units} units that are left")
        after = replace(self, credited_units=self.credited_units + units)
        return after.credited_minor - self.credited_minor, after

    @property
    def credited_minor(self) -> int:
        """What was credited so far."""
        if self.credited_units == self.units:
            return self.paid_minor
        return self.credited_units * (self.paid_minor // self.units)


@dataclass(frozen=True)
class RunningCap:
    """What is left of a net amount and its tax. Parts take of both in proportion and never pass either.

    Net 52 and tax 10 in parts of 32, 9, 8, 3, 6 and 4 end with both at zero.
    """

    net_minor: int
    tax_minor: int

    def take(self, gross_minor: int) -> tuple[int, int, RunningCap]:
        """Take a gross amount; return its net, its tax and the cap afterwards. Raises ValueError for more than is left."""
        left = self.net_minor + self.tax_minor
        if gross_minor < 0 or gross_minor > left:
            raise ValueError(f"{gross_minor} of {left} that are left")
        tax = 0 if left == 0 else _rounded(Decimal(gross_minor) * self.tax_minor / left)
        net = gross_minor - tax
        return net, tax, RunningCap(self.net_minor - net, self.tax_minor - tax)


def paid_per_unit(prices: Iterable[int], discount_minor: int) -> tuple[int, ...]:
    """Return what each unit cost after a discount on all: 600 and 400 less 100 give 540 and 360.

    Raises ValueError for a discount that is more than the goods.
    """
    gross = tuple(prices)
    if not 0 <= discount_minor <= sum(gross):
        raise ValueError("a discount is between nothing and the goods' price")
    return tuple(price - off for price, off in zip(gross, spread(discount_minor, gross), strict=True))


def _rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))
