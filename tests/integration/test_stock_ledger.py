"""The stock tables under what only a database does: plans, types that refuse, rows that two workers want at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from sqlalchemy import event, select

from syncbridge.domain.stock import StockRow, Terms
from syncbridge.flows import stock_observe, stock_publish
from syncbridge.flows.context import Context
from syncbridge.flows.stock_terms import Change, Summary
from syncbridge.ledger import catalogue, migrate, sold_units, stock, stock_writes
from syncbridge.ledger.engine import Ledger
from syncbridge.ledger.tables import exceptions

NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
ACCOUNT = "scend:ACME-UK"


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    """An empty ledger, on SQLite and on PostgreSQL."""
    made = Ledger(ledger_url)
    migrate.upgrade(made)
    yield made
    made.close()


def row(sku: str, units: str, sequence: int = 1, code: str = "MID1") -> tuple[StockRow, str, str, str]:
    return StockRow(sku, code, Decimal(units), active=True, sequence=sequence), "scend", "WH-1", sku


def observe(ledger: Ledger, *rows: tuple[StockRow, str, str, str], at: datetime = NOW) -> None:
    with ledger.work() as work:
        stock.observe(work.connection, ACCOUNT, rows, at)
        work.commit()


def levels(ledger: Ledger) -> dict[str, stock.Level]:
    with ledger.reading() as connection:
        return {level.sku: level for level in stock.levels(connection, ACCOUNT)}


def plans(ledger: Ledger, *questions: Callable[[Any], object]) -> str:
    """Return how the database goes about some questions, were every table large."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        asked.append((statement, parameters))

    event.listen(ledger.engine, "before_cursor_execute", note)
    with ledger.reading() as connection:
        for question in questions:
            question(connection)
        event.remove(ledger.engine, "before_cursor_execute", note)
        if ledger.is_sqlite:
            explain = "EXPLAIN QUERY PLAN "
        else:
            explain = "EXPLAIN "
            for setting in ("enable_seqscan = off", "plan_cache_mode = force_generic_plan"):
                connection.exec_driver_sql(f"SET LOCAL {setting}")
        found = [connection.exec_driver_sql(explain + statement, parameters).all() for statement, parameters in asked]
    return "\n".join(str(line) for plan in found for line in plan)


def test_counting_what_is_sold_costs_what_is_open_and_new_and_not_the_history(ledger: Ledger) -> None:
    plan = plans(
        ledger,
        lambda one: sold_units.in_flight(one, ACCOUNT, reserved_by=NOW, confirmed_by=NOW),
        lambda one: sold_units.sold_since(one, NOW - timedelta(minutes=10)),
        lambda one: sold_units.last_sold(one, NOW - timedelta(days=1)),
    )
    for index in ("ix_fulfilment_orders_still_held", "ix_order_units_created_at"):
        assert index in plan, plan
    assert "ix_fulfilment_orders_backend" not in plan, "all that was ever despatched"
    if ledger.is_sqlite:
        assert "ix_fulfilment_lines_reserved_at" in plan
        assert [line for line in plan.splitlines() if "SCAN" in line and "sold_units" not in line] == []


def test_a_sku_twice_on_one_page_ends_with_its_newest_row(ledger: Ledger) -> None:
    observe(ledger, row("TEE", "5", 7), row("CAP", "1", 2), row("TEE", "3", 9), row("TEE", "8", 8))
    assert {sku: level.observed for sku, level in levels(ledger).items()} == {"TEE": 3, "CAP": 1}


