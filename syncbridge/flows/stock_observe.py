"""Observing stock: a back end's feed into the ledger, and noticing what a complete snapshot does not show."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from syncbridge.domain.stock import StockRow
from syncbridge.flows.context import Context
from syncbridge.flows.feed import follow, row_by_row, subject_in
from syncbridge.flows.stock_clock import check_rows
from syncbridge.flows.stock_places import Places
from syncbridge.ledger import catalogue, feeds, stock
from syncbridge.ledger.engine import Connection, attempt
from syncbridge.ledger.exceptions import open_subjects
from syncbridge.ports.answers import FeedPage
from syncbridge.ports.backend import FulfilmentBackend

FLOW = "stock_sync"

Named = tuple[StockRow, str, str, str]
"""(row, merchant, warehouse, shop SKU)."""

Read = Callable[[str | None, datetime | None], Iterator[FeedPage[StockRow]]]


def feed_name(backend: FulfilmentBackend) -> str:
    """Return the name of a back end's stock feed in the ledger."""
    return f"stock:{backend.account}"


def snapshot_name(account: str) -> str:
    """Return the name under which the beginning of a snapshot waits for its end, should a worker die in between."""
    return f"stock-snapshot:{account}"


def configuration_name(account: str) -> str:
    """Return the name under which the ledger keeps for which configuration a back end's rows were read."""
    return f"stock-configuration:{account}"


@dataclass
class _Reading:
    """Where one reading of the feed stands: from where it was begun, and whether the page in hand is its last."""

    places: Places
    asked_for: str
    began: datetime | None = None
    fresh: bool = False
    delta: bool = False
    last: bool = False
    newest: datetime | None = None


def observe(context: Context, backend: FulfilmentBackend, shop_time: datetime | None = None) -> int:
    """Read a back end's stock feed from its cursor to its end; return the rows read. `shop_time` is the shop's clock.

    A reading from the very beginning is a complete snapshot: the levels of which it has no row are marked missing, in
    the transaction that moves the cursor to its end. A missing row is unknown, not zero.
    """
    reading = _Reading(Places(context, backend.account), notice_configuration(context, backend))
    with context.ledger.reading() as connection:
        start = feeds.position(connection, feed_name(backend)).read_to
        mark = stock.figures_mark(connection, backend.account)
    count = follow(
        context,
        FLOW,
        feed_name(backend),
        _watched(context, reading, backend.stock_changed),
        lambda connection, rows, at: _store(connection, backend, reading, rows, at),
        backend.timing.feed_overlap,
    )
    with context.ledger.reading() as connection:
        moved = stock.figures_mark(connection, backend.account) != mark
    # A snapshot shows what has lain still for months, and an overlap what was shown before: neither moved for certain.
    since = start - backend.timing.stock_lag if start is not None and moved and reading.delta else None
    if moved or start is None:
        check_rows(context, backend.account, reading.newest, shop_time, since)
    return count


def notice_configuration(context: Context, backend: FulfilmentBackend) -> str:
    """Have the feed read from its beginning where the configuration asks for rows that it may have passed.

    Return what it asks for, as a text.
    """
    name = configuration_name(backend.account)
    asked_for = f"{Places(context, backend.account).fingerprint} {backend.capabilities.stock_made_of}".strip()
    with context.ledger.reading() as connection:
        known = feeds.position(connection, name)
    if known.value == asked_for:
        return asked_for
    at = context.now()
    with context.ledger.work() as work:
        try:
            feeds.move(work.connection, name, known, feeds.Position(asked_for, at), at=at)
        except feeds.CursorMoved:
            return asked_for  # another run has noticed it
        feeds.start_over(work.connection, feed_name(backend), at=at)
        work.commit()
    return asked_for


def _watched(context: Context, reading: _Reading, read: Read) -> Read:
    def watch(cursor: str | None, _since: datetime | None) -> Iterator[FeedPage[StockRow]]:
        # A cursor that is refused is made up for by all there is and not by what changed since: the back end may have been
        # restored from a backup, and then its dates do not tell what we have to forget.
        reading.fresh = cursor is None
        reading.began = context.now() if reading.fresh else None
        reading.delta = not reading.fresh
        for page in read(cursor, None):
            reading.last = page.last
            yield page

    return watch


def _store(
    connection: Connection, backend: FulfilmentBackend, reading: _Reading, rows: tuple[StockRow, ...], at: datetime
) -> None:
    account = backend.account
    if feeds.position(connection, configuration_name(account)).value != reading.asked_for:
        # During a deployment: the cursor must not pass what a worker with another configuration sells from.
        raise feeds.CursorMoved(feed_name(backend))
    snapshot = snapshot_name(account)
    if reading.fresh:
        # A snapshot that was begun and is not continued proves nothing of what it had not shown yet.
        feeds.drop(connection, snapshot)
        if reading.began is not None and not reading.last:
            feeds.move(connection, snapshot, feeds.Position(None, None), feeds.Position("begun", reading.began), at=at)
        reading.fresh = False
    began = reading.began or feeds.position(connection, snapshot).read_to
    reading.delta = reading.delta and began is None
    # A clock that is set back meanwhile must not make its rows older than the snapshot that shows them.
    seen_at = at if began is None else max(at, began)
    # Where nobody tells of a discontinued SKU, its figure says nothing of it either: what it said when asked holds.
    gone = set[str]() if backend.capabilities.catalogue_feed else catalogue.inactive_skus(connection, account)
    ours = []
    for row in rows:
        if row.changed_at is not None and (reading.newest is None or row.changed_at > reading.newest):
            reading.newest = row.changed_at
        if (name := reading.places.name(row.warehouse_code, row.sku)) is not None:
            ours.append((replace(row, active=False) if row.sku in gone else row, *name))
    keep(connection, account, feed_name(backend), ours, seen_at, snapshot=began is not None)
    if reading.last and began is not None:
        stock.note_missing(connection, account, began, at)
        feeds.drop(connection, snapshot)


def keep(
    connection: Connection, account: str, feed: str, rows: Sequence[Named], at: datetime, *, snapshot: bool
) -> None:
    """Store a page at once, or row by row where one of them cannot be stored; that one is told, and stops no other."""
    error = attempt(connection, lambda: stock.observe(connection, account, rows, at, snapshot=snapshot))
    subjects = [subject_in(feed, _called(row)) for row in rows]
    if error is not None or open_subjects(connection, "defect", subjects):
        row_by_row(
            connection,
            feed,
            rows,
            lambda row: stock.observe(connection, account, [row], at, snapshot=snapshot),
            _called,
            at,
        )


def _called(row: Named) -> str:
    return f"{row[0].warehouse_code}/{row[0].sku}"
