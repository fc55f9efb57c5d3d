"""The body of a sales order: amounts to the penny, ids for words, and every fault at once."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.orderwise.amounts import amounts_of, gate
from connectors.orderwise.checks import faults_of
from connectors.orderwise.decimal_json import compact_json, read_json
from connectors.orderwise.order_body import address_lines, compose_order
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.domain.money import net_of
from syncbridge.domain.orders import Address, CollectionPoint, FulfilmentRequest, Line, Totals
from syncbridge.domain.prices import Discount, ShopFee, ShopPayment

RATE = Decimal("0.2")
ADDRESS = Address(
    first_name="Mara",
    last_name="Quill",
    street="Lantern Yard",
    house_number="7",
    additional="Flat 3",
    postcode="LS1 9ZZ",
    city="Leeds",
    country="GB",
    phone="0113 496 0000",
)
TEE = Line(1, "TEE-NAVY-M", "TEE-NAVY-M", (102, 101), "Tee", 2750, RATE, 4584, (Discount("voucher", 250),))
BOOK = Line(2, "BOOK-ATLAS", "BOOK-ATLAS", (103,), "Atlas", 1899, Decimal(0), 1899)
DELIVERY = ShopFee("delivery", 495, 413, RATE)
REQUEST = FulfilmentRequest(
    reference="SCY-NB-7",
    order_id=7,
    order_number="7",
    shop="nb",
    warehouse_code="MAIN",
    currency="GBP",
    service="STANDARD",
    delivery=ADDRESS,
    lines=(TEE, BOOK),
    email="mara.quill@example.test",
    ordered_at=datetime(2026, 7, 2, 14, 5, 11, tzinfo=UTC),
    totals=Totals(7399, 495, 999),
    fees=(DELIVERY,),
    payments=(ShopPayment("voucher-card", 1000, "gc-1", gift_card=True), ShopPayment("creditcard", 6894, "psp-7f31")),
)


def body_of(request: FulfilmentRequest, settings: OrderWiseSettings) -> Any:
    return read_json(compose_order(request, settings).encode())


def codes(request: FulfilmentRequest, settings: OrderWiseSettings) -> list[str]:
    return [fault.code for fault in faults_of(request, settings)]


def test_an_order_is_written_with_exact_decimals_and_local_time(orderwise_settings: OrderWiseSettings) -> None:
    assert faults_of(REQUEST, orderwise_settings) == ()
    body = body_of(REQUEST, orderwise_settings)
    assert body["orderHeader"] == {
        "systemOrderType": 1,
        "eCommerceOrderNumber": "SCY-NB-7",
        "customerOrderRef": "SCY-NB-7",
        "orderDate": "2026-07-02T15:05:11",
        "deliveryMethodId": 18,
        "currencyId": 1,
        "pricesAsNet": False,
        "deliveryGross": Decimal("4.95"),
        "deliveryNet": Decimal("4.13"),
        "deliveryTax": Decimal("0.82"),
        "deliveryTaxRateId": 1,
        "orderGross": Decimal("78.94"),
        "orderNet": Decimal("68.96"),
        "orderTax": Decimal("9.98"),
    }
    assert body["customer"] == {"id": 4021}
    assert body["orderLines"][0] == {
        "itemNumber": 1,
        "eCommerceItemId": "101",
        "variantCode": "TEE-NAVY-M",
        "quantity": 2,
        "itemGross": Decimal("30.00"),
        "itemNet": Decimal("25.0033"),
        "taxRateId": 1,
        "stockLocationId": 3,
    }
    assert body["orderLines"][1]["taxRateId"] == 2
    assert body["dissurs"] == [
        {"description": "WEBVOUCHER", "discount": True, "grossDiscount": True, "price": Decimal("5.00"), "taxRateId": 1}
    ]
    assert body["payments"] == [
        {"paymentMethodId": 8, "amount": Decimal("10.00"), "reference": "gc-1"},
        {"paymentMethodId": 7, "amount": Decimal("68.94"), "reference": "psp-7f31"},
    ]
    assert body["customerDeliveryAddress"] == {
        "deliveryName": "Mara Quill",
        "contactName": "Mara Quill",
        "address1": "Lantern Yard 7",
        "address2": "Flat 3",
        "town": "Leeds",
        "country": "United Kingdom",
        "countryCode": "GB",
        "postcode": "LS1 9ZZ",
        "telephone": "0113 496 0000",
        "email": "mara.quill@example.test",
        "deliveryMethodId": 18,
    }


def test_the_same_request_gives_the_same_bytes_and_amounts_keep_their_places(
    orderwise_settings: OrderWiseSettings,
) -> None:
    text = compose_order(REQUEST, orderwise_settings)
    assert text == compose_order(REQUEST, orderwise_settings)
    assert '"orderGross":78.94' in text
    assert '"price":5.00' in text
    assert json.loads(text)["orderHeader"]["systemOrderType"] == 1


def test_a_reduction_without_a_description_is_contained_in_the_price(orderwise_settings: OrderWiseSettings) -> None:
    line = replace(TEE, discounts=(Discount("sale", 250),))
    body = body_of(replace(REQUEST, lines=(line, BOOK)), orderwise_settings)
    assert body["orderLines"][0]["itemGross"] == Decimal("27.50")
    assert body["orderLines"][0]["itemNet"] == Decimal("22.9200")
    assert "dissurs" not in body


def test_a_fee_that_is_no_delivery_charge_is_a_surcharge(orderwise_settings: OrderWiseSettings) -> None:
    request = replace(
        REQUEST, fees=(DELIVERY, ShopFee("payment", 100, 83, RATE)), totals=Totals(7399, 595, 0)
    )
    assert codes(request, orderwise_settings) == []
    body = body_of(request, orderwise_settings)
    assert body["dissurs"][0] == {
        "description": "SMALLORDER", "discount": False, "grossDiscount": True, "price": Decimal("1.00"), "taxRateId": 1,
    }  # fmt: skip
    assert body["orderHeader"]["orderGross"] == Decimal("79.94")


def test_a_split_order_without_fees_has_no_delivery_charge(orderwise_settings: OrderWiseSettings) -> None:
    request = replace(REQUEST, fees=(), totals=Totals(7399, 0, 0))
    header = body_of(request, orderwise_settings)["orderHeader"]
    assert (header["deliveryGross"], header["orderGross"]) == (Decimal("0.00"), Decimal("73.99"))
    assert "deliveryTaxRateId" not in header


def test_the_tax_rate_of_a_fee_is_told_from_its_amounts_where_the_shop_is_silent(
    orderwise_settings: OrderWiseSettings,
) -> None:
    silent = replace(REQUEST, fees=(replace(DELIVERY, tax_rate=None),))
    assert body_of(silent, orderwise_settings)["orderHeader"]["deliveryTaxRateId"] == 1
    odd = replace(REQUEST, fees=(replace(DELIVERY, tax_rate=None, net_minor=450),))
    assert codes(odd, orderwise_settings) == ["TAX_RATE_MISSING"]


@pytest.mark.parametrize("free", [ShopFee("shipment", 0), ShopFee("shipment", 0, 0, Decimal(0))])
@pytest.mark.parametrize("first", [True, False])
def test_a_charge_of_nothing_does_not_change_the_tax_rate_of_delivery(
    orderwise_settings: OrderWiseSettings, free: ShopFee, first: bool
) -> None:
    fees = (free, DELIVERY) if first else (DELIVERY, free)
    header = body_of(replace(REQUEST, fees=fees), orderwise_settings)["orderHeader"]
    assert (header["deliveryGross"], header["deliveryTax"]) == (Decimal("4.95"), Decimal("0.82"))
    assert header["deliveryTaxRateId"] == 1


def test_delivery_for_nothing_names_no_tax_rate_that_orderwise_does_not_have(orderwise_settings: OrderWiseSettings) -> None:
    maps = {**orderwise_settings.maps.model_dump(), "tax_rate": {"0.2": 1}}
    settings = OrderWiseSettings.model_validate({**orderwise_settings.model_dump(), "maps": maps})
    free = replace(REQUEST, lines=(TEE,), totals=Totals(5500, 0, 916), fees=(ShopFee("delivery", 0),), payments=())
    assert codes(free, settings) == []
    assert "deliveryTaxRateId" not in body_of(free, settings)["orderHeader"]


def test_an_order_in_whole_currency_units_keeps_two_places(orderwise_settings: OrderWiseSettings) -> None:
    maps = orderwise_settings.maps.model_copy(update={"currency": {"JPY": 9}})
    settings = orderwise_settings.model_copy(update={"maps": maps})
    line = replace(BOOK, price_minor=1500, net_minor=1500)
    request = replace(REQUEST, currency="JPY", lines=(line,), fees=(), payments=(), totals=Totals(1500, 0, 0))
    assert codes(request, settings) == []
    assert body_of(request, settings)["orderHeader"]["orderGross"] == Decimal("1500.00")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"service": "DRONE"}, "DELIVERY_METHOD_UNMAPPED", "carrier"),
        ({"warehouse_code": "ELSEWHERE"}, "STOCK_LOCATION_UNMAPPED", "warehouse"),
        ({"currency": "EUR"}, "CURRENCY_UNMAPPED", "currency"),
        ({"reference": "X" * 51}, "FIELD_TOO_LONG", "reference"),
        ({"delivery": replace(ADDRESS, country="DE")}, "COUNTRY_UNMAPPED", "delivery address: country"),
        ({"delivery": replace(ADDRESS, country="ZZ")}, "INVALID_FORMAT", "delivery address: country"),
        ({"delivery": replace(ADDRESS, city="")}, "ADDRESS_INCOMPLETE", "delivery address: city"),
        ({"delivery": replace(ADDRESS, postcode="")}, "ADDRESS_INCOMPLETE", "delivery address: postcode"),
        ({"delivery": replace(ADDRESS, city="x" * 51)}, "FIELD_TOO_LONG", "delivery address: city"),
        ({"delivery": replace(ADDRESS, street="x" * 61)}, "FIELD_TOO_LONG", "delivery address: street and additional"),
        ({"delivery": replace(ADDRESS, city="Lee\x00ds")}, "INVALID_CHARACTERS", "delivery address: city"),
        (
            {"delivery": replace(ADDRESS, collection_point=CollectionPoint("P1"))},
            "COLLECTION_POINT_UNSUPPORTED",
            "delivery address: collection point",
        ),
        ({"payments": (ShopPayment("crypto", 7894),)}, "PAYMENT_METHOD_UNMAPPED", "payment"),
        ({"lines": ()}, "REQUIRED", "items"),
        ({"lines": (replace(TEE, sku="x" * 51), BOOK)}, "SKU_FORMAT", "items[sku=TEE-NAVY-M].sku"),
        ({"lines": (replace(TEE, tax_rate=None), BOOK)}, "TAX_RATE_MISSING", "items[sku=TEE-NAVY-M].tax"),
        ({"lines": (replace(TEE, price_minor=None), BOOK)}, "PRICE_MISSING", "items[sku=TEE-NAVY-M].price"),
        (
            {"lines": (replace(TEE, tax_rate=Decimal("0.19"), net_minor=4622), BOOK)},
            "TAX_RATE_UNMAPPED",
            "items[sku=TEE-NAVY-M].tax",
        ),
        ({"fees": (replace(DELIVERY, category="conditional"),)}, "FEE_UNMAPPED", "cost: fee conditional"),
        (
            {"fees": (DELIVERY, ShopFee("shipment", 0 + 100, 100, Decimal(0)))},
            "TAX_RATE_MIXED",
            "cost: delivery",
        ),
    ],
)
def test_each_fault_names_its_field_and_the_way_out(
    orderwise_settings: OrderWiseSettings, change: dict[str, Any], code: str, field: str
) -> None:
    faults = faults_of(replace(REQUEST, **change), orderwise_settings)
    assert (code, field) in [(fault.code, fault.field) for fault in faults]
    assert all(fault.way_out for fault in faults)
    assert not any(word in fault.value for fault in faults for word in ("Mara", "Quill", "Leeds"))


def test_every_fault_is_reported_at_once(orderwise_settings: OrderWiseSettings) -> None:
    bad = replace(
        REQUEST, service="", warehouse_code="X", delivery=replace(ADDRESS, city="", country=""), fees=(), payments=()
    )
    assert codes(bad, orderwise_settings) == [
        "DELIVERY_METHOD_UNMAPPED",
        "STOCK_LOCATION_UNMAPPED",
        "ADDRESS_INCOMPLETE",
        "INVALID_FORMAT",
        "TOTAL_MISSING_AMOUNT",
    ]


@pytest.mark.parametrize(
    ("change", "code", "problem"),
    [
        ({"totals": Totals(7399, 500, 0)}, "TOTAL_MISSING_AMOUNT", "0.05 apart"),
        ({"lines": (replace(TEE, net_minor=5500), BOOK)}, "TAX_RATE_MISMATCH", "do not fit the tax rate 0.2"),
    ],
)
def test_the_penny_gate_names_the_difference_and_its_class(
    orderwise_settings: OrderWiseSettings, change: dict[str, Any], code: str, problem: str
) -> None:
    (fault,) = faults_of(replace(REQUEST, **change), orderwise_settings)
    assert fault.code == code
    assert problem in fault.problem


def test_the_rounding_of_very_many_units_is_held_and_called_by_its_name(orderwise_settings: OrderWiseSettings) -> None:
    """A net price has four places: 999 units, each reduced by 1.00, cannot come to the shop's net within a few pence."""
    units = tuple(range(101, 1100))
    many = Line(1, "TEE-NAVY-M", "TEE-NAVY-M", units, "Tee", 2750, RATE, 2292 * 999, (Discount("voucher", 100),))
    bulk = replace(REQUEST, lines=(many,), totals=Totals(2750 * 999, 495, 999), payments=())
    (fault,) = faults_of(bulk, orderwise_settings)
    assert (fault.code, fault.field) == ("TOTAL_ROUNDING", "cost: net")
    assert "OrderWise takes 0.03" in fault.problem
    assert codes(replace(bulk, lines=(replace(many, discounts=()),)), orderwise_settings) == []


