"""Rows by the time at which they last changed, read as the export definitions' SQL reads them."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable
from datetime import datetime
from math import inf
from typing import Any, Generic, TypeVar

K = TypeVar("K")
Row = dict[str, Any]


class StampedFeed(Generic[K]):
    """Keep one stamp per key in local time. A clock that goes back files new changes among the old ones."""

    def __init__(self) -> None:
        self._entries: list[tuple[datetime, float, K]] = []
        self._newest: dict[K, tuple[datetime, float]] = {}
        self._count = 0

    def touch(self, key: K, stamp: datetime) -> None:
        """File a key under a new stamp; the old one is gone."""
        self._count += 1
        insort(self._entries, (stamp, self._count, key), key=lambda entry: entry[:2])
        self._newest[key] = (stamp, self._count)
        if len(self._entries) > 2 * len(self._newest) + 1000:
            self._entries = [one for one in self._entries if self._newest[one[2]] == one[:2]]

    def after(self, since: datetime, limit: int, rows_of: Callable[[K], Iterable[Row]]) -> list[Row]:
        """Return the rows stamped later than `since`, oldest first: `SELECT TOP (limit) WITH TIES`.

        At least `limit` rows where there are so many; a group of equal stamps is never cut.
        """
        rows: list[Row] = []
        last: datetime | None = None
        start = bisect_right(self._entries, (since, inf), key=lambda entry: entry[:2])
        for index in range(start, len(self._entries)):
            stamp, number, key = self._entries[index]
            if self._newest[key] != (stamp, number):
                continue
            if len(rows) >= limit and stamp != last:
                break
            rows.extend(rows_of(key))
            last = stamp
        return rows
