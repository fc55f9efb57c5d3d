"""A judge that cannot fail is worthless: every kind of violation, made by hand, must be caught and named."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from syncbridge.sandbox.evidence import Evidence
from syncbridge.sandbox.exception_records import OpenException, read_exceptions
from syncbridge.sandbox.expectations import Expectation, Outcome
from syncbridge.sandbox.judge import judge
from syncbridge.sandbox.request_records import RequestEntry
from syncbridge.sandbox.shop_records import DelegationCall, ShopRecord, ShopShipment, ShopStockRow, ShopUnit
from syncbridge.sandbox.verdict import Verdict
from syncbridge.sandbox.warehouse_records import (
    Despatch,
    Parcel,
    WarehouseLine,
    WarehouseOrder,
    WarehouseRecord,
    WarehouseStockRow,
)

ORDER = 7204418
SHIPPED = ShopUnit(ORDER, 1, "TEE", "scend", "delivered", shipments=("TRK1",), captures=1)
OTHER = replace(SHIPPED, item_id=2)
LIVES = Expectation(Outcome.LIVES)


def call(**changes: Any) -> DelegationCall:
    made = DelegationCall(ORDER, "scend", (1, 2), 201, {"orderDelegationResult": "acknowledged"}, 12.0)
    return replace(made, **changes)


def exception(**changes: Any) -> OpenException:
    row = {
        "id": 1,
        "kind": "order_unsendable",
        "subject": f"order:{ORDER}",
        "order_id": ORDER,
        "owner": "ecommerce",
        "state": "open",
        "cause": "SKU_FORMAT",
        "due_at": "2026-03-02T10:00:00Z",
        "evidence": {"faults": [{"code": "SKU_FORMAT", "field": "lines[0].sku"}]},
        **changes,
    }
    return read_exceptions([row])[0]


def request(number: int, status: int | None = 200, **changes: Any) -> RequestEntry:
    return replace(
        RequestEntry(
            number, f"2026-03-02T10:00:0{number}.000Z", "GET", "/orders", "", status, None, "ordersRead"
        ),
        **changes,
    )


def shop(*units: ShopUnit, **changes: Any) -> ShopRecord:
    made = ShopRecord(
        units=units or (SHIPPED, OTHER),
        states={ORDER: "INVOICED"},
        names={ORDER: "537446"},
        calls=(call(),),
        shipments=(ShopShipment("TRK1", ORDER, (1, 2)),),
    )
    return replace(made, **changes)


def line(ordered: int = 2, despatched: int = 2, cancelled: int = 0, sku: str = "TEE") -> WarehouseLine:
    return WarehouseLine(sku, ordered, despatched, cancelled)


def order(*lines: WarehouseLine, **changes: Any) -> WarehouseOrder:
    return replace(WarehouseOrder("ord_1", f"SCY-OR-{ORDER}", "DESPATCHED", lines or (line(),)), **changes)


def warehouse(*orders: WarehouseOrder, **changes: Any) -> WarehouseRecord:
    made = WarehouseRecord(
        orders=orders or (order(),),
        despatches=(Despatch("dsp_1", "D-1", f"SCY-OR-{ORDER}", False, (Parcel("TRK1", 1, {"TEE": 2}),)),),
    )
    return replace(made, **changes)


def verdict(
    sold: ShopRecord | None = None,
    held: WarehouseRecord | None = None,
    exceptions: tuple[OpenException, ...] = (),
    foretold: Expectation = LIVES,
    **changes: Any,
) -> Verdict:
    evidence = Evidence(sold or shop(), held or warehouse(), exceptions, {ORDER: foretold}, **changes)
    return judge(evidence)


def broken(result: Verdict) -> dict[str, list[str]]:
    return {
        one.name: [violation.text for violation in one.violations] for one in result.scores if not one.held
    }


def test_a_sound_run_holds_and_is_counted() -> None:
    result = verdict()
    assert broken(result) == {}
    assert result.held
    counts = result.counts
    assert (counts.attempted, counts.acknowledged, counts.despatched, counts.units) == (1, 1, 1, 2)
    assert (counts.exceptions, counts.lost, counts.duplicated, counts.unexpected, counts.recovered) == (
        0,
        0,
        0,
        0,
        0,
    )


# ---------------------------------------------------------------------------------------------------------------- I1

OPEN_UNITS = tuple(replace(unit, status="available", shipments=(), captures=0) for unit in (SHIPPED, OTHER))


def untouched(**changes: Any) -> ShopRecord:
    return shop(*OPEN_UNITS, shipments=(), states={ORDER: "DELEGATED"}, **changes)


def test_an_order_that_scend_never_got_is_lost() -> None:
    result = verdict(untouched(), WarehouseRecord(orders=()))
    assert broken(result) == {"I1": ["on no live order and under no exception: 2 x TEE"]}
    assert result.counts.lost == 1
    assert not result.held


def test_one_unit_short_is_a_loss() -> None:
    result = verdict(untouched(), warehouse(order(line(1, 0)), despatches=()))
    assert broken(result)["I1"] == ["on no live order and under no exception: 1 x TEE"]


def test_a_cancelled_scend_order_holds_nothing() -> None:
    result = verdict(untouched(), warehouse(order(line(2, 0, 2), status="CANCELLED"), despatches=()))
    assert "I1" in broken(result)


def test_units_that_the_warehouse_gave_up_are_lost_until_somebody_is_told() -> None:
    units = (SHIPPED, OPEN_UNITS[1])
    short = warehouse(order(line(2, 1, 1)))
    sold = shop(*units, shipments=(ShopShipment("TRK1", ORDER, (1,)),))
    assert "I1" in broken(verdict(sold, short))
    told = replace(OPEN_UNITS[1], status="undeliverable", cancellations=1)
    sold = shop(SHIPPED, told, shipments=(ShopShipment("TRK1", ORDER, (1,)),))
    assert broken(verdict(sold, short)) == {}


def test_an_exception_that_names_the_order_is_no_loss_and_one_that_names_another_is() -> None:
    nothing = WarehouseRecord(orders=())
    assert "I1" not in broken(verdict(untouched(), nothing, (exception(),)))
    assert "I1" in broken(verdict(untouched(), nothing, (exception(order_id=9, subject="order:9"),)))
    longer = exception(order_id=None, subject=f"order:{ORDER}1")
    assert "I1" in broken(verdict(untouched(), nothing, (longer,)))
    named = exception(order_id=None, subject=f"delegation:{ORDER}")
    assert "I1" not in broken(verdict(untouched(), nothing, (named,)))
    assert read_exceptions({"exceptions": [{"state": "resolved", "order_id": ORDER}]}) == ()


def test_units_that_nobody_confirmed_or_took_are_nobodys_loss() -> None:
    refused = untouched(calls=(call(status=413),))
    refused = replace(refused, states={ORDER: "CREATED"})
    assert "I1" not in broken(verdict(refused, WarehouseRecord(orders=())))
    taken = replace(refused, calls=(call(),))
    assert "I1" in broken(verdict(taken, WarehouseRecord(orders=())))


def test_units_of_another_merchant_and_cancelled_ones_are_not_owed() -> None:
    units = (
        replace(OPEN_UNITS[0], merchant="orderwise"),
        replace(OPEN_UNITS[1], status="cancelled", cancellations=1),
    )
    sold = shop(*units, shipments=(), states={ORDER: "DELEGATED"})
    assert "I1" not in broken(verdict(sold, WarehouseRecord(orders=())))


# ---------------------------------------------------------------------------------------------------------------- I2


def test_a_second_live_order_is_a_duplicate() -> None:
    second = order(reference=f"SCY-OR-{ORDER}-2", backend_id="ord_2", status="ALLOCATED")
    result = verdict(held=warehouse(order(), second))
    assert "more units on live orders than sold: 2 x TEE" in broken(result)["I2"][0]
    assert result.counts.duplicated == 1
    assert "I2" not in broken(verdict(held=warehouse(order(), replace(second, status="CANCELLED"))))


def test_two_scend_orders_under_one_reference_are_a_duplicate() -> None:
    result = verdict(held=warehouse(order(line(1, 1)), order(line(1, 1), backend_id="ord_2")))
    assert broken(result)["I2"] == ["2 live orders of Scend bear it"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"shipments": ("TRK1", "TRK2")}, "2 shipments"),
        ({"captures": 2}, "2 captures"),
        ({"returns": 2}, "2 returns"),
        ({"refunds": 3}, "3 refunds"),
    ],
)
def test_what_happens_twice_to_a_unit_is_a_duplicate(change: dict[str, Any], text: str) -> None:
    result = verdict(shop(replace(SHIPPED, **change), OTHER))
    assert text in broken(result)["I2"]


# ---------------------------------------------------------------------------------------------------------------- I3


def test_a_scend_order_that_nobody_placed_comes_from_nowhere() -> None:
    for reference in ("SCY-OR-99", "MANUAL-1"):
        stray = order(reference=reference, backend_id="ord_9", status="ALLOCATED")
        result = verdict(held=warehouse(order(), stray))
        assert broken(result)["I3"] == ["no SCAYLE order of this merchant is behind it"]


def test_units_that_nobody_bought_come_from_nowhere() -> None:
    result = verdict(held=warehouse(order(line(), line(1, 0, sku="CAP"))))
    assert broken(result)["I3"] == ["nobody bought 1 x CAP"]


def test_a_shipment_without_a_parcel_comes_from_nowhere() -> None:
    sold = shop(shipments=(ShopShipment("INVENTED", ORDER, (1, 2)),))
    assert broken(verdict(sold))["I3"] == ["Scend never sent such a parcel for this order"]


def test_a_shipment_of_more_than_the_parcel_held_comes_from_nowhere() -> None:
    parcels = (Parcel("TRK1", 1, {"TEE": 1}), Parcel("TRK2", 2, {"TEE": 1}))
    despatch = Despatch("dsp_1", "D-1", f"SCY-OR-{ORDER}", False, parcels)
    result = verdict(held=warehouse(despatches=(despatch,)))
    assert broken(result)["I3"] == ["the parcel did not hold 1 x TEE"]


@pytest.mark.parametrize("key", ["TRK1", "TRK1-2", "D-1/1"])
def test_a_parcel_may_go_by_tracking_number_its_suffix_or_its_despatch(key: str) -> None:
    assert broken(verdict(shop(shipments=(ShopShipment(key, ORDER, (1, 2)),)))) == {}


def test_a_tracking_number_that_scend_had_once_is_no_invention() -> None:
    facts = ({"fact": "despatched", "parcels": [{"trackingNumber": "OLD"}]},)
    held = warehouse(facts=facts)
    assert "I3" not in broken(verdict(shop(shipments=(ShopShipment("OLD", ORDER, (1, 2)),)), held))


def test_a_merchant_cancellation_that_the_warehouse_did_not_cause_comes_from_nowhere() -> None:
    units = tuple(replace(unit, status="undeliverable", cancellations=1) for unit in OPEN_UNITS)
    sold = shop(*units, shipments=(), states={ORDER: "CANCELLED"})
    live = warehouse(order(line(2, 0), status="ALLOCATED"), despatches=())
    assert broken(verdict(sold, live))["I3"] == ["cancelled by the merchant, not by the warehouse: 2 x TEE"]
    given_up = warehouse(order(line(2, 0, 2), status="CANCELLED"), despatches=())
    assert "I3" not in broken(verdict(sold, given_up))


# ---------------------------------------------------------------------------------------------------------------- I4


@pytest.mark.parametrize(
    "unit",
    [
        replace(SHIPPED, status="available"),
        replace(SHIPPED, shipments=()),
        replace(SHIPPED, cancellations=1),
        replace(SHIPPED, status="undeliverable", cancellations=1),
        replace(SHIPPED, status="returned"),
        replace(SHIPPED, status="teleported"),
    ],
)
def test_a_unit_in_two_states_or_in_none_breaks_conservation(unit: ShopUnit) -> None:
    assert "I4" in broken(verdict(shop(unit, OTHER)))


def test_a_despatch_that_the_shop_never_heard_of_breaks_conservation() -> None:
    sold = shop(SHIPPED, OPEN_UNITS[1], shipments=(ShopShipment("TRK1", ORDER, (1,)),))
    assert broken(verdict(sold))["I4"] == ["sent by Scend, open in SCAYLE: 1 x TEE"]
    assert "I4" not in broken(verdict(sold, exceptions=(exception(),)))


def test_a_shipment_that_scend_never_made_breaks_conservation() -> None:
    result = verdict(held=warehouse(order(line(2, 1))))
    assert broken(result)["I4"] == ["shipped in SCAYLE, never sent by Scend: 1 x TEE"]


# ---------------------------------------------------------------------------------------------------------------- I7


def test_an_order_that_steps_back_is_caught() -> None:
    def state(n: int, to: str) -> dict[str, Any]:
        return {"n": n, "fact": "order.state", "orderId": ORDER, "from": "?", "to": to}

    forward = tuple(
        state(n, to) for n, to in enumerate(("PENDED", "CREATED", "CONFIRMED", "DELEGATED", "SHIPPED"))
    )
    assert broken(verdict(shop(facts=forward))) == {}
    backward = (*forward, state(9, "DELEGATED"))
    assert broken(verdict(shop(facts=backward)))["I7"] == ["DELEGATED after SHIPPED"]


def test_a_unit_that_is_shipped_after_its_return_is_caught() -> None:
    facts = ({"fact": "return", "itemId": 1}, {"fact": "shipment", "items": [1, 2]})
    assert broken(verdict(shop(facts=facts)))["I7"] == ["shipment after return"]
    assert broken(verdict(shop(facts=tuple(reversed(facts))))) == {}


def test_a_ledger_row_that_moves_back_without_a_reason_is_caught() -> None:
    step = {"subject": "transmission:1", "from": "acknowledged", "to": "sent"}
    assert broken(verdict(history=[step]))["I7"] == ["from acknowledged back to sent without a reason"]
    assert broken(verdict(history=[{**step, "reason": "refused"}])) == {}
    assert broken(verdict(history=[{**step, "from": "pending", "to": "sent"}])) == {}


# ---------------------------------------------------------------------------------------------------------------- I9


def test_two_open_exceptions_of_one_kind_for_one_subject_are_caught() -> None:
    result = verdict(exceptions=(exception(), exception(id=2)))
    assert broken(result)["I9"] == ["2 open exceptions of kind order_unsendable"]


@pytest.mark.parametrize(
    ("member", "lacking"), [("owner", "owner"), ("due_at", "due time"), ("cause", "cause")]
)
def test_an_exception_without_owner_clock_or_cause_is_caught(member: str, lacking: str) -> None:
    assert broken(verdict(exceptions=(exception(**{member: None}),)))["I9"] == [f"has no {lacking}"]


# --------------------------------------------------------------------------------------------------------------- I10


def test_a_429_after_the_limits_are_known_is_caught() -> None:
    taught = (request(1), request(2, 429))
    assert "1 needless 429" in broken(verdict(shop(requests=taught)))["I10"][0]
    assert "1 needless 429" in broken(verdict(held=warehouse(requests=taught)))["I10"][0]


def test_the_first_answer_of_each_scope_may_teach_and_injected_refusals_do_not_count() -> None:
    first = (request(1, 429), request(2), request(3, 429, scope="ordersWrite"))
    assert broken(verdict(shop(requests=first))) == {}
    injected = (request(1), request(2, 429, fault="rate_limit"))
    assert broken(verdict(shop(requests=injected))) == {}
    # A dropped connection teaches nothing.
    assert broken(verdict(shop(requests=(request(1, None), request(2, 429))))) == {}


def test_losing_redis_excuses_a_minute_and_no_more() -> None:
    requests = (request(1), request(5, 429))
    lost = datetime(2026, 3, 2, 10, 0, 4, tzinfo=UTC)
    assert broken(verdict(shop(requests=requests), redis_lost_at=[lost])) == {}
    long_before = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    assert "I10" in broken(verdict(shop(requests=requests), redis_lost_at=[long_before]))


SECRET = "Håkon O'Callaghan"


@pytest.mark.parametrize(
    "text",
    [
        f"order taken for {SECRET}",
        json.dumps({"name": SECRET}),
        json.dumps(json.dumps({"name": SECRET})),
        base64.b64encode(json.dumps({"name": SECRET, "pad": "x" * 40}).encode()).decode(),
    ],
)
def test_personal_data_is_found_plain_escaped_and_packed_and_not_repeated(text: str) -> None:
    result = verdict(places={"worker.log": f"…{text}…"}, personal_data=(SECRET, "nobody@example.com"))
    assert broken(result) == {"I10": ["holds 1 pieces of personal data from the replay"]}
    assert SECRET not in json.dumps(result.to_json(), ensure_ascii=False)


def test_clean_places_are_clean() -> None:
    assert broken(verdict(places={"worker.log": f"order {ORDER} sent"}, personal_data=(SECRET,))) == {}


# ------------------------------------------------------------------------------------------- answers, counts, outcomes


def test_two_different_acknowledgements_of_one_delegation_are_caught() -> None:
    changed = call(body={"orderDelegationResult": "acknowledged", "referenceKey": "other"})
    assert "Same answer" in broken(verdict(shop(calls=(call(), changed))))
    assert broken(verdict(shop(calls=(call(status=500, body="busy"), call(), call())))) == {}


def test_latency_is_told_in_percentiles_of_acknowledged_calls() -> None:
    calls = tuple(call(milliseconds=float(number)) for number in range(1, 101))
    slow = call(status=500, milliseconds=9999.0)
    times = verdict(shop(calls=(*calls, slow))).delegation_milliseconds
    assert times == {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}


def test_a_sound_order_under_an_exception_is_unexpected() -> None:
    result = verdict(exceptions=(exception(),))
    assert result.counts.unexpected == 1
    assert result.counts.exceptions == 1
    assert not result.held


def test_a_sound_order_that_scend_quarantined_is_unexpected() -> None:
    sold = untouched()
    held = warehouse(order(line(2, 0), status="QUARANTINED"), despatches=())
    result = verdict(sold, held)
    assert result.counts.unexpected == 1
    assert result.counts.acknowledged == 0


def test_an_order_that_the_warehouse_gave_up_may_wait_for_a_person_and_may_not_be_kept_quiet() -> None:
    given_up = warehouse(order(line(2, 0, 2), status="CANCELLED"), despatches=())
    assert verdict(untouched(), given_up, (exception(evidence={}),)).held
    assert "I1" in broken(verdict(untouched(), given_up))


def test_a_faulty_order_that_lives_is_unexpected() -> None:
    foretold = Expectation(Outcome.EXCEPTION, frozenset({"SKU_FORMAT"}))
    result = verdict(foretold=foretold)
    assert [one.text for one in result.unexpected] == [
        "should be an exception (SKU_FORMAT), and there is none"
    ]


def test_an_exception_for_the_wrong_reason_is_unexpected() -> None:
    foretold = Expectation(Outcome.EXCEPTION, frozenset({"ADDRESS_INCOMPLETE"}))
    result = verdict(untouched(), WarehouseRecord(orders=()), (exception(),), foretold)
    assert "lists SKU_FORMAT, foretold was ADDRESS_INCOMPLETE" in result.unexpected[0].text
    right = replace(foretold, faults=frozenset({"SKU_FORMAT", "SKU_UNKNOWN"}))
    assert verdict(untouched(), WarehouseRecord(orders=()), (exception(),), right).held


def test_orders_that_met_a_failure_and_ended_well_are_counted_as_recovered() -> None:
    retried = shop(calls=(call(status=None, body=None), call()), faults_injected={"timeout_after": 1})
    result = verdict(retried)
    assert (result.counts.recovered, result.counts.faults) == (1, 1)
    looked_up = request(1, None, fault="timeout_after", query=f"clientReference=SCY-OR-{ORDER}")
    assert verdict(held=warehouse(requests=(looked_up,))).counts.recovered == 1
    about_another = replace(looked_up, query="clientReference=SCY-OR-1")
    assert verdict(held=warehouse(requests=(about_another,))).counts.recovered == 0


def test_the_report_holds_every_figure_and_is_json() -> None:
    report = json.loads(json.dumps(verdict(untouched(), WarehouseRecord(orders=())).to_json()))
    assert report["held"] is False
    assert report["counts"]["lost"] == 1
    assert [one["name"] for one in report["invariants"] if not one["held"]] == ["I1"]


# --------------------------------------------------------------------------------------------------------- I6, stock


def on_sale(sellable: int, sku: str = "TEE", **changes: Any) -> ShopStockRow:
    return replace(ShopStockRow(sku, "WH-1", "scend", sellable), **changes)


def free(units: int, sku: str = "TEE") -> WarehouseStockRow:
    return WarehouseStockRow(sku, units)


def stock_write(sellable: int, *released: int, at: str = "2026-03-02T10:00:05.000Z", **changes: Any) -> dict[str, Any]:
    return {
        "fact": "stock.written",
        "at": at,
        "sku": "TEE",
        "merchant": "scend",
        "source": "token",
        "quantity": sellable,
        "sellable": sellable,
        "releasedOrders": list(released),
        **changes,
    }


def created(at: str, order_id: int = ORDER) -> dict[str, Any]:
    lines = [{"lineNumber": 1, "sku": "TEE", "quantity": 2}]
    return {
        "fact": "order_created",
        "at": at,
        "orderId": "ord_1",
        "clientReference": f"SCY-OR-{order_id}",
        "lines": lines,
    }


def test_all_free_units_may_be_on_sale_and_one_more_may_not() -> None:
    held = warehouse(stock=(free(10),))
    assert broken(verdict(shop(stock=(on_sale(10),)), held)) == {}
    (text,) = broken(verdict(shop(stock=(on_sale(11),)), held))["I6"]
    assert text.startswith("11 on sale, and no more than 10 may be")


def test_the_buffer_may_not_be_on_sale() -> None:
    sold, held = shop(stock=(on_sale(9),)), warehouse(stock=(free(10),))
    assert broken(verdict(sold, held, buffer=1)) == {}
    assert "I6" in broken(verdict(sold, held, buffer=2))


def test_what_is_sold_and_on_no_order_of_the_warehouse_may_not_be_on_sale() -> None:
    waiting = shop(
        replace(SHIPPED, status="delegated", shipments=(), captures=0),
        replace(OTHER, status="delegated", shipments=(), captures=0),
        shipments=(),
        states={ORDER: "DELEGATED"},
    )
    nowhere = WarehouseRecord(orders=(), stock=(free(10),))
    failed = Expectation(Outcome.EXCEPTION, frozenset({"SKU_FORMAT"}))
    named = (exception(),)
    assert broken(verdict(replace(waiting, stock=(on_sale(8),)), nowhere, named, failed)) == {}
    assert set(broken(verdict(replace(waiting, stock=(on_sale(9),)), nowhere, named, failed))) == {"I6"}


@pytest.mark.parametrize(("allocated", "most"), [(2, 10), (1, 9), (0, 8)])
def test_what_the_warehouse_has_not_reserved_may_not_be_on_sale(allocated: int, most: int) -> None:
    waiting = [
        replace(one, status="delegated", shipments=(), captures=0) for one in (SHIPPED, OTHER)
    ]
    held = WarehouseRecord(
        orders=(order(WarehouseLine("TEE", 2, allocated=allocated), status="BACKORDERED"),), stock=(free(10),)
    )
    for units, holds in ((most, True), (most + 1, False)):
        sold = shop(*waiting, shipments=(), states={ORDER: "DELEGATED"}, stock=(on_sale(units),))
        assert ("I6" not in broken(verdict(sold, held))) is holds


def test_another_merchant_and_a_figure_that_nobody_wrote_are_not_ours_to_answer_for() -> None:
    rows = (on_sale(99, merchant="other"), on_sale(99, published=False))
    assert broken(verdict(shop(stock=rows), warehouse(stock=(free(10),)))) == {}


def test_a_write_that_gives_away_what_an_unmet_order_holds_is_caught() -> None:
    """Ten were there and two of them sold; the order reached the warehouse after the write, which left eight on sale at most."""
    late = created("2026-03-02T10:00:09.000Z")
    held = warehouse(stock=(free(8),), facts=(late,))
    assert broken(verdict(shop(facts=(stock_write(8, ORDER),)), held)) == {}
    (text,) = broken(verdict(shop(facts=(stock_write(10, ORDER),)), held))["I6"]
    assert f"released orders {ORDER}" in text
    assert "10 on sale, 8 left" in text


def test_a_write_is_judged_by_what_was_left_at_its_time() -> None:
    """Two more were sold and one was not found after the write: at its time eleven were left."""
    blocked = {"fact": "stock.blocked", "at": "2026-03-02T10:00:06.000Z", "sku": "TEE", "units": 2}
    missing = {
        "fact": "short_pick",
        "at": "2026-03-02T10:00:10.000Z",
        "orderId": "ord_1",
        "lines": [{"lineNumber": 1, "quantity": 1}],
    }
    held = warehouse(stock=(free(8),), facts=(created("2026-03-02T10:00:09.000Z"), missing))
    assert broken(verdict(shop(facts=(stock_write(11, ORDER), blocked)), held)) == {}
    assert "I6" in broken(verdict(shop(facts=(stock_write(12, ORDER), blocked)), held))


def test_a_met_order_and_an_edit_in_the_panel_are_no_gift_of_ours() -> None:
    early = warehouse(stock=(free(8),), facts=(created("2026-03-02T10:00:01.000Z"),))
    assert broken(verdict(shop(facts=(stock_write(10, ORDER),)), early)) == {}
    unmet = warehouse(stock=(free(8),))
    assert "I6" in broken(verdict(shop(facts=(stock_write(10, ORDER),)), unmet))
    assert broken(verdict(shop(facts=(stock_write(10, ORDER, source="panel"),)), unmet)) == {}


def test_a_run_that_publishes_nothing_cannot_pass_for_one_that_never_oversells() -> None:
    held = warehouse(stock=(free(10), free(0, "CAP")))
    both = (on_sale(8), on_sale(0, "CAP"))
    assert broken(verdict(shop(stock=both), held, publishes_stock=True)) == {}
    silent = shop(stock=(on_sale(8, published=False), both[1]))
    assert broken(verdict(silent, held)) == {}
    assert broken(verdict(silent, held, publishes_stock=True)) == {"Stock": ["the shop has no figure"]}
