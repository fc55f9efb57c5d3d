"""What a sale asks of a warehouse, whichever vendor's it is: its bad days, its people, and its own word on its stock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from syncbridge.sandbox.flash_sale.channel import Channel
from syncbridge.sandbox.flash_sale.control import Control
from syncbridge.sandbox.flash_sale.script import Comeback, Count, Script

Call = tuple[str, dict[str, Any]]
"""A POST on the control plane: path and body."""

NO_LIMIT = 1_000_000


class Floor(Protocol):
    """One vendor's warehouse. Seconds are seconds of the sale, of which each stands for a minute."""

    key: str
    title: str
    trails_seconds: float
    """How far the figures that the vendor gives out may trail its shelves."""
    carriers: tuple[str, ...]
    """Whom its parcels may go with, as it calls them."""
    lost_answers: tuple[dict[str, Any], ...]
    """Answers that get lost, the call done or not, all through the sale."""
    silence: tuple[dict[str, Any], ...]
    """Faults that make every call about stock fail."""

    def set_up(self, warehouse: Control, script: Script, channels: Sequence[Channel]) -> None:
        """Put the opening stock on the shelves and let the warehouse work by itself, on the sale's time scale."""
        ...

    def count(self, channel: Channel, count: Count) -> Call:
        """Return what counts again; it is answered 409 where fewer lie there than it would take."""
        ...

    def comeback(self, channel: Channel, comeback: Comeback) -> Call:
        """Return what puts goods that came back on the shelf."""
        ...

    def configuration(self, address_of_api: str, warehouse_codes: Sequence[str]) -> str:
        """Return our TOML section for this vendor."""
        ...
