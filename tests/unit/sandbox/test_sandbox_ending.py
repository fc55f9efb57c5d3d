"""Stand-ins that are told to stop: they do, or they say what they wait for; and clocks that stand still."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from syncbridge.sandbox import ending
from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.ending import end
from syncbridge.sandbox.scheduler import Scheduler
from syncbridge.sandbox.threaded import ThreadedServer

CHECKOUT = Path(__file__).resolve().parents[3]


class Stuck:
    """An application that neither starts nor stops before its gate is opened; `reached` is set once it waits there."""

    def __init__(self) -> None:
        self.gate, self.reached = threading.Event(), threading.Event()

    async def wait_for_the_gate(self, _: web.Application) -> None:
        self.reached.set()
        while not self.gate.is_set():
            await asyncio.sleep(0.01)

    def waited(self, _seconds: float) -> bool:
        """Stand for the time running out, as soon as the application is stuck."""
        return not self.reached.wait(60)


def test_a_stand_in_that_does_not_stop_says_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    app, stuck = web.Application(), Stuck()
    app.on_cleanup.append(stuck.wait_for_the_gate)
    server = ThreadedServer(app)
    server.__enter__()
    with monkeypatch.context() as patched:
        patched.setattr(server._thread, "join", stuck.waited)
        with pytest.raises(RuntimeError, match=r"did not stop within 30 s(.|\n)*wait_for_the_gate"):
            server.__exit__(None, None, None)
    stuck.gate.set()
    server._thread.join(60)
    assert not server._thread.is_alive()


def test_a_stand_in_that_does_not_start_says_what_it_waits_for(monkeypatch: pytest.MonkeyPatch) -> None:
    app, stuck = web.Application(), Stuck()
    app.on_startup.append(stuck.wait_for_the_gate)
    server = ThreadedServer(app)
    with monkeypatch.context() as patched:
        patched.setattr(server._ready, "wait", stuck.waited)
        with pytest.raises(RuntimeError, match=r"did not start within 30 s(.|\n)*wait_for_the_gate"):
            server.__enter__()
    stuck.gate.set()
    assert server._ready.wait(60)
    server.__exit__(None, None, None)


def test_a_process_that_cannot_stop_ends_all_the_same_and_says_what_it_waits_for() -> None:
    script = textwrap.dedent(
        """
        import asyncio, os, signal
        from aiohttp import web
        from syncbridge.sandbox import serving

        reached = asyncio.Event()

        async def wait_for_ever(_):
            reached.set()
            await asyncio.Event().wait()

        async def tell(_):
            asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGTERM)

        async def time_runs_out(tasks, timeout):
            await reached.wait()
            return set(), set(tasks)

        serving.asyncio.wait = time_runs_out
        app = web.Application()
        app.on_startup.append(tell)
        app.on_cleanup.append(wait_for_ever)
        serving.run(app, "127.0.0.1", 0)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 1
    assert "not stopped within 10 s" in done.stderr
    assert "wait_for_ever" in done.stderr


def test_a_task_that_lost_its_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "AGAIN_SECONDS", 0.01)
    lost: list[str] = []

    async def deaf() -> None:
        while True:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                if len(lost) == 2:
                    raise
                lost.append("once more")

    async def scenario() -> None:
        task = asyncio.create_task(deaf())
        await asyncio.sleep(0)
        await asyncio.wait_for(end([task]), timeout=60)
        assert task.cancelled()

    asyncio.run(scenario())
    assert len(lost) == 2


def test_what_a_task_failed_with_is_not_lost_at_its_end() -> None:
    async def broken() -> None:
        raise ValueError("broken")

    async def scenario() -> None:
        task = asyncio.create_task(broken())
        await asyncio.wait([task])
        with pytest.raises(ValueError, match="broken"):
            await end([task])

    asyncio.run(scenario())


def test_a_clock_that_stands_still_moves_only_when_it_is_moved() -> None:
    clock = SandboxClock()
    clock.stop()
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    clock.set(noon)
    assert clock.now() == clock.now() == noon
    clock.advance(60)
    assert clock.now() == noon + timedelta(minutes=1)
    assert (clock.seconds_until(noon.timestamp()), clock.seconds_until(noon.timestamp() + 61)) == (0.0, None)
    clock.go_on()
    assert timedelta() <= clock.now() - noon - timedelta(minutes=1) < timedelta(minutes=1)
    clock.stop()
    clock.restore()
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(minutes=1)


def test_what_is_planned_on_a_clock_that_stands_still_happens_when_it_is_moved_there() -> None:
    async def scenario() -> list[int]:
        clock = SandboxClock()
        done: list[int] = []
        clock.stop()
        scheduler = Scheduler(clock)
        scheduler.after(0.001, lambda: done.append(1))
        scheduler.after(60, lambda: done.append(2))
        running = asyncio.create_task(scheduler.run())
        sleeper = asyncio.create_task(clock.wait(60))
        await asyncio.sleep(0.05)
        assert (done, sleeper.done()) == ([], False)
        clock.advance(1)
        while not done:
            await asyncio.sleep(0)
        assert (done, sleeper.done()) == ([1], False)
        clock.advance(59)
        await sleeper
        while len(done) < 2:
            await asyncio.sleep(0)
        await end([running])
        return done

    assert asyncio.run(asyncio.wait_for(scenario(), timeout=60)) == [1, 2]
