"""Webhooks of Scend: the signature of Standard Webhooks, and what an event is about (Scend contract 2.16, assumed)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from connectors.scend.payloads import Instant, Text
from connectors.wire import LENIENT, Wire, utc
from syncbridge.domain.backend import WebhookEvent

PREFIX = "whsec_"


class EventData(Wire):
    client_reference: Text = Field(None, alias="clientReference")


class Envelope(Wire):
    type: Text = None
    occurred_at: Instant = Field(None, alias="occurredAt")
    data: Annotated[EventData | None, LENIENT] = None


def signing_key(secret: str) -> bytes:
    """Return the key behind a secret such as `whsec_c3lu...`. Raises ValueError for what is no base64."""
    try:
        return base64.b64decode(secret.strip().removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("a Scend webhook secret is base64 behind 'whsec_'") from error


def verify(
    headers: Mapping[str, str], raw: bytes, now: datetime, keys: Sequence[bytes], tolerance: timedelta
) -> WebhookEvent | None:
    """Return the event if any listed signature fits any key and the time is within the tolerance, else None.

    Every comparison takes constant time, and the bytes are verified before they are parsed.
    """
    given = {name.lower(): value for name, value in headers.items()}
    message_id = given.get("webhook-id", "")
    timestamp = given.get("webhook-timestamp", "")
    if not message_id or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return None
    if abs(now.timestamp() - int(timestamp)) > tolerance.total_seconds():
        return None
    signed = f"{message_id}.{timestamp}.".encode() + raw
    expected = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()) for key in keys]
    listed = [
        part.removeprefix("v1,").encode()
        for part in given.get("webhook-signature", "").split()
        if part.startswith("v1,")
    ]
    # Every pair is compared, so that the time taken does not tell which one fitted.
    fitting = sum(hmac.compare_digest(ours, theirs) for ours in expected for theirs in listed)
    if not fitting:
        return None
    try:
        envelope = Envelope.model_validate_json(raw)
    except ValueError:
        # Signed, so it is Scend's; what it says is only a hint anyway.
        return WebhookEvent(message_id=message_id, topic=given.get("x-scend-topic", ""))
    return WebhookEvent(
        message_id=message_id,
        topic=envelope.type or given.get("x-scend-topic", ""),
        occurred_at=utc(envelope.occurred_at, "scend.webhook.occurredAt"),
        reference=(envelope.data.client_reference if envelope.data else None) or "",
    )
