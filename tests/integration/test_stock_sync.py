"""Stock from the warehouse to the shop, judged by what the shop holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from flow_world import World, line, parcel, world
from sqlalchemy import select, update
from stock_stage import ACCOUNT, STOCK_FEED, Meddled, Page, Stage, feed_positions, restore, staged

from syncbridge.domain.errors import CallEvidence, NeedsPerson, RetryLater
from syncbridge.domain.orders import ShopOrder
from syncbridge.domain.states import UnitState
from syncbridge.domain.stock import ShopStock, StockRow, StockWrite
from syncbridge.flows import order_push, status_pull, stock_hold, stock_reconcile, stock_sync
from syncbridge.ledger import sold_units
from syncbridge.ledger.tables import exceptions, fulfilment_lines, fulfilment_orders, order_units
from syncbridge.ports.answers import FeedPage
from syncbridge.ports.backend import FulfilmentBackend
from syncbridge.ports.quota import Lane
from syncbridge.ports.shop import Shop

TEE, JACKET = "TEE-ORG-BLK-M", "JKT-RAIN-NVY-L"


@pytest.fixture
def one(ledger_url: str, tmp_path: Path) -> Iterator[World]:
    with world(ledger_url, tmp_path) as made:
        made.post(
            made.scayle,
            "seed",
            {
                "products": [
                    {"referenceKey": f"P-{sku}", "variants": [{"referenceKey": sku}]} for sku in (TEE, JACKET)
                ]
            },
        )
        yield made


def held(one: World, sku: str) -> int | None:
    """Return what the shop holds for a SKU in our warehouse."""
    rows: list[Any] = one.state(one.scayle, "stock")["stock"]
    return next((row["quantity"] for row in rows if sku in str(row)), None)


def available(one: World, sku: str) -> int:
    rows: list[Any] = one.state(one.scend, "stock")["stock"]
    return next(
        row["availableForSale"] for row in rows if row["sku"] == sku and row["warehouseCode"] == "MID1"
    )


def test_only_what_is_available_for_sale_is_published(one: World) -> None:
    stock_sync.run(one.context)
    assert held(one, TEE) == available(one, TEE)


def test_a_sold_unit_is_deducted_until_the_warehouse_reserves_it(one: World) -> None:
    stock_sync.run(one.context)
    before = available(one, TEE)
    order_id = one.delegated(one.place(line(TEE, 2)))
    one.advance(seconds=5)
    stock_sync.run(one.context)
    assert held(one, TEE) == before - 2, "taken in, not sent"
    order_push.run(one.context)
    one.advance(seconds=5)
    stock_sync.run(one.context)
    assert held(one, TEE) == before - 2, "sent, not reserved"
    one.warehouse(f"SCY-NB-{order_id}", "advance", {"to": "ALLOCATED"})
    one.advance(seconds=5)
    stock_sync.run(one.context)
    assert available(one, TEE) == before - 2
    assert held(one, TEE) == before - 2, "reserved: deducted once, not twice"


def test_an_edit_in_the_panel_is_put_right_and_named(one: World) -> None:
    stock_sync.run(one.context)
    one.advance(seconds=30)
    one.post(
        one.scayle, "stock", {"sku": TEE, "warehouse": "WH-SCEND-1", "merchant": "scend", "quantity": 999}
    )
    one.advance(seconds=30)
    assert stock_reconcile.run(one.context).edited == 1
    stock_sync.run(one.context)
    assert held(one, TEE) == available(one, TEE)


def test_a_row_that_cannot_be_stored_is_told_and_stops_no_other(one: World) -> None:
    real = one.context.backends["scend"]

    def sync(sequence: int) -> list[str]:
        def spoilt(pages: Iterator[Page]) -> Iterator[Page]:
            odd = StockRow("ODD", "MID1", Decimal(1), active=True, sequence=sequence)
            for page in pages:
                yield FeedPage((odd, *page.rows), page.cursor, last=page.last)

        backend = cast("FulfilmentBackend", Meddled(real, spoilt))
        one.advance(seconds=3)
        stock_sync.run(replace(one.context, backends={"scend": backend}))
        with one.context.ledger.reading() as connection:
            query = select(exceptions.c.subject).where(exceptions.c.kind == "defect", exceptions.c.state == "open")
            return list(connection.execute(query).scalars())

    assert sync(2**70) == [f"{STOCK_FEED}:MID1/ODD"]
    assert held(one, TEE) == available(one, TEE)
    assert sync(7) == [], "a version that can be stored ends it"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stock")) as made:
        made.know([TEE, JACKET])
        yield made


def test_a_snapshot_that_does_not_know_an_order_leaves_its_block_alone(stage: Stage) -> None:
    sku = stage.sku(10)
    stage.sync()
    stage.shelf(sku, 9)
    orders: list[int] = []

    def sold_while_reading(pages: Iterator[Page]) -> Iterator[Page]:
        if not orders:
            orders.append(stage.world.delegated(stage.world.place(line(sku, 2))))
            stage.world.advance(seconds=2)
        yield from pages

    stage.sync(stage.meddled(sold_while_reading))
    assert stage.blocked(sku) == [orders[0]] * 2
    assert stage.row(sku)["sellable"] <= 7
    stage.sync()
    assert stage.held(sku) == 7
    assert stage.row(sku)["sellable"] == 7
    assert stage.blocked(sku) == []


def test_twenty_nine_sold_of_thirty_and_fifty_received_leave_fifty_one(stage: Stage) -> None:
    sku = stage.sku(30)
    stage.sync()
    stage.world.delegated(stage.world.place(line(sku, 29)))
    stage.sync()
    assert stage.held(sku) == 1
    stage.shelf(sku, 80)
    stage.sync()
    assert stage.held(sku) == 51


def test_a_despatch_of_one_of_two_orders_leaves_the_number_as_it_is(stage: Stage) -> None:
    sku = stage.sku(5)
    stage.sync()
    ids = [stage.world.delegated(stage.world.place(line(sku))) for _ in range(2)]
    seen = []
    for step in ("taken in", "sent", "reserved", "despatched"):
        if step == "sent":
            order_push.run(stage.world.context)
        elif step == "reserved":
            for one in ids:
                stage.world.warehouse(f"SCY-NB-{one}", "advance", {"to": "ALLOCATED"})
        elif step == "despatched":
            stage.world.warehouse(f"SCY-NB-{ids[0]}", "advance", {"to": "PACKED"})
            stage.world.warehouse(f"SCY-NB-{ids[0]}", "despatch", parcel([(sku, 1)]))
        stage.sync()
        seen.append((step, stage.held(sku)))
    assert seen == [("taken in", 3), ("sent", 3), ("reserved", 3), ("despatched", 3)]


def test_a_number_that_comes_back_is_written_again(stage: Stage) -> None:
    sku = stage.sku(10)
    stamps = []
    for units in (10, 9, 10):
        stage.shelf(sku, units)
        stage.sync()
        assert stage.held(sku) == units
        stamps.append(stage.row(sku)["changedAt"])
    assert stamps == sorted(set(stamps))


def test_observations_in_reverse_end_with_the_newer_one(stage: Stage) -> None:
    sku = stage.sku(10)
    late: list[Page] = []

    def keep(pages: Iterator[Page]) -> Iterator[Page]:
        for page in pages:
            late.append(page)
            yield page

    stage.sync(stage.meddled(keep))
    stage.shelf(sku, 4)
    stage.sync()

    def repeat(pages: Iterator[Page]) -> Iterator[Page]:
        old = [row for page in late for row in page.rows]
        for page in pages:
            yield FeedPage((*page.rows, *old), page.cursor, last=page.last)

    stage.sync(stage.meddled(repeat))
    assert stage.held(sku) == 4


def test_an_order_put_on_hold_between_the_feeds_is_not_sold_again(stage: Stage) -> None:
    """The hold frees the reservation: the stock feed shows the unit, and the order feed read before it does not."""
    sku = stage.sku(5)
    order_id = stage.world.delegated(stage.world.place(line(sku, 2)))
    order_push.run(stage.world.context)
    stage.world.warehouse(f"SCY-NB-{order_id}", "advance", {"to": "ALLOCATED"})
    stage.sync()
    assert stage.held(sku) == 3

    def hold(pages: Iterator[Page]) -> Iterator[Page]:
        stage.world.warehouse(f"SCY-NB-{order_id}", "hold", {})
        yield from pages

    stage.sync(stage.meddled(hold))
    assert stage.held(sku) == 3
    stage.sync()
    assert stage.held(sku) == 3


def test_a_clock_set_back_between_the_feeds_releases_no_unit_too_early(stage: Stage) -> None:
    """By its date the reservation is older than the figures; what was counted before them still holds."""
    sku = stage.sku(10)
    stage.sync()
    order_id = stage.world.delegated(stage.world.place(line(sku, 4)))
    order_push.run(stage.world.context)
    stage.sync()
    assert stage.held(sku) == 6
    real = stage.world.context.backends["scend"]

    def reserved_behind(pages: Iterator[Page]) -> Iterator[Page]:
        yield from pages
        stage.world.clock.ahead -= timedelta(seconds=5)
        stage.world.warehouse(f"SCY-NB-{order_id}", "advance", {"to": "ALLOCATED"})
        status_pull.run(stage.world.context)

    class Asked(Meddled):
        """Without a feed of its orders nobody reads them a second time."""

        capabilities = replace(real.capabilities, order_feed=False)

    stage.shelf(sku, 9)
    asked = cast("FulfilmentBackend", Asked(real, reserved_behind))
    try:
        stage.sync(replace(stage.world.context, backends={"scend": asked}))
        assert stage.held(sku) == 5
    finally:
        stage.world.clock.ahead += timedelta(seconds=5)
    stage.sync()
    assert stage.held(sku) == 5


def test_a_sale_without_its_delegation_is_deducted(stage: Stage) -> None:
    sku = stage.sku(6)
    stage.sync()
    stage.world.put(stage.world.scayle, "settings", {"delegationDelaySeconds": 100_000})
    try:
        order_id = stage.world.place(line(sku, 2))
        stage.sync()
    finally:
        stage.world.put(stage.world.scayle, "settings", {"delegationDelaySeconds": 0})
    assert stage.held(sku) == 4
    assert stage.blocked(sku) == []
    stage.world.advance(seconds=90)
    stage.sync()
    assert stage.held(sku) == 4, "taken in by the poll: counted once"
    stage.world.post(stage.world.scayle, f"orders/{order_id}/cancel", {"wait": False})


def test_an_order_that_the_shop_gave_up_before_its_delegation_is_deducted_no_more(stage: Stage) -> None:
    """SCAYLE says it of the order; whether its items say so too is not documented."""
    sku = stage.sku(6)
    stage.sync()
    stage.world.put(stage.world.scayle, "settings", {"delegationDelaySeconds": 100_000})
    try:
        order_id = stage.world.place(line(sku, 2))
        stage.sync()
    finally:
        stage.world.put(stage.world.scayle, "settings", {"delegationDelaySeconds": 0})
    assert stage.held(sku) == 4
    real = stage.world.context.shop

    class Aborted:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def orders_changed(self, since: Any) -> Iterator[FeedPage[ShopOrder]]:
            for page in real.orders_changed(since):
                rows = [replace(one, cancelled=True) if one.order_id == order_id else one for one in page.rows]
                yield FeedPage(tuple(rows), page.cursor, page.last)

    stage.sync(replace(stage.world.context, shop=cast("Shop", Aborted())))
    assert stage.held(sku) == 6
    stage.world.post(stage.world.scayle, f"orders/{order_id}/cancel", {"wait": False})


def test_quarantined_held_and_lost_orders_stay_deducted(stage: Stage) -> None:
    sku = stage.sku(9)
    stage.sync()
    world_ = stage.world
    held = world_.delegated(world_.place(line(sku)))
    order_push.run(world_.context)
    world_.warehouse(f"SCY-NB-{held}", "hold", {})
    parked = world_.delegated(world_.place(line(sku), line("NO-SUCH-SKU")))
    order_push.run(world_.context)
    world_.fault(world_.scend, "POST", "/v1/orders", "timeout_before", times=1)
    lost = world_.delegated(world_.place(line(sku)))
    order_push.run(world_.context)
    stage.sync()
    assert (held, parked, lost) and stage.held(sku) == 6
    stage.shelf(sku, 19)
    stage.sync()
    assert stage.held(sku) == 16


def test_a_write_answered_with_the_old_number_is_repeated_with_a_newer_stamp(stage: Stage) -> None:
    sku = stage.sku(5)
    stage.sync()
    ahead = stage.world.clock.now() + timedelta(seconds=8)
    stage.edit(sku, 999, changedAt=ahead.strftime("%Y-%m-%dT%H:%M:%S+00:00"))
    stage.shelf(sku, 3)
    assert stage.sync().ignored == 1
    assert stage.held(sku) == 999
    stage.world.advance(seconds=10)
    stage.sync()
    assert stage.held(sku) == 3
    assert stage.troubles("stock_ignored", sku) == []


@pytest.mark.parametrize("stamped", [True, False])
def test_a_write_that_is_ignored_three_times_is_told(stage: Stage, stamped: bool) -> None:
    sku = stage.sku(5)
    stage.sync()
    real, stamps = stage.world.context.shop, []

    class Deaf:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def write_stock(self, write: StockWrite) -> ShopStock:
            stamps.append(write.changed_at)
            at = write.changed_at - timedelta(seconds=1) if stamped else None
            return ShopStock(write.sku, write.warehouse, write.merchant, 5, at)

    deaf = replace(stage.world.context, shop=cast("Shop", Deaf()))
    stage.shelf(sku, 2)
    for times in (1, 2):
        stage.sync(deaf)
        assert stage.troubles("stock_ignored", sku) == [], times
    stage.sync(deaf)
    assert len(stage.troubles("stock_ignored", sku)) == 1
    assert stamps == sorted(set(stamps)) and len(stamps) == 3
    stage.sync()
    assert stage.held(sku) == 2
    assert stage.troubles("stock_ignored", sku) == []


def test_a_stamp_from_the_future_is_told_at_once(stage: Stage) -> None:
    sku = stage.sku(5)
    stage.sync()
    ahead = stage.world.clock.now() + timedelta(hours=1)
    stage.edit(sku, 999, changedAt=ahead.strftime("%Y-%m-%dT%H:%M:%S+00:00"))
    stage.shelf(sku, 3)
    stage.sync()
    assert len(stage.troubles("stock_ignored", sku)) == 1


@pytest.mark.parametrize("hours", [1, -1])
def test_our_clock_an_hour_off_releases_no_block_and_is_told(stage: Stage, hours: int) -> None:
    sku = stage.sku(8)
    stage.sync()
    orders: list[int] = []

    def sold_while_reading(pages: Iterator[Page]) -> Iterator[Page]:
        if not orders:
            orders.append(stage.world.delegated(stage.world.place(line(sku))))
        yield from pages

    before = feed_positions(stage)
    stage.world.clock.ahead += timedelta(hours=hours)
    try:
        stage.shelf(sku, 7)
        stage.sync(stage.meddled(sold_while_reading))
        assert stage.blocked(sku) == orders
        assert len(stage.troubles("clock_skew")) == 1
    finally:
        stage.world.clock.ahead -= timedelta(hours=hours)
        restore(stage, before)
    stage.sync()
    assert stage.troubles("clock_skew") == []
    assert stage.held(sku) == 6


def test_a_clock_of_ours_that_stays_fast_does_not_hide_orders_from_stock(stage: Stage) -> None:
    """By our clock the orders were read an hour into the shop's future: nothing would be found from there on."""
    sku = stage.sku(8)
    stage.sync()
    before = feed_positions(stage)
    world_ = stage.world
    world_.clock.ahead += timedelta(hours=1)
    world_.put(world_.scayle, "settings", {"delegationDelaySeconds": 100_000})
    try:
        for _ in range(2):
            stage.sync()
        order_id = world_.place(line(sku, 2))
        stage.shelf(sku, 7)
        stage.sync()
        assert stage.row(sku)["sellable"] == 5
    finally:
        world_.put(world_.scayle, "settings", {"delegationDelaySeconds": 0})
        world_.clock.ahead -= timedelta(hours=1)
        restore(stage, before)
    world_.post(world_.scayle, f"orders/{order_id}/cancel", {"wait": False})
    stage.sync()
    assert stage.troubles("clock_skew") == []


