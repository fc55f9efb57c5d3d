"""Cancelling an order: the body, and what its answer means (Scend contract 2.11, assumed)."""

from __future__ import annotations

import json

from connectors.scend import mapping
from connectors.scend.client import PastCutoff, ScendClient
from connectors.scend.order_body import REFUSED_CHARACTERS
from connectors.scend.payloads import compact_json
from syncbridge.config.scend import ScendSettings
from syncbridge.domain.backend import CancelAnswer, CancelState, CancelWish

LONGEST_NOTE = 200

_CODES = {
    "payment": "PAYMENT_FAILED",
    "fraud": "FRAUD",
    "out of stock": "OUT_OF_STOCK",
    "a copy of": "DUPLICATE",
    "duplicate": "DUPLICATE",
    "withdrawn": "OTHER",
}
"""How a reason begins, and Scend's code for it; whatever else is said comes from the customer."""


def compose(wish: CancelWish) -> str:
    """Write the body, with the order's id beside it. Scend cancels whole orders only: raises ValueError for lines."""
    if not wish.whole:
        raise ValueError("Scend cancels whole orders only")
    reason = wish.reason.strip()
    code = next((code for start, code in _CODES.items() if reason.casefold().startswith(start)), "CUSTOMER_REQUEST")
    body = {"reasonCode": code}
    if note := REFUSED_CHARACTERS.sub(" ", reason)[:LONGEST_NOTE].strip():
        body["note"] = note
    return compact_json({"orderId": wish.backend_id, "body": body})


def send(client: ScendClient, body: str, settings: ScendSettings) -> CancelAnswer:
    """Ask for the cancellation. Past the cut-off is an answer; whatever is not done yet is only requested."""
    asked = json.loads(body)
    try:
        document = client.cancel_order(asked["orderId"], compact_json(asked["body"]))
    except PastCutoff as refusal:
        return CancelAnswer(CancelState.REFUSED, refusal.status)
    order = mapping.to_order(document, settings)
    state = CancelState.CANCELLED if document.status == "CANCELLED" else CancelState.REQUESTED
    return CancelAnswer(state, document.status, order)
