"""Webhook signatures, with the contract's own test vector."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from connectors.scend.signature import signing_key, verify
from syncbridge.domain.backend import WebhookEvent

SECRET = "whsec_c3luY2JyaWRnZS1zYW5kYm94LXNpZ25pbmcta2V5LTAx"
OTHER = "whsec_" + base64.b64encode(b"another key").decode()
BODY = (
    b'{"id":"evt_01TESTVECTOR","type":"ping","apiVersion":"v1","accountCode":"ACME-UK",'
    b'"occurredAt":"2026-03-02T10:00:00.000Z","sequence":1,"data":{"message":"hello"}}'
)
HEADERS = {
    "Webhook-Id": "evt_01TESTVECTOR",
    "WEBHOOK-TIMESTAMP": "1772445600",
    "webhook-signature": "v1,8TWKpF8ai1llF5Fk5AqpVHD4O0vAplU6SRnp1Rh2+cg=",
}
SENT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def event(
    headers: dict[str, str] = HEADERS,
    body: bytes = BODY,
    now: datetime = SENT,
    secrets: tuple[str, ...] = (SECRET,),
) -> WebhookEvent | None:
    return verify(headers, body, now, [signing_key(one) for one in secrets], timedelta(seconds=300))


def test_the_test_vector() -> None:
    assert len(BODY) == 161
    found = event()
    assert found is not None
    assert (found.message_id, found.topic, found.occurred_at) == ("evt_01TESTVECTOR", "ping", SENT)


def test_either_secret_serves_while_rotating() -> None:
    assert event(secrets=(OTHER, SECRET)) is not None
    assert event(secrets=(OTHER,)) is None
    assert event(secrets=()) is None


def test_any_listed_signature_serves() -> None:
    signature = HEADERS["webhook-signature"]
    assert event({**HEADERS, "webhook-signature": f"v1,AAAA v2,xx {signature}"}) is not None
    assert event({**HEADERS, "webhook-signature": signature.removeprefix("v1,")}) is None
    assert event({**HEADERS, "webhook-signature": "v1,ä"}) is None


def test_one_changed_byte_is_refused() -> None:
    assert event(body=BODY.replace(b"hello", b"hellp")) is None
    assert event({**HEADERS, "Webhook-Id": "evt_02"}) is None


@pytest.mark.parametrize(("seconds", "taken"), [(300, True), (-300, True), (301, False), (-301, False)])
def test_the_tolerance_is_five_minutes_either_way(seconds: int, taken: bool) -> None:
    assert (event(now=SENT + timedelta(seconds=seconds)) is not None) is taken


@pytest.mark.parametrize("timestamp", ["", "abc", "-1", "1e9", "٣", "9" * 40])
def test_odd_timestamps_are_refused(timestamp: str) -> None:
    assert event({**HEADERS, "WEBHOOK-TIMESTAMP": timestamp}) is None


def test_missing_headers_are_refused() -> None:
    assert event({}) is None


def signed(body: bytes) -> dict[str, str]:
    text = b"evt_1.1772445600." + body
    digest = hmac.new(signing_key(SECRET), text, hashlib.sha256).digest()
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": "1772445600",
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
        "x-scend-topic": "despatch.created",
    }


def test_the_reference_of_the_order_is_given() -> None:
    body = b'{"type":"despatch.created","data":{"clientReference":"SCY-NB-7","parcels":[]}}'
    found = event(signed(body), body)
    assert found is not None
    assert found.reference == "SCY-NB-7"


@pytest.mark.parametrize("body", [b"\x00", b"[]", b'{"type":null,"data":[]}'])
def test_a_signed_event_that_cannot_be_read_still_rings(body: bytes) -> None:
    found = event(signed(body), body)
    assert found is not None
    assert found.topic == "despatch.created"


def test_a_secret_must_be_base64() -> None:
    with pytest.raises(ValueError, match="whsec_"):
        signing_key("whsec_not base64!")
