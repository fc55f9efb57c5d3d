"""Bringing the database to the schema that this version needs."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from syncbridge.ledger.engine import Ledger

_FOLDER = Path(__file__).parent / "migrations"
# Any number will do; it only has to be the same for every process that migrates this database.
_ADVISORY_LOCK = 7_204_418


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    if connection is not None:
        config.attributes["connection"] = connection
    return config


def head() -> str:
    """Return the revision that this version of the code needs."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    if revision is None:
        raise RuntimeError("the package has no migrations: it was built without its data files")
    return revision


def current(ledger: Ledger) -> str | None:
    """Return the revision that the database is at, None when it was never migrated."""
    with ledger.reading() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def upgrade(ledger: Ledger) -> tuple[str | None, str]:
    """Migrate to the newest revision; return (before, after). Two at once do no harm: one waits."""
    before = current(ledger)
    with ledger.work() as work:
        if not ledger.is_sqlite:
            work.connection.execute(text("SET LOCAL lock_timeout = '60s'"))
            work.connection.execute(text("SET LOCAL statement_timeout = '300s'"))
            work.connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_LOCK})
        command.upgrade(_config(work.connection), "head")
        work.commit()
    return before, head()
