"""What is measured: our processes as the Procfile runs them, a Redis, a ledger, and the stand-ins between which they work."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import requests

from syncbridge.embedded.redis_server import EmbeddedRedis
from syncbridge.sandbox.bench.basket import catalogue
from syncbridge.sandbox.bench.census import Process, count_processes
from syncbridge.sandbox.bench.configuration import CONFIGURATION
from syncbridge.sandbox.bench.figures import Paper
from syncbridge.sandbox.demo import programs
from syncbridge.sandbox.demo.addresses import Addresses, find_addresses
from syncbridge.sandbox.demo.commands import Commands
from syncbridge.sandbox.demo.processes import DemoFailed, Processes, usual_environment
from syncbridge.sandbox.demo.programs import Program
from syncbridge.sandbox.demo.stage import Stage
from syncbridge.sandbox.demo.vendors import Vendors

CHECKOUT = Path(__file__).parents[3]
"""The folder that holds the three packages, installed or checked out."""

READY_SECONDS = 40.0
CATALOGUE_SECONDS = 90.0
NO_LIMIT = 1_000_000
"""Calls, where a stand-in's limits are not what is measured."""


@dataclass(frozen=True)
class SceneOptions:
    """`database`: a SQLAlchemy URL of an empty database, or empty for SQLite in the scene's folder.

    `workers`: children of the order worker. `webhooks`: whether the vendors send any. `warehouse`: whether the warehouse
    works by itself, so that orders are despatched. `scend_capacity` and `scend_per_second`: Scend's limit. `events`: Celery's
    events, which the Procfile switches on for Flower. `state_dir`: where to work instead of a temporary folder; it is left
    behind then.
    """

    database: str = ""
    workers: int = 4
    webhooks: bool = True
    warehouse: bool = False
    scend_capacity: int = NO_LIMIT
    scend_per_second: float = NO_LIMIT
    events: bool = True
    state_dir: Path | None = None


