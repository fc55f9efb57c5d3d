"""Outward writes: claims, attempts and outcomes. The only module that changes a transmission's state.

Every UPDATE names the state it expects and, once a row is claimed, the lease it was claimed under; a worker
that wakes after its lease was taken over changes nothing and gets LeaseLost.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from syncbridge.domain.errors import CallEvidence, LeaseLost
from syncbridge.domain.states import SendState, require_send
from syncbridge.ledger import history
from syncbridge.ledger.statements import insert_row, update_where
from syncbridge.ledger.tables import attempts, fulfilment_orders, transmissions


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


def begin_attempt(connection: Connection, claim: Claim, body: str, *, at: datetime, life: timedelta) -> Claim:
    """Commit-before-send: freeze the body at the first send, note the attempt, extend the lease.

    The caller commits before the request leaves. From then on the ledger holds the row uncertain, so that a
    worker that dies here leaves a look-up behind and no second send; the returned claim still says whether an
    *earlier* attempt is uncertain, which decides what a clear answer to this one means.
    """
    if claim.body is not None and claim.body != body:
        raise ValueError("a frozen body is sent as it is")
    number = claim.attempts + 1
    _change(
        connection,
        claim,
        SendState.SENT,
        at=at,
        body=body,
        attempts=number,
        last_sent_at=at,
        lease_until=at + life,
        uncertain=True,
    )
    connection.execute(insert(attempts).values(transmission_id=claim.id, number=number, started_at=at))
    return replace(claim, state=SendState.SENT, body=body, attempts=number, last_sent_at=at)


def finish_attempt(
    connection: Connection,
    claim: Claim,
    outcome: str,
    *,
    at: datetime,
    evidence: CallEvidence | None = None,
) -> None:
    """Note what an attempt came to. The row's state is changed by the function that follows."""
    values: dict[str, Any] = {"finished_at": at, "outcome": outcome}
    if evidence is not None:
        values |= {
            "status": evidence.status,
            "code": (evidence.code or "")[:64] or None,
            "vendor_request_id": evidence.request_id,
            "excerpt": str(evidence)[:2000],
        }
    update_where(connection, attempts, {"transmission_id": claim.id, "number": claim.attempts}, values)


def acknowledge(connection: Connection, claim: Claim, *, at: datetime, reason: str = "") -> None:
    """The vendor itself showed the record: final."""
    _change(connection, claim, SendState.ACKNOWLEDGED, at=at, reason=reason, **_RELEASED, due_at=None, uncertain=False)


def retry(
    connection: Connection,
    claim: Claim,
    *,
    at: datetime,
    due_at: datetime,
    uncertain: bool,
    failed: bool = True,
    reason: str = "",
) -> None:
    """Give the row back for a later try. An uncertain row stays `sent`: it is looked up before anything else."""
    state = SendState.SENT if uncertain else SendState.PENDING
    _change(
        connection,
        claim,
        state,
        at=at,
        due_at=due_at,
        uncertain=uncertain,
        failures=claim.failures + 1 if failed else claim.failures,
        reason=reason[:200],
        **_RELEASED,
    )


def park(connection: Connection, claim: Claim, *, at: datetime, reason: str, recompose: bool = False) -> None:
    """Take the row off the clock: an open exception carries it now.

    `recompose` drops the frozen body, allowed only where the vendor certainly has no record.
    """
    if recompose and claim.uncertain:
        raise ValueError("an uncertain row keeps its body until it is proven absent")
    values: dict[str, Any] = {"due_at": None, "reason": reason[:200], "uncertain": claim.uncertain, **_RELEASED}
    if recompose:
        values |= {"body": None, "body_version": claim.body_version + 1}
    _change(connection, claim, SendState.SENT if claim.uncertain else SendState.PENDING, at=at, **values)


def withdraw(connection: Connection, claim: Claim, *, at: datetime, reason: str) -> None:
    """Nothing is wanted any more, and nothing left or it is proven absent: final."""
    _change(
        connection, claim, SendState.WITHDRAWN, at=at, due_at=None, uncertain=False, reason=reason[:200], **_RELEASED
    )


def drop_body(connection: Connection, claim: Claim, *, at: datetime) -> Claim:
    """Start a new version of the body, under the same lease: the vendor is proven to have nothing of the old one."""
    _change(
        connection,
        claim,
        SendState.PENDING,
        at=at,
        body=None,
        body_version=claim.body_version + 1,
        uncertain=False,
    )
    return replace(claim, state=SendState.PENDING, body=None, uncertain=False)


_RELEASED: dict[str, Any] = {"lease": None, "lease_until": None}


