"""`POST /scayle/webhooks` and `POST /scend/webhooks/{account}`: hints that something changed.

Everything is correct without them, so no body is kept.
"""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, request

from syncbridge.domain.errors import UnreadableMessage
from syncbridge.flows import webhooks
from syncbridge.web.auth import refuse_stranger
from syncbridge.web.bodies import read_body
from syncbridge.web.failures import where
from syncbridge.web.parts import Parts
from syncbridge.web.replies import refusal, reply, try_again

log = structlog.get_logger(__name__)


def blueprint(parts: Parts) -> Blueprint:
    """Return the endpoints of both vendors' webhooks."""
    pages = Blueprint("webhooks", __name__)

    @pages.post("/scayle/webhooks")
    def from_scayle() -> Response:
        if (stranger := refuse_stranger(request, parts.configuration())) is not None:
            return stranger
        body = read_body(request, parts.configuration().scayle.max_body_bytes)
        if body.too_large:
            return _too_large("scayle", body.size_bytes)
        try:
            webhooks.receive_scayle(parts.context(), body.raw)
        except UnreadableMessage as error:
            log.warning("webhook_unreadable", source="scayle", field=error.field, problem=error.problem)
            return refusal(400, "EVENT_UNREADABLE", "This is no event that we can read.", field=error.field)
        except Exception as error:  # noqa: BLE001 - the vendor repeats the event, and polling finds what it does not
            log.error("webhook_failed", source="scayle", error=type(error).__name__, at=where(error))
            return try_again()
        return reply(200, {"status": "accepted"})

    @pages.post("/scend/webhooks/<account>")
    def from_scend(account: str) -> Response:
        body = read_body(request, parts.configuration().scayle.max_body_bytes)
        if body.too_large:
            return _too_large("scend", body.size_bytes)
        headers = {name.lower(): value for name, value in request.headers.items()}
        try:
            genuine = webhooks.receive_scend(parts.context(), account, headers, body.raw)
        except Exception as error:  # noqa: BLE001 - as above
            log.error("webhook_failed", source="scend", error=type(error).__name__, at=where(error))
            return try_again()
        if not genuine:
            return refusal(401, "SIGNATURE_INVALID", "No valid signature covers this event.")
        # Verified; what follows is done in the background (Scend contract 2.16, assumed).
        return reply(202, {"status": "accepted"})

    return pages


def _too_large(source: str, size_bytes: int) -> Response:
    log.warning("webhook_refused", source=source, reason="too large", bytes=size_bytes)
    return refusal(413, "BODY_TOO_LARGE", "The event is too large.")
