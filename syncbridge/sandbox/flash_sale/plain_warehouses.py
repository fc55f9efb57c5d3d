"""Each vendor's warehouse as a plain integration uses it: stock as it is told, orders sent and sent again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

import requests
from requests.auth import HTTPBasicAuth

from syncbridge.sandbox.demo.addresses import ACCOUNT, SCEND_PATH
from syncbridge.sandbox.demo.second import ORDERWISE_PATH
from syncbridge.sandbox.flash_sale.channel import Channel
from syncbridge.sandbox.flash_sale.orderwise_floor import places
from syncbridge.sandbox.flash_sale.scend_floor import STOCK_FEED
from syncbridge.sandbox.flash_sale.vendor import Vendor
from syncbridge.sandbox.orderwise.reference_data import DEFAULT_PASSWORD, DEFAULT_USER

SCEND_TOKEN = "scend-sandbox-token"  # noqa: S105 - the stand-in's default, no secret
SNAPSHOT, CHANGES = 204, 203
"""OrderWise's export definitions of stock."""
PRICE = "16.00"
RECIPIENT: dict[str, str] = {"name": "Ines Okafor", "street": "18 Mill Lane", "town": "Norwich", "postcode": "NR3 1QX"}

Row = dict[str, Any]
"""`sku`, and `availableForSale` in whole units."""


class PlainWarehouse(Protocol):
    """A warehouse without any thought of when a figure was true."""

    def rows(self, cursor: str | None) -> Iterator[tuple[Row, str]]:
        """Read stock, everything or what changed since a cursor, each row with the cursor to go on from."""
        ...

    def send(self, delegated: Mapping[str, Any]) -> None:
        """Send an order; one that the warehouse has already is sent. Both raise requests.RequestException."""
        ...

    def close(self) -> None:
        """Let the connection go."""
        ...


def warehouse_of(channel: Channel) -> PlainWarehouse:
    """Return the channel's warehouse."""
    return PlainOrderWise(channel) if channel.floor == "orderwise" else PlainScend(channel)


def _units(delegated: Mapping[str, Any]) -> list[tuple[str, int]]:
    units: dict[str, int] = {}
    for item in delegated["items"]:
        sku = str(item["merchantProductVariantReferenceKey"])
        units[sku] = units.get(sku, 0) + 1
    return sorted(units.items())


class PlainScend:
    """Scend's change feed, and one line a SKU. The address is the sale's only one."""

    def __init__(self, channel: Channel) -> None:
        token = channel.address.warehouse_secret or SCEND_TOKEN
        headers = {"Authorization": f"Bearer {token}", "X-Scend-Account": ACCOUNT}
        self._channel = channel
        self._api = Vendor(channel.address.warehouse + SCEND_PATH, headers)

    def rows(self, cursor: str | None) -> Iterator[tuple[Row, str]]:
        """Read the feed to its end."""
        while True:
            query = {"cursor": cursor} if cursor else {}
            page = self._api.call("GET", STOCK_FEED, **query)
            cursor = str(page["page"]["nextCursor"])
            for row in page["data"]:
                yield row, cursor
            if not page["page"]["hasMore"]:
                return

    def send(self, delegated: Mapping[str, Any]) -> None:
        """Send an order; Scend answers a repeat as it answered the first."""
        lines = [
            {"lineNumber": number, "sku": sku, "quantity": quantity, "unitPrice": PRICE}
            for number, (sku, quantity) in enumerate(_units(delegated), 1)
        ]
        body = {
            "clientReference": f"S-{self._channel.key}-{delegated['orderId']}",
            "warehouseCode": self._channel.warehouse_code,
            "currency": "GBP",
            "allowPartialDespatch": True,
            "shipping": {"serviceCode": "STD48"},
            "deliveryAddress": {
                "recipientName": RECIPIENT["name"],
                "line1": RECIPIENT["street"],
                "city": RECIPIENT["town"],
                "postcode": RECIPIENT["postcode"],
                "countryCode": "GB",
            },
            "lines": lines,
        }
        self._api.call("POST", "/orders", body)

    def close(self) -> None:
        """Let the connection go."""
        self._api.close()


class PlainOrderWise:
    """OrderWise by export definitions: free stock of both places for sale, summed, floored, never below zero."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._api = Vendor(channel.address.warehouse + ORDERWISE_PATH, {"Authorization": f"Bearer {_token(channel)}"})

    def rows(self, cursor: str | None) -> Iterator[tuple[Row, str]]:
        """Read the snapshot, or what was recalculated since the newest stamp seen: the whole of each variant."""
        if cursor is None:
            given = self._export(SNAPSHOT, {"": None})
        else:
            given = self._export(CHANGES, {"@amended_since": cursor, "@limit": 500})
        sold_from = places(self._channel)
        free: dict[str, Decimal] = {}
        for row in given:
            if row["stockLocationId"] in sold_from:
                sku = str(row["variantCode"])
                free[sku] = free.get(sku, Decimal(0)) + Decimal(str(row["freeStock"]))
        newest = max([cursor or "", *(row["lastCalculatedAt"] for row in given)], key=_moment)
        for sku, units in free.items():
            yield {"sku": sku, "availableForSale": max(0, math.floor(units))}, newest

    def _export(self, number: int, parameters: Mapping[str, Any]) -> list[Row]:
        body = [{"name": name, "value": value} for name, value in parameters.items()]
        rows: list[Row] = self._api.call("POST", f"/system/export-definition/{number}", body)
        return rows

    def send(self, delegated: Mapping[str, Any]) -> None:
        """Send an order; the refusal of a repeat says that it is there."""
        reference = f"S-{self._channel.key}-{delegated['orderId']}"
        first, _ = places(self._channel)
        lines = [
            {
                "itemNumber": number,
                "variantCode": sku,
                "quantity": quantity,
                "itemGross": float(PRICE),
                "taxRateId": 1,
                "stockLocationId": first,
            }
            for number, (sku, quantity) in enumerate(_units(delegated), 1)
        ]
        body = {
            "customer": {"id": 4021},
            "orderHeader": {
                "eCommerceOrderNumber": reference,
                "customerOrderRef": reference,
                "systemOrderType": 1,
                "deliveryMethodId": 18,
            },
            "customerDeliveryAddress": {
                "deliveryName": RECIPIENT["name"],
                "address1": RECIPIENT["street"],
                "town": RECIPIENT["town"],
                "postcode": RECIPIENT["postcode"],
                "countryCode": "GB",
            },
            "orderLines": lines,
        }
        try:
            self._api.call("POST", "/sales/order", body, session_id=12)
        except requests.HTTPError as error:
            if error.response is None or error.response.status_code != requests.codes.conflict:
                raise

    def close(self) -> None:
        """Let the connection go."""
        self._api.close()


def _moment(stamp: str) -> datetime:
    """Return a time of the feed for comparing; nothing is before everything. The sale knows no clock change."""
    return datetime.fromisoformat(stamp).replace(tzinfo=UTC) if stamp else datetime.min.replace(tzinfo=UTC)


def _token(channel: Channel) -> str:
    user, _, password = (channel.address.warehouse_secret or f"{DEFAULT_USER}:{DEFAULT_PASSWORD}").partition(":")
    with requests.Session() as session:
        session.trust_env = False
        path = channel.address.warehouse + ORDERWISE_PATH + "/token/gettoken"
        answer = session.get(path, auth=HTTPBasicAuth(user, password), timeout=10)
        answer.raise_for_status()
        return str(answer.json())
