"""I7: nothing moves backwards, told from SCAYLE's facts and, if given, the ledger's transitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from syncbridge.sandbox.score import Score, Violation, score
from syncbridge.sandbox.shop_records import ShopRecord


def forward_only(shop: ShopRecord, history: Sequence[Mapping[str, Any]] = ()) -> Score:
    """I7: nothing moves backwards: no fact about a unit in SCAYLE, no row of the ledger.

    `history` may give the ledger's transitions as `{"subject", "from", "to", "reason"}`; a step backwards needs a reason.
    """
    violations: list[Violation] = []
    counted = 0
    unit_rank: dict[int, tuple[int, str]] = {}
    order_rank: dict[int, tuple[int, str]] = {}
    for fact in shop.facts:
        kind = str(fact.get("fact", ""))
        state = str(fact.get("to", "")) if kind == "order.state" else ""
        if state in _ORDER_RANK:
            counted += 1
            order_id = int(fact.get("orderId", 0))
            violations += _step_back(order_rank, order_id, _ORDER_RANK[state], state, f"order {order_id}")
        for word, rank in _UNIT_RANK.items():
            if word in kind:
                for number in _item_ids(fact):
                    counted += 1
                    violations += _step_back(unit_rank, number, rank, kind, f"unit {number}")
                break
    for step in history:
        counted += 1
        before_rank, after_rank = (
            _LEDGER_RANK.get(str(step.get("from"))),
            _LEDGER_RANK.get(str(step.get("to"))),
        )
        if before_rank is None or after_rank is None or step.get("reason"):
            continue
        if after_rank < before_rank:
            text = f"from {step.get('from')} back to {step.get('to')} without a reason"
            violations.append(Violation(str(step.get("subject")), text))
    return score("I7", "Forward only", counted, violations)


_LEDGER_RANK = {"pending": 0, "sent": 1, "acknowledged": 2, "withdrawn": 2}


_ORDER_RANK = {
    "CONFIRMED": 1,
    "DELEGATED": 2,
    "SHIPPED": 3,
    "ABORTED": 3,
    "INVOICED": 4,
    "CANCELLED": 4,
}
"""States from which a SCAYLE order never steps back (contract 4.4); before payment it may."""

_UNIT_RANK = {"return": 2, "cancel": 1, "ship": 1, "force_close": 1}
"""What is final for a unit, by a word in the fact's name."""


def _step_back(
    ranks: dict[int, tuple[int, str]], subject: int, rank: int, what: str, name: str
) -> Iterator[Violation]:
    before = ranks.get(subject)
    if before is not None and rank < before[0]:
        yield Violation(name, f"{what} after {before[1]}")
    if before is None or rank >= before[0]:
        ranks[subject] = (rank, what)


def _item_ids(fact: Mapping[str, Any]) -> Iterator[int]:
    listed = fact.get("items", [fact["itemId"]] if "itemId" in fact else [])
    for one in listed if isinstance(listed, list) else []:
        number = one.get("orderItemId", one.get("id")) if isinstance(one, dict) else one
        if isinstance(number, int | str) and str(number).isdigit():
            yield int(number)
