"""SIGKILL to every process in turn, and Redis emptied, while orders flow: every order reaches Scend exactly once.

Judged by the stand-ins' own records. One installation serves all tests; each adds orders, the last one judges them all.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest
from installation import (
    PATIENCE_SECONDS,
    RESUME_SECONDS,
    Installation,
    children_of,
    installation,
    is_alive,
    wait_until,
)

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("kills")) as one:
        yield one


def kill_a_worker_s_main_process(one: Installation) -> None:
    """Its pool loses its parent and ends as well; the other worker goes on."""
    one.kill_main("worker-0")


def kill_every_worker_with_its_pool(one: Installation) -> None:
    """Nobody is left to work until the supervisor has started new ones."""
    one.processes.kill("worker-0")
    one.processes.kill("worker-1")


def kill_the_pool_in_the_middle_of_a_call(one: Installation) -> None:
    """Every child of both workers, while at least one waits for Scend's answer."""
    wait_until(one.calls_in_flight, PATIENCE_SECONDS)
    for name in ("worker-0", "worker-1"):
        for child in children_of(one.pid(name)):
            os.kill(child, signal.SIGKILL)


def kill_web(one: Installation) -> None:
    """The server and all that it has forked: delegations meet a closed port and are repeated by SCAYLE."""
    one.processes.kill("web")


def kill_beat(one: Installation) -> None:
    """The scheduler."""
    one.kill_main("beat")


def kill_redis_and_keep_its_data(one: Installation) -> None:
    """Down for two seconds; the append-only file brings everything back."""
    one.redis.kill()
    time.sleep(2)
    one.start_redis()


def empty_redis(one: Installation) -> None:
    """Messages, locks, quotas and circuits are gone; nobody is told."""
    client = one.redis.client()
    one.redis_lost_at.append(datetime.now(UTC))
    client.flushall()
    client.close()


def kill_redis_and_lose_its_data(one: Installation) -> None:
    """As on a plan without persistence."""
    one.redis.kill()
    for file in one.redis.directory.rglob("*.aof*"):
        file.unlink()
    one.redis_lost_at.append(datetime.now(UTC))
    one.start_redis()


SLOW_ANSWERS = {
    "match": {"method": "POST", "path": "/orders"},
    "fault": "slow",
    "times": 3,
    "milliseconds": 2500,
}


@pytest.mark.parametrize(
    "blow",
    [
        kill_a_worker_s_main_process,
        kill_every_worker_with_its_pool,
        kill_the_pool_in_the_middle_of_a_call,
        kill_web,
        kill_beat,
        kill_redis_and_keep_its_data,
        empty_redis,
        kill_redis_and_lose_its_data,
    ],
)
def test_orders_placed_around_the_blow_reach_scend_exactly_once(
    whole: Installation, blow: Callable[[Installation], None]
) -> None:
    whole.vendors.scend.call("POST", "/faults", SLOW_ANSWERS)
    orders = whole.place(3, every_seconds=0.4)
    blow(whole)
    orders += whole.place(2, every_seconds=0.4)
    whole.await_everybody()
    whole.await_on_scend(orders, RESUME_SECONDS)
    whole.vendors.scend.call("DELETE", "/faults")


def test_a_killed_worker_leaves_no_child_behind(whole: Installation) -> None:
    main = whole.pid("worker-1")
    children: list[int] = wait_until(lambda: children_of(main), PATIENCE_SECONDS)
    os.kill(main, signal.SIGKILL)
    wait_until(lambda: not any(is_alive(child) for child in children), PATIENCE_SECONDS, lambda: f"children {children}")
    wait_until(lambda: whole.processes.running().get("worker-1", main) != main, PATIENCE_SECONDS)


def test_a_delegation_five_times_at_once_and_again_two_days_later_gets_one_answer(
    whole: Installation,
) -> None:
    (order_id,) = whole.place(1)
    whole.await_on_scend([order_id])
    at_once = whole.delegate_again(order_id, 5)
    assert len(at_once) == 5
    whole.vendors.scayle.call("POST", "/clock", {"advanceSeconds": 46 * 3600})
    whole.delegate_again(order_id, 2)
    whole.vendors.scayle.call("POST", "/clock", {"now": datetime.now(UTC).isoformat()})
    answers = whole.delegation_answers(order_id)
    assert [answer["status"] for answer in answers if answer["kind"] == "repeat"] == [201] * 7
    assert [answer["status"] for answer in answers].count(201) == 8
    answers = [answer for answer in answers if answer["status"] == 201]
    assert len({json.dumps(answer["answer"]) for answer in answers}) == 1, answers
    time.sleep(3)
    assert whole.on_scend([order_id]) == {order_id: 1}


def test_afterwards_every_invariant_holds_and_every_parcel_is_reported_once(whole: Installation) -> None:
    whole.await_settled()
    wait_until(lambda: not whole.exceptions(), PATIENCE_SECONDS, lambda: str(whole.exceptions()))
    verdict = whole.verdict()
    assert verdict.held, [line for one in verdict.scores for line in one.lines()] + list(verdict.unexpected)
    assert verdict.counts.acknowledged == verdict.counts.despatched == len(whole.placed)
