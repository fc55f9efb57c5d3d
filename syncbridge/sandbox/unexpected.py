"""Which orders ended otherwise than the data foretold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from syncbridge.sandbox import credit_score
from syncbridge.sandbox.evidence import Evidence
from syncbridge.sandbox.exception_records import OpenException
from syncbridge.sandbox.expectations import Expectation, Outcome
from syncbridge.sandbox.invariants import owed_units
from syncbridge.sandbox.score import Violation
from syncbridge.sandbox.shop_records import CANCELLED_BY_SHOP
from syncbridge.sandbox.warehouse_records import WarehouseRecord


def unexpected_outcomes(evidence: Evidence) -> dict[int, Violation]:
    """Compare what became of each order with what the data foretold.

    An order foretold to live must be on live orders whole and under no exception; exceptions about failures of the
    run itself have to have closed by now. Where the warehouse gave units up, which nothing in the data foretells, I1
    and I4 say whether somebody was told. An order foretold to fail must be under an exception that names it; where
    that exception lists faults, at least one of them must be foretold; its parts that are foretold to live must.
    """
    found = {}
    for order_id, foretold in evidence.expectations.items():
        about = [one for one in evidence.exceptions if one.names_order(order_id)]
        if evidence.credits is not None and order_id in evidence.credits.orders:
            about = [one for one in about if one.kind not in credit_score.EXPLAINED]
        name = evidence.shop.names.get(order_id) or str(order_id)
        text = _surprise(evidence, order_id, foretold, about)
        if text is not None:
            found[order_id] = Violation(f"order {order_id} ({name})", text)
    return found


def _surprise(
    evidence: Evidence, order_id: int, foretold: Expectation, about: Sequence[OpenException]
) -> str | None:
    if foretold.outcome is Outcome.LIVES:
        if any(order_id in given_up_orders(one) for one in evidence.warehouses.values()):
            return None
        if about:
            return f"should live, and is under {', '.join(f'{one.kind} ({one.cause})' for one in about)}"
        return (
            None
            if is_acknowledged(evidence, order_id)
            else "should live, and is not whole on a live order"
        )
    for merchant in sorted(foretold.living_parts):
        if not _part_is_held(evidence, order_id, merchant):
            return f"the part of merchant {merchant} should live, and is not whole on a live order"
    if not about:
        return f"should be an exception ({', '.join(sorted(foretold.faults))}), and there is none"
    listed = frozenset().union(*(one.faults for one in about))
    if listed and not listed & foretold.faults:
        return (
            f"exception lists {', '.join(sorted(listed))}, foretold was {', '.join(sorted(foretold.faults))}"
        )
    return None


def given_up_orders(warehouse: WarehouseRecord) -> frozenset[int]:
    """Return the orders of which the warehouse gave up units: closed short, or cancelled by its own people."""
    return frozenset(
        order_id
        for order_id, orders in warehouse.by_shop_order.items()
        if any(line.cancelled for order in orders for line in order.lines)
    )


def is_acknowledged(evidence: Evidence, order_id: int) -> bool:
    """Say whether every back end that an order concerns holds its part of it whole, on live orders."""
    merchants = {unit.merchant for unit in evidence.shop.by_order.get(order_id, ())} & evidence.warehouses.keys()
    return bool(merchants) and all(_part_is_held(evidence, order_id, merchant) for merchant in merchants)


def _part_is_held(evidence: Evidence, order_id: int, merchant: str) -> bool:
    owed = owed_units(evidence.shop, order_id, merchant)
    if evidence.credits is not None and order_id in evidence.credits.orders:
        mine = [unit for unit in evidence.shop.by_order.get(order_id, ()) if unit.merchant == merchant]
        if mine and all(unit.status == "cancelled" for unit in mine):
            # Cancelled by its shopper before the warehouse had it, or after: nothing is owed any more.
            return True
    wanted = Counter(unit.sku for unit in owed if unit.status not in CANCELLED_BY_SHOP)
    for order in evidence.warehouses[merchant].by_shop_order.get(order_id, ()):
        if order.is_live and order.status not in ("QUARANTINED", "ON_HOLD"):
            wanted.subtract(order.units())
    return bool(owed) and all(count <= 0 for count in wanted.values())
