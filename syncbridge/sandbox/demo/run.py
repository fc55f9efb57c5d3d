"""The run of a demo, from the first process to the last."""

from __future__ import annotations

import json
import time
from typing import Any

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
    Addresses,
)
from syncbridge.sandbox.demo.commands import Commands
from syncbridge.sandbox.demo.credits import Credits
from syncbridge.sandbox.demo.day import Run, replay_day, settle, settle_stock
from syncbridge.sandbox.demo.frame import carry_out, house
from syncbridge.sandbox.demo.installing import Site, install
from syncbridge.sandbox.demo.interruption import Interrupted, signals_ignored
from syncbridge.sandbox.demo.options import DemoOptions
from syncbridge.sandbox.demo.screen import Screen
from syncbridge.sandbox.demo.stage import Stage
from syncbridge.sandbox.evidence import Evidence
from syncbridge.sandbox.exception_records import read_exceptions
from syncbridge.sandbox.judge import judge
from syncbridge.sandbox.replay import ReplayOutcome, load
from syncbridge.sandbox.replay_order import Replay, ShopSetting
from syncbridge.sandbox.retail_day import UnreadableDay, read_day
from syncbridge.sandbox.verdict import Verdict


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
    return carry_out("demo", options.state_dir, screen, lambda stage: _run(options, screen, stage, work).held)


def _run(options: DemoOptions, screen: Screen, stage: Stage, work: Replay) -> Verdict:
    with house(stage, screen) as here:
        commands = Commands(here.environment, stage.folder)
        run = Run(
            options, screen, stage, here.addresses, work, here.vendors, here.processes, commands, here.redis
        )
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
            if run.credits is not None:
                with signals_ignored():
                    run.credits.stop()
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
    say(_console(addresses))
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


def _console(addresses: Addresses) -> str:
    """Return where the console is and how to sign in, while the demo lasts."""
    return f"console {addresses.console}  user {addresses.console_user}, password {addresses.console_password}"


def _stay(run: Run) -> None:
    """Leave everything running until a signal comes."""
    addresses = run.addresses
    for line in (
        "everything keeps running; Ctrl-C ends it",
        _console(addresses),
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
