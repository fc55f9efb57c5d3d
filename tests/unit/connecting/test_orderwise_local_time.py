"""Local times without a zone: how they are read, written, and read again around the clock changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from connectors.orderwise.local_time import (
    instant_of,
    last_clock_back,
    local_text,
    overlap_start,
    read_local,
    smallest_since,
    time_of_fetching,
)

LONDON = ZoneInfo("Europe/London")
BACK = datetime(2026, 10, 25, 1, 0, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "fetched", "instant"),
    [
        ("2026-03-03T16:40:09.417", "2026-03-03T17:00:00", "2026-03-03T16:40:09.417"),
        ("2026-07-03T16:40:09.4", "2026-07-03T17:00:00", "2026-07-03T15:40:09.4"),
        ("2026-07-03T16:40:09", "2026-07-03T17:00:00", "2026-07-03T15:40:09"),
        ("2026-10-25T01:30:00", "2026-10-25T00:45:00", "2026-10-25T00:30:00"),
        ("2026-10-25T01:30:00", "2026-10-25T01:29:59", "2026-10-25T00:30:00"),
        ("2026-10-25T01:30:00", "2026-10-25T01:30:00", "2026-10-25T01:30:00"),
        ("2026-10-25T01:30:00", "2026-11-01T00:00:00", "2026-10-25T01:30:00"),
        ("2026-10-25T01:30:00", "2026-10-25T00:00:00", "2026-10-25T00:30:00"),
    ],
)
def test_a_local_time_is_the_instant_nearest_to_and_not_after_its_fetching(
    text: str, fetched: str, instant: str
) -> None:
    assert instant_of(text, LONDON, utc(fetched)) == utc(instant)


@pytest.mark.parametrize("text", ["", "2026-03-03", "2026-03-03T16:40:09Z", "03/03/2026 16:40:09", "2026-02-30T00:00:00"])
def test_what_is_no_local_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_local(text)


def test_times_go_out_in_the_zone_and_naive_ones_never() -> None:
    assert local_text(utc("2026-07-03T15:40:09.999"), LONDON) == "2026-07-03T16:40:09"
    with pytest.raises(ValueError):
        local_text(datetime(2026, 1, 1), LONDON)


def test_the_clock_is_put_back_in_october_and_only_there() -> None:
    assert last_clock_back(LONDON, utc("2026-10-25T00:59:59")) == utc("2025-10-26T01:00:00")
    assert last_clock_back(LONDON, utc("2026-10-25T01:00:01")) == BACK
    assert last_clock_back(LONDON, utc("2027-03-28T03:00:00")) == BACK
    assert last_clock_back(ZoneInfo("Asia/Tokyo"), utc("2026-11-01T00:00:00")) is None


def start(cursor: str, now: str) -> str:
    return overlap_start(
        cursor,
        LONDON,
        utc(now),
        overlap=timedelta(seconds=120),
        change_overlap=timedelta(seconds=3720),
        change_watch=timedelta(hours=3),
    )


@pytest.mark.parametrize(
    ("cursor", "now", "expected"),
    [
        # an ordinary day
        ("2026-03-03T16:40:09.417", "2026-03-03T17:00:00", "2026-03-03T16:38:09"),
        # the repeated hour: everything it can bring is asked for, whichever of the two it is now
        ("2026-10-25T01:59:59.997", "2026-10-25T01:00:05", "2026-10-25T00:57:59"),
        ("2026-10-25T01:59:59.997", "2026-10-25T01:59:00", "2026-10-25T00:57:59"),
        ("2026-10-25T02:30:00", "2026-10-25T02:31:00", "2026-10-25T01:28:00"),
        # a poller that was down: the cursor is from the first of the two hours, whatever time it is now
        ("2026-10-25T01:59:00", "2026-10-25T09:00:00", "2026-10-25T00:57:00"),
        ("2026-10-25T01:59:00", "2026-10-28T09:00:00", "2026-10-25T00:57:00"),
        # three hours after the change it is over
        ("2026-10-25T04:00:01", "2026-10-25T04:00:05", "2026-10-25T03:58:01"),
        # in spring an hour is missing: two minutes before 02:01 it was 00:59
        ("2026-03-29T02:01:00", "2026-03-29T01:01:30", "2026-03-29T00:59:00"),
    ],
)
def test_a_feed_is_read_again_from_before_its_cursor(cursor: str, now: str, expected: str) -> None:
    assert start(cursor, now) == expected


def test_no_row_of_the_repeated_hour_is_skipped_by_any_cursor_that_could_be_stored_then() -> None:
    """Rows are made every minute from 23:00 to 04:00 UTC, runs are ten minutes apart: each finds what is new."""
    rows = [utc("2026-10-24T23:00:00") + timedelta(minutes=n) for n in range(300)]
    seen: set[datetime] = set()
    cursor = "2026-10-24T23:59:00"
    for run in range(0, 300, 10):
        now = rows[run]
        there = [row for row in rows if row <= now]
        begin = read_local(start(cursor, now.replace(tzinfo=None).isoformat()))
        page = [row for row in there if row.astimezone(LONDON).replace(tzinfo=None) > begin]
        seen |= set(page)
        assert seen >= set(there)
        cursor = max([cursor, *(local_text(row, LONDON) for row in page)])


def test_an_instant_before_the_change_starts_at_the_repeated_hour() -> None:
    """A row changed at 01:10 UTC carries 01:10; asked for since 00:45 UTC (01:45 then), it must come."""
    after = utc("2026-10-25T03:00:00")
    assert smallest_since(utc("2026-10-25T00:45:00"), LONDON, after) == "2026-10-25T01:00:00"
    assert smallest_since(utc("2026-10-24T22:00:00"), LONDON, after) == "2026-10-24T23:00:00"
    assert smallest_since(utc("2026-10-25T01:45:00"), LONDON, after) == "2026-10-25T01:45:00"


def test_the_server_tells_when_an_answer_was_made_unless_its_clock_is_far_off() -> None:
    ours = utc("2026-03-03T16:40:00")
    assert time_of_fetching(ours, None) == ours
    assert time_of_fetching(ours, ours + timedelta(seconds=40)) == ours + timedelta(seconds=41)
    assert time_of_fetching(ours, ours + timedelta(hours=1)) == ours
