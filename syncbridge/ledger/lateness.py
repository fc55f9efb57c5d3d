"""Questions that only time asks: what takes too long, and what will soon be too late."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, exists, or_, select

from syncbridge.domain.states import ExceptionState, SendState, UnitState
from syncbridge.ledger.tables import exceptions, fulfilment_orders, order_units, transmissions

_LIMIT = 500
# What is due later than this waits for something on purpose: a tracking number, a vendor's hint.
_WAITING_ON_PURPOSE = timedelta(minutes=5)


@dataclass(frozen=True)
class Late:
    """An outward write that has not come through."""

    kind: str
    key: str
    order_id: int
    target: str
    state: str
    attempts: int
    reason: str
    due_at: datetime
    created_at: datetime


@dataclass(frozen=True)
class OpenPart:
    """A fulfilment order with units that nothing has closed."""

    reference: str
    order_id: int
    created_at: datetime


def late_writes(connection: Connection, at: datetime, after: timedelta) -> list[Late]:
    """Return the unfinished writes that are `after` old and either tried already or overdue as long.

    What is parked is left out: it has its own exception.
    """
    rows = connection.execute(
        select(
            transmissions.c.kind,
            transmissions.c.key,
            transmissions.c.order_id,
            transmissions.c.target,
            transmissions.c.state,
            transmissions.c.attempts,
            transmissions.c.reason,
            transmissions.c.due_at,
            transmissions.c.created_at,
        )
        .where(
            transmissions.c.state.in_((SendState.PENDING.value, SendState.SENT.value)),
            transmissions.c.due_at.is_not(None),
            transmissions.c.due_at <= at + _WAITING_ON_PURPOSE,
            transmissions.c.created_at <= at - after,
            or_(transmissions.c.attempts > 0, transmissions.c.failures > 0, transmissions.c.due_at <= at - after),
        )
        .order_by(transmissions.c.created_at)
        .limit(_LIMIT)
    ).all()
    return [Late(**row._mapping) for row in rows]


def open_since(connection: Connection, since: datetime, until: datetime) -> list[OpenPart]:
    """Return the fulfilment orders made between the two instants that still have an open unit."""
    rows = connection.execute(
        select(fulfilment_orders.c.reference, fulfilment_orders.c.order_id, fulfilment_orders.c.created_at)
        .where(fulfilment_orders.c.created_at.between(since, until), _HAS_OPEN_UNIT)
        .order_by(fulfilment_orders.c.created_at)
        .limit(_LIMIT)
    ).all()
    return [OpenPart(**row._mapping) for row in rows]


def settled_subjects(connection: Connection, kind: str) -> list[str]:
    """Return the subjects of open exceptions of a kind whose fulfilment order has no open unit any more."""
    return list(
        connection.execute(
            select(exceptions.c.subject)
            .join(fulfilment_orders, exceptions.c.subject == "fulfilment:" + fulfilment_orders.c.reference)
            .where(
                exceptions.c.kind == kind,
                exceptions.c.state != ExceptionState.RESOLVED.value,
                ~_HAS_OPEN_UNIT,
            )
        ).scalars()
    )


_HAS_OPEN_UNIT = exists().where(
    and_(
        order_units.c.fulfilment_order_id == fulfilment_orders.c.id,
        order_units.c.state == UnitState.OPEN.value,
    )
)
