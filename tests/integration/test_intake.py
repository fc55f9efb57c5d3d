"""Taking in, and who an order is: delegations in every odd form, once each (design: identity, taking in)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flow_world
import pytest
from flow_world import World, line, wait_until, world
from order_story import (
    BOOT,
    JACKET,
    TEE,
    body_of,
    by_hand,
    delegate,
    exception,
    exceptions_of,
    in_scend,
    item,
    open_kinds,
    ordered,
    parts,
    push,
    received,
    reference,
    rows,
    sqlite_world,
    stock,
    with_settings,
    writes,
)
from sqlalchemy import update

from syncbridge.flows import rerun
from syncbridge.ledger.tables import order_units, transmissions

RERUN = {"actor": "test", "reason": "test"}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("intake")) as made:
        yield made


@pytest.fixture
def both(ledger_url: str, tmp_path: Path) -> Iterator[World]:
    with world(ledger_url, tmp_path) as made:
        stock(made)
        yield made


# ---- identity


def test_five_delegations_at_once_and_one_two_days_later_are_one_order_with_one_answer(both: World) -> None:
    order_id = both.delegated(both.place())
    at_once = both.post(both.scayle, f"orders/{order_id}/redelegate", {"times": 5})["calls"]
    push(both, order_id)
    both.advance(days=2)
    later = both.post(both.scayle, f"orders/{order_id}/redelegate", {"times": 1})["calls"]
    push(both, order_id)
    calls = [
        call
        for call in both.state(both.scayle, "delegationCalls")["delegationCalls"]
        if call["orderId"] == order_id
    ]
    assert len(calls) == 7
    assert {(call["status"], json.dumps(call["answer"])) for call in [*calls, *at_once, *later]} == {
        (201, json.dumps({"referenceKey": str(order_id), "orderDelegationResult": "acknowledged"}))
    }
    assert len(in_scend(both, order_id)) == 1
    assert len(received(both, order_id)) == 1


def test_first_delegations_of_one_order_that_arrive_at_once_make_one_part_each_time(both: World) -> None:
    documents = [by_hand(3) for _ in range(5)]
    # The same units in bodies that differ, so that not the inbox but the units have to tell them apart.
    bodies = [{**document, "attempt": n} for document in documents for n in range(4)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda body: delegate(both, body), bodies))
    assert {outcome.status for outcome in outcomes} == {201}
    for document in documents:
        assert [part.reference for part in parts(both, document["orderId"])] == [
            reference(document["orderId"])
        ]
        assert len(rows(both, order_units, document["orderId"])) == 3
        assert len(writes(both, document["orderId"])) == 1


def test_a_later_delegation_with_more_units_becomes_a_second_order(one: World) -> None:
    order_id = in_two_delegations(one, line(TEE, 2), line(JACKET))
    held = {order["clientReference"]: ordered(order) for order in in_scend(one, order_id)}
    assert held == {reference(order_id): {TEE: 2}, f"{reference(order_id)}-2": {JACKET: 1}}


def test_the_fees_of_an_order_ride_on_its_first_delegation_only(one: World) -> None:
    order_id = in_two_delegations(one, line(TEE, 2, 1000), line(JACKET, 1, 5000))
    totals = {order["clientReference"]: order["totals"]["grandTotal"] for order in in_scend(one, order_id)}
    assert totals == {reference(order_id): "23.95", f"{reference(order_id)}-2": "50.00"}


def test_the_same_units_in_another_body_bring_nothing_new(one: World) -> None:
    order_id = one.delegated(one.place())
    again = {**body_of(one, order_id), "id": 1, "languageCode": "cy"}
    again["items"] = list(reversed(again["items"]))
    assert delegate(one, again).status == 201
    assert len(parts(one, order_id)) == 1
    assert len(received(one, order_id)) == 2
    push(one, order_id)
    push(one, order_id)
    assert len(in_scend(one, order_id)) == 1


def test_a_unit_that_belongs_to_another_order_is_not_dropped_in_silence(one: World) -> None:
    first = by_hand(1)
    delegate(one, first)
    second = by_hand(1)
    second["items"].append(first["items"][0])
    assert delegate(one, second).status == 201
    assert len(rows(one, order_units, second["orderId"])) == 1
    codes = {
        fault["code"] for fault in exception(one, second["orderId"], "delegation_odd").evidence["faults"]
    }
    assert "ORDER_ITEM_OF_ANOTHER_ORDER" in codes


def test_two_warehouses_of_one_merchant_become_two_orders_with_the_fees_on_one(tmp_path: Path) -> None:
    with two_warehouses(tmp_path) as two:
        order_id = two.delegated(
            two.place(
                line(TEE, 2, 1000), {**line(JACKET, 1, 5000), "warehouse": "WH-SCEND-2"}, shippingFee=395
            )
        )
        push(two, order_id)
        held = {
            order["clientReference"]: (order["warehouseCode"], ordered(order), order["totals"]["grandTotal"])
            for order in two.backend_orders()
        }
        assert held == {
            f"SCY-{order_id}-WH-SCEND-1": ("MID1", {TEE: 2}, "23.95"),
            f"SCY-{order_id}-WH-SCEND-2": ("NTH2", {JACKET: 1}, "50.00"),
        }


def test_a_later_delegation_to_a_warehouse_that_sorts_first_does_not_charge_the_fees_again(
    tmp_path: Path,
) -> None:
    with two_warehouses(tmp_path) as two:
        in_two_delegations(two, {**line(JACKET, 1, 5000), "warehouse": "WH-SCEND-2"}, line(TEE, 2, 1000))
        totals = sorted(order["totals"]["shipping"] for order in two.backend_orders())
        assert totals == ["0.00", "3.95"]


def in_two_delegations(one: World, first: dict[str, Any], second: dict[str, Any]) -> int:
    """Place an order that SCAYLE delegates in two steps; each is pushed as it comes."""
    order_id = one.place(first, {**second, "delegation": 2}, shippingFee=395, delegationDelaySeconds=30)
    for made in (1, 2):
        one.advance(seconds=31)
        wait_until(lambda made=made: len(parts(one, order_id)) == made)
        push(one, order_id)
    return order_id


@contextmanager
def two_warehouses(folder: Path) -> Iterator[World]:
    """A merchant with two warehouses, each of which gets an order of its own."""
    configuration = flow_world.CONFIGURATION.replace(
        'warehouses = [{{ key = "WH-SCEND-1", code = "MID1" }}]',
        'warehouses = [{{ key = "WH-SCEND-1", code = "MID1" }}, {{ key = "WH-SCEND-2", code = "NTH2" }}]\n'
        'reference_template = "SCY-{{order_id}}-{{warehouse}}"',
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flow_world, "CONFIGURATION", configuration)
        with sqlite_world(folder) as two:
            two.post(two.scayle, "seed", {"warehouses": [{"id": 13, "referenceKey": "WH-SCEND-2"}]})
            two.post(
                two.scend, "seed", {"stock": [{"sku": JACKET, "warehouseCode": "NTH2", "physical": 100}]}
            )
            yield two


# ---- what cannot be taken in as it is


def test_an_unknown_merchant_is_answered_404_and_its_body_is_kept(one: World) -> None:
    outcome = delegate(one, by_hand(), merchant="nobody")
    assert outcome.status == 404
    (found,) = exceptions_of(one, "unknown_merchant", "delegation:nobody")
    assert found.state == "open"
    assert found.evidence["inbox"]


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"[]", b'"text"', b"\xff\xfe\x00", b'{"items": []}', b'{"orderId": 5, "items": []}', b'{"orderId": null}',
     b'{"orderId": 5, "items": [{"orderItemId": "x"}]}', b"[" * 20000, b'{"orderId": 1e400, "items": [{}]}'],
    ids=range(11),
)  # fmt: skip
def test_what_is_no_delegation_is_answered_400_kept_and_told(one: World, raw: bytes) -> None:
    outcome = delegate(one, raw)
    assert outcome.status == 400
    assert outcome.body["errorKey"] == "DELEGATION_UNREADABLE"
    assert any(
        row.evidence["source"] == "delegation:scend" for row in exceptions_of(one, "message_unreadable")
    )


def test_an_unreadable_call_that_comes_again_counts_up_one_exception(one: World) -> None:
    for _ in range(3):
        delegate(one, b'{"orderId": "seven"}')
    ours = [row for row in exceptions_of(one, "message_unreadable") if row.occurrences == 3]
    assert len(ours) == 1


def test_a_unit_without_a_sku_is_taken_in_and_never_sent(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE), {**line(JACKET), "sku": None}))
    assert len(rows(one, order_units, order_id)) == 2
    push(one, order_id)
    assert in_scend(one, order_id) == []
    assert open_kinds(one, order_id) == {"delegation_odd": 1, "order_invalid": 1}


@pytest.mark.parametrize(
    "change",
    [{"quantity": 2}, {"quantity": "many"}, {"quantity": 0}, {"merchantKey": "somebody-else"}],
    ids=["quantity 2", "quantity unreadable", "quantity 0", "of another merchant"],
)
def test_a_delegation_that_could_send_the_wrong_goods_is_held_for_a_person(
    one: World, change: dict[str, object]
) -> None:
    order_id = one.place(line(TEE, 2))
    document = body_of(one, one.delegated(order_id))
    # The same order once more, as another order with fresh units, so that it is ours to spoil.
    document["orderId"] = order_id + 500_000
    document["items"] = [item(**change), item()]
    assert delegate(one, document).status == 201
    (write,) = writes(one, order_id + 500_000)
    assert (write.state, write.due_at) == ("pending", None)
    assert open_kinds(one, order_id + 500_000) == {"delegation_odd": 1}


def test_more_units_than_supported_are_answered_413_with_record_and_exception(one: World) -> None:
    document = by_hand(5001)
    outcome = delegate(one, document)
    assert (outcome.status, outcome.body["errorKey"]) == (413, "ORDER_TOO_LARGE")
    assert exception(one, document["orderId"], "order_too_large").evidence["inbox"]
    assert parts(one, document["orderId"]) == []


def test_as_many_units_as_supported_are_taken_in(one: World) -> None:
    document = by_hand(5000)
    assert delegate(one, document).status == 201
    assert len(rows(one, order_units, document["orderId"])) == 5000


def test_a_foreign_currency_is_an_exception_and_is_not_sent(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE), currency="SEK"))
    push(one, order_id)
    assert in_scend(one, order_id) == []
    assert "CURRENCY_NOT_SERVED: " not in exception(one, order_id, "order_invalid").cause
    assert "CURRENCY_NOT_SERVED" in exception(one, order_id, "order_invalid").cause


def test_a_street_of_300_characters_is_an_exception_and_never_cut(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE), shipping=address(street="Long " * 60)))
    push(one, order_id)
    assert in_scend(one, order_id) == []
    faults = exception(one, order_id, "order_invalid").evidence["faults"]
    assert {(fault["code"], fault["field"]) for fault in faults} == {
        ("FIELD_TOO_LONG", "delivery address: street")
    }
    assert exception(one, order_id, "order_invalid").owner == "customer_service"


@pytest.mark.parametrize("name", ["Zoë Ångström", "Дмитрий", "王小明", "محمد", "O’Brien–Smith"])
def test_an_address_in_any_script_arrives_as_it_was_written(one: World, name: str) -> None:
    order_id = one.delegated(one.place(line(TEE), shipping=address(firstName=name)))
    push(one, order_id)
    (held,) = in_scend(one, order_id)
    assert held["deliveryAddress"]["recipientName"] == f"{name} Nwosu"


ODD_VALUES: list[tuple[str, str, object]] = [
    ("order", "shopKey", "s" * 300),
    ("order", "countryCode", "c" * 300),
    ("order", "orderReferenceKey", "r" * 5000),
    ("order", "orderReferenceKey", "NB\0KEY"),
    ("order", "id", "i" * 5000),
    ("order", "shopKey", "n\0"),
    ("item", "merchantProductVariantReferenceKey", "K" * 5000),
    ("item", "merchantProductVariantReferenceKey", "TEE\0"),
    ("item", "warehouseReferenceKey", "W" * 5000),
    ("item", "warehouseReferenceKey", "\0"),
    ("item", "currencyCode", "POUNDS"),
    ("item", "price", 10**30),
    ("item", "price", -(10**30)),
]


def test_values_that_no_column_holds_are_taken_in_all_the_same(both: World) -> None:
    for where, field, value in ODD_VALUES:
        document = by_hand(1, **({field: value} if where == "order" else {}))
        if where == "item":
            document["items"] = [item(**{field: value})]
        assert delegate(both, document).status == 201, (field, value)
        assert len(rows(both, order_units, document["orderId"])) == 1
        push(both, document["orderId"])
        assert open_kinds(both, document["orderId"])["order_invalid"] == 1, "SCAYLE does not have this order"
        if "\0" in str(value):
            assert open_kinds(both, document["orderId"])["delegation_odd"] == 1


# ---- what heals by itself


def test_a_merchant_that_was_missing_closes_its_exception_with_the_first_order(one: World) -> None:
    merchants = one.context.configuration.merchants
    document = by_hand(fulfillingMerchantKey="late")
    document["items"][0]["merchantKey"] = "late"
    assert delegate(one, document, merchant="late").status == 404
    late = with_settings(
        one,
        merchants=(
            *merchants,
            merchants[0].model_copy(update={"key": "late", "reference_template": "LATE-{order_id}"}),
        ),
    )
    assert delegate(late, document, merchant="late").status == 201
    assert [row.state for row in exceptions_of(one, "unknown_merchant", "delegation:late")] == ["resolved"]
    assert len(parts(one, document["orderId"])) == 1


def test_an_order_read_from_its_delegation_alone_goes_out_where_reading_is_switched_off(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE, 2), line(BOOT)))
    blind = with_settings(one, order_reading=False)
    push(blind, order_id)
    (held,) = in_scend(one, order_id)
    assert ordered(held) == {TEE: 2, BOOT: 1}


def test_a_held_order_goes_out_once_a_person_runs_it_again(one: World) -> None:
    order_id = one.delegated(one.place(line(TEE, 2)))
    with one.context.ledger.work() as work:
        work.connection.execute(
            update(transmissions).where(transmissions.c.order_id == order_id).values(due_at=None)
        )
        work.commit()
    push(one, order_id)
    assert in_scend(one, order_id) == []
    rerun.run(one.context, [order_id], **RERUN)
    push(one, order_id)
    assert len(in_scend(one, order_id)) == 1


def address(**changes: object) -> dict[str, object]:
    return {
        "firstName": "Zoë",
        "lastName": "Nwosu",
        "street": "Mill Lane",
        "houseNumber": "4a",
        "zipCode": "LS1 4AB",
        "city": "Leeds",
        "countryCode": "GBR",
        **changes,
    }
