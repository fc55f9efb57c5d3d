"""Despatches: which units left in which parcel, and what SCAYLE is told of it, once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flow_world import Free, World, line, parcel, world
from order_story import (
    JACKET,
    TEE,
    calm,
    captures,
    exception,
    exceptions_of,
    leave,
    open_kinds,
    packed,
    pull,
    push,
    reference,
    rows,
    shipments,
    sqlite_world,
    statuses,
    stock,
    tell,
    unit_ids,
    until_settled,
    with_settings,
    writes,
)

from connectors.scend.adapter import ScendBackend
from syncbridge.domain.backend import BackendDespatch, Parcel, ParcelLine
from syncbridge.domain.errors import CallEvidence, RetryLater
from syncbridge.flows import despatch_apply, despatch_pull, rerun, shipment_push, status_pull
from syncbridge.ledger import feeds
from syncbridge.ledger.tables import order_units

FEED = "despatches:scend:ACME-UK"


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("despatches")) as made:
        yield made


@pytest.fixture(autouse=True)
def _calm(one: World) -> Iterator[None]:
    yield
    calm(one)


def heard(one: World, order_id: int) -> None:
    pull(one)
    tell(one, order_id)


def keys(one: World, order_id: int) -> list[str]:
    return [row["shipmentKey"] for row in shipments(one, order_id)]


def each_unit_at_most_once(one: World, order_id: int) -> None:
    for unit in one.units(order_id):
        assert len(unit["shipments"]) + unit["cancellations"] <= 1, unit
        assert unit["captures"] <= 1, unit


def made_up(order_id: int, goods: list[tuple[int, str, int]], **changes: Any) -> BackendDespatch:
    """Return a despatch that the stand-in would not make by itself."""
    base = BackendDespatch(
        despatch_id=f"dsp_{order_id}",
        number=f"D-{order_id}",
        reference=reference(order_id),
        backend_order_id="",
        version=1,
        despatched_at=changes.pop("at"),
        carrier="ROYAL_MAIL",
        parcels=(Parcel(f"pcl_{order_id}", f"MU{order_id}GB", tuple(ParcelLine(*row) for row in goods)),),
    )
    return replace(base, **changes)


def note(one: World, despatch: BackendDespatch) -> None:
    with one.context.ledger.work() as work:
        despatch_apply.note(one.context, work.connection, "scend:ACME-UK", despatch, one.context.now())
        work.commit()


# ---- parcels


def test_partial_despatches_each_tell_their_own_units(one: World) -> None:
    order_id = packed(one, line(TEE, 3), line(JACKET))
    leave(one, order_id, (TEE, 1), force=True)
    heard(one, order_id)
    assert statuses(one, order_id) == {"delivered": 1, "available": 3}
    leave(one, order_id, (TEE, 2), (JACKET, 1))
    heard(one, order_id)
    assert statuses(one, order_id) == {"delivered": 4}
    assert len(keys(one, order_id)) == 2
    each_unit_at_most_once(one, order_id)


def test_units_leave_lowest_id_first(one: World) -> None:
    order_id = packed(one, line(TEE, 3))
    leave(one, order_id, (TEE, 2), force=True)
    heard(one, order_id)
    (shipment,) = shipments(one, order_id)
    assert [item["orderItemId"] for item in shipment["items"]] == unit_ids(one, order_id)[:2]
    assert {item["returnKey"] for item in shipment["items"]} == {
        str(unit) for unit in unit_ids(one, order_id)[:2]
    }


def test_every_parcel_is_a_shipment_of_its_own(one: World) -> None:
    order_id = packed(one, line(TEE, 2), line(JACKET))
    parcels = [parcel([(TEE, 2)], "RM-A")["parcels"][0], parcel([(JACKET, 1)], "RM-B")["parcels"][0]]
    one.warehouse(reference(order_id), "despatch", {"carrierCode": "ROYAL_MAIL", "parcels": parcels})
    heard(one, order_id)
    assert sorted(keys(one, order_id)) == ["RM-A", "RM-B"]
    assert len({row["returnIdentCode"] for row in shipments(one, order_id)}) == 2


def test_parcels_that_share_a_number_are_one_shipment(one: World) -> None:
    order_id = packed(one, line(TEE, 2), line(JACKET))
    parcels = [parcel([(sku, 1)], "RM-SHARED")["parcels"][0] for sku in (TEE, TEE, JACKET)]
    one.warehouse(reference(order_id), "despatch", {"carrierCode": "ROYAL_MAIL", "parcels": parcels})
    heard(one, order_id)
    assert keys(one, order_id) == ["RM-SHARED"]
    assert statuses(one, order_id) == {"delivered": 3}


def test_a_number_met_again_later_gets_a_suffix(one: World) -> None:
    told = []
    for _ in range(3):
        order_id = packed(one, line(TEE))
        leave(one, order_id, tracking="RM_100%")
        heard(one, order_id)
        told += keys(one, order_id)
    assert told == ["RM_100%", "RM_100%-2", "RM_100%-3"]


def test_a_number_that_only_begins_like_another_keeps_its_own_name(one: World) -> None:
    told = []
    for number in ("AB-2", "AB-XY", "AB", "AB"):
        order_id = packed(one, line(TEE))
        leave(one, order_id, tracking=number)
        heard(one, order_id)
        told += keys(one, order_id)
    assert told == ["AB-2", "AB-XY", "AB", "AB-3"]


# ---- tracking that comes late


def test_a_number_that_comes_before_the_wait_is_over_is_the_one_that_is_told(one: World) -> None:
    order_id = packed(one, line(TEE))
    made = leave(one, order_id, tracking=None)
    heard(one, order_id)
    assert keys(one, order_id) == []
    one.post(one.scend, f"despatches/{made['despatchId']}/tracking", {"trackingNumber": f"LATE-{order_id}"})
    heard(one, order_id)
    assert keys(one, order_id) == [f"LATE-{order_id}"]
    one.advance(hours=1)
    heard(one, order_id)
    each_unit_at_most_once(one, order_id)
    assert open_kinds(one, order_id) == {}


def test_a_number_that_comes_after_the_wait_is_customer_services_and_no_second_shipment(one: World) -> None:
    order_id = packed(one, line(TEE))
    made = leave(one, order_id, tracking=None)
    heard(one, order_id)
    one.advance(minutes=31)
    heard(one, order_id)
    (key,) = keys(one, order_id)
    assert key == f"{made['despatchNumber']}/{made['parcels'][0]['parcelId']}"
    one.post(one.scend, f"despatches/{made['despatchId']}/tracking", {"trackingNumber": "LATE-2"})
    heard(one, order_id)
    assert keys(one, order_id) == [key]
    assert "LATE-2" in str(exception(one, order_id, "tracking_late").evidence)


# ---- voids


def test_a_void_before_scayle_was_told_tells_nothing_and_the_next_despatch_everything(one: World) -> None:
    order_id = packed(one, line(TEE, 2))
    made = leave(one, order_id)
    pull(one)
    one.post(one.scend, f"despatches/{made['despatchId']}/void", {})
    heard(one, order_id)
    assert statuses(one, order_id) == {"available": 2}
    leave(one, order_id)
    heard(one, order_id)
    assert statuses(one, order_id) == {"delivered": 2}
    assert len(keys(one, order_id)) == 1
    assert open_kinds(one, order_id) == {}


def test_a_void_after_scayle_was_told_and_the_despatch_that_follows_are_exceptions_only(one: World) -> None:
    order_id = packed(one, line(TEE, 2))
    made = leave(one, order_id)
    heard(one, order_id)
    one.post(one.scend, f"despatches/{made['despatchId']}/void", {})
    heard(one, order_id)
    assert open_kinds(one, order_id) == {"despatch_voided_after_told": 1}
    leave(one, order_id, tracking="RM-AGAIN")
    heard(one, order_id)
    assert len(keys(one, order_id)) == 1
    assert len(captures(one, order_id)) == 1
    assert "RM-AGAIN" in str(exception(one, order_id, "despatched_again").evidence)
    each_unit_at_most_once(one, order_id)


def test_a_void_while_scayle_may_or_may_not_know_is_decided_by_scayles_order(one: World) -> None:
    for fault, told in (("timeout_before", 0), ("timeout_after", 1)):
        order_id = packed(one, line(TEE, 2))
        made = leave(one, order_id)
        pull(one)
        one.fault(one.scayle, "POST", "/fulfillment", fault)
        tell(one, order_id)
        one.post(one.scend, f"despatches/{made['despatchId']}/void", {})
        until_settled(one, lambda order_id=order_id: heard(one, order_id), rounds=3)
        assert len(keys(one, order_id)) == told, fault
        assert open_kinds(one, order_id) == ({"despatch_voided_after_told": 1} if told else {})
        leave(one, order_id)
        heard(one, order_id)
        assert len(keys(one, order_id)) == 1, fault
        each_unit_at_most_once(one, order_id)


def test_what_was_given_up_before_the_void_was_heard_is_closed_in_scayle(one: World) -> None:
    order_id = packed(one, line(TEE, 2), line(JACKET))
    leave(one, order_id, (JACKET, 1), force=True)
    second = leave(one, order_id, (TEE, 2))
    despatch_pull.run(one.context)
    one.post(one.scend, f"despatches/{second['despatchId']}/void", {})
    one.warehouse(reference(order_id), "short-close", {})
    # The status is heard first: it gives up units that by our ledger have left.
    status_pull.run(one.context)
    despatch_pull.run(one.context)
    tell(one, order_id)
    assert statuses(one, order_id) == {"delivered": 1, "undeliverable": 2}
    each_unit_at_most_once(one, order_id)


# ---- goods that do not fit


def test_more_than_ordered_is_told_to_a_person_and_the_rest_to_scayle(one: World) -> None:
    order_id = packed(one, line(TEE, 2))
    note(one, made_up(order_id, [(1, TEE, 5)], at=one.context.now()))
    tell(one, order_id)
    assert statuses(one, order_id) == {"delivered": 2}
    goods = exception(one, order_id, "despatch_wrong_goods").evidence["goods"]
    assert [(row["sku"], row["quantity"]) for row in goods] == [(TEE, 3)]


def test_a_foreign_sku_is_told_to_a_person_and_ships_no_unit(one: World) -> None:
    order_id = packed(one, line(TEE))
    note(one, made_up(order_id, [(9001, "HAT-WOOL-GRY-OS", 1)], at=one.context.now()))
    tell(one, order_id)
    assert statuses(one, order_id) == {"available": 1}
    assert open_kinds(one, order_id) == {"despatch_wrong_goods": 1}


def test_another_sku_on_our_line_ships_no_unit(one: World) -> None:
    order_id = packed(one, line(TEE), line(JACKET))
    note(one, made_up(order_id, [(1, JACKET, 1), (2, JACKET, 1)], at=one.context.now()))
    tell(one, order_id)
    shipped = [unit["sku"] for unit in one.units(order_id) if unit["status"] == "delivered"]
    assert shipped == [JACKET]


# ---- the order in which things are heard


def test_repeats_and_older_versions_change_nothing(one: World) -> None:
    order_id = packed(one, line(TEE, 2))
    now = one.context.now()
    first = made_up(order_id, [(1, TEE, 1)], at=now)
    second = replace(made_up(order_id, [(1, TEE, 2)], at=now), version=2)
    for despatch in (second, first, second, first):
        note(one, despatch)
    tell(one, order_id)
    assert statuses(one, order_id) == {"delivered": 2}
    assert len(keys(one, order_id)) == 1
    note(one, first)
    tell(one, order_id)
    each_unit_at_most_once(one, order_id)


def test_a_void_heard_before_its_despatch_leaves_nothing_behind(one: World) -> None:
    order_id = packed(one, line(TEE))
    now = one.context.now()
    first = made_up(order_id, [(1, TEE, 1)], at=now)
    note(one, replace(first, version=2, voided_at=now))
    note(one, first)
    tell(one, order_id)
    assert statuses(one, order_id) == {"available": 1}


def test_a_despatch_for_an_unknown_reference_is_kept_told_once_and_matched_later(one: World) -> None:
    order_id = one.place(line(TEE), confirm=False)
    unknown = made_up(order_id, [(1, TEE, 1)], at=one.context.now())
    note(one, unknown)
    despatch_pull.run(one.context)
    subject = f"despatch:{unknown.despatch_id}"
    assert exceptions_of(one, "despatch_unmatched", subject) == []
    one.advance(minutes=11)
    for _ in range(3):
        despatch_pull.run(one.context)
    assert [(row.state, row.occurrences) for row in exceptions_of(one, "despatch_unmatched", subject)] == [
        ("open", 1)
    ]
    one.post(one.scayle, f"orders/{order_id}/confirm", {})
    one.delegated(order_id)
    push(one, order_id)
    despatch_pull.run(one.context)
    tell(one, order_id)
    assert statuses(one, order_id) == {"delivered": 1}
    assert [row.state for row in exceptions_of(one, "despatch_unmatched", subject)] == ["resolved"]


def test_many_despatches_of_others_do_not_keep_ours_from_being_matched(one: World) -> None:
    order_id = one.place(line(TEE), confirm=False)
    now = one.context.now()
    for number in range(210):
        foreign = made_up(order_id, [(1, TEE, 1)], at=now)
        note(one, replace(foreign, despatch_id=f"foreign_{number}", reference=f"OTHER-SHOP-{number}"))
    note(one, made_up(order_id, [(1, TEE, 1)], at=now))
    one.post(one.scayle, f"orders/{order_id}/confirm", {})
    one.delegated(order_id)
    push(one, order_id)
    despatch_pull.run(one.context)
    tell(one, order_id)
    assert statuses(one, order_id) == {"delivered": 1}


def test_a_despatch_that_cannot_be_noted_is_told_stops_no_other_and_is_tried_again(
    one: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = packed(one, line(TEE)), packed(one, line(TEE))
    for order_id in (bad, good):
        leave(one, order_id)
    real = despatch_apply.allocate

    def fails(parcels: Any, lines: Any) -> Any:
        if {unit for row in lines.values() for unit in row.open_units} == set(unit_ids(one, bad)):
            raise ZeroDivisionError
        return real(parcels, lines)

    monkeypatch.setattr(despatch_apply, "allocate", fails)
    despatch_pull.run(one.context)
    shipment_push.run(one.context)
    assert (statuses(one, good), statuses(one, bad)) == ({"delivered": 1}, {"available": 1})
    assert any(row.state == "open" for row in exceptions_of(one, "defect"))
    monkeypatch.setattr(despatch_apply, "allocate", real)
    despatch_pull.run(one.context)
    tell(one, bad)
    assert statuses(one, bad) == {"delivered": 1}
    assert {row.state for row in exceptions_of(one, "defect")} == {"resolved"}


# ---- carriers


def test_an_unmapped_carrier_waits_for_the_map_and_goes_out_when_run_again(one: World) -> None:
    order_id = packed(one, line(TEE))
    leave(one, order_id, carrierCode="EVRI")
    heard(one, order_id)
    assert open_kinds(one, order_id) == {"carrier_unmapped": 1}
    merchant = one.context.configuration.merchants[0]
    mapped = with_settings(
        one,
        merchants=(
            merchant.model_copy(update={"carrier_map": {**merchant.carrier_map, "EVRI": "ROYALMAIL_GB"}}),
        ),
    )
    tell(mapped, order_id)
    assert statuses(one, order_id) == {"available": 1}
    rerun.run(mapped.context, [order_id], actor="test", reason="mapped")
    tell(mapped, order_id)
    assert statuses(one, order_id) == {"delivered": 1}
    assert open_kinds(one, order_id) == {}


def test_a_despatch_voided_while_its_carrier_was_unmapped_leaves_no_exception(one: World) -> None:
    order_id = packed(one, line(TEE))
    made = leave(one, order_id, carrierCode="EVRI")
    heard(one, order_id)
    one.post(one.scend, f"despatches/{made['despatchId']}/void", {})
    heard(one, order_id)
    assert open_kinds(one, order_id) == {}
    assert {unit.state for unit in rows(one, order_units, order_id)} == {"open"}


def test_a_newer_version_with_a_mapped_carrier_goes_out_and_closes_the_exception(one: World) -> None:
    order_id = packed(one, line(TEE))
    made = leave(one, order_id, carrierCode="EVRI")
    heard(one, order_id)
    correction = {"trackingNumber": f"RM-CORRECTED-{order_id}", "carrierCode": "ROYAL_MAIL"}
    one.post(one.scend, f"despatches/{made['despatchId']}/tracking", correction)
    heard(one, order_id)
    assert keys(one, order_id) == [f"RM-CORRECTED-{order_id}"]
    assert open_kinds(one, order_id) == {}


# ---- the feed itself


def test_a_cursor_that_expired_is_replaced_and_nothing_is_missed_or_doubled(
    ledger_url: str, tmp_path: Path
) -> None:
    with world(ledger_url, tmp_path) as fresh:
        stock(fresh)
        before = packed(fresh, line(TEE))
        leave(fresh, before)
        heard(fresh, before)
        waiting = packed(fresh, line(TEE))
        leave(fresh, waiting)
        fresh.advance(days=8)
        heard(fresh, waiting)
        assert statuses(fresh, waiting) == {"delivered": 1}
        each_unit_at_most_once(fresh, before)
        assert exceptions_of(fresh, "feed_failing") == []


def test_a_page_that_fails_in_the_middle_keeps_what_came_before_and_the_cursor_there(one: World) -> None:
    ids = [packed(one, line(TEE)) for _ in range(4)]
    despatch_pull.run(one.context)
    for order_id in ids:
        leave(one, order_id)
    backend: Any = one.context.backends["scend"]

    class Paging:
        """The same back end, one row a page, failing after two."""

        def __getattr__(self, name: str) -> Any:
            return getattr(backend, name)

        def despatches_changed(self, cursor: str | None, since: Any) -> Iterator[Any]:
            for number, page in enumerate(small.despatches_changed(cursor, since)):
                if number == 2:
                    raise RetryLater("cut off", evidence())
                yield page

    assert one.context.configuration.scend is not None
    small = ScendBackend(
        one.context.configuration.scend.model_copy(update={"page_limit": 1}),
        "scend-sandbox-token",
        Free(),
        Free(),
    )
    paging: Any = Paging()
    one.advance(minutes=6)
    with pytest.raises(RetryLater):
        despatch_pull.run(replace(one.context, backends={"scend": paging}))
    assert [row.state for row in exceptions_of(one, "feed_failing", f"feed:{FEED}")] == ["open"]
    with one.context.ledger.reading() as connection:
        halfway = feeds.position(connection, FEED)
    assert halfway.value is not None
    assert sum(bool(writes(one, order_id, "shipment")) for order_id in ids) == 2
    despatch_pull.run(one.context)
    shipment_push.run(one.context)
    assert [statuses(one, order_id) for order_id in ids] == [{"delivered": 1}] * 4
    assert {row.state for row in exceptions_of(one, "feed_failing", f"feed:{FEED}")} == {"resolved"}


def evidence() -> Any:
    return CallEvidence("scend", "read despatch feed", 503)


# ---- parcels that get their names late


def nameless(order_id: int, units: int, at: Any) -> BackendDespatch:
    """Return a despatch of one nameless parcel without a number."""
    return made_up(order_id, [], at=at, parcels=(Parcel("", "", (ParcelLine(1, TEE, units),)),))


def test_a_nameless_parcel_that_was_not_told_yet_is_told_under_its_consignments(one: World) -> None:
    order_id = packed(one, line(TEE, 3))
    now = one.context.now()
    note(one, nameless(order_id, 3, now))
    parcels = tuple(
        Parcel(number, number, (ParcelLine(1, TEE, units),)) for number, units in (("EXP-1", 2), ("EXP-2", 1))
    )
    note(one, replace(nameless(order_id, 3, now), version=2, parcels=parcels))
    tell(one, order_id)
    one.advance(hours=1)
    tell(one, order_id)
    assert sorted(keys(one, order_id)) == ["EXP-1", "EXP-2"]
    assert statuses(one, order_id) == {"delivered": 3}
    assert open_kinds(one, order_id) == {}
    each_unit_at_most_once(one, order_id)


def test_numbers_that_come_after_a_nameless_parcel_was_told_are_customer_services(one: World) -> None:
    order_id = packed(one, line(TEE, 3))
    now = one.context.now()
    note(one, nameless(order_id, 3, now))
    one.advance(hours=1)
    tell(one, order_id)
    assert keys(one, order_id) == [f"D-{order_id}/1"]
    parcels = tuple(
        Parcel(number, number, (ParcelLine(1, TEE, units),)) for number, units in (("EXP-3", 2), ("EXP-4", 1))
    )
    late = replace(nameless(order_id, 3, now), version=2, parcels=parcels)
    note(one, late)
    note(one, late)
    tell(one, order_id)
    assert keys(one, order_id) == [f"D-{order_id}/1"]
    row = exception(one, order_id, "tracking_late")
    assert row.evidence["tracking"] == {"EXP-3": "EXP-3", "EXP-4": "EXP-4"}
    assert open_kinds(one, order_id) == {"tracking_late": 1}
    each_unit_at_most_once(one, order_id)


def test_goods_that_join_a_told_despatch_are_told_and_no_unit_twice(one: World) -> None:
    order_id = packed(one, line(TEE, 3))
    now = one.context.now()
    note(one, nameless(order_id, 2, now))
    one.advance(hours=1)
    tell(one, order_id)
    parcels = (
        Parcel("EXP-5", "EXP-5", (ParcelLine(1, TEE, 1),)),
        Parcel("EXP-6", "EXP-6", (ParcelLine(1, TEE, 2),)),
    )
    note(one, replace(nameless(order_id, 2, now), version=2, parcels=parcels))
    tell(one, order_id)
    assert statuses(one, order_id) == {"delivered": 3}
    assert sorted(keys(one, order_id)) == [f"D-{order_id}/1", "EXP-6"]
    assert open_kinds(one, order_id) == {"tracking_late": 1}
    each_unit_at_most_once(one, order_id)


def test_some_numbers_come_and_the_rest_stays_nameless(one: World) -> None:
    order_id = packed(one, line(TEE, 3))
    now = one.context.now()
    note(one, nameless(order_id, 3, now))
    one.advance(hours=1)
    tell(one, order_id)
    for version, parcels in (
        (2, (Parcel("", "", (ParcelLine(1, TEE, 1),)), Parcel("EXP-7", "EXP-7", (ParcelLine(1, TEE, 2),)))),
        (3, tuple(Parcel(name, name, (ParcelLine(1, TEE, n),)) for name, n in (("EXP-7", 2), ("EXP-8", 1)))),
    ):
        note(one, replace(nameless(order_id, 3, now), version=version, parcels=parcels))
    tell(one, order_id)
    assert keys(one, order_id) == [f"D-{order_id}/1"]
    assert exception(one, order_id, "tracking_late").evidence["tracking"] == {"EXP-7": "EXP-7", "EXP-8": "EXP-8"}
    assert open_kinds(one, order_id) == {"tracking_late": 1}


def test_goods_added_to_a_told_parcel_are_a_shipment_of_their_own(one: World) -> None:
    order_id = packed(one, line(TEE, 3), line(JACKET))
    now = one.context.now()
    first = made_up(order_id, [(1, TEE, 2)], at=now)
    note(one, first)
    tell(one, order_id)
    (parcel,) = first.parcels
    more = replace(parcel, lines=(ParcelLine(1, TEE, 3), ParcelLine(2, JACKET, 1)))
    note(one, replace(first, version=2, parcels=(more,)))
    note(one, replace(first, version=3, parcels=(replace(more, tracking_number=f"LATE{order_id}GB"),)))
    tell(one, order_id)
    assert statuses(one, order_id) == {"delivered": 4}
    # What SCAYLE was not told yet when the number changed goes out under the new one.
    assert sorted(keys(one, order_id)) == [f"LATE{order_id}GB", parcel.tracking_number]
    each_unit_at_most_once(one, order_id)


def test_a_told_parcel_with_more_than_was_ordered_takes_no_unit_that_another_line_or_parcel_has(one: World) -> None:
    order_id = packed(one, line(TEE, 2), line(JACKET))
    now = one.context.now()
    first = made_up(order_id, [(1, TEE, 3)], at=now)
    note(one, first)
    tell(one, order_id)
    assert open_kinds(one, order_id) == {"despatch_wrong_goods": 1}
    before = exception(one, order_id, "despatch_wrong_goods").occurrences
    renumbered = replace(first.parcels[0], tracking_number=f"MV{order_id}GB")
    note(one, replace(first, version=2, parcels=(renumbered,)))
    tell(one, order_id)
    assert statuses(one, order_id)["delivered"] == 2
    assert exception(one, order_id, "despatch_wrong_goods").occurrences == before
    each_unit_at_most_once(one, order_id)
