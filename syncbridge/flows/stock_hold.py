"""Holding a stock run that would change too much to be believed, until a person releases it or the figures come back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import structlog

from syncbridge.domain.stock import MassChange
from syncbridge.flows import stock_first
from syncbridge.flows.context import Context
from syncbridge.flows.stock_first import FirstNumbers
from syncbridge.flows.stock_observe import FLOW
from syncbridge.flows.stock_terms import Change, Sales
from syncbridge.ledger import audit, feeds
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, is_open, open_exception
from syncbridge.ledger.stock import Level

log = structlog.get_logger(__name__)

RELEASED_FOR = timedelta(hours=1)
"""How long a release holds at most. Chosen: time enough for runs that the quota breaks off, and short enough that the figures
of another day need another look."""


@dataclass(frozen=True)
class _Size:
    """How much a run changes: SKUs that go to zero, and units that move."""

    zeroed: int
    moved: int

    @classmethod
    def of(cls, changes: Sequence[tuple[Change, int]], sales: Sales) -> _Size:
        """Measure changes, each with the number that it starts from, by what nobody bought."""
        known = [(one, _not_sold(one, before, sales)) for one, before in changes]
        return cls(sum(1 for one, units in known if units < 0 and not one.terms.sellable), sum(abs(units) for _, units in known))


def _not_sold(change: Change, before: int, sales: Sales) -> int:
    """Return by how many units a change raises a number, or lowers it (below zero) beyond what was sold of late.

    What shoppers bought is no doubtful word of the warehouse: a rush that sells the shop out is not held. 6 before and 0
    now, with 4 sold in between, are -2.
    """
    level, difference = change.level, change.terms.sellable - before
    since_then = change.terms.in_flight - (level.deducted or 0)
    sold = max(sales.speed.get((level.place, level.shop_sku), 0), since_then, 0)
    return difference if difference > 0 else min(0, difference + sold)


def _before(level: Level) -> int | None:
    """Return the number that a change starts from: what we told the shop, not what somebody made of it there.

    What is judged is the warehouse's word. Putting an edit right brings back what was believed before. None where
    the shop was never known to hold anything.
    """
    if level.published is None or level.told is None:
        return level.published
    return level.told


def is_held(context: Context, account: str, every: list[Level], changes: list[Change], sales: Sales) -> bool:
    """Say whether a run must not publish; its exception opens once and closes when the change is small again.

    Numbers that we told before count, and of first numbers what the shop has on sale already (`stock_first`). A release
    lets through as much as was held when a person looked, until all of it is written. What goes beyond that by more than
    anybody would believe is held again.
    """
    subject = f"stock:{account}"
    rule = context.configuration.stock.mass_change
    first = stock_first.look(context, changes, rule.zeroed_least)
    size, on_sale = _judged(every, changes, sales, first)
    reason = rule.too_much(on_sale[0], size.zeroed, on_sale[1], size.moved)
    at = context.now()
    with context.ledger.reading() as connection:
        told_before = is_open(connection, "stock_held", subject)
        release = feeds.position(connection, release_name(account))
        looked_at = feeds.position(connection, held_name(account)).value
    released = release.read_to is not None and at - release.read_to < RELEASED_FOR
    if reason and not (released and _covers(release.value, rule, size, on_sale)):
        if not told_before or looked_at != _text(size):
            _hold(context, account, size, reason, len(changes), first)
        log.warning("stock_held", account=account, reason=reason)
        return True
    if told_before or (release.read_to is not None and not reason):
        with context.ledger.work() as work:
            resolution = "released by a person" if reason else "the change is small again"
            close_exceptions(work.connection, subject, "stock_held", at=at, resolution=resolution)
            feeds.drop(work.connection, held_name(account))
            if not reason:
                feeds.drop(work.connection, release_name(account))
            work.commit()
    return False


def is_small(context: Context, every: list[Level], changes: list[Change], sales: Sales) -> bool:
    """Say whether changes of numbers that we told before are no mass change by themselves; nobody is told, nothing released."""
    size, (skus, units) = _judged(every, changes, sales, FirstNumbers())
    return not context.configuration.stock.mass_change.too_much(skus, size.zeroed, units, size.moved)


def _judged(
    every: list[Level], changes: list[Change], sales: Sales, first: FirstNumbers
) -> tuple[_Size, tuple[int, int]]:
    """Return how much a run changes, and how many SKUs and units are on sale."""
    told = [before for level in every if (before := _before(level))]
    known = _Size.of([(one, before) for one in changes if (before := _before(one.level)) is not None], sales)
    others = _Size.of(first.on_sale, sales)
    size = _Size(known.zeroed + first.scaled(others.zeroed), known.moved + first.scaled(others.moved))
    skus = len(told) + first.scaled(len(first.on_sale))
    return size, (skus, sum(told) + first.scaled(sum(before for _one, before in first.on_sale)))


def _covers(released: str | None, rule: MassChange, size: _Size, on_sale: tuple[int, int]) -> bool:
    """Say whether what was released explains this change; the rest has to be small enough to be believed by itself."""
    if not released:
        return True
    looked_at = _Size(**json.loads(released))
    skus, units = on_sale
    return not rule.too_much(skus, size.zeroed - looked_at.zeroed, units, size.moved - looked_at.moved)


def _hold(context: Context, account: str, size: _Size, reason: str, skus: int, first: FirstNumbers) -> None:
    at = context.now()
    evidence: dict[str, object] = {"account": account, "reason": reason, "skus": skus}
    if first.on_sale:
        evidence["reason"] = f"{reason}, judged by what the shop itself has of {first.read} first numbers"
        evidence |= {"first_numbers": first.of, "of_them_read_in_the_shop": first.read, "examples": first.examples()}
    with context.ledger.work() as work:
        open_exception(
            work.connection,
            "stock_held",
            f"stock:{account}",
            at=at,
            cause=f"{account}: mass change of stock",
            evidence=evidence,
        )
        _put(work.connection, held_name(account), _text(size), at)
        work.commit()


def _put(connection: Connection, name: str, value: str | None, at: datetime) -> None:
    feeds.drop(connection, name)
    feeds.move(connection, name, feeds.Position(None, None), feeds.Position(value, at), at=at)


def _text(size: _Size) -> str:
    return json.dumps(asdict(size))


def release_name(account: str) -> str:
    """Return the name under which a person's release of a held run waits for its end."""
    return f"stock-release:{account}"


def held_name(account: str) -> str:
    """Return the name under which the ledger keeps how much the last held run would have changed."""
    return f"stock-held:{account}"


def release(context: Context, account: str, *, actor: str, reason: str) -> bool:
    """Let an account's next runs publish what is held now, although it is much; false when nothing is held."""
    subject = f"stock:{account}"
    at = context.now()
    with context.ledger.work() as work:
        if not is_open(work.connection, "stock_held", subject):
            return False
        looked_at = feeds.position(work.connection, held_name(account)).value
        _put(work.connection, release_name(account), looked_at, at)
        after = json.loads(looked_at) if looked_at else {}
        audit.record(
            work.connection, actor=actor, action="stock release", subject=subject, reason=reason, before={}, after=after, at=at
        )
        work.commit()
    context.doorbell.ring(FLOW)
    return True
