"""How a day's credits ended, told from the vendors' own records: the race of button and picker, open ends, and counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncbridge.sandbox.credit_rule import CreditPlan, Wish
from syncbridge.sandbox.score import Score, Violation, score
from syncbridge.sandbox.shop_records import RETURNED, SHIPPED, ShopRecord, ShopUnit
from syncbridge.sandbox.warehouse_records import WarehouseRecord

CREDIT_SECTIONS = "cancellationRequests,refunds"
"""The sections of the SCAYLE stand-in's state that `read_questions` and `read_refunds` need."""
CLOSED = frozenset({"cancelled", "undeliverable", "unavailable"})
"""States of a unit that will never leave."""
EXPLAINED = frozenset({"cancellation_too_late", "cancellation_mixed"})
"""Kinds of exception that a shopper's cancellation may leave for customer service."""


@dataclass(frozen=True)
class Question:
    """One question of SCAYLE to a merchant whether its part of an order may be cancelled."""

    order_id: int
    merchant: str
    state: str


@dataclass(frozen=True)
class Refund:
    """One refund by SCAYLE, in minor units."""

    order_id: int
    item_id: int
    amount: int
    currency: str


@dataclass(frozen=True)
class Deal:
    """What was done for a wish. `order_id` None: the shop did not take the order.

    `asked`: SCAYLE asked a merchant; `back`: units that were to come back, None before that is known; `kept`: units that SCAYLE
    showed as shipped before the button was pressed, which no cancellation is about.
    """

    wish: Wish
    order_id: int | None
    pressed: bool = False
    asked: bool = False
    back: int | None = None
    kept: frozenset[int] = frozenset()

    @property
    def is_cancellation(self) -> bool:
        """Whether it ends with all of the parts asked about; once nobody was asked it is a return."""
        return self.wish.deed.is_cancellation and (self.asked or not self.pressed)


@dataclass(frozen=True)
class CreditEvidence:
    """What the run did, and SCAYLE's records of questions and refunds."""

    plan: CreditPlan
    deals: tuple[Deal, ...] = ()
    questions: tuple[Question, ...] = ()
    refunds: tuple[Refund, ...] = ()

    @property
    def orders(self) -> frozenset[int]:
        """The orders that a shopper cancelled, or tried to."""
        return frozenset(one.order_id for one in self.deals if one.pressed and one.order_id is not None)


def read_questions(dump: Mapping[str, Any]) -> tuple[Question, ...]:
    """Read the SCAYLE stand-in's questions to merchants."""
    return tuple(
        Question(int(row["orderId"]), str(row["merchant"]), str(row["state"])) for row in dump["cancellationRequests"]
    )


def read_refunds(dump: Mapping[str, Any]) -> tuple[Refund, ...]:
    """Read the SCAYLE stand-in's refunds."""
    return tuple(
        Refund(int(row["orderId"]), int(row["itemId"]), int(row["amount"]), str(row["currency"]))
        for row in dump["refunds"]
    )


def ending(deal: Deal, units: Sequence[ShopUnit]) -> str | None:
    """Say how a wish ended by the units of its order in SCAYLE; None while it is open."""
    wish = deal.wish
    if deal.is_cancellation:
        mine = [unit for unit in units if unit.merchant in wish.merchants and unit.item_id not in deal.kept]
        if not deal.pressed or not mine or not all(unit.status in CLOSED | RETURNED for unit in mine):
            return None
        back = sum(unit.status in RETURNED for unit in mine)
        return "cancelled" if not back else "returned"
    mine = [unit for unit in units if unit.merchant == wish.merchant and unit.sku == wish.sku]
    if mine and all(unit.status in CLOSED for unit in mine):
        return "never left"
    returned = sum(unit.status in RETURNED and unit.refunds > 0 for unit in mine)
    return "returned" if deal.back is not None and returned >= deal.back else None


def race(shop: ShopRecord, warehouses: Mapping[str, WarehouseRecord], questions: Sequence[Question]) -> Score:
    """Each part asked about is cancelled and never despatched, or despatched and refused: never both, never neither."""
    violations = []
    for one in questions:
        text = _wrong(one, shop, warehouses[one.merchant]) if one.merchant in warehouses else None
        if text is not None:
            name = shop.names.get(one.order_id, "")
            violations.append(Violation(f"order {one.order_id} ({name}), {one.merchant}", text))
    return score("Race", "Cancelled and never sent, or sent and refused", len(questions), violations)


