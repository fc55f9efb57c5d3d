"""What commands stand on: the ledger alone for questions, the whole context for everything that acts."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from syncbridge.domain.errors import ConfigurationFaults

if TYPE_CHECKING:
    from syncbridge.config.environment import Environment
    from syncbridge.flows.context import Context
    from syncbridge.ledger.engine import Connection, Ledger


def environment() -> Environment:
    """Read the environment alone: questions to the ledger need no configuration file."""
    from syncbridge.config import read_environment

    faults: list[str] = []
    found = read_environment(os.environ, faults)
    if found is None or faults:
        raise ConfigurationFaults(faults)
    return found


@contextmanager
def ledger() -> Iterator[Ledger]:
    """Open the migrated ledger; raises LedgerUnavailable with what to do."""
    from syncbridge.reports.access import opened

    with opened(environment().database_url) as found:
        yield found


@contextmanager
def reading() -> Iterator[Connection]:
    """Open a connection for questions."""
    with ledger() as found, found.reading() as connection:
        yield connection


@contextmanager
def context(*, quiet: bool = True) -> Iterator[Context]:
    """Make this process's context and close it again; `quiet` keeps log lines below errors out of the terminal."""
    import logging

    from syncbridge import bootstrap
    from syncbridge.reports.access import require_migrated, translated

    bootstrap.set_up_logging()
    # Closing the pool is worth a line in a server's log, not after every command.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.WARNING)
    if quiet:
        logging.getLogger().setLevel(logging.ERROR)
    made = bootstrap.context()
    try:
        with translated(made.ledger):
            require_migrated(made.ledger)
            yield made
    finally:
        bootstrap.forget()


def actor() -> str:
    """Name whoever runs the command, for the audit: SYNCBRIDGE_ACTOR, else the login name."""
    named = os.environ.get("SYNCBRIDGE_ACTOR", "").strip()
    if named:
        return named
    try:
        return f"cli:{getpass.getuser()}"
    except (OSError, KeyError):
        return "cli:unknown"
