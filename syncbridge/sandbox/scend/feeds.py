"""Feeds: rows in the order of their last change, read from a position (contract 2.5, assumed)."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Any, Generic, TypeVar

from syncbridge.sandbox.clock import SandboxClock, format_instant

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


def to_json(document: Any) -> bytes:
    """Write a document as the API sends it: compact UTF-8."""
    return _encode(document).encode()


class Row:
    """One listable object: its public document, and where it stands in its feed."""

    __slots__ = ("_raw", "changed", "document", "key", "sequence")

    def __init__(self, key: str, document: dict[str, Any]) -> None:
        self.key = key
        self.document = document
        self.sequence = 0
        self.changed = 0.0
        self._raw: bytes | None = None

    def raw(self) -> bytes:
        """Return the document as JSON, encoded once per change."""
        if self._raw is None:
            self._raw = to_json(self.document)
        return self._raw

    def forget_raw(self) -> None:
        """Encode anew at the next read; for changes that do not move the row in its feed."""
        self._raw = None


R = TypeVar("R", bound=Row)


class Feed(Generic[R]):
    """Keep the rows of one resource of one account, ordered by a sequence that every change raises.

    The log holds one entry per change; an entry whose number is no longer its row's number is stale and is
    skipped, and the log is rewritten when stale entries outnumber live ones. So a row appears once, in its
    current state, at the place of its last change.
    """

    def __init__(self, clock: SandboxClock, changed_field: str) -> None:
        self._clock = clock
        self._changed_field = changed_field
        self._log: list[tuple[int, float, R]] = []
        self.rows: dict[str, R] = {}
        self.last = 0

    def touch(self, row: R) -> datetime:
        """Add the row, or move it to the end with a new sequence and change time; return that time."""
        now = self._clock.now()
        self.last += 1
        row.sequence = self.last
        row.changed = now.timestamp()
        row.document["sequence"] = self.last
        row.document[self._changed_field] = format_instant(now)
        row.forget_raw()
        self.rows[row.key] = row
        self._log.append((self.last, row.changed, row))
        if len(self._log) > 2 * len(self.rows) + 1024:
            self._log = [entry for entry in self._log if entry[0] == entry[2].sequence]
        return now

    def position_of(self, changed_since: float) -> int:
        """Return the position just before the first row that was changed at or after this instant."""
        for sequence, changed, row in self._log:
            if changed >= changed_since and sequence == row.sequence:
                return sequence - 1
        return self.last

    def horizon(self, visible_until: float | None) -> int:
        """Return the last position up to which every change is old enough to be visible."""
        if visible_until is None:
            return self.last
        for index in range(len(self._log) - 1, -1, -1):
            if self._log[index][1] <= visible_until:
                return self._log[index][0] if index < len(self._log) - 1 else self.last
        return 0

    def read(
        self,
        position: int,
        limit: int,
        *,
        matches: Callable[[R], bool] | None = None,
        candidates: Iterable[R] | None = None,
        horizon: int | None = None,
    ) -> tuple[list[R], bool, int]:
        """Return a page after `position`: its rows, whether more follow, and the position reached.

        `candidates` (from an index) replaces the walk over the log. Nothing beyond `horizon` is returned by
        the walk, and the position never passes it.
        """
        end = self.last if horizon is None else horizon
        page: list[R] = []
        for row in (
            self._following(position, end) if candidates is None else self._indexed(position, candidates)
        ):
            if matches is not None and not matches(row):
                continue
            if len(page) == limit:
                return page, True, page[-1].sequence
            page.append(row)
        return page, False, max(position, end)

    def _following(self, position: int, end: int) -> Iterable[R]:
        log = self._log
        for index in range(bisect_right(log, position, key=itemgetter(0)), len(log)):
            sequence, _, row = log[index]
            if sequence > end:
                return
            if sequence == row.sequence:
                yield row

    def _indexed(self, position: int, candidates: Iterable[R]) -> Iterable[R]:
        return sorted((row for row in candidates if row.sequence > position), key=attrgetter("sequence"))
