"""Local time as the vendor's database keeps it: no zone, SQL Server's steps of a three-hundredth of a second.

The values carry no zone on purpose. In autumn the hour from one to two comes twice, and nothing in a value tells
which it was; a reader of the feeds has to cope with that.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from syncbridge.sandbox.clock import SandboxClock

FORM = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{1,3})?)?")
EARLIEST_YEAR = 1753
"""The first year of SQL Server's DATETIME (documented by Microsoft)."""


def sql_rounded(moment: datetime) -> datetime:
    """Round to SQL Server's DATETIME: milliseconds end in 0, 3 or 7, so .0350 becomes .037."""
    ticks = (moment.microsecond * 3 + 5000) // 10000
    return moment.replace(microsecond=0) + timedelta(milliseconds=(ticks * 10 + 1) // 3)


def local_text(moment: datetime) -> str:
    """Write a local moment as the vendor does: `2026-03-02T14:05:12.23`, and no fraction where it is zero."""
    text = f"{moment:%Y-%m-%dT%H:%M:%S}"
    milliseconds = moment.microsecond // 1000
    return f"{text}.{milliseconds:03d}".rstrip("0") if milliseconds else text


def read_local(text: str) -> datetime:
    """Read `yyyy-MM-dd[THH:mm:ss[.fff]]`; raise ValueError for anything else, a zone or an offset included."""
    if not FORM.fullmatch(text):
        raise ValueError("write yyyy-MM-ddTHH:mm:ss, local time without a zone")
    moment = datetime.fromisoformat(text)
    if moment.year < EARLIEST_YEAR:
        raise ValueError(f"the database knows no year before {EARLIEST_YEAR}")
    return sql_rounded(moment)


class WallClock:
    """The clock on the server's wall."""

    def __init__(self, clock: SandboxClock, zone: str = "Europe/London") -> None:
        self._clock = clock
        self.zone = ZoneInfo(zone)

    def now(self, seconds_ago: float = 0.0) -> datetime:
        """Return local time without a zone, as the database would stamp a row."""
        moment = self._clock.now() - timedelta(seconds=seconds_ago)
        return sql_rounded(moment.astimezone(self.zone).replace(tzinfo=None))
