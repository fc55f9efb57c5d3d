"""Figures that trail their warehouse: nobody waits for them, and no unit of theirs is promised twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

import pytest
from flow_world import line, parcel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stock_stage import STOCK_FEED, Meddled, Page, Stage, staged

from syncbridge.domain.backend import BackendLine, BackendOrder, FulfilmentStatus
from syncbridge.domain.orders import DelegatedUnit, Line
from syncbridge.domain.stock import StockRow, Terms, stamp_for
from syncbridge.flows import order_push, status_pull, stock_reconcile
from syncbridge.flows.stock_terms import BLOCK_SLACK
from syncbridge.ledger import (
    backend_readings,
    catalogue,
    migrate,
    order_parts,
    orders,
    part_lines,
    sold_units,
    stock,
)
from syncbridge.ledger.engine import Connection, Ledger
from syncbridge.ports.answers import FeedPage
from syncbridge.ports.backend import FulfilmentBackend
from syncbridge.ports.processes import Coordinator

ZERO = datetime(2026, 3, 2, 10, tzinfo=UTC)
PLACE = ("scend", "WH-1")
LAG = timedelta(minutes=15)


# ---- the release rule, over any order of events


@dataclass(frozen=True)
class Sale:
    """An order of one SKU, in seconds: confirmed, taken in, reserved unit by unit, and perhaps despatched whole."""

    confirmed: int
    taken_in: int
    reserved: tuple[int, ...]
    units: int
    despatched: int | None
    knows_confirmation: bool


@st.composite
def sales(draw: st.DrawFn) -> Sale:
    units = draw(st.integers(1, 3))
    confirmed = draw(st.integers(0, 100))
    taken_in = confirmed + draw(st.integers(0, 60))
    reserved = sorted(draw(st.lists(st.integers(taken_in, 160), max_size=units)) if taken_in <= 160 else [])
    whole = len(reserved) == units
    despatched = draw(st.none() | st.integers(reserved[-1], 200)) if whole else None
    return Sale(confirmed, taken_in, tuple(reserved), units, despatched, draw(st.booleans()))


def at(second: float) -> datetime:
    return ZERO + timedelta(seconds=second)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    ledger = Ledger(f"sqlite:///{tmp_path_factory.mktemp('lag') / 'ledger.sqlite3'}")
    migrate.upgrade(ledger)
    yield ledger
    ledger.close()


@pytest.fixture
def either(ledger_url: str) -> Iterator[Ledger]:
    """An empty ledger, on SQLite and on PostgreSQL."""
    ledger = Ledger(ledger_url)
    migrate.upgrade(ledger)
    yield ledger
    ledger.close()


def tell(connection: Connection, number: int, sale: Sale, reads: list[int], now: int) -> None:
    """Write down what our ledger knows of a sale at `now`, having read the back end's orders at `reads`."""
    if sale.taken_in > now:
        return
    orders.ensure_order(
        connection, number, shop="nb", country="GB", currency="GBP", reference_key="", source="delegation",
        confirmed_at=at(sale.confirmed) if sale.knows_confirmation else None, at=at(sale.taken_in),
    )  # fmt: skip
    ids = [number * 10 + unit for unit in range(sale.units)]
    part = order_parts.add_part(
        connection, order_id=number, merchant=PLACE[0], warehouse=PLACE[1], delegation=1, reference=f"R-{number}",
        account="a", inbox_id=None, units=[DelegatedUnit(one, "TEE", PLACE[1], 100) for one in ids],
        at=at(sale.taken_in),
    )  # fmt: skip
    lines = [Line(1, "TEE", "TEE", tuple(ids), price_minor=100)]
    part_lines.store_lines(connection, part, lines, None, at(sale.taken_in))
    for version, read in enumerate((one for one in reads if sale.taken_in <= one <= now), start=1):
        allocated = sum(one <= read for one in sale.reserved)
        gone = sale.despatched is not None and sale.despatched <= read
        status = FulfilmentStatus.DESPATCHED if gone else FulfilmentStatus.IN_FULFILMENT
        held = BackendLine(1, "TEE", sale.units, 0 if gone else allocated, 0, allocated if gone else 0)
        backend_readings.note_backend_order(
            connection, part, BackendOrder(f"b{number}", f"R-{number}", status, "X", version, (held,)), at(read)
        )


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    sold=st.lists(sales(), max_size=5),
    reads=st.lists(st.integers(0, 200), max_size=5, unique=True),
    now=st.integers(100, 200),
    lag=st.sampled_from([0, 0, 20, 60]),
    trails=st.floats(0, 1),
    polled_before=st.integers(0, 40),
    shelf=st.integers(0, 12),
)
def test_the_shop_never_sells_a_unit_that_an_order_holds(
    empty: Ledger,
    sold: list[Sale],
    reads: list[int],
    now: int,
    lag: int,
    trails: float,
    polled_before: int,
    shelf: int,
) -> None:
    """Whatever is reserved, despatched and read when, the number published and SCAYLE's blocks never promise too much.

    The feed is read to its end at `now` and shows the shelf as some instant within the lag saw it.
    """
    known_orders = now - polled_before
    sold = [replace(one, taken_in=min(one.taken_in, known_orders)) if one.confirmed <= known_orders else one for one in sold]
    sold = [one for one in sold if one.confirmed <= one.taken_in and all(r >= one.taken_in for r in one.reserved)]
    with empty.work() as work:
        for number, sale in enumerate(sold, start=1):
            tell(work.connection, number, sale, sorted(reads), now)
        stamp = stamp_for((at(now - lag), at(known_orders)), last=None)
        assert stamp is not None
        in_flight = sold_units.in_flight(
            work.connection, "a", reserved_by=at(now - lag), confirmed_by=stamp + BLOCK_SLACK
        ).get((PLACE, "TEE"), 0)
    shown_as_of = now - lag * trails
    free = shelf - sum(moment <= shown_as_of for sale in sold for moment in sale.reserved)
    number_told = Terms(max(0, free), in_flight, 0).sellable
    happened = [sale for sale in sold if sale.confirmed <= now]
    blocked = sum(sale.units for sale in happened if at(sale.confirmed) >= stamp)
    left = shelf - sum(sale.units for sale in happened)
    assert number_told - blocked <= max(0, left)


