"""Stock arithmetic: what the shop may sell, with which stamp, and when a change is too large to be believed. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from fnmatch import fnmatchcase
from functools import cached_property


@dataclass(frozen=True)
class StockRow:
    """What a back end says about one SKU in one of its warehouses.

    `available_for_sale` is raw: it may be negative or fractional. `changed_at` is the back end's own time;
    `sequence` rises with every change of the row.
    """

    sku: str
    warehouse_code: str
    available_for_sale: Decimal
    active: bool
    sequence: int
    changed_at: datetime | None = None


@dataclass(frozen=True)
class StockWrite:
    """An absolute sellable quantity for one SKU, warehouse and merchant of the shop, true as of `changed_at`."""

    sku: str
    warehouse: str
    merchant: str
    quantity: int
    changed_at: datetime


@dataclass(frozen=True)
class ShopStock:
    """What the shop holds or answers for one SKU, warehouse and merchant; None is what it did not say."""

    sku: str
    warehouse: str
    merchant: str
    quantity: int | None
    changed_at: datetime | None


@dataclass(frozen=True)
class Terms:
    """The terms of one published number, so that it can be explained.

    `ceiling` bounds a figure that nobody vouches for any more (its row is missing from a complete snapshot): such a
    number may fall and never rises.
    """

    available: int
    in_flight: int
    buffer: int
    ceiling: int | None = None

    @property
    def sellable(self) -> int:
        """max(0, available - in flight - buffer): 50 available, 29 sold but not reserved, no buffer gives 21.

        With a ceiling of 20 it gives 20.
        """
        units = max(0, self.available - self.in_flight - self.buffer)
        return units if self.ceiling is None else min(units, self.ceiling)


MOST_UNITS = 1_000_000_000
"""No shelf holds more: what a back end says beyond it is an error of its own, and must not break a run. Chosen."""


def whole_units(raw: Decimal) -> int:
    """Return a raw figure as whole units that can be sold: floored, never below zero. -0.5 gives 0, 2.9 gives 2."""
    return min(MOST_UNITS, max(0, int(raw.to_integral_value(rounding=ROUND_FLOOR))))


@dataclass(frozen=True)
class BufferRule:
    """Units kept back from the shop.

    `skus` beats `patterns` (first match, shell style) beats `fixed`; `percent` of the available units is added. For a
    fast mover `per_minute` × age of the figure × `safety` is added, between `floor` and `ceiling`.
    """

    fixed: int = 0
    percent: Decimal = Decimal(0)
    skus: tuple[tuple[str, int], ...] = ()
    patterns: tuple[tuple[str, int], ...] = ()
    fast_from_per_minute: Decimal | None = None
    safety: Decimal = Decimal(1)
    floor: int = 0
    ceiling: int = 1_000_000

    @cached_property
    def _by_sku(self) -> dict[str, int]:
        return dict(self.skus)

    def units(self, sku: str, available: int, *, sold_per_minute: Decimal, age: timedelta) -> int:
        """Return the buffer of a SKU. 10 % of 25 is rounded up to 3; the dynamic part is rounded up too."""
        base = self._by_sku.get(sku)
        if base is None:
            base = next((units for pattern, units in self.patterns if fnmatchcase(sku, pattern)), self.fixed)
        total = base + math.ceil(self.percent * available / 100)
        if self.fast_from_per_minute is not None and sold_per_minute >= self.fast_from_per_minute:
            minutes = Decimal(max(0.0, age.total_seconds())) / 60
            total += min(self.ceiling, max(self.floor, math.ceil(sold_per_minute * minutes * self.safety)))
        return total


def stamp_for(
    watermarks: tuple[datetime, ...], *, last: datetime | None, newer_than: datetime | None = None
) -> datetime | None:
    """Return the stamp of a stock write: the oldest of the watermarks, in whole seconds rounded down.

    It must be at least a second after the SKU's `last` stamp and after `newer_than` (an edit made in the shop); None
    means to wait for the next watermark. A newer stamp than the watermarks would release the shop's block for an
    order that neither the warehouse nor we have met.
    """
    stamp = min(watermarks).replace(microsecond=0)
    for bound in (last, newer_than):
        if bound is not None and stamp < bound.replace(microsecond=0) + timedelta(seconds=1):
            return None
    return stamp


@dataclass(frozen=True)
class MassChange:
    """Thresholds beyond which a run is held until a person has looked. Shares are of the SKUs that are on sale."""

    zeroed_share: Decimal = Decimal("0.2")
    zeroed_least: int = 50
    moved_share: Decimal = Decimal("0.5")
    moved_least: int = 5_000

    def too_much(self, on_sale: int, zeroed: int, units_before: int, units_moved: int) -> str:
        """Return why a run must be held, or an empty text.

        `on_sale` and `zeroed` count SKUs, the other two count units over all of them.
        """
        if zeroed >= self.zeroed_least and zeroed > self.zeroed_share * on_sale:
            return f"{zeroed} of {on_sale} SKUs on sale would go to zero"
        if units_moved >= self.moved_least and units_moved > self.moved_share * max(1, units_before):
            return f"{units_moved} units would move, of {units_before} on sale"
        return ""


def publishing_order(old: int | None, new: int) -> tuple[int, int]:
    """Return the sort key of a write: sell-outs first, then the largest decreases, then increases.

    `old` is what the shop was last known to hold. Where nobody knows (None), a zero counts as a sell-out.
    """
    change = new - (old or 0)
    if new == 0 and old != 0:
        return (0, change)
    return (1, change) if change < 0 else (2, change)
