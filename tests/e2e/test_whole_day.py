"""`syncbridge demo` as a newcomer runs it: it proves the day, tidies up, and does so as well when it is interrupted."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import CHECKOUT, PATIENCE_SECONDS, wait_until

from syncbridge.sandbox.demo.processes import usual_environment

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(1800)]

MARK = "MARK_OF_A_TEST"
"""The demo keeps our own settings away from its processes; this is none by its name, so all of them inherit it."""


class Demo:
    """The command, whose every descendant carries a mark in its environment."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.mark = f"{MARK}={folder}"
        self.log = folder / "demo.log"
        environment = {**usual_environment({}, CHECKOUT), MARK: str(folder), "TMPDIR": str(folder)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "syncbridge.cli", "demo", *options],
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")

    def relatives(self) -> dict[int, str]:
        """Return every process that carries the mark, with its command line; the demo itself is one while it runs."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and self.mark.encode() in (entry / "environ").read_bytes().split(
                    b"\0"
                ):
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found[int(entry.name)] = words
            except OSError:
                continue
        return {pid: words for pid, words in found.items() if words}

    def end(self) -> None:
        for pid in self.relatives():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder with a short path: a socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="e2e-", ignore_cleanup_errors=True) as made:
        yield Path(made)


@pytest.fixture
def demos(folder: Path) -> Iterator[list[Demo]]:
    started: list[Demo] = []
    yield started
    for demo in started:
        demo.end()


def test_a_short_day_is_proved_reported_and_leaves_no_process_behind(folder: Path, demos: list[Demo]) -> None:
    report = folder / "report.json"
    demo = Demo(
        folder, "--orders-limit", "14", "--units-per-line", "2", "--settle-seconds", "600", "--report", str(report)
    )
    demos.append(demo)
    assert demo.process.wait(1500) == 0, demo.said()
    assert demo.relatives() == {}
    assert [*folder.glob("syncbridge-demo-*")] == [], "a day that went well leaves no folder"
    document = json.loads(report.read_text(encoding="utf-8"))
    assert document["held"] is True
    assert {one["name"] for one in document["invariants"]} >= {
        "I1", "I2", "I3", "I4", "I5", "I7", "I9", "I10", "Race", "Credits",
    }  # fmt: skip
    assert all(one["held"] and not one["violations"] for one in document["invariants"])
    counts = document["counts"]
    assert set(counts) == {
        "attempted", "split", "acknowledged", "despatched", "exceptions", "lost", "duplicated", "unexpected", "recovered", "faults",
        "units",
    }  # fmt: skip
    assert (counts["attempted"], counts["lost"], counts["duplicated"], counts["unexpected"]) == (14, 0, 0, 0)
    assert counts["faults"] > 0
    assert document["restarts"]["worker-0"] >= 1
    assert len(document["replay"]["placed"]) == 14
    reported = document["credits"]
    told = reported["counts"]
    assert told["credits"] == len(reported["rows"]) + len(reported["unmatched"]) == 34
    assert len(reported["rows"]) == 5
    assert told["asked"] > 0
    assert told["asked"] == told["cancelled"] + told["tooLate"]
    assert told["returned"] > 0
    assert told["refunded"]["GBP"] > 0
    assert told["open"] == 0
    assert all(one["end"] in ("cancelled", "returned", "never left") for one in reported["rows"])
    assert all(one["why"] for one in reported["unmatched"])


def test_a_demo_interrupted_in_the_middle_of_the_day_leaves_no_process_behind(
    folder: Path, demos: list[Demo]
) -> None:
    demo = Demo(folder, "--orders-limit", "6", "--units-per-line", "2")
    demos.append(demo)
    wait_until(lambda: "orders placed in" in demo.said(), 2 * PATIENCE_SECONDS, demo.said)
    assert len(demo.relatives()) > 8
    os.kill(demo.process.pid, signal.SIGINT)
    assert demo.process.wait(PATIENCE_SECONDS) == 128 + signal.SIGINT, demo.said()
    assert demo.relatives() == {}


def test_a_demo_killed_while_it_starts_leaves_no_process_behind(folder: Path, demos: list[Demo]) -> None:
    """It cannot tidy up itself; its lifeline does."""
    demo = Demo(folder, "--orders-limit", "6", "--units-per-line", "2")
    demos.append(demo)
    wait_until(lambda: "starting web" in demo.said() and len(demo.relatives()) > 8, 2 * PATIENCE_SECONDS, demo.said)
    demo.process.kill()
    demo.process.wait()
    wait_until(lambda: not demo.relatives(), PATIENCE_SECONDS, lambda: str(demo.relatives()))
