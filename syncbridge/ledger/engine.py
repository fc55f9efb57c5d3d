"""Opening the ledger: one engine a process, and units of work that roll back unless told to commit."""

from __future__ import annotations

import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError

# Long enough for a burst of writers on SQLite, short of the 15 s that SCAYLE waits for an answer.
SQLITE_BUSY_MILLISECONDS = 8000
POSTGRES_OPTIONS = "-c statement_timeout=20000 -c lock_timeout=8000 -c idle_in_transaction_session_timeout=60000"


class Conflict(Exception):
    """Another transaction was quicker with the same unique fact: look again."""


DatabaseAway = (OperationalError, InterfaceError)
"""What the driver raises when the database itself is the trouble, not what it was asked."""


class UnitOfWork:
    """One transaction. Nothing is kept unless `commit` is called."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def commit(self) -> None:
        self.connection.commit()


class Ledger:
    """The SQL truth, on PostgreSQL or SQLite.

    `url` is a SQLAlchemy URL; `pool_size` bounds the connections of this process.
    """

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self.url = make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        # Parameters hold names and addresses: they must not get into an error's text.
        options = _engine_options(self.is_sqlite, pool_size)
        self.engine: Engine = create_engine(self.url, hide_parameters=True, **options)
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", partial(_begin_sqlite, _Queue()))

    @contextmanager
    def work(self, *, durable: bool = True) -> Iterator[UnitOfWork]:
        """Open a unit of work that may write; raises Conflict where a unique fact exists already.

        `durable=False` does not wait for the disk: a power cut may lose its commit (a killed process never does).
        It is for what the ledger finds out again by itself: leases, readings, and outcomes, which a look-up proves.
        """
        try:
            with self.engine.connect() as connection:
                if not durable:
                    connection = connection.execution_options(syncbridge_lazy=True)  # noqa: PLW2901  # the same connection, marked
                    if not self.is_sqlite:
                        connection.execute(text("SET LOCAL synchronous_commit TO off"))
                yield UnitOfWork(connection)
        except IntegrityError as error:
            raise Conflict(type(error.orig).__name__) from error

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection for reading only: on SQLite it never waits for a writer."""
        with self.engine.connect().execution_options(syncbridge_reading=True) as connection:
            yield connection

    def ping(self) -> None:
        """Raise if the database does not answer."""
        with self.reading() as connection:
            connection.execute(text("SELECT 1"))

    def close(self) -> None:
        self.engine.dispose()


def attempt(connection: Connection, act: Callable[[], object]) -> Exception | None:
    """Do one item's part of a transaction; what it raises undoes that part alone and is returned.

    Trouble with the database itself is nobody's item: it is raised, and the transaction with it is lost.
    """
    savepoint = connection.begin_nested()
    try:
        act()
    except DatabaseAway:
        raise
    except Exception as error:  # noqa: BLE001  # one bad item never stops the batch
        savepoint.rollback()
        return error
    savepoint.commit()
    return None


def _engine_options(is_sqlite: bool, pool_size: int) -> dict[str, Any]:
    if is_sqlite:
        return {"connect_args": {"timeout": SQLITE_BUSY_MILLISECONDS / 1000}, "pool_size": pool_size}
    return {
        "connect_args": {"options": POSTGRES_OPTIONS, "connect_timeout": 5},
        "pool_size": pool_size,
        "max_overflow": 5,
        "pool_pre_ping": True,
    }


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Set SQLite up for several processes: WAL, waiting for a lock, and fsync at every commit.

    FULL costs speed that we do not need (measured: 4,000 commits a second) and keeps a promise that we do:
    an order answered with 201 survives a power cut.
    """
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={SQLITE_BUSY_MILLISECONDS}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class _Queue:
    """The threads of this process that wait for SQLite's write lock; `waiting` is a hint, so nothing guards it."""

    def __init__(self) -> None:
        self.turn = threading.Lock()
        self.waiting = 0


def _begin_sqlite(queue: _Queue, connection: Connection) -> None:
    """Take the write lock at the start: a transaction that upgrades later can fail without waiting.

    SQLite's own waiting sleeps up to 100 ms between looks, which lets a busy writer starve the others; ours looks
    every few milliseconds. Of the threads of a process one looks at a time and the others wait for their turn, so that
    none is unlucky for long; it looks the more often the more wait, so that web with its many threads is not outrun.
    """
    if connection.get_execution_options().get("syncbridge_reading"):
        connection.exec_driver_sql("BEGIN")
        return
    driver = connection.connection.driver_connection
    assert driver is not None
    until = time.monotonic() + SQLITE_BUSY_MILLISECONDS / 1000
    queue.waiting += 1
    asks = queue.turn.acquire(timeout=SQLITE_BUSY_MILLISECONDS / 1000)
    lazy = connection.get_execution_options().get("syncbridge_lazy")
    driver.execute(f"PRAGMA synchronous={'NORMAL' if lazy else 'FULL'}")
    driver.execute("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise OperationalError("BEGIN IMMEDIATE", None, error) from error
            time.sleep(random.uniform(0.0005, 0.003) / max(1, queue.waiting))  # noqa: S311 - spreads the waiting, no secret
    finally:
        queue.waiting -= 1
        if asks:
            queue.turn.release()
        driver.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_MILLISECONDS}")


__all__ = ["Conflict", "Connection", "DatabaseAway", "Ledger", "UnitOfWork", "attempt"]