def test_a_feed_that_fails_on_its_third_page_publishes_and_zeroes_nothing(stage: Stage) -> None:
    skus = stage.skus(5, 7)
    stage.sync()
    before = feed_positions(stage)
    for sku in skus:
        stage.shelf(sku, 2)

    def broken(pages: Iterator[Page]) -> Iterator[Page]:
        rows = [(row, page.cursor) for page in pages for row in page.rows]
        assert len(rows) == 5
        for row, _cursor in rows[:2]:
            yield FeedPage((row,), before[STOCK_FEED].value or "", last=False)
        raise RetryLater("the third page", CallEvidence("scend", "read stock feed"))

    with pytest.raises(RetryLater):
        stage.sync(stage.meddled(broken))
    assert feed_positions(stage)[STOCK_FEED] == before[STOCK_FEED]
    assert {stage.held(sku) for sku in skus} == {7}
    stage.sync()
    assert {stage.held(sku) for sku in skus} == {2}


def test_a_delivery_that_makes_up_for_a_sale_still_releases_its_block(stage: Stage) -> None:
    """The number stays the same, and the shop would keep the sold units off sale twice."""
    sku = stage.sku(10)
    stage.sync()
    stage.world.delegated(stage.world.place(line(sku, 2)))
    stage.shelf(sku, 12)
    stage.sync()
    assert (stage.held(sku), stage.row(sku)["sellable"], stage.blocked(sku)) == (10, 10, [])
    stamp = stage.row(sku)["changedAt"]
    stage.sync()
    assert stage.row(sku)["changedAt"] == stamp, "once is enough"


