"""What the shop was told of a stock level and what came of it: every write names the stamp that it stands on."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, and_, bindparam, or_, update

from syncbridge.domain.stock import Terms
from syncbridge.ledger.stock import Level, Name
from syncbridge.ledger.tables import stock_levels


def intend(connection: Connection, level: Level, terms: Terms, stamp: datetime, at: datetime) -> bool:
    """Record that a quantity is about to be sent; false when somebody sent with that stamp or a newer one.

    False too when the back end's figure was read again since `level` was: whoever read it has counted anew, and where that
    number was the shop's already there is no stamp that would tell.
    """
    changed = connection.execute(
        _INTEND,
        {
            "of_account": level.account,
            "of_code": level.warehouse_code,
            "of_sku": level.sku,
            "of_observed_at": level.observed_at,
            "to_sending": terms.sellable,
            "to_available": terms.available,
            "to_in_flight": terms.in_flight,
            "to_buffer": terms.buffer,
            "to_stamp": stamp,
            "at": at,
        },
    )
    return changed.rowcount == 1


_MOST = 2**31 - 1

_OF = and_(
    stock_levels.c.account == bindparam("of_account"),
    stock_levels.c.warehouse_code == bindparam("of_code"),
    stock_levels.c.sku == bindparam("of_sku"),
)
_INTEND = (
    update(stock_levels)
    .where(
        _OF,
        stock_levels.c.observed_at == bindparam("of_observed_at"),
        or_(stock_levels.c.stamp.is_(None), stock_levels.c.stamp < bindparam("to_stamp")),
    )
    .values(
        sending=bindparam("to_sending"),
        available=bindparam("to_available"),
        in_flight=bindparam("to_in_flight"),
        buffer=bindparam("to_buffer"),
        stamp=bindparam("to_stamp"),
        sent_at=bindparam("at"),
    )
)
_SETTLE = (
    update(stock_levels)
    .where(_OF, stock_levels.c.stamp == bindparam("of_stamp"))
    .values(
        stamp=bindparam("to_stamp"),
        published_at=bindparam("at"),
        ignored=bindparam("to_ignored"),
        reason=bindparam("to_reason"),
        not_before=bindparam("to_not_before"),
        sent_at=None,
    )
)
_PROVEN = _SETTLE.values(sending=None, published=bindparam("to_published"))


def settle(
    connection: Connection,
    level: Level,
    *,
    sent: datetime,
    published: int | None,
    stamp: datetime,
    at: datetime,
    ignored: int = 0,
    reason: str = "",
    not_before: datetime | None = None,
) -> bool:
    """Note what came of a write that was sent with the stamp `sent`; false where a newer write's row is left alone.

    Without a proven quantity (`published` is None) the write counts as open: the next run sends again, and what the
    shop was last known to hold stays, so that a sell-out is still seen as one.
    """
    values: dict[str, object] = {
        "of_account": level.account,
        "of_code": level.warehouse_code,
        "of_sku": level.sku,
        "of_stamp": sent,
        "to_stamp": stamp,
        "at": at,
        "to_ignored": ignored,
        "to_reason": reason[:200],
        "to_not_before": not_before,
    }
    if published is None:
        done = connection.execute(_SETTLE, values)
    else:
        done = connection.execute(_PROVEN, values | {"to_published": _column(published)})
    return done.rowcount == 1


def _column(units: int) -> int:
    """Return a number of the shop's as its column holds it: somebody may have typed any into the panel."""
    return max(-_MOST, min(_MOST, units))


def correct(
    connection: Connection, level: Level, held: int | None, stamp: datetime | None, reason: str, at: datetime
) -> bool:
    """Note what the shop really holds, so that the next run puts it right with a newer stamp.

    False, and nothing is noted, when a write was sent since `level` was read: then the two cannot be compared.
    """
    newest = max((one for one in (level.stamp, stamp) if one is not None), default=None)
    changed = connection.execute(
        update(stock_levels)
        .where(
            stock_levels.c.account == level.account,
            stock_levels.c.warehouse_code == level.warehouse_code,
            stock_levels.c.sku == level.sku,
            stock_levels.c.stamp.is_not_distinct_from(level.stamp),
        )
        .values(published=None if held is None else _column(held), stamp=newest, reason=reason[:200], not_before=None)
    )
    return changed.rowcount == 1


def rename(connection: Connection, level: Level, name: Name) -> None:
    """Give a row another name in the shop, of which nobody knows yet what the shop holds."""
    merchant, warehouse, shop_sku = name
    connection.execute(
        update(stock_levels)
        .where(
            stock_levels.c.account == level.account,
            stock_levels.c.warehouse_code == level.warehouse_code,
            stock_levels.c.sku == level.sku,
            stock_levels.c.stamp.is_not_distinct_from(level.stamp),
        )
        .values(
            merchant=merchant, warehouse=warehouse, shop_sku=shop_sku, sending=None, published=None, stamp=None,
            sent_at=None, ignored=0, reason="", not_before=None,
        )
    )  # fmt: skip
