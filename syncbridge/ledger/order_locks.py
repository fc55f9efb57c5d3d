"""The lock of an order: who changes more than one of its rows takes it first."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from syncbridge.ledger.tables import fulfilment_orders, orders


def lock_order(connection: Connection, order_id: int) -> None:
    """Make whoever else changes something of an order wait until this transaction ends.

    Taken first by every transaction that changes more than one row of an order, so that no two ever wait for each other in
    a circle. Its key stays free: others refer to the order with rows of their own meanwhile. On SQLite a transaction that may
    write is alone anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(orders.c.id).where(orders.c.id == order_id).with_for_update(key_share=True))


def lock_orders_of(connection: Connection, account: str, references: Iterable[str]) -> None:
    """Lock the orders of several fulfilment orders of a back end, always in the same sequence; see `lock_order`."""
    if connection.dialect.name != "postgresql":
        return
    mine = select(fulfilment_orders.c.order_id).where(
        fulfilment_orders.c.account == account, fulfilment_orders.c.reference.in_(sorted(set(references)))
    )
    query = select(orders.c.id).where(orders.c.id.in_(mine)).order_by(orders.c.id)
    connection.execute(query.with_for_update(key_share=True))
