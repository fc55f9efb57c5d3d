"""Cancellations that came too late: the units that leave, or left, all the same, and for which a return is wanted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from syncbridge.domain.cancellation import Cancellation
from syncbridge.ledger import cancellations
from syncbridge.ledger.statements import update_where
from syncbridge.ledger.tables import cancellations as table


@dataclass(frozen=True)
class WaitingReturn:
    """Units that are on their way although they were cancelled: a return is to be announced for them."""

    id: int
    order_id: int
    merchant: str
    units: tuple[int, ...]
    reason: str


def want_return(connection: Connection, cancellation: Cancellation, units: Iterable[int], at: datetime) -> None:
    """Note that these units leave, or left, although they were cancelled.

    What was noted before is read again: other parts of the same cancellation may have been noted since it was read.
    """
    now = cancellations.by_id(connection, cancellation.id, lock=True)
    known = set(now.return_units)
    more = known | set(units)
    if more == known and now.announce_return:
        return
    values = {"announce_return": True, "return_units": sorted(more), "updated_at": at}
    update_where(connection, table, {"id": cancellation.id}, values)


def return_announced(connection: Connection, cancellation_id: int, units: Sequence[int], at: datetime) -> None:
    """Note that a return of these units was announced, or that none of them left after all.

    Where more units joined them meanwhile, the wish stays open for those.
    """
    if set(cancellations.by_id(connection, cancellation_id, lock=True).return_units) - set(units):
        return
    values = {"announce_return": False, "updated_at": at}
    update_where(connection, table, {"id": cancellation_id}, values)


def waiting_for_return(connection: Connection, limit: int = 200) -> list[WaitingReturn]:
    """Return the cancellations that came too late and whose goods need a return, oldest first.

    Their units may still be in the warehouse: announce the return once they are despatched, then call
    `return_announced`.
    """
    rows = connection.execute(
        select(table)
        .where(table.c.announce_return, table.c.order_id.is_not(None))
        .order_by(table.c.id)
        .limit(limit)
    )
    return [
        WaitingReturn(row.id, row.order_id, row.merchant, tuple(row.return_units), row.reason) for row in rows
    ]
