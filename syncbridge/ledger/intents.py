"""Intents to write: each is recorded, once per key, before anything leaves."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from syncbridge.domain.states import SendState
from syncbridge.ledger.statements import insert_row
from syncbridge.ledger.tables import transmissions


def add(
    connection: Connection,
    *,
    kind: str,
    target: str,
    key: str,
    order_id: int,
    at: datetime,
    due_at: datetime | None,
    fulfilment_order_id: int | None = None,
) -> int:
    """Record the intent to write; unique per (target, kind, key)."""
    row = _new_row(kind, target, key, order_id, fulfilment_order_id, due_at, at)
    return int(insert_row(connection, transmissions, row))


def add_once(
    connection: Connection,
    *,
    kind: str,
    target: str,
    key: str,
    order_id: int,
    at: datetime,
    due_at: datetime | None,
    fulfilment_order_id: int | None = None,
) -> int | None:
    """Record the intent to write unless it is recorded already; return its id, None where it was there."""
    row = _new_row(kind, target, key, order_id, fulfilment_order_id, due_at, at)
    added = insert_row(connection, transmissions, row, unless=("target", "kind", "key"))
    return None if added is None else int(added)


def _new_row(
    kind: str,
    target: str,
    key: str,
    order_id: int,
    fulfilment_order_id: int | None,
    due_at: datetime | None,
    at: datetime,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "target": target,
        "key": key,
        "order_id": order_id,
        "fulfilment_order_id": fulfilment_order_id,
        "state": SendState.PENDING.value,
        "body_version": 1,
        "uncertain": False,
        "due_at": due_at,
        "failures": 0,
        "attempts": 0,
        "reason": "",
        "created_at": at,
        "updated_at": at,
    }
