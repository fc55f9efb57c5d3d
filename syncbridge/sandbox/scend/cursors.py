"""Resume tokens and the query of a list call (contract 2.5, assumed)."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from syncbridge.sandbox.clock import format_instant
from syncbridge.sandbox.scend.errors import ApiError, detail, validation_failed

CURSOR_LIFE = timedelta(days=7)
OLDEST_CHANGED_SINCE = timedelta(days=30)
LONGEST_CURSOR = 512
DEFAULT_LIMIT, LARGEST_LIMIT = 100, 250
MOST_FILTER_VALUES = 50

INSTANT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z")


def read_instant(text: str) -> datetime:
    """Read an RFC 3339 timestamp in UTC with `Z`; raise ValueError for anything else."""
    if not INSTANT.fullmatch(text):
        raise ValueError(text)
    return datetime.fromisoformat(text).astimezone(UTC)


@dataclass(frozen=True)
class ListQuery:
    """What a list call asks for: page size, where to start, and its filters."""

    limit: int
    changed_since: datetime | None
    cursor: str | None
    filters: Mapping[str, frozenset[str]]


def parse_list_query(query: Mapping[str, str], filters: Mapping[str, frozenset[str] | None]) -> ListQuery:
    """Read the query of a list call; raise ApiError 400 with every problem found.

    `filters` names the filters of the endpoint; where a set is given, other values are refused.
    """
    problems: list[dict[str, Any]] = []
    limit = DEFAULT_LIMIT
    if text := query.get("limit", "").strip():
        if not re.fullmatch(r"[+-]?[0-9]{1,9}", text):
            problems.append(detail("INVALID_FORMAT", "limit", text, "Must be a whole number."))
        elif not 1 <= (limit := int(text)) <= LARGEST_LIMIT:
            problems.append(detail("OUT_OF_RANGE", "limit", text, f"Must be 1 to {LARGEST_LIMIT}."))
    cursor = query.get("cursor", "").strip() or None
    changed_since: datetime | None = None
    if text := query.get("changedSince", "").strip():
        if cursor is not None:
            message = "cursor and changedSince exclude each other."
            problems.append(detail("INVALID_FORMAT", "changedSince", text, message))
        try:
            changed_since = read_instant(text)
        except ValueError:
            problems.append(detail("INVALID_FORMAT", "changedSince", text, "Must be a UTC timestamp."))
    chosen = {}
    for name, allowed in filters.items():
        values = [value for value in query.get(name, "").split(",") if value]
        if len(values) > MOST_FILTER_VALUES:
            problems.append(
                detail("TOO_MANY_ITEMS", name, len(values), f"At most {MOST_FILTER_VALUES} values.")
            )
        if allowed is not None:
            problems.extend(
                detail("INVALID_ENUM", name, value, "Not a known value.")
                for value in values
                if value not in allowed
            )
        if values:
            chosen[name] = frozenset(values)
    if problems:
        raise validation_failed(problems)
    return ListQuery(limit, changed_since, cursor, chosen)


def check_changed_since(changed_since: datetime, now: datetime) -> None:
    """Raise ApiError 400 `CHANGED_SINCE_TOO_OLD` if the instant is more than 30 days ago."""
    oldest = now - OLDEST_CHANGED_SINCE
    if changed_since < oldest:
        raise ApiError(
            400,
            "CHANGED_SINCE_TOO_OLD",
            "changedSince may be at most 30 days ago.",
            context={"oldestAllowed": format_instant(oldest)},
        )


class CursorCodec:
    """Make and read cursors that are bound to what they were issued for, and to one life of the sandbox."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def encode(self, binding: str, position: int, now: datetime) -> str:
        """Write a cursor for `binding` (account, path and filters)."""
        issued = int(now.timestamp())
        text = f"{position}:{issued}:{self._digest(binding, position, issued)}"
        return "c1." + base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def decode(self, cursor: str, binding: str, now: datetime) -> int:
        """Return the position; raise ApiError 400 `CURSOR_INVALID` or 410 `CURSOR_EXPIRED`."""
        try:
            if len(cursor) > LONGEST_CURSOR or not cursor.startswith("c1."):
                raise ValueError(cursor)
            packed = cursor[3:]
            text = base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True).decode()
            position_text, issued_text, digest = text.split(":")
            position, issued = int(position_text), int(issued_text)
            if not hmac.compare_digest(digest, self._digest(binding, position, issued)):
                raise ValueError(cursor)
        except (ValueError, TypeError) as error:
            message = "The cursor is garbled or belongs to another path, filter or account."
            raise ApiError(400, "CURSOR_INVALID", message) from error
        if now.timestamp() - issued > CURSOR_LIFE.total_seconds():
            raise cursor_expired()
        return position

    def _digest(self, binding: str, position: int, issued: int) -> str:
        return hmac.digest(self._key, f"{binding}|{position}|{issued}".encode(), "sha256").hex()[:20]


def cursor_expired() -> ApiError:
    """Make the 410 for a cursor older than seven days."""
    return ApiError(410, "CURSOR_EXPIRED", "The cursor is older than 7 days.")


def binding_of(account: str, path: str, filters: Mapping[str, frozenset[str]]) -> str:
    """Name what a cursor is bound to, independent of the order in which filter values were written."""
    parts = [f"{name}={','.join(sorted(values))}" for name, values in sorted(filters.items())]
    return "|".join([account, path, *parts])
