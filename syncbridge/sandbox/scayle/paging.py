"""Collections: opaque cursors, limits, and the bracketed filters."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from syncbridge.sandbox.scayle.answers import ApiError, Json, invalid, read_instant

DEFAULT_LIMIT = 100
MAXIMUM_LIMIT = 1000
"""Documented for merchants, customers and companies, and taken for every collection."""


def read_limit(query: Mapping[str, str]) -> int:
    """Return `limit`, 100 unless given; raises ApiError 400 outside 1 to 1000."""
    text = query.get("limit")
    if text is None:
        return DEFAULT_LIMIT
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAXIMUM_LIMIT:
        raise invalid("limit", f"limit takes a whole number from 1 to {MAXIMUM_LIMIT}.")
    return int(text)


def write_cursor(after: int) -> str:
    """Make the opaque cursor that continues behind the entity with this id."""
    return base64.urlsafe_b64encode(json.dumps({"after": after}).encode()).decode()


def read_cursor(query: Mapping[str, str]) -> int:
    """Return the id behind which a page starts, 0 without a cursor; raises ApiError 400 for foreign text."""
    text = query.get("cursor")
    if not text:
        return 0
    try:
        after = json.loads(base64.urlsafe_b64decode(text.encode()))["after"]
    except (ValueError, KeyError, TypeError) as error:
        raise ApiError(
            400, "INVALID_CURSOR", "The cursor is not one of ours.", {"field": "cursor"}
        ) from error
    if not isinstance(after, int):
        raise ApiError(400, "INVALID_CURSOR", "The cursor is not one of ours.", {"field": "cursor"})
    return after


def page_of(entities: Iterable[Json], query: Mapping[str, str]) -> Json:
    """Cut one page from entities in ascending order of `id`."""
    limit, after = read_limit(query), read_cursor(query)
    remaining = [entity for entity in entities if entity["id"] > after]
    page = remaining[:limit]
    more = len(remaining) > limit
    return {"entities": page, "cursor": {"next": write_cursor(page[-1]["id"]) if more else None}}


def read_filters(query: Mapping[str, str], known: frozenset[str]) -> dict[str, str]:
    """Return the values of `filters[name]`; raises ApiError 400 for a name that the collection does not have."""
    found = {}
    for name, value in query.items():
        if not name.startswith("filters"):
            continue
        inner = name[len("filters[") : -1] if name.startswith("filters[") and name.endswith("]") else ""
        if inner not in known:
            raise ApiError(
                400, "UNKNOWN_FILTER", f"{name} is not a filter of this collection.", {"field": name}
            )
        found[inner] = value
    return found


def read_ids(text: str, name: str) -> frozenset[int]:
    """Read a comma-separated list of ids; raises ApiError 400."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise invalid(f"filters[{name}]", f"filters[{name}] takes integers separated by commas.")
    return frozenset(int(part) for part in parts)


STANDARD_FILTERS = frozenset(
    {"id", "referenceKey", "minId", "maxId", "minCreatedAt", "maxCreatedAt", "minUpdatedAt", "maxUpdatedAt"}
)
"""The names that follow SCAYLE's pattern; for orders that is inferred, not documented."""


class StandardFilter:
    """The standard filters of one request; all bounds are inclusive, as documented for customers."""

    def __init__(self, query: Mapping[str, str], known: frozenset[str] = STANDARD_FILTERS) -> None:
        filters = read_filters(query, known)
        self.ids = read_ids(filters["id"], "id") if "id" in filters else None
        keys = filters.get("referenceKey")
        self.keys = None if keys is None else frozenset(part.strip() for part in keys.split(","))
        self.min_id = max(read_ids(filters["minId"], "minId")) if "minId" in filters else None
        self.max_id = min(read_ids(filters["maxId"], "maxId")) if "maxId" in filters else None
        self.min_created = _instant(filters, "minCreatedAt")
        self.max_created = _instant(filters, "maxCreatedAt")
        self.min_updated = _instant(filters, "minUpdatedAt")
        self.max_updated = _instant(filters, "maxUpdatedAt")

    def accepts_identity(self, entity_id: int, key: Any) -> bool:
        """Judge the filters on id and key."""
        if self.ids is not None and entity_id not in self.ids:
            return False
        if self.keys is not None and key not in self.keys:
            return False
        if self.min_id is not None and entity_id < self.min_id:
            return False
        return self.max_id is None or entity_id <= self.max_id

    def accepts_times(self, created: datetime, updated: datetime) -> bool:
        """Judge the filters on time; both instants are whole seconds, as the API shows them."""
        if self.min_updated is not None and updated < self.min_updated:
            return False
        if self.max_updated is not None and updated > self.max_updated:
            return False
        if self.min_created is not None and created < self.min_created:
            return False
        return self.max_created is None or created <= self.max_created


def _instant(filters: Mapping[str, str], name: str) -> datetime | None:
    return read_instant(filters[name], f"filters[{name}]") if name in filters else None
