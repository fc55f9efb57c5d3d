"""The run of a demo, from the first process to the last."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from syncbridge.embedded.redis_server import EmbeddedRedis, EmbeddedRedisFailed
from syncbridge.sandbox.allotment import allot
from syncbridge.sandbox.credit_rule import CreditPlan, plan_credits
from syncbridge.sandbox.demo import programs, second
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
from syncbridge.sandbox.demo.credits import Credits
from syncbridge.sandbox.demo.day import Run, replay_day, settle, settle_stock
from syncbridge.sandbox.demo.installing import CHECKOUT, LONGEST_SOCKET_PATH, Site, install
from syncbridge.sandbox.demo.interruption import Interrupted, signals_as_exceptions, signals_ignored
from syncbridge.sandbox.demo.options import DemoOptions
from syncbridge.sandbox.demo.processes import DemoFailed, Processes, usual_environment
from syncbridge.sandbox.demo.screen import Screen
from syncbridge.sandbox.demo.stage import Stage
from syncbridge.sandbox.demo.vendors import Vendors
from syncbridge.sandbox.judge import Evidence, Verdict, judge
from syncbridge.sandbox.records import read_exceptions
from syncbridge.sandbox.replay import ReplayOutcome, ReplayRefused, load
from syncbridge.sandbox.replay_order import Replay, ShopSetting
from syncbridge.sandbox.retail_day import UnreadableDay, read_day


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
        work = allot(work, second.FIRST, second.SECOND, options.seed)
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
        with signals_as_exceptions():
            verdict = _run(options, screen, stage, work)
        held = verdict.held
        code = 0 if held else 1
        keep_folder = keep_folder or not held
    except Interrupted as error:
        screen.say(f"stopped by {error}")
        code = error.exit_code
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
        vendors = stack.enter_context(Vendors(addresses, both=True))
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
            with signals_ignored():
                screen.say("stopping every process")
                if run.credits is not None:
                    run.credits.stop()
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
    ours = [programs.web(addresses), *programs.divided_workers(run.options.keep), programs.beat(stage.folder)]
    if run.options.keep:
        ours.append(programs.flower(addresses))
    site = Site(stage, addresses, run.redis, run.processes, run.vendors, say, run.options.seed)
    run.commands = install(site, run.work, tuple(ours))
    if run.options.faults:
        run.vendors.make_trouble(run.options.seed)
        say(f"faults planned on all three sides, seed {run.options.seed}")
    plan = _plan_credits(run)
    for line in plan.report():
        say(line)
    run.credits = Credits(plan, addresses, run.commands)
    run.credits.start()


def _plan_credits(run: Run) -> CreditPlan:
    """Decide what the day's credits become; a folder of orders has none."""
    if run.options.source.is_dir():
        return CreditPlan()
    return plan_credits(read_day(run.options.source), run.work, second.foretell, run.options.seed)


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
            others=run.vendors.others(),
            credits=run.credits.evidence(run.vendors.scayle) if run.credits is not None else None,
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
        f"OrderWise  {addresses.orderwise}/_sandbox/summary  X-Sandbox-Token: {addresses.control_token}",
        f"commands  . {run.stage.environment_file}; syncbridge exceptions list",
    ):
        run.screen.say(line)
    try:
        while True:
            time.sleep(1)
            run.processes.check()
    except Interrupted:
        run.screen.say("goodbye")
