"""The exceptions queue: at most one open row per kind and subject; a repeat counts up, the proof closes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, bindparam, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from syncbridge.domain.exception_kinds import KINDS, owner_of
from syncbridge.domain.states import ExceptionState
from syncbridge.ledger import history
from syncbridge.ledger.tables import exceptions

log = structlog.get_logger(__name__)


# Run several times an order and mostly without effect: building it each time cost three times its execution (measured).
_CLOSE_ALL = (
    update(exceptions)
    .where(exceptions.c.subject == bindparam("of_subject"), exceptions.c.state != ExceptionState.RESOLVED.value)
    .values(
        state=ExceptionState.RESOLVED.value,
        resolved_at=bindparam("at"),
        resolution=bindparam("why"),
        last_seen_at=bindparam("at"),
    )
    .returning(exceptions.c.kind, exceptions.c.order_id)
)
_CLOSE_KINDS = _CLOSE_ALL.where(exceptions.c.kind.in_(bindparam("of_kinds", expanding=True)))


# Written out: with a parameter in its place PostgreSQL's generic plan does not recognise the partial index (measured).
_NOT_RESOLVED = text("state <> 'resolved'")


def storable(text: str) -> str:
    """Return a vendor's text as every database takes it: NUL and halves of characters become U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(name)): _storable(one) for name, one in value.items()}
    return [_storable(one) for one in value] if isinstance(value, list | tuple) else value


def open_exception(
    connection: Connection,
    kind: str,
    subject: str,
    *,
    at: datetime,
    cause: str,
    evidence: Mapping[str, Any],
    order_id: int | None = None,
) -> int:
    """Open an exception, or count one more occurrence of the open one; return its id.

    `subject` is what it is about ("order:7", "despatch:dsp_1"); `cause` groups what one repair would cure;
    `evidence` holds ids, codes, fields and ways out, never personal data.
    """
    rule = KINDS[kind]
    codes = frozenset(fault.get("code", "") for fault in evidence.get("faults", ()))
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(exceptions).values(
        kind=kind,
        subject=subject,
        order_id=order_id,
        owner=owner_of(kind, codes).value,
        severity=rule.severity.value,
        state=ExceptionState.OPEN.value,
        cause=storable(cause)[:200],
        evidence=_storable(evidence),
        occurrences=1,
        opened_at=at,
        due_at=at + rule.within,
        last_seen_at=at,
    )
    row = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "subject"],
            index_where=_NOT_RESOLVED,
            set_={
                "occurrences": exceptions.c.occurrences + 1,
                "last_seen_at": at,
                "evidence": statement.excluded.evidence,
                "cause": statement.excluded.cause,
                "owner": statement.excluded.owner,
            },
        ).returning(exceptions.c.id, exceptions.c.occurrences)
    ).one()
    if row.occurrences == 1:
        log.warning("exception_opened", kind=kind, subject=subject, cause=cause, order_id=order_id)
        if order_id is not None:
            history.record(
                connection, order_id, "syncbridge", "exception_opened", at=at, subject=subject, kind=kind, cause=cause
            )
    return int(row.id)


def close_exceptions(
    connection: Connection, subject: str, *kinds: str, at: datetime, resolution: str, order_id: int | None = None
) -> int:
    """Close the open exceptions of a subject (of the kinds given, or of all) because the proof arrived."""
    values: dict[str, Any] = {"of_subject": subject, "at": at, "why": resolution}
    if kinds:
        values["of_kinds"] = kinds
    closed = connection.execute(_CLOSE_KINDS if kinds else _CLOSE_ALL, values).all()
    for row in closed:
        about = row.order_id if row.order_id is not None else order_id
        if about is not None:
            history.record(
                connection, about, "syncbridge", "exception_resolved", at=at, subject=subject, kind=row.kind
            )
    return len(closed)


def is_open(connection: Connection, kind: str, subject: str) -> bool:
    """Say whether an exception of this kind is open for the subject."""
    return (
        connection.execute(
            select(exceptions.c.id).where(
                exceptions.c.kind == kind,
                exceptions.c.subject == subject,
                exceptions.c.state != ExceptionState.RESOLVED.value,
            )
        ).first()
        is not None
    )


def open_kinds_of(connection: Connection, subject: str) -> set[str]:
    """Return the kinds of exceptions that are open for a subject."""
    query = select(exceptions.c.kind).where(
        exceptions.c.subject == subject, exceptions.c.state != ExceptionState.RESOLVED.value
    )
    return set(connection.execute(query).scalars())


def resolved_since(connection: Connection, kind: str, subject: str, since: datetime) -> bool:
    """Say whether an exception of this kind about the subject was resolved after `since`, and none is open."""
    rows = connection.execute(
        select(exceptions.c.state, exceptions.c.resolved_at).where(
            exceptions.c.kind == kind, exceptions.c.subject == subject
        )
    ).all()
    if any(row.state != ExceptionState.RESOLVED.value for row in rows):
        return False
    return any(row.resolved_at is not None and row.resolved_at > since for row in rows)


def open_subjects(connection: Connection, kind: str, subjects: Sequence[str]) -> set[str]:
    """Return those of the subjects for which an exception of this kind is open."""
    return set(
        connection.execute(
            select(exceptions.c.subject).where(
                exceptions.c.kind == kind,
                exceptions.c.subject.in_(subjects),
                exceptions.c.state != ExceptionState.RESOLVED.value,
            )
        ).scalars()
    )


def open_evidence(connection: Connection, kind: str, prefix: str) -> list[dict[str, Any]]:
    """Return what is known of the open exceptions of a kind whose subjects begin with `prefix`."""
    query = select(exceptions.c.evidence).where(
        exceptions.c.kind == kind,
        exceptions.c.subject.startswith(prefix, autoescape=True),
        exceptions.c.state != ExceptionState.RESOLVED.value,
    )
    return list(connection.execute(query).scalars())


def subjects_of(connection: Connection, kind: str) -> set[str]:
    """Return the subjects for which an exception of this kind is open."""
    query = select(exceptions.c.subject).where(
        exceptions.c.kind == kind, exceptions.c.state != ExceptionState.RESOLVED.value
    )
    return set(connection.execute(query).scalars())
