"""Units conserve: grouping them to lines, and giving them to parcels."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncbridge.domain.backend import Parcel, ParcelLine
from syncbridge.domain.despatching import OpenLine, allocate
from syncbridge.domain.orders import (
    ShopOrder,
    ShopUnit,
    ShopUnitState,
    carries_fees,
    group_lines,
    stretches_of,
)
from syncbridge.domain.prices import ShopPayment, share_of_payments

SKUS = st.sampled_from(["TEE", "JKT", "BOOT"])
UNITS = st.lists(
    st.builds(
        ShopUnit,
        order_item_id=st.integers(1, 10_000),
        sku=SKUS,
        merchant=st.just("m"),
        warehouse=st.just("w"),
        price_minor=st.sampled_from([100, 200, None]),
        tax_rate=st.sampled_from([Decimal("0.2"), Decimal(0), None]),
        reductions=st.sampled_from([(), ("SALE",)]),
    ),
    max_size=40,
    unique_by=lambda unit: unit.order_item_id,
)


@given(UNITS)
def test_every_unit_is_on_exactly_one_line_with_its_own_sku_price_and_tax(units: list[ShopUnit]) -> None:
    by_id = {unit.order_item_id: unit for unit in units}
    lines = group_lines(units, {"TEE": "TEE-WMS"})
    assert Counter(item for line in lines for item in line.unit_ids) == Counter(by_id.keys())
    assert [line.line_number for line in lines] == list(range(1, len(lines) + 1))
    for line in lines:
        assert list(line.unit_ids) == sorted(line.unit_ids)
        assert line.quantity == len(line.unit_ids)
        for item in line.unit_ids:
            unit = by_id[item]
            assert (unit.sku, unit.price_minor, unit.tax_rate) == (
                line.shop_sku,
                line.price_minor,
                line.tax_rate,
            )
            assert line.sku == {"TEE": "TEE-WMS"}.get(unit.sku, unit.sku)


@given(UNITS, st.randoms(use_true_random=False))
def test_the_order_in_which_units_come_changes_no_line(units: list[ShopUnit], chance: object) -> None:
    shuffled = list(units)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert group_lines(shuffled, {}) == group_lines(units, {})


def test_units_that_differ_in_a_reduction_are_on_lines_of_their_own() -> None:
    unit = ShopUnit(1, "TEE", "m", "w", price_minor=100)
    lines = group_lines([unit, replace(unit, order_item_id=2, reductions=("SALE",))], {})
    assert [line.unit_ids for line in lines] == [(1,), (2,)]


# ---- parcels

LINES = st.dictionaries(st.integers(1, 4), st.tuples(SKUS, st.integers(0, 5)), max_size=4)
PARCELS = st.lists(
    st.tuples(
        st.sampled_from(["", "A", "B"]),
        st.lists(st.tuples(st.integers(1, 5), SKUS, st.integers(1, 6)), max_size=4),
    ),
    max_size=5,
)


@given(LINES, PARCELS)
def test_goods_are_units_or_wrong_and_no_unit_is_given_away_twice(
    lines: dict[int, tuple[str, int]], parcels: list[tuple[str, list[tuple[int, str, int]]]]
) -> None:
    open_lines = {
        number: OpenLine(number, sku, tuple(number * 100 + unit for unit in range(units)))
        for number, (sku, units) in lines.items()
    }
    sent = [
        Parcel(f"p{number}", tracking, tuple(ParcelLine(*row) for row in rows))
        for number, (tracking, rows) in enumerate(parcels)
    ]
    consignments, wrong = allocate(sent, open_lines)
    taken = [unit for one in consignments for unit in one.unit_ids]
    assert len(taken) == len(set(taken))
    assert set(taken) <= {unit for line in open_lines.values() for unit in line.open_units}
    assert len(taken) + sum(one.surplus for one in wrong) == sum(
        row.quantity for one in sent for row in one.lines
    )
    for line in open_lines.values():
        mine = sorted(unit for unit in taken if unit in line.open_units)
        assert mine == sorted(line.open_units)[: len(mine)], "lowest ids first"
    assert all(one.unit_ids for one in consignments)
    numbers = [one.tracking_number for one in consignments if one.tracking_number]
    assert len(numbers) == len(set(numbers)), "one consignment per tracking number"
    assert all(len(one.parcel_ids) == 1 for one in consignments if not one.tracking_number)


@pytest.mark.parametrize(
    ("row", "units", "problem"),
    [
        (ParcelLine(1, "TEE", 1), (11,), None),
        (ParcelLine(1, "TEE", 3), (11, 12), "more than the order has open"),
        (ParcelLine(1, "JKT", 1), (), "the line is for TEE"),
        (ParcelLine(9000, "JKT", 1), (), "not a line of the order"),
        (ParcelLine(1, " tee", 1), (11,), None),
        (ParcelLine(0, "TEE", 1), (11,), None),
        (ParcelLine(0, "JKT", 1), (), "not a line of the order"),
    ],
)
def test_a_row_of_a_parcel_is_matched_by_line_number_and_sku(
    row: ParcelLine, units: tuple[int, ...], problem: str | None
) -> None:
    consignments, wrong = allocate([Parcel("p", "A", (row,))], {1: OpenLine(1, "TEE", (12, 11))})
    assert tuple(unit for one in consignments for unit in one.unit_ids) == units
    assert [one.problem for one in wrong] == ([] if problem is None else [problem])


def test_a_row_without_a_line_number_is_nobodys_where_two_lines_have_its_sku() -> None:
    lines = {1: OpenLine(1, "TEE", (11,)), 2: OpenLine(2, "TEE", (12,))}
    consignments, wrong = allocate([Parcel("p", "A", (ParcelLine(0, "TEE", 1),))], lines)
    assert (consignments, [one.problem for one in wrong]) == ((), ["not a line of the order"])


# ---- fees


@pytest.mark.parametrize(
    ("expected", "parts", "part", "carries"),
    [
        ([], [("m", 1)], ("m", 1), True),
        (["a"], [("m", 1)], ("m", 1), False),  # the other merchant's delegation has not come yet
        (["a", "m"], [("m", 1), ("a", 2)], ("a", 2), True),
        (["a", "m"], [("m", 1), ("a", 2)], ("m", 1), False),
        ([], [("m", 1), ("m", 5)], ("m", 5), False),  # a later delegation
        (["z"], [("m", 1)], ("m", 1), True),
    ],
)
def test_fees_ride_on_the_first_part_of_the_merchant_that_sorts_first(
    expected: list[str], parts: list[tuple[str, int]], part: tuple[str, int], carries: bool
) -> None:
    assert carries_fees(expected, parts, part) is carries


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 99)), min_size=1, unique=True))
def test_the_fees_of_an_order_ride_on_exactly_one_part(parts: list[tuple[str, int]]) -> None:
    assert sum(carries_fees([], parts, part) for part in parts) == 1


# ---- payments of a split order


def test_the_parts_of_a_split_order_share_its_payments_to_the_penny() -> None:
    """Two merchants, one with two warehouses; the fees ride on whichever was made first. A cancelled unit is nobody's."""
    def unit(item: int, merchant: str, warehouse: str, price: int, state: ShopUnitState = ShopUnitState.OPEN) -> ShopUnit:
        return ShopUnit(item, "TEE", merchant, warehouse, state=state, price_minor=price)

    units = (
        unit(3, "a", "W1", 1000), unit(1, "a", "W2", 500), unit(4, "b", "W3", 2000), unit(2, "a", "W1", 700),
        unit(9, "a", "W1", 9999, ShopUnitState.CANCELLED),
    )  # fmt: skip
    payments = (ShopPayment("gift", 1500, gift_card=True), ShopPayment("card", 3095))
    order = ShopOrder(1, "NB", "GB", "GBP", units, fees_minor={"delivery": 395}, payments=payments)
    parts = [([units[0], units[3]], False, 0), ([units[1]], True, 395), ([units[2]], False, 0)]
    shares = []
    for part, carries, fees in parts:
        total = sum(one.price_minor or 0 for one in part) + fees
        share = share_of_payments(payments, stretches_of(order, part, fees=carries))
        assert sum(one.amount_minor for one in share) == total
        shares.append([(one.method, one.amount_minor) for one in share])
    assert shares == [[("gift", 1105), ("card", 595)], [("gift", 395), ("card", 500)], [("card", 2000)]]
