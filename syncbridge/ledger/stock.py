"""Stock levels as the ledger holds them: what back ends have, and what the shop was told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, case, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from syncbridge.domain.stock import StockRow, Terms
from syncbridge.ledger.tables import catalogue_items, stock_levels

Place = tuple[str, str]
"""(merchant, SCAYLE warehouse key)."""


@dataclass(frozen=True)
class Level:
    """One SKU of one merchant's warehouse. `published` and `stamp` are None before the first write.

    `active` is false where the back end's row says so, and where its catalogue, asked later than the row came, does
    not serve the SKU any more. `missing_at` is set while the last complete snapshot had no row of it, and `asked_at` is
    when the catalogue last told of it.

    `published` is what the shop was last known to hold; with `sending`, a quantity was sent since and no answer has
    proven it; with `sent_at`, a worker waits for that answer since then. `stamp` is the newest stamp that the shop may
    have seen for it, its own edits included.
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
    sent_at: datetime | None
    missing_at: datetime | None
    asked_at: datetime | None

    @property
    def place(self) -> Place:
        return self.merchant, self.warehouse

    @property
    def subject(self) -> str:
        """What exceptions about it are filed under."""
        return subject_of(self.merchant, self.warehouse, self.shop_sku)


def subject_of(merchant: str, warehouse: str, sku: str) -> str:
    """Return the subject of exceptions about a SKU of a merchant's warehouse."""
    return f"stock:{merchant}/{warehouse}/{sku}"[:128]


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
            "seen_at": at,
            "missing_at": None,
            "ignored": 0,
            "reason": "",
        }
        for row, merchant, warehouse, shop_sku in rows
    ]
    if not values:
        return
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(stock_levels)
    old, new = stock_levels.c, statement.excluded
    # A row that came late still proves that the back end has the SKU.
    kept = {
        name: case((old.sequence <= new.sequence, new[name]), else_=old[name])
        for name in ("merchant", "warehouse", "shop_sku", "observed", "active", "sequence", "changed_at", "observed_at")
    }
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account", "warehouse_code", "sku"],
            set_=kept | {"seen_at": new.seen_at, "missing_at": None},
        ),
        values,
    )


def note_missing(connection: Connection, account: str, began: datetime, at: datetime) -> int:
    """Mark the levels of which a complete snapshot, begun at `began`, had no row; return how many are new to that."""
    columns = stock_levels.c
    return connection.execute(
        update(stock_levels)
        .where(
            columns.account == account,
            columns.missing_at.is_(None),
            func.coalesce(columns.seen_at, columns.observed_at) < began,
        )
        .values(missing_at=at)
    ).rowcount


def figures_mark(connection: Connection, account: str) -> tuple[int, int]:
    """Return a mark of an account's figures: it is another whenever any row of it has changed, whoever read it."""
    columns = stock_levels.c
    row = connection.execute(
        select(func.count(), func.coalesce(func.sum(columns.sequence), 0)).where(columns.account == account)
    ).one()
    return int(row[0]), int(row[1])


def levels(connection: Connection, account: str, *, batch: int = 2000) -> Iterable[Level]:
    """Yield every level of an account in key order, read in batches so that memory stays bounded."""
    after: Place | None = None
    while True:
        rows = levels_after(connection, account, after, batch)
        yield from rows
        if len(rows) < batch:
            return
        after = (rows[-1].warehouse_code, rows[-1].sku)


def levels_after(connection: Connection, account: str, after: Place | None, limit: int) -> list[Level]:
    """Return the next levels of an account in key order; `after` is the (warehouse code, SKU) where the last batch ended."""
    columns = stock_levels.c
    query = _LEVELS.where(columns.account == account).order_by(columns.warehouse_code, columns.sku).limit(limit)
    if after is not None:
        code, sku = after
        query = query.where(or_(columns.warehouse_code > code, and_(columns.warehouse_code == code, columns.sku > sku)))
    return [_level(row) for row in connection.execute(query)]


def _level(row: Any) -> Level:
    values = dict(row._mapping)
    return Level(**values | {"observed": Decimal(values["observed"]), "active": bool(values["active"])})


def _all_levels() -> Select[Any]:
    names = (
        "account", "warehouse_code", "sku", "merchant", "warehouse", "shop_sku", "observed", "observed_at", "sending",
        "published", "stamp", "ignored", "not_before", "sent_at", "missing_at",
    )  # fmt: skip
    levels, known = stock_levels.c, catalogue_items.c
    # The newest word counts: a product may be taken off sale without its stock moving.
    withdrawn = and_(known.active.is_(False), known.seen_at > levels.observed_at)
    active = case((withdrawn, False), else_=levels.active)
    return select(*(levels[name] for name in names), active.label("active"), known.seen_at.label("asked_at")).join(
        catalogue_items, and_(known.account == levels.account, known.sku == levels.sku), isouter=True
    )


_LEVELS = _all_levels()


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
            "at": at,
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
        sent_at=bindparam("at"),
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
        sent_at=None,
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