def test_without_lag_a_known_reservation_is_released_at_once(either: Ledger) -> None:
    sale = Sale(0, 0, (10, 20), 3, None, knows_confirmation=True)
    with either.work() as work:
        tell(work.connection, 1, sale, [15, 30], 30)
        for reserved_by, units in ((30, 1), (29, 3), (10, 3)):
            found = sold_units.in_flight(work.connection, "a", reserved_by=at(reserved_by))
            assert found == {(PLACE, "TEE"): units}, reserved_by


def test_despatched_units_count_until_the_figures_are_younger_than_their_reservation(either: Ledger) -> None:
    sale = Sale(0, 0, (10,), 1, 12, knows_confirmation=True)
    with either.work() as work:
        tell(work.connection, 1, sale, [15], 30)
        assert sold_units.in_flight(work.connection, "a", reserved_by=at(14)) == {(PLACE, "TEE"): 1}
        assert sold_units.in_flight(work.connection, "a", reserved_by=at(15)) == {}


def test_a_unit_confirmed_after_the_stamp_is_the_shops_to_block(either: Ledger) -> None:
    with either.work() as work:
        tell(work.connection, 1, Sale(50, 55, (), 2, None, knows_confirmation=True), [], 60)
        tell(work.connection, 2, Sale(50, 55, (), 1, None, knows_confirmation=False), [], 60)
        for confirmed_by, units in ((49, 1), (50, 3)):
            found = sold_units.in_flight(work.connection, "a", reserved_by=at(60), confirmed_by=at(confirmed_by))
            assert found == {(PLACE, "TEE"): units}, "one whose confirmation is not known always counts"


def test_a_snapshot_marks_what_it_lacks_and_a_late_row_still_proves_its_sku(either: Ledger) -> None:
    def row(sku: str, units: int, sequence: int) -> tuple[StockRow, str, str, str]:
        return StockRow(sku, "MID1", Decimal(units), active=True, sequence=sequence), *PLACE, sku

    with either.work() as work:
        stock.observe(work.connection, "a", [row(sku, 5, 7) for sku in ("OLD", "LATE", "GONE")], at(0))
        before = stock.figures_mark(work.connection, "a")
        stock.observe(work.connection, "a", [row("OLD", 5, 7), row("LATE", 1, 6)], at(20))
        assert stock.figures_mark(work.connection, "a") == before, "nothing moved"
        assert stock.note_missing(work.connection, "a", at(10), at(30)) == 1
        assert stock.note_missing(work.connection, "a", at(10), at(40)) == 0
        found = {level.sku: (level.observed, level.missing_at) for level in stock.levels(work.connection, "a", batch=2)}
        assert found == {"OLD": (5, None), "LATE": (5, None), "GONE": (5, at(30))}
        catalogue.store(work.connection, "a", [("OLD", False), ("LATE", False)], at(19))
        catalogue.store(work.connection, "a", [("LATE", False), ("GONE", False)], at(50))
        stock.observe(work.connection, "a", [row("GONE", 6, 8)], at(60))
        active = {level.sku: level.active for level in stock.levels(work.connection, "a")}
        assert active == {"OLD": True, "LATE": False, "GONE": True}, "the newest word counts"
        assert stock.figures_mark(work.connection, "a") != before


