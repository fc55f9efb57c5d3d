"""What a demo could leave behind or stumble over on a busy machine: ports that others take, and processes that will not end."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncbridge.sandbox.demo.addresses import HOST, find_addresses
from syncbridge.sandbox.demo.commands import Commands
from syncbridge.sandbox.demo.installing import CHECKOUT
from syncbridge.sandbox.demo.interruption import Interrupted, signals_as_exceptions, signals_held
from syncbridge.sandbox.demo.processes import Processes, usual_environment
from syncbridge.sandbox.demo.programs import Program
from syncbridge.sandbox.demo.sessions import kill_members, members_of
from syncbridge.sandbox.demo.stage import Stage

GIVEN_TO_ANYBODY = Path("/proc/sys/net/ipv4/ip_local_port_range")
PATIENCE = 120.0

STUBBORN = textwrap.dedent(
    """
    import os, signal, sys, time
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if os.fork() == 0:
        time.sleep(600)
    print(flush=True)
    time.sleep(600)
    """
)
"""Two processes of one session, of which the first does not obey and the second knows nothing of its end."""


def eventually(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def stubborn() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            assert len(members_of(process.pid)) == 2
            yield process
        finally:
            kill_members(process.pid, PATIENCE)


def test_ports_are_none_that_the_system_gives_away_by_itself() -> None:
    """Between two starts of a server its port is free: an outgoing connection, or another test's server, could get it."""
    found = find_addresses()
    ports = {found.scayle_port, found.scend_port, found.web_port, found.flower_port, found.orderwise_port, found.redis_port}
    assert len(ports) == 6
    if not GIVEN_TO_ANYBODY.exists():
        pytest.skip("this system does not say which ports it gives away")
    first, last = map(int, GIVEN_TO_ANYBODY.read_text().split())
    assert not [port for port in ports if first <= port <= last]


def test_a_port_that_somebody_listens_on_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        taken = int(other.getsockname()[1])
        choices = iter([taken, taken, *range(20_000, 21_000)])
        monkeypatch.setattr("syncbridge.sandbox.demo.addresses._any_port", lambda: next(choices))
        assert find_addresses().scayle_port != taken


def test_the_lifeline_ends_all_of_a_session_whose_first_process_does_not_obey(stubborn: subprocess.Popen[bytes]) -> None:
    """A supervisor that is killed since it took too long leaves its programs to nobody."""
    code = (
        "from syncbridge.sandbox.demo import lifeline; lifeline.GRACE_SECONDS = 0.5; "
        f"lifeline.main([{stubborn.pid}])"
    )
    subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, env=usual_environment({}, CHECKOUT), check=True)
    stubborn.wait(PATIENCE)
    assert members_of(stubborn.pid) == []


def test_the_lifeline_ends_what_a_session_s_first_process_left_when_it_obeyed() -> None:
    script = STUBBORN.replace("SIG_IGN", "SIG_DFL")
    code = "from syncbridge.sandbox.demo import lifeline; lifeline.GRACE_SECONDS = 0.5; lifeline.main([{}])"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        subprocess.run(
            [sys.executable, "-c", code.format(process.pid)],
            stdin=subprocess.DEVNULL,
            env=usual_environment({}, CHECKOUT),
            check=True,
        )
        assert process.wait(PATIENCE) == -signal.SIGTERM
    assert members_of(process.pid) == []


def test_an_ended_process_that_nobody_collects_is_not_left_behind() -> None:
    """In a container whose first process collects nothing, they stay in the table for ever."""
    with subprocess.Popen([sys.executable, "-c", ""], start_new_session=True) as ended:
        eventually(lambda: Path(f"/proc/{ended.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z")
        assert members_of(ended.pid) == []


def test_a_signal_while_a_process_is_started_counts_once_it_is_known() -> None:
    """Ctrl-C within `Popen` would leave a process that nobody knows of."""
    begun = []

    def start() -> None:
        with signals_held():
            signal.raise_signal(signal.SIGINT)
            begun.append("a process")
        begun.append("more")

    with signals_as_exceptions(), pytest.raises(Interrupted, match="SIGINT"):
        start()
    assert begun == ["a process"]


def test_an_interruption_is_not_swallowed_by_whoever_tidies_up() -> None:
    with signals_as_exceptions(), pytest.raises(Interrupted), contextlib.suppress(Exception):
        signal.raise_signal(signal.SIGTERM)


@pytest.mark.processes
def test_a_command_that_is_interrupted_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Any] = []

    class Noted(subprocess.Popen):  # type: ignore[type-arg]  # the class itself takes no parameter where it is made
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    commands = Commands(usual_environment({}, CHECKOUT), tmp_path)
    with signals_as_exceptions(), pytest.raises(Interrupted):
        commands.run("--help")
    assert [one.returncode is not None for one in started] == [True]


@pytest.mark.processes
def test_a_process_that_is_just_being_started_again_is_killed_once_it_runs(tmp_path: Path) -> None:
    with Processes(Stage(tmp_path / "d"), usual_environment({}, CHECKOUT)) as processes:
        sleeper = Program("sleeper", (sys.executable, "-c", "import time; time.sleep(600)"), start_retries=50)
        processes.start("ours", (sleeper,), {})
        killed = [processes.kill("sleeper") for _ in range(2)]
        assert len({*killed}) == 2
        eventually(lambda: processes.running().get("sleeper") not in (None, *killed))
