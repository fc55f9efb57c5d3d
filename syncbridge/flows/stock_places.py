"""Where a back end's stock rows belong in the shop, by the configuration as it is now.

The ledger keeps under which name of the shop a row's number was published. When the configuration gives the row another
name, the old one goes to zero first, so that its units are not sold under both, and then the row takes the new one. A
name whose warehouse or SKU belongs to nobody, or to another row, is left alone.

Rows that nobody sells from are not kept, and the feed passes them. So when the configuration asks for other rows than
before, all stock is read once more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from syncbridge.flows.context import Context
from syncbridge.ledger import stock_writes
from syncbridge.ledger.exceptions import close_exceptions
from syncbridge.ledger.stock import Level, Name


class Places:
    """The names of one back end's rows."""

    def __init__(self, context: Context, account: str) -> None:
        self._places: dict[str, tuple[str, str]] = {}
        self._ours: dict[str, dict[str, str]] = {}
        self._mapped: dict[str, frozenset[str]] = {}
        for merchant in context.configuration.merchants:
            if context.backend_of(merchant).account == account:
                self._ours[merchant.key] = {theirs: ours for ours, theirs in merchant.sku_map.items()}
                self._mapped[merchant.key] = frozenset(merchant.sku_map)
                for warehouse in merchant.warehouses:
                    self._places[warehouse.code] = (merchant.key, warehouse.key)

    @property
    def fingerprint(self) -> str:
        """A text that is another one whenever other rows, or the same ones under other names, are asked for."""
        asked_for = (sorted(self._places.items()), sorted((key, sorted(map_.items())) for key, map_ in self._ours.items()))
        return hashlib.sha256(repr(asked_for).encode()).hexdigest()

    def name(self, warehouse_code: str, sku: str) -> Name | None:
        """Return (merchant, warehouse, SKU) in the shop's words; None where the shop cannot sell from that row.

        With 85123A mapped to 85123-A, the row of 85123-A is the shop's 85123A, and a row that the back end itself calls
        85123A is None: no order of the shop reaches that product.
        """
        place = self._places.get(warehouse_code)
        if place is None:
            return None
        ours = self._ours[place[0]].get(sku)
        if ours is None and sku in self._mapped[place[0]]:
            return None
        return (*place, ours or sku)

    def seen(self, level: Level) -> Level | None:
        """Return a level as its number is to be counted; None where it is left alone.

        One whose old name is still on sale counts as not served any more: nothing of it is available under that name.
        """
        name = self.name(level.warehouse_code, level.sku)
        if name is None or level.place not in self._places.values():
            return None
        return level if name == level.name else replace(level, active=False)

    def rename(self, context: Context, every: Sequence[Level]) -> bool:
        """Give rows their new names, where nothing is on sale under the old one any more; say whether there was any."""
        right = {level.name: level for level in every if self.name(level.warehouse_code, level.sku) == level.name}
        due = [
            (level, name)
            for level in every
            if (name := self.name(level.warehouse_code, level.sku)) is not None
            and name != level.name
            and (level.name in right or not self._is_on_sale(level))
        ]
        if not due:
            return False
        at = context.now()
        with context.ledger.work() as work:
            for level, name in due:
                if (owner := right.get(level.name)) is not None:
                    # The shop has this row's number there, not the one that the name's owner was last known to have.
                    held = level.published if level.sending is None else level.sending
                    stock_writes.correct(work.connection, owner, held, level.stamp, "", at)
                stock_writes.rename(work.connection, level, name)
                close_exceptions(work.connection, level.subject, at=at, resolution="its row has another name in the shop")
            work.commit()
        return True

    def _is_on_sale(self, level: Level) -> bool:
        """Say whether the shop may sell under the old name, and we may put it to zero."""
        if level.shop_sku in self._mapped.get(level.merchant, ()) or level.place not in self._places.values():
            return False  # another row's number stands there, or none of ours any more
        return level.not_before is None and bool(level.published or level.sending)
