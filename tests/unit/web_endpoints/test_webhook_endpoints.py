from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import pytest

from syncbridge.flows import webhooks

KEY = base64.b64decode("c3luY2JyaWRnZS1zYW5kYm94LXNpZ25pbmcta2V5LTAx")
EVENT = {
    "id": "evt_1",
    "type": "despatch.created",
    "apiVersion": "v1",
    "accountCode": "ACME-UK",
    "occurredAt": "2026-03-02T10:00:00.000Z",
    "sequence": 1,
    "data": {},
}


def signed(raw: bytes, key: bytes = KEY) -> dict[str, str]:
    at = str(int(time.time()))
    text = b"evt_1." + at.encode() + b"." + raw
    signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return {"Webhook-Id": "evt_1", "Webhook-Timestamp": at, "Webhook-Signature": f"v1,{signature}"}


def post_scend(site: Any, raw: bytes, headers: dict[str, str], account: str = "acme-uk") -> Any:
    return site.client.post(f"/scend/webhooks/{account}", data=raw, headers=headers)


def test_a_signed_event_rings_and_its_body_is_not_kept(site: Any, rings: Any) -> None:
    raw = json.dumps(EVENT).encode()
    assert post_scend(site, raw, signed(raw)).status_code == 202
    assert site.rows("inbox", "message_id") == []
    assert rings.heard == [("despatch_pull",)]


def test_a_repeated_event_is_accepted(site: Any, rings: Any) -> None:
    raw = json.dumps(EVENT).encode()
    assert [post_scend(site, raw, signed(raw)).status_code for _ in range(3)] == [202, 202, 202]
    assert set(rings.heard) == {("despatch_pull",)}


@pytest.mark.parametrize(
    "headers", [{}, {"Webhook-Id": "evt_1"}, signed(json.dumps(EVENT).encode(), b"other key")]
)
def test_an_event_without_a_valid_signature_is_refused(
    site: Any, rings: Any, headers: dict[str, str]
) -> None:
    answer = post_scend(site, json.dumps(EVENT).encode(), headers)
    assert answer.status_code == 401
    assert rings.heard == site.rows("inbox", "id") == []


def test_an_unknown_account_is_refused(site: Any) -> None:
    raw = json.dumps(EVENT).encode()
    assert post_scend(site, raw, signed(raw), account="nobody").status_code == 401


def test_an_event_of_scayle_rings(site: Any, rings: Any) -> None:
    event = {
        "key": "ev-1",
        "type": "order-package-shipped",
        "version": 1,
        "occurredAt": "2026-03-03T15:21:09+00:00",
        "payload": {"order": {"id": 7204418}},
    }
    assert site.post("/scayle/webhooks", event).status_code == 200
    assert rings.heard == [("shipment_push",)]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\x00"])
def test_no_event_at_all_is_answered_400(site: Any, body: bytes) -> None:
    answer = site.post("/scayle/webhooks", body)
    assert answer.status_code == 400
    assert answer.json["errorKey"] == "EVENT_UNREADABLE"


def test_scayles_events_need_its_credentials(site: Any) -> None:
    assert site.post("/scayle/webhooks", {}, Authorization="").status_code == 401


def test_an_event_beyond_the_limit_is_refused(site: Any) -> None:
    assert site.post("/scayle/webhooks", b"x" * 100_000).status_code == 413
    assert post_scend(site, b"x" * 100_000, {}).status_code == 413


def test_a_failure_of_ours_asks_for_a_repeat(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "receive_scend", lambda *_: 1 / 0)
    monkeypatch.setattr(webhooks, "receive_scayle", lambda *_: 1 / 0)
    assert post_scend(site, b"{}", {}).status_code == 503
    assert site.post("/scayle/webhooks", {}).status_code == 503


def test_goods_that_came_back_ring_for_their_return(site: Any, rings: Any) -> None:
    raw = json.dumps({**EVENT, "type": "return.received"}).encode()
    assert post_scend(site, raw, signed(raw)).status_code == 202
    assert rings.heard == [("return_pull",)]


def test_a_refund_is_kept_once_and_rings_for_its_check(site: Any, rings: Any) -> None:
    event = {
        "key": "ev-2",
        "type": "payment-refund",
        "occurredAt": "2026-03-12T10:00:00+00:00",
        "payload": {"order": {"id": 7204418}, "amount": 1920, "currencyCode": "GBP", "items": [{"id": 61000102}]},
    }
    for _ in range(3):
        assert site.post("/scayle/webhooks", event).status_code == 200
    assert site.rows("refunds", "order_id, amount_minor, currency") == [(7204418, 1920, "GBP")]
    assert set(rings.heard) == {("return_check",)}
