"""Setting a pair of stand-ins up for a sale, on the sale's time scale: a second stands for a minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syncbridge.sandbox.demo.addresses import ACCOUNT, CARRIER, COUNTRY, SHOP_KEY
from syncbridge.sandbox.flash_sale.channel import Channel
from syncbridge.sandbox.flash_sale.control import Address, Control
from syncbridge.sandbox.flash_sale.floor import NO_LIMIT, Floor
from syncbridge.sandbox.flash_sale.floors import FLOORS
from syncbridge.sandbox.flash_sale.script import Script

SECOND_IS_SECONDS = 60.0
"""The time scale: SCAYLE's minute between payment and delegation becomes a second, a quarter of an hour becomes 15 s."""

SHOP_PACE: dict[str, Any] = {
    "delegationDelaySeconds": 60.0 / SECOND_IS_SECONDS,
    "delegationTimeScale": 1.0 / SECOND_IS_SECONDS,
    "webhookTimeScale": 1.0 / SECOND_IS_SECONDS,
    "rateLimits": {"*": NO_LIMIT},
}
"""Documented times of SCAYLE on the sale's scale. Calls a minute cannot be scaled to a second's window: no limit."""

LOST_ANSWERS: list[dict[str, Any]] = [
    {"match": {"method": "POST", "path": "/variants/"}, "fault": kind, "times": None, "probability": share}
    for kind, share in (("timeout_after", 0.04), ("timeout_before", 0.02))
]
"""Answers of the shop that get lost, the call done or not, all through the sale."""

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
    shop, warehouse = (Control(root, address.control_token) for root in (address.scayle, address.warehouse))
    try:
        shop.do("PUT", "/settings", SHOP_PACE)
        shop.do(
            "POST",
            "/seed",
            _tenant(script, channels, delegation_urls, cancellation_urls or {}, shop_webhook_url),
        )
        FLOORS[channels[0].floor].set_up(warehouse, script, channels)
        if warehouse_subscription is not None:
            given = {"accountCode": ACCOUNT, "topics": list(SCEND_TOPICS), **warehouse_subscription}
            warehouse.do("POST", "/webhooks/subscriptions", given)
    finally:
        shop.close()
        warehouse.close()


def lose_answers(address: Address, floor: Floor) -> None:
    """Plan the answers that get lost, on both sides."""
    for root, faults in ((address.scayle, LOST_ANSWERS), (address.warehouse, floor.lost_answers)):
        control = Control(root, address.control_token)
        control.do("POST", "/faults", faults)
        control.close()


def calm(address: Address) -> None:
    """Let everything work again."""
    for root in (address.scayle, address.warehouse):
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
