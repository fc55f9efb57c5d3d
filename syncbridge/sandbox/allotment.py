"""Sharing a replay's orders out between two merchants, so that some orders have goods of both.

The rule, in full: an order's name and the seed give a number from 0 to 99. Below 40 everything is the first merchant's,
from 40 to 79 everything is the second's, and from 80 on the order is split: each SKU goes, by a number of its own, to one
of them. Where chance gives all SKUs of a split order to one merchant, the first SKU goes to the other; an order with a
single SKU cannot be split and is the merchant's that its number gives. All rows of a SKU in an order stay together.
Orders that are placed as documents of their own (from a folder) stay as they are and
count as the first merchant's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from syncbridge.sandbox.expectations import Expectation, Outcome
from syncbridge.sandbox.replay_order import Replay, ReplayOrder
from syncbridge.sandbox.shoppers import digest

FIRST_BELOW, SPLIT_FROM = 40, 80
"""Of 100 orders: 40 the first merchant's, 40 the second's, 20 of both (chosen)."""


@dataclass(frozen=True)
class Seller:
    """A merchant of the shop and the warehouse that sends its goods."""

    merchant: str
    warehouse: str


def allot(work: Replay, first: Seller, second: Seller, seed: int) -> Replay:
    """Return the replay with a merchant for every line."""
    return replace(work, orders=tuple(_allotted(order, first, second, seed) for order in work.orders))


def _allotted(order: ReplayOrder, first: Seller, second: Seller, seed: int) -> ReplayOrder:
    if len(order.body.get("lines", ())) != len(order.lines):
        return replace(order, lines=tuple(replace(line, merchant=first.merchant) for line in order.lines))
    seller_of = _sellers(order, first, second, seed)
    lines = tuple(replace(line, merchant=seller_of[line.sku].merchant) for line in order.lines)
    placed: list[dict[str, Any]] = [
        {**row, "merchant": seller_of[line.sku].merchant, "warehouse": seller_of[line.sku].warehouse}
        for row, line in zip(order.body["lines"], order.lines, strict=True)
    ]
    return replace(order, lines=lines, body={**order.body, "lines": placed})


def _sellers(order: ReplayOrder, first: Seller, second: Seller, seed: int) -> dict[str, Seller]:
    skus = list(dict.fromkeys(line.sku for line in order.lines))
    share = digest(f"allot|{seed}|{order.name}") % 100
    if share < SPLIT_FROM:
        return dict.fromkeys(skus, first if share < FIRST_BELOW else second)
    sellers = {sku: (first, second)[digest(f"allot|{seed}|{order.name}|{sku}") % 2] for sku in skus}
    if len(skus) > 1 and len(set(sellers.values())) == 1:
        sellers[skus[0]] = second if sellers[skus[0]] == first else first
    return sellers


def of_parts(parts: Mapping[str, Expectation], units: Mapping[str, int]) -> Expectation:
    """Tell what has to become of an order from what has to become of each merchant's part, with its units."""
    failing = {merchant: one for merchant, one in parts.items() if one.outcome is Outcome.EXCEPTION}
    if not failing:
        return Expectation(Outcome.LIVES)
    return Expectation(
        Outcome.EXCEPTION,
        faults=frozenset().union(*(one.faults for one in failing.values())),
        living_parts=frozenset(parts) - frozenset(failing),
        waiting_units=sum(units[merchant] for merchant in failing),
    )