def _change(connection: Connection, claim: Claim, new: SendState, *, at: datetime, **values: Any) -> None:
    if claim.state is not new:
        require_send(claim.state, new)
    changed = update_where(
        connection,
        transmissions,
        {"id": claim.id, "lease": claim.lease, "state": claim.state.value},
        {"state": new.value, "updated_at": at, **values},
    )
    if changed != 1:
        raise LeaseLost(f"transmission {claim.id} was taken over")
    mirror(connection, claim.kind, claim.order_id, claim.fulfilment_order_id, claim.key, claim.state, new, at=at)


def mirror(
    connection: Connection,
    kind: str,
    order_id: int,
    fulfilment_order_id: int | None,
    key: str,
    old: SendState,
    new: SendState,
    *,
    at: datetime,
) -> None:
    """Keep the fulfilment order's state with that of its order transmission, and write the history row."""
    if old is new:
        return
    if kind == "order":
        values: dict[str, Any] = {"state": new.value, "updated_at": at}
        if new is SendState.SENT:
            values["sent_at"] = at
        if new is SendState.ACKNOWLEDGED:
            values["acknowledged_at"] = at
        expected = {"id": fulfilment_order_id, "state": old.value}
        if update_where(connection, fulfilment_orders, expected, values) != 1:
            raise LeaseLost(f"fulfilment order {fulfilment_order_id} is not {old}")
    history.record(
        connection,
        order_id,
        "syncbridge",
        f"{kind}_{new.value}",
        at=at,
        subject=key,
        was=old.value,
        why=require_send(old, new),
    )


def adopt(connection: Connection, fulfilment_order_id: int, *, at: datetime, reason: str) -> bool:
    """Acknowledge an order's transmission because a feed or despatch proves it, whoever holds its lease.

    Returns whether anything changed. A worker in the middle of an attempt finds its lease gone.
    """
    row = connection.execute(
        select(transmissions.c.id, transmissions.c.state, transmissions.c.order_id, transmissions.c.key).where(
            transmissions.c.fulfilment_order_id == fulfilment_order_id, transmissions.c.kind == "order"
        )
    ).one()
    old = SendState(row.state)
    if old not in (SendState.PENDING, SendState.SENT):
        return False
    changed = connection.execute(
        update(transmissions)
        .where(and_(transmissions.c.id == row.id, transmissions.c.state == old.value))
        .values(
            state=SendState.ACKNOWLEDGED.value,
            due_at=None,
            uncertain=False,
            reason=reason[:200],
            updated_at=at,
            **_RELEASED,
        )
    )
    if changed.rowcount != 1:
        return False
    mirror(connection, "order", row.order_id, fulfilment_order_id, row.key, old, SendState.ACKNOWLEDGED, at=at)
    return True


def withdraw_unsent(connection: Connection, transmission_id: int, *, at: datetime, reason: str) -> bool:
    """Withdraw a row from which nothing ever left; false when an attempt may have, or it is final."""
    row = connection.execute(
        update(transmissions)
        .where(
            transmissions.c.id == transmission_id,
            transmissions.c.state == SendState.PENDING.value,
            transmissions.c.uncertain.is_(False),
        )
        .values(state=SendState.WITHDRAWN.value, due_at=None, reason=reason[:200], updated_at=at, **_RELEASED)
        .returning(
            transmissions.c.kind,
            transmissions.c.order_id,
            transmissions.c.fulfilment_order_id,
            transmissions.c.key,
        )
    ).first()
    if row is None:
        return False
    mirror(
        connection,
        row.kind,
        row.order_id,
        row.fulfilment_order_id,
        row.key,
        SendState.PENDING,
        SendState.WITHDRAWN,
        at=at,
    )
    return True


def order_write(connection: Connection, fulfilment_order_id: int) -> int:
    """Return the transmission that creates a fulfilment order in its back end."""
    return int(
        connection.execute(
            select(transmissions.c.id).where(
                transmissions.c.fulfilment_order_id == fulfilment_order_id, transmissions.c.kind == "order"
            )
        ).scalar_one()
    )


def compose_anew(connection: Connection, fulfilment_order_id: int, *, at: datetime) -> bool:
    """Have an order from which nothing ever left composed anew; false when an attempt may have left, or it is final.

    A worker in the middle of composing it finds its lease gone. What is parked stays parked.
    """
    changed = connection.execute(
        update(transmissions)
        .where(
            transmissions.c.fulfilment_order_id == fulfilment_order_id,
            transmissions.c.kind == "order",
            transmissions.c.state == SendState.PENDING.value,
            transmissions.c.uncertain.is_(False),
        )
        .values(body=None, body_version=transmissions.c.body_version + 1, updated_at=at, **_RELEASED)
    )
    return changed.rowcount == 1


