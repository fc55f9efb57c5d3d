"""What the shop has sold and a back end has not reserved: the units that stock must not promise again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    case,
    delete,
    exists,
    func,
    or_,
    select,
    text,
    true,
    union_all,
)
from sqlalchemy.dialects import postgresql, sqlite

from syncbridge.domain.backend import FulfilmentStatus
from syncbridge.domain.states import UnitState
from syncbridge.ledger.id_slices import slices
from syncbridge.ledger.stock import Place
from syncbridge.ledger.tables import (
    IS_STILL_HELD,
    fulfilment_lines,
    fulfilment_orders,
    order_units,
    orders,
    sold_units,
)

Sold = dict[tuple[Place, str], int]
"""Units per place and *shop* SKU. A place without a warehouse is a merchant whose warehouse is not known yet."""


@dataclass(frozen=True)
class SoldUnit:
    """A unit that the shop has confirmed and that was not taken in yet."""

    order_item_id: int
    order_id: int
    merchant: str
    warehouse: str
    sku: str
    confirmed_at: datetime | None = None


_OVER_THERE = (FulfilmentStatus.DESPATCHED.value, FulfilmentStatus.CANCELLED.value)


def in_flight(
    connection: Connection, account: str, *, reserved_by: datetime, confirmed_by: datetime | None = None
) -> Sold:
    """Return the units sold but not reserved in the back end, per place and shop SKU.

    `reserved_by` is the instant for which the back end's figures are proven. A line of which more was reserved by a
    read after that instant counts whole, allocated and despatched units included, since the figures may still show any
    of them as free: a unit too many is deducted, never one too few.

    `confirmed_by` is an instant at or after the stamp that the figures will be published with. Units whose order the
    shop confirmed later are left out, because the shop itself still blocks them; where the confirmation is not known
    they count. None leaves nothing out.

    Otherwise: of an order that the back end has shown, what it has not allocated, despatched or cancelled; of one that
    it has not, every open unit, parked and held ones included; and what the shop has confirmed and we have not taken
    in. One statement, since an order that moved on between two of them would be missed by both.

    3 units of which 2 are allocated since 10:00: 1 for figures as of 10:05, 3 for figures as of 9:55.
    """
    lines, parts, units = fulfilment_lines.c, fulfilment_orders.c, order_units.c
    wanted = lines.quantity - lines.cancelled
    late = lines.reserved_at > reserved_by
    missing = case((late, wanted), else_=wanted - lines.allocated - lines.despatched)
    # What went through the warehouse between the figures and now; of a cancelled order only what left it.
    gone = case((parts.backend_status == FulfilmentStatus.CANCELLED.value, lines.despatched), else_=wanted)
    taken = exists().where(units.order_item_id == sold_units.c.order_item_id)
    known_order = _confirmed(orders.c.confirmed_at, confirmed_by)
    place = (parts.merchant, parts.warehouse)
    # In a select of its own, as text: an index on a part of the table is used only where its condition is said again.
    held = (
        select(parts.id, parts.order_id, *place, parts.backend_version)
        .where(parts.account == account, text(IS_STILL_HELD))
        .subquery("held")
    )
    at_place = (held.c.merchant, held.c.warehouse)
    # Written so that no index fits: SQLite would walk through all that was ever despatched, and not what is late.
    over_there = and_(
        func.coalesce(parts.account, "") == account, func.coalesce(parts.backend_status, "").in_(_OVER_THERE)
    )
    rows = connection.execute(
        union_all(
            # A line that was sent twice (a voided despatch) must not make up for another that is not reserved.
            select(*at_place, lines.shop_sku.label("sku"), func.sum(case((missing > 0, missing), else_=0)).label("units"))
            .select_from(held)
            .join(fulfilment_lines, lines.fulfilment_order_id == held.c.id)
            .join(orders, orders.c.id == held.c.order_id)
            .where(held.c.backend_version.is_not(None), known_order)
            .group_by(*at_place, lines.shop_sku),
            select(*place, lines.shop_sku, func.sum(case((gone > 0, gone), else_=0)))
            .select_from(fulfilment_orders)
            .join(fulfilment_lines, lines.fulfilment_order_id == parts.id)
            .join(orders, orders.c.id == parts.order_id)
            .where(late, over_there, known_order)
            .group_by(*place, lines.shop_sku),
            select(*at_place, units.sku, func.count())
            .select_from(held)
            .join(order_units, units.fulfilment_order_id == held.c.id)
            .join(orders, orders.c.id == held.c.order_id)
            .where(held.c.backend_version.is_(None), units.state == UnitState.OPEN.value, known_order)
            .group_by(*at_place, units.sku),
            select(sold_units.c.merchant, sold_units.c.warehouse, sold_units.c.sku, func.count())
            .where(~taken, _confirmed(sold_units.c.confirmed_at, confirmed_by))
            .group_by(sold_units.c.merchant, sold_units.c.warehouse, sold_units.c.sku),
        )
    )
    found: Sold = {}
    for merchant, warehouse, sku, count in rows:
        if count > 0:
            key = ((merchant, warehouse), sku)
            found[key] = found.get(key, 0) + int(count)
    return found


def _confirmed(column: ColumnElement[datetime], by: datetime | None) -> ColumnElement[bool]:
    return true() if by is None else or_(column.is_(None), column <= by)


def sold_since(connection: Connection, since: datetime) -> dict[tuple[Place, str], int]:
    """Return the units taken in since an instant, per place and shop SKU: how fast each sells."""
    rows = connection.execute(
        select(
            fulfilment_orders.c.merchant, fulfilment_orders.c.warehouse, order_units.c.sku, func.count()
        )
        .join(order_units, order_units.c.fulfilment_order_id == fulfilment_orders.c.id)
        .where(order_units.c.created_at >= since)
        .group_by(fulfilment_orders.c.merchant, fulfilment_orders.c.warehouse, order_units.c.sku)
    )
    return {((merchant, warehouse), sku): count for merchant, warehouse, sku, count in rows}


def last_sold(connection: Connection, since: datetime) -> dict[tuple[Place, str], datetime]:
    """Return when a unit was last taken in, per place and shop SKU: the shop's block is older than that."""
    rows = connection.execute(
        select(
            fulfilment_orders.c.merchant,
            fulfilment_orders.c.warehouse,
            order_units.c.sku,
            func.max(order_units.c.created_at),
        )
        .join(order_units, order_units.c.fulfilment_order_id == fulfilment_orders.c.id)
        .where(order_units.c.created_at >= since)
        .group_by(fulfilment_orders.c.merchant, fulfilment_orders.c.warehouse, order_units.c.sku)
    )
    return {((merchant, warehouse), sku): at for merchant, warehouse, sku, at in rows}


def note_sold(connection: Connection, seen: Sequence[SoldUnit], gone: Sequence[int], at: datetime) -> None:
    """Note units that the shop has confirmed and that wait for their delegation; forget those that are gone."""
    if seen:
        make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(
            make(sold_units).on_conflict_do_nothing(index_elements=["order_item_id"]),
            [vars(unit) | {"seen_at": at} for unit in sorted(seen, key=lambda one: one.order_item_id)],
        )
    for some in slices(sorted(gone)):
        connection.execute(delete(sold_units).where(sold_units.c.order_item_id.in_(some)))


def forget_sold(connection: Connection, before: datetime) -> int:
    """Delete noted units that were taken in, or that nothing came of for so long."""
    taken = exists().where(order_units.c.order_item_id == sold_units.c.order_item_id)
    return connection.execute(
        delete(sold_units).where(or_(taken, sold_units.c.seen_at < before))
    ).rowcount
