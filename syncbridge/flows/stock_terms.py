"""What the shop is to be told: each number's terms, the stamp that both sides can stand behind, and what differs.

A run and `syncbridge stock diff` count with the same functions, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from syncbridge.domain.stock import BufferRule, Terms, publishing_order, stamp_for, whole_units
from syncbridge.flows import order_poll
from syncbridge.flows.context import Context
from syncbridge.ledger import feeds, sold_units
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.sold_units import Sold
from syncbridge.ledger.stock import Level, Place

SPEED_OVER = timedelta(minutes=10)
"""Over how long the speed of sale is measured. Chosen: long enough to be steady, short enough to see a rush."""
BLOCKS_OVER = timedelta(days=1)
"""How long after a sale its block is made sure to be released. Chosen: longer than any outage of ours should last."""
DELEGATION_DELAY = timedelta(seconds=60)
"""SCAYLE delegates about a minute after confirmation (SCAYLE contract 5.1, documented)."""
BLOCK_SLACK = timedelta(seconds=5)
"""How far a block may be older than the confirmation that an order shows. Chosen: the contract ties both to the same
event and gives neither more than whole seconds; too large a slack deducts a fresh sale twice for a run, never too little."""
IN_HAND = timedelta(seconds=60)
"""How long a write is left to the worker that sent it before another sends the number again. Chosen: longer than a
single write or a bulk request is waited for, and as long as work may rest after a worker's death."""


@dataclass
class Summary:
    """What one run did, in counts of SKUs; `elsewhere` counts back ends that another run was busy with."""

    observed: int = 0
    published: int = 0
    ignored: int = 0
    unknown: int = 0
    waiting: int = 0
    held: int = 0
    elsewhere: int = 0

    def as_dict(self) -> dict[str, int]:
        return dict(vars(self))


@dataclass(frozen=True)
class Change:
    """A number to publish, with its terms and its stamp."""

    level: Level
    terms: Terms
    stamp: datetime


@dataclass(frozen=True)
class Sales:
    """What was sold, per place and shop SKU: not reserved yet, of late (over `SPEED_OVER`), and when last."""

    in_flight: Sold
    speed: Mapping[tuple[Place, str], int]
    last: Mapping[tuple[Place, str], datetime]

    def units(self, level: Level) -> int:
        """Return the units to deduct from a level; one without a warehouse may be taken from any of its merchant's."""
        anywhere = ((level.merchant, ""), level.shop_sku)
        return self.in_flight.get((level.place, level.shop_sku), 0) + self.in_flight.get(anywhere, 0)


def in_flight(connection: Connection, account: str, *, reserved_by: datetime, stamp: datetime) -> Sold:
    """Count what is sold and not reserved, for figures proven at `reserved_by` and no stamp newer than `stamp`."""
    return sold_units.in_flight(connection, account, reserved_by=reserved_by, confirmed_by=stamp + BLOCK_SLACK)


def count_sales(
    connection: Connection, account: str, now: datetime, *, reserved_by: datetime, stamp: datetime
) -> Sales:
    """Count what was sold: `in_flight`, how fast it sells, and when it was sold last."""
    return Sales(
        in_flight(connection, account, reserved_by=reserved_by, stamp=stamp),
        sold_units.sold_since(connection, now - SPEED_OVER),
        sold_units.last_sold(connection, now - BLOCKS_OVER),
    )


def order_watermark(context: Context, connection: Connection) -> datetime | None:
    """Return the instant up to which every order that the shop has confirmed is known here."""
    settings = context.configuration.scayle
    if settings.order_reading:
        return feeds.position(connection, order_poll.WATERMARK).read_to
    return context.now() - DELEGATION_DELAY - timedelta(seconds=settings.delegation_delay_margin_seconds)


def buffer_rules(context: Context) -> Mapping[str, BufferRule]:
    """Return the buffer rule of every merchant, by its key."""
    return {merchant.key: merchant.buffers.rule for merchant in context.configuration.merchants}


def terms_of(level: Level, sales: Sales, rules: Mapping[str, BufferRule], age: timedelta) -> Terms:
    """Return the terms of a level's number; `age` is how old its figure is.

    Of a SKU that the back end says it does not sell any more nothing is available. One that is merely missing from a
    complete snapshot keeps its last figure, and its number may fall but not rise above what the shop holds.
    """
    available = whole_units(level.observed) if level.active else 0
    sold = sales.speed.get((level.place, level.shop_sku), 0)
    per_minute = Decimal(sold) / Decimal(SPEED_OVER.total_seconds() / 60)
    rule = rules.get(level.merchant, BufferRule())
    buffer = rule.units(level.shop_sku, available, sold_per_minute=per_minute, age=age)
    ceiling = None
    if level.missing_at is not None:
        ceiling = level.published if level.published is not None else level.sending or 0
    return Terms(available, sales.units(level), buffer, ceiling)


def has_to_be_written(level: Level, terms: Terms) -> bool:
    """Say whether the shop may hold another number than these terms give."""
    if level.missing_at is not None and level.published is None and level.sending is None:
        return False  # the shop was never told of it, and nobody knows how many there are
    return terms.sellable != level.published or level.sending is not None


def is_in_hand(level: Level, terms: Terms, now: datetime) -> bool:
    """Say whether another worker has just sent this very number and waits for its outcome."""
    return level.sent_at is not None and level.sending == terms.sellable and abs(now - level.sent_at) < IN_HAND


def changes(
    context: Context, every: Iterable[Level], sales: Sales, watermarks: tuple[datetime, ...], summary: Summary
) -> list[Change]:
    """Return what has to be written, sell-outs first; what has to wait for the next watermark is counted only."""
    found: list[Change] = []
    now = context.now()
    age, rules = now - min(watermarks), buffer_rules(context)
    for level in every:
        if level.not_before is not None and now < level.not_before:
            continue
        terms = terms_of(level, sales, rules, age)
        stamp = stamp_for(watermarks, last=level.stamp)
        if not has_to_be_written(level, terms) and not _frees_a_block(level, sales, stamp):
            continue
        if stamp is None or is_in_hand(level, terms, now):
            summary.waiting += 1
            continue
        found.append(Change(level, terms, stamp))
    found.sort(key=lambda one: publishing_order(one.level.published, one.terms.sellable))
    return found


def _frees_a_block(level: Level, sales: Sales, stamp: datetime | None) -> bool:
    """Say whether the same number has to be written again, since the shop may block a unit that is deducted here too.

    It was sold during a run, or a delivery made up for it: without the write the unit stays off sale twice.
    """
    sold_at = sales.last.get((level.place, level.shop_sku))
    if level.published is None or sold_at is None or stamp is None or level.stamp is None:
        return False
    return level.stamp <= sold_at < stamp
