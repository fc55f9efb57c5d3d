"""Stock reconcile: compare every published number with the shop's own, note the drift, have it put right.

Levels are read from the ledger batch by batch and asked for side by side, one read a SKU in the lane of bulk work, so
that memory is bounded and orders go first: 20,000 SKUs at SCAYLE's 2,500 reads a minute take a little over eight
minutes. How far a compare has got is stored after every batch: a killed one goes on where it stopped. Nothing is
written to the shop here: the next stock sync publishes what differs, with a stamp newer than any edit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

import structlog

from syncbridge.domain.errors import Busy, Misconfigured, NotFound, VendorError
from syncbridge.domain.stock import ShopStock
from syncbridge.flows.context import Context
from syncbridge.flows.stock_calls import answers
from syncbridge.flows.stock_observe import FLOW
from syncbridge.flows.stock_places import Places
from syncbridge.flows.stock_publish import held_of
from syncbridge.ledger import feeds, stock, stock_writes
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import open_exception
from syncbridge.ledger.feeds import CursorMoved, Position
from syncbridge.ledger.stock import Level, Place
from syncbridge.ledger.stock_comparisons import note_comparison
from syncbridge.ports.quota import Lane

log = structlog.get_logger(__name__)

BATCH = 250
"""Levels between two stored positions. Chosen: six seconds of reading at the full quota."""
RESUMED_WITHIN = timedelta(hours=6)
"""A compare that was left for longer begins anew. Chosen: what it had found by then says little any more."""
FAILURES_IN_A_ROW = 20
"""After so many SKUs in a row that cannot be read the shop counts as away. Chosen."""
LEFT_AFTER = timedelta(minutes=10)
"""A compare that has not moved for so long was killed: the next stock sync rings for it. Longer than `PATIENCE`."""
PATIENCE = timedelta(minutes=5)
"""How long one SKU waits for the quota. Chosen: orders in the front lanes may use a window up for minutes."""


@dataclass
class Drift:
    """What a compare found: SKUs read, SKUs and units that differed, numbers edited in the shop, SKUs that it lacks, and
    SKUs that could not be read.
    """

    skus: int = 0
    skus_off: int = 0
    units_off: int = 0
    edited: int = 0
    unknown: int = 0
    unreadable: int = 0

    def as_dict(self) -> dict[str, int]:
        return dict(vars(self))


@dataclass
class _Progress:
    """A compare that is under way."""

    account: str
    began: datetime
    position: Position
    after: Place | None
    drift: Drift
    places: Places
    failures: int = 0

    @property
    def name(self) -> str:
        return compare_name(self.account)

    def move(self, connection: Connection, after: Place | None, at: datetime) -> None:
        """Store how far it has got; raises CursorMoved where another worker compares as well."""
        value = json.dumps({"after": after, "drift": self.drift.as_dict(), "at": at.isoformat()})
        new = Position(value, self.began)
        feeds.move(connection, self.name, self.position, new, at=at)
        self.position, self.after = new, after


def run(context: Context) -> Drift:
    """Compare all levels of all back ends; return the drift over all of them."""
    total = Drift()
    for backend in context.backends.values():
        progress = _begin(context, backend.account)
        if progress is None:
            continue
        try:
            while _batch(context, progress):
                pass
        except CursorMoved:
            log.info("stock_compared_elsewhere", account=backend.account)
            continue
        _end(context, progress)
        for field in fields(Drift):
            setattr(total, field.name, getattr(total, field.name) + getattr(progress.drift, field.name))
    return total


def was_left(context: Context, account: str) -> bool:
    """Say whether a compare was begun, has not ended, and has not moved for `LEFT_AFTER`."""
    with context.ledger.reading() as connection:
        found = feeds.position(connection, compare_name(account))
    if found.value is None or found.read_to is None:
        return False
    now = context.now()
    moved_at = datetime.fromisoformat(json.loads(found.value)["at"])
    return now - found.read_to < RESUMED_WITHIN and now - moved_at > LEFT_AFTER


def begin_anew(context: Context, account: str) -> None:
    """Have a back end's numbers compared from the first one on; a compare that is under way stops, as it has passed some."""
    with context.ledger.work() as work:
        feeds.drop(work.connection, compare_name(account))
        work.commit()
    context.doorbell.ring("stock_reconcile")


def compare_name(account: str) -> str:
    """Return the name under which the ledger keeps how far a compare has got."""
    return f"stock-compare:{account}"


