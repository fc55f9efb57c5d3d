"""Acknowledgements over connections that are gone: the worker's place for a message is free all the same."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection, Queue
from kombu.transport import redis as redis_transport
from redis.exceptions import ConnectionError as ConnectionLost

from syncbridge.embedded.redis_server import EmbeddedRedis
from syncbridge.sandbox.demo.addresses import find_addresses
from syncbridge.sandbox.demo.installing import CHECKOUT
from syncbridge.sandbox.demo.processes import usual_environment
from syncbridge.sandbox.demo.stage import Stage
from tasks.acknowledging import ForgivingPlaces


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A server of the test's own, because it gets hurt."""
    with EmbeddedRedis(tmp_path / "redis", append_only=False) as made:
        yield made


@pytest.fixture
def channel(server: EmbeddedRedis, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A channel with one place, which may hold one message."""
    monkeypatch.setattr(redis_transport.Channel, "QoS", ForgivingPlaces)
    with Connection(server.url) as connection:
        made = connection.channel()
        made.basic_qos(0, 1, False)
        yield made


def taken(channel: Any) -> Any:
    """Put a message into the queue and take it out again, to be acknowledged."""
    queue = Queue("q", channel=channel)
    queue.declare()
    with channel.connection.client.Producer() as producer:
        producer.publish({"number": 1}, routing_key="q", exchange="", retry=False)
    message = queue.get()
    assert message is not None
    assert not channel.qos.can_consume()
    return message


def drop_all_connections(server: EmbeddedRedis) -> None:
    with server.client() as client:
        client.client_kill_filter(_type="normal", skipme=True)


@pytest.mark.parametrize("verb", ["ack", "reject"])
def test_over_a_dropped_connection_it_is_made_over_a_new_one(server: EmbeddedRedis, channel: Any, verb: str) -> None:
    message = taken(channel)
    drop_all_connections(server)
    getattr(message, verb)()
    assert channel.qos.can_consume()
    with server.client() as client:
        assert (client.hlen("unacked"), client.llen("q")) == (0, 0)


def test_a_message_is_given_back_over_a_new_connection(server: EmbeddedRedis, channel: Any) -> None:
    message = taken(channel)
    drop_all_connections(server)
    message.requeue()
    assert channel.qos.can_consume()
    with server.client() as client:
        assert (client.hlen("unacked"), client.llen("q")) == (0, 1)


@pytest.mark.parametrize("verb", ["ack", "reject", "requeue"])
def test_with_redis_gone_the_place_is_free_all_the_same(server: EmbeddedRedis, channel: Any, verb: str) -> None:
    message = taken(channel)
    server.kill()
    with pytest.raises(ConnectionLost):
        getattr(message, verb)()
    assert channel.qos.can_consume()


def test_every_worker_is_guarded(tmp_path: Path) -> None:
    """Seen in a process of its own, since it is for all of a process."""
    addresses, stage = find_addresses(), Stage(tmp_path)
    stage.write_configuration(addresses)
    environment = usual_environment(stage.environment(addresses, "redis://127.0.0.1:1/0"), CHECKOUT)
    asked = "import tasks.app; from kombu.transport.redis import Channel; print(Channel.QoS.__name__)"
    done = subprocess.run(
        [sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ForgivingPlaces.__name__
