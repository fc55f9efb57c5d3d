"""What is measured: our processes as the Procfile runs them, a Redis, a ledger, and the stand-ins between which they work."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncbridge.embedded.redis_server import EmbeddedRedis
from syncbridge.sandbox.bench import second_backend, shelf
from syncbridge.sandbox.bench.basket import catalogue
from syncbridge.sandbox.bench.census import Process, count_processes
from syncbridge.sandbox.bench.configuration import CONFIGURATION
from syncbridge.sandbox.bench.figures import Paper
from syncbridge.sandbox.bench.tidy_ends import tidy_ends
from syncbridge.sandbox.demo import programs, second
from syncbridge.sandbox.demo.addresses import BUFFER, Addresses, find_addresses
from syncbridge.sandbox.demo.commands import Commands
from syncbridge.sandbox.demo.installing import CHECKOUT, wait_for_web
from syncbridge.sandbox.demo.interruption import signals_ignored
from syncbridge.sandbox.demo.processes import DemoFailed, Processes, usual_environment
from syncbridge.sandbox.demo.programs import Program
from syncbridge.sandbox.demo.stage import Stage
from syncbridge.sandbox.demo.vendors import Vendors

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
    behind then. `shelf`: SKUs beyond those that are ordered, all published before our processes start, after which
    SCAYLE's limits are `scayle_limits` (calls a minute by scope; None: no limits). `both`: OrderWise beside Scend.
    """

    database: str = ""
    workers: int = 4
    webhooks: bool = True
    warehouse: bool = False
    scend_capacity: int = NO_LIMIT
    scend_per_second: float = NO_LIMIT
    events: bool = True
    state_dir: Path | None = None
    shelf: int = 0
    scayle_limits: Mapping[str, int] = field(default_factory=lambda: {"*": NO_LIMIT})
    latency_milliseconds: int = 0
    both: bool = False


class Scene:
    """Everything running. Use as a context manager: nothing is left when the block ends."""

    def __init__(self, options: SceneOptions, paper: Paper) -> None:
        self.options = options
        self._paper = paper
        self._stack = ExitStack()
        self.addresses: Addresses = find_addresses()
        folder = options.state_dir or Path(tempfile.mkdtemp(prefix="syncbridge-bench-"))
        self.stage = Stage(folder)
        self.published_seconds = 0.0
        self.database_url = options.database or f"sqlite:///{self.stage.folder / 'ledger.sqlite3'}"

    def __enter__(self) -> Scene:
        self._stack.enter_context(tidy_ends())
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
        with signals_ignored():
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
        self.vendors = self._stack.enter_context(Vendors(addresses, both=options.both))
        self._configure(unlimited=bool(options.shelf))
        erp_seed = stage.erp_seed if options.both else None
        if erp_seed is not None:
            erp_seed.write_text(second.seed_file(addresses), encoding="utf-8")
        self.processes.start("vendors", programs.stand_ins(addresses, 1, erp_seed), {})
        self.vendors.wait_until_ready()
        self._set_up_vendors()
        variables = {
            **stage.environment(addresses, self.redis.url),
            "DATABASE_URL": self.database_url,
        }
        self.environment = usual_environment(variables, CHECKOUT)
        self.commands = Commands(self.environment, stage.folder)
        self.commands.run("db", "upgrade")
        if options.shelf:
            self._fill_shelf()
        else:
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

    def _configure(self, *, unlimited: bool) -> None:
        """Write the configuration, with Scend's limit as it is in the stand-in."""
        options = self.options
        text = CONFIGURATION.format(
            addresses=self.addresses,
            rate_capacity=NO_LIMIT if unlimited else options.scend_capacity,
            rate_per_second=NO_LIMIT if unlimited else options.scend_per_second,
        )
        if options.both:
            text += second.configuration(self.addresses, BUFFER) + second_backend.SCHEDULE
        self.stage.configuration.write_text(text, encoding="utf-8")

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
                "rateCapacity": NO_LIMIT if options.shelf else options.scend_capacity,
                "ratePerSecond": NO_LIMIT if options.shelf else options.scend_per_second,
                "webhookTimeScale": 1.0,
                "autoProgress": {
                    "enabled": options.warehouse,
                    "shortPickShare": 0.0,
                    "lateTrackingShare": 0.0,
                },
            },
        )
        if options.both:
            second_backend.set_up(vendors)
        if not options.webhooks:
            vendors.scend.call("POST", "/faults", {"fault": "drop_webhook", "times": None, "probability": 1})

    def _fill_shelf(self) -> None:
        """Put the SKUs into both stand-ins, read and publish them all without limits, then let the limits hold.

        What our limiter has learnt meanwhile is forgotten with Redis, as after a restart of it.
        """
        began = time.monotonic()
        shelf.stock_up(self.vendors, self.options.shelf)
        for flow in ("catalogue_pull", "stock_sync"):
            shelf.run_flow(flow, self.environment, self.stage.folder)
        self.published_seconds = time.monotonic() - began
        self.vendors.scayle.call("PUT", "/settings", {"rateLimits": dict(self.options.scayle_limits)})
        limits = {"rateCapacity": self.options.scend_capacity, "ratePerSecond": self.options.scend_per_second}
        self.vendors.scend.call("PUT", "/settings", limits)
        self._configure(unlimited=False)
        if self.options.latency_milliseconds:
            slow = {"fault": "slow", "milliseconds": self.options.latency_milliseconds, "times": None}
            for plane in (self.vendors.scayle, self.vendors.scend):
                plane.call("POST", "/faults", slow)
        with self.redis.client() as client:
            client.flushall()

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
        wait_for_web(self.addresses.web, self.processes, self.stage)
        deadline = time.monotonic() + READY_SECONDS
        while not all("ready" in self.stage.last_words(name, 1000) for name in ("worker", "bulk")):
            self.processes.check()
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
            "shelf": self.options.shelf,
            "latencyMilliseconds": self.options.latency_milliseconds,
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
