"""Stock per variant and location: physical at once, free only as the recalculation job last left it (contract 7, 12.7)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from syncbridge.sandbox.orderwise.local_time import local_text
from syncbridge.sandbox.orderwise.stamped_feed import StampedFeed

ZERO = Decimal(0)


@dataclass
class Shelf:
    """One variant at one location. `elsewhere` is what other channels' orders hold; `free` is the job's last word."""

    location: int
    physical: Decimal = ZERO
    allocated: Decimal = ZERO
    elsewhere: Decimal = ZERO
    free: Decimal = ZERO

    @property
    def true_free(self) -> Decimal:
        """What is free now, whether the job has noticed or not; it may be negative."""
        return self.physical - self.allocated - self.elsewhere


@dataclass(eq=False)
class Variant:
    """A variant with its stock; `record` holds the blocks of the public variant endpoint."""

    id: int
    code: str
    record: dict[str, Any]
    product_id: int = 0
    tax_rate_id: int = 1
    price_net: Decimal = ZERO
    price_gross: Decimal = ZERO
    discontinued: bool = False
    disallowed: bool = False
    components: tuple[tuple[Variant, Decimal], ...] = ()
    amended: datetime | None = None
    calculated: datetime | None = None
    shelves: dict[int, Shelf] = field(default_factory=dict)
    kits: list[Variant] = field(default_factory=list)

    def shelf(self, location: int) -> Shelf:
        """Return the shelf at a location, made empty where there was none."""
        found = self.shelves.get(location)
        if found is None:
            found = self.shelves[location] = Shelf(location)
        return found

    def free_now(self, location: int) -> Decimal:
        """Return what is free now; of a kit, how many can be built from its components' free stock."""
        if not self.components:
            return self.shelf(location).true_free
        return min((part.free_now(location) // quantity for part, quantity in self.components), default=ZERO)


class StockBook:
    """All stock of one data set. Changes wait for the recalculation job, which stamps a variant once."""

    def __init__(self, now: Callable[[], datetime], wake_job: Callable[[], None]) -> None:
        self.feed: StampedFeed[Variant] = StampedFeed()
        self._now = now
        self._wake_job = wake_job
        self._waiting: dict[Variant, None] = {}

    @property
    def waiting(self) -> int:
        """How many variants the job has to look at."""
        return len(self._waiting)

    def move(
        self, variant: Variant, location: int, *, physical: Decimal = ZERO, allocated: Decimal = ZERO
    ) -> None:
        """Change figures; of a kit, those of its components."""
        if variant.components:
            for part, quantity in variant.components:
                self.move(part, location, physical=physical * quantity, allocated=allocated * quantity)
            variant.shelf(location)
            return
        shelf = variant.shelf(location)
        shelf.physical += physical
        shelf.allocated += allocated
        self.changed(variant)

    def changed(self, variant: Variant) -> None:
        """Let the job look at a variant, and at the kits that are built from it."""
        self._waiting[variant] = None
        self._waiting.update(dict.fromkeys(variant.kits))

    def settle(self) -> None:
        """Let the job know that there is work; with an interval of zero it works now."""
        if self._waiting:
            self._wake_job()

    def recalculate(self) -> int:
        """Do the job: free stock of every waiting variant, all under one time stamp. Return how many there were."""
        waiting, self._waiting = self._waiting, {}
        return self._stamp(waiting)

    def recalculate_one(self, variant: Variant) -> int:
        """Do the job for one variant, whether it waits or not; return 1."""
        self._waiting.pop(variant, None)
        return self._stamp([variant])

    def _stamp(self, waiting: Collection[Variant]) -> int:
        stamp = self._now()
        for variant in waiting:
            for shelf in variant.shelves.values():
                shelf.free = variant.free_now(shelf.location)
            variant.calculated = stamp
            self.feed.touch(variant, stamp)
        return len(waiting)


def has_goods(variant: Variant, location: int, quantity: Decimal) -> bool:
    """Say whether so many are in the building."""
    if variant.components:
        return all(has_goods(part, location, quantity * each) for part, each in variant.components)
    return variant.shelf(location).physical >= quantity


def stock_rows(variant: Variant) -> Iterator[dict[str, Any]]:
    """Write a variant's rows of the stock exports, one per location (contract 12.7)."""
    calculated = None if variant.calculated is None else local_text(variant.calculated)
    for shelf in variant.shelves.values():
        physical = ZERO if variant.components else shelf.physical
        yield {
            "variantCode": variant.code,
            "stockLocationId": shelf.location,
            "freeStock": shelf.free,
            "physicalStock": physical,
            "lastCalculatedAt": calculated,
        }
