"""Webhooks: subscriptions, the events SCAYLE fires, and their delivery at least once."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.scayle.answers import ApiError, Body, Json, encode, invalid, stamp
from syncbridge.sandbox.scayle.organisation import mask_url
from syncbridge.sandbox.scayle.scheduler import Outgoing, Scheduler
from syncbridge.sandbox.scayle.settings import Behaviour

EVENTS: dict[str, tuple[str, bool]] = {
    "order-confirmed": ("Called when the payment of an order is authorised.", False),
    "order-delegated": ("Called when at least one merchant accepted the order.", True),
    "order-cancelled": ("Called when all items of an order are cancelled.", False),
    "order-partially-invoiced": ("Called when some items are invoiced.", False),
    "order-invoiced": ("Called when the full invoice exists.", False),
    "order-corrective-invoiced": ("Called when a corrective invoice exists.", False),
    "order-item-out-of-stock": ("Called when an item was dropped at delegation.", True),
    "order-item-unshippable": ("Called when an item cannot be shipped.", True),
    "order-item-cancelled": ("Called when an item is cancelled.", True),
    "order-item-returned": ("Called when a return is booked.", True),
    "order-package-shipped": ("Called when a shipment message was processed.", True),
    "order-package-undeliverable": ("Called when a parcel could not be delivered.", True),
    "payment-capture": ("Called when a payment is captured.", False),
    "payment-refund": ("Called when a payment is refunded.", False),
    "product-variant-stock-updated": ("Called on any stock change.", True),
}
"""Event names with their description, and whether they support the merchant filter."""

DEPRECATED = {"checkout-order-created": "Older checkout webhook; takes no new subscriptions."}


@dataclass(slots=True)
class Delivery:
    """One event on its way to one subscription."""

    key: str
    event: str
    subscription: Json
    body: bytes
    order_id: int | None
    occurred_at: str
    state: str = "pending"
    attempts: int = 0
    statuses: list[int] = field(default_factory=list)

    def row(self) -> Json:
        """Describe the delivery for the oracle."""
        return {
            "key": self.key,
            "type": self.event,
            "subscriptionId": self.subscription["id"],
            "orderId": self.order_id,
            "occurredAt": self.occurred_at,
            "state": self.state,
            "attempts": self.attempts,
            "statuses": list(self.statuses),
        }


class Webhooks:
    """Fire events to subscribers. A status of 0 means that nobody was reached, as in SCAYLE's panel."""

    def __init__(
        self,
        clock: SandboxClock,
        behaviour: Behaviour,
        scheduler: Scheduler,
        outgoing: Outgoing,
        tenant_key: str,
        seed: int,
    ) -> None:
        self._clock = clock
        self._behaviour = behaviour
        self._scheduler = scheduler
        self._outgoing = outgoing
        self._tenant_key = tenant_key
        self._random = random.Random(seed)
        self.subscriptions: dict[int, Json] = {}
        self.deliveries: list[Delivery] = []
        self.counts: Counter[str] = Counter()
        self._numbers = 0

    # ---- subscriptions

    def catalogue(self) -> list[Json]:
        """List the events; spelling follows the setting, since SCAYLE's pages differ."""
        rows = [(self._spelled(name), text, merchants, False) for name, (text, merchants) in EVENTS.items()]
        rows += [(name, text, False, True) for name, text in DEPRECATED.items()]
        return [
            {
                "event": name,
                "version": 1,
                "description": text,
                "isDeprecated": deprecated,
                "isBlocking": False,
                "supportedFilters": {"merchants": merchants},
            }
            for name, text, merchants, deprecated in rows
        ]

    def subscribe(self, body: Body) -> Json:
        """Add a subscription; raises ApiError 400 for an unknown or deprecated event or a bad filter."""
        event, url = body.text("event"), body.text("url")
        version = body.optional_integer("version") or 1
        known = next((row for row in self.catalogue() if row["event"] == event), None)
        if known is None or version != known["version"]:
            raise invalid("event", f"{event} version {version} is not an event.")
        if known["isDeprecated"]:
            raise invalid("event", f"{event} is deprecated and takes no new subscriptions.")
        _check_url(url)
        filters = body.members.get("filters") or []
        if filters and not known["supportedFilters"]["merchants"]:
            raise invalid("filters", f"{event} supports no filters.")
        self._numbers += 1
        entry = {"id": self._numbers, "event": event, "version": version, "url": url, "filters": filters}
        self.subscriptions[self._numbers] = entry
        return self.view(entry)

    def change(self, number: int, body: Body) -> Json:
        """Change the URL, and add or remove merchants of a filter; raises ApiError 404."""
        entry = self.get(number)
        url = body.optional_text("url")
        if url is not None:
            _check_url(url)
            entry["url"] = url
        for change in body.members.get("filters") or []:
            for mode, edits in (change.get("merchantReferenceKeys") or {}).items():
                if not entry["filters"]:
                    entry["filters"] = [{"merchantReferenceKeys": {}}]
                keys = entry["filters"][0].setdefault("merchantReferenceKeys", {})
                kept = [key for key in keys.get(mode, []) if key not in (edits.get("remove") or [])]
                keys[mode] = kept + [key for key in edits.get("add") or [] if key not in kept]
        return self.view(entry)

    def get(self, number: int) -> Json:
        """Return a subscription with its real URL; raises ApiError 404."""
        if number not in self.subscriptions:
            raise ApiError(404, "SUBSCRIPTION_NOT_FOUND", "No such subscription.", {"subscriptionId": number})
        return self.subscriptions[number]

    def view(self, entry: Json) -> Json:
        """Return a subscription as the API shows it, credentials masked."""
        return {**entry, "url": mask_url(entry["url"])}

    # ---- firing

    def wants(self, event: str) -> bool:
        """Say whether anybody listens, so that nobody makes payloads for nothing."""
        name = self._spelled(event)
        return any(entry["event"] == name for entry in self.subscriptions.values())

    def fire(
        self,
        event: str,
        payload: Callable[[], Any],
        order_id: int | None = None,
        merchants: Iterable[str] = (),
    ) -> None:
        """Send an event to every subscription whose filter lets these merchants pass; payload made once."""
        name = self._spelled(event)
        self.counts[name] += 1
        listeners = [entry for entry in self.subscriptions.values() if entry["event"] == name]
        concerned = frozenset(merchants)
        listeners = [entry for entry in listeners if _passes(entry["filters"], concerned)]
        if not listeners:
            return
        key = f"ev-{self._random.getrandbits(96):024x}"
        occurred = stamp(self._clock.now())
        body = encode(self._envelope(name, key, occurred, payload()))
        for entry in listeners:
            if self._random.random() < float(self._behaviour["webhookDropProbability"]):
                self.counts["(dropped)"] += 1
                continue
            delivery = Delivery(key, name, entry, body, order_id, occurred)
            self.deliveries.append(delivery)
            self._send_later(delivery)
            if self._random.random() < float(self._behaviour["webhookDuplicateProbability"]):
                self.counts["(duplicated)"] += 1
                self._send_later(delivery)

    def redeliver(self, delivery: Delivery) -> None:
        """Send an event once more, with the same key and body."""
        self._send_later(delivery)

    def _send_later(self, delivery: Delivery) -> None:
        spread = self._random.uniform(0.0, self._behaviour.seconds("webhookShuffleSeconds"))
        self._scheduler.after(spread, partial(self._attempt, delivery, 0))

    async def _attempt(self, delivery: Delivery, retry: int) -> None:
        if delivery.subscription["id"] not in self.subscriptions:
            delivery.state = "unsubscribed"
            return
        delivery.attempts += 1
        timeout = self._behaviour.seconds("webhookTimeoutSeconds")
        result = await self._outgoing.post(
            delivery.subscription["url"], delivery.body, timeout, delivery.event
        )
        delivery.statuses.append(result.status or 0)
        if result.status is not None and 200 <= result.status < 300:
            delivery.state = "delivered"
            return
        schedule = self._behaviour["webhookRetrySeconds"]
        if delivery.state == "delivered":
            return
        if retry >= len(schedule):
            delivery.state = "failed"
            return
        wait = schedule[retry] * self._behaviour.seconds("webhookTimeScale")
        self._scheduler.after(wait, partial(self._attempt, delivery, retry + 1))

    def _envelope(self, name: str, key: str, occurred: str, payload: Any) -> Json:
        envelope: Json = {"key": key, "type": name, "version": 1, "occurredAt": occurred}
        if self._behaviour["webhookEnvelope"] == "older":
            del envelope["version"]
            order = payload.get("order", payload) if isinstance(payload, dict) else {}
            country = (order.get("shopCountry") or {}) if isinstance(order, dict) else {}
            envelope["locale"] = {
                "appId": country.get("id"),
                "countryCode": country.get("countryCode"),
                "currencyCode": order.get("currencyCode") if isinstance(order, dict) else None,
                "languageCode": country.get("defaultLanguageCode"),
            }
        else:
            request = f"rq-{self._random.getrandbits(64):016x}"
            envelope["meta"] = {"tenantKey": self._tenant_key, "xRequestId": request}
        return {**envelope, "payload": payload}

    def _spelled(self, event: str) -> str:
        if self._behaviour["webhookSpelling"] == "canceled":
            return event.replace("cancelled", "canceled")
        return event

    def summary(self) -> Json:
        """Count deliveries by state, and events fired by name."""
        states = Counter(delivery.state for delivery in self.deliveries)
        return {"deliveries": dict(states), "fired": dict(self.counts)}


def _check_url(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise invalid("url", "url must be an http or https URL.")


def _passes(filters: list[Json], merchants: frozenset[str]) -> bool:
    for one in filters:
        keys = one.get("merchantReferenceKeys") or {}
        if keys.get("include") and not merchants & set(keys["include"]):
            return False
        if keys.get("exclude") and merchants and merchants <= set(keys["exclude"]):
            return False
    return True


def parsed_body(delivery: Delivery) -> Any:
    """Return the document that was sent."""
    return json.loads(delivery.body)
