"""Erasing personal data: documents and bodies go, what happened stays.

A message keeps the digest that it is known by, and units keep their ids, so a late repeat is still recognised.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, String, and_, cast, exists, or_, select, update

from syncbridge.domain.returns import OPEN_RETURNS
from syncbridge.domain.states import ExceptionState, SendState, UnitState
from syncbridge.ledger.tables import (
    attempts,
    audit,
    cancellations,
    exceptions,
    inbox,
    order_units,
    orders,
    returns,
    transmissions,
)

ERASED = "erased"
"""Stands where a reason stood."""

BATCH = 200
"""Orders erased in one transaction. Chosen: short, so that it stands in nobody's way."""


def erase_orders(connection: Connection, before: datetime) -> int:
    """Erase up to `BATCH` orders last changed before an instant and with nothing open about them; return how many."""
    unfinished = exists().where(
        transmissions.c.order_id == orders.c.id,
        transmissions.c.state.in_((SendState.PENDING.value, SendState.SENT.value)),
    )
    troubled = exists().where(
        exceptions.c.order_id == orders.c.id, exceptions.c.state != ExceptionState.RESOLVED.value
    )
    open_units = exists().where(
        order_units.c.order_id == orders.c.id, order_units.c.state == UnitState.OPEN.value
    )
    # Goods on their way back count as open, but not for ever: what never arrives became an exception long before.
    coming_back = exists().where(
        returns.c.order_id == orders.c.id,
        returns.c.state.in_([state.value for state in OPEN_RETURNS]),
        returns.c.updated_at >= before,
    )
    kept = exists().where(inbox.c.order_id == orders.c.id, inbox.c.raw.is_not(None))
    ids = list(
        connection.execute(
            select(orders.c.id)
            .where(
                orders.c.updated_at < before,
                or_(orders.c.document.is_not(None), kept),
                ~unfinished,
                ~troubled,
                ~open_units,
                ~coming_back,
            )
            .order_by(orders.c.id)
            .limit(BATCH)
        ).scalars()
    )
    if not ids:
        return 0
    writes = select(transmissions.c.id).where(transmissions.c.order_id.in_(ids))
    connection.execute(update(orders).where(orders.c.id.in_(ids)).values(document=None))
    connection.execute(update(attempts).where(attempts.c.transmission_id.in_(writes)).values(excerpt=None))
    connection.execute(update(transmissions).where(transmissions.c.order_id.in_(ids)).values(body=None))
    connection.execute(update(inbox).where(inbox.c.order_id.in_(ids)).values(raw=None))
    # What a person wrote may name the shopper; who did what stays.
    told = exceptions.c.order_id.in_(ids)
    about_exceptions = select("exception:" + cast(exceptions.c.id, String)).where(told)
    about = or_(audit.c.subject.in_([f"order:{order_id}" for order_id in ids]), audit.c.subject.in_(about_exceptions))
    connection.execute(update(audit).where(about).values(reason=ERASED))
    connection.execute(update(exceptions).where(told, exceptions.c.resolution.is_not(None)).values(resolution=ERASED))
    connection.execute(update(cancellations).where(cancellations.c.order_id.in_(ids)).values(reason=ERASED))
    return len(ids)


def erase_messages(connection: Connection, before: datetime) -> int:
    """Erase the bodies of messages that belong to no order and came before an instant; return how many."""
    # What came with goods whose order nobody found may be a shopper's number.
    stale = and_(returns.c.codes.is_not(None), returns.c.created_at < before)
    connection.execute(update(returns).where(stale).values(codes=None))
    return connection.execute(
        update(inbox)
        .where(inbox.c.order_id.is_(None), inbox.c.raw.is_not(None), inbox.c.last_seen_at < before)
        .values(raw=None)
    ).rowcount