def test_a_back_end_that_fails_does_not_stop_another(stage: Stage) -> None:
    sku = stage.sku(4)

    def away(pages: Iterator[Page]) -> Iterator[Page]:
        raise RetryLater("away", CallEvidence("other", "read stock feed"))
        yield from pages

    class Other(Meddled):
        account = "OTHER"

    context = stage.world.context
    real = context.backends["scend"]
    other = cast("FulfilmentBackend", Other(real, away))
    with pytest.raises(RetryLater):
        stage.sync(replace(context, backends={"other": other, "scend": real}))
    assert stage.held(sku) == 4


def test_a_run_that_would_empty_the_shop_is_held_until_it_is_released(stage: Stage) -> None:
    skus = stage.skus(40, 6)
    strict = stage.configured(zeroed_least=20, zeroed_share=Decimal("0.1"))
    stage.sync()
    for sku in skus[:38]:
        stage.shelf(sku, 0)
    for _ in range(2):
        assert stage.sync(strict).held >= 38
    assert {stage.held(sku) for sku in skus} == {6}
    assert len(stage.troubles("stock_held")) == 1
    assert stock_hold.release(strict, ACCOUNT, actor="ada", reason="a real clearance")
    stage.sync(strict)
    assert [stage.held(sku) for sku in skus] == [0] * 38 + [6] * 2
    assert stage.troubles("stock_held") == []
    assert not stock_hold.release(strict, ACCOUNT, actor="ada", reason="nothing is held")


