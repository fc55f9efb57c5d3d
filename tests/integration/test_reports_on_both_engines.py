"""The questions of the command line give the same answers on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cli_story import ACCOUNT, START, Story

from syncbridge.domain.states import SendState
from syncbridge.ledger import feeds, migrate
from syncbridge.ledger.engine import Ledger
from syncbridge.ledger.unfinished import unfinished_writes
from syncbridge.reports import backlog, exception_lists, order_lists, order_search
from syncbridge.reports.exception_lists import Filter
from syncbridge.reports.order_dossier import dossier_of
from syncbridge.reports.schema import schema_of


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    made = Ledger(database_url)
    assert schema_of(made).current is None
    migrate.upgrade(made)
    yield made
    made.close()


def test_every_question_is_answered_alike(ledger: Ledger) -> None:
    story = Story(ledger)
    for order_id in (7, 8, 9):
        story.order(order_id, key=f"NB-GB-{order_id}")
    story.acknowledged(7)
    story.invalid(8)
    story.exception("message_unreadable", "inbox:1", "unreadable")
    later = START + timedelta(minutes=1)
    with ledger.work() as work:
        feeds.claim_slot(work.connection, "sweep", 1, at=later)
        work.commit()
    assert schema_of(ledger).up_to_date
    with ledger.reading() as connection:
        rows, more = order_lists.list_orders(connection, limit=2)
        assert ([row.order_id for row in rows], more) == ([9, 8], True)
        assert rows[1].open_exceptions == 1
        sent, _more = order_lists.list_orders(connection, state=SendState.ACKNOWLEDGED, since=START, limit=9)
        assert [row.order_id for row in sent] == [7]
        trouble, _more = order_lists.list_orders(connection, with_exception=True, limit=9)
        assert [row.order_id for row in trouble] == [8]

        for name in ("8", "SCY-NB-8", "NB-GB-8"):
            assert order_search.find_orders(connection, name) == [8]
        assert order_search.find_orders(connection, 'NB-GB-8"]') == []

        found, _more = exception_lists.list_exceptions(connection, Filter(), 9)
        assert [one.kind for one in found] == ["message_unreadable", "order_invalid"]
        groups, _more = exception_lists.group_by_cause(connection, Filter(), 9)
        assert [(one.kind, one.count, one.orders) for one in groups] == [
            ("message_unreadable", 1, 0),
            ("order_invalid", 1, 1),
        ]
        assert exception_lists.orders_under(connection, kind="order_invalid", cause=None) == [8]
        assert exception_lists.causes_like(connection, "sku_unknown") == ["SKU_UNKNOWN: 85123a"]
        assert exception_lists.open_counts(connection) == {"critical": 1, "high": 1, "normal": 0}

        (waiting,) = backlog.backlog(connection, later)
        assert (waiting.target, waiting.due, waiting.held, waiting.later, waiting.parked) == (ACCOUNT, 1, 0, 0, 1)
        assert waiting.oldest_due_at == START
        assert backlog.last_runs(connection) == {"sweep": later}
        assert backlog.slots_before(connection, datetime.now(UTC)) == 1
        assert [write.order_id for write in unfinished_writes(connection, kind="order")] == [9]

        dossier = dossier_of(connection, 7)
        assert [fact.event for fact in dossier.facts] == [
            *("order_confirmed", "message_received", "order_delegated", "order_sent", "attempt", "order_acknowledged")
        ]
        assert dossier_of(connection, 8).exceptions[0].evidence["faults"][0]["code"] == "SKU_UNKNOWN"
