"""Vendors' webhooks: verified, kept once, and used as doorbells. Everything is correct without them."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from syncbridge.domain.errors import UnreadableMessage
from syncbridge.flows.context import Context
from syncbridge.ledger import inbox

log = structlog.get_logger(__name__)

_SCAYLE_FLOWS = {
    "order-confirmed": "order_poll",
    "order-delegated": "order_poll",
    "order-package-shipped": "shipment_push",
    "package-shipped": "shipment_push",
    "order-partially-invoiced": "shipment_push",
    "order-invoiced": "shipment_push",
}
_SCEND_FLOWS = {
    "order.status_changed": "status_pull",
    "despatch.created": "despatch_pull",
    "despatch.updated": "despatch_pull",
}


def receive_scayle(context: Context, raw: bytes) -> None:
    """Keep an event of SCAYLE and ring for the flow that looks at it; raises UnreadableMessage for no event."""
    event = context.shop.parse_webhook(raw)
    fresh = _keep(context, "webhook:scayle", event.message_id, event.topic, raw, event.order_id)
    flow = _SCAYLE_FLOWS.get(event.topic)
    if fresh and flow is not None:
        context.doorbell.ring(flow)


def receive_scend(context: Context, account: str, headers: Mapping[str, str], raw: bytes) -> bool:
    """Keep a signed event of Scend and ring for its flow; false when no valid signature covers it."""
    backend = context.backends.get("scend")
    scend = context.configuration.scend
    if backend is None or scend is None or scend.account_code.casefold() != account.casefold():
        log.warning("webhook_refused", source="scend", reason="unknown account")
        return False
    try:
        event = backend.verify_webhook(headers, raw, context.now())
    except UnreadableMessage as error:
        log.warning("webhook_unreadable", source="scend", field=error.field)
        return False
    if event is None:
        log.warning("webhook_refused", source="scend", reason="signature")
        return False
    fresh = _keep(context, f"webhook:{backend.account}", event.message_id, event.topic, raw, None)
    flow = _SCEND_FLOWS.get(event.topic)
    if fresh and flow is not None:
        context.doorbell.ring(flow)
    return True


def _keep(context: Context, source: str, message_id: str, topic: str, raw: bytes, order_id: int | None) -> bool:
    with context.ledger.work() as work:
        received = inbox.keep(
            work.connection, source, message_id, topic, raw, at=context.now(), outcome="doorbell", order_id=order_id
        )
        work.commit()
    return not received.repeat
