"""Holding a stock run that would change too much to be believed, until a person releases it or the figures come back."""

from __future__ import annotations

import structlog

from syncbridge.flows.context import Context
from syncbridge.flows.stock_observe import FLOW
from syncbridge.flows.stock_terms import Change
from syncbridge.ledger import audit, feeds
from syncbridge.ledger.exceptions import close_exceptions, is_open, open_exception
from syncbridge.ledger.stock import Level

log = structlog.get_logger(__name__)


def is_held(context: Context, account: str, every: list[Level], changes: list[Change]) -> bool:
    """Say whether a run must not publish; its exception opens once and closes when the change is small again."""
    subject = f"stock:{account}"
    told = [level for level in every if level.published is not None]
    moved = [one for one in changes if one.level.published is not None]
    reason = context.configuration.stock.mass_change.too_much(
        len(told),
        sum(1 for one in moved if one.level.published and not one.terms.sellable),
        sum(level.published or 0 for level in told),
        sum(abs(one.terms.sellable - (one.level.published or 0)) for one in moved),
    )
    at = context.now()
    with context.ledger.reading() as connection:
        told_before = is_open(connection, "stock_held", subject)
        released = feeds.position(connection, release_name(account)).read_to is not None
    if not reason or released:
        if told_before or released:
            with context.ledger.work() as work:
                resolution = "released by a person" if reason else "the change is small again"
                close_exceptions(work.connection, subject, "stock_held", at=at, resolution=resolution)
                feeds.drop(work.connection, release_name(account))
                work.commit()
        return False
    if not told_before:
        with context.ledger.work() as work:
            open_exception(
                work.connection,
                "stock_held",
                subject,
                at=at,
                cause=f"{account}: mass change of stock",
                evidence={"account": account, "reason": reason, "skus": len(changes)},
            )
            work.commit()
    log.warning("stock_held", account=account, reason=reason)
    return True


def release_name(account: str) -> str:
    """Return the name under which a person's release of a held run waits for the next run."""
    return f"stock-release:{account}"


def release(context: Context, account: str, *, actor: str, reason: str) -> bool:
    """Let the next run of an account publish although it changes much; false when nothing is held."""
    subject = f"stock:{account}"
    at = context.now()
    with context.ledger.work() as work:
        if not is_open(work.connection, "stock_held", subject):
            return False
        old = feeds.position(work.connection, release_name(account))
        feeds.move(work.connection, release_name(account), old, feeds.Position("released", at), at=at)
        audit.record(
            work.connection, actor=actor, action="stock release", subject=subject, reason=reason, before={}, after={}, at=at
        )
        work.commit()
    context.doorbell.ring(FLOW)
    return True
