"""Keeping the demo's processes alive, and leaving none behind.

supervisord runs them and restarts what dies. A lifeline beside it ends them all if the demo itself is killed in a way
that it cannot answer.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from syncbridge.sandbox.demo.programs import Program
from syncbridge.sandbox.demo.sessions import kill_members, members_of
from syncbridge.sandbox.demo.stage import Stage

START_SECONDS = 90.0
"""For what takes one, as everything here that is started or killed: a machine may have much else to do."""
FORCE_SECONDS = 60.0
STOP_SECONDS = 40.0
"""Longer than the longest `stop_seconds` of a program, which the supervisor waits for."""


class DemoFailed(RuntimeError):
    """The demo could not be set up or lost a process for good; the text says which, with its last words."""


class Processes:
    """The supervisor, seen from the demo. Use as a context manager: nothing is left when the block ends."""

    def __init__(self, stage: Stage, environment: Mapping[str, str]) -> None:
        self._stage = stage
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._lifeline: subprocess.Popen[bytes] | None = None
        self.restarts: dict[str, int] = {}
        self._pids: dict[str, int] = {}
        self._running: dict[str, int] = {}
        self._killed: set[int] = set()

    def __enter__(self) -> Processes:
        self._stage.write_supervisor()
        with (self._stage.logs / "supervisor-output.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "supervisor.supervisord",
                    "-n",
                    "-c",
                    str(self._stage.supervisor_configuration),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._stage.folder,
                env=self._environment,
                # Ctrl-C must reach the demo alone, which then stops everything in order.
                start_new_session=True,
            )
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def guard(self, *others: int | None) -> None:
        """Start the lifeline: it ends the supervisor and `others` (process ids) once this process is no more.

        Called again, because `others` have changed, it replaces the lifeline there is.
        """
        assert self._process is not None
        before = self._lifeline
        pids = [str(pid) for pid in (self._process.pid, *others) if pid is not None]
        self._lifeline = subprocess.Popen(
            [sys.executable, "-m", "syncbridge.sandbox.demo.lifeline", *pids],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environment,
            start_new_session=True,
        )
        _let_go(before)

    def start(self, name: str, programs: tuple[Program, ...], environment: Mapping[str, str]) -> None:
        """Add programs and start them; they may still be busy starting when this returns. Raises DemoFailed."""
        self._wait_until_ready()
        self._stage.write_programs(name, programs, environment)
        self._call("reloadConfig")
        for program in programs:
            self._call("addProcessGroup", program.name)
        self.look()

    def look(self) -> dict[str, str]:
        """Return the state of every process by name, and remember its process id and its restarts."""
        states = {}
        self._running = {}
        for row in self._call("getAllProcessInfo"):
            name, pid = str(row["name"]), int(row["pid"])
            states[name] = str(row["statename"])
            if pid:
                if name in self._pids and self._pids[name] != pid:
                    self.restarts[name] = self.restarts.get(name, 0) + 1
                self._pids[name] = self._running[name] = pid
        return states

    def running(self) -> dict[str, int]:
        """Return the process id of every process that runs now, by name."""
        self.look()
        return dict(self._running)

    def check(self) -> None:
        """Raise DemoFailed if a process has died for good."""
        for name, state in self.look().items():
            if state in ("FATAL", "UNKNOWN"):
                raise DemoFailed(f"{name} does not start: {self._stage.last_words(name)}")

    def kill(self, name: str) -> int:
        """Send SIGKILL to a process and all that belong to it, as a machine would lose them; return its id.

        One that is just being started again is waited for. Raises DemoFailed when it does not come.
        """
        deadline = time.monotonic() + START_SECONDS
        while True:
            pid = self.running().get(name)
            # One that was killed is still shown for a moment; one that has just been forked has no group of its own yet.
            with contextlib.suppress(ProcessLookupError):
                if pid is not None and pid not in self._killed:
                    os.killpg(pid, signal.SIGKILL)
                    self._killed.add(pid)
                    return pid
            if time.monotonic() > deadline:
                raise DemoFailed(f"{name} does not run: {self._stage.last_words(name)}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop everything, in order if it obeys and by force if not."""
        if self._process is None:
            return
        if self._process.poll() is None:
            # All at once: asked to end itself, the supervisor stops one program after the other, a second or more for each.
            with contextlib.suppress(DemoFailed):
                self._call("stopAllProcesses", False)
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        kill_members(self._process.pid, FORCE_SECONDS)
        self._process.poll()
        _let_go(self._lifeline)
        self._lifeline = None

    def left_behind(self) -> list[int]:
        """Return the ids of all processes that still belong to the supervisor's session, it included."""
        return [] if self._process is None else members_of(self._process.pid)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._call("getState")
                return
            except DemoFailed:
                if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def _call(self, method: str, *arguments: Any) -> Any:
        transport = SupervisorTransport(None, None, f"unix://{self._stage.socket}")
        try:
            with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
                return getattr(proxy.supervisor, method)(*arguments)
        except (OSError, xmlrpc.client.Error) as error:
            raise DemoFailed(f"supervisord: {error}: {self._stage.last_words('supervisor')}") from error


def _let_go(lifeline: subprocess.Popen[bytes] | None) -> None:
    """End a lifeline without letting it do its work: killed first, so that it never sees its input end."""
    if lifeline is None:
        return
    lifeline.kill()
    lifeline.wait()
    if lifeline.stdin is not None:
        lifeline.stdin.close()


def usual_environment(extra: Mapping[str, str], checkout: Path) -> dict[str, str]:
    """Return this process's environment without any setting of syncbridge's own, plus `extra`."""
    ours = ("SYNCBRIDGE_", "SCAYLE_", "SCEND_", "ORDERWISE_", "FLOWER_", "CELERY_", "REDIS_", "DATABASE_", "CONSOLE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    path = os.pathsep.join(part for part in (str(checkout), kept.get("PYTHONPATH", "")) if part)
    return {**kept, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **extra}
