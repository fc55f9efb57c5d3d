"""Empty ledgers at the newest schema: migrated once a run and then copied, since migrating takes longer than most tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy.engine import make_url

from syncbridge.ledger import migrate
from syncbridge.ledger.engine import Ledger


def migrated(url: str) -> None:
    """Bring the database to the newest schema; a SQLite file that is not there yet is a copy of one migrated before."""
    place = make_url(url)
    if place.get_backend_name() == "sqlite" and place.database and not Path(place.database).exists():
        Path(place.database).write_bytes(_sqlite_image())
        return
    ledger = Ledger(url)
    try:
        if migrate.current(ledger) is None:
            migrate.upgrade(ledger)
    finally:
        ledger.close()


@cache
def _sqlite_image() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.sqlite3"
        ledger = Ledger(f"sqlite:///{file}")
        migrate.upgrade(ledger)
        ledger.close()
        return file.read_bytes()
