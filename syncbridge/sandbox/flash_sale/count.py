"""Counting a sale from the vendors' own records: what was sold that was not there, and what was there and not sold.

Every unit of a channel's article has one of three fates: it is on the shelf and free, it is sold, or the warehouse has
lost it. The truth at an instant is what came onto the shelf so far (opening stock, comebacks, counts up and down) less
what the shop has sold so far. Whether an order has been delegated, reserved or despatched makes no difference to
it: a sold unit is not free, and a despatched one was sold before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from syncbridge.sandbox.clock import parse_instant

FRESH_NEWS_SECONDS = 6.0
"""Six minutes of a real sale: a loss that young, no figure without a buffer can contain. Chosen."""

Silences = Sequence[tuple[float, float]]
"""From when to when the warehouse's stock feed was silent, in seconds after the start."""


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
    """A stock write was applied; `shown` is what the shop shows from then on."""

    at: float
    shown: int


Entry = Supplied | Sold | Refused | Published


@dataclass(frozen=True)
class Point:
    """Truth and figure from an instant on; the truth is below zero while more is sold than there is."""

    at: float
    truth: int
    shown: int


@dataclass
class Tally:
    """What one article, or many of them, came to. Units, and unit-seconds where it says so."""

    sold: int = 0
    oversold: int = 0
    oversold_on_fresh_news: int = 0
    lost_after_sale: int = 0
    turned_away: int = 0
    never_sold: int = 0
    still_missing: int = 0
    seconds: float = 0.0
    seconds_too_high: float = 0.0
    units_too_high: float = 0.0
    units_too_low: float = 0.0
    trails: list[float] = field(default_factory=list)
    never_caught_up: int = 0

    def add(self, other: Tally) -> None:
        """Take another tally in."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass(frozen=True)
class Story:
    """One article's tally and its curve; `oversales` and `refusals` are instants with units, for the picture."""

    tally: Tally
    points: tuple[Point, ...]
    oversales: tuple[tuple[float, int], ...]
    refusals: tuple[tuple[float, int], ...]


def tell(
    opening: int, entries: Sequence[Entry], *, end: float, held_back: int = 0, silences: Silences = ()
) -> Story:
    """Go through one article's entries in order of time, from 0 to `end` seconds, and count.

    * oversold: units sold at an instant when no free unit was left for them, with none put aside by chance later.
    * on fresh news: of these, units that a count found missing in the last six seconds, or that nobody could learn of
      since the feed was silent.
    * turned away: units refused to a shopper while that many lay free, each shopper counted.
    * never sold: units that a shop which always shows the truth would have sold by the end, and this one did not.
    * trail: seconds from a change on the shelf until the shop shows the truth again, or up to `held_back` less.

    Worked: 2 on the shelf, the shop sells 2, a stock write frees the block and shows 2, one more is sold: 1 oversold.
    """
    tally = Tally(seconds=end)
    truth, shown, last = opening, 0, 0.0
    points = [Point(0.0, truth, shown)]
    oversales: list[tuple[float, int]] = []
    refusals: list[tuple[float, int]] = []
    fresh: list[list[float]] = []
    waiting: list[float] = []
    for entry in sorted(entries, key=lambda one: one.at):
        _integrate(tally, truth, shown, max(0.0, entry.at - last))
        last = max(last, entry.at)
        if isinstance(entry, Supplied):
            if entry.delta < 0:
                tally.lost_after_sale += max(0, -(truth + entry.delta)) - max(0, -truth)
                fresh.append([_heard_of(entry.at, silences), -entry.delta])
            if max(0, truth + entry.delta) != max(0, truth):
                waiting.append(entry.at)
            truth += entry.delta
        elif isinstance(entry, Sold):
            tally.sold += entry.quantity
            missing = max(0, entry.quantity - max(0, truth))
            if missing:
                tally.oversold += missing
                tally.oversold_on_fresh_news += _excused(fresh, entry.at, missing)
                oversales.append((entry.at, missing))
            truth -= entry.quantity
            shown = entry.shown
        elif isinstance(entry, Refused):
            if truth >= entry.quantity:
                tally.turned_away += entry.quantity
                refusals.append((entry.at, entry.quantity))
            shown = entry.shown
        else:
            shown = entry.shown
        points.append(Point(entry.at, truth, shown))
        if max(0, truth - held_back) <= max(0, shown) <= max(0, truth):
            tally.trails += [entry.at - since for since in waiting]
            waiting.clear()
    _integrate(tally, truth, shown, max(0.0, end - last))
    tally.never_caught_up = len(waiting)
    tally.still_missing = max(0, -truth)
    tally.never_sold = max(0, perfect_sales(opening, entries) - (tally.sold - tally.oversold))
    return Story(tally, tuple(points), tuple(oversales), tuple(refusals))


def perfect_sales(opening: int, entries: Iterable[Entry]) -> int:
    """Return the units that a shop would sell which always shows the truth, to the same shoppers."""
    free, sold = opening, 0
    for entry in sorted(entries, key=lambda one: one.at):
        if isinstance(entry, Supplied):
            free += entry.delta
        elif isinstance(entry, Sold | Refused) and free >= entry.quantity:
            free -= entry.quantity
            sold += entry.quantity
    return sold


def _integrate(tally: Tally, truth: int, shown: int, seconds: float) -> None:
    difference = max(0, shown) - max(0, truth)
    if difference > 0:
        tally.seconds_too_high += seconds
        tally.units_too_high += difference * seconds
    else:
        tally.units_too_low -= difference * seconds


def _heard_of(at: float, silences: Silences) -> float:
    """Return from when on news of a change can be had: what happens just before a silence may be heard after it only."""
    return max([at, *(end for begin, end in silences if begin - FRESH_NEWS_SECONDS <= at < end)])


def _excused(fresh: list[list[float]], at: float, missing: int) -> int:
    """Return how many missing units a loss explains that is too young for anybody to know; each loss explains once."""
    excused = 0
    for loss in fresh:
        if at - loss[0] <= FRESH_NEWS_SECONDS and missing > excused:
            taken = min(int(loss[1]), missing - excused)
            loss[1] -= taken
            excused += taken
    return excused


# ---- reading the records


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
            put(fact["sku"], Published(at, fact["sellable"]))
    for fact in warehouse_facts:
        at = (parse_instant(fact["at"]) - start).total_seconds()
        if fact["fact"] == "stock_adjusted":
            sign = {"physical": 1, "quarantined": -1, "lockedForSale": -1}.get(fact["bucket"], 0)
            put(fact["sku"], Supplied(at, sign * fact["delta"]))
        elif fact["fact"] == "receipt_booked":
            for line in fact["lines"]:
                if line["disposition"] == "RESTOCK":
                    put(line["sku"], Supplied(at, line["quantity"]))
    return found


def left_in_warehouse(
    orders: Iterable[Mapping[str, Any]], stock: Iterable[Mapping[str, Any]]
) -> dict[str, int]:
    """Return, per SKU, the good units in the building less all that were ordered and not sent: below zero is missing.

    This is the warehouse's own word on the truth at the end, and must equal what `tell` arrives at from the facts.
    """
    left = {row["sku"]: row["physical"] - row["quarantined"] - row["lockedForSale"] for row in stock}
    for order in orders:
        for line in order["lines"]:
            left[line["sku"]] = (
                left.get(line["sku"], 0) - line["quantityOrdered"] + line["quantityDespatched"]
            )
    return left
