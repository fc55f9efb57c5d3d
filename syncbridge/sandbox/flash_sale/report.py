"""What is printed and written of the sales: tables, the price of every buffer rule, causes, and a page to read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

from syncbridge.sandbox.bench.conditions import Conditions
from syncbridge.sandbox.bench.figures import Goal, Paper, Spread, number
from syncbridge.sandbox.flash_sale.count import Tally
from syncbridge.sandbox.flash_sale.deployment import OURS, RECOMMENDED, RULES, title_of
from syncbridge.sandbox.flash_sale.script import Script
from syncbridge.sandbox.flash_sale.verdict import Outcome

HEADINGS = (
    "strategy",
    "sold",
    "over-\nsold",
    "by late\nnews",
    "lost after\nsale",
    "turned\naway",
    "never\nsold",
    "beyond\n% of time",
    "trail p50\nmin",
    "never\nright",
)
LEGEND = """\
oversold: units sold when none was free. By late news: of these, units that a count found missing in the last {news:g} minutes,
or while the feed was silent. Lost after sale: units that a count took when all were sold already.
turned away: units that shoppers wanted, that were free, and that the shop did not show (each shopper counts).
never sold: units that a shop which always shows the truth would have sold by the end.
beyond: part of the time in which the shop showed more than free units less units sold less what the buffer always keeps, by
news of up to {news:g} minutes: above 0.0 is a broken promise.
trail: from a change on the shelf until the shop shows the truth again (with a buffer: the truth or as much less as the rule
allows); never right: changes of which that did not come before the end.
A second of the sale stands for a minute."""


@dataclass(frozen=True)
class Sale:
    """One seed's outcomes on one floor, one per strategy."""

    seed: int
    script: Script
    outcomes: tuple[Outcome, ...]

    @property
    def floor(self) -> str:
        """Whose warehouse it was held on."""
        return self.outcomes[0].channel.floor


def together(sales: Iterable[Sale]) -> dict[str, Tally]:
    """Add up all sales, by strategy."""
    totals: dict[str, Tally] = {}
    for sale in sales:
        for outcome in sale.outcomes:
            totals.setdefault(outcome.channel.title, Tally()).add(outcome.total)
    return totals


def rows(tallies: Mapping[str, Tally]) -> list[tuple[str, ...]]:
    """Return the table's cells."""
    return [(name, *_cells(tally)) for name, tally in tallies.items()]


def show(paper: Paper, title: str, tallies: Mapping[str, Tally]) -> None:
    """Print the table."""
    paper.table(title, HEADINGS, rows(tallies))


def legend(news_seconds: float) -> list[str]:
    """Return what the columns mean."""
    return LEGEND.format(news=news_seconds).splitlines()


def prices(tallies: Mapping[str, Tally]) -> list[str]:
    """Say what every buffer rule costs and saves, against syncbridge without one; nothing if that did not run."""
    plain = tallies.get(title_of(RULES[0]))
    if plain is None:
        return []
    return [
        f"{name}: {tally.oversold - plain.oversold:+d} oversold, {tally.turned_away - plain.turned_away:+d} turned away and "
        f"{tally.never_sold - plain.never_sold:+d} never sold, against no buffer"
        for name, tally in tallies.items()
        if name in {title_of(rule) for rule in RULES[1:]}
    ]


def notes(sale: Sale) -> list[str]:
    """Return a sentence for everything that was wrong with ours: oversold, shown beyond, never right again."""
    ours = [outcome for outcome in sale.outcomes if outcome.channel.owner == OURS]
    return [
        *(f"{one.channel.title}: {line}" for one in ours for line in one.causes),
        *(f"{one.channel.title}: {line}" for one in ours for line in one.excesses),
        *(f"{one.channel.title}: never right after {line}" for one in ours for line in one.left_wrong),
    ]


def goals(sales: Sequence[Sale]) -> list[Goal]:
    """Return what the sales should have come to: the worst seed counts."""
    ours = [outcome for sale in sales for outcome in sale.outcomes if outcome.channel.owner == OURS]
    recommended = [one for one in ours if one.channel.key == RECOMMENDED]
    return [
        Goal("oversold, as recommended", _most(one.total.oversold for one in recommended), 1, "units"),
        Goal("oversold and not by late news, any rule", _most(one.total.avoidable for one in ours), 1, "units"),
        Goal(
            "shown beyond what is allowed, any rule",
            _most(one.total.seconds_beyond for one in ours),
            BEYOND_SECONDS,
            "article seconds",
        ),
    ]


BEYOND_SECONDS = 0.05
"""Two stand-ins write down the same instant up to so far apart on a busy machine (guessed)."""


def _most(values: Iterable[float]) -> float | None:
    return max((float(value) for value in values), default=None)


