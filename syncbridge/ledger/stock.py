"""Stock levels as the ledger holds them: what back ends have, as read from their feeds. What the shop is told is `stock_writes`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from sqlalchemy import Connection, Select, and_, case, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from syncbridge.domain.stock import StockRow
from syncbridge.ledger.tables import catalogue_items, stock_levels

Place = tuple[str, str]
"""(merchant, SCAYLE warehouse key)."""

Name = tuple[str, str, str]
"""(merchant, SCAYLE warehouse key, SCAYLE SKU)."""

_FINEST = Decimal("0.0001")
_PRIME = 2**31 - 1
"""Numbers of changes are added up by their remainders: how large a back end makes them is its own business, and the sum of a
few may be more than a database counts."""


@dataclass(frozen=True)
class Level:
    """One SKU of one merchant's warehouse. `published` and `stamp` are None before the first write.

    `changed_at` is when the warehouse saw the figure, and `observed_at` when we did.

    `active` is false where the back end's row says so, and where its catalogue, asked later than the row came, does
    not serve the SKU any more. `missing_at` is set while the last complete snapshot had no row of it, and `asked_at` is
    when the catalogue last told of it.

    `published` is what the shop was last known to hold; with `sending`, a quantity was sent since and no answer has
    proven it; with `sent_at`, a worker waits for that answer since then. `told` is the number that we sent last, whatever
    came of it and whatever was made of it in the shop since, and `deducted` how many sold units were taken off for it.
    `stamp` is the newest stamp that the shop may have seen for it, its own edits included.
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
    changed_at: datetime | None
    sending: int | None
    published: int | None
    stamp: datetime | None
    ignored: int
    not_before: datetime | None
    sent_at: datetime | None
    missing_at: datetime | None
    asked_at: datetime | None
    told: int | None
    deducted: int | None = None

    @property
    def place(self) -> Place:
        return self.merchant, self.warehouse

    @property
    def name(self) -> Name:
        return self.merchant, self.warehouse, self.shop_sku

    @property
    def key(self) -> tuple[str, str, str]:
        return self.account, self.warehouse_code, self.sku

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
    *,
    snapshot: bool = False,
) -> None:
    """Store (row, merchant, warehouse, shop SKU) of a feed; a row that is older than what is stored changes nothing.

    In a `snapshot` of everything a row counts as new as well if it changed, by its own date, after we last took its figure:
    a back end that was restored from a backup numbers its changes from there again.

    A row that is stored already keeps its name in the shop: see `stock_writes.rename`.

    Rows are taken in the order of their keys, here and wherever several are written at once: two workers that want the
    same ones wait for each other and never both.
    """
    values = [
        {
            "account": account,
            "warehouse_code": row.warehouse_code,
            "sku": row.sku,
            "merchant": merchant,
            "warehouse": warehouse,
            "shop_sku": shop_sku,
            "observed": _figure(row.available_for_sale),
            "active": row.active,
            "sequence": row.sequence,
            "changed_at": row.changed_at,
            "observed_at": at,
            "seen_at": at,
            "missing_at": None,
            "ignored": 0,
            "reason": "",
        }
        for row, merchant, warehouse, shop_sku in sorted(rows, key=lambda one: (one[0].warehouse_code, one[0].sku))
    ]
    if not values:
        return
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(stock_levels)
    old, new = stock_levels.c, statement.excluded
    newer = old.sequence <= new.sequence
    if snapshot:
        newer = or_(newer, new.changed_at > old.observed_at)
    # A row that came late still proves that the back end has the SKU.
    kept = {
        name: case((newer, new[name]), else_=old[name])
        for name in ("observed", "active", "sequence", "changed_at", "observed_at")
    }
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account", "warehouse_code", "sku"],
            set_=kept | {"seen_at": new.seen_at, "missing_at": None},
        ),
        values,
    )


def _figure(raw: Decimal) -> str:
    """Return a figure as its column takes it: what floating point adds far behind the point is no part of a unit.

    Rounded down, as whoever makes units of it does: 5.55E-17 is "0", 2.99999 is "2.9999".
    """
    return format(raw.quantize(_FINEST, ROUND_FLOOR).normalize(), "f")


def note_missing(connection: Connection, account: str, began: datetime, at: datetime) -> int:
    """Mark the levels of which a complete snapshot, begun at `began`, had no row; return how many are new to that."""
    columns = stock_levels.c
    not_shown = and_(
        columns.account == account,
        columns.missing_at.is_(None),
        func.coalesce(columns.seen_at, columns.observed_at) < began,
    )
    in_order = select(columns.sku).where(not_shown).order_by(columns.warehouse_code, columns.sku)
    connection.execute(in_order.with_for_update())
    return connection.execute(update(stock_levels).where(not_shown).values(missing_at=at)).rowcount


def figures_mark(connection: Connection, account: str) -> tuple[int, int]:
    """Return a mark of an account's figures: it is another whenever any row of it has changed, whoever read it."""
    columns = stock_levels.c
    row = connection.execute(
        select(func.count(), func.coalesce(func.sum(columns.sequence % _PRIME), 0)).where(columns.account == account)
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
        "account", "warehouse_code", "sku", "merchant", "warehouse", "shop_sku", "observed", "observed_at", "changed_at", "sending",
        "published", "stamp", "ignored", "not_before", "sent_at", "missing_at",
    )  # fmt: skip
    levels, known = stock_levels.c, catalogue_items.c
    # The newest word counts: a product may be taken off sale without its stock moving.
    withdrawn = and_(known.active.is_(False), known.seen_at > levels.observed_at)
    active = case((withdrawn, False), else_=levels.active)
    told = levels.available - levels.in_flight - levels.buffer
    return select(
        *(levels[name] for name in names),
        active.label("active"),
        known.seen_at.label("asked_at"),
        case((told < 0, 0), else_=told).label("told"),
        levels.in_flight.label("deducted"),
    ).join(
        catalogue_items, and_(known.account == levels.account, known.sku == levels.sku), isouter=True
    )


_LEVELS = _all_levels()
