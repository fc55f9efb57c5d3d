"""The time machine: every fact about an order in event order, from all systems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from syncbridge.ledger.tables import attempts, audit, history, inbox, orders, transmissions


@dataclass(frozen=True)
class Fact:
    """Something that happened. `at` is the event's own time, `recorded_at` ours; `detail` holds ids, codes and counts."""

    at: datetime
    recorded_at: datetime
    system: str
    event: str
    subject: str
    detail: Mapping[str, Any]


def facts_of(connection: Connection, order_id: int) -> list[Fact]:
    """Return every fact about an order by event time; facts of one instant stay as they were recorded."""
    found = [
        *_confirmation(connection, order_id),
        *_arrivals(connection, order_id),
        *_history(connection, order_id),
        *_attempts(connection, order_id),
        *_operators(connection, order_id),
    ]
    return sorted(found, key=lambda fact: (fact.at, fact.recorded_at))


def _confirmation(connection: Connection, order_id: int) -> Iterator[Fact]:
    row = connection.execute(
        select(orders.c.confirmed_at, orders.c.read_at, orders.c.created_at).where(orders.c.id == order_id)
    ).first()
    if row is not None and row.confirmed_at is not None:
        yield Fact(row.confirmed_at, row.read_at or row.created_at, "scayle", "order_confirmed", "", {})


def _arrivals(connection: Connection, order_id: int) -> Iterator[Fact]:
    """Messages that named the order: the body is never among the facts."""
    rows = connection.execute(
        select(
            inbox.c.id,
            inbox.c.source,
            inbox.c.topic,
            inbox.c.size_bytes,
            inbox.c.outcome,
            inbox.c.seen,
            inbox.c.received_at,
            inbox.c.last_seen_at,
        )
        .where(inbox.c.order_id == order_id)
        .order_by(inbox.c.id)
    ).all()
    for row in rows:
        channel, _, sender = row.source.partition(":")
        # A delegation's source names the merchant that SCAYLE called, a webhook's source the vendor itself.
        system = sender if channel == "webhook" and sender else "scayle"
        detail = {"message": row.id, "source": row.source, "bytes": row.size_bytes, "outcome": row.outcome}
        yield Fact(row.received_at, row.received_at, system, "message_received", row.topic, detail)
        if row.seen > 1:
            again = {"message": row.id, "source": row.source, "times": row.seen}
            yield Fact(row.last_seen_at, row.last_seen_at, system, "message_repeated", row.topic, again)


def _history(connection: Connection, order_id: int) -> Iterator[Fact]:
    rows = connection.execute(select(history).where(history.c.order_id == order_id).order_by(history.c.id)).all()
    for row in rows:
        yield Fact(row.happened_at, row.recorded_at, row.system, row.event, row.subject, row.detail)


def _attempts(connection: Connection, order_id: int) -> Iterator[Fact]:
    rows = connection.execute(
        select(attempts, transmissions.c.kind, transmissions.c.target, transmissions.c.key)
        .join(transmissions, transmissions.c.id == attempts.c.transmission_id)
        .where(transmissions.c.order_id == order_id)
        .order_by(attempts.c.id)
    ).all()
    for row in rows:
        seconds = None if row.finished_at is None else round((row.finished_at - row.started_at).total_seconds(), 3)
        detail = {
            "number": row.number,
            "write": row.kind,
            "outcome": row.outcome,
            "status": row.status,
            "code": row.code,
            "vendor_request_id": row.vendor_request_id,
            "seconds": seconds,
            "excerpt": row.excerpt,
        }
        yield Fact(row.started_at, row.started_at, row.target, "attempt", row.key, detail)


def _operators(connection: Connection, order_id: int) -> Iterator[Fact]:
    rows = connection.execute(
        select(audit).where(audit.c.subject == f"order:{order_id}").order_by(audit.c.id)
    ).all()
    for row in rows:
        detail = {"actor": row.actor, "action": row.action, "reason": row.reason}
        yield Fact(row.at, row.at, "operator", "operator_action", row.action, detail)
