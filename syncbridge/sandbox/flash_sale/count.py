"""Counting a sale from the vendors' own records: what was sold that was not there, and what was there and not sold.

Every unit of a channel's article has one of three fates: it is on the shelf and free, it is sold, or the warehouse has
lost it. The *truth* at an instant is what came onto the shelf so far (opening stock, comebacks, counts up and down) less
what the shop has sold so far. Whether an order has been delegated, reserved or despatched makes no difference to
it: a sold unit is not free, and a despatched one was sold before.

What the shop is *allowed* to show (I6) is the same, less what the buffer rule always keeps, with one allowance: that a count
found units missing can be known in the shop only some time later. For `news_seconds` after a count, or after the end of a
silence of the feed in which it fell, the units that it took may still be shown. Sales are known to the shop itself, so no
sale is ever excused. One rule for every design.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from syncbridge.sandbox.flash_sale.entries import Entry, Refused, Sold, Supplied

NEWS_SECONDS = 6.0
"""Six minutes of a real sale: what a count took so lately, no figure without a buffer can contain. Chosen: three
rounds of a sync every two minutes, of which the first may just have passed and one may fail."""

SAME_INSTANT_SECONDS = 1e-6
"""Sums of floating seconds differ by less."""

Silences = Sequence[tuple[float, float]]
"""From when to when the warehouse's stock feed was silent, in seconds after the start."""


@dataclass(frozen=True)
class Point:
    """What was true, allowed and shown from an instant on; the truth is below zero while more is sold than there is."""

    at: float
    truth: int
    shown: int
    allowed: int = 0


@dataclass(frozen=True)
class Oversale:
    """`units` sold at an instant with none free for them; `by_news` of them a count took too lately to be known.

    `count_before` is how many seconds before the sale the last count found units missing; None: none did. `figure_age` is how
    long before it the figure was written.
    """

    at: float
    units: int
    by_news: int
    count_before: float | None
    figure_age: float | None


@dataclass(frozen=True)
class Excess:
    """The shop showed up to `units` more than it was allowed to, from `begin` to `end`.

    `count_before` is how many seconds before `begin` the last count found units missing; None: none did.
    """

    begin: float
    end: float
    units: int
    count_before: float | None


@dataclass(frozen=True)
class Stuck:
    """A change on the shelf after which the shop was never right again, and what was true and shown at the end."""

    at: float
    delta: int
    truth: int
    shown: int


@dataclass
class Tally:
    """What one article, or many of them, came to. Units, and unit-seconds where it says so."""

    sold: int = 0
    oversold: int = 0
    oversold_by_news: int = 0
    lost_after_sale: int = 0
    turned_away: int = 0
    never_sold: int = 0
    still_missing: int = 0
    seconds: float = 0.0
    seconds_too_high: float = 0.0
    units_too_high: float = 0.0
    units_too_low: float = 0.0
    seconds_beyond: float = 0.0
    units_beyond: float = 0.0
    trails: list[float] = field(default_factory=list)
    never_caught_up: int = 0

    @property
    def avoidable(self) -> int:
        """Units oversold that no late news explains: the design's own."""
        return self.oversold - self.oversold_by_news

    def add(self, other: Tally) -> None:
        """Take another tally in."""
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)


@dataclass(frozen=True)
class Story:
    """One article's tally and its curve; `refusals` are instants with units, for the picture."""

    tally: Tally
    points: tuple[Point, ...]
    oversales: tuple[Oversale, ...]
    refusals: tuple[tuple[float, int], ...]
    stuck: tuple[Stuck, ...] = ()
    excesses: tuple[Excess, ...] = ()


def tell(
    opening: int,
    entries: Sequence[Entry],
    *,
    end: float,
    held_back: int = 0,
    always_kept: int = 0,
    silences: Silences = (),
    news_seconds: float = NEWS_SECONDS,
) -> Story:
    """Go through one article's entries in order of time, from 0 to `end` seconds, and count.

    * oversold: units sold at an instant when no free unit was left for them.
    * by news: of these, units that a count took in the last `news_seconds`, or that nobody could learn of since the
      feed was silent. Each unit that a count took explains one.
    * lost after sale: units that a count took when none was free any more: sold before, and no longer there.
    * beyond: time for which, and units by which, the shop showed more than it was allowed to; the buffer rule keeps
      `always_kept` at all times.
    * turned away: units refused to a shopper while that many lay free, each shopper counted.
    * never sold: units that a shop which always shows the truth would have sold by the end, and this one did not.
    * trail: seconds from a change on the shelf until the shop shows the truth again, or up to `held_back` less.

    Worked: 2 on the shelf, the shop sells 2, a stock write frees the block and shows 2, one more is sold: 1 oversold.
    """
    told = _Telling(opening, end, held_back, always_kept, _News(opening, silences, news_seconds))
    for entry in sorted(entries, key=lambda one: one.at):
        told.take(entry)
    return told.finish(entries)


class _News:
    """What may still be believed to lie on the shelf, because the count that found it missing is too young."""

    def __init__(self, opening: int, silences: Silences, seconds: float) -> None:
        self._silences = silences
        self._seconds = seconds
        self.supply = opening
        self._before: list[tuple[float, int]] = []
        """(Until when, how many came onto the shelf in all) of figures that a count has made wrong."""

    def take(self, at: float, delta: int) -> None:
        """Note a change on the shelf."""
        if delta < 0:
            self._before.append((self._known_at(at), self.supply))
        self.supply += delta

    def believed(self, at: float) -> int:
        """Return the most that may be believed to have come onto the shelf."""
        return max([self.supply, *(supply for until, supply in self._before if at <= until)])

    def changes(self, after: float, until: float) -> list[float]:
        """Return the instants at which something stops being believed."""
        return sorted(instant for instant, _ in self._before if after < instant < until)

    def _known_at(self, at: float) -> float:
        """A count just before a silence may be heard of after it only."""
        heard = [end for begin, end in self._silences if begin - self._seconds <= at < end]
        return max([at, *heard]) + self._seconds


