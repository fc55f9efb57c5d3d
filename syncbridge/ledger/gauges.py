"""How the ledger stands, in numbers whose cost follows the backlog and not the history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError

from syncbridge.domain.states import ExceptionState
from syncbridge.ledger import migrate
from syncbridge.ledger.engine import Conflict, Ledger
from syncbridge.ledger.tables import exceptions, transmissions


@dataclass(frozen=True)
class Scheduled:
    """Outward writes of one target, kind and state that have a due time, and the oldest of those times."""

    target: str
    kind: str
    state: str
    count: int
    oldest_due_at: datetime


@dataclass(frozen=True)
class Trouble:
    """Open exceptions of one kind and owner."""

    kind: str
    owner: str
    count: int


def scheduled_writes(connection: Connection) -> list[Scheduled]:
    """Count the writes that have a due time. What is parked has none: it is an open exception."""
    rows = connection.execute(
        select(
            transmissions.c.target,
            transmissions.c.kind,
            transmissions.c.state,
            func.count().label("count"),
            func.min(transmissions.c.due_at).label("oldest_due_at"),
        )
        .where(transmissions.c.due_at.is_not(None))
        .group_by(transmissions.c.target, transmissions.c.kind, transmissions.c.state)
    ).all()
    return [Scheduled(**row._mapping) for row in rows]


def open_exceptions(connection: Connection) -> list[Trouble]:
    """Count the open exceptions."""
    rows = connection.execute(
        select(exceptions.c.kind, exceptions.c.owner, func.count().label("count"))
        .where(exceptions.c.state != ExceptionState.RESOLVED.value)
        .group_by(exceptions.c.kind, exceptions.c.owner)
    ).all()
    return [Trouble(**row._mapping) for row in rows]


def oldest_due(connection: Connection) -> datetime | None:
    """Return the oldest due time of any outward write."""
    oldest: datetime | None = connection.execute(
        select(func.min(transmissions.c.due_at)).where(transmissions.c.due_at.is_not(None))
    ).scalar()
    return oldest


def lacks_migrations(ledger: Ledger) -> bool:
    """Say whether the database is older than this code needs.

    A revision that this code does not know is newer: migrations are additive and run while the old version works.
    """
    current = migrate.current(ledger)
    if current is None:
        return True
    scripts = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
    known = {script.revision for script in scripts.walk_revisions()}
    return current in known and current != scripts.get_current_head()


def is_database_trouble(error: BaseException) -> bool:
    """Say whether an error comes from the database and not from what was to be stored."""
    return isinstance(error, (SQLAlchemyError, Conflict))
