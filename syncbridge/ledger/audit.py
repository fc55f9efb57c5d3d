"""What operators did: who, what, why, before and after. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert

from syncbridge.ledger.tables import audit


def record(
    connection: Connection,
    *,
    actor: str,
    action: str,
    subject: str,
    reason: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    at: datetime,
) -> None:
    """Add an operator's action, in the transaction that carries it out.

    `subject` is written as everywhere ("order:7", "exception:3"); `before` and `after` hold ids, states and times only.
    """
    connection.execute(
        insert(audit).values(
            actor=actor[:100],
            action=action,
            subject=subject,
            reason=reason,
            before=dict(before),
            after=dict(after),
            at=at,
        )
    )
