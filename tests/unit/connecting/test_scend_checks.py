"""What Scend would refuse or hold is found before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from connectors.scend.checks import faults_of
from syncbridge.config.scend import CustomsSettings, ScendSettings
from syncbridge.domain.orders import Address, CollectionPoint, FulfilmentRequest, Line, Totals

ADDRESS = Address(
    first_name="Ines",
    last_name="Okafor",
    street="Mill Lane",
    house_number="18",
    additional="Flat 4, Tannery House",
    postcode="NR3 1QX",
    city="Norwich",
    region="Norfolk",
    country="GB",
    phone="+44 (0)7700-900123",
)
LINE = Line(1, "TEE-ORG-BLK-M", "TEE-ORG-BLK-M", (990211, 990212), "Organic tee", 2200)
REQUEST = FulfilmentRequest(
    reference="SCY-UK-7041983",
    order_id=7041983,
    order_number="7041983",
    shop="uk",
    warehouse_code="MID1",
    currency="GBP",
    service="STD48",
    delivery=ADDRESS,
    lines=(LINE,),
    billing=ADDRESS,
    email="ines.okafor@example.com",
    totals=Totals(4400, 395, 799),
)
CUSTOMS = CustomsSettings(incoterm="DAP")


def found(
    settings: ScendSettings, request: FulfilmentRequest = REQUEST, **delivery: Any
) -> list[tuple[str, str]]:
    changed = replace(request, delivery=replace(request.delivery, **delivery))
    return [(fault.code, fault.field) for fault in faults_of(changed, settings)]


def test_a_good_request_has_no_faults(scend_settings: ScendSettings) -> None:
    assert found(scend_settings) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"first_name": "", "last_name": " "}, ("ADDRESS_INCOMPLETE", "delivery address: recipient name")),
        ({"street": ""}, ("ADDRESS_INCOMPLETE", "delivery address: street")),
        ({"city": " "}, ("ADDRESS_INCOMPLETE", "delivery address: city")),
        ({"postcode": ""}, ("ADDRESS_INCOMPLETE", "delivery address: postcode")),
        ({"postcode": "NR3 1Q"}, ("POSTCODE_INVALID", "delivery address: postcode")),
        ({"postcode": "NR3  1QX"}, ("POSTCODE_INVALID", "delivery address: postcode")),
        ({"country": "Narnia"}, ("INVALID_FORMAT", "delivery address: country")),
        ({"first_name": "x" * 60}, ("FIELD_TOO_LONG", "delivery address: recipient name")),
        ({"company": "x" * 61}, ("FIELD_TOO_LONG", "delivery address: company")),
        ({"city": "x" * 36}, ("FIELD_TOO_LONG", "delivery address: city")),
        ({"region": "x" * 36}, ("FIELD_TOO_LONG", "delivery address: state")),
        ({"street": "x" * 36}, ("FIELD_TOO_LONG", "delivery address: street and additional")),
        ({"street": "x" * 36, "additional": ""}, ("FIELD_TOO_LONG", "delivery address: street")),
        ({"street": "word " * 22}, ("FIELD_TOO_LONG", "delivery address: street and additional")),
        ({"city": "Nor\twich"}, ("INVALID_CHARACTERS", "delivery address: city")),
        ({"additional": "Flat 4\nTannery"}, ("INVALID_CHARACTERS", "delivery address: additional")),
        ({"street": "Mill 🏭 Lane"}, ("INVALID_CHARACTERS", "delivery address: street")),
        ({"first_name": "In\ufffds"}, ("INVALID_CHARACTERS", "delivery address: recipient name")),
        ({"first_name": f"In{chr(0xD83D)}s"}, ("INVALID_CHARACTERS", "delivery address: recipient name")),
        ({"company": "A\x85B"}, ("INVALID_CHARACTERS", "delivery address: company")),
        ({"phone": "07700.900123"}, ("INVALID_FORMAT", "delivery address: phone")),
        ({"phone": "12345"}, ("INVALID_FORMAT", "delivery address: phone")),
        (
            {"collection_point": CollectionPoint("P1")},
            ("COLLECTION_POINT_UNSUPPORTED", "delivery address: collection point"),
        ),
    ],
)
def test_one_fault_in_the_address(
    scend_settings: ScendSettings, change: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert found(scend_settings, **change) == [expected]


@pytest.mark.parametrize(
    "change",
    [
        {"postcode": "nr31qx"},
        {"postcode": "M1 1AA"},
        {"phone": ""},
        {"house_number": "", "additional": ""},
        {"street": "Ньюмаркет-стрит", "city": "Łódź", "first_name": "李"},
        {"street": "x" * 35, "house_number": "", "additional": ("y" * 30 + " ") * 2},
        {"first_name": "x" * 53},
    ],
)
def test_what_scend_takes_is_no_fault(scend_settings: ScendSettings, change: dict[str, Any]) -> None:
    assert found(scend_settings, **change) == []


@pytest.mark.parametrize(
    ("country", "missing"),
    [
        ("IE", []),
        ("HK", []),
        ("AE", []),
        ("FR", ["postcode"]),
        ("US", ["postcode", "state"]),
        ("AU", ["postcode", "state"]),
    ],
)
def test_required_fields_depend_on_the_country(
    scend_settings: ScendSettings, country: str, missing: list[str]
) -> None:
    settings = scend_settings.model_copy(update={"customs": CUSTOMS})
    assert found(settings, country=country, postcode="", region="") == [
        ("ADDRESS_INCOMPLETE", f"delivery address: {name}") for name in missing
    ]


def test_outside_gb_customs_data_and_prices_are_needed(scend_settings: ScendSettings) -> None:
    unpriced = replace(REQUEST, lines=(replace(LINE, price_minor=None),))
    assert found(scend_settings, unpriced) == []
    assert found(scend_settings, unpriced, country="FR", postcode="75001") == [
        ("REQUIRED", "items[sku=TEE-ORG-BLK-M].price"),
        ("CUSTOMS_DATA", "delivery address: country"),
    ]


@pytest.mark.parametrize(
    "sku",
    ["85123a", "TEE ORG", "TEE-", "-TEE", "A" * 33, "TEE\n", "TÉE", "TEE.1", "", "TEE\u00a0"],
)
def test_a_sku_that_scend_refuses_is_named_with_the_shops_own_sku(
    scend_settings: ScendSettings, sku: str
) -> None:
    request = replace(REQUEST, lines=(replace(LINE, sku=sku, shop_sku=sku),))
    assert found(scend_settings, request) == [("SKU_FORMAT", f"items[sku={sku}].sku")]


def test_a_mapped_sku_is_judged_by_what_is_sent(scend_settings: ScendSettings) -> None:
    request = replace(REQUEST, lines=(replace(LINE, shop_sku="85123a", sku="85123A"),))
    assert found(scend_settings, request) == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"lines": ()}, ("REQUIRED", "items")),
        ({"lines": tuple(replace(LINE, line_number=n) for n in range(1, 202))}, ("TOO_MANY_ITEMS", "items")),
        (
            {"lines": (replace(LINE, unit_ids=tuple(range(1, 1001))),)},
            ("OUT_OF_RANGE", "items[sku=TEE-ORG-BLK-M].quantity"),
        ),
        ({"lines": (replace(LINE, price_minor=-1),)}, ("OUT_OF_RANGE", "items[sku=TEE-ORG-BLK-M].price")),
        ({"reference": "SCY UK 1"}, ("INVALID_FORMAT", "reference")),
        ({"reference": "S" * 51}, ("INVALID_FORMAT", "reference")),
        ({"service": ""}, ("SERVICE_UNKNOWN", "carrier")),
        ({"service": "S" * 21}, ("FIELD_TOO_LONG", "carrier")),
        ({"currency": ""}, ("INVALID_FORMAT", "currency")),
        ({"warehouse_code": "W" * 11}, ("FIELD_TOO_LONG", "warehouse")),
        ({"email": "x" * 101}, ("FIELD_TOO_LONG", "customer: email")),
        ({"totals": Totals(4400, -1, 0)}, ("OUT_OF_RANGE", "cost: fees")),
    ],
)
def test_one_fault_in_the_order(
    scend_settings: ScendSettings, change: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert found(scend_settings, replace(REQUEST, **change)) == [expected]


def test_limits_are_met_exactly(scend_settings: ScendSettings) -> None:
    request = replace(
        REQUEST,
        lines=tuple(replace(LINE, line_number=n, unit_ids=tuple(range(1, 1000))) for n in range(1, 201)),
        email="x" * 100,
    )
    assert found(scend_settings, request) == []


def test_an_amount_that_two_places_cannot_hold_is_a_fault(scend_settings: ScendSettings) -> None:
    request = replace(REQUEST, currency="KWD", totals=None, lines=(replace(LINE, price_minor=1234),))
    assert found(scend_settings, request) == [("INVALID_FORMAT", "items[sku=TEE-ORG-BLK-M].price")]


def test_the_billing_address_obeys_limits_but_may_be_incomplete(scend_settings: ScendSettings) -> None:
    incomplete = replace(REQUEST, billing=Address(country="GB"))
    assert found(scend_settings, incomplete) == []
    too_long = replace(REQUEST, billing=replace(ADDRESS, city="x" * 36))
    assert found(scend_settings, too_long) == [("FIELD_TOO_LONG", "billing address: city")]


def test_all_faults_come_at_once_with_a_way_out_and_without_personal_data(
    scend_settings: ScendSettings,
) -> None:
    request = replace(
        REQUEST,
        service="",
        lines=(LINE, replace(LINE, line_number=2, sku="85123a", shop_sku="85123a")),
        delivery=replace(ADDRESS, city="", postcode="Okafor", phone="call Ines"),
        billing=replace(ADDRESS, last_name="Okafor" * 20),
    )
    faults = faults_of(request, scend_settings)
    assert [fault.code for fault in faults] == [
        "SERVICE_UNKNOWN",
        "SKU_FORMAT",
        "ADDRESS_INCOMPLETE",
        "INVALID_FORMAT",
        "POSTCODE_INVALID",
        "FIELD_TOO_LONG",
    ]
    assert all(fault.way_out and fault.problem for fault in faults)
    assert not any("Okafor" in str(fault.as_dict()) or "Ines" in str(fault.as_dict()) for fault in faults)
