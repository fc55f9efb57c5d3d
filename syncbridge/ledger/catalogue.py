"""The SKUs that back ends know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, exists, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from syncbridge.ledger.tables import catalogue_items, stock_levels

# SQLite bounds the parameters of a statement.
_SLICE = 400


def _sku(item: tuple[str, bool]) -> str:
    return item[0]


def store(connection: Connection, account: str, items: Iterable[tuple[str, bool]], at: datetime) -> None:
    """Note (SKU, active) pairs of a back end, in the order of the SKUs: two workers with the same ones do not deadlock."""
    rows = [{"account": account, "sku": sku, "active": active, "seen_at": at} for sku, active in sorted(items, key=_sku)]
    if not rows:
        return
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(catalogue_items)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account", "sku"],
            set_={"active": statement.excluded.active, "seen_at": statement.excluded.seen_at},
        ),
        rows,
    )


def store_new(connection: Connection, account: str, items: Sequence[tuple[str, bool]], at: datetime) -> None:
    """Note (SKU, active) pairs of a list that does not tell what is discontinued: of a known SKU it says nothing new,
    unless that it is served no more."""
    rows = [{"account": account, "sku": sku, "active": active, "seen_at": at} for sku, active in sorted(items, key=_sku)]
    fresh = [row for row in rows if row["active"]]
    if fresh:
        make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(make(catalogue_items).on_conflict_do_nothing(), fresh)
    store(connection, account, [(sku, active) for sku, active in items if not active], at)


def inactive_skus(connection: Connection, account: str) -> set[str]:
    """Return the SKUs that the back end said it does not serve."""
    return set(
        connection.execute(
            select(catalogue_items.c.sku).where(catalogue_items.c.account == account, ~catalogue_items.c.active)
        ).scalars()
    )


def to_ask(connection: Connection, account: str, *, before: datetime, limit: int) -> list[str]:
    """Return SKUs that nothing was heard of since `before`, the longest first: what is for sale, and what was not served."""
    items, levels = catalogue_items.c, stock_levels.c
    for_sale = exists().where(levels.account == items.account, levels.sku == items.sku, levels.published > 0)
    return list(
        connection.execute(
            select(items.sku)
            .where(items.account == account, items.seen_at < before, or_(~items.active, for_sale))
            .order_by(items.seen_at)
            .limit(limit)
        ).scalars()
    )


def active_skus(connection: Connection, account: str, skus: Sequence[str]) -> set[str]:
    """Return which of the SKUs the back end is known to serve."""
    found: set[str] = set()
    for start in range(0, len(skus), _SLICE):
        found.update(
            connection.execute(
                select(catalogue_items.c.sku).where(
                    catalogue_items.c.account == account,
                    catalogue_items.c.sku.in_(skus[start : start + _SLICE]),
                    catalogue_items.c.active,
                )
            ).scalars()
        )
    return found
