"""An order of the Admin API in canonical words."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import structlog

from connectors import wire
from connectors.scayle.countries import ALPHA_2_OF, alpha_2
from connectors.scayle.mapping import compose_cancellation, compose_shipment, to_order
from connectors.scayle.payloads import OrderDocument
from syncbridge.config.countries import ALPHA_2
from syncbridge.config.shops import ScayleSettings
from syncbridge.domain.orders import ShopOrder, ShopUnitState, group_lines
from syncbridge.ports.shop import Shipment, UnitCancellation

WAREHOUSES = {12: "WH-SCEND-1"}


def mapped(document: dict[str, Any], settings: ScayleSettings) -> ShopOrder:
    return to_order(OrderDocument.model_validate_json(json.dumps(document)), WAREHOUSES, settings)


def test_the_documented_order(order_document: dict[str, Any], scayle_settings: ScayleSettings) -> None:
    order = mapped(order_document, scayle_settings)
    assert (order.order_id, order.shop, order.country, order.currency) == (7204418, "nb", "GB", "GBP")
    assert order.reference_key == "NB-GB-7204418"
    assert order.confirmed_at == datetime(2026, 3, 2, 10, 1, 40, tzinfo=UTC)
    assert order.confirmed_at.tzinfo is UTC
    assert order.carrier == "ROYALMAIL_GB"
    assert (order.total_minor, order.tax_minor) == (5735, 956)
    assert order.fees_minor == {"delivery": 400, "payment": 100}
    assert not order.cancelled
    assert order.complete
    assert order.delivery is not None
    assert order.delivery.country == "GB"
    assert order.delivery.recipient == "Priya Okafor"
    assert order.delivery.company == ""
    assert order.email == "priya.okafor@example.com"
    first = order.units[0]
    assert (first.sku, first.merchant, first.warehouse) == ("NB-TEE-0042-M", "scend", "WH-SCEND-1")
    assert (first.price_minor, first.net_minor, first.tax_minor) == (1920, 1600, 320)
    assert first.tax_rate == Decimal("0.2")
    assert first.reductions == ("sale|relative||480|0.2",)
    assert first.state is ShopUnitState.OPEN
    assert [unit.carrier for unit in order.units] == ["ROYALMAIL_GB", "ROYALMAIL_GB", "EVRI_GB"]


def test_a_warehouse_that_cannot_be_resolved_stays_empty(
    order_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    order_document["items"][1]["warehouseId"] = None
    assert [unit.warehouse for unit in mapped(order_document, scayle_settings).units] == [
        "WH-SCEND-1",
        "",
        "",
    ]


def test_units_reduced_alike_make_one_line_although_reduction_ids_differ(
    order_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    order_document["items"][1]["price"]["tax"]["vat"]["rate"] = 0.20
    lines = group_lines(mapped(order_document, scayle_settings).units, {})
    assert [line.unit_ids for line in lines] == [(61000101, 61000102), (61000103,)]


def test_a_voucher_booked_on_one_unit_makes_a_line_of_its_own(
    order_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    order_document["items"][1]["price"]["absoluteVoucherReducedPrice"] = {"withTax": 1420, "withOutTax": 1183}
    lines = group_lines(mapped(order_document, scayle_settings).units, {})
    assert [line.quantity for line in lines] == [1, 1, 1]


def test_a_unit_costs_what_is_left_after_every_reduction_and_each_is_named(
    order_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    """Whether or not the price shows an absolute voucher already, the paid price and the sum of reductions agree."""
    _, outside, inside = order_document["items"]
    outside["price"]["absoluteVoucherReducedPrice"] = {"withTax": 1420, "withOutTax": 1183}
    inside["price"] |= {"withTax": 1000, "withoutTax": 833}
    inside["price"]["absoluteVoucherReducedPrice"] = {
        "withTax": 1000, "withOutTax": 833, "tax": {"vat": {"amount": 167, "rate": 0.2}},
    }  # fmt: skip
    inside["price"]["appliedReductions"] = [
        {"category": "voucher", "type": "absolute", "amount": {"absoluteWithTax": 500}},
        {"category": "promotion", "type": "relative", "amount": {"absoluteWithTax": 20.5}},
    ]
    units = mapped(order_document, scayle_settings).units
    assert [(unit.price_minor, unit.net_minor, unit.tax_minor) for unit in units] == [
        (1920, 1600, 320), (1420, 1183, 237), (1000, 833, 167),
    ]  # fmt: skip
    assert [unit.paid_minor for unit in units] == [unit.price_minor for unit in units]
    assert [[(one.category, one.amount_minor) for one in unit.discounts] for unit in units] == [
        [("sale", 480)],
        [("sale", 480), ("voucher", 500)],
        [("voucher", 500)],
    ]


def test_fees_keep_their_tax_and_payments_their_method(
    order_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    order_document["cost"]["appliedFees"][0]["tax"] = {"vat": {"amount": 66, "rate": 0.20}}
    order_document["payment"] = [
        {"key": "creditcard", "amount": 4735, "transactionKey": " tx-88fe ", "data": {"CCBrand": "VISA"}},
        {"key": "gift_card", "amount": 1000, "transactionKey": "gc-1", "isGiftCard": True},
        {"key": "nothing", "amount": 0},
        {"key": "odd", "amount": "much"},
    ]
    order = mapped(order_document, scayle_settings)
    first, second, _ = order.fees
    assert (first.category, first.gross_minor, first.net_minor, first.tax_rate) == ("delivery", 395, 329, Decimal("0.2"))
    assert (second.category, second.gross_minor, second.net_minor, second.tax_rate) == ("payment", 100, None, None)
    assert [(one.method, one.amount_minor, one.reference, one.gift_card) for one in order.payments] == [
        ("creditcard", 4735, "tx-88fe", False),
        ("gift_card", 1000, "gc-1", True),
    ]


def test_a_line_knows_its_net_unit_by_unit_and_what_each_unit_was_reduced_by(
    order_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    first, second = group_lines(mapped(order_document, scayle_settings).units, {})
    assert (first.net_minor, second.net_minor) == (3200, 1250)
    assert [(one.category, one.amount_minor) for one in first.discounts] == [("sale", 480)]
    del order_document["items"][0]["price"]["withoutTax"]
    assert group_lines(mapped(order_document, scayle_settings).units, {})[0].net_minor is None


@pytest.mark.parametrize(
    ("item", "package", "state"),
    [
        ({"status": "available"}, {}, ShopUnitState.OPEN),
        ({"status": "delegated"}, {}, ShopUnitState.OPEN),
        ({"status": "deliverable"}, {}, ShopUnitState.OPEN),
        ({"status": "deliverable"}, {"shipmentKey": "RM1"}, ShopUnitState.SHIPPED),
        ({"status": "deliverable", "shippedAt": "2026-03-03T10:00:00+00:00"}, {}, ShopUnitState.SHIPPED),
        ({"status": "delivered"}, {}, ShopUnitState.SHIPPED),
        ({"status": "shipped"}, {}, ShopUnitState.SHIPPED),
        ({"status": "cancelled"}, {}, ShopUnitState.CANCELLED),
        ({"status": "canceled"}, {}, ShopUnitState.CANCELLED),
        ({"status": "undeliverable"}, {}, ShopUnitState.UNFULFILLABLE),
        ({"status": "undeliverable", "shippedAt": "2026-03-03T10:00:00+00:00"}, {}, ShopUnitState.SHIPPED),
        (
            {
                "status": "undeliverable",
                "shippedAt": "2026-03-03T10:00:00+00:00",
                "cancelledAt": "2026-03-04T10:00:00+00:00",
            },
            {},
            ShopUnitState.UNFULFILLABLE,
        ),
        ({"status": "unavailable"}, {}, ShopUnitState.UNFULFILLABLE),
        ({"status": "returned"}, {}, ShopUnitState.RETURNED),
        ({"status": "teleported"}, {}, ShopUnitState.UNKNOWN),
        ({"status": None}, {}, ShopUnitState.UNKNOWN),
    ],
)
def test_states(
    order_document: dict[str, Any],
    scayle_settings: ScayleSettings,
    item: dict[str, Any],
    package: dict[str, Any],
    state: ShopUnitState,
) -> None:
    order_document["items"][0].update(item)
    order_document["packages"][1].update(package)
    unit = mapped(order_document, scayle_settings).units[0]
    assert unit.state is state
    assert unit.raw_state == (item["status"] or "")


@pytest.mark.parametrize("package", [{"shipmentKey": "RM1"}, {"tracking": {"id": "RM1", "url": "x"}}])
def test_the_shipment_key_is_that_of_the_units_own_package(
    order_document: dict[str, Any], scayle_settings: ScayleSettings, package: dict[str, Any]
) -> None:
    order_document["packages"][1].update(package)
    assert [unit.shipment_key for unit in mapped(order_document, scayle_settings).units] == ["RM1", "RM1", ""]


@pytest.mark.parametrize(
    ("change", "cancelled"),
    [
        ({"detailedStatus": {"order": {"code": "order_cancelled"}}}, True),
        ({"detailedStatus": {"order": {"code": "order_aborted"}}}, True),
        ({"status": "cancellation_pending", "detailedStatus": None}, True),
        ({"status": "cancellation_completed"}, True),
        ({"status": "invoice_completed"}, False),
    ],
)
def test_cancelled_orders(
    order_document: dict[str, Any], scayle_settings: ScayleSettings, change: dict[str, Any], cancelled: bool
) -> None:
    order_document.update(change)
    assert mapped(order_document, scayle_settings).cancelled is cancelled


def test_an_order_of_a_shop_we_do_not_serve_keeps_its_own_shop(
    order_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    order_document["shopCountry"] = {"shopKey": "zz", "countryCode": "fr"}
    order = mapped(order_document, scayle_settings)
    assert (order.shop, order.country) == ("zz", "FR")


def test_what_cannot_be_read_counts_as_missing_and_spoils_nothing(
    order_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    order_document.update(
        customer=[],
        packages=None,
        cost={"withTax": "a lot", "appliedFees": {}},
        shopCountry=[],
        newField={"x": 1},
    )
    order_document["address"] = {"shipping": {"street": 5, "recipient": [], "collectionPoint": []}}
    order_document["items"][0].update(price=[], product=None, variant={"referenceKey": 4711})
    order_document["items"][1].update(id="61000102", price={"withTax": 19.5})
    order = mapped(order_document, scayle_settings)
    assert order.total_minor is None
    assert order.fees_minor == {}
    assert order.billing is None
    assert order.delivery is not None
    assert order.delivery.street == "5"
    assert order.delivery.collection_point is None
    assert order.units[0].sku == "4711"
    assert order.units[0].price_minor is None
    assert order.units[1].order_item_id == 61000102
    assert order.units[1].price_minor is None


def test_company_collection_point_and_external_prices_are_kept(
    order_document: dict[str, Any], scayle_settings: ScayleSettings
) -> None:
    order_document["customer"]["company"] = {"id": 1, "name": " Tannery Ltd "}
    order_document["address"]["shipping"]["collectionPoint"] = {
        "key": "P-1",
        "type": "dhl",
        "customerKey": "99",
    }
    order_document["cost"] = {"hasExternalPrices": True}
    order = mapped(order_document, scayle_settings)
    assert order.external_prices
    assert order.delivery is not None
    assert order.delivery.company == "Tannery Ltd"
    assert order.delivery.collection_point is not None
    assert order.delivery.collection_point.customer_key == "99"


def test_an_unknown_value_is_said_once(
    order_document: dict[str, Any], scayle_settings: ScayleSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "_said", set())
    order_document["items"][0]["status"] = "teleported"
    order_document["items"][1]["status"] = "lives at 4 Mill Lane"
    with structlog.testing.capture_logs() as logs:
        mapped(order_document, scayle_settings)
        mapped(order_document, scayle_settings)
    assert [(one["event"], one["value"]) for one in logs] == [
        ("unknown_value", "teleported"),
        ("unknown_value", "(20 characters)"),
    ]


def test_a_time_without_an_offset_is_read_as_utc_and_said(
    order_document: dict[str, Any], scayle_settings: ScayleSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "_said", set())
    order_document["confirmedAt"] = "2026-03-02T10:01:40"
    with structlog.testing.capture_logs() as logs:
        order = mapped(order_document, scayle_settings)
    assert order.confirmed_at == datetime(2026, 3, 2, 10, 1, 40, tzinfo=UTC)
    assert len(logs) == 1


def test_every_country_has_its_two_letters() -> None:
    assert set(ALPHA_2_OF.values()) == ALPHA_2
    assert [alpha_2(code) for code in ("GBR", "deu", " gb ", "Narnia", "")] == [
        "GB",
        "DE",
        "GB",
        "NARNIA",
        "",
    ]


def test_a_shipment_is_written_the_same_every_time() -> None:
    shipment = Shipment(
        order_id=7204418,
        shop="nb",
        country="GB",
        merchant="scend",
        carrier="ROYALMAIL_GB",
        shipment_key="RM123456789GB",
        despatched_at=datetime(2026, 3, 3, 15, 20, 9, 999_000, tzinfo=UTC),
        return_ident_code="RMA-1",
        unit_ids=(61000102, 61000101),
    )
    assert compose_shipment(shipment) == (
        '{"carrier":"ROYALMAIL_GB","countryCode":"GB","deliveryDate":"2026-03-03T15:20:09+00:00",'
        '"items":[{"orderItemId":61000101,"returnKey":"61000101"},{"orderItemId":61000102,"returnKey":"61000102"}],'
        '"merchantReferenceKey":"scend","orderId":7204418,"returnIdentCode":"RMA-1",'
        '"shipmentKey":"RM123456789GB","shopKey":"nb"}'
    )


def test_a_cancellation_names_its_units() -> None:
    cancellation = UnitCancellation(7204418, "nb", "GB", "scend", (61000103,))
    assert compose_cancellation(cancellation) == (
        '{"countryCode":"GB","items":[{"orderItemId":61000103}],"merchantReferenceKey":"scend",'
        '"orderId":7204418,"shopKey":"nb"}'
    )
