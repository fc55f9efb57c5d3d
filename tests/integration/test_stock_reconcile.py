"""The full compare with the shop's own numbers: isolated per SKU, resumable, in bounded memory and within the quota."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from stock_stage import ACCOUNT, Stage, staged

from syncbridge.domain.errors import Busy, CallEvidence, Misconfigured, NotFound, RetryLater
from syncbridge.domain.stock import ShopStock
from syncbridge.flows import stock_reconcile
from syncbridge.flows.context import Context
from syncbridge.flows.stock_calls import answers
from syncbridge.ledger import feeds
from syncbridge.ports.quota import Lane
from syncbridge.ports.shop import Shop
from syncbridge.reports.stock_levels import comparisons


@pytest.fixture
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("reconcile")) as made:
        yield made


class Reads:
    """A shop whose reads go through a test's hands."""

    def __init__(self, real: Shop) -> None:
        self._real = real
        self.lanes: set[Lane | None] = set()
        self.read: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def read_stock(self, sku: str, lane: Lane | None = None) -> tuple[ShopStock, ...]:
        self.lanes.add(lane)
        self.read.append(sku)
        return self._real.read_stock(sku, lane)


def seen_by(stage: Stage, reads: Reads, **more: Any) -> Context:
    return replace(stage.world.context, shop=cast("Shop", reads), **more)


def evidence(status: int) -> CallEvidence:
    return CallEvidence("scayle", "read stock", status)


def test_a_sku_that_cannot_be_read_is_counted_and_the_rest_goes_on(stage: Stage) -> None:
    bad, edited, right = stage.skus(3, 5)
    stage.sync()
    stage.world.advance(seconds=30)
    stage.edit(edited, 99)

    class Broken(Reads):
        def read_stock(self, sku: str, lane: Lane | None = None) -> tuple[ShopStock, ...]:
            if sku == bad:
                raise RetryLater("the answer cannot be read", evidence(500))
            return super().read_stock(sku, lane)

    reads = Broken(stage.world.context.shop)
    drift = stock_reconcile.run(seen_by(stage, reads))
    assert (drift.unreadable, drift.edited, drift.skus_off) == (1, 1, 1)
    assert right in reads.read
    assert reads.lanes == {Lane.BULK}, "orders and stock deltas go first"
    with stage.world.context.ledger.reading() as connection:
        assert comparisons(connection, 1)[0].unreadable == 1
    stage.sync()
    assert stage.held(edited) == 5


def test_a_sku_deleted_in_the_shop_is_one_trouble_and_is_written_again_once_it_is_back(stage: Stage) -> None:
    gone, here = stage.skus(2, 5)
    stage.sync()

    class Deleted(Reads):
        def read_stock(self, sku: str, lane: Lane | None = None) -> tuple[ShopStock, ...]:
            if sku == gone:
                raise NotFound("no such SKU", evidence(404))
            return super().read_stock(sku, lane)

    deleted = seen_by(stage, Deleted(stage.world.context.shop))
    assert [stock_reconcile.run(deleted).unknown for _ in range(2)] == [1, 0]
    assert len(stage.troubles("stock_refused", gone)) == 1
    stage.sync()
    assert (stage.held(gone), stage.held(here)) == (5, 5)
    assert stage.troubles("stock_refused", gone) == [], "it is back"


