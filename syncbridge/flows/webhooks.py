"""Vendors' webhooks: verified and used as doorbells. Everything is correct without them.

They are not kept: the flow that is rung for reads the fact itself, a repeat only rings again, and their bodies are full
of addresses. Of a refund the amount is kept, because SCAYLE tells it nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from syncbridge.domain.errors import UnreadableMessage
from syncbridge.flows import refund_watch
from syncbridge.flows.context import Context

log = structlog.get_logger(__name__)

_SCAYLE_FLOWS = {
    # Not order-confirmed or order-delegated: the poll leaves a fresh order to its delegation anyway.
    "order-package-shipped": "shipment_push",
    "package-shipped": "shipment_push",
    "order-partially-invoiced": "shipment_push",
    "order-invoiced": "shipment_push",
    "order-item-returned": "return_check",
    "order-corrective-invoiced": "return_check",
    refund_watch.TOPIC: "return_check",
}
_CANCELLING = frozenset({"order-cancelled", "order-item-cancelled", "order-item-unshippable"})
"""Events after which units may be cancelled that we have sent, or are about to send."""
_SCEND_FLOWS = {
    "order.status_changed": "status_pull",
    "stock.changed": "stock_sync",
    "despatch.created": "despatch_pull",
    "despatch.updated": "despatch_pull",
    "return.received": "return_pull",
}


def receive_scayle(context: Context, raw: bytes) -> None:
    """Ring for the flow that looks at an event of SCAYLE; raises UnreadableMessage for no event."""
    event = context.shop.parse_webhook(raw)
    if event.topic == refund_watch.TOPIC:
        refund_watch.keep(context, event)
    if event.topic in _CANCELLING:
        if event.order_id is not None:
            context.doorbell.ring("cancel_learn", event.order_id)
        else:
            context.doorbell.ring("order_poll")
    flow = _SCAYLE_FLOWS.get(event.topic)
    if flow is not None:
        context.doorbell.ring(flow)


def receive_scend(context: Context, account: str, headers: Mapping[str, str], raw: bytes) -> bool:
    """Ring for the flow that looks at a signed event of Scend; false when no valid signature covers it."""
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
    flow = _SCEND_FLOWS.get(event.topic)
    if flow is not None:
        context.doorbell.ring(flow)
    return True
