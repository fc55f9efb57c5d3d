"""I6: what the shop may sell is never more than what can be shipped, told from the vendors' own records alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from syncbridge.sandbox.invariants import owed_units
from syncbridge.sandbox.score import Score, Violation, score
from syncbridge.sandbox.shop_records import CANCELLED_BY_SHOP, OPEN, ShopRecord
from syncbridge.sandbox.warehouse_records import REFERENCE, WarehouseRecord

PEOPLE = frozenset({"panel", "seed"})
"""Sources of a stock write that was not ours."""


def no_oversell(shop: ShopRecord, warehouse: WarehouseRecord, merchant: str, buffer: int = 0) -> Score:
    """I6: at the end no SKU is on sale beyond its free units; on the way no write gave away what an order held.

    `buffer`: the units that the configuration keeps from the shop, of every SKU. Counted are SKUs with a figure in the
    shop and stock writes that released a block. Both sides must call a SKU by the same name.
    """
    violations = []
    free = free_units(warehouse)
    waiting = sold_and_not_reserved(shop, warehouse, merchant)
    shown: Counter[str] = Counter()
    for row in shop.stock:
        if row.merchant == merchant and row.published:
            shown[row.sku] += max(0, row.sellable)
    for sku, units in shown.items():
        most = max(0, free[sku] - waiting[sku] - buffer)
        if units > most:
            text = (
                f"{units} on sale, and no more than {most} may be: "
                f"{free[sku]} free, {waiting[sku]} sold and not reserved, {buffer} kept back"
            )
            violations.append(Violation(f"SKU {sku}", text))
    releases = [
        fact
        for fact in shop.facts
        if fact["fact"] == "stock.written"
        and fact["merchant"] == merchant
        and fact["source"] not in PEOPLE
        and fact["releasedOrders"]
    ]
    violations += _given_away(shop, warehouse, merchant, releases, free, waiting)
    return score("I6", "No oversell", len(shown) + len(releases), violations)


def all_published(shop: ShopRecord, warehouse: WarehouseRecord, merchant: str) -> Score:
    """Find SKUs of the warehouse without a figure in the shop: what was never written cannot be oversold either."""
    told = {row.sku for row in shop.stock if row.merchant == merchant and row.published}
    held = sorted({row.sku for row in warehouse.stock})
    silent = [Violation(f"SKU {sku}", "the shop has no figure") for sku in held if sku not in told]
    return score("Stock", "Every SKU has a figure in the shop", len(held), silent)


def free_units(warehouse: WarehouseRecord) -> Counter[str]:
    """Return what a back end has available for sale, by SKU, over all its warehouses."""
    found: Counter[str] = Counter()
    for row in warehouse.stock:
        found[row.sku] += row.available_for_sale
    return found


def sold_and_not_reserved(shop: ShopRecord, warehouse: WarehouseRecord, merchant: str) -> Counter[str]:
    """Return the units that the shop has confirmed and for which the warehouse has put nothing aside, by SKU.

    Of an order that a back end holds, what is backordered, held or not looked at yet; of one that is not, all that is open.
    """
    found: Counter[str] = Counter()
    for order in warehouse.orders:
        if order.is_live:
            for line in order.lines:
                found[line.sku] += max(0, line.ordered - line.allocated - line.despatched - line.cancelled)
    for order_id in shop.by_order:
        owed = [one for one in owed_units(shop, order_id, merchant) if one.status not in CANCELLED_BY_SHOP]
        missing = Counter(unit.sku for unit in owed)
        for order in warehouse.by_shop_order.get(order_id, ()):
            missing.subtract(order.units())
        still_open = Counter(unit.sku for unit in owed if unit.status in OPEN)
        for sku, units in missing.items():
            found[sku] += max(0, min(units, still_open[sku]))
    return found


def _given_away(
    shop: ShopRecord,
    warehouse: WarehouseRecord,
    merchant: str,
    releases: Iterable[Mapping[str, Any]],
    free: Mapping[str, int],
    waiting: Mapping[str, int],
) -> Iterator[Violation]:
    """Find writes that released the block of an order which the warehouse had not met, and did not deduct it either.

    How many units were left at the write is counted back from the end: what was sold or lost since was still there.
    Cancellations since are not counted back, which is in favour of the write.
    """
    met = _met_at(warehouse)
    sold: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for fact in shop.facts:
        if fact["fact"] == "stock.blocked" and fact.get("merchant", merchant) == merchant:
            sold[fact["sku"]].append((fact["at"], int(fact["units"])))
    lost = _lost_at(warehouse)
    for write in releases:
        unmet = [number for number in write["releasedOrders"] if met.get(number, "~") > write["at"]]
        if not unmet:
            continue
        sku, at = write["sku"], write["at"]
        since = sum(units for when, units in (*sold[sku], *lost[sku]) if when > at)
        left = max(0, free.get(sku, 0) - waiting.get(sku, 0) + since)
        if write["sellable"] > left:
            text = (
                f"the write of {write['quantity']} at {at} released orders {', '.join(map(str, unmet))}, which the "
                f"warehouse had not met: {write['sellable']} on sale, {left} left"
            )
            yield Violation(f"SKU {sku}", text)


def _met_at(warehouse: WarehouseRecord) -> dict[int, str]:
    """Return when a back end first got an order of each SCAYLE order, as it writes the time."""
    found: dict[int, str] = {}
    for fact in warehouse.facts:
        match = REFERENCE.match(str(fact.get("clientReference"))) if fact["fact"] == "order_created" else None
        if match is not None:
            found.setdefault(int(match.group(1)), str(fact["at"]))
    return found


def _lost_at(warehouse: WarehouseRecord) -> defaultdict[str, list[tuple[str, int]]]:
    """Return what pickers did not find, by SKU."""
    names = {
        (fact["orderId"], line["lineNumber"]): str(line["sku"])
        for fact in warehouse.facts
        if fact["fact"] == "order_created"
        for line in fact["lines"]
    }
    found: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for fact in warehouse.facts:
        if fact["fact"] == "short_pick":
            for line in fact["lines"]:
                sku = str(line.get("sku") or names.get((fact["orderId"], line["lineNumber"]), ""))
                found[sku].append((str(fact["at"]), int(line["quantity"])))
    return found
