"""Following a back end's feed: the one way a stored cursor is read and moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog

from syncbridge.domain.errors import Busy, CursorRefused, RetryLater, VendorError
from syncbridge.flows.context import Context
from syncbridge.ledger import feeds, order_parts
from syncbridge.ledger.engine import Connection, attempt
from syncbridge.ledger.exceptions import (
    close_exceptions,
    is_open,
    open_evidence,
    open_exception,
    open_subjects,
    storable,
)
from syncbridge.ledger.feeds import CursorMoved, Position
from syncbridge.ports.answers import FeedPage, Row, Unread

log = structlog.get_logger(__name__)

Read = Callable[[str | None, datetime | None], Iterator[FeedPage[Row]]]
Store = Callable[[Connection, tuple[Row, ...], datetime], None]

# A worker that dies here holds the feed up for so long; a reader that outlives it meets a moved cursor and stops.
LOCK_LIFE = timedelta(seconds=30)
# A vendor's hiccup is nobody's business; a feed that stays unreadable for so long is.
FAILING_AFTER = timedelta(minutes=5)
# Before any row of any back end: from here on is read where nobody knows since when.
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def follow(
    context: Context,
    flow: str,
    name: str,
    read: Read[Row],
    store: Store[Row],
    overlap: timedelta,
) -> int:
    """Read a feed from its cursor to its end; each page and its cursor are stored in one transaction.

    `flow` is rung again where another worker is reading just now: it may have passed the row that we were called for.

    A refused cursor restarts with `overlap`, or from the beginning. Two readers at once do no harm:
    rows are idempotent, and the one whose cursor was moved meanwhile stops. Returns the rows read.
    """
    with context.coordinator.lock(f"feed:{name}", LOCK_LIFE) as held:
        if not held:
            context.doorbell.ring(flow)
            return 0
        try:
            count = _restarting(context, name, read, store, overlap)
        except CursorMoved:
            log.info("feed_read_elsewhere", feed=name)
            return 0
        except Busy:
            raise
        except VendorError as error:
            failing(context, name, error)
            raise
    well(context, name)
    return count


def read_again(
    context: Context, name: str, read: Read[Row], store: Store[Row], since: datetime | None
) -> int:
    """Read a feed once more from an instant (None: all there is) for what it may have left out; return the rows read.

    Its cursor stays where it is, and rows are idempotent, so that this may run beside `follow` and be broken off.
    """
    count = 0
    for page in read(None, since):
        with context.ledger.work() as work:
            store(work.connection, page.rows, context.now())
            _set_aside(work.connection, name, page.unread, since, context.now())
            work.commit()
        count += len(page.rows)
    return count


def row_by_row(
    connection: Connection,
    name: str,
    rows: Sequence[Row],
    note: Callable[[Row], object],
    called: Callable[[Row], str],
    at: datetime,
) -> None:
    """Note every row of a page; one that cannot be noted is undone, told to a person, and stops no other."""
    subjects = [subject_in(name, called(row)) for row in rows]
    troubled = open_subjects(connection, "defect", subjects)
    for row, subject in zip(rows, subjects, strict=True):
        error = attempt(connection, partial(note, row))
        if error is not None:
            defect(connection, subject, name, error, at)
        elif subject in troubled:
            close_exceptions(connection, subject, "defect", at=at, resolution="a newer version of it was noted")


def _set_aside(
    connection: Connection, name: str, unread: Sequence[Unread], since: datetime | None, at: datetime
) -> None:
    """Tell a person of rows that cannot be read, and from when on they have to be read again: what a feed says of its other
    rows goes on. It is over once `row_by_row` notes a version that can be read."""
    for one in unread:
        subject, begin = subject_in(name, one.called), one.changed_at or since or _LONG_AGO
        log.error("row_set_aside", feed=name, subject=subject, fields=one.fields)
        open_exception(
            connection,
            "defect",
            subject,
            at=at,
            cause=f"{name}: a row cannot be read",
            evidence={
                "feed": name,
                "row": one.called,
                "reference": one.reference,
                "fields": list(one.fields),
                "changed_since": begin.isoformat(),
                "next": "the other rows went on; this one is read again every night until it can be read",
            },
            order_id=order_parts.order_of_reference(connection, storable(one.reference)),
        )


def unread_since(connection: Connection, name: str) -> datetime | None:
    """Return from when on a feed has rows that were set aside and could not be read yet, or None."""
    begins = [
        datetime.fromisoformat(begin)
        for evidence in open_evidence(connection, "defect", f"{name}:")
        if (begin := evidence.get("changed_since"))
    ]
    return min(begins, default=None)


def subject_in(name: str, called: str) -> str:
    """Return the subject of what is told about a row of a feed."""
    return storable(f"{name}:{called}")[:128]


def defect(connection: Connection, subject: str, name: str, error: Exception, at: datetime) -> None:
    """Tell a person that something which a feed brought cannot be noted."""
    log.error("defect", feed=name, subject=subject, error=type(error).__name__, exc_info=error)
    open_exception(
        connection,
        "defect",
        subject[:128],
        at=at,
        cause=f"{name}: {type(error).__name__}",
        evidence={"feed": name, "row": subject, "error": type(error).__name__},
    )


def _restarting(context: Context, name: str, read: Read[Row], store: Store[Row], overlap: timedelta) -> int:
    with context.ledger.reading() as connection:
        start = feeds.position(connection, name)
    try:
        return _drain(context, name, read(start.value, None), store, start)
    except CursorRefused as error:
        log.warning("cursor_refused", feed=name, snapshot=error.snapshot_needed, code=error.evidence.code)
        snapshot = error.snapshot_needed
    with context.ledger.reading() as connection:
        start = feeds.position(connection, name)
    since = None if snapshot or start.read_to is None else start.read_to - overlap
    try:
        return _drain(context, name, read(None, since), store, start)
    except CursorRefused:
        # Even the overlap lies too far back: read everything.
        return _drain(context, name, read(None, None), store, start)


def _drain(
    context: Context, name: str, pages: Iterator[FeedPage[Row]], store: Store[Row], start: Position
) -> int:
    count = 0
    asked_at = context.now()
    for page in pages:
        at = context.now()
        new = Position(page.cursor, asked_at if page.last else start.read_to)
        with context.ledger.work() as work:
            store(work.connection, page.rows, at)
            _set_aside(work.connection, name, page.unread, start.read_to, at)
            feeds.move(work.connection, name, start, new, at=at)
            work.commit()
        start = new
        count += len(page.rows)
        asked_at = context.now()
    return count


def failing(context: Context, name: str, error: VendorError) -> None:
    """Tell a person that a feed cannot be read, at once unless time may cure it; its cursor stays where it was."""
    at = context.now()
    with context.ledger.work() as work:
        readable = feeds.readable_until(work.connection, name, at=at)
        if isinstance(error, RetryLater) and at - readable < FAILING_AFTER:
            work.commit()
            return
        open_exception(
            work.connection,
            "feed_failing",
            f"feed:{name}",
            at=at,
            cause=f"{name}: {type(error).__name__}",
            evidence={"feed": name, "answer": str(error.evidence), "message": error.message},
        )
        work.commit()


def well(context: Context, name: str) -> None:
    """The feed was read to its end: whatever kept us from it is over."""
    with context.ledger.reading() as connection:
        trouble = is_open(connection, "feed_failing", f"feed:{name}")
    if trouble:
        with context.ledger.work() as work:
            close_exceptions(
                work.connection, f"feed:{name}", "feed_failing", at=context.now(), resolution="the feed was read to its end"
            )
            work.commit()
