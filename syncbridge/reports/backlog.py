"""What waits: outward writes that are due, held or parked, and when each periodic job last ran."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, and_, case, func, or_, select

from syncbridge.domain.states import ExceptionState, SendState
from syncbridge.ledger.tables import cursors, exceptions, schedule_slots, transmissions


@dataclass(frozen=True)
class Backlog:
    """The unfinished writes of one target and kind, by count.

    `due`: free to be taken now. `held`: a worker has them. `later`: their time has not come. `parked`: an open
    exception carries them. `oldest_due_at`: since when the oldest free one has been due.
    """

    target: str
    kind: str
    due: int
    held: int
    later: int
    parked: int
    oldest_due_at: datetime | None


@dataclass(frozen=True)
class FeedPosition:
    """Up to which instant a vendor's feed was read to its end; None before the first time."""

    name: str
    read_to: datetime | None
    moved_at: datetime


def backlog(connection: Connection, at: datetime) -> list[Backlog]:
    """Return the unfinished writes per target and kind, as of an instant.

    The cost follows what waits and what is open, not the history: writes with a due time have an index of their own,
    and parked ones are found by way of the open exceptions of their orders.
    """
    held = transmissions.c.lease_until >= at
    free = or_(transmissions.c.lease_until.is_(None), transmissions.c.lease_until < at)
    due = and_(transmissions.c.due_at <= at, free)
    group = (transmissions.c.target, transmissions.c.kind)
    on_the_clock = connection.execute(
        select(
            *group,
            func.sum(case((due, 1), else_=0)).label("due"),
            func.sum(case((held, 1), else_=0)).label("held"),
            func.sum(case((and_(transmissions.c.due_at > at, free), 1), else_=0)).label("later"),
            func.min(case((due, transmissions.c.due_at), else_=None)).label("oldest_due_at"),
        )
        .where(transmissions.c.due_at.is_not(None))
        .group_by(*group)
    ).all()
    open_orders = select(exceptions.c.order_id).where(
        exceptions.c.state != ExceptionState.RESOLVED.value, exceptions.c.order_id.is_not(None)
    )
    parked = connection.execute(
        select(*group, func.count())
        .where(
            transmissions.c.order_id.in_(open_orders),
            transmissions.c.due_at.is_(None),
            transmissions.c.state.in_((SendState.PENDING.value, SendState.SENT.value)),
        )
        .group_by(*group)
    ).all()
    found = {
        (row.target, row.kind): Backlog(
            row.target, row.kind, int(row.due), int(row.held), int(row.later), 0, row.oldest_due_at
        )
        for row in on_the_clock
    }
    for target, kind, count in parked:
        empty = Backlog(target, kind, 0, 0, 0, 0, None)
        found[target, kind] = replace(found.get((target, kind), empty), parked=count)
    return [found[place] for place in sorted(found)]


def feed_positions(connection: Connection) -> list[FeedPosition]:
    """Return how far every feed was read. What stock notes for itself beside the feeds (`stock-held:…`) is none."""
    rows = connection.execute(
        select(cursors.c.name, cursors.c.read_to, cursors.c.updated_at)
        .where(~cursors.c.name.startswith("stock-"))
        .order_by(cursors.c.name)
    ).all()
    return [FeedPosition(row.name, row.read_to, row.updated_at) for row in rows]


def last_runs(connection: Connection) -> dict[str, datetime]:
    """Return when a worker last began each periodic job."""
    rows = connection.execute(
        select(schedule_slots.c.job, func.max(schedule_slots.c.claimed_at)).group_by(schedule_slots.c.job)
    ).all()
    return {row[0]: row[1] for row in rows}


def slots_before(connection: Connection, before: datetime) -> int:
    """Return how many time slots of periodic jobs are older than an instant."""
    return connection.execute(
        select(func.count()).select_from(schedule_slots).where(schedule_slots.c.claimed_at < before)
    ).scalar_one()
