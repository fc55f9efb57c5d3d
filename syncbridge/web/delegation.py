"""`POST /scayle/{merchant}/orders`: SCAYLE delegates an order.

It repeats a call that fails for two days, and then cancels the order (SCAYLE contract 5.1, documented).
"""

from __future__ import annotations

from flask import Blueprint, Response

from syncbridge.flows import intake
from syncbridge.flows.context import Context
from syncbridge.web import metrics
from syncbridge.web.merchant_calls import MerchantCall
from syncbridge.web.parts import Parts
from syncbridge.web.replies import reply


def blueprint(parts: Parts) -> Blueprint:
    """Return the delegation endpoint."""
    pages = Blueprint("delegation", __name__)
    call = MerchantCall(parts, "delegation", metrics.DELEGATION_SECONDS, "order_too_large", _take_in)
    pages.add_url_rule("/scayle/<merchant>/orders", "delegate", call.take, methods=["POST"])
    return pages


def _take_in(context: Context, merchant: str, raw: bytes) -> Response:
    outcome = intake.receive_delegation(context, merchant, raw)
    return reply(outcome.status, outcome.body)