def _begin(context: Context, account: str) -> _Progress | None:
    """Begin a compare, or take up one that was left; None where another worker has begun it this instant."""
    at = context.now()
    with context.ledger.reading() as connection:
        old = feeds.position(connection, compare_name(account))
    progress = _Progress(account, at, old, None, Drift(), Places(context, account))
    if old.value is not None and old.read_to is not None and at - old.read_to < RESUMED_WITHIN:
        left = json.loads(old.value)
        progress.began, progress.drift = old.read_to, Drift(**left["drift"])
        progress.after = tuple(left["after"]) if left["after"] else None
    try:
        with context.ledger.work() as work:
            progress.move(work.connection, progress.after, at)
            work.commit()
    except CursorMoved:
        return None
    return progress


def _batch(context: Context, progress: _Progress) -> bool:
    """Compare the next levels; false when there are none."""
    with context.ledger.reading() as connection:
        some = stock.levels_after(connection, progress.account, progress.after, BATCH)
    if not some:
        return False
    # Of a write that is on its way nobody can say what the shop should hold, and under the name of a row that the
    # configuration has left alone there may be another row's number.
    compared = [
        level
        for level in some
        if level.published is not None and level.sending is None and progress.places.seen(level) is not None
    ]
    for level, answer in answers(lambda one: _read(context, one), compared):
        progress.drift.skus += 1
        if isinstance(answer, tuple):
            progress.failures = 0
            _compare(context, level, held_of(answer, level), progress.drift)
        elif isinstance(answer, NotFound):
            progress.failures = 0
            _deleted(context, level, answer, progress.drift)
        elif isinstance(answer, VendorError) and not isinstance(answer, Misconfigured):
            progress.drift.unreadable += 1
            progress.failures += 1
            log.warning("stock_unreadable", sku=level.shop_sku, error=type(answer).__name__)
            if progress.failures >= FAILURES_IN_A_ROW:
                raise answer
        else:
            raise answer
    at = context.now()
    with context.ledger.work(durable=False) as work:
        progress.move(work.connection, (some[-1].warehouse_code, some[-1].sku), at)
        work.commit()
    return True


def _read(context: Context, level: Level) -> tuple[ShopStock, ...]:
    """Read what the shop holds of a SKU, waiting for the quota where it is used up; raises Busy after `PATIENCE`."""
    waited = timedelta(0)
    while True:
        try:
            return context.shop.read_stock(level.shop_sku, Lane.BULK)
        except Busy as error:
            if waited >= PATIENCE:
                raise
            wait = min(max(error.after, timedelta(seconds=0.2)), timedelta(seconds=30))
            context.sleep(wait.total_seconds())
            waited += wait


def _compare(context: Context, level: Level, held: ShopStock | None, drift: Drift) -> None:
    """Note what the shop really holds where it is not what we wrote."""
    published = level.published or 0
    quantity = held.quantity if held is not None else None
    stamp = held.changed_at if held is not None else None
    if quantity == published or (held is None and not published):
        return  # a shop may leave out what it has none of
    if quantity is not None and quantity < published and stamp is not None and stamp == level.stamp:
        return  # our own write, less the units that the shop blocks: some tenants show it so
    edited = stamp is not None and level.stamp is not None and stamp > level.stamp
    at = context.now()
    with context.ledger.work() as work:
        why = "edited in the shop" if edited else "differs in the shop"
        if not stock_writes.correct(work.connection, level, quantity, stamp, why, at):
            return  # a stock sync wrote meanwhile: what was read is its work, not drift
        if edited:
            open_exception(
                work.connection,
                "stock_edited",
                level.subject,
                at=at,
                cause="stock edited in the shop",
                evidence={
                    "sku": level.shop_sku,
                    "warehouse": level.warehouse,
                    "published": published,
                    "edited_to": quantity,
                    "edited_at": stamp.isoformat() if stamp else "",
                },
            )
        work.commit()
    drift.skus_off += 1
    drift.units_off += abs((quantity or 0) - published)
    drift.edited += edited


def _deleted(context: Context, level: Level, answer: NotFound, drift: Drift) -> None:
    """Tell of a SKU that the shop no longer has; the next sync tries it once an hour, until it is there again."""
    at = context.now()
    with context.ledger.work() as work:
        if not stock_writes.correct(work.connection, level, None, None, "deleted in the shop", at):
            return
        open_exception(
            work.connection,
            "stock_refused",
            level.subject,
            at=at,
            cause="SKU unknown to the shop",
            evidence={"sku": level.shop_sku, "warehouse": level.warehouse, "answer": str(answer.evidence)},
        )
        work.commit()
    drift.unknown += 1


def _end(context: Context, progress: _Progress) -> None:
    with context.ledger.work() as work:
        note_comparison(
            work.connection,
            progress.account,
            started_at=progress.began,
            finished_at=context.now(),
            **progress.drift.as_dict(),
        )
        feeds.drop(work.connection, progress.name)
        work.commit()
    log.info("stock_compared", account=progress.account, **progress.drift.as_dict())
    if progress.drift.skus_off or progress.drift.unknown:
        context.doorbell.ring(FLOW)
