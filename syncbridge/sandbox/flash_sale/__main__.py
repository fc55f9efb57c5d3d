"""`python -m syncbridge.sandbox.flash_sale [options]`: hold sales, print what each strategy came to."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from syncbridge.embedded.redis_server import EmbeddedRedisFailed
from syncbridge.sandbox.bench.conditions import Conditions
from syncbridge.sandbox.bench.figures import Paper, Spread, number
from syncbridge.sandbox.demo.processes import DemoFailed
from syncbridge.sandbox.flash_sale import __doc__ as story
from syncbridge.sandbox.flash_sale.count import Tally
from syncbridge.sandbox.flash_sale.deployment import OURS, RULES, Rule
from syncbridge.sandbox.flash_sale.picture import draw
from syncbridge.sandbox.flash_sale.sale import Outcome, SaleFailed, hold_sale
from syncbridge.sandbox.flash_sale.script import write_script

EPILOGUE = """\
Exit code 0: held; 1: could not be carried out, the counts disagree with the warehouse, or with --check syncbridge oversold a
unit that was not lost in the last seconds; 130: interrupted.
"""
HEADINGS = (
    "strategy",
    "sold",
    "oversold",
    "on fresh\nnews",
    "turned\naway",
    "never\nsold",
    "too high\n% of time",
    "trail p50\nmin",
    "trail max\nmin",
    "never\nright",
)
LEGEND = """\
oversold: units sold when none was free. on fresh news: of these, units that a count found missing in the 6 minutes
before, or while the feed was silent.
turned away: units that shoppers wanted, that were free, and that the shop did not show (each shopper counts).
never sold: units that a shop which always shows the truth would have sold by the end.
too high: part of the time in which the shop showed more than was free. trail: from a change on the shelf until the shop shows
the truth again (with a buffer: the truth or as much less as the rule allows); never right: changes of which that never came.
A second of the sale stands for a minute."""


def parser() -> argparse.ArgumentParser:
    """Make the command line."""
    made = argparse.ArgumentParser(
        prog="python -m syncbridge.sandbox.flash_sale",
        description=story,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "--seeds", type=int, default=3, metavar="N", help="how many sales, each from another seed (3)"
    )
    made.add_argument("--first-seed", type=int, default=1, metavar="N", help="the seed to begin with (1)")
    made.add_argument("--seconds", type=float, default=60.0, metavar="S", help="length of a sale (60)")
    made.add_argument("--articles", type=int, default=8, metavar="N", help="articles per strategy (8)")
    made.add_argument(
        "--rules",
        default=",".join(rule.key for rule in RULES),
        metavar="A,B",
        help=f"buffer rules of syncbridge ({', '.join(rule.key for rule in RULES)}); empty: the usual designs alone",
    )
    made.add_argument("--report", type=Path, metavar="FILE", help="write the figures as JSON too")
    made.add_argument(
        "--picture", type=Path, metavar="FILE", help="draw the first seed's most telling article as SVG"
    )
    made.add_argument(
        "--state-dir", type=Path, metavar="DIR", help="leave logs and ledgers of syncbridge here"
    )
    made.add_argument(
        "--check", action="store_true", help="exit 1 if syncbridge oversold what it could have known"
    )
    return made


def main(arguments: Sequence[str] | None = None, paper: Paper | None = None) -> int:
    """Hold the sales and return the exit code."""
    options = parser()
    given = options.parse_args(arguments)
    wanted = [key for key in given.rules.split(",") if key]
    unknown = sorted(set(wanted) - {rule.key for rule in RULES})
    if unknown or given.seeds < 1 or given.seconds < 1 or given.articles < 1:
        options.error(f"unknown rules {', '.join(unknown)}" if unknown else "figures are at least 1")
    rules = tuple(rule for rule in RULES if rule.key in wanted)
    paper = paper or Paper()
    conditions = Conditions()
    conditions.show(paper)
    sales: list[tuple[int, list[Outcome]]] = []
    try:
        with _tidy_ends():
            for seed in range(given.first_seed, given.first_seed + given.seeds):
                outcomes = _hold(given, seed, rules, paper)
                sales.append((seed, outcomes))
    except (SaleFailed, DemoFailed, EmbeddedRedisFailed) as error:
        paper.say(f"the sale could not be carried out: {error}")
        return 1
    except KeyboardInterrupt:
        paper.say("interrupted; everything is stopped")
        return 130
    conditions.finish()
    together = _together(sales)
    _show(paper, f"all {len(sales)} sales together", together)
    for line in prices(together):
        paper.say(line)
    paper.say(LEGEND)
    conditions.show(paper)
    if given.report is not None:
        given.report.write_text(
            json.dumps(report(sales, given.seconds, conditions), indent=2) + "\n", encoding="utf-8"
        )
        paper.say(f"report: {given.report}")
    disagreements = [line for _, outcomes in sales for outcome in outcomes for line in outcome.disagreements]
    for line in disagreements:
        paper.say(f"the count and the warehouse disagree: {line}")
    avoidable = sum(
        outcome.total.oversold - outcome.total.oversold_on_fresh_news
        for _, outcomes in sales
        for outcome in outcomes
        if outcome.channel.owner == OURS
    )
    return 1 if disagreements or (given.check and avoidable) else 0


@contextmanager
def _tidy_ends() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into KeyboardInterrupt, so that every process is stopped on the way out."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _hold(given: argparse.Namespace, seed: int, rules: tuple[Rule, ...], paper: Paper) -> list[Outcome]:
    script = write_script(seed, given.seconds, given.articles)
    paper.say(
        f"seed {seed}: {given.articles} articles, {sum(script.opening.values())} units on the shelves, "
        f"{len(script.happenings)} happenings in {given.seconds:g} s"
    )
    state_dir = given.state_dir / f"seed-{seed}" if given.state_dir is not None else None
    outcomes = hold_sale(script, rules=rules, state_dir=state_dir)
    _show(paper, f"seed {seed}", [(outcome.channel.title, outcome.total) for outcome in outcomes])
    latest = max(outcome.latest_seconds for outcome in outcomes)
    paper.say(f"the most belated shopper, count or comeback was {latest * 1000:.0f} ms late")
    if given.picture is not None and seed == given.first_seed:
        given.picture.write_text(draw(script, outcomes), encoding="utf-8")
        paper.say(f"picture: {given.picture}")
    return outcomes


def _together(sales: Sequence[tuple[int, Sequence[Outcome]]]) -> list[tuple[str, Tally]]:
    totals: dict[str, Tally] = {}
    for _, outcomes in sales:
        for outcome in outcomes:
            totals.setdefault(outcome.channel.title, Tally()).add(outcome.total)
    return list(totals.items())


def prices(together: Sequence[tuple[str, Tally]]) -> list[str]:
    """Say what every buffer rule costs and saves, against syncbridge without one; nothing if that did not run."""
    plain = dict(together).get(RULES[0].title)
    if plain is None:
        return []
    return [
        f"{name}: {tally.oversold - plain.oversold:+d} oversold, {tally.turned_away - plain.turned_away:+d} turned away and "
        f"{tally.never_sold - plain.never_sold:+d} never sold, against no buffer"
        for name, tally in together
        if name in {rule.title for rule in RULES[1:]}
    ]


def _show(paper: Paper, title: str, rows: Sequence[tuple[str, Tally]]) -> None:
    paper.table(title, HEADINGS, [_cells(name, tally) for name, tally in rows])


def _cells(name: str, tally: Tally) -> tuple[str, ...]:
    trail = Spread.of(tally.trails)
    counts = (
        tally.sold,
        tally.oversold,
        tally.oversold_on_fresh_news,
        tally.turned_away,
        tally.never_sold,
    )
    too_high = 100 * tally.seconds_too_high / tally.seconds if tally.seconds else 0.0
    figures = (f"{too_high:.1f}", number(trail.p50, 1), number(trail.largest, 1), str(tally.never_caught_up))
    return (name, *(str(count) for count in counts), *figures)


def report(
    sales: Sequence[tuple[int, Sequence[Outcome]]], seconds: float, conditions: Conditions
) -> dict[str, Any]:
    """Write everything for a report; times are seconds of the sale."""
    return {
        "bench": "flash_sale",
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "saleSeconds": seconds,
        "machine": conditions.to_json(),
        "together": {name: tally_to_json(tally) for name, tally in _together(sales)},
        "seeds": [
            {
                "seed": seed,
                "strategies": [
                    {
                        "strategy": outcome.channel.title,
                        "rule": outcome.channel.key,
                        **tally_to_json(outcome.total),
                        "latestSeconds": round(outcome.latest_seconds, 3),
                        "skipped": outcome.played.skipped,
                        "disagreements": list(outcome.disagreements),
                    }
                    for outcome in outcomes
                ],
            }
            for seed, outcomes in sales
        ],
    }


def tally_to_json(tally: Tally) -> dict[str, Any]:
    """Write a tally. Units, and unit-seconds or seconds where the name says so."""
    return {
        "sold": tally.sold,
        "oversold": tally.oversold,
        "oversoldOnFreshNews": tally.oversold_on_fresh_news,
        "lostAfterSale": tally.lost_after_sale,
        "turnedAway": tally.turned_away,
        "neverSold": tally.never_sold,
        "shortAtTheEnd": tally.still_missing,
        "articleSeconds": round(tally.seconds, 1),
        "articleSecondsTooHigh": round(tally.seconds_too_high, 1),
        "unitSecondsTooHigh": round(tally.units_too_high, 1),
        "unitSecondsTooLow": round(tally.units_too_low, 1),
        "trailSeconds": Spread.of(tally.trails).to_json(),
        "neverCaughtUp": tally.never_caught_up,
    }


if __name__ == "__main__":
    sys.exit(main())
