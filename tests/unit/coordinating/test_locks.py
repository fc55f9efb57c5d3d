from __future__ import annotations

from datetime import timedelta

import fakeredis
from redis.exceptions import ConnectionError as RedisConnectionError

from syncbridge.coordination import keys
from syncbridge.coordination.locks import RedisCoordinator
from syncbridge.coordination.redis_connection import RedisConnection

LIFE = timedelta(seconds=25)


def coordinator_for(client: fakeredis.FakeRedis) -> RedisCoordinator:
    return RedisCoordinator(RedisConnection(lambda: client))


def test_only_one_holds_a_lock_and_leaving_frees_it() -> None:
    client = fakeredis.FakeRedis()
    one, other = coordinator_for(client), coordinator_for(client)
    with one.lock("order:7", LIFE) as first:
        with other.lock("order:7", LIFE) as second, other.lock("order:8", LIFE) as elsewhere:
            assert (first, second, elsewhere) == (True, False, True)
        assert client.exists(keys.lock("order:7"))
    with other.lock("order:7", LIFE) as again:
        assert again


def test_an_error_inside_frees_the_lock_and_passes_on() -> None:
    client = fakeredis.FakeRedis()
    try:
        with coordinator_for(client).lock("order:7", LIFE):
            raise LookupError
    except LookupError:
        pass
    else:
        raise AssertionError("the error was swallowed")
    assert not client.exists(keys.lock("order:7"))


def test_a_lock_has_the_stated_life() -> None:
    client = fakeredis.FakeRedis()
    with coordinator_for(client).lock("order:7", LIFE):
        assert 24_000 < client.pttl(keys.lock("order:7")) <= 25_000


def test_a_lock_that_expired_and_went_to_another_is_not_taken_from_them() -> None:
    client = fakeredis.FakeRedis()
    with coordinator_for(client).lock("order:7", LIFE):
        client.set(keys.lock("order:7"), "theirs")
    assert client.get(keys.lock("order:7")) == b"theirs"


def test_without_redis_the_work_goes_on() -> None:
    class Gone(fakeredis.FakeRedis):
        def execute_command(self, *args: object, **options: object) -> object:
            raise RedisConnectionError("gone")

    with coordinator_for(Gone()).lock("order:7", LIFE) as held:
        assert held


def test_redis_going_away_while_a_lock_is_held_hurts_nobody() -> None:
    class Going(fakeredis.FakeRedis):
        down = False

        def execute_command(self, *args: object, **options: object) -> object:
            if self.down:
                raise RedisConnectionError("gone")
            return super().execute_command(*args, **options)

    client = Going()
    with coordinator_for(client).lock("order:7", LIFE) as held:
        assert held
        client.down = True
