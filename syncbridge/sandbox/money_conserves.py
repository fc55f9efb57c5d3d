"""I5: money is conserved, told from what SCAYLE captured and refunded: nobody pays, or is paid back, too much."""

from __future__ import annotations

from collections import Counter

from syncbridge.sandbox.score import Score, Violation, score
from syncbridge.sandbox.shop_records import RETURNED, ShopRecord


def money_conserves(shop: ShopRecord) -> Score:
    """Find units refunded beyond what was paid for them, returned units not refunded in full, and orders out of balance.

    Counted are captures and refunds, in minor units. Without a unit's paid amount only the order is looked at.
    """
    refunded: Counter[int] = Counter()
    captured_of: Counter[int] = Counter()
    refunded_of: Counter[int] = Counter()
    counted = 0
    for fact in shop.facts:
        if fact["fact"] == "capture":
            counted += 1
            captured_of[int(fact["orderId"])] += int(fact["amount"]) + int(fact.get("giftCardAmount") or 0)
        elif fact["fact"] == "refund":
            counted += 1
            refunded[int(fact["itemId"])] += int(fact["amount"])
            refunded_of[int(fact["orderId"])] += int(fact["amount"])
    violations = []
    for unit in shop.units:
        back = refunded[unit.item_id]
        if unit.paid is None or (not back and unit.status not in RETURNED):
            continue
        subject = f"order {unit.order_id} unit {unit.item_id} ({unit.sku})"
        if back > unit.paid:
            violations.append(Violation(subject, f"{back} refunded, {unit.paid} paid"))
        elif unit.status in RETURNED and back < unit.paid:
            violations.append(Violation(subject, f"returned, and {back} of {unit.paid} refunded"))
    for order_id, back in refunded_of.items():
        if back > captured_of[order_id]:
            violations.append(Violation(f"order {order_id}", f"{back} refunded, {captured_of[order_id]} captured"))
    for order_id, taken in captured_of.items():
        owed = shop.totals.get(order_id)
        if owed is not None and taken > owed:
            violations.append(Violation(f"order {order_id}", f"{taken} captured, {owed} owed"))
    return score("I5", "Money conserves", counted, violations)
