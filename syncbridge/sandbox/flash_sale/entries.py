"""The records of both vendors as one row of entries per SKU, in seconds after the start of the sale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from syncbridge.sandbox.clock import parse_instant


@dataclass(frozen=True)
class Supplied:
    """Units came onto the shelf, or are gone from it where `delta` is negative."""

    at: float
    delta: int


@dataclass(frozen=True)
class Sold:
    """A shopper bought; `shown` is what the shop shows from then on."""

    at: float
    quantity: int
    shown: int


@dataclass(frozen=True)
class Refused:
    """A shopper wanted so many and the shop showed fewer."""

    at: float
    quantity: int
    shown: int


@dataclass(frozen=True)
class Published:
    """A stock write was applied; `shown` is what the shop shows from then on, `stamp` the `changedAt` it came with."""

    at: float
    shown: int
    stamp: float | None = None


Entry = Supplied | Sold | Refused | Published


def read_entries(
    shop_facts: Iterable[Mapping[str, Any]], warehouse_facts: Iterable[Mapping[str, Any]], start: datetime
) -> dict[str, list[Entry]]:
    """Return the entries of every SKU, in seconds after `start`; what came before it has a negative time.

    Both stand-ins run on this computer's wall clock, so that their times can be compared.
    """
    found: dict[str, list[Entry]] = {}

    def put(sku: str, entry: Entry) -> None:
        found.setdefault(sku, []).append(entry)

    for fact in shop_facts:
        at = (parse_instant(fact["at"]) - start).total_seconds()
        if fact["fact"] == "stock.blocked":
            put(fact["sku"], Sold(at, fact["units"], fact["sellableBefore"] - fact["units"]))
        elif fact["fact"] == "shop.sold_out":
            put(fact["sku"], Refused(at, fact["wanted"], fact["available"]))
        elif fact["fact"] == "stock.written":
            stamp = (parse_instant(fact["changedAt"]) - start).total_seconds() if "changedAt" in fact else None
            put(fact["sku"], Published(at, fact["sellable"], stamp))
    for fact in warehouse_facts:
        at = (parse_instant(fact["at"]) - start).total_seconds()
        if fact["fact"] == "stock_adjusted":
            sign = {"physical": 1, "quarantined": -1, "lockedForSale": -1}.get(fact["bucket"], 0)
            put(fact["sku"], Supplied(at, sign * _whole(fact["delta"])))
        elif fact["fact"] == "receipt_booked":
            for line in fact["lines"]:
                if line["disposition"] == "RESTOCK":
                    put(line["sku"], Supplied(at, _whole(line["quantity"])))
    return found


def left_in_warehouse(
    orders: Iterable[Mapping[str, Any]], stock: Iterable[Mapping[str, Any]]
) -> dict[str, int]:
    """Return, per SKU, the good units in the building less all that were ordered and not sent: below zero is missing.

    This is the warehouse's own word on the truth at the end, and must equal what `tell` arrives at from the facts. A
    SKU may lie at several places, in fractions, and be held there by another channel: their sum is floored.
    """
    left: dict[str, Decimal] = {}
    for row in stock:
        kept = sum(_exact(row.get(name, 0)) for name in ("quarantined", "lockedForSale", "elsewhere"))
        left[row["sku"]] = left.get(row["sku"], Decimal(0)) + _exact(row["physical"]) - kept
    for order in orders:
        for line in order["lines"]:
            open_units = _exact(line["quantityOrdered"]) - _exact(line["quantityDespatched"])
            left[line["sku"]] = left.get(line["sku"], Decimal(0)) - open_units
    return {sku: math.floor(units) for sku, units in left.items()}


def told_by_warehouse(stock: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return, per SKU, what the warehouse itself says is free now, where it says so: OrderWise's `freeNow`, the true
    figure that its job has yet to arrive at. Floored, as only whole units are for sale."""
    free: dict[str, Decimal] = {}
    for row in stock:
        if "freeNow" in row:
            free[row["sku"]] = free.get(row["sku"], Decimal(0)) + _exact(row["freeNow"])
    return {sku: math.floor(units) for sku, units in free.items()}


def _exact(value: Any) -> Decimal:
    return Decimal(str(value))


def _whole(value: Any) -> int:
    """Return a change of the script's, whole units, that may be written with a fraction of zero."""
    units = _exact(value)
    if units != units.to_integral_value():
        raise ValueError(f"{value} is not a change in whole units")
    return int(units)
