"""The body of a Scend order."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from connectors.scend.order_body import compose_order, decimal_text, instant_text, street_lines
from syncbridge.config.scend import CustomsSettings, ScendSettings
from syncbridge.domain.orders import Address, FulfilmentRequest, Line, Totals

ADDRESS = Address(
    first_name="Inès",
    last_name="Okafor",
    company="Tannery Ltd",
    street="Mill Lane",
    house_number="18",
    additional="Flat 4",
    postcode="NR3 1QX",
    city="Norwich",
    country="GB",
    phone="+447700900123",
)
REQUEST = FulfilmentRequest(
    reference="SCY-NB-7041983",
    order_id=7041983,
    order_number="NB7041983",
    shop="nb",
    warehouse_code="MID1",
    currency="GBP",
    service="STD48",
    delivery=ADDRESS,
    lines=(
        Line(1, "TEE-ORG-BLK-M", "TEE-ORG-BLK-M", (990211, 990214), "Organic tee", 2200),
        Line(2, "BOOT-HIKE-BRN-42", "BOOT-HIKE-BRN-42", (990213,), "", None),
    ),
    billing=ADDRESS,
    email="ines@example.com",
    ordered_at=datetime(2026, 3, 2, 8, 41, 7, 123_456, tzinfo=UTC),
    totals=Totals(4400, 395, 799),
)


def test_the_whole_body(scend_settings: ScendSettings) -> None:
    body = compose_order(REQUEST, scend_settings)
    assert json.loads(body) == {
        "clientReference": "SCY-NB-7041983",
        "orderNumber": "NB7041983",
        "channel": "SCAYLE-NB",
        "warehouseCode": "MID1",
        "orderedAt": "2026-03-02T08:41:07.123Z",
        "currency": "GBP",
        "allowPartialDespatch": True,
        "shipping": {"serviceCode": "STD48"},
        "deliveryAddress": {
            "recipientName": "Inès Okafor",
            "company": "Tannery Ltd",
            "line1": "Mill Lane 18",
            "line2": "Flat 4",
            "city": "Norwich",
            "postcode": "NR3 1QX",
            "countryCode": "GB",
            "phone": "+447700900123",
            "email": "ines@example.com",
        },
        "lines": [
            {
                "lineNumber": 1,
                "sku": "TEE-ORG-BLK-M",
                "quantity": 2,
                "description": "Organic tee",
                "unitPrice": "22.00",
                "clientLineReference": "990211",
            },
            {"lineNumber": 2, "sku": "BOOT-HIKE-BRN-42", "quantity": 1, "clientLineReference": "990213"},
        ],
        "totals": {
            "goods": "44.00",
            "shipping": "3.95",
            "discount": "0.00",
            "tax": "7.99",
            "grandTotal": "47.95",
        },
        "metadata": {"producer": "syncbridge"},
    }
    assert "Inès" in body


def test_the_same_request_gives_the_same_bytes(scend_settings: ScendSettings) -> None:
    assert compose_order(REQUEST, scend_settings) == compose_order(replace(REQUEST), scend_settings)


def test_text_that_nobody_acts_on_is_left_out_and_never_cut(scend_settings: ScendSettings) -> None:
    long = replace(REQUEST.lines[0], description="x" * 101)
    odd = replace(REQUEST.lines[1], description="Boot 🥾")
    body = json.loads(
        compose_order(replace(REQUEST, lines=(long, odd), order_number="9" * 31), scend_settings)
    )
    assert all("description" not in line for line in body["lines"])
    assert "orderNumber" not in body


def test_another_billing_address_is_sent(scend_settings: ScendSettings) -> None:
    body = json.loads(compose_order(replace(REQUEST, billing=replace(ADDRESS, city="Leeds")), scend_settings))
    assert body["billingAddress"]["city"] == "Leeds"
    assert "email" not in body["billingAddress"]


def test_customs_data_goes_abroad_only(scend_settings: ScendSettings) -> None:
    settings = scend_settings.model_copy(
        update={"customs": CustomsSettings(incoterm="DDP", ioss_number="IM1")}
    )
    assert "customs" not in json.loads(compose_order(REQUEST, settings))
    abroad = replace(REQUEST, delivery=replace(ADDRESS, country="FR"))
    assert json.loads(compose_order(abroad, settings))["customs"] == {"incoterm": "DDP", "iossNumber": "IM1"}


@pytest.mark.parametrize(
    ("street", "number", "additional", "lines"),
    [
        ("Old Mill Lane", "", "", ("Old Mill", "Lane")),
        ("Old Mill", "", "", ("Old Mill",)),
        ("Mill", "18", "Flat 4", ("Mill 18", "Flat 4")),
        ("Old  Mill", "1", "", ("Old Mill", "1")),
        ("Tannery-Yard", "", "", ("Tannery-Yard",)),
        ("", "", "", ()),
    ],
)
def test_streets_break_between_words(
    street: str, number: str, additional: str, lines: tuple[str, ...]
) -> None:
    assert street_lines(Address(street=street, house_number=number, additional=additional), 8) == lines


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [(1920, "GBP", "19.20"), (0, "GBP", "0.00"), (1920, "JPY", "1920.00"), (1230, "KWD", "1.23")],
)
def test_amounts_have_two_places(minor: int, currency: str, text: str) -> None:
    assert decimal_text(minor, currency) == text


def test_an_amount_is_never_rounded() -> None:
    with pytest.raises(ValueError, match="two decimal places"):
        decimal_text(1234, "KWD")


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        instant_text(datetime(2026, 3, 2))
