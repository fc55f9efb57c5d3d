from __future__ import annotations

from datetime import UTC, datetime

import pytest

from syncbridge.ledger import exceptions, gauges, migrate
from syncbridge.ledger.engine import Ledger

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def test_an_empty_ledger_owes_nothing_and_is_migrated(database_url: str) -> None:
    ledger = Ledger(database_url)
    assert gauges.lacks_migrations(ledger)
    migrate.upgrade(ledger)
    assert not gauges.lacks_migrations(ledger)
    with ledger.reading() as connection:
        assert gauges.oldest_due(connection) is None
        assert gauges.scheduled_writes(connection) == []
        assert gauges.open_exceptions(connection) == []
    ledger.close()


def test_open_exceptions_are_counted_by_kind_and_owner(database_url: str) -> None:
    ledger = Ledger(database_url)
    migrate.upgrade(ledger)
    with ledger.work() as work:
        for subject in ("inbox:1", "inbox:2"):
            exceptions.open_exception(
                work.connection, "message_unreadable", subject, at=NOW, cause="a test", evidence={}
            )
        work.commit()
    with ledger.reading() as connection:
        (trouble,) = gauges.open_exceptions(connection)
    assert (trouble.kind, trouble.count) == ("message_unreadable", 2)
    ledger.close()


def test_only_errors_of_the_database_are_taken_for_such(database_url: str) -> None:
    ledger = Ledger(database_url)
    with pytest.raises(Exception, match="transmissions") as caught:
        with ledger.reading() as connection:
            gauges.oldest_due(connection)  # no tables yet
    assert gauges.is_database_trouble(caught.value)
    assert not gauges.is_database_trouble(KeyError("unit"))
    ledger.close()
