"""How far each outward write got: attempts and outcomes. The only module that changes a transmission's state.

Every UPDATE names the state it expects and, once a row is claimed, the lease it was claimed under; a worker
that wakes after its lease was taken over changes nothing and gets LeaseLost.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update

from syncbridge.domain.errors import CallEvidence, LeaseLost
from syncbridge.domain.states import SendState, require_send
from syncbridge.ledger import history
from syncbridge.ledger.claims import Claim
from syncbridge.ledger.statements import update_where
from syncbridge.ledger.tables import attempts, fulfilment_orders, transmissions


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
