"""Returns in the very moment of something else: two people, SCAYLE's panel, a cancellation that grows. On both engines."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from flow_world import World, line, world
from order_story import JACKET, TEE, packed, reference, rows, stock, unit_ids
from return_story import (
    announced,
    blind,
    come_back,
    held_returns,
    money_holds,
    receive,
    refunded_units,
    return_in_panel,
    shipped,
    the_receipts,
)
from sqlalchemy import text

from syncbridge.domain.errors import VendorError
from syncbridge.domain.returns import ReturnReason
from syncbridge.flows import (
    cancel_ask,
    cancel_order,
    order_poll,
    refund_watch,
    return_announce,
    return_check,
    return_decide,
    return_expect,
    return_match,
    return_pull,
    return_push,
    return_settle,
)
from syncbridge.ledger import late_cancellations, receipts, returns
from syncbridge.ledger import refunds as shown_refunds
from syncbridge.ledger.tables import exceptions

# How long one side waits in the middle of its transaction for the other, which may have to wait for it to end.
PATIENCE_SECONDS = 1.5
STORM_SECONDS = 6.0


def deadlocks(one: World) -> int:
    """Return how often the server had to end a circle of waiting, by its own count."""
    with one.context.ledger.reading() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        found = connection.execute(
            text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        )
        return int(found.scalar_one())


@pytest.fixture
def one(ledger_url: str, tmp_path: Path) -> Iterator[World]:
    with world(ledger_url, tmp_path) as made:
        stock(made)
        yield made


def test_goods_that_are_matched_while_the_panel_returns_their_units_make_nobody_wait_for_ever(
    one: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = shipped(one, line(TEE, 2))
    units = unit_ids(one, order_id)
    # Goods without a number are taken for the unit that nobody waits for, so the higher one comes first.
    announced(one, order_id, units[0])
    blind(one, (TEE, 2), clientReference=reference(order_id))
    first_looked, first_taken = threading.Event(), threading.Event()
    inserting, taking = shown_refunds.insert_row, receipts.insert_row
    looked: list[Any] = []

    def look_slowly(*args: Any, **more: Any) -> Any:
        added = inserting(*args, **more)
        if threading.current_thread() is looker:
            first_looked.set()
            first_taken.wait(PATIENCE_SECONDS)
        return added

    def take_slowly(connection: Any, table: Any, *args: Any, **more: Any) -> Any:
        added = taking(connection, table, *args, **more)
        if table is receipts.returned_units:
            first_taken.set()
        return added

    def look() -> None:
        try:
            looked.append(refund_watch.look(one.context, order_id))
        except Exception as error:  # whatever it is, the test shows it
            looked.append(error)

    looker = threading.Thread(target=look)
    settling = return_settle.settle

    def settle(*args: Any, **more: Any) -> bool:
        if not looker.ident:
            return_in_panel(one, *units)
            looker.start()
            first_looked.wait(PATIENCE_SECONDS)
        return settling(*args, **more)

    monkeypatch.setattr(shown_refunds, "insert_row", look_slowly)
    monkeypatch.setattr(receipts, "insert_row", take_slowly)
    monkeypatch.setattr("syncbridge.flows.return_match.settle", settle)
    come_back(one, order_id)
    looker.join(30)
    assert not looker.is_alive()
    assert [type(one).__name__ for one in looked] == ["ShopOrder"], looked
    come_back(one, order_id)
    assert refunded_units(one, order_id) == units
    money_holds(one, order_id)


def add_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have two that are about to record a return do it in the same moment, where nothing keeps them apart."""
    together = threading.Barrier(2)
    adding = returns.add

    def add(*args: Any, **more: Any) -> Any:
        with suppress(threading.BrokenBarrierError):
            together.wait(PATIENCE_SECONDS)
        return adding(*args, **more)

    monkeypatch.setattr(returns, "add", add)


def test_two_people_who_announce_the_same_unit_at_once_get_one_number(one: World, monkeypatch: pytest.MonkeyPatch) -> None:
    order_id = shipped(one, line(TEE))
    add_together(monkeypatch)

    def announce(actor: str) -> Any:
        return return_expect.announce(
            one.context, order_id, unit_ids(one, order_id), reason=ReturnReason.OTHER, actor=actor
        )

    with ThreadPoolExecutor(2) as pool:
        made = list(pool.map(announce, ("anna", "ben")))
    assert len(held_returns(one, order_id)) == 1
    assert sorted(len(each.returns) for each in made) == [0, 1]


