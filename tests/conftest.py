"""What every test may ask for: a real Redis, a database on both engines, and no way out to the network."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import settings
from migrated_ledger import migrated
from postgres_server import PostgresServer
from sqlalchemy.engine import make_url

from syncbridge.embedded.redis_server import EmbeddedRedis

# A shared machine makes single examples slow; the number of examples bounds the time instead.
settings.register_profile("syncbridge", deadline=None, max_examples=60)
settings.load_profile("syncbridge")

OUR_VARIABLES = ("SYNCBRIDGE_", "SCAYLE_", "SCEND_", "ORDERWISE_", "FLOWER_")
OUR_NAMES = ("DATABASE_URL", "REDIS_URL", "PORT", "ALERT_URLS", "CONSOLE_USERS", "XDG_STATE_HOME")
TEST_DATABASE = "SYNCBRIDGE_TEST_DATABASE_URL"
_numbers = count(1)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the developer's shell says about a real deployment must not reach a test."""
    for name in [*os.environ]:
        if name in OUR_NAMES or (name.startswith(OUR_VARIABLES) and name != TEST_DATABASE):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """Refuse every connection and every look-up of a name beyond this machine."""
    connect, connect_ex, resolve = socket.socket.connect, socket.socket.connect_ex, socket.getaddrinfo

    def allowed(host: object) -> bool:
        name = host.decode() if isinstance(host, bytes) else host
        if name is None or name in {"", "localhost"}:
            return True
        try:
            return ipaddress.ip_address(str(name)).is_loopback
        except ValueError:
            return False

    def check(address: Any) -> None:
        if isinstance(address, tuple) and not allowed(address[0]):
            pytest.fail(f"a test tried to reach {address[0]}: only loopback is allowed")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        check(address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        check(address)
        return connect_ex(self, address)

    def guarded_resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        check((host,))
        return resolve(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        patch.setattr(socket, "getaddrinfo", guarded_resolve)
        yield


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """One real server for the whole run, keeping nothing on disk."""
    with EmbeddedRedis(tmp_path_factory.mktemp("redis"), append_only=False) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    """A real Redis, empty."""
    client = redis_server.client()
    client.flushall()
    client.close()
    return redis_server.url


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """A PostgreSQL on which databases can be made: SYNCBRIDGE_TEST_DATABASE_URL, else one of our own."""
    if given := os.environ.get(TEST_DATABASE, "").strip():
        yield "postgresql+psycopg://" + given.partition("://")[2]
        return
    server = PostgresServer().start()
    try:
        yield server.url
    finally:
        server.stop()


@contextmanager
def _database(server_url: str, template: str = "template1") -> Iterator[str]:
    name = f"syncbridge_test_{os.getpid()}_{next(_numbers)}"
    maintenance = server_url.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    base, _, options = server_url.partition("?")
    try:
        yield f"{base.rpartition('/')[0]}/{name}{f'?{options}' if options else ''}"
    finally:
        with psycopg.connect(maintenance, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_url(postgres_server_url: str) -> Iterator[str]:
    """A fresh, empty PostgreSQL database."""
    with _database(postgres_server_url) as url:
        yield url


@pytest.fixture(scope="session")
def _postgres_template(postgres_server_url: str) -> Iterator[str]:
    """The name of a database at the newest schema, with nothing in it, to be copied."""
    with _database(postgres_server_url) as url:
        migrated(url)
        yield str(make_url(url).database)


@pytest.fixture
def postgres_ledger_url(postgres_server_url: str, _postgres_template: str) -> Iterator[str]:
    """A fresh PostgreSQL database at the newest schema."""
    with _database(postgres_server_url, _postgres_template) as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A fresh SQLite database; its file is made by whoever connects first."""
    return f"sqlite:///{tmp_path / 'ledger.sqlite3'}"


@pytest.fixture
def sqlite_ledger_url(sqlite_url: str) -> str:
    """A fresh SQLite database at the newest schema."""
    migrated(sqlite_url)
    return sqlite_url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """A fresh, empty database, once on each engine."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """A fresh database at the newest schema, once on each engine."""
    url: str = request.getfixturevalue("sqlite_ledger_url" if request.param == "sqlite" else "postgres_ledger_url")
    return url
