"""Facts about orders, in event order: the time machine. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from syncbridge.ledger.tables import history


def record(
    connection: Connection,
    order_id: int,
    system: str,
    event: str,
    *,
    at: datetime,
    happened_at: datetime | None = None,
    subject: str = "",
    **detail: Any,
) -> None:
    """Add a fact. `at` is our time, `happened_at` the vendor's; details are ids, codes and counts only."""
    connection.execute(insert(history), [fact(order_id, system, event, at, happened_at, subject, detail)])


def fact(
    order_id: int,
    system: str,
    event: str,
    at: datetime,
    happened_at: datetime | None,
    subject: str,
    detail: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "system": system,
        "event": event,
        "subject": subject,
        "detail": dict(detail),
        "happened_at": happened_at or at,
        "recorded_at": at,
    }