class Scene:
    """Everything running. Use as a context manager: nothing is left when the block ends."""

    def __init__(self, options: SceneOptions, paper: Paper) -> None:
        self.options = options
        self._paper = paper
        self._stack = ExitStack()
        self.addresses: Addresses = find_addresses()
        folder = options.state_dir or Path(tempfile.mkdtemp(prefix="syncbridge-bench-"))
        self.stage = Stage(folder)
        self.database_url = options.database or f"sqlite:///{self.stage.folder / 'ledger.sqlite3'}"

    def __enter__(self) -> Scene:
        self._stack.enter_context(_tidy_ends())
        if self.options.state_dir is None:
            self._stack.callback(shutil.rmtree, self.stage.folder, ignore_errors=True)
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        left: list[int] = []
        with _undisturbed():
            if hasattr(self, "processes"):
                self.processes.stop()
                left = self.processes.left_behind()
            self._stack.close()
        if left:
            raise DemoFailed(f"processes {left} would not end")

    def _start(self) -> None:
        options, stage, addresses = self.options, self.stage, self.addresses
        self.redis = self._stack.enter_context(EmbeddedRedis(stage.redis))
        self.processes = self._stack.enter_context(Processes(stage, usual_environment({}, CHECKOUT)))
        self.processes.guard(self.redis.pid)
        self.vendors = self._stack.enter_context(Vendors(addresses))
        stage.configuration.write_text(self._configuration(), encoding="utf-8")
        self.processes.start("vendors", programs.stand_ins(addresses, 1), {})
        self.vendors.wait_until_ready()
        self._set_up_vendors()
        variables = {
            **stage.environment(addresses, self.redis.url),
            "DATABASE_URL": self.database_url,
        }
        self.commands = Commands(usual_environment(variables, CHECKOUT), stage.folder)
        self.commands.run("db", "upgrade")
        self._read_catalogue()
        ours = (
            programs.web(addresses),
            *workers(options.workers, options.events),
            programs.beat(stage.folder),
        )
        self.processes.start("ours", ours, variables)
        self._wait_until_ready()
        self._paper.say(
            f"running: web (2 processes of 8 threads), order worker ({options.workers} children), bulk worker (2 children), beat, "
            f"Redis, ledger on {self.database_url.partition(':')[0]}; webhooks {'on' if options.webhooks else 'off'}, "
            f"warehouse {'works' if options.warehouse else 'only takes orders in'}"
        )

    def _configuration(self) -> str:
        return CONFIGURATION.format(
            addresses=self.addresses,
            rate_capacity=self.options.scend_capacity,
            rate_per_second=self.options.scend_per_second,
        )

    def _set_up_vendors(self) -> None:
        """Set the stand-ins up as for the demo, then take back what only a demo needs."""
        vendors, options = self.vendors, self.options
        vendors.set_up(catalogue(), 1)
        vendors.scayle.call(
            "PUT",
            "/settings",
            {
                "delegationTimeScale": 1.0,
                "webhookTimeScale": 1.0,
                "rateLimits": {"*": NO_LIMIT},
                "webhookDropProbability": 0.0 if options.webhooks else 1.0,
            },
        )
        vendors.scend.call(
            "PUT",
            "/settings",
            {
                "rateCapacity": options.scend_capacity,
                "ratePerSecond": options.scend_per_second,
                "webhookTimeScale": 1.0,
                "autoProgress": {
                    "enabled": options.warehouse,
                    "shortPickShare": 0.0,
                    "lateTrackingShare": 0.0,
                },
            },
        )
        if not options.webhooks:
            vendors.scend.call("POST", "/faults", {"fault": "drop_webhook", "times": None, "probability": 1})

    def _read_catalogue(self) -> None:
        """Read Scend's products, as every night does in production.

        With an empty Redis our limiter first lets the quota fill up before it lends any of it to so lowly a flow.
        """
        deadline = time.monotonic() + CATALOGUE_SECONDS
        while True:
            try:
                self.commands.run("flow", "run", "catalogue_pull")
                return
            except DemoFailed:
                if time.monotonic() > deadline:
                    raise
                time.sleep(2)

    def _wait_until_ready(self) -> None:
        """Return when web answers and both workers have said that they are ready."""
        deadline = time.monotonic() + READY_SECONDS
        session = requests.Session()
        session.trust_env = False
        while True:
            self.processes.check()
            try:
                answers = session.get(f"{self.addresses.web}/healthz", timeout=2).status_code == 200
            except requests.RequestException:
                answers = False
            if answers and all("ready" in self.stage.last_words(name, 1000) for name in ("worker", "bulk")):
                return
            if time.monotonic() > deadline:
                raise DemoFailed(
                    f"not ready: {self.stage.last_words('web')} {self.stage.last_words('worker')}"
                )
            time.sleep(0.2)

    def census(self) -> list[Process]:
        """Return every process of the scene."""
        named = self.processes.running()
        if self.redis.pid is not None:
            named["redis"] = self.redis.pid
        return count_processes(named, self.processes.left_behind())

    def describe(self) -> dict[str, Any]:
        """Write the scene for a report."""
        return {
            "database": self.database_url.partition(":")[0],
            "workers": self.options.workers,
            "webhooks": self.options.webhooks,
            "warehouse": self.options.warehouse,
            "scendCapacity": self.options.scend_capacity,
            "scendPerSecond": self.options.scend_per_second,
            "events": self.options.events,
        }


def workers(children: int, events: bool) -> tuple[Program, Program]:
    """Return the two workers of the Procfile: one for what customers wait for, one for the rest."""
    return (
        _worker("worker", children, "cancellations,orders,despatches,returns", events),
        _worker("bulk", 2, "stock,finance,housekeeping", events),
    )


def _worker(name: str, children: int, queues: str, events: bool) -> Program:
    options = (
        f"-A tasks.app worker --pool prefork --concurrency {children} --queues {queues} --hostname {name}@%%h "
        "--without-gossip --without-mingle --loglevel INFO"
    )
    # As in the Procfile: on one machine, answering SCAYLE comes first.
    command = ("nice", "-n", "5", sys.executable, "-m", "celery", *options.split(), *(("--events",) if events else ()))
    return Program(name, command, stop_seconds=3)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def _tidy_ends() -> Iterator[None]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into KeyboardInterrupt, so that everything is stopped on the way out."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    with _handlers(interrupt):
        yield


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Let nothing disturb the tidying up, which is bounded."""
    with _handlers(signal.SIG_IGN):
        yield


@contextmanager
def _handlers(handler: Any) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def database_of(choice: str) -> str:
    """Return the ledger's URL for `sqlite` (empty: in the scene's folder) or `postgresql` (DATABASE_URL).

    Raises DemoFailed where DATABASE_URL names no PostgreSQL.
    """
    if choice == "sqlite":
        return ""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgresql"):
        raise DemoFailed(
            "--database postgresql: set DATABASE_URL to an empty PostgreSQL database of your own"
        )
    return url
