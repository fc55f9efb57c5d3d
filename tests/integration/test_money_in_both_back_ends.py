"""Prices, vouchers, gift cards and fees of one SCAYLE order, in two back ends, to the penny."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from flow_world import World, erp_line, line
from order_story import JACKET, TEE, calm, exception, in_scend, open_kinds, parts
from split_story import both_delegated, both_worlds, go_round, in_erp

MAPS = """
discount = { voucher = "WEBVOUCHER", promotion = "WEBDISCOUNT" }
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("money"), MAPS) as made:
        yield made


@pytest.fixture
def one(whole: World) -> Iterator[World]:
    yield whole
    calm(whole)


def cost(one: World, order_id: int) -> Any:
    orders = one.state(one.scayle, "orders")["orders"]
    return next(order for order in orders if order["id"] == order_id)["cost"]


def content(one: World, order_id: int) -> Any:
    (order,) = in_erp(one, order_id)
    return order["content"]


def pence(amount: float | str) -> int:
    return int(Decimal(str(amount)) * 100)


@pytest.mark.parametrize(
    "voucher",
    [
        {"type": "absolute", "value": 500, "code": "FIVE"},
        {"type": "relative", "value": 0.15, "code": "FIFTEEN"},
        None,
    ],
)
@pytest.mark.parametrize("in_price", [False, True])
def test_the_parts_of_a_split_order_add_up_to_what_the_shopper_pays(
    one: World, voucher: dict[str, Any] | None, in_price: bool
) -> None:
    one.put(one.scayle, "settings", {"absoluteVoucherInItemPrice": in_price})
    order_id = both_delegated(
        one,
        one.place(
            line(TEE, 3, 1999), erp_line(JACKET, 2, 9501), erp_line(TEE, 7, 1234), voucher=voucher, giftCard=1000
        ),
    )
    go_round(one)
    assert open_kinds(one, order_id) == {}
    erp, (wms,) = content(one, order_id), in_scend(one, order_id)
    gross = pence(erp["orderHeader"]["orderGross"])
    total = cost(one, order_id)["withTax"]
    assert gross + sum(part.total_minor for part in parts(one, order_id) if part.account.startswith("scend")) == total
    assert sum(pence(payment["amount"]) for payment in erp["payments"]) == gross
    assert wms["clientReference"]
    described = [dissur["description"] for dissur in erp.get("dissurs", ())]
    assert described == (["WEBVOUCHER"] if voucher else [])


def test_a_payment_without_a_number_there_holds_only_its_part(one: World) -> None:
    order_id = both_delegated(one, one.place(line(TEE), erp_line(JACKET), payment="crypto"))
    go_round(one)
    assert {part.account: part.state for part in parts(one, order_id)} == {
        "orderwise:acme": "pending",
        "scend:ACME-UK": "acknowledged",
    }
    (fault,) = exception(one, order_id, "order_invalid").evidence["faults"]
    assert (fault["code"], fault["value"]) == ("PAYMENT_METHOD_UNMAPPED", "crypto")


def test_an_express_fee_with_a_surcharge_that_nobody_mapped_is_held(one: World) -> None:
    fee = {
        "category": "conditional", "key": "k", "amount": {"withTax": 120, "withoutTax": 100},
        "tax": {"vat": {"amount": 20, "rate": 0.2}},
    }  # fmt: skip
    order_id = both_delegated(one, one.place(erp_line(JACKET), fees=[fee]), merchants=1)
    go_round(one)
    (fault,) = exception(one, order_id, "order_invalid").evidence["faults"]
    assert (fault["code"], fault["value"]) == ("FEE_UNMAPPED", "conditional")
