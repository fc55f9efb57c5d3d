"""Looking into the ledger from outside, reading only: for what no vendor can tell."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Row, make_url


def ledger_rows(database_url: str, statement: str) -> Sequence[Row[Any]]:
    """Return what a SELECT finds. SQLite is opened read-only, so that looking can hold nobody up."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        url = url.set(database=f"file:{url.database}", query={"mode": "ro", "uri": "true"})
    engine = create_engine(url, hide_parameters=True)
    try:
        with engine.connect() as connection:
            return connection.execute(text(statement)).all()
    finally:
        engine.dispose()


def epoch_of(stored: datetime | str) -> float:
    """Return a stored instant in epoch seconds. SQLite gives a text, in UTC also where it says no zone."""
    at = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).timestamp()
