"""Orders as the ledger holds them: their rows, their names, and what the shop says of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from syncbridge.domain.orders import ShopOrder
from syncbridge.ledger.order_locks import lock_order
from syncbridge.ledger.statements import insert_row, select_where, update_where
from syncbridge.ledger.tables import order_references, orders


def ensure_order(
    connection: Connection,
    order_id: int,
    *,
    shop: str,
    country: str,
    currency: str,
    reference_key: str,
    source: str,
    confirmed_at: datetime | None,
    at: datetime,
) -> None:
    """Insert an order unless it is there; otherwise lock its row, so that a simultaneous intake waits for us."""
    row = {
        "id": order_id,
        "shop": shop,
        "country": country,
        "reference_keys": [reference_key] if reference_key else [],
        "currency": currency,
        "source": source,
        "confirmed_at": confirmed_at,
        "created_at": at,
        "updated_at": at,
    }
    added = insert_row(connection, orders, row, unless=("id",))
    if added is None:
        lock_order(connection, order_id)
    _name(connection, order_id, reference_key)


# Longer than any name that a shop gives; a longer one is kept in the order's row but finds nothing.
LONGEST_REFERENCE_KEY = 200


def _name(connection: Connection, order_id: int, reference_key: str) -> None:
    """Keep a name of an order for ever, so that whoever knows it by that one finds it."""
    if 0 < len(reference_key) <= LONGEST_REFERENCE_KEY:
        row = {"reference_key": reference_key, "order_id": order_id}
        insert_row(
            connection, order_references, row, returning="order_id", unless=("reference_key", "order_id")
        )


def is_known(connection: Connection, order_id: int) -> bool:
    """Say whether an order was taken in."""
    return bool(select_where(connection, orders, ("id",), {"id": order_id}))


def orders_called(connection: Connection, reference_key: str) -> list[int]:
    """Return the orders that have, or ever had, this reference key in the shop."""
    rows = select_where(connection, order_references, ("order_id",), {"reference_key": reference_key}, "order_id")
    return [row.order_id for row in rows]


def note_reading(connection: Connection, order: ShopOrder, at: datetime) -> bool:
    """Note what the shop's own order says; every reference key ever seen is kept. Say whether this one is new."""
    ((known,),) = select_where(connection, orders, ("reference_keys",), {"id": order.order_id})
    values: dict[str, object] = {
        "shop": order.shop,
        "country": order.country,
        "currency": order.currency,
        "total_minor": order.total_minor,
        "shop_status": order.status,
        "document": order.document or None,
        "confirmed_at": order.confirmed_at,
        "read_at": at,
        "updated_at": at,
    }
    named = bool(order.reference_key) and order.reference_key not in known
    if named:
        values["reference_keys"] = [*known, order.reference_key]
        _name(connection, order.order_id, order.reference_key)
    update_where(connection, orders, {"id": order.order_id}, values)
    return named


def shop_of(connection: Connection, order_id: int) -> tuple[str, str]:
    """Return the shop key and country of an order."""
    row = connection.execute(select(orders.c.shop, orders.c.country).where(orders.c.id == order_id)).one()
    return row.shop, row.country