def test_figures_that_come_back_end_the_hold(stage: Stage) -> None:
    skus = stage.skus(30, 6)
    strict = stage.configured(zeroed_least=20, zeroed_share=Decimal("0.1"))
    stage.sync()
    for sku in skus:
        stage.shelf(sku, 0)
    stage.sync(strict)
    for sku in skus:
        stage.shelf(sku, 6)
    stage.sync(strict)
    assert {stage.held(sku) for sku in skus} == {6}
    assert stage.troubles("stock_held") == []


def test_writes_without_an_answer_do_not_blind_the_mass_change_breaker(stage: Stage) -> None:
    skus = stage.skus(30, 6)
    strict = stage.configured(zeroed_least=20, zeroed_share=Decimal("0.1"))
    bulky = stage.bulky(10)
    context = replace(bulky, configuration=replace(bulky.configuration, stock=strict.configuration.stock))
    stage.sync()
    for sku in skus:
        stage.shelf(sku, 5)
    stage.fault("stocks(/bulk-requests)?$", times=None)
    try:
        stage.sync(context)
        for sku in skus:
            stage.shelf(sku, 0)
        assert stage.sync(context).held >= 30
    finally:
        stage.no_faults()
    assert {stage.held(sku) for sku in skus} == {6}
    for sku in skus:
        stage.shelf(sku, 6)
    stage.sync(strict)


