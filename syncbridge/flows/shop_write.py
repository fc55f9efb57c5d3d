"""What every write to the shop has in common: the shop knows no idempotency key, so its order is read before and after."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import cache

from syncbridge.domain.orders import ShopOrder
from syncbridge.flows.context import SHOP, Context
from syncbridge.flows.write import BLIND, Found, Sighting, each
from syncbridge.ledger.claims import Claim


class ShopWrite(ABC):
    """Half of a `Write` (see `flows.write`): where it goes, how it is looked up, and what counts as proof."""

    target = SHOP
    harmless_repeat = False

    def __init__(self, context: Context, send: Callable[[str], None]) -> None:
        """`send` is the shop's method for a frozen body."""
        self._context = context
        self._send = send
        self.lookup_lag = timedelta(seconds=context.configuration.scayle.lookup_lag_seconds)
        self.landing = timedelta(seconds=context.configuration.scayle.landing_seconds)

    def gather(self) -> None:
        """A write to the shop waits for nobody: each needs a read of its own order."""
        return

    def look_up(self, claims: Sequence[Claim]) -> Found:
        """Look at each claim's order, read once for all its claims."""
        if not self._context.configuration.scayle.order_reading:
            return {claim.id: BLIND for claim in claims if claim.uncertain}
        read = cache(self._context.shop.read_order)
        return each(claims, lambda claim: self._look(claim, read(claim.order_id)))

    @abstractmethod
    def _look(self, claim: Claim, order: ShopOrder) -> Sighting | None:
        """Compare the shop's order with what the claim wants there."""

    def send(self, body: str) -> Sighting | None:
        self._send(body)
        # Degraded, without reading orders, the shop's acceptance is all the proof there can be.
        return None if self._context.configuration.scayle.order_reading else Sighting(None)
