"""Clocks and stock: a stamp is only as good as the clocks behind it, so mistakes of theirs are told within one run."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from syncbridge.domain.errors import VendorError
from syncbridge.flows.context import SHOP, Context
from syncbridge.ledger.exceptions import close_exceptions, is_open, open_exception

log = structlog.get_logger(__name__)

CLOCKS_APART = timedelta(seconds=60)
"""How far two clocks may be apart before a person is told. Chosen; any distance is safe, see `shop_clock`."""


def shop_clock(context: Context) -> datetime | None:
    """Return the shop's own time before its orders are read, and tell a person when our clock is far from it.

    No stamp may be newer than this: with our clock fast, one would release blocks of orders that we have not met. It
    is None where the shop does not tell; then our clock has to be right.
    """
    asked_at = context.now()
    try:
        theirs = context.shop.clock()
    except VendorError as error:
        log.warning("shop_clock_unknown", error=type(error).__name__)
        return None
    if theirs is None:
        return None
    answered_at = context.now()
    apart = max(asked_at - theirs, theirs - answered_at, timedelta(0))
    side = "slow" if theirs > answered_at else "fast"
    evidence = {"ours": asked_at.isoformat(), "shop": theirs.isoformat()}
    _tell(context, SHOP, f"our clock is {side} against the shop's" if apart > CLOCKS_APART else "", evidence)
    return theirs


def check_rows(
    context: Context, account: str, newest: datetime | None, shop_time: datetime | None, moved_since: datetime | None
) -> None:
    """Tell a person when a back end dates its stock rows in the future or too far back: its clock or time zone is wrong.

    No number and no stamp is made of that date; but a date an hour off is how a local time taken for UTC shows, and
    where one date is wrong the dates of its orders are too. The future begins at the later of our clock and the shop's
    (`shop_time`, None where unknown), so that a slow clock of ours is not laid at the back end's door. `moved_since` is
    the instant since when the newest row moved for certain, None where nobody can say.
    """
    if newest is None:
        return
    now = context.now()
    ours_is_right = shop_time is None or abs(now - shop_time) <= CLOCKS_APART
    trouble = ""
    if newest - (now if shop_time is None else max(now, shop_time)) > CLOCKS_APART:
        trouble = f"{account}: stock is dated in the future"
    elif moved_since is not None and ours_is_right and moved_since - newest > CLOCKS_APART:
        trouble = f"{account}: stock that has just moved is dated in the past"
    evidence = {"ours": now.isoformat(), "newest_row": newest.isoformat(), "account": account}
    _tell(context, account, trouble, evidence)


def _tell(context: Context, whose: str, trouble: str, evidence: dict[str, str]) -> None:
    subject = f"clock:{whose}"
    with context.ledger.reading() as connection:
        told = is_open(connection, "clock_skew", subject)
    if not trouble and not told:
        return
    at = context.now()
    with context.ledger.work() as work:
        if trouble:
            open_exception(work.connection, "clock_skew", subject, at=at, cause=trouble, evidence=evidence)
        else:
            close_exceptions(work.connection, subject, "clock_skew", at=at, resolution="the clocks agree again")
        work.commit()
