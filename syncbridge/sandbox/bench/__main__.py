"""`python -m syncbridge.sandbox.bench NAME [options]`: run one measurement and print its figures."""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from syncbridge.embedded.redis_server import EmbeddedRedisFailed
from syncbridge.sandbox.bench import cancel_race, footprint, quota, stand_ins, stock, throughput
from syncbridge.sandbox.bench.basket import SKUS
from syncbridge.sandbox.bench.conditions import Conditions
from syncbridge.sandbox.bench.figures import Goal, Paper
from syncbridge.sandbox.bench.race_floors import FLOORS
from syncbridge.sandbox.bench.scene import SceneOptions, database_of
from syncbridge.sandbox.demo.processes import DemoFailed
from syncbridge.sandbox.replay import ReplayRefused

LONGEST_SECONDS = 3_600.0
LARGEST_ORDERS = 100_000
HIGHEST_RATE = 500.0

ALWAYS_CHECKED = frozenset({"cancel_race", "stock"})
"""Measurements of a promise with a yes or a no."""

EPILOGUE = """\
Everything runs on this computer's loopback and is stopped again, also on Ctrl-C. Exit code 0: measured; 1: could not be
carried out, or with --check (`stock`, `cancel_race`: always) a goal was missed; 130: interrupted. Goals hold for two cores that do nothing else.
"""


