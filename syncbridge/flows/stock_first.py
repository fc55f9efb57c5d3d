"""First numbers: what the shop sells already although we never told it, looked at before it is written over.

The ledger knows nothing of a shop that somebody else kept in stock before, nor does a restored or a new one. A back end
whose figures are broken on that day would empty the shop, and the mass-change breaker had nothing to compare with. So
where first numbers are many, the shop is asked for its own numbers of some of them, and those stand for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from syncbridge.domain.errors import Busy, Misconfigured, NeedsPerson, NotFound, VendorError
from syncbridge.flows.context import Context
from syncbridge.flows.stock_calls import answers
from syncbridge.flows.stock_publish import held_of
from syncbridge.flows.stock_terms import Change
from syncbridge.ports.quota import Lane

log = structlog.get_logger(__name__)

LOOKED_AT = 200
"""SKUs that are read at most. Chosen: five seconds of SCAYLE's quota, and a fifth of all SKUs is told from a quarter."""

FAILURES_IN_A_ROW = 10
"""After so many that cannot be read the rest is not asked for. Chosen."""


@dataclass(frozen=True)
class FirstNumbers:
    """Changes of which the shop has units on sale, with how many, out of so many that were read and that there are."""

    on_sale: tuple[tuple[Change, int], ...] = ()
    read: int = 0
    of: int = 0

    def scaled(self, count: int) -> int:
        """Return what a count of the ones that were read comes to over all of them: 20 of 200, of 1,000, are 100."""
        return count * self.of // self.read if self.read else 0

    def examples(self, most: int = 5) -> list[str]:
        """Describe the largest changes of those that were read, for whoever has to judge them."""
        largest = sorted(self.on_sale, key=lambda one: -abs(one[1] - one[0].terms.sellable))[:most]
        return [f"{change.level.shop_sku}: {units} in the shop, {change.terms.sellable} by us" for change, units in largest]


def look(context: Context, changes: Sequence[Change], least: int) -> FirstNumbers:
    """Read what the shop has of the first numbers among some changes; of fewer than `least` nothing is read.

    A SKU that cannot be read is left out. Raises Busy or a VendorError where the shop answers nothing at all for now: the
    next run looks again. Where reading is not allowed to us nobody can look, and nothing is held for it.
    """
    first = sorted((one for one in changes if one.level.published is None), key=lambda one: one.level.key)
    if len(first) < least:
        return FirstNumbers()
    step = max(1, -(-len(first) // LOOKED_AT))
    found: list[tuple[Change, int]] = []
    read = failures = 0
    trouble: Busy | VendorError | None = None
    for change, answer in answers(lambda one: context.shop.read_stock(one.level.shop_sku, Lane.STOCK), first[::step]):
        if isinstance(answer, tuple | NotFound):
            read, failures = read + 1, 0
            held = held_of(answer, change.level) if isinstance(answer, tuple) else None
            if held is not None and held.quantity is not None and held.quantity > 0:
                found.append((change, held.quantity))
        elif isinstance(answer, NeedsPerson):
            failures = 0  # this SKU cannot be read, and no repetition cures it; the shop is there
        elif isinstance(answer, Busy | VendorError):
            trouble, failures = answer, failures + 1
            if failures >= FAILURES_IN_A_ROW:
                break
        else:
            raise answer
    away = failures >= FAILURES_IN_A_ROW or not read
    if trouble is not None and away and not isinstance(trouble, Misconfigured):
        raise trouble
    log.info("first_numbers_looked_at", first=len(first), read=read, on_sale=len(found))
    return FirstNumbers(tuple(found), read, len(first))
