"""Who changes their mind while all this goes on: shoppers in the shop, and people in the two warehouses."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from syncbridge.sandbox.demo.addresses import MERCHANT, SHOP_KEY
from syncbridge.sandbox.demo.second import ERP_MERCHANT
from syncbridge.sandbox.demo.vendors import Vendors
from syncbridge.sandbox.replay import Placed, ReplayRefused

SHOPPERS_SHARE, WAREHOUSES_SHARE = 0.12, 0.04
"""Shares of the orders that are cancelled by their shopper, or by a warehouse."""
LATEST_SECONDS = 20.0
"""How long after its placing an order is cancelled at the latest; most have not left the warehouse by then."""


@dataclass
class Cancelling:
    """Cancels some orders, each at a moment that depends on the seed and its name alone.

    `orders` are the ids concerned: what has to become of them nobody can foretell, beyond the invariants. `done` counts what was
    asked for and, of warehouses, what the order's state still allowed.
    """

    vendors: Vendors
    seed: int
    orders: set[int] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    _due: list[tuple[float, str, Placed]] = field(default_factory=list)
    _seen: int = 0

    def look(self, placed: list[Placed], now: float) -> None:
        """Plan for orders that are new in `placed`, and do what is due at `now` (seconds)."""
        for one in placed[self._seen :]:
            self._plan(one, now)
        self._seen = len(placed)
        due = [row for row in self._due if row[0] <= now]
        self._due = [row for row in self._due if row[0] > now]
        for _, kind, one in due:
            self._cancel(kind, one)

    def _plan(self, one: Placed, now: float) -> None:
        if one.order_id is None:
            return
        draw = random.Random(f"cancel|{self.seed}|{one.order.name}")
        chance = draw.random()
        if chance < SHOPPERS_SHARE + WAREHOUSES_SHARE:
            kind = "shopper" if chance < SHOPPERS_SHARE else "warehouse"
            self._due.append((now + draw.uniform(0.0, LATEST_SECONDS), kind, one))

    def _cancel(self, kind: str, one: Placed) -> None:
        assert one.order_id is not None
        draw = random.Random(f"scope|{self.seed}|{one.order.name}")
        merchant = draw.choice(one.order.merchants)
        try:
            if kind == "shopper":
                # Of a split order the shopper may mean one part or both.
                scope = {"merchants": [merchant]} if draw.random() < 0.5 else {}
                self.vendors.scayle.call("POST", f"/orders/{one.order_id}/cancel", scope)
            else:
                self._by_warehouse(merchant, one.order_id)
        except ReplayRefused:
            self.done[f"{kind}: too late or too early"] += 1
        else:
            self.done[kind] += 1
            self.orders.add(one.order_id)

    def _by_warehouse(self, merchant: str, order_id: int) -> None:
        planes = {MERCHANT: (self.vendors.scend, "SCY"), ERP_MERCHANT: (self.vendors.orderwise, "SCYOW")}
        plane, prefix = planes[merchant]
        assert plane is not None
        reference = f"{prefix}-{SHOP_KEY.upper()}-{order_id}"
        plane.call("POST", f"/orders/by-reference/{reference}/warehouse-cancel", {})

    def answers(self) -> Counter[str]:
        """Count how SCAYLE's questions ended: `successful`, `refused`, `asking`, `given_up`."""
        rows = self.vendors.scayle.call("GET", "/state", section="cancellationRequests")[
            "cancellationRequests"
        ]
        return Counter(str(row["state"]) for row in rows)
