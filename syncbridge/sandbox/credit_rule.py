"""What a day's credits become: shoppers who cancel, and goods that come back.

The data says that a credit happened, and neither of which invoice it is nor whether the goods had left. The rule, in full:

* Every row of a credit is looked at by itself. A charge (`M`, `D`, `AMAZONFEE`, …), and a SKU that no order of the day has,
  matches nothing of the day and is listed by name with the reason.
* A row concerns one merchant's part of one order that has the SKU, to the letter. Only orders foretold to live count, and no
  order is taken twice. An order of the same customer comes first, then one placed before the credit, then any; among
  equals the seed's digest decides. A row that finds nothing left says so.
* It concerns as many units as it credits, at most those that the order has of the SKU there.
* What happens is dealt out separately for Scend's orders, OrderWise's and split ones, so that each has each. The half with the
  fewer rows is cancelled, because all of such an order may come back: the first of them too late, the others within two
  seconds. Of the other half goods come back: in turns announced by customer service, and without a word. Among equals the seed's digest decides.
* SCAYLE asks merchants about their whole part of an order, and so a shopper cancels all of it; in a split order both
  merchants are asked. Too late means packed at Scend and in picking at OrderWise: each one's cut-off has passed.
* A cancellation for which SCAYLE asks nobody any more, since everything has left, is a return through customer service. One that is
  refused brings every parcel back against the RMA that syncbridge announces by itself.
* Unannounced goods come back to Scend under the first parcel's `returnIdentCode`, with as many units as that parcel held;
  OrderWise's receipts have no place for it and name the order.
* A fifth of what comes back is damaged, by digest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from itertools import cycle

from syncbridge.sandbox.expectations import Expectation, Outcome
from syncbridge.sandbox.replay_order import Replay, ReplayOrder
from syncbridge.sandbox.retail_day import Invoice, RetailDay, RetailLine
from syncbridge.sandbox.shoppers import digest

SPLIT = "split"
DAMAGED_OF_100 = 20
SOONEST, LATEST = 0.2, 2.0
"""Seconds after placing within which a shopper thinks better of it (chosen: around delegation and the first picks)."""


class Deed(StrEnum):
    """What a credit becomes."""

    TOO_LATE = "shopper cancels too late"
    CANCEL = "shopper cancels"
    ANNOUNCED = "announced return"
    UNANNOUNCED = "unannounced return"

    @property
    def is_cancellation(self) -> bool:
        """Whether a shopper presses the button in SCAYLE."""
        return self in (Deed.CANCEL, Deed.TOO_LATE)


@dataclass(frozen=True)
class Wish:
    """One row of a credit and the order it concerns. `after`: seconds from placing to the button, for a cancellation."""

    credit: str
    row: int
    sku: str
    units: int
    order: str
    merchant: str
    merchants: tuple[str, ...]
    deed: Deed
    after: float = 0.0
    damaged: bool = False

    @property
    def group(self) -> str:
        """Whose order it is."""
        return SPLIT if len(self.merchants) > 1 else self.merchant


@dataclass(frozen=True)
class Unmatched:
    """A row that concerns nothing of the day, and why."""

    credit: str
    row: int
    sku: str
    units: int
    why: str


@dataclass(frozen=True)
class CreditPlan:
    """What every row of the day's credits becomes."""

    wishes: tuple[Wish, ...] = ()
    unmatched: tuple[Unmatched, ...] = ()

    def report(self) -> list[str]:
        """Say it in lines of text."""
        if not self.wishes and not self.unmatched:
            return []
        kinds = [f"{count} {deed}" for deed in Deed if (count := sum(one.deed is deed for one in self.wishes))]
        lines = [f"credits: {len(self.wishes)} rows become {', '.join(kinds)}"] if kinds else []
        reasons: defaultdict[str, list[str]] = defaultdict(list)
        for one in self.unmatched:
            reasons[one.why].append(f"{one.credit} ({one.sku})")
        lines += [f"credits: {len(rows)} rows of {why}: {', '.join(rows)}" for why, rows in reasons.items()]
        return lines