def test_one_sku_on_two_lines_is_counted_as_often_as_it_was_sold(stage: Stage) -> None:
    sku = stage.sku(10)
    stage.sync()
    stage.world.delegated(stage.world.place(line(sku, 2), line(sku, 1, price=1100)))
    stage.sync()
    assert stage.held(sku) == 7


def test_a_voided_line_of_one_order_does_not_hide_another_order(stage: Stage) -> None:
    """What is despatched beyond the quantity must not make up for units that nobody has reserved."""
    sku = stage.sku(10)
    first = stage.world.delegated(stage.world.place(line(sku)))
    order_push.run(stage.world.context)
    second = stage.world.delegated(stage.world.place(line(sku)))
    order_push.run(stage.world.context)
    parts = fulfilment_orders.c
    with stage.world.context.ledger.work() as work:
        for order_id, units in ((first, 1), (second, 0)):
            part = select(parts.id).where(parts.reference == f"SCY-NB-{order_id}").scalar_subquery()
            lines = update(fulfilment_lines).where(fulfilment_lines.c.fulfilment_order_id == part)
            work.connection.execute(lines.values(allocated=units, despatched=units))
        work.commit()
    with stage.world.context.ledger.reading() as connection:
        found = sold_units.in_flight(connection, ACCOUNT, reserved_by=stage.world.clock.now())
        assert found[(("scend", "WH-SCEND-1"), sku)] == 1


