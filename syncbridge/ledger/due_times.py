"""When outward writes are due: what puts them on the clock again, and what is due next. Changes no state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, func, or_, select, update

from syncbridge.domain.states import SendState
from syncbridge.ledger.tables import transmissions


def look_up_soon(connection: Connection, fulfilment_order_id: int, *, at: datetime) -> None:
    """Have an order whose outcome is unknown looked up now, unless somebody is at it."""
    connection.execute(
        update(transmissions)
        .where(
            transmissions.c.fulfilment_order_id == fulfilment_order_id,
            transmissions.c.kind == "order",
            transmissions.c.state == SendState.SENT.value,
            or_(transmissions.c.lease_until.is_(None), transmissions.c.lease_until < at),
        )
        .values(due_at=at, updated_at=at)
    )


def next_due(connection: Connection, order_id: int, kinds: Sequence[str]) -> datetime | None:
    """Return when the first unfinished write of these kinds is due for an order; None where none is."""
    return connection.execute(
        select(func.min(transmissions.c.due_at)).where(
            transmissions.c.order_id == order_id,
            transmissions.c.kind.in_(kinds),
            transmissions.c.state.in_((SendState.PENDING.value, SendState.SENT.value)),
        )
    ).scalar()


def make_due(connection: Connection, *, at: datetime, order_id: int) -> list[int]:
    """Put an order's unfinished writes on the clock again, for a re-run by hand; return their ids."""
    rows = connection.execute(
        update(transmissions)
        .where(
            transmissions.c.order_id == order_id,
            transmissions.c.state.in_((SendState.PENDING.value, SendState.SENT.value)),
        )
        .values(due_at=at, failures=0, updated_at=at)
        .returning(transmissions.c.id)
    ).all()
    return [row.id for row in rows]


def compare_soon(connection: Connection, fulfilment_order_id: int, *, at: datetime) -> None:
    """Have an order that we never sent looked up: the back end seems to hold it all the same."""
    connection.execute(
        update(transmissions)
        .where(
            transmissions.c.fulfilment_order_id == fulfilment_order_id,
            transmissions.c.kind == "order",
            transmissions.c.state == SendState.PENDING.value,
        )
        .values(due_at=at, updated_at=at)
    )


def look_soon(connection: Connection, fulfilment_order_id: int, kind: str, *, at: datetime) -> None:
    """Put a fulfilment order's unfinished writes of a kind on the clock: what parked them seems to be over."""
    connection.execute(
        update(transmissions)
        .where(
            transmissions.c.fulfilment_order_id == fulfilment_order_id,
            transmissions.c.kind == kind,
            transmissions.c.state.in_((SendState.PENDING.value, SendState.SENT.value)),
        )
        .values(due_at=at, updated_at=at)
    )


def look_at_parked(connection: Connection, ids: Sequence[int], *, at: datetime) -> int:
    """Put those of these writes on the clock that an exception keeps off it; each is looked up first. Return how many."""
    if not ids:
        return 0
    return connection.execute(
        update(transmissions)
        .where(
            transmissions.c.id.in_(ids),
            transmissions.c.due_at.is_(None),
            transmissions.c.state.in_((SendState.PENDING.value, SendState.SENT.value)),
        )
        .values(due_at=at, updated_at=at)
    ).rowcount


def targets_due(connection: Connection, *, at: datetime) -> list[tuple[str, str, int]]:
    """Return (target, kind, how many) of everything that is due and not leased: what the sweeper rings for."""
    rows = connection.execute(
        select(transmissions.c.target, transmissions.c.kind, func.count())
        .where(
            transmissions.c.due_at <= at,
            or_(transmissions.c.lease_until.is_(None), transmissions.c.lease_until < at),
        )
        .group_by(transmissions.c.target, transmissions.c.kind)
    ).all()
    return [(row[0], row[1], row[2]) for row in rows]
