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
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import requests

from syncbridge.embedded.redis_server import EmbeddedRedis, EmbeddedRedisFailed
from syncbridge.sandbox.demo import stage as programs
from syncbridge.sandbox.demo.addresses import (
    CARRIER,
    COUNTRY,
    MERCHANT,
    SHOP_KEY,
    WAREHOUSE,
    Addresses,
    find_addresses,
)
from syncbridge.sandbox.demo.commands import Commands
from syncbridge.sandbox.demo.options import DemoOptions
from syncbridge.sandbox.demo.processes import DemoFailed, Processes, usual_environment
from syncbridge.sandbox.demo.screen import Screen
from syncbridge.sandbox.demo.stage import Stage
from syncbridge.sandbox.demo.vendors import Vendors
from syncbridge.sandbox.expectations import AUTO, Expectation, Outcome, WarehouseRules
from syncbridge.sandbox.judge import Evidence, Verdict, judge
from syncbridge.sandbox.records import read_exceptions
from syncbridge.sandbox.replay import ReplayOutcome, ReplayRefused, load, replay
from syncbridge.sandbox.replay_order import Replay, ShopSetting
from syncbridge.sandbox.retail_day import UnreadableDay

CHECKOUT = Path(__file__).parents[3]
"""The folder that holds the three packages, installed or checked out."""

LONGEST_SOCKET_PATH = 100
"""Systems take 104 to 108 characters."""
WEB_SECONDS = 40.0
KILL_AFTER = 0.4
"""The worker is killed once this share of the orders is placed."""
REPEATED_ORDERS, REPEATS = 5, 5
"""So many of the first orders are delegated so many times more, at once (the brief's hard case)."""
EXCEPTIONS_SECONDS = 6.0
"""How often the command line is asked for exceptions: each time costs about a second of a core."""


