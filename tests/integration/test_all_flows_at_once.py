"""Every flow at once over the same few orders, on PostgreSQL: nobody waits for anybody in a circle."""

from __future__ import annotations

import random
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from cancel_story import ask_merchants, call
from flow_world import World, erp_line, line, world
from order_story import TEE, close_in_scayle, parts, push, reference, stock
from split_story import both_delegated, erp_leaves, erp_stock, scend_leaves
from sqlalchemy import text

from connectors.scend.adapter import ScendBackend
from syncbridge.domain.errors import VendorError
from syncbridge.flows import (
    cancel_ask,
    cancel_learn,
    cancel_order,
    cancellation_push,
    despatch_pull,
    escalate,
    order_poll,
    order_push,
    return_announce,
    return_check,
    return_pull,
    return_push,
    shipment_push,
    status_pull,
    sweep,
)

ORDERS = 8
SECONDS = 8.0


@pytest.fixture
def one(postgres_ledger_url: str, tmp_path: Path) -> Iterator[World]:
    with world(postgres_ledger_url, tmp_path, both=True) as made:
        stock(made)
        erp_stock(made)
        ask_merchants(made, "scend", "orderwise")
        yield made


def where(error: Exception) -> str:
    """Say through which lines of ours an error came."""
    frames = traceback.extract_tb(error.__traceback__)
    return " > ".join(f"{Path(one.filename).stem}:{one.lineno}" for one in frames if "/syncbridge/" in one.filename)


def deadlocks(one: World) -> int:
    """Return how often the server had to end a circle of waiting, by its own count."""
    with one.context.ledger.reading() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        found = connection.execute(
            text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        )
        return int(found.scalar_one())


def test_pages_that_name_the_same_orders_in_other_turns_make_nobody_wait_for_ever(
    one: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = deadlocks(one)
    one.fault(one.scend, "POST", "/orders", "timeout_after", times=2)
    orders = [one.delegated(one.place(line(TEE))) for _ in range(2)]
    for order_id in orders:
        push(one, order_id)
        assert [part.state for part in parts(one, order_id)] == ["sent"]
        scend_leaves(one, order_id)
    halfway = {module: threading.Event() for module in (status_pull, despatch_pull)}
    read = ScendBackend.orders_changed

    def reversed_pages(self: ScendBackend, cursor: str | None, since: datetime | None) -> Iterator[Any]:
        return (replace(page, rows=page.rows[::-1]) for page in read(self, cursor, since))

    def pausing(module: Any, other: Any) -> Callable[..., Any]:
        noting = module.note

        def note(*arguments: Any, **named: Any) -> Any:
            done = noting(*arguments, **named)
            halfway[module].set()
            halfway[other].wait(2)
            return done

        return note

    notes = pausing(status_pull, despatch_pull), pausing(despatch_pull, status_pull)
    monkeypatch.setattr(ScendBackend, "orders_changed", reversed_pages)
    for module, note in zip((status_pull, despatch_pull), notes, strict=True):
        monkeypatch.setattr(module, "note", note)
    with ThreadPoolExecutor(2) as pool:
        for pull in [pool.submit(module.run, one.context) for module in (status_pull, despatch_pull)]:
            pull.result()
    assert deadlocks(one) == before


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_no_two_transactions_ever_wait_for_each_other_in_a_circle(one: World) -> None:
    chance, context = random.Random(7), one.context
    orders = [both_delegated(one, one.place(line(TEE, 3), erp_line(TEE, 3))) for _ in range(ORDERS)]
    before = deadlocks(one)
    until = time.monotonic() + SECONDS
    troubles: Counter[str] = Counter()

    def shopper() -> None:
        merchant, warehouse = chance.choice((("scend", 12), ("orderwise", 13)))
        call(one, chance.choice(orders), merchant, seconds=0.5, warehouseIds=[warehouse])

    def panel() -> None:
        """SCAYLE by itself, or an operator of ours, cancels a unit of an order."""
        order_id = chance.choice(orders)
        unit = chance.choice(one.units(order_id))["itemId"]
        if chance.random() < 0.3:
            with suppress(VendorError):
                close_in_scayle(one, order_id, [unit])
            cancel_learn.run(context, order_id)
        else:
            with suppress(cancel_order.CannotCancel):
                cancel_order.run(context, order_id, units=[unit], reason="by hand", actor="test")

    def floor() -> None:
        """The warehouses take a step with an order, as far as it lets them."""
        order_id = chance.choice(orders)
        with suppress(requests.HTTPError, ValueError):  # not there yet, or too far
            if chance.random() < 0.5:
                one.warehouse(reference(order_id), "advance", {"to": chance.choice(("PICKING", "PICKED"))})
            elif chance.random() < 0.3:
                erp_leaves(one, order_id, f"EXP{order_id}")
            else:
                scend_leaves(one, order_id)

    def rounds(*flows: Any) -> Callable[[], None]:
        def one_round() -> None:
            for flow in flows:
                flow.run(context)

        return one_round

    def go_on(act: Callable[[], Any]) -> None:
        while time.monotonic() < until:
            try:
                act()
            except Exception as error:
                troubles[f"{where(error)}: {type(error).__name__}: {error}"] += 1

    acts = [
        shopper,
        shopper,
        panel,
        floor,
        rounds(order_push, cancel_ask, shipment_push),
        rounds(cancel_ask, cancellation_push, status_pull),
        rounds(status_pull, despatch_pull, shipment_push),
        rounds(order_poll, sweep, escalate, despatch_pull),
        rounds(return_announce, return_pull, return_push, return_check),
    ]
    with ThreadPoolExecutor(len(acts)) as pool:
        list(pool.map(go_on, acts))
    assert deadlocks(one) == before, troubles
    assert not troubles
