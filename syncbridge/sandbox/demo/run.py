"""The run of a demo, from the first process to the last."""

from __future__ import annotations

import json
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import requests

from syncbridge.embedded.redis_server import EmbeddedRedis, EmbeddedRedisFailed
from syncbridge.sandbox.demo import programs
from syncbridge.sandbox.demo.addresses import (
    BUFFER,
    CARRIER,
    COUNTRY,
    MERCHANT,
    SHOP_KEY,
    WAREHOUSE,
    find_addresses,
)
from syncbridge.sandbox.demo.commands import Commands
from syncbridge.sandbox.demo.day import Run, replay_day, settle, settle_stock
from syncbridge.sandbox.demo.options import DemoOptions
from syncbridge.sandbox.demo.processes import DemoFailed, Processes, usual_environment
from syncbridge.sandbox.demo.screen import Screen
from syncbridge.sandbox.demo.stage import Stage
from syncbridge.sandbox.demo.vendors import Vendors
from syncbridge.sandbox.judge import Evidence, Verdict, judge
from syncbridge.sandbox.records import read_exceptions
from syncbridge.sandbox.replay import ReplayOutcome, ReplayRefused, load
from syncbridge.sandbox.replay_order import Replay, ShopSetting
from syncbridge.sandbox.retail_day import UnreadableDay

CHECKOUT = Path(__file__).parents[3]
"""The folder that holds the three packages, installed or checked out."""

LONGEST_SOCKET_PATH = 100
"""Systems take 104 to 108 characters."""
WEB_SECONDS = 40.0


