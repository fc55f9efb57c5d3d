"""Which orders a back end that does not tell by itself has to be asked about, the one not asked for longest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select, text, update

from syncbridge.domain.states import SendState
from syncbridge.ledger.tables import IS_UNFINISHED_THERE, IS_WITHDRAWN, fulfilment_orders, transmissions


@dataclass(frozen=True)
class Asked:
    """A fulfilment order to ask about; `acknowledged_at` is None for one that the back end never showed."""

    id: int
    order_id: int
    reference: str
    asked_at: datetime | None
    acknowledged_at: datetime | None


def to_ask(connection: Connection, account: str, *, before: datetime, watched_since: datetime, limit: int) -> list[Asked]:
    """Return orders that were not asked about since `before`, at most `limit`.

    These are the orders that the back end holds and has not finished; those that were sent and that nobody looks up any
    more, because a person was told; and those withdrawn since `watched_since` although something of them had left.
    """
    not_lately = or_(fulfilment_orders.c.asked_at.is_(None), fulfilment_orders.c.asked_at < before)
    parked = (
        select(transmissions.c.fulfilment_order_id)
        .where(
            transmissions.c.target == account,
            transmissions.c.kind == "order",
            transmissions.c.state == SendState.SENT.value,
            transmissions.c.due_at.is_(None),
        )
        .scalar_subquery()
    )
    found: list[Asked] = []
    for condition in (
        # As text, because an index on a part of the table is used only where its own condition is said again.
        text(IS_UNFINISHED_THERE),
        and_(fulfilment_orders.c.state == SendState.SENT.value, fulfilment_orders.c.id.in_(parked)),
        and_(
            text(IS_WITHDRAWN),
            fulfilment_orders.c.sent_at.is_not(None),
            fulfilment_orders.c.updated_at >= watched_since,
        ),
    ):
        rows = connection.execute(
            select(*_ASKED)
            .where(fulfilment_orders.c.account == account, not_lately, condition)
            .order_by(fulfilment_orders.c.asked_at.asc().nulls_first(), fulfilment_orders.c.id)
            .limit(limit)
        ).all()
        found += [Asked(**row._mapping) for row in rows]
    found.sort(key=lambda one: (one.asked_at is not None, one.asked_at.timestamp() if one.asked_at else 0.0, one.id))
    return found[:limit]


_ASKED = (
    fulfilment_orders.c.id,
    fulfilment_orders.c.order_id,
    fulfilment_orders.c.reference,
    fulfilment_orders.c.asked_at,
    fulfilment_orders.c.acknowledged_at,
)


def note_asked(connection: Connection, parts: Sequence[int], at: datetime) -> None:
    """Note that the back end was asked about these orders."""
    connection.execute(update(fulfilment_orders).where(fulfilment_orders.c.id.in_(parts)).values(asked_at=at))
