"""The two usual designs, as fairly as they can be built: small clients without a mistake in them but the design.

Both send orders on at once, repeat a call whose answer was lost, keep their cursor when the feed fails, and write
differences only. What they do not do is ask when a figure was true, and which sold units it knows of.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Protocol

import requests

from syncbridge.sandbox.demo.addresses import ACCOUNT, SCAYLE_PATH, SCEND_PATH
from syncbridge.sandbox.flash_sale.channel import STOCK_FEED, Channel

ATTEMPTS = 3


class Strategy(Protocol):
    """Something that carries stock from the warehouse to the shop, called every `interval_seconds`."""

    interval_seconds: float

    def tick(self, now: datetime) -> None:
        """Do one round. Whatever the vendors answer, the next round comes."""
        ...


class Vendor:
    """One vendor's API with its headers. Lost answers and 5xx are repeated a little, then given up for this round."""

    def __init__(self, root: str, headers: dict[str, str]) -> None:
        self._root = root
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update(headers)

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Return the JSON of a call. Raises requests.RequestException after the last attempt."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = self._session.request(
                    method, self._root + path, json=body, params=query or None, timeout=10
                )
                answer.raise_for_status()
                return answer.json() if answer.content else None
            except requests.RequestException:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError

    def close(self) -> None:
        """Let the connection go."""
        self._session.close()


def scayle_of(channel: Channel) -> Vendor:
    """Return the channel's shop."""
    address = channel.address
    return Vendor(address.scayle + SCAYLE_PATH, {"X-Access-Token": address.scayle_token})


def scend_of(channel: Channel) -> Vendor:
    """Return the channel's warehouse."""
    address = channel.address
    headers = {"Authorization": f"Bearer {address.scend_token}", "X-Scend-Account": ACCOUNT}
    return Vendor(address.scend + SCEND_PATH, headers)


class NaiveStock:
    """What both designs share: read rows, write `availableForSale` stamped with the time of writing."""

    interval_seconds: float

    def __init__(self, channel: Channel, interval_seconds: float) -> None:
        self.interval_seconds = interval_seconds
        self._channel = channel
        self._shop = scayle_of(channel)
        self._warehouse = scend_of(channel)

    def tick(self, now: datetime) -> None:
        """Do one round."""
        raise NotImplementedError

    def rows(self, cursor: str | None) -> Iterator[tuple[dict[str, Any], str]]:
        """Read the feed to its end; give every row with the cursor to go on from. Raises requests.RequestException."""
        while True:
            query = {"cursor": cursor} if cursor else {}
            page = self._warehouse.call("GET", STOCK_FEED, **query)
            cursor = str(page["page"]["nextCursor"])
            for row in page["data"]:
                yield row, cursor
            if not page["page"]["hasMore"]:
                return

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
