"""A chaos run, from the first process to the last."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import replace
from typing import Any

from syncbridge.sandbox.chaos.blows import Striker
from syncbridge.sandbox.chaos.cancelling import Cancelling
from syncbridge.sandbox.chaos.day import Storm
from syncbridge.sandbox.chaos.options import ChaosOptions
from syncbridge.sandbox.chaos.orders import chaos_orders
from syncbridge.sandbox.chaos.result import ChaosResult
from syncbridge.sandbox.chaos.settling import settle
from syncbridge.sandbox.demo import programs
from syncbridge.sandbox.demo.addresses import BUFFER, MERCHANT
from syncbridge.sandbox.demo.day import Run, settle_stock
from syncbridge.sandbox.demo.frame import carry_out, house
from syncbridge.sandbox.demo.installing import Site, install
from syncbridge.sandbox.demo.options import DemoOptions
from syncbridge.sandbox.demo.programs import Program
from syncbridge.sandbox.demo.screen import Screen
from syncbridge.sandbox.demo.stage import Stage
from syncbridge.sandbox.evidence import Evidence
from syncbridge.sandbox.exception_records import read_exceptions
from syncbridge.sandbox.judge import judge
from syncbridge.sandbox.replay import ReplayOutcome
from syncbridge.sandbox.verdict import Verdict

STARTS = 1000
"""How often a process may die young before the supervisor gives it up: here that is what is to be expected."""
CANCELLATION_PACE: dict[str, Any] = {"cancellationTimeScale": 0.02}
"""SCAYLE's setting: it asks again after 1.2 s, 3.6 s, 6 s, … instead of a minute and more."""


def run_chaos(options: ChaosOptions, screen: Screen | None = None) -> int:
    """Run it and return the exit code: 0 everything held, 1 something did not or could not start, 2 wrong use.

    128 plus the signal's number when it was interrupted. No process of it is left when this returns.
    """
    screen = screen or Screen()
    return carry_out("chaos", options.state_dir, screen, lambda stage: _run(options, screen, stage).held)


def _run(options: ChaosOptions, screen: Screen, stage: Stage) -> ChaosResult:
    work = chaos_orders(options.orders, options.seed)
    with house(stage, screen) as here:
        screen.say(work.report()[0])
        addresses, redis, processes, vendors = here.addresses, here.redis, here.processes, here.vendors
        site = Site(stage, addresses, redis, processes, vendors, screen.say, options.seed, options.database_url)
        commands = install(site, work, _programs(site))
        demo = DemoOptions(seed=options.seed, faults=False, settle_seconds=options.settle_seconds)
        run = Run(demo, screen, stage, addresses, work, vendors, processes, commands, redis)
        return _storm_and_score(options, run)


def _programs(site: Site) -> tuple[Program, ...]:
    made = (programs.web(site.addresses), *programs.divided_workers(), programs.beat(site.stage.folder))
    return tuple(replace(one, start_retries=STARTS) for one in made)


def _storm_and_score(options: ChaosOptions, run: Run) -> ChaosResult:
    striker = Striker(run.processes, run.redis, run.screen.say)
    cancelling = None
    if options.cancellations:
        run.vendors.scayle.call("PUT", "/settings", CANCELLATION_PACE)
        cancelling = Cancelling(run.vendors, options.seed)
    storm = Storm(options, run, striker, cancelling)
    storm.begin()
    run.screen.say(
        f"{options.seconds:g} s of storm, seed {options.seed}: a kill every {options.kill_every:g} s, "
        "faults of every kind on all three sides"
    )
    outcome = storm.blow()
    ended = time.monotonic()
    undecided = cancelling.orders if cancelling is not None else set()
    foretold = replace(outcome, placed=[one for one in outcome.placed if one.order_id not in undecided])
    exceptions, unsettled = settle(run, foretold, undecided)
    seconds = time.monotonic() - ended
    settle_stock(run)
    verdict, faults = _judge(run, outcome, foretold, exceptions, striker)
    result = ChaosResult(
        seed=options.seed,
        seconds=options.seconds,
        database="PostgreSQL" if options.database_url else "SQLite",
        placed=len(foretold.expectations) + len(undecided),
        verdict=verdict,
        kills=dict(striker.kills),
        restarts=dict(run.processes.restarts),
        flushes=striker.flushes,
        redis_kills=striker.redis_kills,
        faults=faults,
        cancelled=dict(cancelling.done) if cancelling is not None else {},
        cancellation_answers=cancelling.answers() if cancelling is not None else {},
        exceptions=Counter(one.kind for one in read_exceptions(exceptions)),
        settled_seconds=None if unsettled else seconds,
        unsettled=tuple(unsettled),
    )
    run.screen.verdict(verdict)
    result.show(run.screen.console)
    if options.report is not None:
        text = json.dumps(result.to_json(), indent=2, ensure_ascii=False) + "\n"
        options.report.write_text(text, encoding="utf-8")
        run.screen.say(f"report: {options.report}")
    return result


def _judge(
    run: Run,
    outcome: ReplayOutcome,
    foretold: ReplayOutcome,
    exceptions: list[dict[str, Any]],
    striker: Striker,
) -> tuple[Verdict, dict[str, dict[str, int]]]:
    """Score the run, and return the faults that the vendors played, by vendor and kind."""
    run.screen.say(
        "judging from the vendors' records, the logs and everything that was ever written to Redis"
    )
    shop, warehouse = run.vendors.records()
    others = run.vendors.others()
    verdict = judge(
        Evidence(
            shop=shop,
            warehouse=warehouse,
            exceptions=read_exceptions(exceptions),
            expectations=foretold.expectations,
            merchant=MERCHANT,
            buffer=BUFFER,
            publishes_stock=True,
            personal_data=outcome.personal_data,
            places={**run.stage.log_texts(), **run.stage.redis_texts()},
            redis_lost_at=tuple(striker.lost_at),
            others=others,
        )
    )
    faults = {one.name: dict(one.faults_injected) for one in (warehouse, *others.values())}
    return verdict, {"SCAYLE": dict(shop.faults_injected), **faults}