def _cells(tally: Tally) -> tuple[str, ...]:
    trail = Spread.of(tally.trails)
    counts = (
        tally.sold,
        tally.oversold,
        tally.oversold_by_news,
        tally.lost_after_sale,
        tally.turned_away,
        tally.never_sold,
    )
    beyond = 100 * tally.seconds_beyond / tally.seconds if tally.seconds else 0.0
    figures = (f"{beyond:.1f}", number(trail.p50, 1), str(tally.never_caught_up))
    return (*(str(count) for count in counts), *figures)


def to_json(sales: Sequence[Sale], news_seconds: float, conditions: Conditions) -> dict[str, Any]:
    """Write everything for a report; times are seconds of the sale."""
    return {
        "bench": "flash_sale",
        "floor": sales[0].floor,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "saleSeconds": sales[0].script.seconds,
        "newsSeconds": news_seconds,
        "machine": conditions.to_json(),
        "goals": [goal.to_json() for goal in goals(sales)],
        "together": {name: tally_to_json(tally) for name, tally in together(sales).items()},
        "seeds": [
            {
                "seed": sale.seed,
                "strategies": [
                    {
                        "strategy": outcome.channel.title,
                        "rule": outcome.channel.key,
                        **tally_to_json(outcome.total),
                        "causes": outcome.causes,
                        "beyond": outcome.excesses,
                        "neverRight": outcome.left_wrong,
                        "latestSeconds": round(outcome.latest_seconds, 3),
                        "skipped": outcome.played.skipped,
                        "disagreements": list(outcome.disagreements),
                    }
                    for outcome in sale.outcomes
                ],
            }
            for sale in sales
        ],
    }


def tally_to_json(tally: Tally) -> dict[str, Any]:
    """Write a tally. Units, and unit-seconds or seconds where the name says so."""
    return {
        "sold": tally.sold,
        "oversold": tally.oversold,
        "oversoldByLateNews": tally.oversold_by_news,
        "lostAfterSale": tally.lost_after_sale,
        "turnedAway": tally.turned_away,
        "neverSold": tally.never_sold,
        "shortAtTheEnd": tally.still_missing,
        "articleSeconds": round(tally.seconds, 1),
        "articleSecondsBeyond": round(tally.seconds_beyond, 2),
        "unitSecondsBeyond": round(tally.units_beyond, 2),
        "articleSecondsTooHigh": round(tally.seconds_too_high, 1),
        "unitSecondsTooHigh": round(tally.units_too_high, 1),
        "unitSecondsTooLow": round(tally.units_too_low, 1),
        "trailSeconds": Spread.of(tally.trails).to_json(),
        "neverCaughtUp": tally.never_caught_up,
    }


STYLE = """\
body { font-family: sans-serif; max-width: 75rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem } caption { text-align: left; font-weight: bold; padding: 0.3rem 0 }
th, td { padding: 0.25rem 0.6rem; border-bottom: 1px solid #ccc; text-align: right; vertical-align: bottom }
th:first-child, td:first-child { text-align: left } svg { max-width: 100%; height: auto }"""


def page(sales: Sequence[Sale], pictures: Sequence[str], news_seconds: float, conditions: Conditions) -> str:
    """Return everything as one HTML document that needs no other file; `pictures` are SVG documents."""
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Flash sale</title>',
        f"<style>\n{STYLE}\n</style></head><body>",
        "<h1>Flash sale: does the shop sell what is not there?</h1>",
        _table(f"All {len(sales)} sales together", rows(together(sales))),
        *(f"<p>{escape(line)}</p>" for line in legend(news_seconds)),
        "<h2>Goals</h2>",
        _items(f"{goal.name}: {number(goal.value, 2)} {goal.unit}, {_word(goal)}" for goal in goals(sales)),
        "<h2>What each buffer rule costs</h2>",
        _items(prices(together(sales))),
        "<h2>Published against true stock</h2>",
        *pictures,
        "<h2>Every seed</h2>",
    ]
    for sale in sales:
        tallies = {outcome.channel.title: outcome.total for outcome in sale.outcomes}
        parts += [_table(f"Seed {sale.seed}", rows(tallies)), _items(notes(sale))]
    machine = conditions.to_json()
    parts.append(
        f"<p>{escape(str(machine['processor']))}, {machine['cores']} cores, Python {machine['python']}; "
        f"load average before {machine['loadBefore'][0]:.2f}.</p></body></html>"
    )
    return "\n".join(parts) + "\n"


def _word(goal: Goal) -> str:
    return {True: "met", False: "NOT met", None: "not measured"}[goal.met]


def _table(title: str, cells: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(one).replace(chr(10), '<br>')}</th>" for one in HEADINGS)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n" for row in cells)
    return f"<table><caption>{escape(title)}</caption><tr>{head}</tr>\n{body}</table>"


def _items(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"
