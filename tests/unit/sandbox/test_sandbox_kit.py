"""The kit below every sandbox: clock, faults, journal, serving."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests
from aiohttp import web

from syncbridge.sandbox.clock import SandboxClock, floor_to_milliseconds, format_instant, parse_instant
from syncbridge.sandbox.control_plane import add_shared_control, control_error_middleware
from syncbridge.sandbox.faults import FAULT, FaultPlan, fault_middleware
from syncbridge.sandbox.journal import EFFECT, Journal, journal_middleware
from syncbridge.sandbox.scayle.scheduler import Scheduler as ScayleScheduler
from syncbridge.sandbox.scheduler import Scheduler
from syncbridge.sandbox.serving import control_token_middleware, require_loopback
from syncbridge.sandbox.threaded import ThreadedServer


class Counting:
    """A two-route application under all the middlewares of the kit."""

    def __init__(self) -> None:
        self.writes = 0
        self.clock = SandboxClock()
        self.plan = FaultPlan(seed=7, extra_kinds={"odd"}, webhook_kinds={"drop_webhook"})
        self.journal = Journal(self.clock, limit=3)
        self.app = web.Application(
            middlewares=[
                journal_middleware(self.journal),
                control_error_middleware,
                control_token_middleware("sesame"),
                fault_middleware(self.plan, base_path="/v1"),
            ]
        )
        self.app.router.add_post("/v1/things", self.write)
        self.app.router.add_get("/v1/things/{id}", self.read)
        add_shared_control(self.app, self.clock, self.plan, self.journal)

    async def write(self, request: web.Request) -> web.Response:
        self.writes += 1
        request[EFFECT] = True
        return web.json_response({"writes": self.writes}, status=201)

    async def read(self, request: web.Request) -> web.Response:
        fault = request.get(FAULT)
        return web.json_response({"id": request.match_info["id"], "odd": fault.kind if fault else None})


@pytest.fixture
def counting() -> Counting:
    return Counting()


@pytest.fixture
def base(counting: Counting) -> Iterator[str]:
    with ThreadedServer(counting.app) as url:
        yield url


CONTROL = {"X-Sandbox-Token": "sesame"}


def plan_fault(base: str, **fault: object) -> None:
    requests.post(f"{base}/_sandbox/faults", json=fault, headers=CONTROL, timeout=5).raise_for_status()


def test_clock_moves_and_refuses_naive_time() -> None:
    clock = SandboxClock()
    clock.set(datetime(2026, 3, 2, 8, tzinfo=UTC))
    clock.advance(3600)
    assert abs(clock.now() - datetime(2026, 3, 2, 9, tzinfo=UTC)) < timedelta(seconds=60)
    with pytest.raises(ValueError, match="aware"):
        clock.set(datetime(2026, 3, 2, 8))
    with pytest.raises(ValueError, match=">= 0"):
        clock.advance(-1)


# Wall times between two whole microseconds, nearer to the later and to the earlier one.
BETWEEN_MICROSECONDS = [1_795_320_000 + (number + 1 / 3 + number % 2 / 3) / 1_000_000 for number in range(400)]


def test_a_standing_clock_moved_just_to_an_instant_has_reached_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for wall in BETWEEN_MICROSECONDS:
        monkeypatch.setattr(time, "time", lambda wall=wall: wall)
        clock = SandboxClock()
        clock.stop()
        due = clock.now() + timedelta(days=14)
        clock.advance(14 * 86_400)
        assert due.timestamp() <= clock.timestamp()


@pytest.mark.parametrize("seconds", [0.1, 0.7, 3.3])
def test_what_is_due_after_a_while_is_due_once_a_standing_clock_was_moved_by_it(
    monkeypatch: pytest.MonkeyPatch, seconds: float
) -> None:
    done: list[float] = []
    for wall in BETWEEN_MICROSECONDS:
        monkeypatch.setattr(time, "time", lambda wall=wall: wall)
        clock = SandboxClock()
        clock.stop()
        scheduler, of_scayle = Scheduler(clock), ScayleScheduler(clock)
        scheduler.after(seconds, lambda wall=wall: done.append(wall))
        of_scayle.after(seconds, lambda: None)
        clock.advance(seconds)
        scheduler.run_due()
        assert of_scayle.next_due() == clock.timestamp()
    assert done == BETWEEN_MICROSECONDS


def test_sleeper_wakes_when_the_clock_is_advanced_past_its_time() -> None:
    async def scenario() -> None:
        clock = SandboxClock()
        sleeper = asyncio.create_task(clock.wait(7200))
        await asyncio.sleep(0)
        clock.advance(3600)
        await asyncio.sleep(0.01)
        assert not sleeper.done()
        clock.advance(3601)
        await asyncio.wait_for(sleeper, timeout=20)

    asyncio.run(scenario())


def test_instants_survive_the_wire_at_millisecond_precision() -> None:
    instant = floor_to_milliseconds(datetime(2026, 3, 2, 8, 41, 7, 123999, tzinfo=UTC))
    assert format_instant(instant) == "2026-03-02T08:41:07.123Z"
    assert parse_instant(format_instant(instant)) == instant
    for wrong in ("2026-03-02T08:41:07", "2026-03-02", "yesterday"):
        with pytest.raises(ValueError):
            parse_instant(wrong)


def test_fault_runs_out_after_its_times_and_matches_prefix_method_and_regex() -> None:
    plan = FaultPlan()
    plan.add({"match": {"method": "post", "path": "/orders"}, "fault": "html_502", "times": 2})
    plan.add({"match": {"pathRegex": "/cancel$"}, "fault": "slow", "times": None})
    assert plan.take("GET", "/orders") is None
    taken = [plan.take("POST", "/orders/7/cancel") for _ in range(4)]
    assert [fault.kind if fault else None for fault in taken] == ["html_502", "html_502", "slow", "slow"]
    assert plan.injected == {"html_502": 2, "slow": 2}


def test_probability_is_repeatable_for_a_seed() -> None:
    def draw(seed: int) -> list[bool]:
        plan = FaultPlan(seed)
        plan.add({"fault": "slow", "times": None, "probability": 0.3})
        return [plan.take("GET", "/x") is not None for _ in range(200)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)
    assert 30 < sum(draw(1)) < 90


def test_webhook_faults_are_not_drawn_for_requests() -> None:
    plan = FaultPlan(webhook_kinds={"drop_webhook"})
    plan.add({"match": {"topic": "stock.changed"}, "fault": "drop_webhook"})
    assert plan.take("GET", "/x") is None
    assert plan.take_webhook("order.status_changed") is None
    assert plan.take_webhook("stock.changed") is not None


@pytest.mark.parametrize(
    "source",
    [
        {"fault": "nonsense"},
        {"fault": "slow", "times": 0},
        {"fault": "slow", "probability": 2},
        {"fault": "slow", "match": {"verb": "GET"}},
        {"fault": "slow", "match": {"pathRegex": "("}},
    ],
)
def test_faults_that_cannot_be_understood_are_refused(source: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        FaultPlan().add(source)


@pytest.mark.parametrize(("kind", "writes"), [("timeout_before", 0), ("timeout_after", 1)])
def test_dropped_connection_has_an_effect_only_in_timeout_after(
    counting: Counting, base: str, kind: str, writes: int
) -> None:
    plan_fault(base, fault=kind, match={"path": "/things"})
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{base}/v1/things", timeout=5)
    assert counting.writes == writes
    assert counting.journal.requests[-1]["status"] is None
    assert counting.journal.requests[-1]["fault"] == kind
    assert requests.post(f"{base}/v1/things", timeout=5).status_code == 201


@pytest.mark.parametrize(("effect", "writes"), [(False, 0), (True, 1)])
def test_wrong_answers_apply_the_request_only_when_told(
    counting: Counting, base: str, effect: bool, writes: int
) -> None:
    plan_fault(base, fault="html_502", effect=effect)
    answer = requests.post(f"{base}/v1/things", timeout=5)
    assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (502, "text/html")
    assert counting.writes == writes


def test_other_faults_look_as_described(counting: Counting, base: str) -> None:
    plan_fault(base, fault="rate_limit", retryAfter=7)
    limited = requests.get(f"{base}/v1/things/1", timeout=5)
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "7")
    plan_fault(base, fault="http", status=503, body={"error": "later"})
    assert requests.get(f"{base}/v1/things/1", timeout=5).json() == {"error": "later"}
    plan_fault(base, fault="truncated_json")
    truncated = requests.get(f"{base}/v1/things/1", timeout=5)
    assert truncated.status_code == 200
    with pytest.raises(ValueError):
        truncated.json()
    plan_fault(base, fault="odd")
    assert requests.get(f"{base}/v1/things/1", timeout=5).json()["odd"] == "odd"
    plan_fault(base, fault="slow", milliseconds=60)
    assert requests.get(f"{base}/v1/things/1", timeout=5).elapsed >= timedelta(milliseconds=60)


def test_control_plane_is_guarded_never_faulty_and_not_journalled(counting: Counting, base: str) -> None:
    plan_fault(base, fault="timeout_before", times=None)
    assert requests.get(f"{base}/_sandbox/faults", timeout=5).status_code == 403
    listed = requests.get(f"{base}/_sandbox/faults", headers=CONTROL, timeout=5)
    assert listed.json()["faults"][0]["fault"] == "timeout_before"
    refused = requests.post(f"{base}/_sandbox/faults", json={"fault": "?"}, headers=CONTROL, timeout=5)
    assert refused.status_code == 400
    moved = requests.post(
        f"{base}/_sandbox/clock", json={"now": "2030-01-01T00:00:00Z"}, headers=CONTROL, timeout=5
    )
    assert moved.json()["now"].startswith("2030-01-01T00:00:0")
    assert counting.journal.total == 0


def test_journal_caps_entries_but_never_counters(counting: Counting, base: str) -> None:
    for number in range(5):
        requests.get(f"{base}/v1/things/{number}?a=b", timeout=5)
    requests.get(f"{base}/v1/nowhere", timeout=5)
    assert [row["n"] for row in counting.journal.requests] == [4, 5, 6]
    assert counting.journal.requests[0]["query"] == "a=b"
    assert counting.journal.counters() == {
        "requests": 6,
        "byRoute": {"GET /v1/things/{id}": 5, "GET (none)": 1},
        "byStatus": {"200": 5, "404": 1},
    }


def test_effects_and_facts_are_recorded(counting: Counting, base: str) -> None:
    requests.post(f"{base}/v1/things", timeout=5)
    assert counting.journal.requests[-1]["effect"] is True
    counting.journal.fact("order_created", orderId="1")
    assert counting.journal.facts[-1]["n"] == 1
    assert counting.journal.facts[-1]["orderId"] == "1"


@pytest.mark.parametrize("host", ["0.0.0.0", "example.org", "10.0.0.1", ""])
def test_hosts_other_than_loopback_are_refused(host: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        require_loopback(host)


def test_a_server_that_cannot_start_says_so() -> None:
    with ThreadedServer(web.Application()) as url, pytest.raises(OSError):
        ThreadedServer(web.Application(), port=int(url.rsplit(":", 1)[1])).__enter__()


@pytest.mark.parametrize("hundredth", range(1, 100, 7))
def test_a_wait_of_any_length_ends_on_a_standing_clock(hundredth: int) -> None:
    async def scenario() -> None:
        clock = SandboxClock()
        clock.stop()
        clock.advance(0.13)
        waiting = asyncio.create_task(clock.wait(hundredth / 100))
        await asyncio.sleep(0)
        clock.advance(hundredth / 100)
        _, unfinished = await asyncio.wait([waiting], timeout=20)
        assert not unfinished

    asyncio.run(scenario())
