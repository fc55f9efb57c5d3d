"""The nightly re-reading of OrderWise's feeds, told from the records of the sandboxes: nothing falls between two of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flow_world import World, erp_line
from order_story import TEE, calm, shipments, statuses
from split_story import both_delegated, both_worlds, down, erp_leaves, go_round

from syncbridge.domain.errors import VendorError
from syncbridge.flows import despatch_pull, order_push, reread, shipment_push, stock_sync


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with both_worlds(tmp_path_factory.mktemp("rereading")) as made:
        yield made


@pytest.fixture
def one(whole: World) -> Iterator[World]:
    yield whole
    calm(whole)


def bought(one: World) -> int:
    return both_delegated(one, one.place(erp_line(TEE)), merchants=1)


def filed_late(one: World) -> int:
    """An order whose despatch was filed half an hour after the fact, when the feed had been read beyond it."""
    early, late = bought(one), bought(one)
    order_push.run(one.context)
    erp_leaves(one, early, f"E{early}")
    despatch_pull.run(one.context)
    erp_leaves(one, late, f"L{late}", amendedSecondsAgo=1800)
    despatch_pull.run(one.context)
    shipment_push.run(one.context)
    assert statuses(one, late) == {"available": 1}
    return late


def told(one: World, order_id: int) -> bool:
    shipment_push.run(one.context)
    return len(shipments(one, order_id)) == 1 and statuses(one, order_id) == {"delivered": 1}


def snapshots(one: World) -> int:
    seen = one.state(one.orderwise, "requests")["requests"]
    return sum(row["path"].casefold().endswith("/export-definition/204") and row["status"] == 200 for row in seen)


def test_after_a_day_on_which_it_could_not_be_done_it_begins_where_the_last_one_was(one: World) -> None:
    reread.run(one.context)
    one.advance(hours=9)
    late = filed_late(one)
    down(one, one.orderwise)
    for _ in range(3):
        one.advance(hours=12)
        with pytest.raises(VendorError):
            reread.run(one.context)
    calm(one)
    reread.run(one.context)
    assert told(one, late)


def test_what_was_filed_while_the_last_one_ran_is_in_the_next(one: World) -> None:
    """A row committed just after the reading began, under a time from just before it."""
    order_id = bought(one)
    go_round(one)
    reread.run(one.context)
    erp_leaves(one, order_id, f"M{order_id}", amendedSecondsAgo=60)
    other = bought(one)
    order_push.run(one.context)
    erp_leaves(one, other, f"N{other}")
    one.advance(hours=24)
    reread.run(one.context)
    assert told(one, order_id)


@pytest.mark.parametrize(("number", "what"), [(206, "returned goods"), (202, "despatches")])
def test_one_feed_that_cannot_be_read_keeps_neither_the_other_nor_stock_from_it(one: World, number: int, what: str) -> None:
    """An installation may not have every export definition yet: what it has is read again all the same, and once."""
    one.advance(hours=24)
    stock_sync.run(one.context)
    late = filed_late(one) if what == "returned goods" else None
    before = snapshots(one)
    one.fault(one.orderwise, "POST", f"/system/export-definition/{number}", "http", times=9, status=404)
    for _ in range(3):
        with pytest.raises(VendorError):
            reread.run(one.context)
        one.advance(minutes=5)
        stock_sync.run(one.context)
    assert snapshots(one) == before + 1
    assert late is None or told(one, late)
    calm(one)
    reread.run(one.context)
    one.advance(minutes=5)
    stock_sync.run(one.context)
    assert snapshots(one) == before + 1
    reread.run(one.context)
    stock_sync.run(one.context)
    assert snapshots(one) == before + 2
