"""Stock as the ledger holds it: what back ends have, what is sold but not reserved there, what the shop was told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from syncbridge.domain.backend import FulfilmentStatus
from syncbridge.domain.states import SendState, UnitState
from syncbridge.domain.stock import StockRow, Terms
from syncbridge.ledger.orders import slices
from syncbridge.ledger.tables import (
    fulfilment_lines,
    fulfilment_orders,
    order_units,
    sold_units,
    stock_comparisons,
    stock_levels,
)

Place = tuple[str, str]
"""(merchant, SCAYLE warehouse key)."""


@dataclass(frozen=True)
class Level:
    """One SKU of one merchant's warehouse. `published` and `stamp` are None before the first write.

    `published` is what the shop was last known to hold; with `sending`, a quantity was sent since and no answer has
    proven it. `stamp` is the newest stamp that the shop may have seen for it, its own edits included.
    """

    account: str
    warehouse_code: str
    sku: str
    merchant: str
    warehouse: str
    shop_sku: str
    observed: Decimal
    active: bool
    observed_at: datetime
    sending: int | None
    published: int | None
    stamp: datetime | None
    ignored: int
    not_before: datetime | None

    @property
    def place(self) -> Place:
        return self.merchant, self.warehouse


@dataclass(frozen=True)
class SoldUnit:
    """A unit that the shop has confirmed and that was not taken in yet."""

    order_item_id: int
    order_id: int
    merchant: str
    warehouse: str
    sku: str


def observe(
    connection: Connection,
    account: str,
    rows: Iterable[tuple[StockRow, str, str, str]],
    at: datetime,
) -> None:
    """Store (row, merchant, warehouse, shop SKU) of a feed; a row that is older than what is stored changes nothing."""
    values = [
        {
            "account": account,
            "warehouse_code": row.warehouse_code,
            "sku": row.sku,
            "merchant": merchant,
            "warehouse": warehouse,
            "shop_sku": shop_sku,
            "observed": format(row.available_for_sale, "f"),
            "active": row.active,
            "sequence": row.sequence,
            "changed_at": row.changed_at,
            "observed_at": at,
            "ignored": 0,
            "reason": "",
        }
        for row, merchant, warehouse, shop_sku in rows
    ]
    if not values:
        return
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(stock_levels)
    new = ("merchant", "warehouse", "shop_sku", "observed", "active", "sequence", "changed_at", "observed_at")
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account", "warehouse_code", "sku"],
            set_={name: statement.excluded[name] for name in new},
            where=stock_levels.c.sequence <= statement.excluded.sequence,
        ),
        values,
    )


def levels(connection: Connection, account: str, *, batch: int = 2000) -> Iterable[Level]:
    """Yield every level of an account in key order, read in batches so that memory stays bounded."""
    last: tuple[str, str] | None = None
    while True:
        query = (
            select(*_LEVEL)
            .where(stock_levels.c.account == account)
            .order_by(stock_levels.c.warehouse_code, stock_levels.c.sku)
            .limit(batch)
        )
        if last is not None:
            query = query.where(
                or_(
                    stock_levels.c.warehouse_code > last[0],
                    and_(stock_levels.c.warehouse_code == last[0], stock_levels.c.sku > last[1]),
                )
            )
        rows = connection.execute(query).all()
        for row in rows:
            values = dict(row._mapping)
            yield Level(**values | {"observed": Decimal(values["observed"])})
        if len(rows) < batch:
            return
        last = (rows[-1].warehouse_code, rows[-1].sku)


_LEVEL = tuple(
    stock_levels.c[name]
    for name in (
        "account",
        "warehouse_code",
        "sku",
        "merchant",
        "warehouse",
        "shop_sku",
        "observed",
        "active",
        "observed_at",
        "sending",
        "published",
        "stamp",
        "ignored",
        "not_before",
    )
)

_OVER_THERE = (FulfilmentStatus.DESPATCHED.value, FulfilmentStatus.CANCELLED.value)


def in_flight(connection: Connection, account: str) -> dict[tuple[Place, str], int]:
    """Return the units sold but not reserved in the back end, per place and *shop* SKU.

    Of an order that the back end has shown, what it has not allocated, despatched or cancelled; of one that it has
    not, every open unit, parked and held ones included; and what the shop has confirmed and we have not taken in.
    One statement, since an order that moved on between two of them would be missed by both.
    """
    lines, parts, units = fulfilment_lines.c, fulfilment_orders.c, order_units.c
    missing = lines.quantity - lines.allocated - lines.despatched - lines.cancelled
    taken = exists().where(units.order_item_id == sold_units.c.order_item_id)
    rows = connection.execute(
        union_all(
            # A line that was sent twice (a voided despatch) must not make up for another that is not reserved.
            select(
                parts.merchant,
                parts.warehouse,
                lines.shop_sku.label("sku"),
                func.sum(case((missing > 0, missing), else_=0)).label("units"),
            )
            .join(fulfilment_lines, lines.fulfilment_order_id == parts.id)
            .where(
                parts.account == account,
                parts.backend_version.is_not(None),
                parts.backend_status.not_in(_OVER_THERE),
            )
            .group_by(parts.merchant, parts.warehouse, lines.shop_sku),
            select(parts.merchant, parts.warehouse, units.sku, func.count())
            .join(order_units, units.fulfilment_order_id == parts.id)
            .where(
                parts.account == account,
                parts.backend_version.is_(None),
                parts.state != SendState.WITHDRAWN.value,
                units.state == UnitState.OPEN.value,
            )
            .group_by(parts.merchant, parts.warehouse, units.sku),
            select(sold_units.c.merchant, sold_units.c.warehouse, sold_units.c.sku, func.count())
            .where(~taken)
            .group_by(sold_units.c.merchant, sold_units.c.warehouse, sold_units.c.sku),
        )
    )
    found: dict[tuple[Place, str], int] = {}
    for merchant, warehouse, sku, count in rows:
        if count > 0:
            key = ((merchant, warehouse), sku)
            found[key] = found.get(key, 0) + int(count)
    return found


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
            [vars(unit) | {"seen_at": at} for unit in seen],
        )
    for some in slices(gone):
        connection.execute(delete(sold_units).where(sold_units.c.order_item_id.in_(some)))


def forget_sold(connection: Connection, before: datetime) -> int:
    """Delete noted units that were taken in, or that nothing came of for so long."""
    taken = exists().where(order_units.c.order_item_id == sold_units.c.order_item_id)
    return connection.execute(
        delete(sold_units).where(or_(taken, sold_units.c.seen_at < before))
    ).rowcount


def intend(connection: Connection, level: Level, terms: Terms, stamp: datetime, at: datetime) -> bool:
    """Record that a quantity is about to be sent; false when somebody sent with that stamp or a newer one."""
    changed = connection.execute(
        _INTEND,
        {
            "of_account": level.account,
            "of_code": level.warehouse_code,
            "of_sku": level.sku,
            "to_sending": terms.sellable,
            "to_available": terms.available,
            "to_in_flight": terms.in_flight,
            "to_buffer": terms.buffer,
            "to_stamp": stamp,
        },
    )
    return changed.rowcount == 1


_OF = and_(
    stock_levels.c.account == bindparam("of_account"),
    stock_levels.c.warehouse_code == bindparam("of_code"),
    stock_levels.c.sku == bindparam("of_sku"),
)
_INTEND = (
    update(stock_levels)
    .where(_OF, or_(stock_levels.c.stamp.is_(None), stock_levels.c.stamp < bindparam("to_stamp")))
    .values(
        sending=bindparam("to_sending"),
        available=bindparam("to_available"),
        in_flight=bindparam("to_in_flight"),
        buffer=bindparam("to_buffer"),
        stamp=bindparam("to_stamp"),
    )
)
_SETTLE = (
    update(stock_levels)
    .where(_OF, stock_levels.c.stamp == bindparam("of_stamp"))
    .values(
        stamp=bindparam("to_stamp"),
        published_at=bindparam("at"),
        ignored=bindparam("to_ignored"),
        reason=bindparam("to_reason"),
        not_before=bindparam("to_not_before"),
    )
)
_PROVEN = _SETTLE.values(sending=None, published=bindparam("to_published"))


def settle(
    connection: Connection,
    level: Level,
    *,
    sent: datetime,
    published: int | None,
    stamp: datetime,
    at: datetime,
    ignored: int = 0,
    reason: str = "",
    not_before: datetime | None = None,
) -> None:
    """Note what came of a write that was sent with the stamp `sent`; a newer write's row is left alone.

    Without a proven quantity (`published` is None) the write counts as open: the next run sends again, and what the
    shop was last known to hold stays, so that a sell-out is still seen as one.
    """
    values: dict[str, object] = {
        "of_account": level.account,
        "of_code": level.warehouse_code,
        "of_sku": level.sku,
        "of_stamp": sent,
        "to_stamp": stamp,
        "at": at,
        "to_ignored": ignored,
        "to_reason": reason[:200],
        "to_not_before": not_before,
    }
    if published is None:
        connection.execute(_SETTLE, values)
    else:
        connection.execute(_PROVEN, values | {"to_published": published})


def correct(
    connection: Connection, level: Level, held: int | None, stamp: datetime | None, reason: str, at: datetime
) -> bool:
    """Note what the shop really holds, so that the next run puts it right with a newer stamp.

    False, and nothing is noted, when a write was sent since `level` was read: then the two cannot be compared.
    """
    newest = max((one for one in (level.stamp, stamp) if one is not None), default=None)
    changed = connection.execute(
        update(stock_levels)
        .where(
            stock_levels.c.account == level.account,
            stock_levels.c.warehouse_code == level.warehouse_code,
            stock_levels.c.sku == level.sku,
            stock_levels.c.stamp.is_not_distinct_from(level.stamp),
        )
        .values(published=held, stamp=newest, reason=reason[:200], not_before=None)
    )
    return changed.rowcount == 1


def note_comparison(
    connection: Connection,
    account: str,
    *,
    started_at: datetime,
    finished_at: datetime,
    skus: int,
    skus_off: int,
    units_off: int,
    edited: int,
    unknown: int,
) -> None:
    """Store what one full compare found: the drift and, over the rows, its trend."""
    connection.execute(
        insert(stock_comparisons).values(
            account=account,
            started_at=started_at,
            finished_at=finished_at,
            skus=skus,
            skus_off=skus_off,
            units_off=units_off,
            edited=edited,
            unknown=unknown,
        )
    )
