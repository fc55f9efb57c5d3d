"""Positions in vendors' feeds, and the slots of periodic jobs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from syncbridge.ledger.tables import cursors, schedule_slots


@dataclass(frozen=True)
class Position:
    """Where a feed was left. `read_to` is the instant up to which the feed was read to its end."""

    value: str | None
    read_to: datetime | None


class CursorMoved(Exception):
    """Somebody else moved the cursor while we read: what we read is stored, the position is theirs."""


def position(connection: Connection, name: str) -> Position:
    """Return the stored position of a feed; both parts are None before the first read."""
    row = connection.execute(select(cursors.c.value, cursors.c.read_to).where(cursors.c.name == name)).first()
    return Position(row.value, row.read_to) if row else Position(None, None)


def move(connection: Connection, name: str, old: Position, new: Position, *, at: datetime) -> None:
    """Move a cursor in the transaction that stores what it covers; raises CursorMoved if it is not at `old`."""
    if old == Position(None, None):
        make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(
            make(cursors)
            .values(name=name, value=None, read_to=None, updated_at=at)
            .on_conflict_do_nothing(index_elements=["name"])
        )
    moved = connection.execute(
        update(cursors)
        .where(
            cursors.c.name == name,
            cursors.c.value.is_not_distinct_from(old.value),
            cursors.c.read_to.is_not_distinct_from(old.read_to),
        )
        .values(value=new.value, read_to=new.read_to, updated_at=at)
    )
    if moved.rowcount != 1:
        raise CursorMoved(name)


def start_over(connection: Connection, name: str, *, at: datetime) -> None:
    """Have the next reading of a feed start at its beginning; up to when it was read stays known."""
    connection.execute(update(cursors).where(cursors.c.name == name).values(value=None, updated_at=at))


def is_known(connection: Connection, name: str) -> bool:
    """Say whether anything is kept under a name."""
    return connection.execute(select(cursors.c.name).where(cursors.c.name == name)).first() is not None


def drop(connection: Connection, name: str) -> None:
    """Forget a position."""
    connection.execute(delete(cursors).where(cursors.c.name == name))


def readable_until(connection: Connection, name: str, *, at: datetime) -> datetime:
    """Return until when a feed was last read to its end; for one that never was, since when we try."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(
        make(cursors)
        .values(name=name, value=None, read_to=None, updated_at=at)
        .on_conflict_do_nothing(index_elements=["name"])
    )
    row = connection.execute(select(cursors.c.read_to, cursors.c.updated_at).where(cursors.c.name == name)).one()
    return row.read_to or row.updated_at  # type: ignore[no-any-return]  # both columns are instants


def claim_slot(connection: Connection, job: str, slot: int, *, at: datetime) -> bool:
    """Claim a periodic job's time slot; false when another scheduler's run has it already."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    claimed = connection.execute(
        make(schedule_slots)
        .values(job=job, slot=slot, claimed_at=at)
        .on_conflict_do_nothing(index_elements=["job", "slot"])
        .returning(schedule_slots.c.slot)
    ).first()
    return claimed is not None


def release_slot(connection: Connection, job: str, slot: int) -> None:
    """Give a slot back whose run did not get its work done, so that the job's next tick may try again."""
    connection.execute(delete(schedule_slots).where(schedule_slots.c.job == job, schedule_slots.c.slot == slot))


def forget_slots(connection: Connection, before: datetime) -> int:
    """Delete slots that no late message can claim any more."""
    return connection.execute(delete(schedule_slots).where(schedule_slots.c.claimed_at < before)).rowcount


def last_tick(connection: Connection) -> datetime | None:
    """Return when a periodic job last ran: how the health check sees that the scheduler ticks."""
    return connection.execute(
        select(schedule_slots.c.claimed_at).order_by(schedule_slots.c.claimed_at.desc()).limit(1)
    ).scalar()
