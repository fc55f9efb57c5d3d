"""Order poll: what no delegation brought is found, once, after its grace time."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from flow_world import World, line, world
from order_story import (
    JACKET,
    ORDERS,
    TEE,
    calm,
    delegate,
    events,
    exceptions_of,
    in_scend,
    item,
    open_kinds,
    ordered,
    parts,
    push,
    reference,
    rows,
    sqlite_world,
    stock,
    unit_ids,
    with_settings,
)

from syncbridge.domain.errors import Busy, RetryLater
from syncbridge.flows import order_poll
from syncbridge.ledger import feeds
from syncbridge.ledger.tables import order_units
from syncbridge.ports.shop import Shop

NEVER_DELEGATED = {"delegationDelaySeconds": 900_000}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with sqlite_world(tmp_path_factory.mktemp("poll")) as made:
        yield made


@pytest.fixture(autouse=True)
def _calm(one: World) -> Iterator[None]:
    yield
    calm(one)


def position(one: World) -> feeds.Position:
    with one.context.ledger.reading() as connection:
        return feeds.position(connection, order_poll.NAME)


def test_an_order_without_delegation_is_taken_in_after_its_grace_time_and_not_before(one: World) -> None:
    order_id = one.place(line(TEE, 2), **NEVER_DELEGATED)
    one.advance(seconds=50)
    order_poll.run(one.context)
    assert parts(one, order_id) == []
    one.advance(seconds=15)
    assert order_poll.run(one.context)["healed"] == 1
    assert order_poll.run(one.context)["healed"] == 0
    push(one, order_id)
    (held,) = in_scend(one, order_id)
    assert ordered(held) == {TEE: 2}
    assert events(one, order_id)[0] == "healed_by_poll"


def test_a_delegation_that_comes_after_the_poll_brings_nothing_new(one: World) -> None:
    order_id = one.place(line(TEE, 2), **NEVER_DELEGATED)
    one.advance(seconds=65)
    order_poll.run(one.context)
    one.post(one.scayle, f"orders/{order_id}/delegate", {})
    one.delegated(order_id)
    assert [part.reference for part in parts(one, order_id)] == [reference(order_id)]
    push(one, order_id)
    assert len(in_scend(one, order_id)) == 1


def test_an_order_that_is_not_confirmed_or_already_cancelled_is_left_alone(one: World) -> None:
    open_one = one.place(line(TEE), confirm=False)
    gone = one.place(line(TEE), **NEVER_DELEGATED)
    one.post(one.scayle, f"orders/{gone}/cancel", {"wait": True})
    one.advance(seconds=65)
    order_poll.run(one.context)
    assert parts(one, open_one) == parts(one, gone) == []


def test_poll_and_delegation_at_the_same_moment_make_one_order(ledger_url: str, tmp_path: Path) -> None:
    with world(ledger_url, tmp_path) as both:
        stock(both)
        placed = [both.place(line(TEE, 2), **NEVER_DELEGATED) for _ in range(6)]
        both.advance(seconds=65)
        documents = []
        for order_id in placed:
            items = [item(orderItemId=unit) for unit in unit_ids(both, order_id)]
            documents.append({"orderId": order_id, "shopKey": "nb", "countryCode": "GB", "items": items})
        gate = threading.Barrier(4)

        def poll() -> None:
            gate.wait()
            order_poll.run(both.context)

        def deliver() -> None:
            gate.wait()
            for document in documents:
                assert delegate(both, document).status == 201

        with ThreadPoolExecutor(4) as pool:
            for running in [pool.submit(work) for work in (poll, deliver, deliver, poll)]:
                running.result()
        for order_id in placed:
            assert len(parts(both, order_id)) == 1
            assert len(rows(both, order_units, order_id)) == 2


def test_two_hundred_and_fifty_orders_over_several_pages_are_all_found(tmp_path: Path) -> None:
    with sqlite_world(tmp_path) as many:
        brief = {"shop": "nb", "country": "GB", "lines": [line(TEE)], "confirm": True, **NEVER_DELEGATED}
        made = many.post(many.scayle, "orders", {"orders": [brief] * 250})["orders"]
        many.advance(seconds=65)
        assert order_poll.run(many.context) == {"read": 250, "healed": 250}
        assert all(len(parts(many, order["id"])) == 1 for order in made)
        assert order_poll.run(many.context)["healed"] == 0


def test_a_poll_that_fails_half_way_keeps_its_cursor_and_is_told_until_it_succeeds(
    one: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_poll.run(one.context)
    before = position(one)
    order_id = one.place(line(JACKET), **NEVER_DELEGATED)
    one.advance(seconds=65)
    one.fault(one.scayle, "GET", ORDERS, "http", times=2, status=503)
    with pytest.raises(RetryLater):
        order_poll.run(one.context)
    assert position(one) == before
    assert exceptions_of(one, "feed_failing", "feed:orders:scayle") == [], "a hiccup is nobody's business"
    one.advance(minutes=6)
    with pytest.raises(RetryLater):
        order_poll.run(one.context)
    assert [row.state for row in exceptions_of(one, "feed_failing", "feed:orders:scayle")] == ["open"]
    assert order_poll.run(one.context)["healed"] == 1
    assert len(parts(one, order_id)) == 1
    assert position(one) != before
    assert [row.state for row in exceptions_of(one, "feed_failing", "feed:orders:scayle")] == ["resolved"]


def test_an_order_that_cannot_be_taken_in_is_told_stops_no_other_and_is_met_again(
    one: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    order_poll.run(one.context)
    before = position(one)
    bad, good = (one.place(line(TEE), **NEVER_DELEGATED) for _ in range(2))
    one.advance(seconds=65)
    real = order_poll.take_in

    def fails(context: Any, connection: Any, sighting: Any, at: Any) -> Any:
        if sighting.order_id == bad:
            raise ZeroDivisionError
        return real(context, connection, sighting, at)

    monkeypatch.setattr(order_poll, "take_in", fails)
    order_poll.run(one.context)
    assert (len(parts(one, good)), len(parts(one, bad))) == (1, 0)
    assert [row.state for row in exceptions_of(one, "defect", f"order:{bad}")] == ["open"]
    assert position(one) == before
    monkeypatch.setattr(order_poll, "take_in", real)
    order_poll.run(one.context)
    assert len(parts(one, bad)) == 1
    assert [row.state for row in exceptions_of(one, "defect", f"order:{bad}")] == ["resolved"]


def test_a_long_standstill_of_ours_loses_no_order(one: World) -> None:
    order_poll.run(one.context)
    order_id = one.place(line(TEE), **NEVER_DELEGATED)
    one.advance(hours=30)
    order_poll.run(one.context)
    assert len(parts(one, order_id)) == 1


def test_without_the_right_to_read_orders_nothing_is_polled(one: World) -> None:
    blind = with_settings(one, order_reading=False)
    assert order_poll.run(blind.context) == {"read": 0, "healed": 0}


def test_reading_since_an_instant_leaves_the_cursor(one: World) -> None:
    order_poll.run(one.context)
    before = position(one)
    order_id = one.place(line(TEE), **NEVER_DELEGATED)
    one.advance(seconds=65)
    order_poll.run(one.context, since=one.context.now().replace(hour=0))
    assert position(one) == before
    assert len(parts(one, order_id)) == 1
    assert open_kinds(one, order_id) == {}
    assert json.loads(json.dumps(events(one, order_id)))[0] == "healed_by_poll"


def asked_since(one: World, clock: Callable[[], datetime]) -> datetime:
    """Poll once with a shop whose clock says something, and return from when on its orders were asked for."""
    real, since = one.context.shop, []

    class Watched:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def clock(self) -> datetime:
            return clock()

        def orders_changed(self, start: datetime) -> Any:
            since.append(start)
            return real.orders_changed(start)

    order_poll.run(replace(one.context, shop=cast("Shop", Watched())))
    return since[0]


def test_one_answer_with_a_wrong_date_does_not_reach_back_years(one: World) -> None:
    order_poll.run(one.context)
    asked_since(one, lambda: datetime(2020, 1, 1, tzinfo=UTC))
    assert one.context.now() - asked_since(one, one.context.now) < timedelta(days=1)


def test_the_poll_goes_on_where_only_the_shops_clock_is_held_back(one: World) -> None:
    def busy() -> datetime:
        raise Busy("nothing left", after=timedelta(seconds=30))

    order_poll.run(one.context)
    assert one.context.now() - asked_since(one, busy) < timedelta(days=1)
