"""Stock as people look at it: each number that the shop was told, term by term, and the drift between the systems."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from syncbridge.domain.states import ExceptionState
from syncbridge.domain.stock import Terms, publishing_order, stamp_for
from syncbridge.ledger import feeds, stock
from syncbridge.ledger.stock import Level
from syncbridge.ledger.tables import exceptions, stock_comparisons, stock_levels


@dataclass(frozen=True)
class Rules:
    """How a run counts, given by whoever knows: the report has no rules of its own.

    `explain` returns the terms of a level's number, `differs` whether the shop may hold another, `in_hand` whether a
    worker has just sent it, and `is_configured` whether the shop sells from that row at all.
    """

    explain: Callable[[Level], Terms]
    differs: Callable[[Level, Terms], bool]
    in_hand: Callable[[Level, Terms], bool]
    is_configured: Callable[[Level], bool]


@dataclass(frozen=True)
class Sources:
    """From when a back end's figures are; an instant is None before the first complete read.

    `read_to`: its stock feed, less the feed's lag. `known_orders`: up to when we know what the shop has confirmed.
    `held`: a mass change waits for a person, and `held_for` is why.
    """

    account: str
    read_to: datetime | None
    known_orders: datetime | None
    held: bool
    held_for: str = ""

    @property
    def as_of(self) -> datetime | None:
        """The instant that the shop may take the figures for: the older of the two."""
        if self.read_to is None or self.known_orders is None:
            return None
        return min(self.read_to, self.known_orders)


@dataclass(frozen=True)
class StockLine:
    """One SKU of one merchant's warehouse: the terms as of now, and what the shop holds as far as we know.

    `published` is what the shop was last known to hold, None for nothing; `sending` was sent since and no answer has proven
    it. `as_of` is the instant for which the terms are true, `moved_at` when the back end's figure last changed here, and
    `changed_at` when it changed there by the back end's own clock, None where it does not say.

    `differs` says that a number has to be written, `due` that the next run writes it, `held` that it waits for nothing but a
    person's release, and `why` what it waits for; `why` of a line that agrees names what is odd about its terms, or is empty.
    """

    sku: str
    merchant: str
    warehouse: str
    account: str
    backend_sku: str
    warehouse_code: str
    available: int
    in_flight: int
    buffer: int
    sellable: int
    published: int | None
    sending: int | None
    stamp: datetime | None
    as_of: datetime | None
    moved_at: datetime
    changed_at: datetime | None
    differs: bool
    due: bool
    held: bool
    why: str


@dataclass(frozen=True)
class Comparison:
    """What one full compare with the shop found: SKUs read, SKUs and units off, edited in the shop, unknown to it, unreadable."""

    account: str
    started_at: datetime
    finished_at: datetime
    skus: int
    skus_off: int
    units_off: int
    edited: int
    unknown: int
    unreadable: int


def sources(
    connection: Connection, account: str, *, feed: str, lag: timedelta, known_orders: datetime | None
) -> Sources:
    """Return from when a back end's figures are. `feed` is the name of its stock feed."""
    read_to = feeds.position(connection, feed).read_to
    held = connection.execute(
        select(exceptions.c.evidence).where(
            exceptions.c.kind == "stock_held",
            exceptions.c.subject == f"stock:{account}",
            exceptions.c.state != ExceptionState.RESOLVED.value,
        )
    ).first()
    return Sources(
        account,
        None if read_to is None else read_to - lag,
        known_orders,
        held is not None,
        str(held.evidence.get("reason", "")) if held else "",
    )


def stock_lines(
    connection: Connection, found: Sources, rules: Rules, now: datetime, *, sku: str | None = None
) -> Iterator[StockLine]:
    """Yield every level of an account in the order of its SKUs; `sku` is the shop's or the back end's name for one."""
    reasons = _reasons(connection, found.account)
    for level in stock.levels(connection, found.account):
        if sku is not None and sku not in (level.shop_sku, level.sku):
            continue
        terms = rules.explain(level)
        differs = rules.differs(level, terms)
        waits = _waits(level, terms, found, rules, now) if differs else ""
        why = waits or (
            _differs(level, reasons.get((level.warehouse_code, level.sku), ""))
            if differs
            else _odd(level, terms)
        )
        yield StockLine(
            sku=level.shop_sku,
            merchant=level.merchant,
            warehouse=level.warehouse,
            account=level.account,
            backend_sku=level.sku,
            warehouse_code=level.warehouse_code,
            available=terms.available,
            in_flight=terms.in_flight,
            buffer=terms.buffer,
            sellable=terms.sellable,
            published=level.published,
            sending=level.sending,
            stamp=level.stamp,
            as_of=found.as_of,
            moved_at=level.observed_at,
            changed_at=level.changed_at,
            differs=differs,
            due=differs and not waits,
            held=differs and found.held and waits == _held(found),
            why=why,
        )


def by_urgency(line: StockLine) -> tuple[tuple[int, int], str, str, str]:
    """Return the sort key of lines as a run writes them: sell-outs first, then decreases."""
    return publishing_order(line.published, line.sellable), line.sku, line.merchant, line.warehouse


def comparisons(connection: Connection, limit: int) -> list[Comparison]:
    """Return the last full compares with the shop, newest first."""
    columns = [stock_comparisons.c[name] for name in Comparison.__dataclass_fields__]
    rows = connection.execute(select(*columns).order_by(stock_comparisons.c.id.desc()).limit(limit)).all()
    return [Comparison(**row._mapping) for row in rows]


def _reasons(connection: Connection, account: str) -> dict[tuple[str, str], str]:
    rows = connection.execute(
        select(stock_levels.c.warehouse_code, stock_levels.c.sku, stock_levels.c.reason).where(
            stock_levels.c.account == account, stock_levels.c.reason != ""
        )
    )
    return {(row.warehouse_code, row.sku): row.reason for row in rows}


def _waits(level: Level, terms: Terms, found: Sources, rules: Rules, now: datetime) -> str:
    """Say what keeps the next run from writing a number, or nothing."""
    if not rules.is_configured(level):
        return "left alone: by the configuration the shop does not sell from it"
    if found.read_to is None:
        return "waits: the back end's stock was never read to its end"
    if found.known_orders is None:
        return "waits: the shop's orders were never read to their end"
    if level.not_before is not None and now < level.not_before:
        return f"waits until {level.not_before:%H:%M:%S} UTC: the shop refused it"
    if rules.in_hand(level, terms):
        return "a worker has just sent it and waits for the answer"
    if stamp_for((found.read_to, found.known_orders, now), last=level.stamp) is None:
        return "waits: the shop may hold a stamp as new as our figures"
    return _held(found) if found.held else ""


def _held(found: Sources) -> str:
    return f"held: a mass change of {found.account} needs a look"


def _differs(level: Level, reason: str) -> str:
    if level.published is None and level.sending is None and not level.ignored:
        return "never published"
    if level.ignored:
        return f"the shop ignored {level.ignored} writes"
    if level.sending is not None:
        return f"{level.sending} was sent and is not proven: {reason or 'no answer yet'}"
    return reason or "changed since"


def _odd(level: Level, terms: Terms) -> str:
    if not level.active:
        return "not active in the back end"
    if level.missing_at is not None:
        return "missing from the back end's last snapshot: it may fall and does not rise"
    if level.observed < 0:
        return f"the back end says {level.observed}"
    if terms.available < terms.in_flight:
        return f"{terms.in_flight - terms.available} more sold than there are"
    return ""