def test_a_discount_that_gets_lost_is_held_and_called_by_its_name(orderwise_settings: OrderWiseSettings) -> None:
    found, faults = amounts_of(REQUEST, orderwise_settings)
    assert found is not None
    assert faults == ()
    (fault,) = gate(replace(found, dissurs=()), 7894, REQUEST)
    assert (fault.code, fault.value) == ("TOTAL_DISCOUNT", "5.00")


def test_an_account_number_may_differ_per_shop(orderwise_settings: OrderWiseSettings) -> None:
    customer = type(orderwise_settings.customer).model_validate({"mode": "account", "accounts": {"NB": "SCAYLE-UK"}})
    settings = orderwise_settings.model_copy(update={"customer": customer})
    assert body_of(REQUEST, settings)["customer"] == {"accountNumber": "SCAYLE-UK"}
    assert codes(replace(REQUEST, shop="other"), settings) == ["CUSTOMER_UNMAPPED"]


def test_payments_can_be_left_to_other_means(orderwise_settings: OrderWiseSettings) -> None:
    settings = orderwise_settings.model_copy(update={"send_payments": False})
    unknown = replace(REQUEST, payments=(ShopPayment("crypto", 7894),))
    assert codes(unknown, settings) == []
    assert "payments" not in body_of(unknown, settings)