class Interrupted(Exception):
    """Somebody wants the demo to end; `number` is the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def run_demo(options: DemoOptions, screen: Screen | None = None) -> int:
    """Run the demo and return its exit code: 0 everything held, 1 something did not or could not start, 2 a bad source.

    128 plus the signal's number when it was interrupted. No process of it is left when this returns.
    """
    screen = screen or Screen()
    setting = ShopSetting(SHOP_KEY, COUNTRY, "GBP", MERCHANT, WAREHOUSE, CARRIER)
    try:
        work = load(
            options.source,
            units_per_line=options.units_per_line,
            limit=options.orders_limit,
            seed=options.seed,
            setting=setting,
        )
    except (UnreadableDay, OSError, ValueError) as error:
        screen.say(f"{options.source}: {error}")
        return 2
    folder = options.state_dir or Path(tempfile.mkdtemp(prefix="syncbridge-demo-"))
    stage = Stage(folder)
    if len(str(stage.socket)) > LONGEST_SOCKET_PATH:
        screen.say(f"{stage.folder}: the path is too long for a socket in it; choose a shorter one")
        return 2
    keep_folder = options.state_dir is not None
    try:
        with _signals_as_exceptions():
            verdict = _run(options, screen, stage, work)
        held = verdict.held
        code = 0 if held else 1
        keep_folder = keep_folder or not held
    except Interrupted as error:
        screen.say(f"stopped by {error}")
        code = 128 + error.number
    except (DemoFailed, ReplayRefused, EmbeddedRedisFailed) as error:
        screen.say(f"the demo could not be carried out: {error}")
        code, keep_folder = 1, True
    if keep_folder:
        screen.say(f"logs, configuration and ledger are in {stage.folder}")
    else:
        shutil.rmtree(stage.folder, ignore_errors=True)
    return code


def _run(options: DemoOptions, screen: Screen, stage: Stage, work: Replay) -> Verdict:
    addresses = find_addresses()
    with ExitStack() as stack:
        redis = stack.enter_context(EmbeddedRedis(stage.redis))
        environment = usual_environment({}, CHECKOUT)
        processes = stack.enter_context(Processes(stage, environment))
        processes.guard(redis.pid)
        vendors = stack.enter_context(Vendors(addresses))
        commands = Commands(environment, stage.folder)
        run = Run(options, screen, stage, addresses, work, vendors, processes, commands, redis)
        try:
            _set_up(run)
            outcome = replay_day(run)
            exceptions = settle(run, outcome)
            settle_stock(run)
            verdict = _judge(run, outcome, exceptions)
            _report(run, outcome, verdict)
            if options.keep:
                _stay(run)
        finally:
            with _signals_ignored():
                screen.say("stopping every process")
                processes.stop()
                redis.stop()
        left = processes.left_behind()
        if left:
            raise DemoFailed(f"processes {left} would not end")
    screen.say("no process is left behind")
    return verdict


def _set_up(run: Run) -> None:
    say, stage, addresses = run.screen.say, run.stage, run.addresses
    for line in run.work.report():
        say(line)
    say(f"working in {stage.folder}")
    stage.write_configuration(addresses)
    say(f"starting the stand-ins: SCAYLE {addresses.scayle}, Scend {addresses.scend}")
    run.processes.start("vendors", programs.stand_ins(addresses, run.options.seed), {})
    run.vendors.wait_until_ready()
    run.vendors.set_up(run.work, run.options.seed)
    variables = stage.environment(addresses, run.redis.url)
    run.commands = Commands(usual_environment(variables, CHECKOUT), stage.folder)
    stage.write_environment(variables)
    say("making the ledger: syncbridge db upgrade")
    run.commands.run("db", "upgrade")
    say(f"starting web {addresses.web}, two workers, beat" + (", Flower" if run.options.keep else ""))
    ours = [programs.web(addresses), programs.workers(run.options.keep), programs.beat(stage.folder)]
    if run.options.keep:
        ours.append(programs.flower(addresses))
    run.processes.start("ours", tuple(ours), variables)
    _wait_for_web(run)
    if run.options.faults:
        run.vendors.make_trouble(run.options.seed)
        say(f"faults planned on both sides, seed {run.options.seed}")


def _wait_for_web(run: Run) -> None:
    deadline = time.monotonic() + WEB_SECONDS
    session = requests.Session()
    session.trust_env = False
    while True:
        run.processes.check()
        try:
            if session.get(f"{run.addresses.web}/healthz", timeout=2).status_code == 200:
                return
        except requests.RequestException:
            pass
        if time.monotonic() > deadline:
            raise DemoFailed(f"web does not answer: {run.stage.last_words('web')}")
        time.sleep(0.2)


def _judge(run: Run, outcome: ReplayOutcome, exceptions: list[dict[str, Any]]) -> Verdict:
    run.screen.say(
        "judging from the vendors' records, the logs and everything that was ever written to Redis"
    )
    shop, warehouse = run.vendors.records()
    return judge(
        Evidence(
            shop=shop,
            warehouse=warehouse,
            exceptions=read_exceptions(exceptions),
            expectations=outcome.expectations,
            merchant=MERCHANT,
            buffer=BUFFER,
            publishes_stock=True,
            personal_data=outcome.personal_data,
            places={**run.stage.log_texts(), **run.stage.redis_texts()},
        )
    )


def _report(run: Run, outcome: ReplayOutcome, verdict: Verdict) -> None:
    run.screen.verdict(verdict)
    for name, times in sorted(run.processes.restarts.items()):
        run.screen.say(f"{name} was restarted {times} times by the supervisor")
    if run.options.report is not None:
        document = {
            **verdict.to_json(),
            "seed": run.options.seed,
            "restarts": run.processes.restarts,
            "replay": outcome.to_json(),
        }
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        run.options.report.write_text(text, encoding="utf-8")
        run.screen.say(f"report: {run.options.report}")


def _stay(run: Run) -> None:
    """Leave everything running until a signal comes."""
    addresses = run.addresses
    for line in (
        "everything keeps running; Ctrl-C ends it",
        f"web     {addresses.web}/healthz, /readyz, /metrics",
        f"Flower  {addresses.flower}  user demo, password {addresses.flower_password}",
        f"SCAYLE  {addresses.scayle}/_sandbox/summary  X-Sandbox-Token: {addresses.control_token}",
        f"Scend   {addresses.scend}/_sandbox/summary  X-Sandbox-Token: {addresses.control_token}",
        f"commands  . {run.stage.environment_file}; syncbridge exceptions list",
    ):
        run.screen.say(line)
    try:
        while True:
            time.sleep(1)
            run.processes.check()
    except Interrupted:
        run.screen.say("goodbye")


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """Turn the first Ctrl-C, SIGTERM or SIGHUP into Interrupted; the handlers before come back afterwards."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    with _handlers(interrupt):
        yield


@contextmanager
def _signals_ignored() -> Iterator[None]:
    """Let nothing disturb the tidying up: it is bounded, and what it leaves half done nobody else does."""
    with _handlers(signal.SIG_IGN):
        yield


@contextmanager
def _handlers(handler: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        # Only the main thread gets signals; a demo that a test runs elsewhere has none to handle.
        yield
        return
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
