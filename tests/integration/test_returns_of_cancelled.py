"""Cancelled too late: the return is announced by itself when the goods leave, and money moves only where it is due."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cancel_story import advance_in_scend
from flow_world import World, line, world
from order_story import (
    TEE,
    accepted,
    calm,
    close_in_scayle,
    events,
    exceptions_of,
    leave,
    open_kinds,
    packed,
    pull,
    reference,
    sqlite_world,
    statuses,
    stock,
    tell,
    unit_ids,
)
from return_story import (
    blind,
    booked,
    check,
    come_back,
    held_returns,
    in_scend,
    money_holds,
    receipt_of,
    receive,
    refunded_units,
    refunds,
    shipped,
    states,
    unit_rows,
)

from syncbridge.flows import (
    cancel_ask,
    cancel_learn,
    cancel_order,
    order_poll,
    return_announce,
    return_expect,
    return_pull,
    return_push,
    status_pull,
    stock_sync,
)
from syncbridge.flows.context import Context
from syncbridge.ledger.engine import Connection


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("cancelled")) as made:
        yield made


@pytest.fixture(autouse=True)
def _calm(one: World) -> Iterator[None]:
    yield
    calm(one)


def test_an_order_cancelled_too_late_has_its_return_announced_when_it_leaves(one: World) -> None:
    order_id = packed(one, line(TEE, 2))
    cancel_order.run(one.context, order_id, actor="ops", reason="customer called")
    cancel_ask.run(one.context)
    assert "cancellation_too_late" in open_kinds(one, order_id)
    return_announce.run(one.context)
    assert states(one, order_id) == ["waiting"]
    assert not in_scend(one, order_id)

    leave(one, order_id)
    pull(one)
    tell(one, order_id)
    return_announce.run(one.context)
    (made,) = held_returns(one, order_id)
    assert (made.source, made.state) == ("too_late_cancellation", "expected")
    (there,) = in_scend(one, order_id)
    assert there["rmaNumber"] == made.rma_number
    assert there["lines"][0]["reasonCode"] == "CHANGED_MIND"

    receive(one, made.rma_number, (TEE, 2))
    come_back(one, order_id)
    assert refunded_units(one, order_id) == unit_ids(one, order_id)
    money_holds(one, order_id)
    return_announce.run(one.context)
    assert len(held_returns(one, order_id)) == 1, "the cancellation is asked for one return only"


def test_many_orders_that_never_leave_keep_no_return_from_being_announced(
    one: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stay = [packed(one, line(TEE)) for _ in range(3)]
    goes = packed(one, line(TEE))
    for order_id in (*stay, goes):
        cancel_order.run(one.context, order_id, actor="ops", reason="customer called")
    cancel_ask.run(one.context)
    monkeypatch.setattr(return_expect, "_BATCH", 2)
    for _ in range(3):
        return_announce.run(one.context)
    leave(one, goes)
    pull(one)
    for _ in range(2):
        return_announce.run(one.context)
    assert states(one, goes) == ["expected"]
    assert [states(one, order_id) for order_id in stay] == [["waiting"]] * 3


def test_one_late_cancellation_that_cannot_be_taken_up_holds_up_no_other(
    one: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = (packed(one, line(TEE)) for _ in range(2))
    for order_id in (bad, good):
        cancel_order.run(one.context, order_id, actor="ops", reason="customer called")
    cancel_ask.run(one.context)
    expecting = return_expect.expect

    def expect(context: Context, connection: Connection, order_id: int, *args: Any, **more: Any) -> Any:
        if order_id == bad:
            raise KeyError(order_id)
        return expecting(context, connection, order_id, *args, **more)

    with monkeypatch.context() as patched:
        patched.setattr(return_expect, "expect", expect)
        return_announce.run(one.context)
    assert (states(one, bad), states(one, good)) == ([], ["waiting"])
    (told,) = exceptions_of(one, "defect", f"return_expect:order:{bad}")
    assert told.state == "open"
    return_announce.run(one.context)
    assert states(one, bad) == ["waiting"]
    (told,) = exceptions_of(one, "defect", f"return_expect:order:{bad}")
    assert told.state == "resolved"


def test_a_unit_that_left_although_it_was_cancelled_comes_back_without_a_refund(one: World) -> None:
    order_id = accepted(one, line(TEE, 2))
    first, other = unit_ids(one, order_id)
    close_in_scayle(one, order_id, [first])
    cancel_learn.run(one.context, order_id)
    cancel_ask.run(one.context)
    advance_in_scend(one, order_id, "PACKED")
    leave(one, order_id)
    pull(one)
    tell(one, order_id)
    assert statuses(one, order_id) == {"delivered": 1, "undeliverable": 1}
    return_announce.run(one.context)
    (made,) = held_returns(one, order_id)
    assert (made.units, made.state) == ([first], "expected")

    receive(one, made.rma_number, (TEE, 1))
    come_back(one, order_id)
    assert not booked(one, order_id)
    assert unit_rows(one, order_id)[first].decision == "nothing_due"
    blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    assert refunded_units(one, order_id) == [other], "the unit that was paid for is refunded when it comes"
    one.advance(days=31)
    check(one)
    assert "refund_overdue" not in open_kinds(one, order_id)
    money_holds(one, order_id)


def test_whether_the_paid_or_the_cancelled_unit_came_is_a_persons_question(one: World) -> None:
    order_id = accepted(one, line(TEE, 2))
    first, _other = unit_ids(one, order_id)
    close_in_scayle(one, order_id, [first])
    cancel_learn.run(one.context, order_id)
    cancel_ask.run(one.context)
    advance_in_scend(one, order_id, "PACKED")
    leave(one, order_id)
    pull(one)
    tell(one, order_id)
    returned = blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    assert not booked(one, order_id)
    assert receipt_of(one, returned).state == "held"
    assert "return_held" in open_kinds(one, order_id)


def test_the_time_machine_tells_a_returns_story(one: World) -> None:
    from syncbridge.reports.fact_wording import wording
    from syncbridge.reports.facts import facts_of

    order_id = shipped(one, line(TEE))
    blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    with one.context.ledger.reading() as connection:
        told = [wording(fact) for fact in facts_of(connection, order_id)]
    (unit,) = unit_ids(one, order_id)
    for words in (
        "a parcel came back without an announcement, known by its reference",
        f"1 × {TEE} came back (resaleable, restock)",
        f"unit {unit} returned by receipt",
        "to be refunded, the goods restocked",
        f"SCAYLE shows unit {unit} as returned",
        f"SCAYLE shows the refund of unit {unit}",
    ):
        assert any(words in sentence for sentence in told), (words, told)
    assert events(one, order_id).count("units_returned") == 1


def test_what_is_restocked_reaches_the_shop_as_stock_only(one: World) -> None:
    order_id = shipped(one, line(TEE, 2))
    before = published(one)
    blind(one, (TEE, 1), clientReference=reference(order_id))
    come_back(one, order_id)
    assert in_shop(one) == before, "the return itself writes no stock"
    assert published(one) == before + 1
    scrapped = {"sku": TEE, "quantity": 1, "conditionCode": "DAMAGED", "disposition": "SCRAP"}
    one.post(one.scend, "returns/unannounced", {"lines": [scrapped], "clientReference": reference(order_id)})
    come_back(one, order_id)
    assert len(refunds(one, order_id)) == 2
    assert published(one) == before + 1


def published(one: World) -> int:
    """Publish stock, and return what SCAYLE holds of the SKU."""
    for _ in range(2):
        one.advance(minutes=2)
        order_poll.run(one.context)
        status_pull.run(one.context)
        stock_sync.run(one.context)
    return in_shop(one)


def in_shop(one: World) -> int:
    (row,) = [row for row in one.state(one.scayle, "stock")["stock"] if row["sku"] == TEE]
    return int(row["quantity"])


# ---- several workers at once, on both databases


@pytest.fixture
def fresh(ledger_url: str, tmp_path: Path) -> Iterator[World]:
    with world(ledger_url, tmp_path) as made:
        stock(made)
        yield made


def test_workers_that_match_the_same_goods_at_once_refund_them_once(fresh: World) -> None:
    orders = [shipped(fresh, line(TEE, 3)) for _ in range(3)]
    for order_id in orders:
        for _ in range(2):
            blind(fresh, (TEE, 1), clientReference=reference(order_id))
    gate = threading.Barrier(4)

    def work() -> None:
        gate.wait(timeout=60)
        for _ in range(2):
            return_pull.run(fresh.context)
            return_push.run(fresh.context)

    workers = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    come_back(fresh)
    for order_id in orders:
        assert refunded_units(fresh, order_id) == unit_ids(fresh, order_id)[:2]
        money_holds(fresh, order_id)
        assert not open_kinds(fresh, order_id)
