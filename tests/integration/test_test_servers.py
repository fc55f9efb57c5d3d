"""The servers that the other tests stand on are real, fresh for each test, and gone afterwards."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import postgres_server
import pytest
import redis
from postgres_server import PostgresServer
from sqlalchemy import create_engine, text

_seen: set[str] = set()


@pytest.mark.parametrize("_time", [1, 2])
def test_each_test_gets_an_empty_database_of_its_own(database_url: str, _time: int) -> None:
    assert database_url not in _seen
    _seen.add(database_url)
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE orders (id integer)"))
    engine.dispose()


@pytest.mark.parametrize("_time", [1, 2])
def test_each_test_gets_an_empty_redis(redis_url: str, _time: int) -> None:
    client = redis.Redis.from_url(redis_url)
    assert client.dbsize() == 0
    client.set("left", "behind")
    assert "valkey_version" in client.info("server") or "redis_version" in client.info("server")
    client.close()


def test_postgres_leaves_neither_process_nor_folder() -> None:
    server = PostgresServer().start()
    folder, data, port = server.folder, server.data, server.port
    server.stop()
    assert not folder.exists()
    assert not data.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change to another user")
def test_postgres_runs_from_a_copy_where_its_user_may_not_enter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PostgresServer, "_can_run", lambda *_: False)
    server = PostgresServer().start()
    try:
        assert list(server.folder.glob("programs/**/bin/postgres"))
    finally:
        server.stop()


def test_postgres_does_without_memory_where_there_is_no_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for place, room in ((tmp_path / "nowhere", 0), (tmp_path, 2**62)):
        monkeypatch.setattr(postgres_server, "MEMORY", place)
        monkeypatch.setattr(postgres_server, "ROOM_BYTES", room)
        server = PostgresServer()
        assert server.data == server.folder / "data"
        server.stop()


def test_the_network_is_out_of_reach(tmp_path: Path) -> None:
    with socket.socket() as probe, pytest.raises(pytest.fail.Exception, match="only loopback"):
        probe.connect(("192.0.2.1", 80))
    with pytest.raises(pytest.fail.Exception, match="only loopback"):
        socket.getaddrinfo("example.com", 443)
