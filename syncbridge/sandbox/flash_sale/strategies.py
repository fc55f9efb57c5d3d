"""The two usual designs, as fairly as they can be built: small clients without a mistake in them but the design.

Both send orders on at once, repeat a call whose answer was lost, keep their cursor when the feed fails, and write
differences only. What they do not do is ask when a figure was true, and which sold units it knows of.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

import requests

from syncbridge.sandbox.demo.addresses import SCAYLE_PATH
from syncbridge.sandbox.flash_sale.channel import Channel
from syncbridge.sandbox.flash_sale.plain_warehouses import warehouse_of
from syncbridge.sandbox.flash_sale.vendor import Vendor


class Strategy(Protocol):
    """Something that carries stock from the warehouse to the shop, called every `interval_seconds`."""

    interval_seconds: float

    def tick(self, now: datetime) -> None:
        """Do one round. Whatever the vendors answer, the next round comes."""
        ...


def scayle_of(channel: Channel) -> Vendor:
    """Return the channel's shop."""
    address = channel.address
    return Vendor(address.scayle + SCAYLE_PATH, {"X-Access-Token": address.scayle_token})


class NaiveStock:
    """What both designs share: read rows, write `availableForSale` stamped with the time of writing."""

    interval_seconds: float

    def __init__(self, channel: Channel, interval_seconds: float) -> None:
        self.interval_seconds = interval_seconds
        self._channel = channel
        self._shop = scayle_of(channel)
        self._warehouse = warehouse_of(channel)

    def tick(self, now: datetime) -> None:
        """Do one round."""
        raise NotImplementedError

    def rows(self, cursor: str | None) -> Iterator[tuple[dict[str, Any], str]]:
        """Read the feed to its end; give every row with the cursor to go on from. Raises requests.RequestException."""
        return self._warehouse.rows(cursor)

    def write(self, sku: str, quantity: int) -> None:
        """Publish a figure. Raises requests.RequestException."""
        body = {
            "quantity": quantity,
            "warehouseReferenceKey": self._channel.warehouse,
            "merchantReferenceKey": self._channel.key,
            "changedAt": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self._shop.call("POST", f"/variants/key={sku}/stocks", body)


class FullSync(NaiveStock):
    """Every quarter of an hour, every figure."""

    def tick(self, now: datetime) -> None:
        """Read everything, then write everything."""
        try:
            rows = [row for row, _ in self.rows(None)]
        except requests.RequestException:
            return
        for row in rows:
            try:
                self.write(row["sku"], int(row["availableForSale"]))
            except requests.RequestException:
                continue


class DeltaSync(NaiveStock):
    """Every few seconds, what has changed; stamped now, units in flight not deducted."""

    def __init__(self, channel: Channel, interval_seconds: float) -> None:
        super().__init__(channel, interval_seconds)
        self._cursor: str | None = None
        self._unsaid: dict[str, int] = {}

    def tick(self, now: datetime) -> None:
        """Read on from the cursor, then write what changed and what failed before."""
        try:
            for row, cursor in list(self.rows(self._cursor)):
                self._unsaid[row["sku"]] = int(row["availableForSale"])
                self._cursor = cursor
        except requests.RequestException:
            return
        for sku, quantity in list(self._unsaid.items()):
            try:
                self.write(sku, quantity)
            except requests.RequestException:
                continue
            del self._unsaid[sku]
