"""What OrderWise makes of odd orders: long ones, odd taxes and reductions, other alphabets, SKUs that are nearly known."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from flow_world import World, erp_line
from order_story import JACKET, TEE, calm, exception, open_kinds, parts
from split_story import both_delegated, both_worlds, go_round, in_erp

from syncbridge.flows import catalogue_pull, rerun

MAPS = """
discount = { voucher = "WEBVOUCHER", promotion = "WEBDISCOUNT" }
country = { GB = "United Kingdom", NO = "Norway", GR = "Greece", JP = "Japan" }
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("contents"), MAPS) as made:
        yield made


@pytest.fixture
def one(whole: World) -> Iterator[World]:
    yield whole
    calm(whole)


def bought(one: World, *lines: dict[str, Any], **more: Any) -> int:
    return both_delegated(one, one.place(*lines, **more), merchants=1)


def cost(one: World, order_id: int) -> Any:
    return next(order for order in one.state(one.scayle, "orders")["orders"] if order["id"] == order_id)["cost"]


def content(one: World, order_id: int) -> Any:
    (order,) = in_erp(one, order_id)
    return order["content"]


def pence(amount: object) -> int:
    exact = Decimal(str(amount)) * 100
    assert exact == int(exact)
    return int(exact)


def taxed(sku: str, quantity: int, price: int, rate: float) -> dict[str, Any]:
    return {**erp_line(sku, quantity, price), "taxRate": rate}


@pytest.mark.parametrize(
    "more",
    [
        {"voucher": {"type": "absolute", "value": 4999, "code": "FIFTY"}, "giftCard": 1500},
        {"voucher": {"type": "relative", "value": 0.175, "code": "ODD"}},
        {"shippingFee": 0},
    ],
    ids=["absolute voucher and gift card", "relative voucher", "nothing but goods"],
)
def test_two_hundred_lines_of_three_taxes_come_to_what_the_shopper_pays(one: World, more: dict[str, Any]) -> None:
    rates = (0.2, 0.05, 0.0)
    lines = [taxed((TEE, JACKET)[n % 2], 1 + n % 3, 997 + 7 * n, rates[n % 3]) for n in range(210)]
    lines += [taxed(TEE, 47, 333, 0.2), taxed(JACKET, 41, 1999, 0.05)]
    order_id = bought(one, *lines, **more)
    go_round(one)
    assert open_kinds(one, order_id) == {}
    body = content(one, order_id)
    assert len(body["orderLines"]) in (212, 213)  # an absolute voucher is booked on one unit, which may part a line
    wanted = Counter[str]()
    for entry in lines:
        wanted[entry["sku"]] += entry["quantity"]
    held = Counter[str]()
    for entry in in_erp(one, order_id)[0]["lines"]:
        held[entry["sku"]] += int(entry["quantityOrdered"])
    assert held == wanted
    total = cost(one, order_id)
    assert pence(body["orderHeader"]["orderGross"]) == total["withTax"]
    assert sum(pence(payment["amount"]) for payment in body["payments"]) == total["withTax"]
    assert abs(pence(body["orderHeader"]["orderNet"]) - total["withoutTax"]) <= 212


def test_an_order_whose_discount_cannot_be_booked_is_held_with_the_difference_named(one: World) -> None:
    """SCAYLE's total is not what its units and fees come to: nothing is sent, and the gap has a name."""
    order_id = bought(one, taxed(TEE, 43, 999, 0.2), taxed(JACKET, 40, 1001, 0.05), payment="crypto")
    go_round(one)
    assert in_erp(one, order_id) == []
    faults = {fault["code"] for fault in exception(one, order_id, "order_invalid").evidence["faults"]}
    assert faults == {"PAYMENT_METHOD_UNMAPPED"}


PEOPLE = [
    ("NOR", "Åse-Brit", "Øvregård-Sæther", "Fjærlandsvegen", "Bodø", "8003"),
    ("GRC", "Ελευθερία", "Παπαδοπούλου", "Λεωφόρος Βασιλίσσης Σοφίας", "Αθήνα", "10674"),
    ("JPN", "花子", "山田", "千代田区丸の内", "東京都", "1000005"),
    ("GBR", "Zoe\u0308", "O’Brien-Ñúñez", "Mill Lane “B”", "St Anne's", "FY8 1AA"),
]


@pytest.mark.parametrize(("country", "first", "last", "street", "city", "code"), PEOPLE, ids=[one[0] for one in PEOPLE])
def test_names_and_streets_of_other_alphabets_arrive_as_they_are(
    one: World, country: str, first: str, last: str, street: str, city: str, code: str
) -> None:
    address = {
        "firstName": first, "lastName": last, "street": street, "houseNumber": "12B", "zipCode": code, "city": city,
        "countryCode": country,
    }  # fmt: skip
    order_id = bought(one, erp_line(TEE), shipping=address)
    go_round(one)
    assert open_kinds(one, order_id) == {}
    sent = content(one, order_id)["customerDeliveryAddress"]

    def alike(theirs: str, ours: str) -> bool:
        return unicodedata.normalize("NFC", theirs) == unicodedata.normalize("NFC", ours)

    assert alike(sent["deliveryName"], f"{first} {last}")
    assert alike(sent["address1"], f"{street} 12B")
    assert alike(sent["town"], city)


