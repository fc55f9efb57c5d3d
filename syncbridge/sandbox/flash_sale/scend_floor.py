"""The sale's warehouse on Scend's stand-in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from syncbridge.sandbox.demo.addresses import ACCOUNT, SCEND_PATH
from syncbridge.sandbox.demo.stage import CARRIERS
from syncbridge.sandbox.flash_sale.channel import Channel
from syncbridge.sandbox.flash_sale.control import Control
from syncbridge.sandbox.flash_sale.floor import NO_LIMIT, Call
from syncbridge.sandbox.flash_sale.script import Comeback, Count, Script

STOCK_FEED = "/stock-levels"

WAREHOUSE_PACE: dict[str, Any] = {
    "enabled": True,
    "allocateSeconds": [2.0, 6.0],
    "pickSeconds": [4.0, 12.0],
    "pickedSeconds": [4.0, 12.0],
    "packSeconds": [2.0, 6.0],
    "despatchSeconds": [4.0, 12.0],
    "partialShare": 0.0,
    "multiParcelShare": 0.0,
    "lateTrackingShare": 0.0,
    "shortPickShare": 0.0,
}
"""A warehouse that reserves two to six minutes after it got an order, and sends it within three quarters of an hour.

No short picks: what the warehouse loses comes from the script, so that every strategy loses the same.
"""

CONFIGURATION = """\
[scend]
base_url = "{api}{path}"
account_code = "{account}"
rate_capacity = {limit}
rate_per_second = {limit}
lookup_lag_seconds = 1
landing_seconds = 2
"""


class ScendFloor:
    """Reserves minutes after it got an order; its figures are those of the moment."""

    key = "scend"
    title = "Scend"
    trails_seconds = 0.0
    carriers: tuple[str, ...] = CARRIERS
    lost_answers: tuple[dict[str, Any], ...] = tuple(
        {"match": {"method": "POST", "path": "/orders"}, "fault": kind, "times": None, "probability": share}
        for kind, share in (("timeout_after", 0.05), ("timeout_before", 0.03))
    )
    silence: tuple[dict[str, Any], ...] = (
        {"match": {"method": "GET", "path": STOCK_FEED}, "fault": "http", "status": 503, "times": None},
    )

    def set_up(self, warehouse: Control, script: Script, channels: Sequence[Channel]) -> None:
        """Make the account, its products and its stock."""
        warehouse.do(
            "PUT",
            "/settings",
            {
                "rateCapacity": NO_LIMIT,
                "ratePerSecond": NO_LIMIT,
                "webhookTimeScale": 0.2,
                "autoProgress": {**WAREHOUSE_PACE, "seed": script.seed},
            },
        )
        skus = [(channel, article) for channel in channels for article in script.articles]
        warehouse.do(
            "POST",
            "/seed",
            {
                "accounts": [{"accountCode": ACCOUNT, "warehouses": [one.warehouse_code for one in channels]}],
                "products": [{"sku": one.sku(article), "description": one.sku(article)} for one, article in skus],
                "stock": [
                    {
                        "sku": one.sku(article),
                        "warehouseCode": one.warehouse_code,
                        "physical": script.opening[article],
                    }
                    for one, article in skus
                ],
            },
        )

    def count(self, channel: Channel, count: Count) -> Call:
        """Return what counts again."""
        return "/stock/adjust", {
            "sku": channel.sku(count.article),
            "warehouseCode": channel.warehouse_code,
            "bucket": "physical",
            "delta": count.delta,
        }

    def comeback(self, channel: Channel, comeback: Comeback) -> Call:
        """Return what puts goods that came back on the shelf."""
        line = {
            "sku": channel.sku(comeback.article),
            "quantity": comeback.quantity,
            "conditionCode": "RESALEABLE",
            "disposition": "RESTOCK",
        }
        body = {"warehouseCode": channel.warehouse_code, "lines": [line], "close": True}
        return "/returns/unannounced", body

    def configuration(self, address_of_api: str, warehouse_codes: Sequence[str]) -> str:
        """Return the section `[scend]`."""
        return CONFIGURATION.format(api=address_of_api, path=SCEND_PATH, account=ACCOUNT, limit=NO_LIMIT)
