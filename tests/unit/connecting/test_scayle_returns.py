"""SCAYLE's returns and refunds: the message of contract 6.3, what a unit cost, and what a refund's event says."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from connectors.scayle.mapping import compose_return, to_order
from connectors.scayle.payloads import OrderDocument
from connectors.scayle.webhook import parse_webhook
from syncbridge.config.shops import ScayleSettings
from syncbridge.ports.shop import UnitReturn

AT = datetime(2026, 3, 12, 9, 41, 5, 999_000, tzinfo=UTC)


def unit(number: int, merchant: str = "scend", at: datetime = AT) -> UnitReturn:
    return UnitReturn(number, merchant, at, "too_small")


def test_a_return_is_an_array_with_the_key_of_the_shipment_and_utc_without_an_offset() -> None:
    london = timezone(timedelta(hours=1))
    body = json.loads(compose_return([unit(61000102), unit(61000101, at=AT.astimezone(london))]))
    assert body == [
        {
            "returnKey": str(number),
            "received": "2026-03-12 09:41:05",
            "returnReason": "too_small",
            "merchantReferenceKey": "scend",
        }
        for number in (61000101, 61000102)
    ]


@pytest.mark.parametrize("units", [[], [unit(1), unit(2, "orderwise")]])
def test_units_of_several_merchants_are_several_calls(units: list[UnitReturn]) -> None:
    with pytest.raises(ValueError, match="one merchant"):
        compose_return(units)


def test_a_time_without_an_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        compose_return([unit(1, at=datetime(2026, 3, 12))])


def settings() -> ScayleSettings:
    shops = [{"key": "nb", "country": "GB", "currencies": ["GBP"]}]
    return ScayleSettings.model_validate({"base_url": "https://x.example/api", "shops": shops})


def order(price: dict[str, Any], **more: Any) -> Any:
    item = {"id": 1, "variant": {"referenceKey": "TEE"}, "status": "returned", "price": price}
    return to_order(OrderDocument.model_validate({"id": 7, "items": [item], **more}), {}, settings())


def test_what_a_unit_cost_has_the_absolute_voucher_deducted_where_it_is_booked() -> None:
    assert order({"withTax": 1920}).units[0].paid_minor == 1920
    booked = {"withTax": 1920, "absoluteVoucherReducedPrice": {"withTax": 920}}
    assert order(booked).units[0].paid_minor == 920
    assert order({}).units[0].paid_minor is None


def test_the_billing_status_is_kept_as_shop_says_it() -> None:
    status = {"billing": {"code": "billing_partially_refunded", "name": "Teilweise"}}
    assert order({}, detailedStatus=status).billing_status == "billing_partially_refunded"
    assert order({}).billing_status == ""


def event(payload: Any, kind: str = "payment-refund") -> Any:
    return parse_webhook(json.dumps({"key": "ev-1", "type": kind, "payload": payload}).encode())


def test_a_refund_says_whose_and_how_much() -> None:
    payload = {"order": {"id": 7}, "amount": 2200, "currencyCode": "GBP", "items": [{"id": 61}, {"id": 62}, {"id": 61}]}
    found = event(payload)
    assert (found.order_id, found.amount_minor, found.currency, found.units) == (7, 2200, "GBP", (61, 62))
    assert event(payload, "payment-capture").amount_minor is None


@pytest.mark.parametrize(
    "payload",
    [
        {"order": {"id": 7}},
        {"order": {"id": 7}, "amount": "22.00", "items": "all", "currencyCode": 5},
        {"order": {"id": 7}, "amount": True, "items": [None, {}], "currencyCode": "POUND"},
        {"order": {"id": 7}, "amount": -5},
    ],
)
def test_a_refund_of_unknown_form_still_names_its_order(payload: dict[str, Any]) -> None:
    found = event(payload)
    assert (found.order_id, found.amount_minor, found.currency, found.units) == (7, None, "", ())
