"""`python -m syncbridge.sandbox.flash_sale [options]`: hold sales, print what each strategy came to."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from syncbridge.embedded.redis_server import EmbeddedRedisFailed
from syncbridge.sandbox.bench.conditions import Conditions
from syncbridge.sandbox.bench.figures import Paper
from syncbridge.sandbox.bench.tidy_ends import tidy_ends
from syncbridge.sandbox.demo.processes import DemoFailed
from syncbridge.sandbox.flash_sale import __doc__ as story
from syncbridge.sandbox.flash_sale import report
from syncbridge.sandbox.flash_sale.deployment import RULES, Rule
from syncbridge.sandbox.flash_sale.floors import FLOORS
from syncbridge.sandbox.flash_sale.picture import draw
from syncbridge.sandbox.flash_sale.records import SaleRecords, read_file
from syncbridge.sandbox.flash_sale.report import Sale
from syncbridge.sandbox.flash_sale.sale import SaleFailed, hold_sale
from syncbridge.sandbox.flash_sale.script import write_script
from syncbridge.sandbox.flash_sale.verdict import judge, news_of

BOTH = "both"

EPILOGUE = """\
Exit code 0: held; 1: could not be carried out, the counts disagree with the warehouse, or with --check a goal was missed;
130: interrupted.
"""


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
        "--floor",
        choices=(*FLOORS, BOTH),
        default="scend",
        help="whose warehouse (scend); both: every seed on one, then on the other",
    )
    made.add_argument(
        "--rules",
        default=",".join(rule.key for rule in RULES),
        metavar="A,B",
        help=f"buffer rules of syncbridge ({', '.join(rule.key for rule in RULES)}); empty: the usual designs alone",
    )
    made.add_argument(
        "--news",
        type=float,
        metavar="S",
        help="a count that found units missing can be known so many seconds later "
        f"({', '.join(f'{floor.title}: {news_of(key):g}' for key, floor in FLOORS.items())})",
    )
    made.add_argument(
        "--report", type=Path, metavar="FILE", help="write the figures: FILE.html with pictures, or FILE.json"
    )
    made.add_argument("--picture", type=Path, metavar="FILE", help="draw the first seed's telling article as SVG")
    made.add_argument(
        "--records", type=Path, metavar="DIR", help="leave what the vendors noted here, for --recount"
    )
    made.add_argument(
        "--recount", type=Path, metavar="DIR", help="hold no sale, count the records in DIR (once more)"
    )
    made.add_argument(
        "--state-dir", type=Path, metavar="DIR", help="leave logs and ledgers of syncbridge here"
    )
    made.add_argument("--check", action="store_true", help="exit 1 if a goal was missed")
    return made


def main(arguments: Sequence[str] | None = None, paper: Paper | None = None) -> int:
    """Hold the sales and return the exit code."""
    options = parser()
    given = options.parse_args(arguments)
    wanted = [key for key in given.rules.split(",") if key]
    unknown = sorted(set(wanted) - {rule.key for rule in RULES})
    if unknown or given.seeds < 1 or given.seconds < 1 or given.articles < 1 or (given.news or 0) < 0:
        options.error(f"unknown rules {', '.join(unknown)}" if unknown else "figures are at least 1")
    if given.report is not None and given.report.suffix not in (".html", ".json"):
        options.error("a report is FILE.html or FILE.json")
    rules = tuple(rule for rule in RULES if rule.key in wanted)
    paper = paper or Paper()
    conditions = Conditions()
    conditions.show(paper)
    sales: list[Sale] = []
    try:
        with tidy_ends():
            held = _recounted(given.recount) if given.recount else _held(given, rules, paper)
            sales.extend(_judged(records, given.news, paper) for records in held)
    except (SaleFailed, DemoFailed, EmbeddedRedisFailed) as error:
        paper.say(f"the sale could not be carried out: {error}")
        return 1
    except KeyboardInterrupt:
        paper.say("interrupted; everything is stopped")
        return 130
    conditions.finish()
    floors = list(dict.fromkeys(sale.floor for sale in sales))
    met = [
        _concluded(given, [sale for sale in sales if sale.floor == floor], conditions, paper, len(floors) > 1)
        for floor in floors
    ]
    conditions.show(paper)
    disagreements = [line for sale in sales for outcome in sale.outcomes for line in outcome.disagreements]
    for line in disagreements:
        paper.say(f"the count and the warehouse disagree: {line}")
    return 1 if disagreements or (given.check and not all(met)) else 0


def _concluded(
    given: argparse.Namespace, sales: Sequence[Sale], conditions: Conditions, paper: Paper, several: bool
) -> bool:
    """Add the sales of one floor up and write them down; return whether every goal was met."""
    floor = FLOORS[sales[0].floor]
    news_seconds = news_of(floor.key) if given.news is None else given.news
    together = report.together(sales)
    report.show(paper, f"all {len(sales)} sales on {floor.title}'s floor together", together)
    for line in (*report.prices(together), *report.legend(news_seconds)):
        paper.say(line)
    if floor.trails_seconds:
        paper.say(f"{floor.title}'s figures trail its shelves by up to {floor.trails_seconds:g} minutes.")
    paper.goals(report.goals(sales))
    _write(given, sales, news_seconds, conditions, paper, f"-{floor.key}" if several else "")
    return all(goal.met is True for goal in report.goals(sales))


def _held(given: argparse.Namespace, rules: tuple[Rule, ...], paper: Paper) -> Iterator[list[SaleRecords]]:
    floors = tuple(FLOORS) if given.floor == BOTH else (given.floor,)
    for seed in range(given.first_seed, given.first_seed + given.seeds):
        script = write_script(seed, given.seconds, given.articles)
        for floor in floors:
            paper.say(
                f"seed {seed}, {FLOORS[floor].title}'s floor: {given.articles} articles, {sum(script.opening.values())} "
                f"units on the shelves, {len(script.happenings)} happenings in {given.seconds:g} s"
            )
            state_dir = None
            if given.state_dir is not None:
                state_dir = given.state_dir / (f"seed-{seed}" if floor == "scend" else f"seed-{seed}-{floor}")
                if state_dir.exists() and any(state_dir.iterdir()):
                    raise SaleFailed(f"{state_dir} holds an earlier sale; name another folder")
            records = hold_sale(script, rules=rules, state_dir=state_dir, floor=floor)
            for one in records if given.records is not None else ():
                one.write(given.records)
            yield records


def _recounted(folder: Path) -> Iterator[list[SaleRecords]]:
    try:
        found = sorted(
            (read_file(path) for path in folder.glob("seed-*.json.gz")), key=_held_once
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SaleFailed(f"{folder}: {type(error).__name__}: {error}") from error
    if not found:
        raise SaleFailed(f"{folder} holds no records of a sale")
    places = {key: place for place, key in enumerate(("full", "delta", *(rule.key for rule in RULES)))}
    for _, records in groupby(found, key=_held_once):
        yield sorted(records, key=lambda one: places.get(one.channel.key, 0))


def _held_once(records: SaleRecords) -> tuple[int, str]:
    """Return what tells one sale from another."""
    return records.script.seed, records.channel.floor


def _judged(records: Sequence[SaleRecords], news_seconds: float | None, paper: Paper) -> Sale:
    script = records[0].script
    sale = Sale(script.seed, script, tuple(judge(one, news_seconds) for one in records))
    title = f"seed {sale.seed}, {FLOORS[sale.floor].title}'s floor"
    report.show(paper, title, {one.channel.title: one.total for one in sale.outcomes})
    latest = max(outcome.latest_seconds for outcome in sale.outcomes)
    paper.say(f"the most belated shopper, count or comeback was {latest * 1000:.0f} ms late")
    for line in report.notes(sale):
        paper.say(line)
    return sale


def _write(
    given: argparse.Namespace,
    sales: Sequence[Sale],
    news_seconds: float,
    conditions: Conditions,
    paper: Paper,
    suffix: str,
) -> None:
    first = draw(sales[0].script, sales[0].outcomes)
    if given.picture is not None:
        picture = _named(given.picture, suffix)
        picture.write_text(first, encoding="utf-8")
        paper.say(f"picture: {picture}")
    if given.report is None:
        return
    path = _named(given.report, suffix)
    if path.suffix == ".json":
        document = report.to_json(sales, news_seconds, conditions)
        text = json.dumps(document, indent=2) + "\n"
    else:
        pictures = [first, *(draw(sale.script, sale.outcomes) for sale in sales[1:])]
        text = report.page(sales, pictures, news_seconds, conditions)
    path.write_text(text, encoding="utf-8")
    paper.say(f"report: {path}")


def _named(path: Path, suffix: str) -> Path:
    """Return the path with a suffix before its ending: two floors are two reports."""
    return path.with_name(f"{path.stem}{suffix}{path.suffix}")


if __name__ == "__main__":
    sys.exit(main())