# ---- a back end that trails by a quarter of an hour, judged by the shop


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("trailing")) as made:
        yield made


class Job:
    """Figures that a job of the back end recalculates: between its runs the feed brings nothing."""

    def __init__(self, stage: Stage) -> None:
        context = stage.world.context
        real = context.backends["scend"]
        self.due = True
        self.cursor = ""

        class Trailing(Meddled):
            timing = replace(real.timing, stock_lag=LAG)

        def sleep(_seconds: float) -> None:
            raise AssertionError("nobody waits for the lag")

        backend = cast("FulfilmentBackend", Trailing(real, self.pages))
        self.context = replace(context, backends={"scend": backend}, sleep=sleep)

    def pages(self, pages: Iterator[Page]) -> Iterator[Page]:
        if not self.due:
            yield FeedPage((), self.cursor, last=True)
            return
        for page in pages:
            self.cursor = page.cursor
            yield page
        self.due = False


def test_a_trailing_feed_is_stamped_with_its_age_and_deducts_what_it_may_not_know(stage: Stage) -> None:
    sku = stage.sku(10)
    job = Job(stage)
    stage.sync(job.context)
    stamp = datetime.fromisoformat(stage.row(sku)["changedAt"])
    assert LAG <= stage.world.clock.now() - stamp <= LAG + timedelta(seconds=10)

    order_id = stage.world.delegated(stage.world.place(line(sku, 4)))
    order_push.run(stage.world.context)
    stage.sync(job.context)
    assert (stage.held(sku), stage.row(sku)["sellable"]) == (10, 6), "the shop blocks them itself"

    for step in ("advance", "despatch"):
        if step == "advance":
            stage.world.warehouse(f"SCY-NB-{order_id}", "advance", {"to": "ALLOCATED"})
        else:
            stage.world.warehouse(f"SCY-NB-{order_id}", "advance", {"to": "PACKED"})
            stage.world.warehouse(f"SCY-NB-{order_id}", "despatch", parcel([(sku, 4)]))
        status_pull.run(stage.world.context)
        stage.world.advance(minutes=7)
        stage.sync(job.context)
        assert stage.row(sku)["sellable"] == 6, step

    job.due = True
    for minutes in (0, 2, 2):
        stage.world.advance(minutes=minutes)
        stage.sync(job.context)
        assert stage.row(sku)["sellable"] <= 6, "reserved, despatched, and perhaps not out of the figures"
    assert (stage.held(sku), stage.blocked(sku)) == (6, []), "the figures have it: deducted once, and sold again"


def test_units_reserved_within_the_lag_are_deducted_although_nothing_is_blocked_any_more(stage: Stage) -> None:
    """The stamp has passed the sale, so the shop blocks nothing; only our deduction keeps the units from sale."""
    sku = stage.sku(10)
    job = Job(stage)
    stage.sync(job.context)
    order_id = stage.world.delegated(stage.world.place(line(sku, 4)))
    order_push.run(stage.world.context)
    stage.world.advance(minutes=10)
    stage.world.warehouse(f"SCY-NB-{order_id}", "advance", {"to": "ALLOCATED"})
    stage.world.advance(minutes=7)
    stage.sync(job.context)
    assert (stage.held(sku), stage.blocked(sku)) == (6, []), "confirmed before the stamp, reserved after it"


def test_figures_that_another_worker_is_reading_are_as_old_as_their_last_reading_less_the_lag(stage: Stage) -> None:
    sku = stage.sku(10)
    job = Job(stage)
    stage.sync(job.context)
    read = job.context.clock.now()
    stage.world.delegated(stage.world.place(line(sku, 4)))
    stage.world.advance(minutes=10)

    class Elsewhere:
        """The stock feed is in another worker's hands."""

        @contextmanager
        def lock(self, name: str, life: timedelta) -> Iterator[bool]:
            yield name != f"feed:{STOCK_FEED}"

    busy = replace(job.context, coordinator=cast("Coordinator", Elsewhere()))
    stage.sync(busy)
    assert datetime.fromisoformat(stage.row(sku)["changedAt"]) <= read, "no newer than the feed proves"
    assert stage.row(sku)["sellable"] == 6


def test_a_correction_of_an_edit_waits_for_a_stamp_that_is_newer_than_the_edit(stage: Stage) -> None:
    sku = stage.sku(10)
    job = Job(stage)
    stage.sync(job.context)
    stage.world.advance(minutes=20)
    stage.edit(sku, 99)
    assert stock_reconcile.run(job.context).edited == 1
    assert (stage.sync(job.context).ignored, stage.held(sku)) == (0, 99), "older than the edit, the shop would ignore it"
    stage.world.advance(minutes=16)
    assert (stage.sync(job.context).ignored, stage.held(sku)) == (0, 10)
