"""The outward writes that cancel: what back ends were asked to take out, and by which the shop is told of closed units."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from syncbridge.domain.states import SendState
from syncbridge.ledger.id_slices import slices
from syncbridge.ledger.tables import order_units, transmissions


def is_under_way(connection: Connection, part_id: int, kind: str, *, but: int) -> bool:
    """Say whether a back end was asked to cancel of a part, by another write than `but`, and it may still take effect."""
    query = select(transmissions.c.id).where(
        transmissions.c.fulfilment_order_id == part_id,
        transmissions.c.kind == kind,
        transmissions.c.id != but,
        transmissions.c.state == SendState.SENT.value,
        # One that is parked was told to a person; it would hold up the others for ever.
        transmissions.c.due_at.is_not(None),
    )
    return connection.execute(query).first() is not None


def parked_closings(connection: Connection, order_item_ids: Sequence[int]) -> list[int]:
    """Return the writes that close one of these units in the shop and that an exception keeps off the clock."""
    found: set[int] = set()
    for some in slices(sorted(order_item_ids)):
        query = (
            select(transmissions.c.id)
            .join(order_units, order_units.c.closed_by == transmissions.c.id)
            .where(
                order_units.c.order_item_id.in_(some),
                transmissions.c.due_at.is_(None),
                transmissions.c.state.in_((SendState.PENDING.value, SendState.SENT.value)),
            )
        )
        found |= set(connection.execute(query.distinct()).scalars())
    return sorted(found)
