"""The outward writes that are not final yet: what a person can still put on the clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from syncbridge.domain.states import SendState
from syncbridge.ledger.tables import transmissions


@dataclass(frozen=True)
class UnfinishedWrite:
    """An outward write that is pending or sent. Without a due time it is parked: an exception carries it."""

    id: int
    kind: str
    target: str
    key: str
    order_id: int
    state: SendState
    due_at: datetime | None
    lease_until: datetime | None
    attempts: int
    failures: int
    reason: str


def unfinished_writes(
    connection: Connection, *, order_id: int | None = None, kind: str | None = None, limit: int = 1000
) -> list[UnfinishedWrite]:
    """Return the unfinished writes of an order, or those of a kind that are on the clock, soonest first.

    Parked writes are returned for a named order only: without one the question is what a run would find.
    """
    query = select(
        transmissions.c.id,
        transmissions.c.kind,
        transmissions.c.target,
        transmissions.c.key,
        transmissions.c.order_id,
        transmissions.c.state,
        transmissions.c.due_at,
        transmissions.c.lease_until,
        transmissions.c.attempts,
        transmissions.c.failures,
        transmissions.c.reason,
    ).where(transmissions.c.state.in_((SendState.PENDING.value, SendState.SENT.value)))
    if order_id is None:
        query = query.where(transmissions.c.due_at.is_not(None))
    else:
        query = query.where(transmissions.c.order_id == order_id)
    if kind is not None:
        query = query.where(transmissions.c.kind == kind)
    rows = connection.execute(query.order_by(transmissions.c.due_at, transmissions.c.id).limit(limit)).all()
    return [UnfinishedWrite(**{**row._mapping, "state": SendState(row.state)}) for row in rows]


def is_parked_order(connection: Connection, reference: str) -> bool:
    """Say whether a fulfilment order is at no back end, as far as anybody knows, and nothing of ours tries it again."""
    found = connection.execute(
        select(transmissions.c.id).where(
            transmissions.c.kind == "order",
            transmissions.c.key == reference,
            transmissions.c.state.in_((SendState.PENDING.value, SendState.SENT.value)),
            transmissions.c.due_at.is_(None),
        )
    )
    return found.first() is not None
