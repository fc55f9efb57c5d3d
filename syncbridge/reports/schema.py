"""How far the database's schema is behind this version of the code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError

from syncbridge.ledger import migrate
from syncbridge.ledger.engine import Ledger


@dataclass(frozen=True)
class Revision:
    """One migration: its id and the first line of its description."""

    id: str
    title: str


@dataclass(frozen=True)
class Schema:
    """`current` is None for a database that was never migrated; `pending` are the migrations it lacks, oldest first.

    `newer` says that the database is at a revision this code does not know: a later version has migrated it, and as
    migrations only add, this version still works.
    """

    current: str | None
    head: str
    pending: tuple[Revision, ...]
    newer: bool = False

    @property
    def up_to_date(self) -> bool:
        return not self.pending


def schema_of(ledger: Ledger) -> Schema:
    """Return the schema's state; a SQLite file that does not exist is not made by asking."""
    return since(migrate.current(ledger) if exists(ledger) else None)


def since(current: str | None) -> Schema:
    """Return what lies between a revision and the newest one."""
    scripts = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
    head = migrate.head()
    try:
        found = [*scripts.iterate_revisions("head", current or "base")]
    except (CommandError, RevisionError):
        return Schema(current, head, (), newer=True)
    pending = [Revision(one.revision, (one.doc or "").partition("\n")[0]) for one in reversed(found)]
    return Schema(current, head, tuple(pending))


def exists(ledger: Ledger) -> bool:
    """Say whether there is anything to connect to; only a SQLite file can be known to be missing."""
    return not ledger.is_sqlite or Path(str(ledger.url.database)).exists()
