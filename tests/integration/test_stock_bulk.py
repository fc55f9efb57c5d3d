"""Many numbers at once: every outcome accounted for, nothing sent round in circles, judged by what the shop holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from flow_world import line
from stock_stage import Stage, feed_positions, restore, staged

from syncbridge.domain.errors import CallEvidence, NeedsPerson
from syncbridge.domain.stock import ShopStock, StockWrite
from syncbridge.flows import stock_bulk, stock_reconcile, stock_sync
from syncbridge.flows.context import Context
from syncbridge.ledger import stock
from syncbridge.ledger.stock import Level
from syncbridge.ports.quota import Lane
from syncbridge.ports.shop import Shop


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("bulk")) as made:
        yield made


class Counted:
    """A shop whose calls are counted."""

    def __init__(self, real: Shop) -> None:
        self._real = real
        self.singles: list[str] = []
        self.requests: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def write_stock(self, write: StockWrite) -> ShopStock:
        self.singles.append(write.sku)
        return self._real.write_stock(write)

    def write_stocks(self, writes: Sequence[StockWrite]) -> str:
        self.requests.append(len(writes))
        return self._real.write_stocks(writes)


def counted(context: Context) -> tuple[Context, Counted]:
    shop = Counted(context.shop)
    return replace(context, shop=cast("Shop", shop)), shop


def levels(stage: Stage, skus: list[str]) -> list[Level]:
    with stage.world.context.ledger.reading() as connection:
        return [one for one in stock.levels(connection, "scend:ACME-UK") if one.sku in skus]


def test_several_requests_with_failures_in_between_are_accounted_sku_by_sku(stage: Stage) -> None:
    stage.sync()  # what the warehouse has from the beginning and the shop does not
    first, second = stage.skus(17, 5), stage.skus(18, 6)
    unknown = stage.skus(3, 5, known=False)
    context, shop = counted(stage.bulky(5, chunk=7))
    summary = stage.sync(context)
    assert (summary.published, summary.unknown, summary.waiting) == (35, 3, 0)
    assert ({stage.held(sku) for sku in first}, {stage.held(sku) for sku in second}) == ({5}, {6})
    assert {len(stage.troubles("stock_refused", sku)) for sku in unknown} == {1}
    assert (sum(shop.requests), max(shop.requests)) == (38, 7)
    assert shop.singles == []
    assert all(one.sent_at is None for one in levels(stage, [*first, *second, *unknown]))
    again = stage.sync(context)
    assert (again.published, again.unknown, again.waiting) == (0, 0, 0)


def test_a_bad_sku_in_a_large_request_is_found_in_few_calls_and_costs_its_neighbours_nothing(stage: Stage) -> None:
    skus, unknown = stage.skus(110, 5), stage.sku(5, known=False)
    context, shop = counted(stage.bulky(50, chunk=60))
    summary = stage.sync(context)
    assert (summary.published, summary.unknown, summary.waiting) == (110, 1, 0)
    assert {stage.held(sku) for sku in skus} == {5}
    assert len(stage.troubles("stock_refused", unknown)) == 1
    assert sorted(shop.requests)[-2:] == [51, 60]
    assert (max(sorted(shop.requests)[:-2]), shop.singles) == (20, [])


@pytest.mark.parametrize("effect", [True, False])
def test_a_bulk_request_whose_answer_is_lost_is_made_sure_of_in_the_same_run(stage: Stage, effect: bool) -> None:
    skus = stage.skus(12, 5)
    stage.fault("bulk-requests$", times=1, effect=effect)
    context, shop = counted(stage.bulky(5, chunk=4))
    try:
        summary = stage.sync(context)
    finally:
        stage.no_faults()
    assert {stage.held(sku) for sku in skus} == {5}
    assert (summary.published, summary.waiting, len(shop.singles)) == (12, 0, 4)
    assert stage.sync(context).published == 0


def test_a_request_that_never_ends_does_not_keep_its_numbers_from_the_shop(stage: Stage) -> None:
    skus = stage.skus(6, 5)
    stage.world.put(stage.world.scayle, "settings", {"bulkStepSeconds": 1000.0})
    context, shop = counted(stage.bulky(5, chunk=3))
    try:
        summary = stage.sync(replace(context, sleep=lambda _seconds: None))
    finally:
        stage.world.put(stage.world.scayle, "settings", {"bulkStepSeconds": 0.0})
    assert {stage.held(sku) for sku in skus} == {5}
    assert (summary.published, sorted(shop.singles)) == (6, skus)


def test_a_shop_that_refuses_bulk_requests_is_told_each_number_and_somebody_is_told_of_it(stage: Stage) -> None:
    skus = stage.skus(9, 5)
    context, _shop = counted(stage.bulky(5, chunk=3))

    class Closed(Counted):
        def write_stocks(self, writes: Sequence[StockWrite]) -> str:
            raise NeedsPerson("closed", CallEvidence("scayle", "write stock in bulk", 400, "NOT_ALLOWED"))

    closed = replace(context, shop=cast("Shop", Closed(stage.world.context.shop)))
    assert stage.sync(closed).published == 9
    assert {stage.held(sku) for sku in skus} == {5}
    assert [one.cause for one in stage.troubles("stock_refused", "stock:bulk")] == [
        "the shop refuses bulk requests: NOT_ALLOWED"
    ]
    for sku in skus:
        stage.shelf(sku, 6)
    stage.sync(context)
    assert stage.troubles("stock_refused", "stock:bulk") == []


def test_a_first_number_that_the_shop_ignores_in_bulk_is_noticed(stage: Stage) -> None:
    """Whoever wrote stock before us may have stamped it "now": nobody knows what the shop holds."""
    skus = stage.skus(8, 5)
    ahead = (stage.world.clock.now() + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    for sku in skus[:2]:
        stage.edit(sku, 999, changedAt=ahead)
    summary = stage.sync(stage.bulky(5))
    assert (summary.ignored, stage.held(skus[0]), stage.held(skus[7])) == (2, 999, 5)
    stage.world.advance(seconds=40)
    stage.sync()
    assert {stage.held(sku) for sku in skus} == {5}


def test_a_single_write_that_is_answered_with_nothing_is_read_back_if_it_takes_units_off_sale(stage: Stage) -> None:
    sku, other = stage.skus(2, 5)
    stage.sync()

    class Mute(Counted):
        """Says 204 to everything, and ignores the write of one SKU."""

        def write_stock(self, write: StockWrite) -> ShopStock:
            if write.sku != sku:
                super().write_stock(write)
            return ShopStock(write.sku, write.warehouse, write.merchant, quantity=None, changed_at=None)

    stage.shelf(sku, 2)
    stage.shelf(other, 2)
    mute = cast("Shop", Mute(stage.world.context.shop))
    assert stage.sync(replace(stage.world.context, shop=mute)).ignored == 1
    assert (stage.held(sku), stage.held(other)) == (5, 2)
    stage.sync()
    assert stage.held(sku) == 2


def test_many_sell_outs_go_in_bulk_before_anything_else(stage: Stage) -> None:
    skus, others = stage.skus(10, 5), stage.skus(10, 5)
    stage.sync()
    for sku in skus:
        stage.shelf(sku, 0)
    for sku in others:
        stage.shelf(sku, 9)
    lots: list[set[int]] = []

    class Watched(Counted):
        def write_stocks(self, writes: Sequence[StockWrite]) -> str:
            lots.append({one.quantity for one in writes})
            return super().write_stocks(writes)

    context = stage.bulky(5, chunk=5)
    stage.sync(replace(context, shop=cast("Shop", Watched(context.shop))))
    assert lots == [{0}, {0}, {9}, {9}]
    assert ({stage.held(sku) for sku in skus}, {stage.held(sku) for sku in others}) == ({0}, {9})


def test_sell_outs_leave_before_decreases_and_decreases_before_increases(stage: Stage) -> None:
    down, gone, up = (stage.skus(12, 5) for _ in range(3))
    stage.sync()
    for skus, units in ((up, 9), (down, 4), (gone, 0)):
        for sku in skus:
            stage.shelf(sku, units)
    context, shop = counted(stage.world.context)
    stage.sync(context)
    order = ["gone" if sku in gone else "down" if sku in down else "up" for sku in shop.singles]
    assert set(order[:12]) == {"gone"}
    # Eight leave side by side, so that the last decreases and the first increases may pass each other.
    assert set(order[12:16]) == {"down"} and set(order[-4:]) == {"up"}


def test_a_run_that_is_overtaken_leaves_the_rest_to_the_newer_one(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many numbers are written in rounds; between two of them another run may begin, with newer figures."""
    skus = stage.skus(9, 5)
    monkeypatch.setattr(stock_sync, "ROUND", 3)
    taken: list[str] = []

    class Overtaken:
        @contextmanager
        def lock(self, name: str, life: Any) -> Iterator[bool]:
            taken.append(name)
            yield not (name.startswith("stock:") and taken.count(name) == 4)

    stage.world.bell.rings.clear()
    summary = stage.sync(replace(stage.world.context, coordinator=cast("Any", Overtaken())))
    assert (summary.published, summary.waiting) == (6, 3)
    assert sum(stage.held(sku) == 5 for sku in skus) == 6
    assert ("stock_sync",) in stage.world.bell.rings
    stage.sync()
    assert {stage.held(sku) for sku in skus} == {5}


