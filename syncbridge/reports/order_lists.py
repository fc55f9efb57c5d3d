"""Orders at a glance, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Connection, exists, func, select

from syncbridge.domain.money import Money
from syncbridge.domain.states import ExceptionState, SendState
from syncbridge.ledger.id_slices import slices
from syncbridge.ledger.tables import exceptions, fulfilment_orders, order_units, orders
from syncbridge.reports.exception_lists import open_per_order


@dataclass(frozen=True)
class OrderRow:
    """An order: how far its parts and its units are, by count."""

    order_id: int
    shop: str
    country: str
    source: str
    shop_status: str
    total: Money | None
    taken_in_at: datetime
    confirmed_at: datetime | None
    parts: Mapping[str, int]
    units: Mapping[str, int]
    open_exceptions: int


def list_orders(
    connection: Connection,
    *,
    state: SendState | None = None,
    with_exception: bool = False,
    since: datetime | None = None,
    limit: int,
) -> tuple[list[OrderRow], bool]:
    """Return orders by falling order id (which is how SCAYLE counts), and whether there are more.

    `state`: of any of its parts. `since`: taken in at or after that instant.
    """
    query = select(
        orders.c.id,
        orders.c.shop,
        orders.c.country,
        orders.c.source,
        orders.c.shop_status,
        orders.c.currency,
        orders.c.total_minor,
        orders.c.created_at,
        orders.c.confirmed_at,
    )
    if state is not None:
        query = query.where(
            exists().where(fulfilment_orders.c.order_id == orders.c.id, fulfilment_orders.c.state == state.value)
        )
    if with_exception:
        query = query.where(
            exists().where(
                exceptions.c.order_id == orders.c.id, exceptions.c.state != ExceptionState.RESOLVED.value
            )
        )
    if since is not None:
        query = query.where(orders.c.created_at >= since)
    rows = connection.execute(query.order_by(orders.c.id.desc()).limit(limit + 1)).all()
    shown = rows[:limit]
    ids = [row.id for row in shown]
    parts = _counts(connection, fulfilment_orders.c.order_id, fulfilment_orders.c.state, ids)
    units = _counts(connection, order_units.c.order_id, order_units.c.state, ids)
    trouble: dict[int, int] = {}
    for some in slices(ids):
        trouble |= open_per_order(connection, some)
    return [
        OrderRow(
            order_id=row.id,
            shop=row.shop,
            country=row.country,
            source=row.source,
            shop_status=row.shop_status,
            total=money(row.total_minor, row.currency),
            taken_in_at=row.created_at,
            confirmed_at=row.confirmed_at,
            parts=parts.get(row.id, {}),
            units=units.get(row.id, {}),
            open_exceptions=trouble.get(row.id, 0),
        )
        for row in shown
    ], len(rows) > limit


def money(minor: int | None, currency: str) -> Money | None:
    """Return an amount, or None while the shop has not told it."""
    return None if minor is None or not currency else Money(minor, currency)


def _counts(
    connection: Connection, order_id: Column[int], state: Column[str], ids: Iterable[int]
) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for some in slices(list(ids)):
        rows = connection.execute(
            select(order_id, state, func.count()).where(order_id.in_(some)).group_by(order_id, state)
        ).all()
        for row in sorted(rows, key=lambda row: str(row[1])):
            found.setdefault(row[0], {})[row[1]] = row[2]
    return found
