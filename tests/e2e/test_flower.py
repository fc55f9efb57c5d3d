"""Flower as the Procfile starts it: refused without a password, and asking for it everywhere with one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from installation import CHECKOUT, PATIENCE_SECONDS, wait_until

from syncbridge.embedded.redis_server import EmbeddedRedis
from syncbridge.sandbox.demo.addresses import Addresses, find_addresses
from syncbridge.sandbox.demo.processes import usual_environment
from syncbridge.sandbox.demo.stage import Stage

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(1800)]


@dataclass
class Scene:
    """Where Flower would run, and the environment that a platform gives it."""

    addresses: Addresses
    environment: Mapping[str, str]


@pytest.fixture
def scene(tmp_path: Path, redis_server: EmbeddedRedis) -> Scene:
    addresses = find_addresses()
    stage = Stage(tmp_path)
    stage.write_configuration(addresses)
    variables = stage.environment(addresses, redis_server.url)
    variables |= {
        "PORT": str(addresses.flower_port),
        "FLOWER_ADDRESS": "127.0.0.1",
        "PATH": os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"])),
    }
    return Scene(addresses, usual_environment(variables, CHECKOUT))


def command() -> str:
    """Return Flower's line of the Procfile, bound to this machine alone."""
    for line in (CHECKOUT / "Procfile").read_text().splitlines():
        name, _, words = line.partition(": ")
        if name == "flower":
            assert "--address=0.0.0.0" in words
            return words.replace("--address=0.0.0.0", "--address=127.0.0.1")
    raise AssertionError("the Procfile starts no Flower")


@pytest.fixture
def flower(scene: Scene, tmp_path: Path) -> Iterator[str]:
    with (tmp_path / "flower.log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", "-c", command()],
            env=scene.environment,
            cwd=CHECKOUT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    def answers() -> bool:
        assert process.poll() is None, (tmp_path / "flower.log").read_text()
        try:
            with requests.Session() as session:
                session.trust_env = False
                return session.get(f"{scene.addresses.flower}/healthcheck", timeout=10).status_code == 200
        except requests.RequestException:
            return False

    try:
        wait_until(answers, PATIENCE_SECONDS, (tmp_path / "flower.log").read_text)
        yield scene.addresses.flower
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.mark.parametrize("password", [None, "demo:"])
def test_flower_does_not_start_without_a_user_and_a_password(scene: Scene, password: str | None) -> None:
    environment = {name: value for name, value in scene.environment.items() if name != "FLOWER_BASIC_AUTH"}
    if password is not None:
        environment["FLOWER_BASIC_AUTH"] = password
    done = subprocess.run(
        ["sh", "-c", command()],
        env=environment,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode != 0
    assert "FLOWER_BASIC_AUTH" in done.stderr + done.stdout


def test_flower_asks_for_the_password_and_then_only_shows(flower: str, scene: Scene) -> None:
    with requests.Session() as session:
        session.trust_env = False
        for path in ("/", "/workers", "/tasks", "/broker", "/api/workers", "/metrics"):
            assert session.get(f"{flower}{path}", timeout=60).status_code == 401, path
            assert session.get(f"{flower}{path}", timeout=60, auth=("demo", "guessed")).status_code == 401, (
                path
            )
        right = ("demo", scene.addresses.flower_password)
        assert session.get(f"{flower}/workers", timeout=60, auth=right).status_code == 200
        assert session.get(f"{flower}/metrics", timeout=60, auth=right).status_code == 200
        started = session.post(
            f"{flower}/api/task/async-apply/syncbridge.sweep", json={"args": []}, timeout=60, auth=right
        )
        assert started.status_code == 403, "whoever may look must not run tasks"
