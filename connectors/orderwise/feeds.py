"""The one cursor rule of OrderWise's change feeds (OrderWise contract 11).

The cursor is the greatest time of change that was stored, kept as the text that came. A run starts a little before it,
goes on from the greatest value of each page, and ends with an empty page, so that replayed rows are the normal case. A time
that lies in the future is no cursor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from connectors.http import AnswerTooLarge
from connectors.orderwise.client import Fetched
from connectors.orderwise.dialect import SYSTEM
from connectors.orderwise.local_time import latest_by, local_text, overlap_start, read_local, smallest_since
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.domain.errors import CallEvidence, CursorRefused, RetryLater

Row = TypeVar("Row")


@dataclass(frozen=True)
class Stretch(Generic[Row]):
    """Rows of one page with the time at which they were made, and the cursor that covers them. The last one is empty."""

    rows: tuple[Row, ...]
    fetched_at: datetime
    cursor: str
    last: bool


def stretches(
    settings: OrderWiseSettings,
    operation: str,
    fetch: Callable[[str, int], Fetched[tuple[Row, ...]]],
    stamp: Callable[[Row], str],
    cursor: str | None,
    since: datetime | None,
    now: datetime,
    *,
    snapshot_needed: bool = False,
) -> Iterator[Stretch[Row]]:
    """Yield a feed page by page from a cursor, else from an instant, else from some days back.

    Raises CursorRefused for a cursor that is no time; `snapshot_needed` is then what it says. A page is always followed
    by the next: a short one proves nothing where an installation caps its answers.
    """
    try:
        position, start = _start(settings, cursor, since, now)
    except ValueError as error:
        evidence = CallEvidence(SYSTEM, operation)
        raise CursorRefused("the stored position is no time", evidence, snapshot_needed=snapshot_needed) from error
    limit = settings.page_limit
    while True:
        try:
            page = fetch(start, limit)
        except AnswerTooLarge:
            if limit == 1:
                raise
            limit = max(1, limit // 4)
            continue
        asked = read_local(start)
        fresh = tuple(row for row in page.value if read_local(stamp(row)) > asked)
        if not fresh and any(read_local(stamp(row)) < asked for row in page.value):
            raise RetryLater("the feed brings only rows from before the asked time", CallEvidence(SYSTEM, operation))
        if not fresh:
            # Nothing, or again the rows of the asked time itself, by a filter that is not strict.
            yield Stretch((), page.fetched_at, position, last=True)
            return
        stamps = [stamp(row) for row in fresh]
        start = greatest_stamp(stamps)
        position = greatest_stamp([position, latest_by(stamps, settings.zone, page.fetched_at) or position])
        yield Stretch(fresh, page.fetched_at, position, last=False)


def greatest_stamp(stamps: Sequence[str]) -> str:
    """Return the latest of local times, as the text that came. Raises ValueError for what is no time."""
    return max(stamps, key=read_local)


def _start(
    settings: OrderWiseSettings, cursor: str | None, since: datetime | None, now: datetime
) -> tuple[str, str]:
    """Return the cursor to begin with and from where to ask."""
    if cursor is None:
        begin = since or now - timedelta(days=settings.first_read_days)
        text = smallest_since(begin, settings.zone, now)
        return text, text
    ahead = timedelta(seconds=settings.clock_change_overlap_seconds)
    if latest_by([cursor], settings.zone, now + ahead) is None:
        # No hour that repeats explains it: it was stored before a wrong clock was noticed.
        cursor = local_text(now, settings.zone)
    start = overlap_start(
        cursor,
        settings.zone,
        now,
        overlap=timedelta(seconds=settings.feed_overlap_seconds),
        change_overlap=timedelta(seconds=settings.clock_change_overlap_seconds),
        change_watch=timedelta(seconds=settings.clock_change_watch_seconds),
    )
    return cursor, start
