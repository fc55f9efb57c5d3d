"""Messages received, each kept once with its raw body; a repeat only counts up."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, update

from syncbridge.ledger.statements import insert_row, update_where
from syncbridge.ledger.tables import inbox


@dataclass(frozen=True)
class Received:
    """Where a message lies. `repeat` is true when the same message came before."""

    id: int
    repeat: bool
    outcome: str


def digest(raw: bytes) -> str:
    """Name a message that brings no id of its own by its content (SHA-256)."""
    return hashlib.sha256(raw).hexdigest()


def keep(
    connection: Connection,
    source: str,
    message_id: str,
    topic: str,
    raw: bytes,
    *,
    at: datetime,
    outcome: str,
    order_id: int | None = None,
    size_bytes: int | None = None,
) -> Received:
    """Store a message unless it is there already. `size_bytes` is its true size where `raw` was cut."""
    row = {
        "source": source,
        "message_id": message_id,
        "topic": topic,
        "order_id": order_id,
        "raw": raw,
        "size_bytes": len(raw) if size_bytes is None else size_bytes,
        "outcome": outcome,
        "seen": 1,
        "received_at": at,
        "last_seen_at": at,
    }
    added = insert_row(connection, inbox, row, unless=("source", "message_id"))
    if added is not None:
        return Received(added, repeat=False, outcome=outcome)
    known = connection.execute(
        update(inbox)
        .where(inbox.c.source == source, inbox.c.message_id == message_id)
        .values(seen=inbox.c.seen + 1, last_seen_at=at)
        .returning(inbox.c.id, inbox.c.outcome)
    ).one()
    return Received(known.id, repeat=True, outcome=known.outcome)


def settle(connection: Connection, inbox_id: int, outcome: str, order_id: int | None = None) -> None:
    """Note what became of a message."""
    values: dict[str, object] = {"outcome": outcome[:200]}
    if order_id is not None:
        values["order_id"] = order_id
    update_where(connection, inbox, {"id": inbox_id}, values)


def raw_of(connection: Connection, inbox_id: int) -> bytes | None:
    """Return a message's body, or None once it was erased."""
    return connection.execute(select(inbox.c.raw).where(inbox.c.id == inbox_id)).scalar()
