"""What happens in a sale: drawn once from a seed, the same for every strategy, whatever the strategy does."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

Goods = str
"""An article of the script, as `A01`; every channel sells it under a SKU of its own."""


@dataclass(frozen=True)
class Shopper:
    """Somebody wants so many units, all or nothing, so many seconds after the start."""

    at: float
    article: Goods
    quantity: int


@dataclass(frozen=True)
class Count:
    """The warehouse counts again and finds `delta` units more or fewer."""

    at: float
    article: Goods
    delta: int


@dataclass(frozen=True)
class Comeback:
    """A parcel comes back and goes on the shelf: `quantity` units more to sell."""

    at: float
    article: Goods
    quantity: int


@dataclass(frozen=True)
class Stall:
    """The warehouse's stock feed stops answering, or answers again."""

    at: float
    begins: bool


Happening = Shopper | Count | Comeback | Stall


@dataclass(frozen=True)
class Script:
    """A sale of `seconds`; `opening` is how many units of each article lie on the shelf when it begins."""

    seed: int
    seconds: float
    opening: Mapping[Goods, int]
    happenings: tuple[Happening, ...]

    @property
    def articles(self) -> tuple[Goods, ...]:
        """All articles, in order."""
        return tuple(self.opening)

    @property
    def stalls(self) -> tuple[tuple[float, float], ...]:
        """From when to when the feed is silent, in seconds after the start."""
        moments = [one for one in self.happenings if isinstance(one, Stall)]
        return tuple((begin.at, end.at) for begin, end in zip(moments[::2], moments[1::2], strict=True))


LARGEST_LOSS = 2
"""The most units that one count finds missing."""


def write_script(seed: int, seconds: float, articles: int = 8) -> Script:
    """Draw a sale. The flash is in the first third: half of all shoppers come in it.

    Articles differ in how badly they are wanted: from 0.8 to 3 units asked for per unit on the shelf. A count that
    finds units missing comes in the last two thirds, when little is left and a wrong figure hurts; so do comebacks.
    """
    if seconds <= 0 or articles < 1:
        raise ValueError("a sale takes more than 0 seconds and at least one article")
    draw = random.Random(f"flash sale {seed}")
    opening = {f"A{number:02d}": draw.randint(10, 40) for number in range(1, articles + 1)}
    happenings: list[Happening] = []
    for article, units in opening.items():
        asked, wanted = 0, round(units * draw.uniform(0.8, 3.0))
        while asked < wanted:
            quantity = draw.choice((1, 1, 1, 2, 2, 3))
            asked += quantity
            early = draw.random() < 0.5
            at = draw.uniform(0.03, 0.33) if early else draw.uniform(0.33, 0.97)
            happenings.append(Shopper(at * seconds, article, quantity))
        for _ in range(draw.choice((0, 1, 1, 2))):
            delta = draw.choice((-LARGEST_LOSS, -1, -1, 1, 2))
            happenings.append(Count(draw.uniform(0.33, 0.9) * seconds, article, delta))
        happenings += [
            Comeback(draw.uniform(0.33, 0.9) * seconds, article, draw.randint(1, 4))
            for _ in range(draw.choice((0, 1, 1, 2)))
        ]
    begins = draw.uniform(0.15, 0.6) * seconds
    happenings += [Stall(begins, begins=True), Stall(begins + 0.12 * seconds, begins=False)]
    return Script(seed, seconds, opening, tuple(sorted(happenings, key=lambda one: one.at)))
