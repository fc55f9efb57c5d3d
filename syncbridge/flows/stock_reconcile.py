"""Stock reconcile: compare every published number with the shop's own, note the drift, have it put right.

Levels are streamed in batches and each SKU costs one read, so memory and quota are bounded: 20,000 SKUs at SCAYLE's
2,500 reads a minute take eight minutes. Nothing is written here: the next stock sync publishes what differs, with a
stamp newer than any edit.
"""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from syncbridge.domain.errors import NotFound
from syncbridge.domain.stock import ShopStock
from syncbridge.flows.context import Context
from syncbridge.flows.stock_sync import FLOW
from syncbridge.ledger import stock
from syncbridge.ledger.exceptions import open_exception
from syncbridge.ledger.stock import Level

log = structlog.get_logger(__name__)


@dataclass
class Drift:
    """What a compare found: SKUs read, SKUs and units that differed, numbers edited in the shop, SKUs it lacks."""

    skus: int = 0
    skus_off: int = 0
    units_off: int = 0
    edited: int = 0
    unknown: int = 0

    def as_dict(self) -> dict[str, int]:
        return dict(vars(self))


def run(context: Context) -> Drift:
    """Compare all levels of all back ends; return the drift over all of them."""
    total = Drift()
    for backend in context.backends.values():
        started_at = context.now()
        drift = Drift()
        with context.ledger.reading() as connection:
            for level in stock.levels(connection, backend.account):
                # Of a write that is on its way nobody can say what the shop should hold.
                if level.published is not None and level.sending is None:
                    _compare(context, level, drift)
        with context.ledger.work() as work:
            stock.note_comparison(
                work.connection, backend.account, started_at=started_at, finished_at=context.now(), **drift.as_dict()
            )
            work.commit()
        for name, value in drift.as_dict().items():
            setattr(total, name, getattr(total, name) + value)
        log.info("stock_compared", account=backend.account, **drift.as_dict())
    if total.skus_off:
        context.doorbell.ring(FLOW)
    return total


def _compare(context: Context, level: Level, drift: Drift) -> None:
    drift.skus += 1
    try:
        held = _held(context.shop.read_stock(level.shop_sku), level)
    except NotFound:
        drift.unknown += 1
        return
    if held is not None and held.quantity == level.published:
        return
    quantity = held.quantity if held is not None else None
    stamp = held.changed_at if held is not None else None
    edited = stamp is not None and level.stamp is not None and stamp > level.stamp
    at = context.now()
    with context.ledger.work() as work:
        why = "edited in the shop" if edited else "differs in the shop"
        if not stock.correct(work.connection, level, quantity, stamp, why, at):
            return  # a stock sync wrote meanwhile: what was read is its work, not drift
        drift.skus_off += 1
        drift.units_off += abs((quantity or 0) - (level.published or 0))
        if edited:
            drift.edited += 1
            open_exception(
                work.connection,
                "stock_edited",
                f"stock:{level.merchant}/{level.warehouse}/{level.shop_sku}"[:128],
                at=at,
                cause="stock edited in the shop",
                evidence={
                    "sku": level.shop_sku,
                    "warehouse": level.warehouse,
                    "published": level.published,
                    "edited_to": quantity,
                    "edited_at": stamp.isoformat() if stamp else "",
                },
            )
        work.commit()


def _held(found: tuple[ShopStock, ...], level: Level) -> ShopStock | None:
    """Pick the shop's figure for a level; a shop that does not name warehouse or merchant has only one."""
    return next(
        (
            one
            for one in found
            if one.warehouse in ("", level.warehouse) and one.merchant in ("", level.merchant)
        ),
        None,
    )
