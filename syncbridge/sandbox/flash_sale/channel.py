"""One strategy's share of a sale: a merchant, its warehouse, and SKUs that belong to nobody else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from syncbridge.sandbox.flash_sale.control import Address
from syncbridge.sandbox.flash_sale.script import Goods


@dataclass(frozen=True)
class Channel:
    """`key` names the merchant, `owner` who publishes its figures, `floor` whose warehouse it is.

    `held_back` is the most its buffer rule keeps, `always_kept` what it keeps at all times, in units of an article.
    """

    key: str
    title: str
    owner: str
    address: Address
    warehouse: str
    warehouse_code: str
    held_back: int = 0
    always_kept: int = 0
    floor: str = "scend"

    def sku(self, article: Goods) -> str:
        """Return the channel's own SKU of an article."""
        return f"{self.key.upper()}-{article}"


@dataclass
class Played:
    """How punctually a channel's happenings took place."""

    begins: datetime
    late: list[float] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