def test_a_discontinued_sku_goes_to_zero(stage: Stage) -> None:
    sku = stage.sku(9)
    stage.sync()
    stage.world.post(stage.world.scend, "seed", {"products": [{"sku": sku, "active": False}]})
    stage.sync()
    assert stage.held(sku) == 0


@pytest.mark.parametrize(("figure", "shown"), [("-3", 0), ("2.9", 2), ("-0.5", 0)])
def test_odd_figures_of_a_back_end_are_floored(stage: Stage, figure: str, shown: int) -> None:
    sku = stage.sku(9)
    stage.sync()

    def odd(pages: Iterator[Page]) -> Iterator[Page]:
        row = StockRow(sku, "MID1", Decimal(figure), active=True, sequence=10**9)
        for page in pages:
            yield FeedPage((*page.rows, row) if page.last else page.rows, page.cursor, last=page.last)

    stage.sync(stage.meddled(odd))
    assert stage.held(sku) == shown


def test_units_that_the_shop_cancelled_are_free_again(stage: Stage) -> None:
    sku = stage.sku(9)
    order_id = stage.world.delegated(stage.world.place(line(sku, 3)))
    stage.sync()
    assert stage.held(sku) == 6
    with stage.world.context.ledger.work() as work:
        units = update(order_units).where(order_units.c.order_id == order_id)
        work.connection.execute(units.values(state=UnitState.CANCELLED.value))
        work.commit()
    stage.sync()
    assert stage.held(sku) == 9


def test_a_sku_that_the_shop_lacks_is_told_once_and_the_rest_goes_on(stage: Stage) -> None:
    stage.sync()  # what the warehouse has from the beginning and the shop does not
    unknown, known = stage.sku(5, known=False), stage.sku(5)
    assert stage.sync().unknown == 1
    assert stage.held(known) == 5
    assert stage.sync().unknown == 0
    assert len(stage.troubles("stock_refused", unknown)) == 1
    stage.know([unknown])
    stage.world.advance(hours=1)
    stage.sync()
    assert stage.held(unknown) == 5
    assert stage.troubles("stock_refused", unknown) == []