@pytest.mark.parametrize(
    ("figure", "units"),
    [("5.551115123125783E-17", 0), ("-5.551115123125783E-17", 0), ("2.99999999999999999999999999999999", 2), ("1E+3", 1000)],
)
def test_what_floating_point_leaves_of_a_figure_is_stored(ledger: Ledger, figure: str, units: int) -> None:
    """0.1 + 0.2 - 0.3 in a back end's SQL is no number of units, and more digits than a column has."""
    observe(ledger, row("TEE", figure))
    level = levels(ledger)["TEE"]
    assert max(0, int(level.observed // 1)) == units
    assert abs(level.observed - Decimal(figure)) < 1


@dataclass
class Bare:
    """As much of a context as writing down an outcome needs."""

    ledger: Ledger

    def now(self) -> datetime:
        return NOW


def together(*acts: Callable[[], object], rounds: int = 40) -> list[BaseException]:
    """Do everything at once, again and again; return what was raised."""
    errors: list[BaseException] = []
    start = threading.Barrier(len(acts))

    def work(act: Callable[[], object]) -> None:
        try:
            for _ in range(rounds):
                start.wait(timeout=60)
                act()
        except BaseException as error:  # told by the assertion of whoever called
            errors.append(error)
            start.abort()

    workers = [threading.Thread(target=work, args=(act,)) for act in acts]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=120)
    return errors


def test_workers_that_touch_the_same_numbers_in_other_orders_do_not_deadlock(postgres_url: str) -> None:
    """A lock that expired, or a Redis that is gone, lets a run overlap another's feed, outcomes and snapshot."""
    ledger = Ledger(postgres_url)
    migrate.upgrade(ledger)
    names = [f"SKU-{number:03}" for number in range(60)]
    observe(ledger, *(row(name, "5") for name in names))
    known = levels(ledger)
    changes = [Change(known[name], Terms(5, 0, 0), NOW) for name in names]
    context = cast("Context", Bare(ledger))

    def missing() -> None:
        with ledger.work() as work:
            stock.note_missing(work.connection, ACCOUNT, NOW + timedelta(days=1), NOW)
            work.commit()

    def sold(order: list[int]) -> None:
        units = [sold_units.SoldUnit(number, 1, "scend", "WH-1", "TEE") for number in order]
        with ledger.work() as work:
            sold_units.note_sold(work.connection, units, order, NOW)
            work.commit()

    def asked(order: list[str]) -> None:
        with ledger.work() as work:
            catalogue.store(work.connection, ACCOUNT, [(name, True) for name in order], NOW)
            catalogue.store_new(work.connection, ACCOUNT, [(f"NEW-{name}", True) for name in order], NOW)
            work.commit()

    ids = list(range(1, 60))
    try:
        errors = together(
            lambda: stock_publish.intend(context, changes),
            lambda: stock_publish.accepted(context, changes[::-1], Summary()),
            lambda: observe(ledger, *(row(name, "5") for name in names[30:] + names[:30])),
            lambda: stock_publish.settle_all(context, changes[20:] + changes[:20], None),
            missing,
        ) + together(lambda: sold(ids), lambda: sold(ids[::-1]))
        errors += together(lambda: asked(names), lambda: asked(names[::-1]))
    finally:
        ledger.close()
    assert errors == []


def test_a_number_that_no_column_holds_does_not_stop_anybody(ledger: Ledger) -> None:
    """Somebody leans on a key in the panel: the shop says a figure beyond 32 bits."""
    observe(ledger, row("TEE", "5"))
    with ledger.work() as work:
        level = next(iter(stock.levels(work.connection, ACCOUNT)))
        assert stock_writes.intend(work.connection, level, Terms(5, 0, 0), NOW, NOW)
        stock_writes.settle(work.connection, level, sent=NOW, published=10**12, stamp=NOW, at=NOW)
        work.commit()
    level = levels(ledger)["TEE"]
    assert level.published == 2**31 - 1
    with ledger.work() as work:
        assert stock_writes.correct(work.connection, level, -(10**12), NOW + timedelta(1), "edited in the shop", NOW)
        work.commit()
    assert levels(ledger)["TEE"].published == 1 - 2**31


def test_a_back_end_that_counts_from_the_start_again_is_believed_by_its_next_whole_snapshot(ledger: Ledger) -> None:
    """Restored from a backup, its numbers of changes begin anew: without this its stock would stand still in silence."""

    def tell(units: str, sequence: int, changed: int, read: int, *, snapshot: bool) -> Decimal:
        minutes = timedelta(minutes=1)
        one = StockRow("TEE", "MID1", Decimal(units), True, sequence, NOW + changed * minutes)
        with ledger.work() as work:
            rows = [(one, "scend", "WH-1", "TEE")]
            stock.observe(work.connection, ACCOUNT, rows, NOW + read * minutes, snapshot=snapshot)
            work.commit()
        return levels(ledger)["TEE"].observed

    assert tell("9", 900, changed=0, read=1, snapshot=True) == 9
    assert tell("4", 7, changed=5, read=6, snapshot=False) == 9, "a delta may be late"
    assert tell("3", 6, changed=0, read=7, snapshot=True) == 9, "and a snapshot may be older than what we know"
    assert tell("4", 7, changed=5, read=8, snapshot=True) == 4
    assert tell("2", 8, changed=9, read=10, snapshot=False) == 2, "from here on it counts as before"


def test_how_high_a_back_end_counts_its_changes_is_its_own_business(ledger: Ledger) -> None:
    """Four numbers near the largest that a column holds, added up, are more than SQLite counts."""
    observe(ledger, *(row(f"SKU-{number}", "5", 2**62 + number) for number in range(4)))
    with ledger.reading() as connection:
        before = stock.figures_mark(connection, ACCOUNT)
    observe(ledger, row("SKU-3", "4", 2**62 + 4))
    with ledger.reading() as connection:
        assert stock.figures_mark(connection, ACCOUNT) != before


@pytest.mark.parametrize("sku", ["A\0B", "\N{LATIN CAPITAL LETTER A WITH DIAERESIS}" * 250, "A/B?C#D%E F+"])
def test_an_odd_sku_stops_no_other(ledger: Ledger, sku: str) -> None:
    """A NUL, which JSON may carry, is nothing that PostgreSQL stores: not even in what a person is told of it."""
    rows = [row("TEE", "5"), row(sku, "3"), row("CAP", "4")]
    with ledger.work() as work:
        stock_observe.keep(work.connection, ACCOUNT, f"stock:{ACCOUNT}", rows, NOW, snapshot=False)
        work.commit()
    found = levels(ledger)
    assert (found["TEE"].observed, found["CAP"].observed) == (5, 4)
    with ledger.reading() as connection:
        told = [one.subject for one in connection.execute(select(exceptions.c.subject))]
    assert (sku in found) is not bool(told), "it is stored, or somebody is told"
