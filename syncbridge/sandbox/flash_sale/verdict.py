"""What became of a channel, told from its records."""

from __future__ import annotations

from dataclasses import dataclass

from syncbridge.sandbox.flash_sale.channel import Channel, Played
from syncbridge.sandbox.flash_sale.count import NEWS_SECONDS, Story, Tally, tell
from syncbridge.sandbox.flash_sale.entries import (
    Published,
    left_in_warehouse,
    read_entries,
    told_by_warehouse,
)
from syncbridge.sandbox.flash_sale.floors import FLOORS
from syncbridge.sandbox.flash_sale.records import SaleRecords
from syncbridge.sandbox.flash_sale.script import Goods


@dataclass(frozen=True)
class Outcome:
    """What became of a channel. `disagreements`: SKUs of which the warehouse's own word is another than the count's."""

    channel: Channel
    stories: dict[Goods, Story]
    total: Tally
    disagreements: tuple[str, ...]
    played: Played

    @property
    def latest_seconds(self) -> float:
        """How late the most belated happening was."""
        return max(self.played.late, default=0.0)

    @property
    def causes(self) -> list[str]:
        """A sentence for every sale that sold units which were not there. Times are minutes of a real sale."""
        found = []
        for article, story in self.stories.items():
            for sale in story.oversales:
                before = sale.count_before
                count = "no count before it" if before is None else f"last count {before:.1f} min before it"
                age = "-" if sale.figure_age is None else f"{sale.figure_age:.1f} min"
                found.append(
                    f"{article} at minute {sale.at:.1f}: {sale.units} oversold, {sale.by_news} of them by late news; {count}, "
                    f"figure written {age} before it"
                )
        return found

    @property
    def excesses(self) -> list[str]:
        """A sentence for every stretch in which the shop showed more than it was allowed to. Times as above."""
        found = []
        for article, story in self.stories.items():
            for one in story.excesses:
                before = one.count_before
                count = "no count before it" if before is None else f"last count {before:.1f} min before it"
                found.append(
                    f"{article} from minute {one.begin:.1f} for {one.end - one.begin:.2f}: {one.units} shown beyond what is "
                    f"allowed; {count}"
                )
        return found

    @property
    def left_wrong(self) -> list[str]:
        """A sentence for every change on the shelf after which the shop was not right again. Times as above."""
        return [
            f"{article}: {one.delta:+d} at minute {one.at:.1f}; at the end {one.truth} free and {max(0, one.shown)} shown"
            for article, story in self.stories.items()
            for one in story.stuck
        ]


def news_of(floor: str) -> float:
    """Return after how many seconds a count can be known: on a floor whose figures trail, the longest trail more."""
    return NEWS_SECONDS + FLOORS[floor].trails_seconds


def judge(records: SaleRecords, news_seconds: float | None = None) -> Outcome:
    """Count every article of a channel; add them up. Without `news_seconds` it is the floor's own."""
    script, channel = records.script, records.channel
    news_seconds = news_of(channel.floor) if news_seconds is None else news_seconds
    entries = read_entries(records.shop_facts, records.warehouse_facts, records.played.begins)
    left, told = left_in_warehouse(records.orders, records.stock), told_by_warehouse(records.stock)
    stories, total, disagreements = {}, Tally(), []
    # On a machine that is behind, shoppers and counts come after the hour.
    happened = (one.at for rows in entries.values() for one in rows if not isinstance(one, Published))
    end = max([script.seconds, *happened])
    for article, opening in script.opening.items():
        sku = channel.sku(article)
        # What is published after the end can no longer be bought from.
        own = [
            one
            for one in entries.get(sku, [])
            if not (isinstance(one, Published) and one.at > end)
        ]
        story = tell(
            opening,
            own,
            end=end,
            held_back=channel.held_back,
            always_kept=channel.always_kept,
            silences=script.stalls,
            news_seconds=news_seconds,
        )
        stories[article] = story
        total.add(story.tally)
        if left.get(sku) != story.points[-1].truth:
            disagreements.append(f"{sku}: counted {story.points[-1].truth}, in the warehouse {left.get(sku)}")
        if sku in told and told[sku] != left.get(sku):
            disagreements.append(f"{sku}: in the warehouse {left.get(sku)}, it says itself {told[sku]} are free")
    return Outcome(channel, stories, total, tuple(disagreements), records.played)