def test_a_street_of_three_hundred_characters_is_not_cut(one: World) -> None:
    street = "Upper Lower Long Winding Lane of Many Words and Turns " * 6
    address = {
        "firstName": "Zoë", "lastName": "Nwosu", "street": street[:300], "houseNumber": "4a", "zipCode": "LS1 4AB",
        "city": "Leeds", "countryCode": "GBR",
    }  # fmt: skip
    order_id = bought(one, erp_line(TEE), shipping=address)
    go_round(one)
    assert in_erp(one, order_id) == []
    (fault,) = exception(one, order_id, "order_invalid").evidence["faults"]
    assert fault["code"] == "FIELD_TOO_LONG"
    assert "Winding" not in str(exception(one, order_id, "order_invalid").evidence)


# ---- SKUs


def seed(one: World, *variants: dict[str, Any]) -> None:
    one.post(one.orderwise, "seed", {"variants": list(variants)})
    stock = [{"variantCode": entry["variantCode"], "stockLocationId": 3, "physical": 500} for entry in variants]
    one.post(one.orderwise, "seed", {"stock": stock})


def test_a_code_with_a_stray_space_is_the_same_product(one: World) -> None:
    seed(one, {"variantCode": "MUG-BLUE  "})
    order_id = bought(one, erp_line("MUG-BLUE", 2))
    go_round(one, 2)
    assert open_kinds(one, order_id) == {}
    assert [entry["sku"] for entry in in_erp(one, order_id)[0]["lines"]] == ["MUG-BLUE"]


def test_a_code_in_other_letters_is_the_same_product_unless_there_are_several(one: World) -> None:
    seed(one, {"variantCode": "85099b"})
    order_id = bought(one, erp_line("85099B", 2))
    go_round(one, 2)
    assert open_kinds(one, order_id) == {}
    assert parts(one, order_id)[0].state == "acknowledged"


def test_a_product_that_is_discontinued_is_refused_and_then_named(one: World) -> None:
    """OrderWise's list does not tell, so the first order is refused there; asked again, it says why, and stops the rest."""
    seed(one, {"variantCode": "SCARF-RED"})
    first = bought(one, erp_line("SCARF-RED"))
    go_round(one)
    assert parts(one, first)[0].state == "acknowledged"
    one.post(one.orderwise, "seed", {"variants": [{"variantCode": "SCARF-RED", "discontinued": True}]})
    second = bought(one, erp_line("SCARF-RED"))
    go_round(one)
    assert open_kinds(one, second) == {"order_refused": 1}
    rerun.run(one.context, [second], actor="test", reason="asked again")
    go_round(one)
    (fault,) = exception(one, second, "order_invalid").evidence["faults"]
    assert (fault["code"], fault["value"]) == ("SKU_UNKNOWN", "SCARF-RED")
    third = bought(one, erp_line("SCARF-RED"))
    go_round(one)
    assert open_kinds(one, third) == {"order_invalid": 1}
    assert in_erp(one, second) == in_erp(one, third) == []


def test_a_long_order_of_products_nobody_asked_about_yet_gets_there_through_a_narrow_quota(one: World) -> None:
    """What was learnt of the first products is kept when the quota ends in the middle of asking."""
    codes = [f"NEW-{number:03}" for number in range(30)]
    seed(one, *({"variantCode": code} for code in codes))
    order_id = bought(one, *(erp_line(code) for code in codes))
    asked_before = asked_by_name(one)
    for _ in range(4):
        # Twelve answers, then the quota is used up.
        one.fault(one.orderwise, "POST", "/system/export-definition/205", "slow", times=12, milliseconds=1)
        one.fault(one.orderwise, "POST", "/system/export-definition/205", "rate_limit", times=20, retryAfter=1)
        go_round(one, 1, seconds=60)
        calm(one)
    go_round(one, 2, seconds=60)
    assert parts(one, order_id)[0].state == "acknowledged"
    assert asked_by_name(one) - asked_before <= 40


def test_the_first_order_has_the_catalogue_read_so_that_later_ones_ask_nothing(one: World) -> None:
    seed(one, *({"variantCode": f"FRESH-{number}"} for number in range(3)))
    first = bought(one, erp_line("FRESH-0"))
    one.bell.rings.clear()
    go_round(one)
    assert ("catalogue_pull",) in one.bell.rings
    catalogue_pull.run(one.context)
    before = asked_by_name(one)
    second = bought(one, erp_line("FRESH-1"), erp_line("FRESH-2"))
    one.bell.rings.clear()
    go_round(one)
    assert asked_by_name(one) == before
    assert ("catalogue_pull",) not in one.bell.rings
    assert [parts(one, order_id)[0].state for order_id in (first, second)] == ["acknowledged"] * 2


def asked_by_name(one: World) -> int:
    seen = one.state(one.orderwise, "requests")["requests"]
    return sum(row["path"].casefold().endswith("/export-definition/205") and row["status"] == 200 for row in seen)


def test_lines_of_one_product_at_two_prices_stay_apart_through_their_despatch(one: World) -> None:
    order_id = bought(one, erp_line(TEE, 2, 2200), erp_line(TEE, 1, 1100))
    go_round(one)
    one.post(
        one.orderwise,
        f"orders/by-reference/SCYOW-NB-{order_id}/despatch",
        {"consignments": [f"LN{order_id}"], "force": True, "lines": [{"lineNumber": 2, "quantity": 1}]},
    )
    go_round(one, 3)
    delivered = [unit for unit in one.units(order_id) if unit["status"] == "delivered"]
    prices = {entry["itemNumber"]: pence(entry["itemGross"]) for entry in content(one, order_id)["orderLines"]}
    assert len(delivered) == 1
    assert prices[2] in (1100, 2200)