def parser() -> argparse.ArgumentParser:
    """Make the command line."""
    made = argparse.ArgumentParser(
        prog="python -m syncbridge.sandbox.bench",
        description="Measure syncbridge between the two stand-ins.",
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = made.add_subparsers(dest="name", required=True, metavar="NAME")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--report", type=Path, metavar="FILE", help="write the figures as JSON too")
    shared.add_argument("--check", action="store_true", help="exit 1 if a goal was missed")
    scene = argparse.ArgumentParser(add_help=False)
    scene.add_argument(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="postgresql: an empty database of your own, in DATABASE_URL",
    )
    scene.add_argument(
        "--workers", type=_whole(1, 64), default=4, metavar="N", help="children of the order worker (4)"
    )
    scene.add_argument("--no-webhooks", action="store_true", help="the vendors send no webhooks")
    scene.add_argument("--no-events", action="store_true", help="Celery sends no events for Flower")
    scene.add_argument(
        "--state-dir", type=Path, metavar="DIR", help="work here, and leave logs and ledger behind"
    )
    scene.add_argument(
        "--settle",
        type=_figure(LONGEST_SECONDS),
        default=120.0,
        metavar="S",
        help="longest wait for the last order (120)",
    )

    one = names.add_parser(
        "throughput", parents=[shared, scene], help="delegations and pushes without the vendors' limits"
    )
    one.add_argument("--rate", type=_figure(HIGHEST_RATE), default=50.0, help="delegations a second (50)")
    one.add_argument(
        "--seconds", type=_figure(LONGEST_SECONDS), default=60.0, help="for so long (60; 0: not)"
    )
    one.add_argument(
        "--sustained-rate", type=_figure(HIGHEST_RATE), default=30.0, help="orders a second (30)"
    )
    one.add_argument(
        "--sustained-seconds", type=_figure(LONGEST_SECONDS), default=120.0, help="for so long (120; 0: not)"
    )
    one.add_argument(
        "--repeats", type=_whole(1, 20), default=1, metavar="N", help="of each, in one set-up (1)"
    )
    one.add_argument("--warehouse", action="store_true", help="the warehouse despatches the orders meanwhile")

    one = names.add_parser(
        "quota", parents=[shared, scene], help="under Scend's real limit of 2 calls a second"
    )
    one.add_argument(
        "--seconds", type=_figure(LONGEST_SECONDS), default=180.0, help="of 1 order a second (180; 0: not)"
    )
    one.add_argument(
        "--backlog", type=_whole(0, 5_000), default=150, metavar="N", help="orders at once (150; 0: not)"
    )
    one.add_argument("--warehouse", action="store_true", help="the warehouse despatches the orders meanwhile")

    one = names.add_parser(
        "footprint", parents=[shared, scene], help="memory of each process over many whole order lives"
    )
    one.add_argument(
        "--orders", type=_whole(1, LARGEST_ORDERS), default=2_000, metavar="N", help="how many (2000)"
    )
    one.add_argument("--rate", type=_figure(HIGHEST_RATE), default=20.0, help="orders a second (20)")
    one.add_argument("--no-warehouse", action="store_true", help="orders are taken in and never despatched")

    one = names.add_parser(
        "stock", parents=[shared, scene], help="a full compare of 20,000 SKUs under SCAYLE's limits, with orders"
    )
    one.add_argument(
        "--skus", type=_whole(100, 100_000), default=stock.FULL_SKUS, metavar="N", help="in all (20000)"
    )
    one.add_argument(
        "--per-minute",
        type=_whole(100, 100_000),
        default=stock.FULL_PER_MINUTE,
        metavar="N",
        help="stock reads and stock writes that SCAYLE takes (2500); the goal for the time follows",
    )
    one.add_argument(
        "--edited", type=_whole(0, 1_000), default=stock.EDITED_SKUS, metavar="N", help="numbers edited (40)"
    )
    one.add_argument(
        "--latency",
        type=_whole(0, 5_000),
        default=stock.LATENCY_MILLISECONDS,
        metavar="MS",
        help=f"what each call to a vendor takes longer than on loopback ({stock.LATENCY_MILLISECONDS})",
    )
    one.add_argument("--no-scend-limit", action="store_true", help="without Scend's 2 calls a second")

    one = names.add_parser(
        "cancel_race", parents=[shared, scene], help="a shopper cancels and a picker picks within 50 ms"
    )
    one.add_argument("--trials", type=_whole(1, 100_000), default=1_000, metavar="N", help="how often (1000)")
    one.add_argument("--seed", type=_whole(0, 2**31), default=1, help="of the plan of who acts when (1)")
    one.add_argument(
        "--floor",
        choices=("both", *FLOORS),
        default="both",
        help="whose warehouse; both: batches in turn, in one installation (both)",
    )

    one = names.add_parser("sandbox", parents=[shared], help="requests a second of the stand-ins themselves")
    one.add_argument(
        "--seconds", type=_figure(stand_ins.LONGEST_SECONDS), default=3.0, help="of each figure (3)"
    )
    one.add_argument("--repeats", type=_whole(1, 20), default=3, metavar="N", help="of each figure (3)")
    return made


def _whole(least: int, most: int) -> Any:
    def read(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"takes {least} to {most}")
        return value

    return read


def _figure(most: float) -> Any:
    def read(text: str) -> float:
        value = float(text)
        if not 0 <= value <= most:
            raise argparse.ArgumentTypeError(f"takes 0 to {most:g}")
        return value

    return read


def run(given: argparse.Namespace, paper: Paper) -> tuple[dict[str, Any], list[Goal]]:
    """Run the measurement that was asked for; return its report and its goals."""
    if given.name == "sandbox":
        return stand_ins.measure(given.seconds, given.repeats, paper)
    limits: dict[str, Any] = {}
    if given.name == "stock":
        limits = {
            "shelf": given.skus - len(SKUS),
            "scayle_limits": stock.scayle_limits(given.per_minute),
            "latency_milliseconds": given.latency,
        }
    scend_limit = given.name == "quota" or (given.name == "stock" and not given.no_scend_limit)
    if scend_limit:
        limits |= {"scend_capacity": quota.CAPACITY, "scend_per_second": quota.PER_SECOND}
    options = SceneOptions(
        database=database_of(given.database),
        workers=given.workers,
        webhooks=not given.no_webhooks,
        warehouse=_warehouse_works(given),
        events=not given.no_events,
        state_dir=given.state_dir,
        **limits,
    )
    if given.name == "cancel_race":
        floors = tuple(FLOORS) if given.floor == "both" else (given.floor,)
        return cancel_race.measure(options, given.trials, given.seed, floors, paper)
    if given.name == "quota":
        return quota.measure(options, given.seconds, given.backlog, given.settle, paper)
    if given.name == "stock":
        return stock.measure(options, given.skus, given.per_minute, given.edited, given.settle, paper)
    if given.name == "footprint":
        return footprint.measure(options, given.orders, given.rate or 1.0, given.settle, paper)
    stretches = [
        throughput.Stretch(rate, seconds)
        for rate, seconds in ((given.rate, given.seconds), (given.sustained_rate, given.sustained_seconds))
        if rate > 0 and seconds > 0
    ]
    return throughput.measure(options, stretches, given.repeats, given.settle, paper)


def _warehouse_works(given: argparse.Namespace) -> bool:
    if given.name == "footprint":
        return not given.no_warehouse
    # Without it nothing is ever reserved, and every figure would move with every order.
    return given.name == "stock" or bool(getattr(given, "warehouse", False))


def main(arguments: list[str] | None = None, paper: Paper | None = None) -> int:
    """Run one measurement and return the exit code."""
    given = parser().parse_args(arguments)
    paper = paper or Paper()
    conditions = Conditions()
    conditions.show(paper)
    began = datetime.now(UTC)
    try:
        report, goals = run(given, paper)
    except (DemoFailed, ReplayRefused, EmbeddedRedisFailed) as error:
        paper.say(f"the measurement could not be carried out: {error}")
        return 1
    except KeyboardInterrupt:
        paper.say("interrupted; everything is stopped")
        return 130
    conditions.finish()
    paper.goals(goals)
    conditions.show(paper)
    if given.report is not None:
        document = {
            "bench": given.name,
            "began": began.isoformat(timespec="seconds"),
            "options": {name: value for name, value in vars(given).items() if not isinstance(value, Path)},
            "machine": conditions.to_json(),
            "goals": [goal.to_json() for goal in goals],
            **report,
        }
        given.report.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        paper.say(f"report: {given.report}")
    missed = any(goal.met is not True for goal in goals)
    return 1 if missed and (given.check or given.name in ALWAYS_CHECKED) else 0


if __name__ == "__main__":
    sys.exit(main())
