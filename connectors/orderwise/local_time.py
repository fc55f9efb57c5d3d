"""OrderWise's times: local, without a zone, in one configured time zone (OrderWise contract 2.3 and 11). Pure.

In autumn an hour of local time comes twice, and nothing in a value tells which one is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

_FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?")
_SAME_CLOCK = timedelta(minutes=5)
_YEAR_DAYS = 366


def local_text(instant: datetime, zone: ZoneInfo) -> str:
    """Write an instant as OrderWise does, whole seconds, rounded down. Raises ValueError if it is naive."""
    if instant.tzinfo is None:
        raise ValueError("a time without an offset cannot be sent")
    return instant.astimezone(zone).strftime("%Y-%m-%dT%H:%M:%S")


def read_local(text: str) -> datetime:
    """Return a value of OrderWise as it stands, without a zone. Raises ValueError for anything of another form."""
    if not _FORM.fullmatch(text):
        raise ValueError("is no local time of OrderWise")
    return datetime.fromisoformat(text)


def instant_of(text: str, zone: ZoneInfo, fetched_at: datetime) -> datetime:
    """Return the instant that a value stands for, in UTC.

    In the repeated hour it is the one nearest to, and not after, the time of fetching: "2026-10-25T01:30:00" fetched at
    01:45 UTC is 01:30 UTC, fetched at 00:45 UTC it is 00:30 UTC.
    """
    value = read_local(text)
    readings = sorted(value.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return max((one for one in readings if one <= fetched_at), default=readings[0])


def past_instant_of(text: str, zone: ZoneInfo, fetched_at: datetime) -> datetime:
    """Return the instant that a value stands for, and that of its fetching where it lies in the future: the date of a clock
    that was wrong must not win over everything that comes before it."""
    return min(instant_of(text, zone, fetched_at), fetched_at)


def time_of_fetching(ours: datetime, theirs: datetime | None) -> datetime:
    """Return when an answer was made: by the server's clock where it tells, since that clock wrote the values.

    Its header has whole seconds, so one is added. A server whose header is far from our clock is not believed: the time
    of its database may be another.
    """
    if theirs is not None and abs(theirs - ours) <= _SAME_CLOCK:
        return theirs + timedelta(seconds=1)
    return ours


def latest_by(stamps: Iterable[str], zone: ZoneInfo, fetched_at: datetime) -> str | None:
    """Return the latest of local times that can have been written by the time of fetching, as the text that came, or None.

    One from later was written by a clock that is wrong: as a cursor it would hide every change until then.
    """
    horizon = read_local(local_text(fetched_at + _SAME_CLOCK, zone))
    return max((stamp for stamp in stamps if read_local(stamp) <= horizon), key=read_local, default=None)


def milliseconds(instant: datetime) -> int:
    """Return an instant as whole milliseconds since 1970, which serve as versions."""
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def overlap_start(
    cursor: str,
    zone: ZoneInfo,
    now: datetime,
    *,
    overlap: timedelta,
    change_overlap: timedelta,
    change_watch: timedelta,
) -> str:
    """Return from where a feed is read again: its cursor, less the overlap.

    From the autumn clock change on the wider overlap holds, until the cursor itself lies `change_watch` behind the change:
    as long as it may come from the hour that repeats, new rows have smaller values than it. In spring local time jumps
    forward, so the overlap is taken in real time too and the earlier result counts.
    """
    value = read_local(cursor)
    earliest = min(value.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    change = last_clock_back(zone, now + _SAME_CLOCK)
    if change is not None and earliest <= change + change_watch:
        overlap = max(overlap, change_overlap)
    real = (earliest - overlap).astimezone(zone).replace(tzinfo=None)
    return min(value - overlap, real).strftime("%Y-%m-%dT%H:%M:%S")


def smallest_since(instant: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Return the smallest local time that a row changed between an instant and `now` can carry.

    That is the instant's own local time, or the beginning of the repeated hour if the clock was put back since.
    """
    change = last_clock_back(zone, now + _SAME_CLOCK)
    if change is None or change < instant:
        return local_text(instant, zone)
    return min(local_text(instant, zone), local_text(change, zone))


def last_clock_back(zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return the last instant within a year before `now` at which local time was put back, or None."""
    later = now.astimezone(UTC)
    for _day in range(_YEAR_DAYS):
        earlier = later - timedelta(days=1)
        if _offset(later, zone) < _offset(earlier, zone):
            return _moment(earlier, later, zone)
        later = earlier
    return None


def _moment(earlier: datetime, later: datetime, zone: ZoneInfo) -> datetime:
    """Find the change between two instants, to the second."""
    after = _offset(later, zone)
    while later - earlier > timedelta(seconds=1):
        middle = earlier + (later - earlier) / 2
        if _offset(middle, zone) == after:
            later = middle
        else:
            earlier = middle
    return later.replace(microsecond=0)


def _offset(instant: datetime, zone: ZoneInfo) -> timedelta:
    return instant.astimezone(zone).utcoffset() or timedelta(0)
