"""A trading day becomes orders by the written rule: nothing lost in silence, nothing repaired, all of it foretold."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from syncbridge.sandbox.day_orders import replay_of_day
from syncbridge.sandbox.expectations import GB_POSTCODE, Outcome, WarehouseRules, catalogue, expectation
from syncbridge.sandbox.replay import _timetable, load, products, variants
from syncbridge.sandbox.replay_order import Replay, ReplayOrder
from syncbridge.sandbox.retail_day import UnreadableDay, parse_day, read_day
from syncbridge.sandbox.shoppers import Dirt, shopper_for, soiled

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
DEMO_DAY = Path(__file__).parents[3] / "syncbridge" / "sandbox" / "data" / "2010-12-07.csv.gz"


def row(
    number: str = "537446",
    code: str = "20782",
    quantity: str = "2",
    price: str = "5.49",
    customer: str = "18055.0",
    country: str = "United Kingdom",
    description: str = "CAMOUFLAGE EAR MUFF HEADPHONES",
    date: str = "2010-12-07 09:13:00",
) -> str:
    return ",".join((number, code, description, quantity, date, price, customer, country))


def day(*rows: str, **options: Any) -> Replay:
    return replay_of_day(parse_day("\n".join((HEADER, *rows)), "day.csv"), dirty_share=Decimal(0), **options)


def only(*rows: str, **options: Any) -> ReplayOrder:
    (order,) = day(*rows, **options).orders
    return order


@pytest.fixture(scope="module")
def demo_day() -> Replay:
    return load(DEMO_DAY)


# ---------------------------------------------------------------------------------------------------------- reading


@pytest.mark.parametrize("column", HEADER.split(","))
def test_a_missing_column_is_named(column: str) -> None:
    header = ",".join(name for name in HEADER.split(",") if name != column)
    with pytest.raises(UnreadableDay, match=f"missing column {column};"):
        parse_day(f"{header}\n", "day.csv")


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        ({"quantity": "two"}, "line 2: column Quantity is no number"),
        ({"quantity": "1.5"}, "line 2: column Quantity is no whole number"),
        ({"price": "free"}, "line 2: column UnitPrice is no number"),
        ({"price": "NaN"}, "line 2: column UnitPrice is no number"),
        ({"date": "yesterday"}, "line 2: column InvoiceDate is no date"),
        ({"number": " "}, "line 2: column InvoiceNo is empty"),
    ],
)
def test_an_unreadable_cell_is_named_with_its_line(cells: dict[str, str], complaint: str) -> None:
    with pytest.raises(UnreadableDay, match=complaint):
        day(row(**cells))


def test_a_row_that_ends_early_is_named() -> None:
    with pytest.raises(UnreadableDay, match="line 2: the row ends before column Country"):
        day("537446,20782,MUFF,2,2010-12-07 09:13:00,5.49,18055.0")


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(UnreadableDay, match="the file is empty"):
        parse_day("", "day.csv")


def test_bom_gzip_shuffled_columns_and_blank_lines_are_read(tmp_path: Path) -> None:
    text = "\ufeffCountry,InvoiceNo,Quantity,StockCode,UnitPrice,InvoiceDate,CustomerID,Description,Extra\r\n"
    text += "France,1,2,22418,0.85,2010-12-07 08:00:00,12.0,PEN,x\r\n\r\n"
    path = tmp_path / "no-suffix"
    path.write_bytes(gzip.compress(text.encode()))
    (invoice,) = read_day(path).sales
    assert (invoice.number, invoice.country, invoice.customer, invoice.lines[0].quantity) == (
        "1",
        "France",
        "12",
        2,
    )


def test_a_damaged_gzip_file_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "day.csv.gz"
    path.write_bytes(gzip.compress(HEADER.encode() * 50)[:-20])
    with pytest.raises(UnreadableDay, match=r"day\.csv\.gz: the gzip file is damaged"):
        read_day(path)


# ---------------------------------------------------------------------------------------------------------- the rule


def test_one_invoice_is_one_order_in_sequence_of_time() -> None:
    replay = day(
        row("2", date="2010-12-07 10:00:00"), row("1"), row("2", "21135", date="2010-12-07 10:00:00")
    )
    assert [(order.name, order.units, order.after.total_seconds()) for order in replay.orders] == [
        ("1", 2, 0.0),
        ("2", 4, 2820.0),
    ]


def test_credits_write_offs_and_postage_alone_become_no_order_and_are_named() -> None:
    replay = day(
        row("C1", quantity="-3"),
        row("2", quantity="-30", price="0.0", customer="", description=""),
        row("3", "POST"),
        row("4", "B", price="-11062.06"),
        row("5"),
        row("5", "22418", quantity="-1"),
    )
    assert [order.name for order in replay.orders] == ["5"]
    assert replay.held_credits == ("C1",)
    assert replay.adjustments == ("2", "4")
    assert replay.carriage_only == ("3",)
    assert replay.held_lines == ("5 row 7 (22418)",)
    report = "\n".join(replay.report())
    for name in ("C1", "2, 4", "3", "5 row 7"):
        assert name in report


def test_units_are_capped_per_row_and_the_cap_is_reported() -> None:
    rows = (row(quantity="100"), row(code="21135", quantity="5"))
    assert (only(*rows).units, only(*rows).capped) == (17, 88)
    assert only(*rows, units_per_line=3).units == 6
    assert (only(*rows, units_per_line=None).units, only(*rows, units_per_line=None).capped) == (105, 0)
    with pytest.raises(ValueError, match="at least 1"):
        day(*rows, units_per_line=0)


def test_more_than_the_supported_maximum_is_still_offered_and_foretold_by_name() -> None:
    replay = day(row(quantity="5001"), units_per_line=None)
    (order,) = replay.orders
    assert order.beyond_maximum
    assert sum(line["quantity"] for line in order.body["lines"]) == 5001
    assert "ORDER_TOO_LARGE" in expectation(order).faults
    assert "1 orders beyond the supported maximum: 537446" in replay.report()
    assert not only(row(quantity="5000"), units_per_line=None).beyond_maximum


@pytest.mark.parametrize(
    ("country", "gross", "rate"),
    [("United Kingdom", 203, "0.2"), ("Germany", 169, "0"), ("Iceland", 169, "0")],
)
def test_prices_are_net_and_only_the_united_kingdom_is_taxed(country: str, gross: int, rate: str) -> None:
    (line,) = only(row(price="1.69", country=country)).body["lines"]
    assert (line["unitPriceWithoutTax"], line["unitPriceWithTax"], line["taxRate"]) == (169, gross, rate)


def test_postage_becomes_the_delivery_fee_and_no_item() -> None:
    order = only(
        row(), row(code="POST", quantity="2", price="18.0"), row(code="DOT", quantity="1", price="0.50")
    )
    assert [line.sku for line in order.lines] == ["20782"]
    assert order.body["shippingFee"] == {"withTax": 4380, "taxRate": "0.2"}
    assert "shippingFee" not in only(row()).body


@pytest.mark.parametrize("code", ["M", "D", "S", "AMAZONFEE", "BANK CHARGES", "85123a", " 22418", ""])
def test_charges_and_misspelt_skus_stay_as_they_are(code: str) -> None:
    order = only(row(code=code))
    assert [line["sku"] for line in order.body["lines"]] == [code]
    assert expectation(order).outcome is Outcome.EXCEPTION
    assert catalogue([code]) == ()


def test_the_same_customer_has_the_same_address_in_every_order() -> None:
    first, second = day(row("1"), row("2", code="21135")).orders
    assert first.address == second.address
    assert first.address != only(row(customer="18056.0")).address


def test_guests_are_told_apart_by_invoice() -> None:
    first, second = day(row("1", customer=""), row("2", customer="")).orders
    assert first.address.email != second.address.email


def test_a_country_that_is_none_gives_an_address_without_one() -> None:
    order = only(row(country="Unspecified"))
    assert order.body["shipping"]["countryCode"] == ""
    assert expectation(order).faults >= {"REQUIRED"}


# ----------------------------------------------------------------------------------------------------------- shoppers


def test_addresses_in_the_united_kingdom_are_well_formed_and_in_several_scripts() -> None:
    shoppers = [shopper_for(str(number), "United Kingdom") for number in range(12_000, 12_400)]
    assert all(GB_POSTCODE.fullmatch(one.postcode) for one in shoppers)
    assert all(one.email.isascii() and one.email.endswith("@example.com") for one in shoppers)
    scripts = {"latin" if one.family[0] < "\u0250" else one.family[0] for one in shoppers}
    assert "latin" in scripts
    assert len(scripts) > 6
    assert any("é" in one.full_name or "ø" in one.full_name for one in shoppers)


@pytest.mark.parametrize(
    ("dirt", "fault"),
    [
        (Dirt.NO_STREET, "ADDRESS_INCOMPLETE"),
        (Dirt.NO_CITY, "ADDRESS_INCOMPLETE"),
        (Dirt.BAD_POSTCODE, "POSTCODE_INVALID"),
        (Dirt.LONG_STREET, "FIELD_TOO_LONG"),
        (Dirt.LONG_CITY, "FIELD_TOO_LONG"),
        (Dirt.EMOJI, "INVALID_CHARACTERS"),
        (Dirt.NULL_BYTE, "INVALID_CHARACTERS"),
    ],
)
def test_every_faulty_address_is_foretold(dirt: Dirt, fault: str) -> None:
    text = "\n".join((HEADER, *(row(str(number), customer=str(number)) for number in range(1, 101))))
    replay = replay_of_day(parse_day(text, "day.csv"))
    soiled_orders = [order for order in replay.orders if order.dirt == dirt]
    assert soiled_orders
    for order in soiled_orders:
        assert expectation(order).faults == {fault}


def test_every_kind_of_faulty_address_differs_from_the_clean_one() -> None:
    shopper = shopper_for("18055", "United Kingdom")
    assert len({soiled(shopper, dirt) for dirt in Dirt} | {shopper}) == len(Dirt) + 1


def test_the_seed_chooses_who_is_faulty_and_nothing_else_does() -> None:
    parsed = parse_day("\n".join((HEADER, *(row(str(number)) for number in range(1, 101)))), "day.csv")

    def faulty(seed: int) -> set[str]:
        return {order.name for order in replay_of_day(parsed, seed=seed).orders if order.dirt}

    assert faulty(1) == faulty(1)
    assert faulty(1) != faulty(2)
    assert len(faulty(1)) == 9


# ------------------------------------------------------------------------------------------------------- expectations


def test_a_sound_order_lives() -> None:
    assert expectation(only(row(price="0.0", description=""))).outcome is Outcome.LIVES


@pytest.mark.parametrize(
    ("country", "faults"),
    [
        ("Germany", {"CUSTOMS_DATA"}),
        ("Iceland", {"CUSTOMS_DATA", "COUNTRY_NOT_SERVED"}),
        ("EIRE", {"CUSTOMS_DATA"}),
    ],
)
def test_orders_abroad_need_customs_data_and_a_service(country: str, faults: set[str]) -> None:
    order = only(row(country=country))
    abroad = {"ROYALMAIL_GB": "INTL_TRK"}
    assert expectation(order).faults == {"CUSTOMS_DATA", "COUNTRY_NOT_SERVED"}
    assert expectation(order, WarehouseRules(service_of_carrier=abroad)).faults == faults
    rules = WarehouseRules(service_of_carrier=abroad, customs_known=True)
    assert expectation(order, rules).faults == faults - {"CUSTOMS_DATA"}
    chosen = WarehouseRules(service_of_carrier={"ROYALMAIL_GB": "AUTO"}, customs_known=True)
    assert expectation(order, chosen).faults == faults - {"CUSTOMS_DATA"}
    unknown = WarehouseRules(service_of_carrier={}, customs_known=True)
    assert expectation(order, unknown).faults == {"SERVICE_UNKNOWN"}


def test_limits_count_lines_as_the_warehouse_would_see_them() -> None:
    same_price = [row() for _ in range(250)]
    two_hundred = [row(code=f"2{number:04}") for number in range(200)]
    assert expectation(only(*same_price, units_per_line=None)).outcome is Outcome.LIVES
    assert expectation(only(*two_hundred)).outcome is Outcome.LIVES
    assert expectation(only(*two_hundred, row(price="1.00", code="20000"))).faults == {"TOO_MANY_ITEMS"}
    assert expectation(only(row(quantity="999"), units_per_line=None)).outcome is Outcome.LIVES
    assert expectation(only(row(quantity="999"), row(quantity="1"), units_per_line=None)).faults == {
        "OUT_OF_RANGE"
    }


def test_every_fault_of_an_order_is_foretold_at_once() -> None:
    order = only(row(code="85123a", country="Iceland"), row(code="M", country="Iceland"))
    assert expectation(order).faults == {"SKU_FORMAT", "SKU_UNKNOWN", "CUSTOMS_DATA", "COUNTRY_NOT_SERVED"}


# --------------------------------------------------------------------------------------------------- the shipped day


def test_the_demo_day_is_what_it_is_known_to_be(demo_day: Replay) -> None:
    parsed = read_day(DEMO_DAY)
    assert parsed.invoices == 111
    assert len(parsed.credits) == 18
    codes = {line.stock_code for one in (*parsed.sales, *parsed.credits) for line in one.lines}
    assert sum(1 for code in codes if any(sign.islower() or sign == " " for sign in code)) == 38
    assert len(demo_day.orders) + len(demo_day.held_credits) + len(demo_day.adjustments) == 111
    foretold = [expectation(order) for order in demo_day.orders]
    assert sum("TOO_MANY_ITEMS" in one.faults for one in foretold) == 2
    assert {Dirt(order.dirt) for order in demo_day.orders if order.dirt} == set(Dirt)
    assert Counter(one.outcome for one in foretold)[Outcome.LIVES] > 60


def test_every_sku_is_a_variant_and_only_sound_ones_are_products(demo_day: Replay) -> None:
    assert {one["sku"] for one in variants(demo_day)} == set(demo_day.skus)
    held = {one["sku"] for one in products(demo_day)}
    assert held < set(demo_day.skus)
    assert "85123A" in held
    assert not held & {"85123a", "M", "AMAZONFEE", "BANK CHARGES", "POST"}
    assert all(len(one["description"]) <= 100 for one in products(demo_day))


def test_two_readings_of_the_day_are_alike_to_the_last_byte(demo_day: Replay) -> None:
    def text(replay: Replay) -> str:
        return json.dumps([order.body for order in replay.orders], sort_keys=True)

    assert text(demo_day) == text(load(DEMO_DAY))


# ------------------------------------------------------------------------------------------------------------ folders


def scayle_order(**changes: Any) -> dict[str, Any]:
    item = {
        "id": 61000101,
        "variant": {"id": 1, "referenceKey": "NB-TEE-0042-M"},
        "product": {"name": "Harbour Tee"},
        "merchant": {"referenceKey": "scend"},
        "price": {"withTax": 1920, "withoutTax": 1600, "tax": {"vat": {"amount": 320, "rate": 0.2}}},
    }
    address = {
        "street": "Quay Street",
        "houseNumber": "19",
        "zipCode": "M3 3JZ",
        "city": "Manchester",
        "countryCode": "GBR",
        "recipient": {"firstName": "Priya", "lastName": "Okafor"},
    }
    return {
        "id": 7204418,
        "createdAt": "2026-03-02T09:58:11+00:00",
        "currencyCode": "GBP",
        "shopCountry": {"shopKey": "nb", "countryCode": "GB"},
        "customer": {"email": "priya.okafor@example.com"},
        "address": {"shipping": address, "billing": address},
        "items": [item, item],
        "packages": [{"id": 1, "carrierKey": "ROYALMAIL_GB"}],
        "cost": {"appliedFees": [{"category": "delivery", "key": "k", "amount": {"withTax": 395}}]},
        **changes,
    }


def test_a_folder_of_orders_is_placed_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text(json.dumps(scayle_order()))
    later = scayle_order(id=7204419, createdAt="2026-03-02T10:58:11+00:00")
    (tmp_path / "a.json").write_text(json.dumps({"entities": [later]}))
    replay = load(tmp_path)
    assert [order.name for order in replay.orders] == ["7204418", "7204419"]
    first = replay.orders[0]
    assert (first.units, first.lines[0].sku, first.lines[0].gross_minor) == (2, "NB-TEE-0042-M", 1920)
    assert (first.address.country, first.address.recipient) == ("GB", "Priya Okafor")
    assert first.body["raw"] == scayle_order()
    assert replay.orders[1].after.total_seconds() == 3600
    assert expectation(first).outcome is Outcome.LIVES


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "bad.json: not JSON"),
        ("[1]", "must be a JSON object"),
        ('{"id": 1, "items": []}', "has no items"),
    ],
)
def test_a_file_that_is_no_order_is_named(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(UnreadableDay, match=complaint):
        load(tmp_path)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDay, match="no order"):
        load(tmp_path)


# -------------------------------------------------------------------------------------------------------------- speed


def test_the_timetable_follows_the_chosen_speed() -> None:
    orders = day(row("1"), row("2", date="2010-12-07 09:14:00"), row("3", date="2010-12-07 09:23:00")).orders
    assert _timetable(orders, 4.0, None, None) == [0.0, 0.25, 0.5]
    assert _timetable(orders, None, 60.0, None) == [0.0, 1.0, 10.0]
    assert _timetable(orders, None, 60.0, 5.0) == [0.0, 0.5, 5.0]
    assert _timetable(orders, None, None, None) == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="above 0"):
        _timetable(orders, 0.0, None, None)
