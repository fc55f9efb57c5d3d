"""Everything that the judge is given about a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from syncbridge.sandbox.credit_score import CreditEvidence
from syncbridge.sandbox.exception_records import OpenException
from syncbridge.sandbox.expectations import Expectation
from syncbridge.sandbox.shop_records import ShopRecord
from syncbridge.sandbox.warehouse_records import WarehouseRecord


@dataclass(frozen=True)
class Evidence:
    """Everything the judge is given.

    `others` are further back ends by their merchant, beside `warehouse` of `merchant`: each is judged by its own part of
    what the shop knows. `expectations` is by SCAYLE order id; `places` maps a log file or Redis to its text; `personal_data` are the texts
    to look for in them; `buffer`: the units of every SKU that the run's configuration keeps from the shop;
    `publishes_stock`: the run has to give the shop a figure for every SKU of the warehouse.
    `credits`: what was cancelled and sent back in the run.
    """

    shop: ShopRecord
    warehouse: WarehouseRecord
    exceptions: tuple[OpenException, ...]
    expectations: Mapping[int, Expectation]
    merchant: str = "scend"
    buffer: int = 0
    publishes_stock: bool = False
    personal_data: tuple[str, ...] = ()
    places: Mapping[str, str] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    redis_lost_at: Sequence[datetime] = ()
    others: Mapping[str, WarehouseRecord] = field(default_factory=dict)
    credits: CreditEvidence | None = None

    @property
    def warehouses(self) -> dict[str, WarehouseRecord]:
        """Every back end by its merchant."""
        return {self.merchant: self.warehouse, **self.others}
