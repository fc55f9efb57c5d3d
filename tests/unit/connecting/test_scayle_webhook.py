from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.scayle.webhook import parse_webhook
from syncbridge.domain.errors import UnreadableMessage


def event(**members: Any) -> bytes:
    return json.dumps({"key": "ev-1", "type": "order-confirmed", **members}).encode()


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("order-confirmed", {"id": 7, "referenceKey": "R", "status": "payment_reserved", "items": []}),
        ("order-package-shipped", {"order": {"id": 7, "referenceKey": "R"}}),
        ("payment-capture", {"order": {"id": 7, "referenceKey": "R"}}),
    ],
)
def test_both_forms_of_payload_name_the_order(kind: str, payload: dict[str, Any]) -> None:
    found = parse_webhook(event(type=kind, payload=payload, occurredAt="2026-03-03T16:21:09+01:00"))
    assert (found.message_id, found.topic, found.order_id, found.reference) == ("ev-1", kind, 7, "R")
    assert found.occurred_at == datetime(2026, 3, 3, 15, 21, 9, tzinfo=UTC)


def test_the_older_item_form_names_the_order() -> None:
    found = parse_webhook(event(type="order-item-cancelled", payload={"items": [{"id": 5, "orderId": 7}]}))
    assert found.order_id == 7


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("product-variant-stock-updated", {"productVariant": {"id": 5}, "quantity": 3}),
        ("payment-refund", {"id": 5}),
        ("order-confirmed", None),
        ("order-confirmed", []),
        ("something-new", {"id": 5, "items": []}),
    ],
)
def test_no_other_id_is_taken_for_an_orders(kind: str, payload: Any) -> None:
    assert parse_webhook(event(type=kind, payload=payload)).order_id is None


@pytest.mark.parametrize(
    ("spelled", "topic"),
    [
        ("order-canceled", "order-cancelled"),
        ("order-item-canceled", "order-item-cancelled"),
        ("package-shipped", "order-package-shipped"),
        ("order-invoiced", "order-invoiced"),
    ],
)
def test_spellings_become_one(spelled: str, topic: str) -> None:
    assert parse_webhook(event(type=spelled)).topic == topic


def test_an_event_without_a_key_is_known_by_its_content() -> None:
    raw = event(key=None, payload={"id": 1})
    assert parse_webhook(raw).message_id == parse_webhook(raw).message_id
    assert parse_webhook(raw).message_id != parse_webhook(event(key=None, payload={"id": 2})).message_id


@pytest.mark.parametrize("raw", [b"", b"[]", b"\x00", b"{", b'{"key": "x"}', b'{"type": 5}', b"[" * 100_000])
def test_what_is_no_event_is_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableMessage):
        parse_webhook(raw)
