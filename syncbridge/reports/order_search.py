"""Finding an order by whatever somebody has in hand."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, func, select, type_coerce
from sqlalchemy.dialects.postgresql import JSONB

from syncbridge.ledger.tables import exceptions, fulfilment_orders, history, inbox, orders

# Digits that certainly fit a 64-bit column; a longer number is no order id.
_LONGEST_ID = 18


def find_orders(connection: Connection, text: str) -> list[int]:
    """Return the ids of the orders that a text names: SCAYLE's order id, the back end's reference or id, a reference key.

    The first of these that finds anything decides. An id counts also where only a message, a fact or an exception
    names it: that is an order which was refused.
    """
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID and _is_known(connection, int(text)):
        return [int(text)]
    part_of = select(fulfilment_orders.c.order_id)
    for query in (
        part_of.where(fulfilment_orders.c.reference == text),
        part_of.where(fulfilment_orders.c.backend_id == text),
        select(orders.c.id).where(_has_reference_key(connection, text)),
    ):
        found = sorted(set(connection.execute(query.limit(20)).scalars()))
        if found:
            return found
    return []


def _is_known(connection: Connection, order_id: int) -> bool:
    return any(
        connection.execute(select(column).where(column == order_id).limit(1)).first() is not None
        for column in (orders.c.id, inbox.c.order_id, exceptions.c.order_id, history.c.order_id)
    )


def _has_reference_key(connection: Connection, text: str) -> ColumnElement[bool]:
    if connection.dialect.name == "postgresql":
        keys: Any = type_coerce(orders.c.reference_keys, JSONB)
        return keys.contains([text])  # type: ignore[no-any-return]  # the JSON column's operators are untyped
    each = func.json_each(orders.c.reference_keys).table_valued("value")
    return exists().select_from(each).where(each.c.value == text)