def _wrong(one: Question, shop: ShopRecord, warehouse: WarehouseRecord) -> str | None:
    statuses = _statuses(one, shop)
    sent = _sent(one, warehouse)
    closed = set(statuses) <= CLOSED
    if one.state == "asking":
        return "SCAYLE has no answer yet"
    if sent and (closed or one.state == "successful" or statuses["cancelled"]):
        return f"both: {sent} units sent, SCAYLE's question {one.state}, units {dict(statuses)}"
    if not sent and not closed:
        return f"neither: nothing sent, SCAYLE's question {one.state}, units {dict(statuses)}"
    if sent and not set(statuses) <= CLOSED | SHIPPED | RETURNED:
        return f"neither: {sent} units sent, units {dict(statuses)}"
    return None


def _statuses(one: Question, shop: ShopRecord) -> Counter[str]:
    return Counter(unit.status for unit in shop.by_order.get(one.order_id, ()) if unit.merchant == one.merchant)


def _sent(one: Question, warehouse: WarehouseRecord) -> int:
    return sum(line.despatched for order in warehouse.by_shop_order.get(one.order_id, ()) for line in order.lines)


def all_ended(
    shop: ShopRecord, warehouses: Mapping[str, WarehouseRecord], evidence: CreditEvidence
) -> Score:
    """Every credit of the day has ended, and whatever came back is returned in SCAYLE, no unit more and none less."""
    violations = [
        Violation(_name(deal), f"{deal.wish.deed}: still open")
        for deal in evidence.deals
        if deal.order_id is not None and ending(deal, shop.by_order.get(deal.order_id, ())) is None
    ]
    came: Counter[int] = Counter()
    for warehouse in warehouses.values():
        order_of = {order.reference: order.order_id for order in warehouse.orders}
        for one in warehouse.received:
            order_id = order_of.get(one.reference)
            if order_id is not None:
                came[order_id] += one.units
    for order_id, units in sorted(came.items()):
        returned = sum(unit.returns for unit in shop.by_order.get(order_id, ()))
        if returned != units:
            violations.append(Violation(f"order {order_id}", f"{units} units came back, {returned} are returned"))
    return score("Credits", "Every credit ended, goods and returns alike", len(evidence.deals), violations)


def _name(deal: Deal) -> str:
    wish = deal.wish
    return f"{wish.credit} ({wish.sku}), order {deal.order_id} ({wish.order}), {wish.group}"


def scores(
    shop: ShopRecord, warehouses: Mapping[str, WarehouseRecord], evidence: CreditEvidence
) -> tuple[Score, ...]:
    """Score the race and the ends."""
    return race(shop, warehouses, evidence.questions), all_ended(shop, warehouses, evidence)


def counts(
    shop: ShopRecord, warehouses: Mapping[str, WarehouseRecord], evidence: CreditEvidence
) -> dict[str, Any]:
    """Count what became of the credits. `asked` to `tooLate` count SCAYLE's questions to merchants.

    `notAsked` are cancellations for which SCAYLE asked nobody since everything had left; `refunded` is in minor units.
    """
    known = [one for one in evidence.questions if one.merchant in warehouses]
    sent = {one: _sent(one, warehouses[one.merchant]) > 0 for one in known}
    refunded: Counter[str] = Counter()
    for refund in evidence.refunds:
        refunded[refund.currency] += refund.amount
    ends = [
        ending(deal, shop.by_order.get(deal.order_id, ())) for deal in evidence.deals if deal.order_id is not None
    ]
    return {
        "credits": len(evidence.plan.wishes) + len(evidence.plan.unmatched),
        "unmatched": len(evidence.plan.unmatched),
        "asked": len(known),
        "cancelled": sum(not sent[one] and set(_statuses(one, shop)) <= CLOSED for one in known),
        "refused": sum(one.state == "refused" for one in known),
        "tooLate": sum(sent[one] for one in known),
        "notAsked": sum(deal.pressed and not deal.asked for deal in evidence.deals),
        "returned": sum(unit.returns for unit in shop.units),
        "refunded": dict(sorted(refunded.items())),
        "open": sum(end is None for end in ends),
    }


def to_json(shop: ShopRecord, warehouses: Mapping[str, WarehouseRecord], evidence: CreditEvidence) -> dict[str, Any]:
    """Write everything about the credits for a report: the counts, and every row by name."""
    return {
        "counts": counts(shop, warehouses, evidence),
        "rows": [
            {
                "credit": deal.wish.credit,
                "sku": deal.wish.sku,
                "units": deal.wish.units,
                "order": deal.wish.order,
                "orderId": deal.order_id,
                "merchant": deal.wish.merchant,
                "group": deal.wish.group,
                "deed": str(deal.wish.deed),
                "asked": deal.asked,
                "back": deal.back,
                "end": "the shop did not take the order"
                if deal.order_id is None
                else ending(deal, shop.by_order.get(deal.order_id, ())) or "open",
            }
            for deal in evidence.deals
        ],
        "unmatched": [
            {"credit": one.credit, "sku": one.sku, "units": one.units, "why": one.why}
            for one in evidence.plan.unmatched
        ],
    }