class _Telling:
    """One article's way through the sale."""

    def __init__(self, opening: int, end: float, held_back: int, always_kept: int, news: _News) -> None:
        self._opening, self._end = opening, end
        self._held_back, self._always_kept = held_back, always_kept
        self._news = news
        self._sold = self._shown = 0
        self._last = 0.0
        self._last_count: float | None = None
        self._written: float | None = None
        self._tally = Tally(seconds=end)
        self._points = [Point(0.0, opening, 0, opening)]
        self._oversales: list[Oversale] = []
        self._refusals: list[tuple[float, int]] = []
        self._excesses: list[Excess] = []
        self._waiting: list[Supplied] = []

    @property
    def _truth(self) -> int:
        return self._news.supply - self._sold

    def _allowed(self, at: float) -> int:
        return max(0, self._news.believed(at) - self._sold - self._always_kept)

    def take(self, entry: Entry) -> None:
        """Let one thing happen."""
        self._go_to(entry.at)
        if isinstance(entry, Supplied):
            self._supply(entry)
        elif isinstance(entry, Sold):
            self._sell(entry)
        elif isinstance(entry, Refused):
            if self._truth >= entry.quantity:
                self._tally.turned_away += entry.quantity
                self._refusals.append((entry.at, entry.quantity))
            self._shown = entry.shown
        else:
            self._shown, self._written = entry.shown, entry.at
        self._points.append(Point(entry.at, self._truth, self._shown, self._allowed(entry.at)))
        if max(0, self._truth - self._held_back) <= max(0, self._shown) <= max(0, self._truth):
            self._tally.trails += [entry.at - change.at for change in self._waiting]
            self._waiting.clear()

    def finish(self, entries: Sequence[Entry]) -> Story:
        """Count the rest of the time, and what is to be seen only at the end."""
        self._go_to(self._end)
        tally = self._tally
        tally.never_caught_up = len(self._waiting)
        tally.still_missing = max(0, -self._truth)
        tally.never_sold = max(0, perfect_sales(self._opening, entries) - (tally.sold - tally.oversold))
        stuck = tuple(Stuck(one.at, one.delta, self._truth, self._shown) for one in self._waiting)
        return Story(
            tally,
            tuple(self._points),
            tuple(self._oversales),
            tuple(self._refusals),
            stuck,
            tuple(self._excesses),
        )

    def _supply(self, entry: Supplied) -> None:
        before = self._truth
        self._news.take(entry.at, entry.delta)
        if entry.delta < 0:
            self._last_count = entry.at
            self._tally.lost_after_sale += max(0, -self._truth) - max(0, -before)
        if max(0, self._truth) != max(0, before):
            self._waiting.append(entry)

    def _sell(self, entry: Sold) -> None:
        missing = max(0, entry.quantity - max(0, self._truth))
        if missing:
            believed = max(0, self._news.believed(entry.at) - self._sold)
            by_news = missing - max(0, entry.quantity - believed)
            self._tally.oversold += missing
            self._tally.oversold_by_news += by_news
            self._oversales.append(
                Oversale(
                    entry.at,
                    missing,
                    by_news,
                    _since(self._last_count, entry.at),
                    _since(self._written, entry.at),
                )
            )
        self._tally.sold += entry.quantity
        self._sold += entry.quantity
        self._shown = entry.shown

    def _go_to(self, at: float) -> None:
        """Let time pass; what may be believed changes on the way."""
        for instant in (*self._news.changes(self._last, at), at):
            self._integrate(max(0.0, instant - self._last), instant)
            self._last = max(self._last, instant)

    def _integrate(self, seconds: float, until: float) -> None:
        tally, shown = self._tally, max(0, self._shown)
        difference = shown - max(0, self._truth)
        if difference > 0:
            tally.seconds_too_high += seconds
            tally.units_too_high += difference * seconds
        else:
            tally.units_too_low -= difference * seconds
        beyond = shown - self._allowed(until)
        if beyond > 0 and seconds > 0:
            tally.seconds_beyond += seconds
            tally.units_beyond += beyond * seconds
            self._exceed(until - seconds, until, beyond)

    def _exceed(self, begin: float, end: float, units: int) -> None:
        before = self._excesses[-1] if self._excesses else None
        if before is not None and begin - before.end < SAME_INSTANT_SECONDS:
            self._excesses[-1] = replace(before, end=end, units=max(units, before.units))
        else:
            self._excesses.append(Excess(begin, end, units, _since(self._last_count, begin)))


def _since(before: float | None, at: float) -> float | None:
    return None if before is None else at - before


def perfect_sales(opening: int, entries: Iterable[Entry]) -> int:
    """Return the units that a shop would sell which always shows the truth, to the same shoppers."""
    free, sold = opening, 0
    for entry in sorted(entries, key=lambda one: one.at):
        if isinstance(entry, Supplied):
            free += entry.delta
        elif isinstance(entry, Sold | Refused) and free >= entry.quantity:
            free -= entry.quantity
            sold += entry.quantity
    return sold
