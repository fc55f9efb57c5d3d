"""A short chaos run: kills, a lost Redis and faults of every kind while orders flow, judged by the vendors' own records."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from installation import PATIENCE_SECONDS

from syncbridge.sandbox.chaos import ChaosOptions, run_chaos
from syncbridge.sandbox.demo.installing import CHECKOUT
from syncbridge.sandbox.demo.processes import usual_environment

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(1800)]


def test_nothing_is_lost_or_doubled_in_half_a_minute_of_storm(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    stage = tmp_path / "stage"
    options = ChaosOptions(
        orders=30, seconds=25, kill_every=7, seed=1, settle_seconds=PATIENCE_SECONDS, report=report, state_dir=stage
    )
    code = run_chaos(options)
    assert report.exists(), "it could not be carried out; the output says why"
    result = json.loads(report.read_text(encoding="utf-8"))
    broken = [one for one in result["invariants"] if not one["held"]]
    assert code == 0, (broken, result["unexpected"], result["unsettled"])
    assert sum(result["kills"].values()) >= 2
    assert (result["flushes"], result["redisKills"]) == (1, 1)
    assert all(sum(kinds.values()) for kinds in result["faultsByKind"].values())
    assert result["counts"]["lost"] == result["counts"]["duplicated"] == 0


def test_ctrl_c_in_the_middle_leaves_no_process_behind(tmp_path: Path) -> None:
    stage = tmp_path / "stage"
    command = [sys.executable, "-m", "syncbridge.sandbox.chaos", "--orders", "10", "--state-dir", str(stage)]
    with subprocess.Popen(
        command,
        env=usual_environment({}, CHECKOUT),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as chaos:
        assert chaos.stdout is not None
        for line in chaos.stdout:
            if "of storm" in line:
                break
        time.sleep(3)
        assert _processes_of(stage)
        os.kill(chaos.pid, signal.SIGINT)
        said, _ = chaos.communicate(timeout=PATIENCE_SECONDS)
    assert chaos.returncode == 128 + signal.SIGINT, said
    assert _processes_of(stage) == []


def _processes_of(stage: Path) -> list[int]:
    """Return the processes that were started in the folder: all of a run's are."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if str(stage) in str((entry / "cwd").readlink()):
                found.append(int(entry.name))
        except OSError:
            continue
    return found
