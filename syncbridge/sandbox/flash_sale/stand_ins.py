"""Setting a pair of stand-ins up for a sale, on the sale's time scale: a second stands for a minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncbridge.sandbox.demo.addresses import ACCOUNT, CARRIER, COUNTRY, SHOP_KEY
from syncbridge.sandbox.flash_sale.channel import LOST_ANSWERS, Address, Channel, Control
from syncbridge.sandbox.flash_sale.script import Script

SECOND_IS_SECONDS = 60.0
"""The time scale: SCAYLE's minute between payment and delegation becomes a second, a quarter of an hour becomes 15 s."""

NO_LIMIT = 1_000_000

SHOP_PACE: dict[str, Any] = {
    "delegationDelaySeconds": 60.0 / SECOND_IS_SECONDS,
    "delegationTimeScale": 1.0 / SECOND_IS_SECONDS,
    "webhookTimeScale": 1.0 / SECOND_IS_SECONDS,
    "rateLimits": {"*": NO_LIMIT},
}
"""Documented times of SCAYLE on the sale's scale. Calls a minute cannot be scaled to a second's window: no limit."""

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

SCEND_TOPICS = ("order.status_changed", "despatch.created", "despatch.updated")
SCAYLE_EVENTS = ("order-confirmed", "order-delegated", "order-package-shipped", "order-cancelled")


def set_up(
    script: Script,
    address: Address,
    channels: Sequence[Channel],
    delegation_urls: Mapping[str, str],
    *,
    cancellation_urls: Mapping[str, str] | None = None,
    shop_webhook_url: str | None = None,
    warehouse_subscription: Mapping[str, Any] | None = None,
) -> None:
    """Make the tenant and the account, with the opening stock on the shelves and nothing in the shop."""
    shop, warehouse = (Control(root, address.control_token) for root in (address.scayle, address.scend))
    try:
        shop.do("PUT", "/settings", SHOP_PACE)
        shop.do(
            "POST",
            "/seed",
            _tenant(script, channels, delegation_urls, cancellation_urls or {}, shop_webhook_url),
        )
        automatic = {**WAREHOUSE_PACE, "seed": script.seed}
        warehouse.do(
            "PUT",
            "/settings",
            {
                "rateCapacity": NO_LIMIT,
                "ratePerSecond": NO_LIMIT,
                "webhookTimeScale": 0.2,
                "autoProgress": automatic,
            },
        )
        skus = [(channel, article) for channel in channels for article in script.articles]
        warehouse.do(
            "POST",
            "/seed",
            {
                "accounts": [
                    {"accountCode": ACCOUNT, "warehouses": [one.warehouse_code for one in channels]}
                ],
                "products": [
                    {"sku": one.sku(article), "description": one.sku(article)} for one, article in skus
                ],
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
        if warehouse_subscription is not None:
            given = {"accountCode": ACCOUNT, "topics": list(SCEND_TOPICS), **warehouse_subscription}
            warehouse.do("POST", "/webhooks/subscriptions", given)
    finally:
        shop.close()
        warehouse.close()


def lose_answers(address: Address) -> None:
    """Plan the answers that get lost, on both sides."""
    for root, faults in ((address.scayle, LOST_ANSWERS["scayle"]), (address.scend, LOST_ANSWERS["scend"])):
        control = Control(root, address.control_token)
        control.do("POST", "/faults", faults)
        control.close()


def calm(address: Address) -> None:
    """Let everything work again."""
    for root in (address.scayle, address.scend):
        control = Control(root, address.control_token)
        control.do("DELETE", "/faults")
        control.close()


def _tenant(
    script: Script,
    channels: Sequence[Channel],
    delegation_urls: Mapping[str, str],
    cancellation_urls: Mapping[str, str],
    webhook_url: str | None,
) -> dict[str, Any]:
    country = {
        "countryCode": COUNTRY,
        "currencyCode": "GBP",
        "warehouses": [
            {"referenceKey": one.warehouse, "priority": place} for place, one in enumerate(channels, 1)
        ],
    }
    merchants = []
    for channel in channels:
        merchant = {
            "referenceKey": channel.key,
            "warehouses": [channel.warehouse],
            "carriers": [{"carrier": CARRIER, "countryCode": COUNTRY}],
            "orderDelegationUrl": delegation_urls[channel.key],
        }
        if channel.key in cancellation_urls:
            merchant["cancellationUrl"] = cancellation_urls[channel.key]
        merchants.append(merchant)
    hooks = (
        [{"event": event, "version": 1, "url": webhook_url} for event in SCAYLE_EVENTS] if webhook_url else []
    )
    return {
        "warehouses": [{"referenceKey": channel.warehouse} for channel in channels],
        "carriers": [{"key": CARRIER, "trackingUrl": "https://track.example/{shipmentKey}"}],
        "shops": [{"key": SHOP_KEY, "countries": [country]}],
        "merchants": merchants,
        "products": [{"sku": one.sku(article)} for one in channels for article in script.articles],
        "webhooks": hooks,
    }
