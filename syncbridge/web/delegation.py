"""`POST /scayle/{merchant}/orders`: SCAYLE delegates an order.

SCAYLE repeats a call that fails for two days (SCAYLE contract 5.1, documented), so whatever goes wrong on our side is answered 503 and costs
nothing but time. What is wrong with the call itself is answered 4xx, and its body is kept wherever it could be an order.
"""

from __future__ import annotations

import re
import time

import structlog
from flask import Blueprint, Response, request

from syncbridge.flows import intake
from syncbridge.ledger.gauges import is_database_trouble
from syncbridge.log import context as log_context
from syncbridge.web import metrics
from syncbridge.web.auth import refuse_stranger
from syncbridge.web.bodies import Body, read_body
from syncbridge.web.failures import where
from syncbridge.web.parts import Parts
from syncbridge.web.replies import refusal, reply, try_again

log = structlog.get_logger(__name__)

_LONGEST_STRANGE_NAME = 40


def blueprint(parts: Parts) -> Blueprint:
    """Return the delegation endpoint."""
    pages = Blueprint("delegation", __name__)

    @pages.post("/scayle/<merchant>/orders")
    def delegate(merchant: str) -> Response:
        if (stranger := refuse_stranger(request, parts.configuration())) is not None:
            return stranger
        begun = time.perf_counter()
        try:
            name = known_or_plain(parts, merchant)
            with log_context(merchant=name):
                return _take_in(parts, name, read_body(request, parts.configuration().scayle.max_body_bytes))
        finally:
            metrics.DELEGATION_SECONDS.observe(time.perf_counter() - begun)

    return pages


def _take_in(parts: Parts, merchant: str, body: Body) -> Response:
    try:
        context = parts.context()
        if body.too_large:
            limit = parts.configuration().scayle.max_body_bytes
            reason = f"a body of {body.size_bytes} bytes; at most {limit} are read"
            intake.record_refused(context, _source(merchant), body.raw, reason, size_bytes=body.size_bytes)
            log.warning("delegation_refused", status=413, bytes=body.size_bytes)
            message = f"The body is larger than {limit} bytes."
            return refusal(413, "BODY_TOO_LARGE", message, limit=limit)
        outcome = intake.receive_delegation(context, merchant, body.raw)
    except Exception as error:  # noqa: BLE001 - whatever happens, SCAYLE must be told to repeat the call
        log.error("delegation_failed", error=type(error).__name__, at=where(error), bytes=body.size_bytes)
        if not is_database_trouble(error):
            _keep_all_the_same(parts, merchant, body, error)
        return try_again()
    return reply(outcome.status, outcome.body)


def _keep_all_the_same(parts: Parts, merchant: str, body: Body, error: Exception) -> None:
    """Keep a body on which our own code failed: its repeats will fail as well, and after two days SCAYLE cancels the order."""
    try:
        intake.record_refused(
            parts.context(),
            _source(merchant),
            body.raw,
            f"taking it in failed: {type(error).__name__}",
            kind="defect",
            size_bytes=body.size_bytes,
        )
    except Exception as second:  # noqa: BLE001 - the log line above is the record then
        log.error("delegation_not_kept", error=type(second).__name__, at=where(second))


def _source(merchant: str) -> str:
    return f"delegation:{merchant}"


def known_or_plain(parts: Parts, merchant: str) -> str:
    """Return the merchant's key as configured; of an unknown one only what is fit for a database and a log."""
    if parts.configuration().merchant(merchant) is not None:
        return merchant
    return re.sub(r"[^A-Za-z0-9._-]", "?", merchant)[:_LONGEST_STRANGE_NAME]
