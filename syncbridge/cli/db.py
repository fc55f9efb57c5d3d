"""`syncbridge db`: the database's schema."""

from __future__ import annotations

from pathlib import Path

import typer

from syncbridge.cli.failing import trouble
from syncbridge.cli.options import DryRun, Json
from syncbridge.cli.output import as_json, plural, say
from syncbridge.cli.session import environment

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The ledger's database.")


@app.command()
def upgrade(dry_run: DryRun = False, json: Json = False) -> None:
    """Bring the database to the schema of this version. Safe to repeat, and to run while the old version works.

    \b
    syncbridge db upgrade --dry-run    which migrations would run
    syncbridge db upgrade
    """
    from syncbridge.ledger import migrate
    from syncbridge.ledger.engine import Ledger
    from syncbridge.reports.access import shown, translated
    from syncbridge.reports.schema import schema_of

    ledger = Ledger(environment().database_url, pool_size=1)
    try:
        with translated(ledger):
            before = schema_of(ledger)
            if before.pending and not dry_run:
                if ledger.is_sqlite:
                    _make_folder(Path(str(ledger.url.database)))
                migrate.upgrade(ledger)
            after = before if dry_run else schema_of(ledger)
    finally:
        ledger.close()
    if json:
        as_json(
            {
                "database": shown(ledger),
                "dry_run": dry_run,
                "before": before.current,
                "after": after.current,
                "head": before.head,
                "migrations": before.pending,
            }
        )
        return
    if before.newer:
        say(f"{shown(ledger)} is at {before.current}, which a later version made; nothing to do.")
    elif before.up_to_date:
        say(f"{shown(ledger)} is up to date ({before.head}).")
    else:
        say(f"{shown(ledger)}: {plural(len(before.pending), 'migration')} {'would run' if dry_run else 'ran'}:")
        for revision in before.pending:
            say(f"  {revision.id}  {revision.title}")


@app.command()
def status(json: Json = False) -> None:
    """Say whether the database has the schema of this version; exit 1 if it lacks something."""
    from syncbridge.ledger.engine import Ledger
    from syncbridge.reports.access import shown, translated
    from syncbridge.reports.schema import schema_of

    ledger = Ledger(environment().database_url, pool_size=1)
    try:
        with translated(ledger):
            found = schema_of(ledger)
    finally:
        ledger.close()
    if json:
        as_json(
            {
                "database": shown(ledger),
                "current": found.current,
                "head": found.head,
                "migrations": found.pending,
                "up_to_date": found.up_to_date,
            }
        )
        raise typer.Exit(0 if found.up_to_date else 1)
    if not found.up_to_date:
        lacking = plural(len(found.pending), "migration")
        trouble(f"{shown(ledger)} is at {found.current or 'nothing'} and lacks {lacking}: run syncbridge db upgrade")
    say(f"{shown(ledger)} is up to date ({found.current}).")


def _make_folder(file: Path) -> None:
    """Make the folder of a SQLite ledger, readable by its owner only: it will hold customers' addresses."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        trouble(f"The folder {file.parent} cannot be made: {error.strerror}. Set DATABASE_URL to another place.")
