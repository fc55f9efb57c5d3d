"""Opening the ledger for questions: what can be wrong with a database is said in one sentence with its way out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from syncbridge.domain.errors import SyncbridgeError
from syncbridge.ledger.engine import Ledger
from syncbridge.reports.schema import exists, schema_of


class LedgerUnavailable(SyncbridgeError):
    """The database cannot answer; the text says which one, why, and what to do. It holds no password."""


@contextmanager
def opened(url: str) -> Iterator[Ledger]:
    """Open a migrated ledger and close it again; raises LedgerUnavailable, also for what happens inside."""
    ledger = Ledger(url, pool_size=1)
    try:
        with translated(ledger):
            require_migrated(ledger)
            yield ledger
    finally:
        ledger.close()


@contextmanager
def translated(ledger: Ledger) -> Iterator[None]:
    """Turn what a database driver raises into LedgerUnavailable; statements and their values are not repeated."""
    try:
        yield
    except (DBAPIError, PoolTimeout) as error:
        raise LedgerUnavailable(
            f"The database does not answer: {shown(ledger)}: {_reason(error)}. "
            "Check DATABASE_URL and that the server runs."
        ) from None


def require_migrated(ledger: Ledger) -> None:
    """Raise LedgerUnavailable where tables are missing."""
    if not exists(ledger):
        raise LedgerUnavailable(f"There is no ledger yet at {shown(ledger)}: run syncbridge db upgrade")
    schema = schema_of(ledger)
    if schema.current is None:
        raise LedgerUnavailable(f"The database {shown(ledger)} was never migrated: run syncbridge db upgrade")
    if schema.pending:
        raise LedgerUnavailable(
            f"The database {shown(ledger)} lacks {len(schema.pending)} migration(s): run syncbridge db upgrade"
        )


def shown(ledger: Ledger) -> str:
    """Return the database's address without its password."""
    return ledger.url.render_as_string(hide_password=True)


def _reason(error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    lines = str(original).strip().splitlines() or [type(original).__name__]
    return lines[0].rstrip(".")[:200]
