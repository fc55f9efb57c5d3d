"""How late the news of a count may be in a sale that is held in real time, on the machine that holds it."""

from __future__ import annotations

from syncbridge.sandbox.flash_sale.entries import Published, Supplied, read_entries
from syncbridge.sandbox.flash_sale.records import SaleRecords
from syncbridge.sandbox.flash_sale.verdict import Outcome, judge, news_of


def judged(records: SaleRecords) -> Outcome:
    """Judge a sale with the patience that its machine needs.

    Three rounds of stock runs are what a count may take to be known. A machine that does much else takes longer for
    each; how long, the stamps of the figures say: one of `s` was made from all that had happened up to `s`. Whatever is
    wrong in a figure that was made with the knowledge is not excused.
    """
    usual = news_of(records.channel.floor)
    return judge(records, usual + 2 * max(0.0, slowest_round(records) - usual / 2))


def slowest_round(records: SaleRecords) -> float:
    """Return the longest time, in seconds, from a count to the first figure that was made with the knowledge of it."""
    entries = [
        one
        for rows in read_entries(records.shop_facts, records.warehouse_facts, records.played.begins).values()
        for one in rows
    ]
    figures = [(one.stamp, one.at) for one in entries if isinstance(one, Published) and one.stamp is not None]
    end = max([records.script.seconds, *(one.at for one in entries)])
    counts = [one.at for one in entries if isinstance(one, Supplied) and one.delta < 0 <= one.at]
    return max((min([end, *(at for stamp, at in figures if stamp >= count)]) - count for count in counts), default=0.0)