def test_a_shop_that_is_away_stops_the_compare_and_the_next_one_goes_on_there(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    skus = stage.skus(12, 5)
    stage.sync()
    monkeypatch.setattr(stock_reconcile, "BATCH", 4)
    monkeypatch.setattr(stock_reconcile, "FAILURES_IN_A_ROW", 3)

    class Away(Reads):
        def read_stock(self, sku: str, lane: Lane | None = None) -> tuple[ShopStock, ...]:
            if sku >= skus[6]:
                raise RetryLater("away", evidence(503))
            return super().read_stock(sku, lane)

    with pytest.raises(RetryLater):
        stock_reconcile.run(seen_by(stage, Away(stage.world.context.shop)))
    reads = Reads(stage.world.context.shop)
    drift = stock_reconcile.run(seen_by(stage, reads))
    assert 6 <= len(reads.read) < 12, "the first batches are not read again"
    assert set(skus[6:]) <= set(reads.read)
    assert (drift.skus, drift.unreadable) == (12, 0)
    with stage.world.context.ledger.reading() as connection:
        assert len(comparisons(connection, 9)) == 1


def test_a_compare_that_was_killed_is_rung_for_and_taken_up(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.skus(9, 5)
    stage.sync()
    monkeypatch.setattr(stock_reconcile, "BATCH", 3)

    class Killed(BaseException):
        pass

    class Dies(Reads):
        def read_stock(self, sku: str, lane: Lane | None = None) -> tuple[ShopStock, ...]:
            if len(self.read) > 4:
                raise Killed
            return super().read_stock(sku, lane)

    with pytest.raises(Killed):
        stock_reconcile.run(seen_by(stage, Dies(stage.world.context.shop)))
    for minutes, rung in ((1, False), (10, True)):
        stage.world.advance(minutes=minutes)
        stage.world.bell.rings.clear()
        stage.sync()
        assert (("stock_reconcile",) in stage.world.bell.rings) is rung
    reads = Reads(stage.world.context.shop)
    assert stock_reconcile.run(seen_by(stage, reads)).skus == 9
    assert len(reads.read) == 6
    stage.sync()
    assert not stock_reconcile.was_left(stage.world.context, ACCOUNT)


def test_a_compare_left_for_long_begins_anew(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.skus(6, 5)
    stage.sync()
    monkeypatch.setattr(stock_reconcile, "BATCH", 3)

    class Refused(Reads):
        def read_stock(self, sku: str, lane: Lane | None = None) -> tuple[ShopStock, ...]:
            if len(self.read) > 4:
                raise Misconfigured("refused", evidence(403))
            return super().read_stock(sku, lane)

    with pytest.raises(Misconfigured):
        stock_reconcile.run(seen_by(stage, Refused(stage.world.context.shop)))
    stage.world.advance(hours=7)
    assert stock_reconcile.run(stage.world.context).skus == 6


def test_a_used_up_quota_is_waited_for(stage: Stage) -> None:
    sku = stage.sku(5)
    stage.sync()
    waits: list[float] = []

    class Short(Reads):
        def read_stock(self, name: str, lane: Lane | None = None) -> tuple[ShopStock, ...]:
            if name == sku and len(waits) < 5:
                raise Busy("nothing left for bulk", after=timedelta(seconds=7))
            return super().read_stock(name, lane)

    context = seen_by(stage, Short(stage.world.context.shop), sleep=waits.append)
    assert stock_reconcile.run(context).unreadable == 0
    assert waits == [7.0] * 5


def test_a_second_compare_at_once_stops_and_leaves_one_row(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.skus(9, 5)
    stage.sync()
    monkeypatch.setattr(stock_reconcile, "BATCH", 3)
    nested: list[stock_reconcile.Drift] = []

    class Twice(Reads):
        def read_stock(self, sku: str, lane: Lane | None = None) -> tuple[ShopStock, ...]:
            if len(self.read) == 4:
                self.read.append(sku)
                nested.append(stock_reconcile.run(stage.world.context))
            return super().read_stock(sku, lane)

    stock_reconcile.run(seen_by(stage, Twice(stage.world.context.shop)))
    with stage.world.context.ledger.reading() as connection:
        rows = comparisons(connection, 9)
        assert feeds.position(connection, f"stock-compare:{ACCOUNT}") == feeds.Position(None, None)
    assert nested and len(rows) == 1


def test_answers_come_in_order_and_few_calls_are_under_way_at_once() -> None:
    under_way, most, lock = 0, 0, threading.Lock()
    begun: list[int] = []

    def call(number: int) -> int:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
            begun.append(number)
        time.sleep(0.002 if number % 3 else 0.01)
        with lock:
            under_way -= 1
        if number == 7:
            raise ValueError(number)
        return number * 2

    found = answers(call, iter(range(40)), threads=4)
    first = [next(found) for _ in range(5)]
    assert len(begun) <= 5 + 2 * 4, "nobody reads far ahead of whoever takes the answers"
    rest = list(found)
    assert [item for item, _ in first + rest] == list(range(40))
    assert isinstance(rest[2][1], ValueError)
    assert rest[-1] == (39, 78)
    assert 1 < most <= 4


def test_a_shop_that_leaves_out_what_it_has_none_of_has_not_drifted(stage: Stage) -> None:
    none, some = stage.sku(0), stage.sku(5)
    stage.sync()

    class Short(Reads):
        def read_stock(self, sku: str, lane: Lane | None = None) -> tuple[ShopStock, ...]:
            return tuple(one for one in super().read_stock(sku, lane) if one.quantity and sku == none)

    drift = stock_reconcile.run(seen_by(stage, Short(stage.world.context.shop)))
    assert (drift.skus, drift.skus_off, drift.units_off) == (2, 1, 5), "units that are gone from it are drift"
    stage.sync()
    assert (stage.held(none), stage.held(some)) == (0, 5)
