"""Delegations: whatever names an order and a unit is taken in, and every doubt is named."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest

from connectors.scayle.delegated_order import order_from_delegation
from connectors.scayle.delegation import parse_delegation
from syncbridge.config.shops import ScayleSettings
from syncbridge.domain.errors import UnreadableMessage
from syncbridge.domain.orders import Delegation


def parsed(document: Any, settings: ScayleSettings) -> Delegation:
    return parse_delegation(json.dumps(document).encode(), "scend", settings)


def codes(delegation: Delegation) -> list[tuple[str, str]]:
    return [(fault.code, fault.field) for fault in delegation.faults]


def test_the_documented_delegation_has_no_faults(
    delegation_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    delegation = parsed(delegation_document, scayle_settings)
    assert delegation.order_id == 7204418
    assert delegation.delegation_id == "15590"
    assert (delegation.merchant, delegation.shop, delegation.country) == ("scend", "nb", "GB")
    assert (delegation.currency, delegation.reference_key) == ("GBP", "NB-GB-7204418")
    assert [unit.order_item_id for unit in delegation.units] == [61000101, 61000102]
    assert delegation.units[0].sku == "NB-TEE-0042-M"
    assert delegation.units[0].warehouse == "WH-SCEND-1"
    assert delegation.units[0].price_minor == 1920
    assert delegation.faults == ()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00\x00",
        b"{",
        b"\xff\xfe{}",
        b"[1]",
        b'"text"',
        b"null",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"items": [{"orderItemId": "1"}]}',
        b'{"orderId": "x", "items": [{"orderItemId": "1"}]}',
        b'{"orderId": true, "items": [{"orderItemId": "1"}]}',
        b'{"orderId": 0, "items": [{"orderItemId": "1"}]}',
        b'{"orderId": 9223372036854775808, "items": [{"orderItemId": "1"}]}',
        b'{"orderId": 7}',
        b'{"orderId": 7, "items": []}',
        b'{"orderId": 7, "items": "none"}',
        b'{"orderId": 7, "items": [null, 5, "x", [], {}]}',
        b'{"orderId": 7, "items": [{"orderItemId": "12a"}, {"orderItemId": -3}, {"orderItemId": 1.5}]}',
    ],
    ids=range(19),
)
def test_what_names_no_order_or_no_unit_is_unreadable(raw: bytes, scayle_settings: ScayleSettings) -> None:
    with pytest.raises(UnreadableMessage) as refused:
        parse_delegation(raw, "scend", scayle_settings)
    assert refused.value.field
    assert refused.value.way_out
    with pytest.raises(UnreadableMessage):
        order_from_delegation(raw, scayle_settings)


def test_every_fault_is_named_and_the_rest_is_taken(
    delegation_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    first, second = delegation_document["items"]
    first.update(orderItemId="", price="dear")
    second.update(merchantProductVariantReferenceKey="", quantity=2, price=19.2, merchantKey="other")
    delegation_document["items"].append({"orderItemId": second["orderItemId"]})
    delegation_document["fulfillingMerchantKey"] = "other"
    delegation_document["shopKey"] = "zz"
    for item in delegation_document["items"]:
        item.pop("currencyCode", None)
    delegation = parsed(delegation_document, scayle_settings)
    assert [unit.order_item_id for unit in delegation.units] == [61000102]
    assert delegation.units[0].quantity == 2
    assert set(codes(delegation)) == {
        ("ORDER_ITEM_ID_UNREADABLE", "items[0].orderItemId"),
        ("ORDER_ITEM_ID_REPEATED", "items[2].orderItemId"),
        ("MERCHANT_MISMATCH", "fulfillingMerchantKey"),
        ("MERCHANT_MISMATCH", "items[1].merchantKey"),
        ("SHOP_UNKNOWN", "shopKey"),
        ("CURRENCY_MISSING", "items[].currencyCode"),
        ("SKU_MISSING", "items[1].merchantProductVariantReferenceKey"),
        ("QUANTITY", "items[1].quantity"),
        ("PRICE_UNREADABLE", "items[1].price"),
    }
    assert all(fault.way_out for fault in delegation.faults)


def test_two_currencies_are_a_fault(
    delegation_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    delegation_document["items"][1]["currencyCode"] = "EUR"
    assert codes(parsed(delegation_document, scayle_settings)) == [("CURRENCY_MIXED", "items[].currencyCode")]


def test_numbers_are_read_as_strings_and_strings_as_numbers(
    delegation_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    delegation_document["orderId"] = "7204418"
    delegation_document["items"][0].update(orderItemId=61000101, price="1920", quantity="1")
    delegation_document["items"] = {
        "0": delegation_document["items"][0],
        "2": delegation_document["items"][1],
    }
    delegation = parsed(delegation_document, scayle_settings)
    assert delegation.order_id == 7204418
    assert [unit.price_minor for unit in delegation.units] == [1920, 1920]
    assert delegation.faults == ()


def test_a_sku_is_never_repaired(
    delegation_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    delegation_document["items"][0]["merchantProductVariantReferenceKey"] = " 85123a "
    delegation_document["items"][1]["merchantProductVariantReferenceKey"] = "NB\0TEE"
    delegation = parsed(delegation_document, scayle_settings)
    assert [unit.sku for unit in delegation.units] == [" 85123a ", ""]
    assert ("INVALID_CHARACTERS", "items[1].sku") in codes(delegation)


def test_a_shop_without_a_name_is_the_default_shop(
    delegation_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    del delegation_document["shopKey"]
    delegation = parsed(delegation_document, scayle_settings)
    assert (delegation.shop, delegation.country, delegation.faults) == ("nb", "GB", ())


@pytest.mark.parametrize(
    "name",
    [
        "Ольга Щукина",
        "李小龍",
        "عبد الرحمن",
        "Zoë 👩‍👩‍👧",
        "Ńgũgĩ wa Thiong'o",
        "é" * 500,
        "a\u202eb",
        "\u0000",
    ],
)
def test_any_script_is_taken(
    delegation_document: dict[str, Any], scayle_settings: ScayleSettings, name: str
) -> None:
    delegation_document["addresses"]["shipping"]["firstName"] = name
    raw = json.dumps(delegation_document, ensure_ascii=False).encode()
    assert len(parse_delegation(raw, "scend", scayle_settings).units) == 2
    order = order_from_delegation(raw, scayle_settings)
    assert order.delivery is not None
    assert order.delivery.first_name == name.strip()


def test_half_an_emoji_spoils_one_letter_and_not_the_order(
    delegation_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    delegation_document["addresses"]["shipping"]["firstName"] = "Zoë \ud83d"
    raw = json.dumps(delegation_document).encode()
    assert len(parse_delegation(raw, "scend", scayle_settings).units) == 2
    order = order_from_delegation(raw, scayle_settings)
    assert order.delivery is not None
    assert order.delivery.first_name.startswith("Zoë \ufffd")
    order.delivery.first_name.encode()


def test_five_thousand_units_are_read_quickly(
    delegation_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    item = delegation_document["items"][0]
    delegation_document["items"] = [{**item, "orderItemId": str(10_000 + number)} for number in range(5_000)]
    raw = json.dumps(delegation_document).encode()
    started = time.thread_time()
    delegation = parse_delegation(raw, "scend", scayle_settings)
    order = order_from_delegation(raw, scayle_settings)
    assert time.thread_time() - started < 4.0, "SCAYLE waits 15 s"
    assert len(delegation.units) == len(order.units) == 5_000


def test_the_canonical_order_of_a_delegation(
    delegation_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    order = order_from_delegation(json.dumps(delegation_document).encode(), scayle_settings)
    assert not order.complete
    assert order.total_minor is None
    assert order.confirmed_at is None
    assert order.fees_minor == {"delivery": 395}
    assert order.carrier == "ROYALMAIL_GB"
    assert order.email == "priya.okafor@example.com"
    assert order.billing is None
    assert order.delivery is not None
    assert order.delivery.phone == "+441610000000"
    unit = order.units[0]
    assert (unit.price_minor, unit.net_minor, unit.tax_minor) == (1920, 1600, 320)
    assert unit.tax_rate == Decimal("0.2")
    assert (unit.merchant, unit.warehouse, unit.name) == ("scend", "WH-SCEND-1", "Harbour Tee")
    assert unit.carrier == "ROYALMAIL_GB"


def test_both_sources_give_the_same_delivery_address(
    delegation_document: dict[str, Any], order_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    from connectors.scayle.mapping import to_order
    from connectors.scayle.payloads import OrderDocument

    read = to_order(OrderDocument.model_validate(order_document), {}, scayle_settings)
    delegated = order_from_delegation(json.dumps(delegation_document).encode(), scayle_settings)
    assert read.delivery == delegated.delivery


def test_a_street_given_only_in_one_piece_is_used(
    delegation_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    shipping = delegation_document["addresses"]["shipping"]
    shipping.update(street=None, houseNumber=None, streetHouseNumber="Quay Street 19")
    order = order_from_delegation(json.dumps(delegation_document).encode(), scayle_settings)
    assert order.delivery is not None
    assert (order.delivery.street, order.delivery.house_number) == ("Quay Street 19", "")


@pytest.mark.parametrize("tax", [7.7, "7.7"])
def test_a_percentage_becomes_an_exact_fraction(
    delegation_document: dict[str, Any], scayle_settings: ScayleSettings, tax: object
) -> None:
    delegation_document["items"][0]["tax"] = tax
    order = order_from_delegation(json.dumps(delegation_document).encode(), scayle_settings)
    assert order.units[0].tax_rate == Decimal("0.077")
