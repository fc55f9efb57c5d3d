"""The embedded Redis keeps what it was given, is closed to others, and says what is wrong."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from syncbridge.embedded.redis_server import EmbeddedRedis, EmbeddedRedisFailed, find_server


def test_what_was_written_survives_a_kill(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / "redis") as server:
        url = server.url
        client = server.client()
        with client.pipeline(transaction=False) as pipeline:
            for number in range(2_000):
                pipeline.rpush("queue", number)
            pipeline.execute()
        client.close()
        server.kill()
        assert not server.is_running
        server.start()
        assert server.url == url
        client = server.client()
        assert client.llen("queue") == 2_000
        client.close()


def test_a_new_process_over_the_same_folder_finds_it_again(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as first:
        client = first.client()
        client.set("order", "1")
        client.close()
    with EmbeddedRedis(tmp_path) as second:
        assert second.password == first.password
        client = second.client()
        assert client.get("order") == b"1"
        client.close()


def test_a_broker_never_evicts(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path) as server:
        client = server.client()
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        client.close()


def test_other_users_of_the_machine_get_neither_password_nor_data(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / "redis") as server:
        assert stat.S_IMODE((tmp_path / "redis").stat().st_mode) == 0o700
        for name in ("password", "server.conf"):
            assert stat.S_IMODE((tmp_path / "redis" / name).stat().st_mode) == 0o600
        command = Path(f"/proc/{server.pid}/cmdline")
        if command.exists():
            assert server.password.encode() not in command.read_bytes()
        stranger = redis.Redis(port=server.port, retry=Retry(NoBackoff(), 0))
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
        stranger.close()


def test_a_folder_with_blanks_and_quotes_works(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / 'a "b" c') as server:
        assert server.is_running


def test_a_port_in_use_is_a_clear_failure_and_leaves_no_process(tmp_path: Path) -> None:
    with EmbeddedRedis(tmp_path / "first") as first:
        second = EmbeddedRedis(tmp_path / "second", port=first.port)
        with pytest.raises(EmbeddedRedisFailed):
            second.start()
        assert not second.is_running
        assert first.is_running


def test_stopping_twice_and_starting_twice_is_harmless(tmp_path: Path) -> None:
    server = EmbeddedRedis(tmp_path)
    server.stop()
    pid = server.start().pid
    assert server.start().pid == pid
    server.stop()
    server.stop()
    assert server.pid is None


def test_the_bundled_server_is_found() -> None:
    assert find_server().name == "valkey-server"


def test_a_chosen_server_that_cannot_run_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedRedisFailed, match="SYNCBRIDGE_REDIS_SERVER"):
        find_server(tmp_path / "absent")


def test_without_any_server_both_remedies_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("syncbridge.embedded.redis_server._bundled_server", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EmbeddedRedisFailed, match=r"REDIS_URL.*SYNCBRIDGE_REDIS_SERVER"):
        find_server()
