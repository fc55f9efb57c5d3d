"""Stock under what a trading year brings: bundles, failing warehouses, workers in parallel, mass changes, wrong clocks."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flow_world import line
from sqlalchemy import select
from stock_stage import ACCOUNT, Page, Stage, staged

from syncbridge.config.merchants import WarehouseSettings
from syncbridge.flows import order_poll, order_push, stock_hold, stock_sync
from syncbridge.flows.context import Context
from syncbridge.flows.order_birth import take_in
from syncbridge.ledger import feeds
from syncbridge.ledger.tables import sold_units, stock_levels
from syncbridge.ports.answers import FeedPage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("scenarios")) as made:
        yield made


def test_a_bundle_and_a_single_line_sharing_a_sku_are_both_deducted(stage: Stage) -> None:
    shared, other = stage.skus(2, 10)
    stage.sync()
    group = {"id": 7, "isRequired": True}
    order_id = stage.world.delegated(
        stage.world.place(
            line(shared, price=3000) | {"itemGroup": {**group, "isMainItem": True}},
            line(other, price=500) | {"itemGroup": {**group, "isMainItem": False}},
            line(shared, 2),
        )
    )
    for step in ("taken in", "sent", "reserved"):
        if step == "sent":
            order_push.run(stage.world.context)
        elif step == "reserved":
            stage.world.warehouse(f"SCY-NB-{order_id}", "advance", {"to": "ALLOCATED"})
        stage.sync()
        assert (stage.held(shared), stage.held(other)) == (7, 9), step


def with_second_warehouse(context: Context) -> Context:
    """Return a context whose merchant sells from the warehouse NTH2 too."""
    settings = context.configuration
    (merchant,) = settings.merchants
    second = WarehouseSettings(key="WH-SCEND-2", code="NTH2")
    both = merchant.model_copy(update={"warehouses": (*merchant.warehouses, second)})
    return replace(context, configuration=replace(settings, merchants=(both,)))


def test_of_two_warehouses_one_that_the_shop_refuses_does_not_stop_the_other(stage: Stage) -> None:
    skus = stage.skus(4, 5)
    both = with_second_warehouse(stage.world.context)
    shelf = [{"sku": sku, "warehouseCode": "NTH2", "physical": 3} for sku in skus]
    stage.world.post(stage.world.scend, "seed", {"stock": shelf})
    stage.sync(both)
    assert {stage.held(sku) for sku in skus} == {5}
    assert {len(stage.troubles("stock_refused", f"scend/WH-SCEND-2/{sku}")) for sku in skus} == {1}
    stage.world.post(
        stage.world.scayle, "seed", {"warehouses": [{"id": 13, "referenceKey": "WH-SCEND-2"}]}
    )
    for sku in skus:
        stage.shelf(sku, 4)
    stage.world.advance(hours=1)
    stage.sync(both)
    rows: list[dict[str, Any]] = stage.world.state(stage.world.scayle, "stock")["stock"]
    held = {(row["sku"], row["warehouseReferenceKey"]): row["quantity"] for row in rows if row["sku"] in skus}
    assert held == {(sku, key): units for sku in skus for key, units in (("WH-SCEND-1", 4), ("WH-SCEND-2", 3))}
    assert stage.troubles("stock_refused", skus[0]) == []


def test_two_stock_workers_truly_in_parallel_agree_with_the_warehouse(stage: Stage) -> None:
    """No lock is held here at all: the ledger and the stamps have to do."""
    skus = stage.skus(30, 9)
    stage.sync()
    errors: list[BaseException] = []
    start = threading.Barrier(3)

    def work() -> None:
        try:
            start.wait(timeout=60)
            for _ in range(4):
                stock_sync.run(stage.world.context)
        except BaseException as error:  # told by the assertion below
            errors.append(error)

    workers = [threading.Thread(target=work, daemon=True) for _ in range(2)]
    for worker in workers:
        worker.start()
    start.wait(timeout=60)
    for step in range(6):
        for sku in skus[step * 5 : step * 5 + 5]:
            stage.shelf(sku, step)
        stage.world.advance(seconds=2)
    for worker in workers:
        worker.join()
    assert errors == []
    stage.world.advance(minutes=2)
    stage.sync()
    assert [stage.held(sku) for sku in skus] == [index // 5 for index in range(30)]
    facts = [one for one in stage.world.state(stage.world.scayle, "stock")["stock"] if one["sku"] in skus]
    assert len(facts) == 30
    assert stage.troubles("stock_ignored") == []


def test_a_back_end_that_dates_its_stock_in_the_future_is_told_within_one_run(stage: Stage) -> None:
    """A local time that is taken for UTC looks so: an hour ahead of every other clock."""
    sku = stage.sku(5)

    def an_hour_ahead(pages: Iterator[Page]) -> Iterator[Page]:
        for page in pages:
            rows = tuple(
                replace(row, changed_at=stage.world.clock.now() + timedelta(hours=1)) for row in page.rows
            )
            yield FeedPage(rows, page.cursor, page.last)

    stage.sync(stage.meddled(an_hour_ahead))
    assert [one.subject for one in stage.troubles("clock_skew")] == [f"clock:{ACCOUNT}"]
    assert stage.held(sku) == 5, "its date makes no stamp"
    stage.shelf(sku, 4)
    stage.sync()
    assert (stage.held(sku), stage.troubles("clock_skew")) == (4, [])


def test_a_back_end_that_dates_what_just_moved_in_the_past_is_told_within_one_run(stage: Stage) -> None:
    """The same mistake the other way round; what has lain still for days is dated in the past by right."""
    sku, still = stage.skus(2, 5)
    stage.sync()
    stage.world.advance(hours=30)
    stage.sync()
    assert stage.troubles("clock_skew") == []

    def an_hour_behind(pages: Iterator[Page]) -> Iterator[Page]:
        for page in pages:
            hour = timedelta(hours=1)
            rows = tuple(replace(row, changed_at=row.changed_at and row.changed_at - hour) for row in page.rows)
            yield FeedPage(rows, page.cursor, page.last)

    stage.shelf(sku, 4)
    stage.sync(stage.meddled(an_hour_behind))
    assert [one.subject for one in stage.troubles("clock_skew")] == [f"clock:{ACCOUNT}"]
    assert (stage.held(sku), stage.held(still)) == (4, 5), "its date makes no stamp"
    stage.sync(stage.meddled(an_hour_behind))
    assert len(stage.troubles("clock_skew")) == 1, "nothing has moved: nothing is proven"
    stage.shelf(sku, 3)
    stage.sync()
    assert (stage.held(sku), stage.troubles("clock_skew")) == (3, [])


def test_an_order_that_the_poll_cannot_take_in_does_not_stop_stock(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    sku = stage.sku(6)
    stage.sync()
    stage.world.put(stage.world.scayle, "settings", {"delegationDelaySeconds": 100_000})
    try:
        order_id = stage.world.place(line(sku, 2))
    finally:
        stage.world.put(stage.world.scayle, "settings", {"delegationDelaySeconds": 0})
    stage.world.advance(seconds=90)

    def cannot(*_args: Any) -> Any:
        raise RuntimeError("a defect of ours")

    monkeypatch.setattr(order_poll, "take_in", cannot)
    with stage.world.context.ledger.work() as work:
        work.connection.execute(sold_units.delete())
        work.commit()
    before = position(stage, order_poll.NAME)
    for _ in range(2):
        stage.sync()
    assert stage.held(sku) == 4, "its units are sold all the same"
    stage.shelf(sku, 5)
    stage.sync()
    assert stage.held(sku) == 3, "and stock goes on"
    assert position(stage, order_poll.NAME) == before, "the next poll meets it again"
    assert len(stage.troubles("defect", f"order:{order_id}")) == 1
    monkeypatch.setattr(order_poll, "take_in", take_in)
    stage.sync()
    assert (stage.held(sku), stage.troubles("defect", f"order:{order_id}")) == (3, [])
    assert position(stage, order_poll.NAME) != before
    stage.world.post(stage.world.scayle, f"orders/{order_id}/cancel", {"wait": False})


def test_stock_that_waits_for_an_order_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    sku = stage.sku(6)
    stage.sync()
    stage.world.put(stage.world.scayle, "settings", {"delegationDelaySeconds": 100_000})
    try:
        order_id = stage.world.place(line(sku, 2))
    finally:
        stage.world.put(stage.world.scayle, "settings", {"delegationDelaySeconds": 0})
    stage.world.advance(seconds=90)
    real = order_poll.note_sold

    def cannot(*_args: Any) -> Any:
        raise RuntimeError("a defect of ours")

    monkeypatch.setattr(order_poll, "take_in", cannot)
    monkeypatch.setattr(order_poll, "note_sold", cannot)
    before = position(stage, order_poll.WATERMARK)
    stage.shelf(sku, 5)
    stage.sync()
    assert position(stage, order_poll.WATERMARK) == before
    assert stage.blocked(sku) == [order_id] * 2, "no stamp passes what we do not know"
    assert len(stage.troubles("stock_waits", f"order:{order_id}")) == 1
    monkeypatch.setattr(order_poll, "take_in", take_in)
    monkeypatch.setattr(order_poll, "note_sold", real)
    stage.sync()
    assert (stage.held(sku), stage.troubles("stock_waits")) == (3, [])
    stage.world.post(stage.world.scayle, f"orders/{order_id}/cancel", {"wait": False})


def position(stage: Stage, name: str) -> feeds.Position:
    with stage.world.context.ledger.reading() as connection:
        return feeds.position(connection, name)


def test_a_quiet_run_asks_each_vendor_as_little_as_is_safe(stage: Stage) -> None:
    for _ in range(3):
        stage.sync()
    calls = Counter[str]()
    context = stage.world.context
    real_shop, real_backend = context.shop, context.backends["scend"]

    def watched(real: Any) -> Any:
        class Watched:
            def __getattr__(self, name: str) -> Any:
                if callable(found := getattr(real, name)):
                    calls[name] += 1
                return found

        return Watched()

    stage.sync(replace(context, shop=watched(real_shop), backends={"scend": watched(real_backend)}))
    assert calls == {"clock": 1, "orders_changed": 2, "stock_changed": 1}, "one of the two is the shop's"


def test_nine_thousand_five_hundred_of_ten_thousand_at_zero_are_held(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """At full scale and with the default thresholds: nothing is zeroed until a person has looked."""
    with staged(tmp_path_factory.mktemp("scale")) as large:
        skus = large.skus(10_000, 3)
        large.sync()
        broken = set(skus[:9_500])
        rows = [{"sku": sku, "warehouseCode": "MID1", "physical": 0} for sku in broken]
        large.world.post(large.world.scend, "seed", {"stock": rows})
        summary = large.sync()
        assert (summary.held, summary.published) == (9_500, 0)
        assert quantities(large) == Counter({3: 10_000})
        assert len(large.troubles("stock_held")) == 1
        assert stock_hold.release(large.world.context, ACCOUNT, actor="ada", reason="the warehouse burnt down")
        assert large.sync().published == 9_500
        assert quantities(large) == Counter({0: 9_500, 3: 500})
        with large.world.context.ledger.reading() as connection:
            unproven = connection.execute(select(stock_levels.c.sku).where(stock_levels.c.sent_at.is_not(None)))
            assert unproven.all() == []


def quantities(stage: Stage) -> Counter[int]:
    rows: list[dict[str, Any]] = stage.world.state(stage.world.scayle, "stock")["stock"]
    return Counter(row["quantity"] for row in rows if row["sku"].startswith("SKU-"))
