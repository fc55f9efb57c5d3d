"""Requests that a vendor's stand-in noted in its journal, as the judge reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RequestEntry:
    """One request to a vendor, without its body. `status` None: the connection was dropped."""

    number: int
    at: str
    method: str
    path: str
    query: str
    status: int | None
    fault: str | None
    scope: str


def read_requests(rows: Sequence[Mapping[str, Any]]) -> tuple[RequestEntry, ...]:
    """Read journal rows."""
    return tuple(
        RequestEntry(
            number=int(row["n"]),
            at=str(row.get("at", "")),
            method=str(row.get("method", "")),
            path=str(row.get("path", "")),
            query=str(row.get("query") or ""),
            status=row.get("status"),
            fault=row.get("fault"),
            scope=str(row.get("scope") or "all"),
        )
        for row in rows
    )
