"""SCAYLE's events: hints that something about an order changed, never the fact itself (SCAYLE contract 12)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from connectors.scayle.delegation import read_id
from connectors.scayle.payloads import parse_message
from syncbridge.domain.backend import WebhookEvent
from syncbridge.domain.errors import UnreadableMessage

_TOPICS = {"package-shipped": "order-package-shipped"}


def parse_webhook(raw: bytes) -> WebhookEvent:
    """Read an event. Raises UnreadableMessage where the body is no JSON object or has no type.

    The order stands in `payload` itself, in `payload.order`, or behind `payload.items[]`, by event and by age of the
    documentation. An event without a key is known by the digest of its body, so that a repeat is still recognised.
    """
    way_out = "Nothing is lost: polling finds the change. Compare the body with SCAYLE's event documentation."
    try:
        document = parse_message(raw)
    except ValueError as error:
        raise UnreadableMessage("body", "is no JSON that can be read", way_out) from error
    if not isinstance(document, dict):
        raise UnreadableMessage("body", "is no JSON object", way_out)
    kind = document.get("type")
    if not isinstance(kind, str) or not kind.strip() or "\0" in kind:
        raise UnreadableMessage("type", "is missing", way_out)
    key = document.get("key")
    has_key = isinstance(key, str) and key.strip() and "\0" not in key and len(key) <= 200
    topic = canonical_topic(kind)
    payload = document.get("payload")
    order_id, reference = _order(payload, topic)
    amount, currency, units = _money(payload) if topic == "payment-refund" else (None, "", ())
    return WebhookEvent(
        message_id=str(key) if has_key else f"sha256:{hashlib.sha256(raw).hexdigest()}",
        topic=topic,
        occurred_at=_instant(document.get("occurredAt")),
        order_id=order_id,
        reference=reference,
        amount_minor=amount,
        currency=currency,
        units=units,
    )


def canonical_topic(kind: str) -> str:
    """Return one spelling of an event's name: pages differ in `canceled` and in a leading `order-`."""
    name = kind.strip().lower().replace("canceled", "cancelled")
    return _TOPICS.get(name, name)


def _order(payload: Any, topic: str) -> tuple[int | None, str]:
    if not isinstance(payload, dict):
        return None, ""
    inner = payload.get("order")
    if isinstance(inner, dict):
        return read_id(inner.get("id")), _reference(inner)
    if (order_id := read_id(payload.get("orderId"))) is not None:
        return order_id, _reference(payload)
    items = payload.get("items")
    if topic.startswith(("order-item-", "order-package-")):
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                order = item.get("order")
                found = read_id(item.get("orderId")) or (
                    read_id(order.get("id")) if isinstance(order, dict) else None
                )
                if found is not None:
                    return found, ""
    # Only an order has items or a basket; the `id` of any other payload is not an order's.
    if topic.startswith("order-") and (
        isinstance(items, list) or "basketKey" in payload or "status" in payload
    ):
        return read_id(payload.get("id")), _reference(payload)
    return None, ""


def _money(payload: Any) -> tuple[int | None, str, tuple[int, ...]]:
    """Read amount (minor units), currency and units of a refund, as far as they are there: its form is unknown (contract 12.4)."""
    if not isinstance(payload, dict):
        return None, "", ()
    amount, currency, items = payload.get("amount"), payload.get("currencyCode"), payload.get("items")
    whole = amount if isinstance(amount, int) and not isinstance(amount, bool) and 0 <= amount < 2**63 else None
    ids = [read_id(item.get("id")) for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    units = tuple(dict.fromkeys(one for one in ids if one is not None))
    return whole, currency if isinstance(currency, str) and len(currency) == 3 else "", units


def _reference(order: dict[str, Any]) -> str:
    key = order.get("referenceKey")
    return key if isinstance(key, str) and "\0" not in key else ""


def _instant(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        return None
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