def test_a_number_on_sale_that_the_shop_refuses_is_tried_again_within_minutes(stage: Stage) -> None:
    """What is on sale must come off sale: a conflict of the moment must not keep a sold-out SKU there for an hour."""
    sku = stage.sku(5)
    stage.sync()
    real = stage.world.context.shop

    class Refuses:
        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def write_stock(self, write: StockWrite) -> ShopStock:
            raise NeedsPerson("conflict", CallEvidence("scayle", "write stock", 409))

    stage.shelf(sku, 0)
    assert stage.sync(replace(stage.world.context, shop=cast("Shop", Refuses()))).unknown == 1
    assert stage.sync().published == 0, "but not by every run"
    assert len(stage.troubles("stock_refused", sku)) == 1
    stage.world.advance(minutes=5)
    stage.sync()
    assert (stage.held(sku), stage.troubles("stock_refused", sku)) == (0, [])


def test_what_was_told_of_a_sku_is_over_once_the_shop_takes_it_whatever_came_in_between(stage: Stage) -> None:
    sku = stage.sku(5, known=False)
    stage.sync()
    assert len(stage.troubles("stock_refused", sku)) == 1
    stage.know([sku])
    stage.world.advance(hours=1)
    stage.fault(re.escape(sku), times=1)
    stage.sync()
    assert len(stage.troubles("stock_refused", sku)) == 1, "an answer that is no answer proves nothing"
    stage.sync()
    assert (stage.held(sku), stage.troubles("stock_refused", sku)) == (5, [])


def test_many_numbers_go_in_bulk_and_each_is_accounted_for(stage: Stage) -> None:
    skus, unknown = stage.skus(12, 5), stage.sku(5, known=False)
    summary = stage.sync(stage.bulky(5))
    assert summary.published >= 12
    assert summary.unknown == 1
    assert {stage.held(sku) for sku in skus} == {5}
    assert len(stage.troubles("stock_refused", unknown)) == 1


def test_a_decrease_that_was_ignored_in_bulk_is_noticed(stage: Stage) -> None:
    """A bulk request says "processed" of an ignored write as well."""
    skus = stage.skus(8, 5)
    stage.sync()
    ahead = (stage.world.clock.now() + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    stage.edit(skus[0], 999, changedAt=ahead)
    for sku in skus:
        stage.shelf(sku, 2)
    assert stage.sync(stage.bulky(5)).ignored == 1
    stage.world.advance(seconds=40)
    stage.sync()
    assert {stage.held(sku) for sku in skus} == {2}


@pytest.mark.parametrize("effect", [True, False])
def test_a_lost_answer_is_sent_again(stage: Stage, effect: bool) -> None:
    sku, other = stage.skus(2, 5)
    stage.sync()
    stage.shelf(sku, 0)
    stage.shelf(other, 4)
    stage.fault(re.escape(sku), times=9, effect=effect)
    stage.sync()
    assert stage.held(other) == 4, "one bad SKU stops no other"
    assert stage.held(sku) == (0 if effect else 5)
    stage.no_faults()
    stage.sync()
    assert stage.held(sku) == 0


def test_a_compare_does_not_mistake_our_own_write_for_an_edit(stage: Stage) -> None:
    sku = stage.sku(5)
    stage.sync()
    real, done = stage.world.context.shop, []

    class Raced:
        """Between the ledger's figure and the shop's, a stock sync writes."""

        def __getattr__(self, name: str) -> Any:
            return getattr(real, name)

        def read_stock(self, name: str, lane: Lane | None = None) -> tuple[ShopStock, ...]:
            if name == sku and not done:
                done.append(name)
                stage.shelf(sku, 1)
                stage.sync()
            return real.read_stock(name, lane)

    drift = stock_reconcile.run(replace(stage.world.context, shop=cast("Shop", Raced())))
    assert done and (drift.skus_off, drift.edited) == (0, 0)
    assert stage.held(sku) == 1
