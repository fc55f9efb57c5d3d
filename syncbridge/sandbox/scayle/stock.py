"""Stock: the ordering guard of `changedAt`, and the quantity blockers of confirmed orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.journal import Journal
from syncbridge.sandbox.scayle.answers import ApiError, Body, Json, invalid, read_instant, stamp
from syncbridge.sandbox.scayle.catalogue import Catalogue
from syncbridge.sandbox.scayle.organisation import DEFAULT_MERCHANT, Organisation
from syncbridge.sandbox.scayle.settings import Behaviour
from syncbridge.sandbox.scayle.state import Unit

Key = tuple[int, str, str]


@dataclass(slots=True)
class StockRow:
    """Stock of one variant in one warehouse for one merchant, with the units that confirmed orders block."""

    variant_id: int
    sku: str
    warehouse: str
    merchant: str
    quantity: int = 0
    changed_at: datetime | None = None
    sellable_without_stock: bool = False
    expected_at: str | None = None
    blocks: dict[int, tuple[datetime, int]] = field(default_factory=dict)
    reserved: int = 0

    @property
    def sellable(self) -> int:
        """What the shop may still sell: the quantity less blocked and reserved units; may be negative."""
        return self.quantity - len(self.blocks) - self.reserved

    def document(self, deduct_blocks: bool) -> Json:
        """Return the row as the API shows it."""
        return {
            "quantity": max(0, self.sellable) if deduct_blocks else self.quantity,
            "warehouseReferenceKey": self.warehouse,
            "changedAt": stamp(self.changed_at) if self.changed_at is not None else None,
            "sellableWithoutStock": self.sellable_without_stock,
            "merchantReferenceKey": self.merchant,
            "expectedAvailabilityAt": self.expected_at,
        }

    def row(self) -> Json:
        """Describe the row for the oracle, blocks included."""
        return {
            "sku": self.sku,
            **self.document(deduct_blocks=False),
            "blocked": len(self.blocks),
            "reserved": self.reserved,
            "sellable": self.sellable,
        }


class Stock:
    """All stock rows; `announce` is called with a row whenever its stock has changed."""

    def __init__(
        self,
        clock: SandboxClock,
        behaviour: Behaviour,
        journal: Journal,
        catalogue: Catalogue,
        organisation: Organisation,
    ) -> None:
        self._clock = clock
        self._behaviour = behaviour
        self._journal = journal
        self._catalogue = catalogue
        self._organisation = organisation
        self._rows: dict[Key, StockRow] = {}
        self._by_variant: dict[int, list[StockRow]] = {}
        self.announce: Callable[[StockRow], None] = lambda row: None
        self.ignored_writes = 0
        self.applied_writes = 0

    # ---- writing

    def write(self, variant: Json, body: Body, source: str) -> tuple[Json, bool]:
        """Apply one stock body as the API takes it; return the current row and whether it was applied.

        A `changedAt` older than the last one is ignored although the call succeeds (documented). Raises
        ApiError 400 for a malformed body or an unknown warehouse or merchant.
        """
        quantity = body.integer("quantity")
        if quantity < 0:
            raise invalid("quantity", "quantity is an absolute number and cannot be negative.")
        row = self._named_row(variant, body)
        given = body.optional_text("changedAt")
        changed = read_instant(given, "changedAt") if given is not None else self._clock.now()
        changed = changed.replace(microsecond=0)
        flag = body.optional_flag("sellableWithoutStock")
        expected = self._expected(body)
        if row.changed_at is not None and not self._is_newer(changed, row.changed_at):
            self.ignored_writes += 1
            self._journal.fact(
                "stock.ignored",
                sku=row.sku,
                warehouse=row.warehouse,
                merchant=row.merchant,
                quantity=quantity,
                changedAt=stamp(changed),
                currentChangedAt=stamp(row.changed_at),
                source=source,
            )
            return row.document(self._behaviour.on("stockDeductsBlocks")), False
        self._apply(row, quantity, changed, source)
        row.expected_at = expected
        if flag is not None:
            row.sellable_without_stock = flag
        self.announce(row)
        return row.document(self._behaviour.on("stockDeductsBlocks")), True

    def _apply(self, row: StockRow, quantity: int, changed: datetime, source: str) -> None:
        # Documented: a block is released by an update whose changedAt is younger than the block.
        released = [item for item, (since, _) in row.blocks.items() if changed > since]
        orders = sorted({row.blocks[item][1] for item in released})
        for item in released:
            del row.blocks[item]
        before, row.quantity, row.changed_at = row.quantity, quantity, changed
        self.applied_writes += 1
        self._journal.fact(
            "stock.written",
            sku=row.sku,
            warehouse=row.warehouse,
            merchant=row.merchant,
            quantity=quantity,
            before=before,
            changedAt=stamp(changed),
            source=source,
            releasedItems=released,
            releasedOrders=orders,
            blocked=len(row.blocks),
            sellable=row.sellable,
        )

    def _is_newer(self, changed: datetime, current: datetime) -> bool:
        if changed == current:
            return bool(self._behaviour["equalChangedAt"] == "applied")
        return changed > current

    def _expected(self, body: Body) -> str | None:
        text = body.optional_text("expectedAvailabilityAt")
        if text is None:
            return None
        try:
            expected = date.fromisoformat(text)
        except ValueError as error:
            raise invalid("expectedAvailabilityAt", "expectedAvailabilityAt takes YYYY-MM-DD.") from error
        if expected <= self._clock.now().date():
            raise invalid("expectedAvailabilityAt", "expectedAvailabilityAt must lie in the future.")
        return text

    def set_sellable_without_stock(self, variant: Json, body: Body) -> Json:
        """Change the flag alone; return the three members that the call takes."""
        row = self._named_row(variant, body)
        flag = body.optional_flag("sellableWithoutStock")
        if flag is None:
            raise invalid("sellableWithoutStock", "sellableWithoutStock is required.")
        row.sellable_without_stock = flag
        row.changed_at = row.changed_at or self._clock.now().replace(microsecond=0)
        self.announce(row)
        names = ("warehouseReferenceKey", "sellableWithoutStock", "merchantReferenceKey")
        return {name: row.document(deduct_blocks=False)[name] for name in names}

    def _named_row(self, variant: Json, body: Body) -> StockRow:
        warehouse = body.text("warehouseReferenceKey")
        if self._organisation.warehouses.look(warehouse) is None:
            raise ApiError(
                400, "WAREHOUSE_NOT_FOUND", "No such warehouse.", {"field": "warehouseReferenceKey"}
            )
        # Inferred: stock belongs to the default merchant when none is named.
        merchant = body.optional_text("merchantReferenceKey") or DEFAULT_MERCHANT
        if self._organisation.merchants.look(merchant) is None:
            raise ApiError(400, "MERCHANT_NOT_FOUND", "No such merchant.", {"field": "merchantReferenceKey"})
        return self.row_of(variant, warehouse, merchant)

    def row_of(self, variant: Json, warehouse: str, merchant: str) -> StockRow:
        """Return the row of a key, made on first use."""
        key = (variant["id"], warehouse, merchant)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = StockRow(variant["id"], variant["referenceKey"], warehouse, merchant)
            self._by_variant.setdefault(variant["id"], []).append(row)
        return row

    def look(self, variant_id: int, warehouse: str, merchant: str) -> StockRow | None:
        """Return a row, or None if nobody has written or blocked anything there."""
        return self._rows.get((variant_id, warehouse, merchant))

    # ---- reading

    def rows_of(self, variant_id: int) -> list[StockRow]:
        """Return the rows of a variant, those that only hold blocks included."""
        return self._by_variant.get(variant_id, [])

    def entities(self, variant_id: int) -> list[Json]:
        """Return all warehouses of a variant as the API lists them; rows that only hold blocks are unknown."""
        deduct = self._behaviour.on("stockDeductsBlocks")
        rows = self._by_variant.get(variant_id, [])
        return [row.document(deduct) for row in rows if row.changed_at is not None]

    def rows(self) -> list[Json]:
        """Return every row for the oracle."""
        return [row.row() for row in self._rows.values()]

    def block_rows(self) -> list[Json]:
        """Return every block that is held, for the oracle."""
        return [
            {
                "orderId": order_id,
                "itemId": item,
                "sku": row.sku,
                "warehouse": row.warehouse,
                "merchant": row.merchant,
                "since": since.isoformat(),
            }
            for row in self._rows.values()
            for item, (since, order_id) in row.blocks.items()
        ]

    # ---- quantity blockers

    def shortages(self, units: Iterable[Unit]) -> list[Unit]:
        """Return the units that the virtual stock cannot cover, counting blocks they hold themselves as theirs."""
        left: dict[Key, int] = {}
        short = []
        for unit in units:
            row = self._row_of_unit(unit)
            if row is None or row.sellable_without_stock or unit.id in row.blocks:
                continue
            key = (row.variant_id, row.warehouse, row.merchant)
            left[key] = left.get(key, row.sellable) - 1
            if left[key] < 0:
                short.append(unit)
        return short

    def block(self, units: Iterable[Unit], order_id: int) -> None:
        """Block the units of a confirmed order in their merchant and warehouse, as of now."""
        now = self._clock.now()
        grouped: dict[Key, tuple[StockRow, list[int], int]] = {}
        for unit in units:
            row = self._row_of_unit(unit)
            if row is None:
                continue
            key = (row.variant_id, row.warehouse, row.merchant)
            _, items, _ = grouped.setdefault(key, (row, [], row.sellable))
            items.append(unit.id)
            row.blocks[unit.id] = (now, order_id)
        for row, items, before in grouped.values():
            self._journal.fact(
                "stock.blocked",
                orderId=order_id,
                sku=row.sku,
                warehouse=row.warehouse,
                merchant=row.merchant,
                units=len(items),
                sellableBefore=before,
                quantity=row.quantity,
            )

    def release(self, units: Iterable[Unit]) -> None:
        """Release blocks because the checkout cancelled the units (documented)."""
        for unit in units:
            row = self._row_of_unit(unit)
            if row is not None:
                row.blocks.pop(unit.id, None)

    def _row_of_unit(self, unit: Unit) -> StockRow | None:
        if (
            unit.variant_id is None
            or unit.warehouse is None
            or unit.variant_id not in self._catalogue.variants
        ):
            return None
        return self.row_of(self._catalogue.variants[unit.variant_id], unit.warehouse, unit.merchant)
