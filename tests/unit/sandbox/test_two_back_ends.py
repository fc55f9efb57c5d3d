"""A run with two back ends: how orders are shared out, what is foretold of each part, and how both are judged."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from syncbridge.config import load as load_configuration
from syncbridge.sandbox.allotment import Seller, allot, of_parts
from syncbridge.sandbox.demo import second
from syncbridge.sandbox.demo.addresses import find_addresses
from syncbridge.sandbox.demo.options import SHIPPED_DAY
from syncbridge.sandbox.demo.programs import stand_ins
from syncbridge.sandbox.demo.stage import Stage
from syncbridge.sandbox.erp_expectations import ErpRules, erp_expectation
from syncbridge.sandbox.evidence import Evidence
from syncbridge.sandbox.exception_records import OpenException
from syncbridge.sandbox.expectations import Expectation, Outcome
from syncbridge.sandbox.judge import judge
from syncbridge.sandbox.orderwise.__main__ import launch_of, parser
from syncbridge.sandbox.orderwise.app import EXTRA_FAULTS, LATE_FAULTS, OrderWiseFaults, build_app
from syncbridge.sandbox.penny_gate import penny_gate
from syncbridge.sandbox.replay import load
from syncbridge.sandbox.replay_order import Replay
from syncbridge.sandbox.shop_records import DelegationCall, ShopRecord, ShopUnit
from syncbridge.sandbox.verdict import Verdict
from syncbridge.sandbox.warehouse_records import Received, WarehouseLine, WarehouseOrder, WarehouseRecord

FIRST, SECOND = Seller("scend", "WH-SCEND-1"), Seller("orderwise", "WH-OW-1")
ORDER = 7


@pytest.fixture(scope="module")
def day() -> Replay:
    return load(SHIPPED_DAY, units_per_line=2)


# ---- sharing out


def test_two_in_five_go_each_way_and_one_in_five_is_split(day: Replay) -> None:
    # Many seeds, since a day has only 85 orders.
    kinds: Counter[tuple[str, ...]] = Counter()
    for seed in range(20):
        kinds.update(order.merchants for order in allot(day, FIRST, SECOND, seed).orders)
    total = sum(kinds.values())
    assert 0.35 < kinds["scend",] / total < 0.47
    assert 0.35 < kinds["orderwise",] / total < 0.47
    assert 0.13 < kinds["orderwise", "scend"] / total < 0.23


def test_the_same_seed_shares_out_alike_and_no_unit_is_lost(day: Replay) -> None:
    shared = allot(day, FIRST, SECOND, 1)
    assert shared == allot(day, FIRST, SECOND, 1)
    assert shared != allot(day, FIRST, SECOND, 2)
    for before, after in zip(day.orders, shared.orders, strict=True):
        assert sum(after.part(merchant).units for merchant in after.merchants) == before.units
        assert [row["merchant"] for row in after.body["lines"]] == [line.merchant for line in after.lines]
    both = [shared.of(one.merchant) for one in (FIRST, SECOND)]
    assert sum(order.units for part in both for order in part.orders) == sum(order.units for order in day.orders)


def test_all_rows_of_a_sku_in_an_order_stay_together(day: Replay) -> None:
    for order in allot(day, FIRST, SECOND, 3).orders:
        assert len({(line.sku, line.merchant) for line in order.lines}) == len({line.sku for line in order.lines})


def test_an_order_placed_as_a_document_stays_the_first_merchants(day: Replay) -> None:
    raw = replace(day.orders[0], body={"raw": {}})
    (order,) = allot(replace(day, orders=(raw,)), FIRST, SECOND, 1).orders
    assert (order.body, order.merchants) == ({"raw": {}}, ("scend",))


# ---- foretelling


def test_orderwise_takes_what_scend_does_not_and_the_other_way_round(day: Replay) -> None:
    clean = next(order for order in day.orders if not order.dirt and order.address.country == "GB")
    rules = ErpRules(frozenset({"GB"}))
    for change, faults in (
        ({}, set()),
        ({"postcode": "LS1 O4B?"}, set()),
        ({"postcode": ""}, {"ADDRESS_INCOMPLETE"}),
        ({"city": " "}, {"ADDRESS_INCOMPLETE"}),
        ({"additional": "Flat\x00 7"}, {"INVALID_CHARACTERS"}),
        ({"city": "L" * 51}, {"FIELD_TOO_LONG"}),
        ({"country": "IS"}, {"COUNTRY_UNMAPPED"}),
        ({"country": ""}, {"INVALID_FORMAT"}),
    ):
        line = replace(clean.lines[0], sku="85123a")
        order = replace(clean, lines=(line,), address=replace(clean.address, **change))
        assert set(erp_expectation(order, rules).faults) == faults, change
    postage = replace(clean, lines=(replace(clean.lines[0], sku="AMAZONFEE"),))
    assert erp_expectation(postage, rules).faults == {"SKU_UNKNOWN"}


def test_a_part_that_has_to_fail_leaves_the_other_to_live() -> None:
    bad = Expectation(Outcome.EXCEPTION, frozenset({"SKU_UNKNOWN"}))
    whole = of_parts({"scend": Expectation(Outcome.LIVES), "orderwise": bad}, {"scend": 3, "orderwise": 2})
    assert (whole.outcome, whole.faults) == (Outcome.EXCEPTION, {"SKU_UNKNOWN"})
    assert (whole.living_parts, whole.waiting_units) == ({"scend"}, 2)
    assert of_parts({"scend": Expectation(Outcome.LIVES)}, {"scend": 3}) == Expectation(Outcome.LIVES)


# ---- judging


def unit(number: int, merchant: str, sku: str = "TEE") -> ShopUnit:
    return ShopUnit(ORDER, number, sku, merchant, "available")


def call(merchant: str, *items: int) -> DelegationCall:
    return DelegationCall(ORDER, merchant, items, 201, {}, 1.0)


def shop(total: int = 500) -> ShopRecord:
    return ShopRecord(
        units=(unit(1, "scend"), unit(2, "orderwise")),
        states={ORDER: "DELEGATED"},
        names={ORDER: "N7"},
        calls=(call("scend", 1), call("orderwise", 2)),
        totals={ORDER: total},
    )


def held(reference: str, number: str = "1", total: int = 250, status: str = "ALLOCATED") -> WarehouseOrder:
    return WarehouseOrder(number, reference, status, (WarehouseLine("TEE", 1, allocated=1),), total)


SCEND = WarehouseRecord((held("SCY-NB-7"),))
ERP = WarehouseRecord((held("SCYOW-NB-7"),), name="OrderWise", parcels_renamed=True)


def verdict(
    scend: WarehouseRecord = SCEND,
    erp: WarehouseRecord = ERP,
    exceptions: tuple[OpenException, ...] = (),
    foretold: Expectation | None = None,
    sold: ShopRecord | None = None,
) -> Verdict:
    foretold = foretold or Expectation(Outcome.LIVES)
    return judge(Evidence(sold or shop(), scend, exceptions, {ORDER: foretold}, others={"orderwise": erp}))


def broken(result: Verdict) -> set[str]:
    return {one.name for one in result.scores if not one.held}


def about(order_id: int) -> OpenException:
    return OpenException("1", "order_invalid", "s", order_id, "it", "c", "soon", frozenset({"SKU_UNKNOWN"}), "")


def test_a_sound_split_order_holds_and_is_counted() -> None:
    result = verdict()
    assert broken(result) == set()
    assert result.held
    assert (result.counts.split, result.counts.acknowledged) == (1, 1)


def test_a_part_that_is_nowhere_is_lost_although_the_other_is_there() -> None:
    for result in (verdict(scend=WarehouseRecord(())), verdict(erp=WarehouseRecord((), name="OrderWise"))):
        assert "I1" in broken(result)
        assert result.counts.acknowledged == 0


def test_a_unit_in_the_wrong_back_end_too_is_a_duplicate_and_nobodys_wish() -> None:
    result = verdict(erp=replace(ERP, orders=(held("SCYOW-NB-7"), held("SCYOW-NB-7", "2"))))
    assert "I2" in broken(result)
    twice = replace(ERP, orders=(held("SCYOW-NB-7"), held("SCYOW-NB-7-2", "2")))
    assert "I2" in broken(verdict(erp=twice))
    copy = replace(ERP, orders=(held("SCYOW-NB-7"), held("SCYOW-NB-7", "2", status="CANCELLED")))
    assert broken(verdict(erp=copy)) == set()


def test_the_living_part_of_a_failing_order_has_to_live() -> None:
    foretold = Expectation(Outcome.EXCEPTION, frozenset({"SKU_UNKNOWN"}), living_parts=frozenset({"scend"}))
    nowhere = WarehouseRecord((), name="OrderWise")
    assert not verdict(erp=nowhere, exceptions=(about(ORDER),), foretold=foretold).unexpected
    (one,) = verdict(WarehouseRecord(()), nowhere, (about(ORDER),), foretold).unexpected
    assert "the part of merchant scend should live" in one.text


# ---- the penny gate


def test_the_parts_add_up_to_the_shops_total_or_somebody_was_told() -> None:
    warehouses = {"scend": SCEND, "orderwise": ERP}
    assert penny_gate(shop(), warehouses, ()).held
    result = penny_gate(shop(501), warehouses, ())
    assert [one.text for one in result.violations] == ["the shop says 501 pence, the back ends 500"]
    assert penny_gate(shop(501), warehouses, (about(ORDER),)).held


def test_a_cancelled_copy_is_not_booked_and_an_incomplete_order_is_not_compared() -> None:
    copy = replace(ERP, orders=(held("SCYOW-NB-7", "2", status="CANCELLED"), held("SCYOW-NB-7")))
    assert penny_gate(shop(), {"scend": SCEND, "orderwise": copy}, ()).held
    result = penny_gate(shop(999), {"scend": SCEND, "orderwise": WarehouseRecord(())}, ())
    assert (result.held, result.counted) == (True, 0)


# ---- the demo's second back end


def test_the_demos_configuration_and_seed_are_understood(tmp_path: Path) -> None:
    stage, addresses = Stage(tmp_path / "demo"), find_addresses()
    stage.write_configuration(addresses, both=True)
    configuration = load_configuration(stage.environment(addresses, "redis://:secret@127.0.0.1:6379/0"))
    assert configuration.orderwise is not None
    assert [merchant.key for merchant in configuration.merchants] == ["scend", "orderwise"]
    assert set(configuration.orderwise.maps.country) == set(second.COUNTRIES)
    programs = stand_ins(addresses, 7, stage.erp_seed)
    command = list(programs[2].command[3:])
    assert parser().parse_args(command).seed == 7
    launch, _host, port = launch_of(command)
    assert port == addresses.orderwise_port
    assert "variants" not in launch.catalogue
    build_app(launch)


def test_the_faults_of_orderwise_are_known_kinds_and_follow_the_seed() -> None:
    plan = OrderWiseFaults(1, EXTRA_FAULTS, late_kinds=LATE_FAULTS)
    for fault in second.orderwise_faults(1):
        plan.add(fault)
    assert second.orderwise_faults(1) == second.orderwise_faults(1)
    assert second.orderwise_faults(1) != second.orderwise_faults(2)


def test_each_back_end_holds_twice_what_its_own_lines_sell(day: Replay) -> None:
    shared = allot(day, FIRST, SECOND, 1).of("orderwise")
    goods = second.goods(shared, spare=12)
    sold: Counter[str] = Counter()
    for order in shared.orders:
        for line in order.lines:
            sold[line.sku] += line.units
    assert {row["variantCode"]: row["physical"] - 12 for row in goods["stock"]} == {
        sku: 2 * count for sku, count in sold.items() if sku not in ("M", "D", "S", "AMAZONFEE", "BANK CHARGES", "POST", "DOT")
    }


def test_the_report_counts_each_back_end() -> None:
    counts = verdict().to_json()["backEnds"]
    assert counts.keys() == {"Scend", "OrderWise"}
    assert (counts["OrderWise"]["orders"], counts["OrderWise"]["units"]) == (1, 1)


def test_a_copy_that_somebody_was_told_of_may_stand() -> None:
    twice = replace(ERP, orders=(held("SCYOW-NB-7"), held("SCYOW-NB-7", "2")))
    told = replace(about(ORDER), kind="order_duplicated")
    assert "I2" not in broken(verdict(erp=twice, exceptions=(told,)))
    assert "I2" in broken(verdict(erp=twice, exceptions=(about(ORDER),)))


# ---- money


def paid(status: str, *facts: dict[str, object]) -> Verdict:
    sold = shop()
    units = (replace(sold.units[0], status=status, paid=250, shipments=("T",), returns=1), sold.units[1])
    return verdict(sold=replace(sold, units=units, facts=facts))


CAPTURED: dict[str, object] = {"fact": "capture", "orderId": ORDER, "amount": 250, "giftCardAmount": 0, "items": [1]}
REFUNDED: dict[str, object] = {"fact": "refund", "orderId": ORDER, "itemId": 1, "amount": 250}


@pytest.mark.parametrize(
    ("status", "facts", "sound"),
    [
        ("returned", (CAPTURED, REFUNDED), True),
        ("returned", (CAPTURED,), False),
        ("returned", (CAPTURED, {**REFUNDED, "amount": 200}), False),
        ("returned", (CAPTURED, REFUNDED, REFUNDED), False),
        ("returned", (REFUNDED,), False),
        ("delivered", (CAPTURED,), True),
        ("delivered", (CAPTURED, CAPTURED, CAPTURED), False),
    ],
)
def test_a_full_return_refunds_exactly_what_was_paid(
    status: str, facts: tuple[dict[str, object], ...], sound: bool
) -> None:
    assert ("I5" not in broken(paid(status, *facts))) is sound


def test_a_return_needs_goods_that_came_back() -> None:
    sold = shop()
    units = (replace(sold.units[0], status="returned", shipments=("T",), returns=1), sold.units[1])
    back = replace(sold, units=units)
    assert "I3" in broken(verdict(sold=back))
    for reference in ("SCY-NB-7", ""):
        came = replace(SCEND, received=(Received(reference, "TEE", 1),))
        assert "goods never came" not in str(verdict(scend=came, sold=back).to_json())
    wrong = replace(SCEND, received=(Received("SCY-NB-7", "HAT", 1),))
    assert "goods never came: 1 x TEE" in str(verdict(scend=wrong, sold=back).to_json())
