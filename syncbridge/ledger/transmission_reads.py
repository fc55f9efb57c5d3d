"""What is known of outward writes by their key or their fulfilment order. Changes nothing."""

from __future__ import annotations

from sqlalchemy import Connection, select

from syncbridge.domain.states import SendState
from syncbridge.ledger.tables import transmissions


def order_write(connection: Connection, fulfilment_order_id: int) -> int:
    """Return the transmission that creates a fulfilment order in its back end."""
    return int(
        connection.execute(
            select(transmissions.c.id).where(
                transmissions.c.fulfilment_order_id == fulfilment_order_id, transmissions.c.kind == "order"
            )
        ).scalar_one()
    )


def id_of(connection: Connection, target: str, kind: str, key: str) -> int | None:
    """Return a write by its key, or None."""
    return connection.execute(
        select(transmissions.c.id).where(
            transmissions.c.target == target, transmissions.c.kind == kind, transmissions.c.key == key
        )
    ).scalar()


def is_final(connection: Connection, target: str, kind: str, key: str) -> bool:
    """Say whether a write is there and finished."""
    state = connection.execute(
        select(transmissions.c.state).where(
            transmissions.c.target == target, transmissions.c.kind == kind, transmissions.c.key == key
        )
    ).scalar()
    return state in (SendState.ACKNOWLEDGED.value, SendState.WITHDRAWN.value)


def keys_of(connection: Connection, fulfilment_order_id: int, kind: str) -> frozenset[str]:
    """Return the keys of a fulfilment order's writes of a kind."""
    return frozenset(
        connection.execute(
            select(transmissions.c.key).where(
                transmissions.c.fulfilment_order_id == fulfilment_order_id, transmissions.c.kind == kind
            )
        ).scalars()
    )


def frozen_body(connection: Connection, fulfilment_order_id: int) -> str | None:
    """Return the body that was frozen for a fulfilment order, if there is one."""
    return connection.execute(
        select(transmissions.c.body).where(
            transmissions.c.fulfilment_order_id == fulfilment_order_id, transmissions.c.kind == "order"
        )
    ).scalar()