def test_workers_that_take_up_the_same_late_cancellation_expect_its_goods_once(
    one: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = packed(one, line(TEE, 2))
    cancel_order.run(one.context, order_id, actor="ops", reason="customer called")
    cancel_ask.run(one.context)
    add_together(monkeypatch)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(return_expect.take_up_cancellations, one.context) for _ in range(2)]:
            done.result()
    assert len(held_returns(one, order_id)) == 1


def test_a_unit_that_joins_a_late_cancellation_while_it_is_taken_up_gets_its_return_too(
    one: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_id = packed(one, line(TEE, 2))
    cancel_order.run(one.context, order_id, actor="ops", reason="customer called")
    cancel_ask.run(one.context)
    waiting = late_cancellations.waiting_for_return

    def a_moment_ago(*args: Any, **more: Any) -> Any:
        return [replace(found, units=found.units[:1]) for found in waiting(*args, **more)]

    with monkeypatch.context() as patched:
        patched.setattr(late_cancellations, "waiting_for_return", a_moment_ago)
        return_expect.take_up_cancellations(one.context)
    return_expect.take_up_cancellations(one.context)
    expected = sorted(unit for row in held_returns(one, order_id) for unit in row.units)
    assert expected == unit_ids(one, order_id)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_no_two_transactions_about_returns_wait_for_each_other_in_a_circle(postgres_url: str, tmp_path: Path) -> None:
    with world(postgres_url, tmp_path) as one:
        stock(one)
        orders = [shipped(one, line(TEE, 2), line(JACKET, 2)) for _ in range(4)]
        chance, before = random.Random(11), deadlocks(one)
        until = time.monotonic() + STORM_SECONDS
        troubles: Counter[str] = Counter()

        def goods() -> None:
            """A parcel comes back, announced or not, in any condition."""
            order_id, sku = chance.choice(orders), chance.choice((TEE, JACKET))
            numbers = [row.rma_number for row in held_returns(one, order_id) if row.state == "expected"]
            with suppress(requests.HTTPError):
                if numbers and chance.random() < 0.6:
                    condition = chance.choice(("RESALEABLE", "FAULTY", "WORN"))
                    receive(one, chance.choice(numbers), (sku, 1), condition=condition, close=chance.random() < 0.5)
                else:
                    blind(one, (sku, chance.randint(1, 2)), clientReference=reference(order_id))

        def desk() -> None:
            """Customer service announces units, and answers what it is asked."""
            order_id = chance.choice(orders)
            some = chance.sample(unit_ids(one, order_id), chance.randint(1, 4))
            with suppress(return_expect.NotReturnable):
                return_expect.announce(one.context, order_id, some, reason=ReturnReason.OTHER, actor="anna")
            for receipt in the_receipts(one):
                if receipt.decision == "ask" and chance.random() < 0.3:
                    with suppress(return_decide.NotDecidable):
                        refund = chance.random() < 0.7
                        return_decide.run(one.context, receipt.id, refund=refund, actor="anna", reason="seen")

        def panel() -> None:
            """Somebody refunds a unit in SCAYLE, and SCAYLE tells of it."""
            order_id = chance.choice(orders)
            out = [unit["itemId"] for unit in one.units(order_id) if unit["status"] == "delivered"]
            if out and chance.random() < 0.3:
                with suppress(VendorError):
                    return_in_panel(one, chance.choice(out))
            refund_watch.look(one.context, order_id)

        def rounds(*flows: Any) -> Callable[[], None]:
            def one_round() -> None:
                for flow in flows:
                    flow.run(one.context)

            return one_round

        def go_on(act: Callable[[], Any]) -> None:
            while time.monotonic() < until:
                try:
                    act()
                except Exception as error:  # whatever it is, the test shows it
                    troubles[f"{type(error).__name__}: {str(error).splitlines()[0]}"] += 1

        acts = [goods, desk, panel, panel, rounds(return_pull), rounds(return_pull, return_push), rounds(return_match, return_push),
                rounds(return_announce, return_check), rounds(order_poll, return_match)]  # fmt: skip
        with ThreadPoolExecutor(len(acts)) as pool:
            list(pool.map(go_on, acts))
        assert deadlocks(one) == before, troubles
        assert not troubles
        for _ in range(3):
            come_back(one)
        for order_id in orders:
            money_holds(one, order_id)
            assert not {row.kind for row in rows(one, exceptions, order_id)} & {"defect"}
