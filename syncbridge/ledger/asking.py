"""Which orders a back end that does not tell by itself has to be asked about, the one not asked for longest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, TextClause, exists, func, or_, select, text, update

from syncbridge.domain.states import ExceptionState, SendState
from syncbridge.ledger.tables import (
    IS_TO_LOOK_AT_AGAIN,
    IS_UNFINISHED_THERE,
    IS_WITHDRAWN,
    exceptions,
    fulfilment_orders,
    transmissions,
)


@dataclass(frozen=True)
class Asked:
    """A fulfilment order to ask about; `acknowledged_at` is None for one that the back end never showed. `finished`: it is
    despatched or cancelled there, so that a back end may have put it away."""

    id: int
    order_id: int
    reference: str
    asked_at: datetime | None
    acknowledged_at: datetime | None
    finished: bool


def to_ask(
    connection: Connection, account: str, *, before: datetime, watched_since: datetime, settled_by: datetime, limit: int
) -> list[Asked]:
    """Return orders that were not asked about since `before`, at most `limit`.

    These are the orders that the back end holds and has not finished; those that were sent and that nobody looks up any
    more, because a person was told; those with a copy there that could not be cancelled since `watched_since`, or of which
    a person was told; those withdrawn since then although something of them had left; and, once, those finished since then and by `settled_by`: after
    that time nothing that was sent for them can turn up there any more.
    """
    not_lately = or_(fulfilment_orders.c.asked_at.is_(None), fulfilment_orders.c.asked_at < before)
    ours = fulfilment_orders.c.account == account
    parked = exists().where(
        transmissions.c.fulfilment_order_id == fulfilment_orders.c.id,
        transmissions.c.kind == "order",
        transmissions.c.state == SendState.SENT.value,
        transmissions.c.due_at.is_(None),
    )
    with_a_copy = (
        select(transmissions.c.fulfilment_order_id)
        .where(
            transmissions.c.target == account,
            transmissions.c.kind == "copy_cancel",
            transmissions.c.state.in_((SendState.PENDING.value, SendState.SENT.value)),
            transmissions.c.due_at.is_(None),
            transmissions.c.updated_at >= watched_since,
        )
        .scalar_subquery()
    )
    # By name, for the flow that opens it is above the ledger.
    told_of_a_copy = select(exceptions.c.order_id).where(
        exceptions.c.kind == "order_duplicated", exceptions.c.state != ExceptionState.RESOLVED.value
    )
    found: dict[int, Asked] = {}
    for conditions in (
        # As text, because an index on a part of the table is used only where its own condition is said again.
        (ours, text(IS_UNFINISHED_THERE)),
        # The account says less than that an order is unfinished here: written so that no index serves it.
        (
            fulfilment_orders.c.account.concat("") == account,
            text(IS_UNFINISHED_HERE),
            fulfilment_orders.c.state == SendState.SENT.value,
            parked,
        ),
        # Without the account, by which the database would rather look: a copy's write is of this one.
        (fulfilment_orders.c.id.in_(with_a_copy),),
        # People cancel copies too: until the last one is gone somebody has to look.
        (fulfilment_orders.c.account.concat("") == account, fulfilment_orders.c.order_id.in_(told_of_a_copy)),
        (ours, text(IS_WITHDRAWN), fulfilment_orders.c.sent_at.is_not(None), fulfilment_orders.c.updated_at >= watched_since),
    ):
        _add(connection, found, (not_lately, *conditions), limit)
    soonest = sorted(
        found.values(),
        key=lambda one: (one.asked_at is not None, one.asked_at.timestamp() if one.asked_at else 0.0, one.id),
    )[:limit]
    if (room := limit - len(soonest)) <= 0:
        return soonest
    # Those that are finished never hold up those that move.
    last: dict[int, Asked] = {}
    again = (ours, text(IS_TO_LOOK_AT_AGAIN), fulfilment_orders.c.updated_at.between(watched_since, settled_by))
    _add(connection, last, (not_lately, *again), room)
    return [*soonest, *(one for one in last.values() if one.id not in found)]


def _add(connection: Connection, found: dict[int, Asked], conditions: Sequence[ColumnElement[bool] | TextClause], limit: int) -> None:
    rows = connection.execute(
        select(*_ASKED)
        .where(*conditions)
        .order_by(fulfilment_orders.c.asked_at.asc().nulls_first(), fulfilment_orders.c.id)
        .limit(limit)
    ).all()
    found |= {row.id: Asked(**row._mapping) for row in rows}


IS_UNFINISHED_HERE = "state IN ('pending', 'sent')"
"""The condition of the index `ix_fulfilment_orders_unfinished`."""

_ASKED = (
    fulfilment_orders.c.id,
    fulfilment_orders.c.order_id,
    fulfilment_orders.c.reference,
    fulfilment_orders.c.asked_at,
    fulfilment_orders.c.acknowledged_at,
    func.coalesce(fulfilment_orders.c.backend_status, "").in_(("despatched", "cancelled")).label("finished"),
)


def note_asked(connection: Connection, parts: Sequence[int], at: datetime) -> None:
    """Note that the back end was asked about these orders."""
    connection.execute(update(fulfilment_orders).where(fulfilment_orders.c.id.in_(parts)).values(asked_at=at))


def note_not_read(connection: Connection, parts: Sequence[int], at: datetime) -> None:
    """Note that finished orders could not be read just now: their one look is still to come, and waits its time once more."""
    connection.execute(
        update(fulfilment_orders)
        .where(fulfilment_orders.c.id.in_(parts), fulfilment_orders.c.state == SendState.ACKNOWLEDGED.value)
        .values(updated_at=at)
    )
