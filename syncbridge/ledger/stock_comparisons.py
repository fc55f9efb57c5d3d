"""Full compares of stock with the shop's own numbers: one row each, and so their trend."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert

from syncbridge.ledger.tables import stock_comparisons


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
    unreadable: int = 0,
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
            unreadable=unreadable,
        )
    )