def look_up_soon(connection: Connection, fulfilment_order_id: int, *, at: datetime) -> None:
    """Have an order whose outcome is unknown looked up now, unless somebody is at it."""
    connection.execute(
        update(transmissions)
        .where(
            transmissions.c.fulfilment_order_id == fulfilment_order_id,
            transmissions.c.kind == "order",
            transmissions.c.state == SendState.SENT.value,
            or_(transmissions.c.lease_until.is_(None), transmissions.c.lease_until < at),
        )
        .values(due_at=at, updated_at=at)
    )


def id_of(connection: Connection, target: str, kind: str, key: str) -> int | None:
    """Return a write by its key, or None."""
    return connection.execute(
        select(transmissions.c.id).where(
            transmissions.c.target == target, transmissions.c.kind == kind, transmissions.c.key == key
        )
    ).scalar()


def is_final(connection: Connection, target: str, kind: str, key: str) -> bool:
    """Say whether a write is there and finished."""
    state = connection.execute(
        select(transmissions.c.state).where(
            transmissions.c.target == target, transmissions.c.kind == kind, transmissions.c.key == key
        )
    ).scalar()
    return state in (SendState.ACKNOWLEDGED.value, SendState.WITHDRAWN.value)


def next_due(connection: Connection, order_id: int, kinds: Sequence[str]) -> datetime | None:
    """Return when the first unfinished write of these kinds is due for an order; None where none is."""
    return connection.execute(
        select(func.min(transmissions.c.due_at)).where(
            transmissions.c.order_id == order_id,
            transmissions.c.kind.in_(kinds),
            transmissions.c.state.in_((SendState.PENDING.value, SendState.SENT.value)),
        )
    ).scalar()


def make_due(connection: Connection, *, at: datetime, order_id: int) -> list[int]:
    """Put an order's unfinished writes on the clock again, for a re-run by hand; return their ids."""
    rows = connection.execute(
        update(transmissions)
        .where(
            transmissions.c.order_id == order_id,
            transmissions.c.state.in_((SendState.PENDING.value, SendState.SENT.value)),
        )
        .values(due_at=at, failures=0, updated_at=at)
        .returning(transmissions.c.id)
    ).all()
    return [row.id for row in rows]


def compare_soon(connection: Connection, fulfilment_order_id: int, *, at: datetime) -> None:
    """Have an order that we never sent looked up: the back end seems to hold it all the same."""
    connection.execute(
        update(transmissions)
        .where(
            transmissions.c.fulfilment_order_id == fulfilment_order_id,
            transmissions.c.kind == "order",
            transmissions.c.state == SendState.PENDING.value,
        )
        .values(due_at=at, updated_at=at)
    )


def keys_of(connection: Connection, fulfilment_order_id: int, kind: str) -> frozenset[str]:
    """Return the keys of a fulfilment order's writes of a kind."""
    return frozenset(
        connection.execute(
            select(transmissions.c.key).where(
                transmissions.c.fulfilment_order_id == fulfilment_order_id, transmissions.c.kind == kind
            )
        ).scalars()
    )


def look_soon(connection: Connection, fulfilment_order_id: int, kind: str, *, at: datetime) -> None:
    """Put a fulfilment order's unfinished writes of a kind on the clock: what parked them seems to be over."""
    connection.execute(
        update(transmissions)
        .where(
            transmissions.c.fulfilment_order_id == fulfilment_order_id,
            transmissions.c.kind == kind,
            transmissions.c.state.in_((SendState.PENDING.value, SendState.SENT.value)),
        )
        .values(due_at=at, updated_at=at)
    )


def look_at_parked(connection: Connection, ids: Sequence[int], *, at: datetime) -> int:
    """Put those of these writes on the clock that an exception keeps off it; each is looked up first. Return how many."""
    if not ids:
        return 0
    return connection.execute(
        update(transmissions)
        .where(
            transmissions.c.id.in_(ids),
            transmissions.c.due_at.is_(None),
            transmissions.c.state.in_((SendState.PENDING.value, SendState.SENT.value)),
        )
        .values(due_at=at, updated_at=at)
    ).rowcount


def frozen_body(connection: Connection, fulfilment_order_id: int) -> str | None:
    """Return the body that was frozen for a fulfilment order, if there is one."""
    return connection.execute(
        select(transmissions.c.body).where(
            transmissions.c.fulfilment_order_id == fulfilment_order_id, transmissions.c.kind == "order"
        )
    ).scalar()


def targets_due(connection: Connection, *, at: datetime) -> list[tuple[str, str, int]]:
    """Return (target, kind, how many) of everything that is due and not leased: what the sweeper rings for."""
    rows = connection.execute(
        select(transmissions.c.target, transmissions.c.kind, func.count())
        .where(
            transmissions.c.due_at <= at,
            or_(transmissions.c.lease_until.is_(None), transmissions.c.lease_until < at),
        )
        .group_by(transmissions.c.target, transmissions.c.kind)
    ).all()
    return [(row[0], row[1], row[2]) for row in rows]
