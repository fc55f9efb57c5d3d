"""The flows over OrderWise's stand-in: deferred imports, duplicates, late numbers, holds, and the hour that autumn repeats."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flow_world import World, erp_line
from order_story import (
    TEE,
    calm,
    captures,
    events,
    exception,
    open_kinds,
    parts,
    shipments,
    statuses,
    writes,
)
from split_story import (
    both_delegated,
    both_worlds,
    down,
    erp,
    erp_leaves,
    erp_reference,
    go_round,
    in_erp,
    live,
)
from sqlalchemy import select

from syncbridge.flows import despatch_pull, order_push, reread, shipment_push, status_pull, stock_sync
from syncbridge.ledger.tables import despatches


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("second")) as made:
        yield made


@pytest.fixture
def one(whole: World) -> Iterator[World]:
    yield whole
    calm(whole)
    whole.put(whole.orderwise, "settings", {"importMode": "immediate", "duplicatePolicy": "reject"})


def bought(one: World, units: int = 1) -> int:
    return both_delegated(one, one.place(erp_line(TEE, units)), merchants=1)


# ---- orders


def test_an_order_that_is_imported_later_stays_sent_and_is_found(one: World) -> None:
    one.put(one.orderwise, "settings", {"importMode": "deferred:300"})
    order_id = bought(one)
    go_round(one, 4, minutes=1)
    assert [write.state for write in writes(one, order_id)] == ["sent"]
    assert in_erp(one, order_id) == []
    go_round(one, 4, minutes=1)
    assert [write.state for write in writes(one, order_id)] == ["acknowledged"]
    assert len(in_erp(one, order_id)) == 1
    assert open_kinds(one, order_id) == {}


def test_an_import_that_is_refused_in_silence_becomes_a_persons_and_is_not_sent_again(one: World) -> None:
    one.put(one.orderwise, "settings", {"importMode": "deferred:100000"})
    order_id = bought(one)
    go_round(one)
    one.post(one.orderwise, f"imports/{erp_reference(order_id)}/refuse", {"reason": "somebody deleted it"})
    go_round(one, 8, minutes=5)
    assert open_kinds(one, order_id) == {"order_import_timeout": 1}
    assert writes(one, order_id)[0].attempts == 1


@pytest.mark.parametrize("fault", ["timeout_after", "timeout_before"])
@pytest.mark.parametrize("policy", ["reject", "accept"])
def test_whatever_creating_comes_to_there_is_never_a_second_order(one: World, fault: str, policy: str) -> None:
    one.put(one.orderwise, "settings", {"duplicatePolicy": policy})
    order_id = bought(one)
    one.fault(one.orderwise, "POST", "/sales/order", fault)
    go_round(one, 6, minutes=1)
    held = in_erp(one, order_id)
    if fault == "timeout_after":
        assert (len(held), parts(one, order_id)[0].state) == (1, "acknowledged")
    else:
        # It may have been accepted for import: nobody but a person can say that it was not.
        assert (held, parts(one, order_id)[0].state) == ([], "sent")


def test_an_order_that_exists_twice_keeps_one_and_the_copy_is_cancelled(one: World) -> None:
    order_id = bought(one)
    go_round(one)
    erp(one, order_id, "duplicate")
    go_round(one, 3)
    assert sorted(row["status"] == "CANCELLED" for row in in_erp(one, order_id)) == [False, True]
    assert events(one, order_id).count("copy_cancelled") == 1
    assert open_kinds(one, order_id) == {}
    assert parts(one, order_id)[0].backend_id == str(min(row["orderId"] for row in in_erp(one, order_id)))


def test_a_copy_that_became_the_only_live_order_is_never_cancelled(one: World) -> None:
    """Its cancellation was recorded; meanwhile somebody there cancelled the other one."""
    order_id = bought(one)
    go_round(one)
    (first,) = (row["orderId"] for row in in_erp(one, order_id))
    erp(one, order_id, "duplicate")
    one.advance(minutes=1)
    status_pull.run(one.context)
    assert open_kinds(one, order_id) == {"order_duplicated": 1}
    one.post(one.orderwise, f"orders/{first}/warehouse-cancel", {})
    go_round(one, 3)
    assert {row["orderId"]: row["status"] == "CANCELLED" for row in in_erp(one, order_id)}[first]
    assert live(one, order_id) == (0, 1)
    assert events(one, order_id).count("copy_cancelled") == 0
    assert open_kinds(one, order_id) == {}
    copy = max(row["orderId"] for row in in_erp(one, order_id))
    one.post(one.orderwise, f"orders/{copy}/despatch", {"consignments": [f"K{order_id}"], "force": True})
    go_round(one, 2)
    assert statuses(one, order_id) == {"delivered": 1}


def test_a_copy_that_is_being_picked_is_a_persons_until_it_is_stopped(one: World) -> None:
    order_id = bought(one)
    go_round(one)
    erp(one, order_id, "duplicate")
    copy = max(row["orderId"] for row in in_erp(one, order_id))
    one.post(one.orderwise, f"orders/{copy}/advance", {"to": "PICKING"})
    go_round(one, 3)
    assert open_kinds(one, order_id) == {"order_duplicated": 2}
    one.post(one.orderwise, f"orders/{copy}/unpick", {})
    one.post(one.orderwise, f"orders/{copy}/warehouse-cancel", {})
    go_round(one, 4, minutes=1)
    assert open_kinds(one, order_id) == {}


def test_a_hold_is_told_and_over_when_it_is_taken_back(one: World) -> None:
    order_id = bought(one)
    go_round(one)
    erp(one, order_id, "hold")
    go_round(one)
    assert open_kinds(one, order_id) == {"order_quarantined": 1}
    erp(one, order_id, "unhold")
    go_round(one)
    assert open_kinds(one, order_id) == {}


def test_an_order_nothing_happens_to_leaves_no_facts(one: World) -> None:
    order_id = bought(one)
    go_round(one, 2)
    before = events(one, order_id)
    go_round(one, 4)
    assert events(one, order_id) == before


# ---- parcels


def test_numbers_that_come_in_time_are_the_shipments_keys(one: World) -> None:
    order_id = bought(one, 3)
    go_round(one)
    made = erp_leaves(one, order_id)
    go_round(one)
    assert shipments(one, order_id) == []
    numbers = [{"number": f"A{order_id}", "lines": [{"lineNumber": 1, "quantity": 2}]},
               {"number": f"B{order_id}", "lines": [{"lineNumber": 1, "quantity": 1}]}]
    one.post(one.orderwise, f"despatches/{made['despatchId']}/tracking", {"consignments": numbers})
    go_round(one, 2)
    assert {row["shipmentKey"] for row in shipments(one, order_id)} == {f"A{order_id}", f"B{order_id}"}
    assert statuses(one, order_id) == {"delivered": 3}
    assert open_kinds(one, order_id) == {}


def test_numbers_that_come_too_late_are_customer_services_and_no_second_shipment(one: World) -> None:
    order_id = bought(one, 3)
    go_round(one)
    made = erp_leaves(one, order_id)
    go_round(one, 3, minutes=20)
    assert [row["shipmentKey"] for row in shipments(one, order_id)] == [f"{made['despatchNumber']}/1"]
    one.post(one.orderwise, f"despatches/{made['despatchId']}/tracking", {"consignments": [f"C{order_id}", f"D{order_id}"]})
    go_round(one, 3)
    assert len(shipments(one, order_id)) == 1
    assert len(captures(one, order_id)) == 1
    assert set(exception(one, order_id, "tracking_late").evidence["tracking"].values()) == {f"C{order_id}", f"D{order_id}"}
    assert open_kinds(one, order_id) == {"tracking_late": 1}


# ---- feeds


def test_a_despatch_that_was_filed_late_is_found_by_the_nightly_rereading(one: World) -> None:
    early, late = bought(one), bought(one)
    go_round(one)
    erp_leaves(one, early, f"E{early}")
    # Filed half an hour after the fact: the cursor has long passed it.
    erp_leaves(one, late, f"L{late}", amendedSecondsAgo=1800)
    despatch_pull.run(one.context)
    shipment_push.run(one.context)
    assert statuses(one, late) == {"available": 1}
    reread.run(one.context)
    reread.run(one.context)
    shipment_push.run(one.context)
    assert [statuses(one, order_id) for order_id in (early, late)] == [{"delivered": 1}] * 2
    assert [len(shipments(one, order_id)) for order_id in (early, late)] == [1, 1]


def test_the_nightly_rereading_takes_all_stock_from_the_beginning_once(one: World) -> None:
    stock_sync.run(one.context)
    reread.run(one.context)
    assert ("stock_sync",) in one.bell.rings

    def snapshots() -> int:
        seen = one.state(one.orderwise, "requests")["requests"]
        return sum(row["path"].casefold().endswith("/export-definition/204") for row in seen)

    before = snapshots()
    for _ in range(3):
        one.advance(minutes=1)
        stock_sync.run(one.context)
    assert snapshots() == before + 1


def test_with_the_feed_away_nothing_is_skipped(one: World) -> None:
    order_id = bought(one)
    go_round(one)
    down(one, one.orderwise)
    erp_leaves(one, order_id, f"F{order_id}")
    go_round(one, 3, minutes=10)
    assert statuses(one, order_id) == {"available": 1}
    calm(one)
    go_round(one, 3)
    assert statuses(one, order_id) == {"delivered": 1}


BEFORE_THE_CHANGE = datetime(2027, 10, 31, 0, 10, tzinfo=UTC)
"""Fifty minutes before the clocks go back in the United Kingdom, at 01:00 UTC."""


def test_thirty_orders_in_the_hour_that_autumn_repeats_are_each_told_once(tmp_path: Path) -> None:
    with both_worlds(tmp_path) as one:
        one.advance(seconds=(BEFORE_THE_CHANGE - one.context.now()).total_seconds())
        sold = [bought(one) for _ in range(30)]
        order_push.run(one.context)
        for number, order_id in enumerate(sold):
            erp_leaves(one, order_id, f"G{order_id}")
            if number % 4 == 3:
                # The feed is read now and then, and not after every despatch.
                despatch_pull.run(one.context)
            status_pull.run(one.context)
            one.advance(minutes=4)
        despatch_pull.run(one.context)
        for _ in range(3):
            shipment_push.run(one.context)
            reread.run(one.context)
            one.advance(minutes=1)
        assert [statuses(one, order_id) for order_id in sold] == [{"delivered": 1}] * 30
        assert [len(shipments(one, order_id)) for order_id in sold] == [1] * 30
        assert {unit["captures"] for order_id in sold for unit in one.units(order_id)} == {1}
        made = {row["despatchId"]: row for row in one.state(one.orderwise, "despatches")["despatches"]}
        with one.context.ledger.reading() as connection:
            known = connection.execute(select(despatches.c.despatch_id, despatches.c.despatched_at)).all()
        assert len(known) == 30
        for row in known:
            left_at = datetime.fromisoformat(made[int(row.despatch_id)]["despatchedAt"])
            assert abs(row.despatched_at - left_at) < timedelta(seconds=1), (row, left_at)
