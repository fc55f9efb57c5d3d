"""Exceptions as people look at them: the most urgent first, alone or grouped by common cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, case, func, select

from syncbridge.domain.exception_kinds import KINDS
from syncbridge.domain.exception_kinds.kind import Severity
from syncbridge.domain.states import ExceptionState
from syncbridge.ledger.tables import exceptions

_URGENCY = case({severity.value: rank for rank, severity in enumerate(Severity)}, value=exceptions.c.severity, else_=99)


@dataclass(frozen=True)
class ExceptionRow:
    """An exception. `evidence` holds ids, codes, fields and ways out; `steps` come from the table of kinds."""

    id: int
    kind: str
    title: str
    subject: str
    order_id: int | None
    owner: str
    severity: str
    state: str
    cause: str
    occurrences: int
    opened_at: datetime
    due_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    evidence: Mapping[str, Any]
    steps: tuple[str, ...]

    @property
    def is_open(self) -> bool:
        return self.state != ExceptionState.RESOLVED.value

    def is_overdue(self, now: datetime) -> bool:
        """Say whether its owner's time is over."""
        return self.is_open and now > self.due_at


@dataclass(frozen=True)
class CauseGroup:
    """Exceptions of one kind and cause: one repair cures them all. `example` is the id of the oldest."""

    kind: str
    cause: str
    owner: str
    severity: str
    count: int
    orders: int
    opened_at: datetime
    due_at: datetime
    example: int


@dataclass(frozen=True)
class Filter:
    """Which exceptions are asked for; None is any. `everything` includes the resolved ones."""

    owner: str | None = None
    kind: str | None = None
    state: str | None = None
    order_id: int | None = None
    cause: str | None = None
    everything: bool = False


def list_exceptions(connection: Connection, wanted: Filter, limit: int) -> tuple[list[ExceptionRow], bool]:
    """Return exceptions, most urgent and then oldest first, and whether there are more."""
    query = _filtered(select(exceptions), wanted).order_by(_URGENCY, exceptions.c.opened_at, exceptions.c.id)
    rows = [_row(row) for row in connection.execute(query.limit(limit + 1)).all()]
    return rows[:limit], len(rows) > limit


def group_by_cause(connection: Connection, wanted: Filter, limit: int) -> tuple[list[CauseGroup], bool]:
    """Return the groups of a common cause, most urgent and then biggest first, and whether there are more."""
    columns = (exceptions.c.kind, exceptions.c.cause, exceptions.c.owner, exceptions.c.severity)
    query = (
        _filtered(
            select(
                *columns,
                func.count().label("count"),
                func.count(exceptions.c.order_id.distinct()).label("orders"),
                func.min(exceptions.c.opened_at).label("opened_at"),
                func.min(exceptions.c.due_at).label("due_at"),
                func.min(exceptions.c.id).label("example"),
            ),
            wanted,
        )
        .group_by(*columns)
        .order_by(_URGENCY, func.count().desc(), func.min(exceptions.c.opened_at))
        .limit(limit + 1)
    )
    groups = [CauseGroup(**row._mapping) for row in connection.execute(query).all()]
    return groups[:limit], len(groups) > limit


def exception_by_id(connection: Connection, exception_id: int) -> ExceptionRow | None:
    """Return one exception, or None."""
    row = connection.execute(select(exceptions).where(exceptions.c.id == exception_id)).first()
    return None if row is None else _row(row)


def open_of_order(connection: Connection, order_id: int) -> list[ExceptionRow]:
    """Return the open exceptions of an order, most urgent first."""
    return list_exceptions(connection, Filter(order_id=order_id), 1000)[0]


def open_about(connection: Connection, subjects: Sequence[str]) -> list[ExceptionRow]:
    """Return the open exceptions about any of these subjects, most urgent first."""
    rows = connection.execute(
        select(exceptions)
        .where(exceptions.c.subject.in_(subjects), exceptions.c.state != ExceptionState.RESOLVED.value)
        .order_by(_URGENCY, exceptions.c.opened_at, exceptions.c.id)
    ).all()
    return [_row(row) for row in rows]


def orders_under(connection: Connection, *, kind: str | None, cause: str | None) -> list[int]:
    """Return the orders that have an open exception of this kind or with exactly this cause."""
    query = _filtered(select(exceptions.c.order_id), Filter(kind=kind, cause=cause)).where(
        exceptions.c.order_id.is_not(None)
    )
    return sorted(set(connection.execute(query).scalars()))


def causes_like(connection: Connection, text: str, limit: int = 5) -> list[str]:
    """Return open causes that contain a text, without regard to case: what somebody may have meant."""
    query = (
        select(exceptions.c.cause)
        .where(
            exceptions.c.state != ExceptionState.RESOLVED.value,
            func.lower(exceptions.c.cause).contains(text.lower(), autoescape=True),
        )
        .distinct()
        .order_by(exceptions.c.cause)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def open_counts(connection: Connection) -> dict[str, int]:
    """Return how many exceptions are open per severity."""
    rows = connection.execute(
        select(exceptions.c.severity, func.count())
        .where(exceptions.c.state != ExceptionState.RESOLVED.value)
        .group_by(exceptions.c.severity)
    ).all()
    found = {row[0]: row[1] for row in rows}
    return {severity.value: found.get(severity.value, 0) for severity in Severity}


def open_per_order(connection: Connection, order_ids: Sequence[int]) -> dict[int, int]:
    """Return how many exceptions are open for each of the orders; at most as many orders as fit one statement."""
    rows = connection.execute(
        select(exceptions.c.order_id, func.count())
        .where(exceptions.c.order_id.in_(order_ids), exceptions.c.state != ExceptionState.RESOLVED.value)
        .group_by(exceptions.c.order_id)
    ).all()
    return {row[0]: row[1] for row in rows}


def _filtered(query: Select[Any], wanted: Filter) -> Select[Any]:
    if wanted.state is not None:
        query = query.where(exceptions.c.state == wanted.state)
    elif not wanted.everything:
        query = query.where(exceptions.c.state != ExceptionState.RESOLVED.value)
    for column, value in (
        (exceptions.c.owner, wanted.owner),
        (exceptions.c.kind, wanted.kind),
        (exceptions.c.order_id, wanted.order_id),
        (exceptions.c.cause, wanted.cause),
    ):
        if value is not None:
            query = query.where(column == value)
    return query


def _row(row: Any) -> ExceptionRow:
    kind = KINDS.get(row.kind)
    return ExceptionRow(
        **row._mapping,
        # A row of a later version may have a kind that this one does not know.
        title=kind.title if kind else row.kind,
        steps=kind.steps if kind else (),
    )
