"""Stock per SKU and warehouse, in buckets, with the arithmetic of contract 2.12 (assumed)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.scend.feeds import Feed, Row

BUCKETS = ("physical", "reserved", "picked", "quarantined", "lockedForSale", "inbound")
ADJUSTABLE = ("physical", "quarantined", "lockedForSale", "inbound")


class Impossible(Exception):
    """The warehouse cannot do that now; the control plane answers 409 with this sentence."""


class StockRow(Row):
    """One SKU in one warehouse."""

    __slots__ = ()

    @property
    def free(self) -> int:
        """Units that a new order can reserve."""
        return int(self.document["availableForSale"])

    @property
    def unpicked(self) -> int:
        """Units in the building that nobody has taken off the shelf."""
        return int(self.document["physical"] - self.document["picked"])


class StockBook:
    """The stock of one account. Moves are gathered and published together by `settle`."""

    def __init__(self, clock: SandboxClock, is_active: Callable[[str], bool]) -> None:
        self.feed: Feed[StockRow] = Feed(clock, "changedAt")
        self.by_sku: dict[str, list[StockRow]] = {}
        self.listeners: list[Callable[[list[StockRow]], None]] = []
        self._is_active = is_active
        self._dirty: dict[StockRow, None] = {}

    def find(self, sku: str, warehouse: str) -> StockRow | None:
        """Return the row, or None where the warehouse has never heard of the SKU."""
        return self.feed.rows.get(f"{warehouse} {sku}")

    def ensure(self, sku: str, warehouse: str) -> StockRow:
        """Return the row, made empty where there was none."""
        row = self.find(sku, warehouse)
        if row is None:
            document: dict[str, Any] = {"sku": sku, "warehouseCode": warehouse}
            document.update(dict.fromkeys(BUCKETS[:5], 0))
            document |= {"available": 0, "availableForSale": 0, "inbound": 0, "nextInboundDate": None}
            document |= {"active": self._is_active(sku), "changedAt": None, "sequence": 0}
            row = StockRow(f"{warehouse} {sku}", document)
            self.feed.rows[row.key] = row
            self.by_sku.setdefault(sku, []).append(row)
            self._dirty[row] = None
        return row

    def move(self, row: StockRow, **deltas: int) -> None:
        """Change buckets; raise Impossible, without effect, if one would become negative or break a rule."""
        after = {name: row.document[name] + delta for name, delta in deltas.items()}
        self._put(row, after)

    def put(self, row: StockRow, values: Mapping[str, Any]) -> None:
        """Set buckets to absolute figures; raises as `move` does."""
        self._put(row, values)

    def _put(self, row: StockRow, values: Mapping[str, Any]) -> None:
        merged = {**row.document, **values}
        for name in BUCKETS:
            if not isinstance(merged[name], int) or merged[name] < 0:
                raise Impossible(f"{name} of {row.document['sku']} cannot become {merged[name]}")
        if merged["picked"] > merged["reserved"] or merged["picked"] > merged["physical"]:
            raise Impossible(
                f"{row.document['sku']}: {merged['picked']} picked units need as many reserved and physical ones"
            )
        row.document.update(values)
        self._refresh(row)
        self._dirty[row] = None

    def _refresh(self, row: StockRow) -> None:
        document = row.document
        document["available"] = document["physical"] - document["picked"]
        free = (
            document["physical"] - document["reserved"] - document["quarantined"] - document["lockedForSale"]
        )
        document["availableForSale"] = max(0, free) if document["active"] else 0

    def refresh_active(self, sku: str) -> None:
        """Take over whether the product is active."""
        for row in self.by_sku.get(sku, ()):
            active = self._is_active(sku)
            if row.document["active"] != active:
                row.document["active"] = active
                self._refresh(row)
                self._dirty[row] = None

    def settle(self) -> None:
        """Publish every changed row once, and tell the listeners."""
        if not self._dirty:
            return
        rows = list(self._dirty)
        self._dirty.clear()
        for row in rows:
            self.feed.touch(row)
        for listener in self.listeners:
            listener(rows)

    def rows_of(self, skus: Iterable[str]) -> list[StockRow]:
        """Return all rows of these SKUs."""
        return [row for sku in skus for row in self.by_sku.get(sku, ())]
