"""The SKUs that back ends know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from syncbridge.ledger.tables import catalogue_items

# SQLite bounds the parameters of a statement.
_SLICE = 400


def store(connection: Connection, account: str, items: Iterable[tuple[str, bool]], at: datetime) -> None:
    """Note (SKU, active) pairs of a back end."""
    rows = [{"account": account, "sku": sku, "active": active, "seen_at": at} for sku, active in items]
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
