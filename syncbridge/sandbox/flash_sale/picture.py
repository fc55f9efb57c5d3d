"""The picture of a sale: one article, one panel per strategy, what the shop showed against what was really free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from syncbridge.sandbox.flash_sale.count import Point, Story
from syncbridge.sandbox.flash_sale.script import Goods, Script
from syncbridge.sandbox.flash_sale.verdict import Outcome

WIDTH, PANEL, LEFT, RIGHT, TOP, GAP = 1000, 150, 70, 25, 90, 66
TRUTH, SHOWN, TOO_MUCH, OVERSOLD, REFUSED, SILENT = "#1b7f4b", "#1f5fbf", "#f4b6b6", "#c62828", "#b36b00", "#e9e9e9"
INK, GRID = "#333333", "#d0d0d0"
TICKS = 6


def telling_article(outcomes: Sequence[Outcome]) -> Goods:
    """Return the article on which strategies differ most: the one with most units oversold or turned away."""
    articles = outcomes[0].stories
    return max(
        articles,
        key=lambda one: sum(
            10 * outcome.stories[one].tally.oversold + outcome.stories[one].tally.turned_away
            for outcome in outcomes
        ),
    )


def draw(script: Script, outcomes: Sequence[Outcome], article: Goods | None = None) -> str:
    """Return an SVG document. Panels share one scale, in units; the axis is in minutes of a real sale."""
    chosen = article or telling_article(outcomes)
    stories = [(outcome.channel.title, outcome.stories[chosen]) for outcome in outcomes]
    inside = [point for _, story in stories for point in story.points if point.at <= script.seconds]
    top = max(max(point.truth, point.shown) for point in inside) + 1
    bottom = min(0, *(point.truth for point in inside)) - 1
    height = TOP + len(stories) * (PANEL + GAP)
    title = f"Flash sale, seed {script.seed}, article {escape(chosen)}: published against true stock over time"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f"<title>{title}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="16">{title}</text>',
        *_legend(),
    ]
    for place, (title, story) in enumerate(stories):
        parts += _Panel(script, story, TOP + place * (PANEL + GAP), top, bottom).draw(title)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend() -> Iterator[str]:
    y = 46
    entries = (
        (0, "really free (below 0: sold and missing)", f'<path d="M0,{y}h18" stroke="{TRUTH}" stroke-width="3"/>'),
        (275, "shown in the shop", f'<path d="M0,{y}h18" stroke="{SHOWN}" stroke-width="1.6"/>'),
        (425, "shown, not there", f'<rect x="0" y="{y - 6}" width="18" height="12" fill="{TOO_MUCH}"/>'),
        (565, "oversold", f'<circle cx="9" cy="{y}" r="5" fill="{OVERSOLD}"/>'),
        (
            655,
            "turned away",
            f'<circle cx="9" cy="{y}" r="4" fill="none" stroke="{REFUSED}" stroke-width="1.5"/>',
        ),
        (770, "stock feed silent", f'<rect x="0" y="{y - 6}" width="18" height="12" fill="{SILENT}"/>'),
    )
    for across, word, sign in entries:
        yield f'<g transform="translate({LEFT + across},0)">{sign}<text x="24" y="{y + 4}">{word}</text></g>'


class _Panel:
    """One strategy's panel, from `y` down; `top` and `bottom` are units."""

    def __init__(self, script: Script, story: Story, y: int, top: int, bottom: int) -> None:
        self._script, self._story, self._y, self._top, self._bottom = script, story, y, top, bottom
        self._points = _thinned(story.points, script.seconds)

    def draw(self, title: str) -> list[str]:
        """Return the panel's elements, the lowest first."""
        name, tally = escape(title), self._story.tally
        verdict = f"{tally.sold} sold, {tally.oversold} oversold, {tally.turned_away} turned away although free"
        return [
            f'<text x="{LEFT}" y="{self._y - 8}" font-size="13"><tspan font-weight="bold">{name}</tspan>: {verdict}</text>',
            *self._silences(),
            *self._axes(),
            *self._too_much(),
            self._line([(point.at, point.truth) for point in self._points], TRUTH, 2.6),
            self._line([(point.at, max(0, point.shown)) for point in self._points], SHOWN, 1.4),
            *self._marks(),
        ]

    def _across(self, at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(at, 0.0), self._script.seconds) / self._script.seconds

    def _down(self, units: float) -> float:
        return self._y + PANEL * (self._top - units) / (self._top - self._bottom)

    def _line(self, values: Sequence[tuple[float, int]], colour: str, width: float) -> str:
        path = [f"M{self._across(values[0][0]):.1f},{self._down(values[0][1]):.1f}"]
        path += [f"H{self._across(at):.1f}V{self._down(units):.1f}" for at, units in values[1:]]
        path.append(f"H{self._across(self._script.seconds):.1f}")
        return f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="{width}"/>'

    def _silences(self) -> Iterator[str]:
        for begin, end in self._script.stalls:
            yield self._box(begin, end, self._y, PANEL, SILENT)

    def _box(self, begin: float, end: float, y: float, height: float, colour: str) -> str:
        x = self._across(begin)
        return (
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{self._across(end) - x:.1f}" height="{height:.1f}" '
            f'fill="{colour}" shape-rendering="crispEdges"/>'
        )

    def _axes(self) -> Iterator[str]:
        low = self._y + PANEL
        for units in sorted({0, (self._top - 1) // 2, self._top - 1}):
            y = self._down(units)
            yield (
                f'<path d="M{LEFT},{y:.1f}H{WIDTH - RIGHT}" stroke="{INK if units == 0 else GRID}" '
                f'stroke-width="{1 if units == 0 else 0.7}"/>'
            )
            yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{units}</text>'
        yield f'<path d="M{LEFT},{self._y}V{low}" stroke="{INK}" stroke-width="1"/>'
        middle = self._y + PANEL / 2
        yield f'<text transform="translate({LEFT - 42},{middle:.0f}) rotate(-90)" text-anchor="middle">units</text>'
        for tick in range(TICKS + 1):
            minute = self._script.seconds * tick / TICKS
            x = self._across(minute)
            yield f'<path d="M{x:.1f},{low}v4" stroke="{INK}"/>'
            yield f'<text x="{x:.1f}" y="{low + 17}" text-anchor="middle">{minute:g}</text>'
        yield (
            f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{low + 32}" text-anchor="middle">minutes of the sale</text>'
        )

    def _too_much(self) -> Iterator[str]:
        """Fill the time in which the shop showed more than was free."""
        ends = [*(point.at for point in self._points[1:]), self._script.seconds]
        for point, end in zip(self._points, ends, strict=True):
            if max(0, point.shown) > max(0, point.truth):
                high, low = self._down(point.shown), self._down(max(0, point.truth))
                yield self._box(point.at, end, high, low - high, TOO_MUCH)

    def _marks(self) -> Iterator[str]:
        for one in self._story.oversales:
            yield (
                f'<circle cx="{self._across(one.at):.1f}" cy="{self._down(0):.1f}" r="{3 + one.units}" fill="{OVERSOLD}">'
                f"<title>{one.units} oversold, {one.by_news} of them by late news</title></circle>"
            )
        for at, units in self._story.refusals:
            yield (
                f'<circle cx="{self._across(at):.1f}" cy="{self._y + PANEL - 6}" r="{2 + units}" fill="none" '
                f'stroke="{REFUSED}" stroke-width="1.5"><title>{units} turned away</title></circle>'
            )


def _thinned(points: Sequence[Point], end: float) -> list[Point]:
    """Return the points at which something changes, from the state at the start on."""
    before = [point for point in points if point.at <= 0]
    kept = [before[-1] if before else points[0]]
    for point in points:
        changed = (point.truth, point.shown) != (kept[-1].truth, kept[-1].shown)
        if 0 < point.at <= end and changed:
            kept.append(point)
    return kept