@pytest.mark.parametrize("many", [999, 1])
def test_a_run_that_looked_earlier_does_not_write_over_one_that_looked_later(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """Two runs out of order: the newer figure has been written when the older run comes to its turn."""
    sku = stage.sku(9)
    stage.sync()
    stage.shelf(sku, 7)
    context, shop = counted(stage.bulky(many))
    real, newer = stock_sync.is_held, []

    def overtaken(*arguments: Any) -> bool:
        if not newer:
            newer.append(sku)
            stage.shelf(sku, 4)
            stage.sync()
        return real(*arguments)

    monkeypatch.setattr(stock_sync, "is_held", overtaken)
    summary = stage.sync(context)
    assert newer and (stage.held(sku), summary.ignored) == (4, 0)
    assert (shop.singles, shop.requests) == ([], []), "what is older is not even sent"


@pytest.mark.parametrize("many", [999, 1])
def test_a_run_that_looked_earlier_writes_nothing_where_the_later_one_found_the_old_number_right(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, many: int
) -> None:
    """The later run had nothing to write, so that no stamp of its own keeps the older figure out."""
    sku = stage.sku(3)
    stage.sync()
    stage.shelf(sku, 5)
    context, shop = counted(stage.bulky(many))
    real, later = stock_sync.is_held, []

    def overtaken(*arguments: Any) -> bool:
        if not later:
            later.append(sku)
            stage.shelf(sku, 3)
            stage.sync()
        return real(*arguments)

    monkeypatch.setattr(stock_sync, "is_held", overtaken)
    stage.sync(context)
    assert later and stage.held(sku) == 3
    assert (shop.singles, shop.requests) == ([], []), "what is older is not even sent"


def test_a_write_in_another_workers_hand_is_not_sent_twice(stage: Stage) -> None:
    """A run that overlaps the last one must not send again what waits for its answer, or neither ever ends."""
    skus = stage.skus(6, 5)
    others: list[int] = []
    context = stage.bulky(5, chunk=3)

    class Slow(Counted):
        def stock_results(self, key: str, writes: Sequence[StockWrite]) -> Any:
            if not others:
                stage.world.advance(seconds=3)
                others.append(stock_sync.run(stage.world.context).published)
            return self._real.stock_results(key, writes)

    summary = stage.sync(replace(context, shop=cast("Shop", Slow(context.shop))))
    assert others == [0], "the other run leaves them alone"
    assert summary.published == 6
    assert {stage.held(sku) for sku in skus} == {5}


def test_a_write_that_a_newer_run_has_overtaken_is_nobodys_trouble(stage: Stage) -> None:
    sku = stage.sku(5)
    stage.sync()
    newer: list[int] = []

    class Slow(Counted):
        def write_stock(self, write: StockWrite) -> ShopStock:
            if not newer:
                newer.append(write.quantity)
                stage.shelf(sku, 2)
                stage.sync()
            return super().write_stock(write)

    stage.shelf(sku, 3)
    context = stage.configured(ignored_limit=1)
    summary = stage.sync(replace(context, shop=cast("Shop", Slow(context.shop))))
    assert newer == [3]
    assert (stage.held(sku), summary.ignored, stage.troubles("stock_ignored")) == (2, 0, [])
    assert [(one.published, one.ignored) for one in levels(stage, [sku])] == [(2, 0)]


@pytest.mark.parametrize("fast", [0, 1])
def test_a_write_whose_worker_died_is_sent_again_within_a_minute(stage: Stage, fast: int) -> None:
    """Also where the clock of that worker was an hour fast, and has been put right since."""
    sku = stage.sku(5)
    before = feed_positions(stage)
    stage.world.clock.ahead += timedelta(hours=fast)

    class Killed(BaseException):
        pass

    class Dies(Counted):
        def write_stock(self, write: StockWrite) -> ShopStock:
            raise Killed

    with pytest.raises(Killed):
        stage.sync(replace(stage.world.context, shop=cast("Shop", Dies(stage.world.context.shop))))
    assert stage.held(sku) is None
    if fast:
        stage.world.clock.ahead -= timedelta(hours=fast)
        restore(stage, before)
    stage.world.advance(seconds=60)
    stage.sync()
    assert stage.held(sku) == 5


def test_blocked_units_taken_off_the_answer_are_not_an_ignored_write(stage: Stage) -> None:
    """Some tenants show a quantity less the units that they block (SCAYLE contract 9, unknown)."""
    sku = stage.sku(9)
    stage.sync()
    stage.world.put(stage.world.scayle, "settings", {"stockDeductsBlocks": True})
    orders: list[int] = []

    class Sells(Counted):
        """Sells two just before the number is written: their blocks are younger than its stamp."""

        def write_stock(self, write: StockWrite) -> ShopStock:
            orders.append(stage.world.place(line(sku, 2)))
            return super().write_stock(write)

    try:
        stage.shelf(sku, 8)
        summary = stage.sync(replace(stage.world.context, shop=cast("Shop", Sells(stage.world.context.shop))))
        assert stage.blocked(sku) == orders * 2
        drift = stock_reconcile.run(stage.world.context)
    finally:
        stage.world.put(stage.world.scayle, "settings", {"stockDeductsBlocks": False})
    assert (summary.published, summary.ignored) == (1, 0)
    assert (drift.skus_off, drift.edited) == (0, 0)
    assert stage.held(sku) == 8
    stage.sync()
    assert (stage.held(sku), stage.troubles("stock_ignored"), stage.troubles("stock_edited")) == (6, [], [])


def test_a_compare_that_is_under_way_begins_anew_where_it_is_to_verify_what_was_just_written(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it has passed already would be believed for a day, and "processed" is said of ignored writes too."""
    skus = stage.skus(9, 5)
    stage.sync()
    monkeypatch.setattr(stock_reconcile, "BATCH", 250)
    monkeypatch.setattr(stock_bulk, "VERIFIED", 2)

    class Killed(BaseException):
        pass

    class Read(Counted):
        def read_stock(self, sku: str, lane: Lane | None = None) -> tuple[ShopStock, ...]:
            self.singles.append(sku)
            return self._real.read_stock(sku, lane)

    def killed(*_arguments: Any) -> None:
        raise Killed

    real, shop = stock_reconcile._end, Read(stage.world.context.shop)
    monkeypatch.setattr(stock_reconcile, "_end", killed)
    with pytest.raises(Killed):
        stock_reconcile.run(replace(stage.world.context, shop=cast("Shop", shop)))
    monkeypatch.setattr(stock_reconcile, "_end", real)
    assert set(skus) <= set(shop.singles), "these are passed already"
    ahead = (stage.world.clock.now() + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    for sku in skus[5:]:
        stage.edit(sku, 999, changedAt=ahead)
    for sku in skus:
        stage.shelf(sku, 2)
    stage.world.bell.rings.clear()
    stage.sync(stage.bulky(5))
    assert ("stock_reconcile",) in stage.world.bell.rings
    drift = stock_reconcile.run(stage.world.context)
    assert drift.edited >= 2
    stage.world.advance(seconds=40)
    stage.sync()
    assert {stage.held(sku) for sku in skus} == {2}
