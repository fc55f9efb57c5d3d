"""The exceptions queue: one open row per kind and subject, counted, closed by proof, and new after that."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

import syncbridge.flows
from syncbridge.domain.exception_kinds import KINDS
from syncbridge.domain.exception_kinds.kind import Owner
from syncbridge.ledger import migrate
from syncbridge.ledger.engine import Ledger
from syncbridge.ledger.exceptions import close_exceptions, is_open, open_exception
from syncbridge.ledger.tables import exceptions, history

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)


@pytest.fixture
def ledger(sqlite_url: str) -> Iterator[Ledger]:
    yield from migrated(sqlite_url)


@pytest.fixture
def both(ledger_url: str) -> Iterator[Ledger]:
    yield from migrated(ledger_url)


def migrated(url: str) -> Iterator[Ledger]:
    made = Ledger(url)
    migrate.upgrade(made)
    yield made
    made.close()


def tell(
    ledger: Ledger, subject: str = "order:7", *, at: datetime = NOW, cause: str = "c", **evidence: object
) -> int:
    with ledger.work() as work:
        found = open_exception(
            work.connection, "order_invalid", subject, at=at, cause=cause, evidence=evidence, order_id=7
        )
        work.commit()
    return found


def close(ledger: Ledger, subject: str = "order:7", *kinds: str) -> int:
    with ledger.work() as work:
        closed = close_exceptions(work.connection, subject, *kinds, at=NOW, resolution="proof")
        work.commit()
    return closed


def all_rows(ledger: Ledger) -> list[tuple[str, int]]:
    with ledger.reading() as connection:
        query = select(exceptions.c.state, exceptions.c.occurrences).order_by(exceptions.c.id)
        return [(row.state, row.occurrences) for row in connection.execute(query)]


def test_the_same_trouble_is_one_row_that_counts_and_keeps_the_newest_evidence(ledger: Ledger) -> None:
    first = tell(ledger, cause="old", seen=1)
    second = tell(ledger, at=NOW + timedelta(hours=1), cause="new", seen=2)
    assert first == second
    assert all_rows(ledger) == [("open", 2)]
    with ledger.reading() as connection:
        row = connection.execute(select(exceptions)).one()
    assert (row.opened_at, row.last_seen_at) == (NOW, NOW + timedelta(hours=1))
    assert (row.cause, row.evidence) == ("new", {"seen": 2})
    assert row.due_at == NOW + KINDS["order_invalid"].within


def test_the_same_trouble_told_by_many_at_once_is_one_row_until_it_is_resolved(both: Ledger) -> None:
    with ThreadPoolExecutor(5) as pool:
        ids = set(pool.map(lambda _n: tell(both), range(20)))
    assert len(ids) == 1
    assert all_rows(both) == [("open", 20)]
    close(both)
    tell(both)
    assert all_rows(both) == [("resolved", 20), ("open", 1)]


def test_one_connection_can_tell_of_the_same_trouble_for_ever(both: Ledger) -> None:
    """PostgreSQL plans a statement anew for its values only a few times; the row has to be found after that too."""
    with both.work() as work:
        for _ in range(30):
            open_exception(work.connection, "order_invalid", "order:7", at=NOW, cause="c", evidence={}, order_id=7)
        work.commit()
    assert all_rows(both) == [("open", 30)]


def test_a_trouble_that_a_person_took_stays_theirs_when_it_comes_again(ledger: Ledger) -> None:
    tell(ledger)
    with ledger.work() as work:
        work.connection.execute(update(exceptions).values(state="acknowledged"))
        work.commit()
    tell(ledger)
    assert all_rows(ledger) == [("acknowledged", 2)]


def test_after_the_proof_the_same_trouble_is_a_new_row(ledger: Ledger) -> None:
    tell(ledger)
    assert close(ledger) == 1
    assert close(ledger) == 0
    tell(ledger)
    assert all_rows(ledger) == [("resolved", 1), ("open", 1)]


def test_closing_some_kinds_leaves_the_others_open(ledger: Ledger) -> None:
    tell(ledger)
    assert close(ledger, "order:7", "order_refused") == 0
    assert close(ledger, "order:8") == 0
    with ledger.reading() as connection:
        assert is_open(connection, "order_invalid", "order:7")
        assert not is_open(connection, "order_refused", "order:7")


def test_opening_and_closing_are_facts_of_the_orders_history(ledger: Ledger) -> None:
    tell(ledger)
    tell(ledger)
    close(ledger)
    with ledger.reading() as connection:
        events = connection.execute(select(history.c.event).order_by(history.c.id)).scalars().all()
    assert events == ["exception_opened", "exception_resolved"]


def test_an_order_with_nothing_but_address_faults_is_customer_services(ledger: Ledger) -> None:
    tell(ledger, faults=[{"code": "ADDRESS_INCOMPLETE"}])
    tell(ledger, "order:8", faults=[{"code": "ADDRESS_INCOMPLETE"}, {"code": "SKU_UNKNOWN"}])
    with ledger.reading() as connection:
        owners = connection.execute(select(exceptions.c.owner).order_by(exceptions.c.id)).scalars().all()
    assert owners == [Owner.CUSTOMER_SERVICE, Owner.ECOMMERCE]


# ---- the table of kinds


def kinds_used() -> set[str]:
    """Return every word of the flows that stands where a kind of exception belongs."""
    used: set[str] = set()
    for path in Path(next(iter(syncbridge.flows.__path__))).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            position = {"open_exception": 1, "Trouble": 0, "_open_once": 1, "is_open": 1}.get(name)
            words = [node.args[position]] if position is not None and len(node.args) > position else []
            words += node.args[2:] if name == "close_exceptions" else []
            words += [
                keyword.value
                for keyword in node.keywords
                if keyword.arg == "kind" and name == "record_refused"
            ]
            used |= {
                word.value for word in words if isinstance(word, ast.Constant) and isinstance(word.value, str)
            }
    return used


def test_every_kind_that_the_flows_use_is_in_the_table() -> None:
    used = kinds_used()
    assert {"order_invalid", "despatch_unmatched", "unknown_merchant", "feed_failing"} <= used
    assert used <= KINDS.keys()


def test_every_kind_has_an_owner_a_clock_and_steps_that_are_sentences() -> None:
    for name, kind in KINDS.items():
        assert name == kind.name
        assert kind.owner in Owner
        assert timedelta(0) < kind.within <= timedelta(days=2)
        assert kind.title
        assert kind.steps, name
        assert all(step.strip().endswith(".") for step in kind.steps), name
