"""Observing stock: a back end's feed into the ledger, and noticing what a complete snapshot does not show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from syncbridge.domain.stock import StockRow
from syncbridge.flows.context import Context
from syncbridge.flows.feed import follow
from syncbridge.flows.stock_clock import check_rows
from syncbridge.ledger import catalogue, feeds, stock
from syncbridge.ledger.engine import Connection
from syncbridge.ports import FeedPage, FulfilmentBackend

FLOW = "stock_sync"

Read = Callable[[str | None, datetime | None], Iterator[FeedPage[StockRow]]]


def feed_name(backend: FulfilmentBackend) -> str:
    """Return the name of a back end's stock feed in the ledger."""
    return f"stock:{backend.account}"


def snapshot_name(account: str) -> str:
    """Return the name under which the beginning of a snapshot waits for its end, should a worker die in between."""
    return f"stock-snapshot:{account}"


@dataclass
class _Reading:
    """Where one reading of the feed stands: from where it was begun, and whether the page in hand is its last."""

    began: datetime | None = None
    fresh: bool = False
    partial: bool = False
    last: bool = False
    newest: datetime | None = None
    places: dict[str, tuple[str, str]] = field(default_factory=dict)
    names: dict[str, dict[str, str]] = field(default_factory=dict)


def observe(context: Context, backend: FulfilmentBackend, shop_time: datetime | None = None) -> int:
    """Read a back end's stock feed from its cursor to its end; return the rows read. `shop_time` is the shop's clock.

    A reading from the very beginning is a complete snapshot: the levels of which it has no row are marked missing, in
    the transaction that moves the cursor to its end. A missing row is unknown, not zero.
    """
    reading = _reading(context, backend)
    count = follow(
        context,
        FLOW,
        feed_name(backend),
        _watched(context, reading, backend.stock_changed),
        lambda connection, rows, at: _store(connection, backend, reading, rows, at),
        backend.timing.feed_overlap,
    )
    check_rows(context, backend.account, reading.newest, shop_time)
    return count


def _reading(context: Context, backend: FulfilmentBackend) -> _Reading:
    reading = _Reading()
    for merchant in context.configuration.merchants:
        if context.backend_of(merchant).account == backend.account:
            reading.names[merchant.key] = {theirs: ours for ours, theirs in merchant.sku_map.items()}
            for warehouse in merchant.warehouses:
                reading.places[warehouse.code] = (merchant.key, warehouse.key)
    return reading


def _watched(context: Context, reading: _Reading, read: Read) -> Read:
    def watch(cursor: str | None, since: datetime | None) -> Iterator[FeedPage[StockRow]]:
        from_the_beginning = cursor is None and since is None
        reading.began = context.now() if from_the_beginning else None
        reading.fresh = from_the_beginning
        reading.partial = since is not None
        for page in read(cursor, since):
            reading.last = page.last
            yield page

    return watch


def _store(
    connection: Connection, backend: FulfilmentBackend, reading: _Reading, rows: tuple[StockRow, ...], at: datetime
) -> None:
    account = backend.account
    # Where nobody tells of a discontinued SKU, its figure says nothing of it either: what it said when asked holds.
    gone = set[str]() if backend.capabilities.catalogue_feed else catalogue.inactive_skus(connection, account)
    ours = []
    for row in rows:
        if row.changed_at is not None and (reading.newest is None or row.changed_at > reading.newest):
            reading.newest = row.changed_at
        if (place := reading.places.get(row.warehouse_code)) is not None:
            merchant, warehouse = place
            shown = replace(row, active=False) if row.sku in gone else row
            ours.append((shown, merchant, warehouse, reading.names[merchant].get(row.sku, row.sku)))
    stock.observe(connection, account, ours, at)
    name = snapshot_name(account)
    if reading.fresh or reading.partial:
        # A snapshot that was begun and is not continued proves nothing of what it had not shown yet.
        feeds.drop(connection, name)
        if reading.began is not None and not reading.last:
            feeds.move(connection, name, feeds.Position(None, None), feeds.Position("begun", reading.began), at=at)
        reading.fresh = reading.partial = False
    if reading.last:
        began = reading.began or feeds.position(connection, name).read_to
        if began is not None:
            stock.note_missing(connection, account, began, at)
            feeds.drop(connection, name)
