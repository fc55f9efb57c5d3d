"""Claims of outward writes: due rows that one worker may work on until its lease ends."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, or_, select, update

from syncbridge.domain.states import SendState
from syncbridge.ledger.tables import transmissions


@dataclass(frozen=True)
class Claim:
    """A transmission that this worker may work on until its lease ends."""

    id: int
    kind: str
    target: str
    key: str
    order_id: int
    fulfilment_order_id: int | None
    state: SendState
    body: str | None
    body_version: int
    uncertain: bool
    failures: int
    attempts: int
    last_sent_at: datetime | None
    lease: str

    @property
    def part_id(self) -> int:
        """The fulfilment order that it is about; raises ValueError where it is about none."""
        if self.fulfilment_order_id is None:
            raise ValueError(f"transmission {self.id} belongs to no fulfilment order")
        return self.fulfilment_order_id


def claim_due(
    connection: Connection,
    *,
    target: str,
    kind: str,
    limit: int,
    at: datetime,
    life: timedelta,
    order_id: int | None = None,
) -> list[Claim]:
    """Claim up to `limit` due rows, oldest due first, skipping what others hold."""
    due = (
        select(transmissions.c.id)
        .where(
            transmissions.c.target == target,
            transmissions.c.kind == kind,
            transmissions.c.due_at <= at,
            or_(transmissions.c.lease_until.is_(None), transmissions.c.lease_until < at),
        )
        .order_by(transmissions.c.due_at, transmissions.c.id)
        .limit(limit)
    )
    if order_id is not None:
        due = due.where(transmissions.c.order_id == order_id)
    if connection.dialect.name == "postgresql":
        due = due.with_for_update(skip_locked=True, key_share=True)
    lease = str(uuid.uuid4())
    rows = connection.execute(
        update(transmissions)
        .where(transmissions.c.id.in_(due.scalar_subquery()))
        .values(lease=lease, lease_until=at + life, updated_at=at)
        .returning(*_CLAIM_COLUMNS)
    ).all()
    return [_claim(row, lease) for row in sorted(rows, key=lambda row: row.id)]


_CLAIM_COLUMNS = (
    transmissions.c.id,
    transmissions.c.kind,
    transmissions.c.target,
    transmissions.c.key,
    transmissions.c.order_id,
    transmissions.c.fulfilment_order_id,
    transmissions.c.state,
    transmissions.c.body,
    transmissions.c.body_version,
    transmissions.c.uncertain,
    transmissions.c.failures,
    transmissions.c.attempts,
    transmissions.c.last_sent_at,
)


def _claim(row: Any, lease: str) -> Claim:
    values = dict(row._mapping)
    values["state"] = SendState(values["state"])
    return Claim(lease=lease, **values)
