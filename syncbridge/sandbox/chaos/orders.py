"""The orders of a chaos run: real ones, as many as are wanted, for Scend, for OrderWise and for both."""

from __future__ import annotations

from dataclasses import replace
from itertools import count, islice

from syncbridge.sandbox.allotment import allot
from syncbridge.sandbox.demo import second
from syncbridge.sandbox.demo.addresses import CARRIER, COUNTRY, MERCHANT, SHOP_KEY, WAREHOUSE
from syncbridge.sandbox.demo.options import SHIPPED_DAY
from syncbridge.sandbox.replay import load
from syncbridge.sandbox.replay_order import Replay, ReplayOrder, ShopSetting

MOST_LINES = 16
"""Larger orders of the day are left out: what is tested is how many things happen at once, not how big they are."""
UNITS_PER_LINE = 2


def chaos_orders(wanted: int, seed: int) -> Replay:
    """Return so many orders of the shipped day, faulty addresses among them, each turn of the day under other names.

    An order that comes again is shared out anew: the rule goes by its name.
    """
    setting = ShopSetting(SHOP_KEY, COUNTRY, "GBP", MERCHANT, WAREHOUSE, CARRIER)
    day = load(SHIPPED_DAY, units_per_line=UNITS_PER_LINE, seed=seed, setting=setting)
    small = [order for order in day.orders if len(order.lines) <= MOST_LINES]
    endless = (_renamed(order, turn) for turn in count() for order in small)
    return allot(
        replace(day, source=f"{day.source}, small orders", orders=tuple(islice(endless, wanted))),
        second.FIRST,
        second.SECOND,
        seed,
    )


def _renamed(order: ReplayOrder, turn: int) -> ReplayOrder:
    if not turn:
        return order
    name = f"{order.name}-{turn}"
    return replace(order, name=name, body={**order.body, "publicKey": name})
