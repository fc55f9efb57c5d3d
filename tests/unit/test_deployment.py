"""The files that a deployment starts from keep their promises."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
QUEUES = {"orders", "cancellations", "despatches", "stock", "returns", "finance", "housekeeping"}

PROCESSES = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text(encoding="utf-8").splitlines())


def flower_settings(**environ: str) -> subprocess.CompletedProcess[str]:
    """Run Flower's configuration file as Flower does, and say what came out of it."""
    script = (
        "import runpy, sys; found = runpy.run_path(sys.argv[1]);"
        "print({name: found[name] for name in ('basic_auth', 'read_only')})"
    )
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, str(DEPLOY / "flowerconfig.py")],
        env={"PATH": os.environ["PATH"], **environ},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("credentials", ["", " ", "only-a-name", "name:", ":word", "a:b,c"])
def test_flower_is_refused_without_a_user_and_a_password(credentials: str) -> None:
    done = flower_settings(FLOWER_BASIC_AUTH=credentials)
    assert done.returncode != 0
    assert "FLOWER_BASIC_AUTH" in done.stderr


def test_flower_is_refused_with_an_open_interface() -> None:
    done = flower_settings(FLOWER_BASIC_AUTH="ops:word", FLOWER_UNAUTHENTICATED_API="true")
    assert done.returncode != 0


def test_flower_is_for_looking_only() -> None:
    assert flower_settings(FLOWER_BASIC_AUTH="ops:word").stdout.strip() == "{'basic_auth': ['ops:word'], 'read_only': True}"


def test_every_process_of_the_design_is_there() -> None:
    assert list(PROCESSES) == ["release", "web", "worker", "bulk", "beat", "flower"]


def test_every_queue_is_served_by_exactly_one_kind_of_worker() -> None:
    served = [
        queue
        for name in ("worker", "bulk")
        for queue in re.findall(r"--queues (\S+)", PROCESSES[name])[0].split(",")
    ]
    assert sorted(served) == sorted(QUEUES)


@pytest.mark.parametrize("name", ["worker", "bulk"])
def test_workers_hand_their_work_back_on_a_deploy(name: str) -> None:
    """A platform sends SIGTERM; only as SIGQUIT does it reach Celery's soft shutdown, and only with prefork."""
    assert "env REMAP_SIGTERM=SIGQUIT celery -A tasks.app worker" in PROCESSES[name]
    assert "--pool prefork" in PROCESSES[name]
    assert "--without-gossip --without-mingle" in PROCESSES[name]


@pytest.mark.parametrize("options", [None, "", "--events"])
def test_task_events_can_be_switched_off(options: str | None) -> None:
    line = re.sub(r"exec nice -n \d+ env", "echo", PROCESSES["worker"])
    environ = {"PATH": os.environ["PATH"]} | ({} if options is None else {"WORKER_OPTIONS": options})
    shown = subprocess.run(["sh", "-c", line], env=environ, capture_output=True, text=True, check=True).stdout
    assert ("--events" in shown) is (options != "")


def test_no_secret_is_an_argument() -> None:
    """Arguments can be read by every user of the machine."""
    for line in PROCESSES.values():
        assert not re.search(r"(?i)password|token|secret|basic.auth", line)


@pytest.mark.parametrize("script", ["deploy/release.sh", "deploy/lock.sh", ".ci/run"])
def test_scripts_can_be_run_and_refuse_unset_names(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert re.search(r"^set -\w*uo? pipefail|^set -euo pipefail", (ROOT / script).read_text(encoding="utf-8"), re.MULTILINE)
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True)


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_locks_are_complete_and_name_no_index(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    pinned = re.findall(r"(?m)^[a-z0-9][a-z0-9._-]*(?:\[[^\]]*\])?==\S+", text)
    assert len(pinned) > 50
    assert text.count("--hash=sha256:") >= len(pinned)
    assert re.search(r"(?m)^celery(\[redis\])?==5\.6\.", text)
    assert re.search(r"(?m)^kombu(\[redis\])?==5\.7\.", text)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_every_target_of_the_makefile_explains_itself() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    shown = set(re.findall(r"(?m)^  make (\S+)", done.stdout))
    assert shown >= {"setup", "demo", "test", "lint", "types", "clean"}
    declared = re.findall(r"(?m)^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"))[0].split()
    assert shown == set(declared)