CHARGE, NOT_SOLD, NONE_LEFT = "no goods", "a SKU that no living order has", "goods whose orders have another credit"


def plan_credits(
    day: RetailDay, work: Replay, foretell: Callable[[ReplayOrder], Expectation], seed: int
) -> CreditPlan:
    """Decide by the rule above what becomes of each row of the day's credits. `work` has a merchant for every line."""
    first = day.sales[0].at if day.sales else None
    living = [order for order in work.orders if foretell(order).outcome is Outcome.LIVES]
    taken: set[str] = set()
    wishes: list[Wish] = []
    unmatched: list[Unmatched] = []
    for credit in day.credits:
        after = credit.at - first if first is not None else timedelta(0)
        for row in credit.lines:
            if row.is_charge or row.is_carriage:
                unmatched.append(_unmatched(credit, row, CHARGE))
                continue
            sold = [order for order in living if any(line.sku == row.stock_code for line in order.lines)]
            free = [order for order in sold if order.name not in taken]
            if not free:
                unmatched.append(_unmatched(credit, row, NONE_LEFT if sold else NOT_SOLD))
                continue
            chosen = min(free, key=lambda order: _rank(order, credit, row, after, seed))
            taken.add(chosen.name)
            wishes.append(_wish(credit, row, chosen, seed))
    rows_of = {order.name: len(order.lines) for order in living}
    return CreditPlan(tuple(_dealt(wishes, rows_of, seed)), tuple(unmatched))


def _rank(
    order: ReplayOrder, credit: Invoice, row: RetailLine, after: timedelta, seed: int
) -> tuple[bool, bool, int]:
    same = bool(credit.customer) and order.body.get("customer", {}).get("referenceKey") == f"C-{credit.customer}"
    draw = digest(f"credit|{seed}|{credit.number}|{row.row}|{order.name}")
    return not same, order.after > after, draw


def _wish(credit: Invoice, row: RetailLine, order: ReplayOrder, seed: int) -> Wish:
    draw = f"{seed}|{credit.number}|{row.row}"
    sold = [line for line in order.lines if line.sku == row.stock_code]
    merchant = sold[0].merchant
    share = digest(f"after|{draw}") % 1000 / 1000
    return Wish(
        credit=credit.number,
        row=row.row,
        sku=row.stock_code,
        units=min(-row.quantity, sum(line.units for line in sold)),
        order=order.name,
        merchant=merchant,
        merchants=order.merchants,
        deed=Deed.CANCEL,
        after=SOONEST + share * (LATEST - SOONEST),
        damaged=digest(f"damaged|{draw}") % 100 < DAMAGED_OF_100,
    )


def _dealt(wishes: Sequence[Wish], rows_of: Mapping[str, int], seed: int) -> Iterable[Wish]:
    """Deal out what happens for each group, the orders with the fewest rows first."""
    deed_of: dict[Wish, Deed] = {}
    for group in sorted({one.group for one in wishes}):
        ranked = sorted(
            (one for one in wishes if one.group == group),
            key=lambda one: (rows_of[one.order], digest(f"deed|{seed}|{one.credit}|{one.row}")),
        )
        half = (len(ranked) + 1) // 2
        deed_of |= {**dict.fromkeys(ranked[:half], Deed.CANCEL), ranked[0]: Deed.TOO_LATE}
        deed_of |= dict(zip(ranked[half:], cycle((Deed.ANNOUNCED, Deed.UNANNOUNCED)), strict=False))
    for one in wishes:
        yield replace(one, deed=deed_of[one])


def _unmatched(credit: Invoice, row: RetailLine, why: str) -> Unmatched:
    return Unmatched(credit.number, row.row, row.stock_code, -row.quantity, why)