def test_street_lines_break_between_words_and_nothing_is_cut() -> None:
    assert address_lines(Address(street="Old Mill Lane", house_number="4"), 8) == ("Old Mill", "Lane 4")
    assert address_lines(Address(street="Rhododendron", additional="Flat 1"), 8) == ("Rhododendron", "Flat 1")
    assert address_lines(Address(), 8) == ()


def test_a_float_is_never_written() -> None:
    with pytest.raises(TypeError):
        compact_json({"price": 0.1})
    with pytest.raises(ValueError):
        read_json(b'{"price": NaN}')


@st.composite
def orders(draw: st.DrawFn) -> FulfilmentRequest:
    """Orders with any mix of prices, reductions, rates and quantities; net is rounded a unit or a line at a time."""
    lines = []
    for number in range(1, draw(st.integers(1, 8)) + 1):
        quantity = draw(st.integers(1, 40))
        price = draw(st.integers(0, 50_000))
        rate = draw(st.sampled_from([Decimal("0.2"), Decimal("0.05"), Decimal(0)]))
        by_unit = net_of(price, rate) * quantity
        net = by_unit if draw(st.booleans()) else net_of(price * quantity, rate)
        categories = draw(st.lists(st.sampled_from(["sale", "promotion", "voucher"]), unique=True, max_size=3))
        discounts = tuple(Discount(one, draw(st.integers(1, 3_000))) for one in sorted(categories))
        ids = tuple(range(number * 100, number * 100 + quantity))
        lines.append(Line(number, f"SKU-{number}", f"SKU-{number}", ids, "", price, rate, net, discounts))
    gross = draw(st.integers(0, 2_000))
    fees = (ShopFee("delivery", gross, net_of(gross, RATE), RATE),) if gross else ()
    goods = sum((line.price_minor or 0) * line.quantity for line in lines)
    return replace(REQUEST, lines=tuple(lines), fees=fees, payments=(), totals=Totals(goods, gross, 0))


@given(request=orders())
def test_any_order_reconciles_in_orderwise_and_its_gross_is_the_shops(request: FulfilmentRequest) -> None:
    settings = OrderWiseSettings.model_validate(
        {
            "base_url": "https://orderwise.example/owapi",
            "name": "ACME-UK",
            "session_id": 12,
            "customer": {"id": 4021},
            "maps": {"discount": {"promotion": "WEBDISCOUNT", "voucher": "WEBVOUCHER"}},
        }
    )
    amounts, faults = amounts_of(request, settings)
    assert faults == ()
    assert amounts is not None and request.totals is not None
    assert amounts.computed_gross == amounts.gross == Decimal(request.totals.grand_minor) / 100
    assert abs(amounts.computed_net - amounts.net) <= amounts.tolerance
    net = sum(line.net_minor or 0 for line in request.lines) + sum(fee.net_minor or 0 for fee in request.fees)
    assert amounts.net == Decimal(net) / 100