class Interrupted(Exception):
    """Somebody wants the demo to end; `number` is the signal."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@dataclass
class _Run:
    """What the steps of one run share."""

    options: DemoOptions
    screen: Screen
    stage: Stage
    addresses: Addresses
    work: Replay
    vendors: Vendors
    processes: Processes
    commands: Commands
    redis: EmbeddedRedis


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
        run = _Run(options, screen, stage, addresses, work, vendors, processes, commands, redis)
        try:
            _set_up(run)
            outcome = _replay(run)
            exceptions = _settle(run, outcome)
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


def _set_up(run: _Run) -> None:
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
    say("making the ledger: syncbridge db upgrade")
    run.commands.run("db", "upgrade")
    say(f"starting web {addresses.web}, two workers, beat" + (", Flower" if run.options.keep else ""))
    ours = [programs.web(addresses), programs.workers(run.options.keep), programs.beat(stage)]
    if run.options.keep:
        ours.append(programs.flower(addresses))
    run.processes.start("ours", tuple(ours), variables)
    _wait_for_web(run)
    if run.options.faults:
        run.vendors.make_trouble(run.options.seed)
        say(f"faults planned on both sides, seed {run.options.seed}")


def _wait_for_web(run: _Run) -> None:
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


def _replay(run: _Run) -> ReplayOutcome:
    """Place the orders in the background; meanwhile show progress, repeat delegations and kill a worker."""
    box: dict[str, Any] = {}
    stop = threading.Event()
    placed = ReplayOutcome(run.work)

    def follow(outcome: ReplayOutcome) -> None:
        placed.placed = outcome.placed

    def place() -> None:
        try:
            box["outcome"] = replay(
                run.addresses.scayle,
                run.work,
                orders_per_second=run.options.rate,
                rules=WarehouseRules(service_of_carrier={CARRIER: AUTO}, customs_known=True),
                control_token=run.addresses.control_token,
                progress=follow,
                stop=stop.is_set,
            )
        except Exception as error:  # noqa: BLE001 - raised again below, on the thread that waits
            box["error"] = error

    thread = threading.Thread(target=place, name="replay", daemon=True)
    killed, repeated = not run.options.kill_worker, not run.options.faults
    planned = len(run.work.orders)
    try:
        thread.start()
        with run.screen:
            while thread.is_alive():
                sight = run.vendors.look()
                run.screen.progress("replaying the day", len(placed.placed), planned, None, sight)
                if not killed and len(placed.placed) >= planned * KILL_AFTER:
                    killed = True
                    pid = run.processes.kill("worker-0")
                    run.screen.say(
                        f"SIGKILL to worker-0 (process {pid}) and its pool, in the middle of its work"
                    )
                if not repeated and len(placed.placed) >= planned * KILL_AFTER:
                    repeated = True
                    _repeat_delegations(run, placed)
                run.processes.check()
                thread.join(0.5)
    finally:
        stop.set()
        thread.join(10)
    if "error" in box:
        raise box["error"]
    outcome: ReplayOutcome = box["outcome"]
    run.screen.say(f"{len(outcome.placed)} orders placed in {outcome.seconds:.0f} s")
    for one in outcome.refused:
        run.screen.say(f"the shop itself refused {one.order.name}: {one.refusal}")
    return outcome


def _repeat_delegations(run: _Run, placed: ReplayOutcome) -> None:
    chosen = [one.order_id for one in placed.placed if one.order_id is not None][:REPEATED_ORDERS]
    for order_id in chosen:
        run.vendors.repeat_delegation(order_id, REPEATS)
    run.screen.say(f"{len(chosen)} orders delegated again, {REPEATS} times each at once")


def _settle(run: _Run, outcome: ReplayOutcome) -> list[dict[str, Any]]:
    """Wait until every order has ended as foretold, or the time is up; return the open exceptions."""
    expected = outcome.expectations
    waiting_units = sum(
        one.order.units
        for one in outcome.placed
        if one.expectation.outcome is Outcome.EXCEPTION and one.order_id
    )
    planned = len(run.work.orders)
    deadline = time.monotonic() + run.options.settle_seconds
    exceptions: list[dict[str, Any]] = run.commands.exceptions()
    asked_at = time.monotonic()
    calm = False
    with run.screen:
        while True:
            sight = run.vendors.look()
            run.screen.progress("waiting for the last parcels", planned, planned, len(exceptions), sight)
            run.processes.check()
            now = time.monotonic()
            if sight.open_units <= waiting_units and not calm and run.options.faults:
                run.vendors.end_trouble()
                calm = True
            if now - asked_at > EXCEPTIONS_SECONDS:
                exceptions, asked_at = run.commands.exceptions(), now
                if (
                    _is_settled(expected, exceptions, run.vendors.given_up())
                    and sight.open_units <= waiting_units
                ):
                    run.screen.say("everything is settled")
                    return exceptions
            if now > deadline:
                run.screen.say(f"not settled after {run.options.settle_seconds:g} s; judging what there is")
                return run.commands.exceptions()
            time.sleep(0.5)


def _is_settled(
    expected: dict[int, Expectation], exceptions: list[dict[str, Any]], given_up: frozenset[int]
) -> bool:
    """Say whether exactly the right orders wait for a person: those foretold, and maybe what the warehouse gave up."""
    named = {
        order_id for one in read_exceptions(exceptions) for order_id in expected if one.names_order(order_id)
    }
    foretold = {order_id for order_id, one in expected.items() if one.outcome is Outcome.EXCEPTION}
    return foretold <= named <= foretold | given_up


def _judge(run: _Run, outcome: ReplayOutcome, exceptions: list[dict[str, Any]]) -> Verdict:
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
            personal_data=outcome.personal_data,
            places={**run.stage.log_texts(), **run.stage.redis_texts()},
        )
    )


def _report(run: _Run, outcome: ReplayOutcome, verdict: Verdict) -> None:
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


def _stay(run: _Run) -> None:
    """Leave everything running until a signal comes."""
    addresses = run.addresses
    for line in (
        "everything keeps running; Ctrl-C ends it",
        f"web     {addresses.web}/healthz, /readyz, /metrics",
        f"Flower  {addresses.flower}  user demo, password {addresses.flower_password}",
        f"SCAYLE  {addresses.scayle}/_sandbox/summary  X-Sandbox-Token: {addresses.control_token}",
        f"Scend   {addresses.scend}/_sandbox/summary  X-Sandbox-Token: {addresses.control_token}",
        f"config  SYNCBRIDGE_CONFIG={run.stage.configuration} SYNCBRIDGE_STATE_DIR={run.stage.folder}",
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
