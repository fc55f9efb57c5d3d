"""The picture of a sale: one article, one strip per strategy, what the shop showed against what was true."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from syncbridge.sandbox.flash_sale.count import Point, Story
from syncbridge.sandbox.flash_sale.sale import Outcome
from syncbridge.sandbox.flash_sale.script import Goods, Script

WIDTH, STRIP, LEFT, RIGHT, TOP, GAP = 1000, 150, 60, 20, 70, 50
TRUTH, SHOWN, OVERSOLD, REFUSED, SILENT = "#1b7f4b", "#1f5fbf", "#c62828", "#e08a00", "#eeeeee"


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
    """Return an SVG document. Strips share one scale, in units; the axis is in minutes of a real sale."""
    chosen = article or telling_article(outcomes)
    stories = [(outcome.channel.title, outcome.stories[chosen]) for outcome in outcomes]
    inside = [point for _, story in stories for point in story.points if point.at <= script.seconds]
    top = max(max(point.truth, point.shown) for point in inside) + 1
    bottom = min(0, *(point.truth for point in inside)) - 1
    height = TOP + len(stories) * (STRIP + GAP)
    title = f"Flash sale, seed {script.seed}, article {escape(chosen)}: units shown in the shop and units really free"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="22" font-size="16">{title}</text>',
        _legend(),
    ]
    for place, (title, story) in enumerate(stories):
        parts += _strip(script, title, story, TOP + place * (STRIP + GAP), top, bottom)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend() -> str:
    entries = (
        (TRUTH, "free in truth"),
        (SHOWN, "shown in the shop"),
        (OVERSOLD, "oversold"),
        (REFUSED, "turned away though free"),
        (SILENT, "feed silent"),
    )
    texts = [
        f'<rect x="{LEFT + 180 * place}" y="36" width="14" height="10" fill="{colour}"/>'
        f'<text x="{LEFT + 20 + 180 * place}" y="45">{word}</text>'
        for place, (colour, word) in enumerate(entries)
    ]
    return "".join(texts)


def _strip(script: Script, title: str, story: Story, y: int, top: int, bottom: int) -> list[str]:
    def across(at: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * min(max(at, 0.0), script.seconds) / script.seconds

    def down(units: int) -> float:
        return y + STRIP * (top - units) / (top - bottom)

    def line(values: Sequence[tuple[float, int]], colour: str, width: float) -> str:
        path = [f"M{across(values[0][0]):.1f},{down(values[0][1]):.1f}"]
        for at, units in values[1:]:
            path.append(f"H{across(at):.1f}V{down(units):.1f}")
        path.append(f"H{across(script.seconds):.1f}")
        return f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="{width}"/>'

    tally = story.tally
    verdict = f"{tally.sold} sold, {tally.oversold} oversold, {tally.turned_away} turned away"
    points = _thinned(story.points, script.seconds)
    parts = [
        f'<rect x="{across(begin):.1f}" y="{y}" width="{across(end) - across(begin):.1f}" height="{STRIP}" fill="{SILENT}"/>'
        for begin, end in script.stalls
    ]
    parts += [
        f'<text x="{LEFT}" y="{y - 6}" font-size="13">{escape(title)}: {verdict}</text>',
        f'<line x1="{LEFT}" y1="{down(0):.1f}" x2="{WIDTH - RIGHT}" y2="{down(0):.1f}" stroke="#888888"/>',
        f'<text x="{LEFT - 8}" y="{down(0) + 4:.1f}" text-anchor="end">0</text>',
        f'<text x="{LEFT - 8}" y="{down(top - 1) + 4:.1f}" text-anchor="end">{top - 1}</text>',
        line([(point.at, point.truth) for point in points], TRUTH, 2.5),
        line([(point.at, point.shown) for point in points], SHOWN, 1.2),
    ]
    parts += [
        f'<circle cx="{across(at):.1f}" cy="{down(0):.1f}" r="{3 + units}" fill="{OVERSOLD}" fill-opacity="0.7"/>'
        for at, units in story.oversales
    ]
    parts += [
        f'<circle cx="{across(at):.1f}" cy="{y + STRIP - 6}" r="{2 + units}" fill="none" stroke="{REFUSED}" stroke-width="1.5"/>'
        for at, units in story.refusals
    ]
    step = max(1, round(script.seconds / 6))
    parts += [
        f'<text x="{across(minute):.1f}" y="{y + STRIP + 14}" text-anchor="middle" fill="#555555">{minute} min</text>'
        for minute in range(0, int(script.seconds) + 1, step)
    ]
    return parts


def _thinned(points: Sequence[Point], end: float) -> list[Point]:
    """Return the points at which something changes, from the state at the start on."""
    before = [point for point in points if point.at <= 0]
    kept = [before[-1] if before else points[0]]
    for point in points:
        changed = (point.truth, point.shown) != (kept[-1].truth, kept[-1].shown)
        if 0 < point.at <= end and changed:
            kept.append(point)
    return kept
