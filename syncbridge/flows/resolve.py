"""Resolve: a person closes an exception with a reason, and the ledger keeps who and why."""

from __future__ import annotations

from syncbridge.domain.states import ExceptionState
from syncbridge.flows.context import Context
from syncbridge.ledger import audit
from syncbridge.ledger.exceptions import close_exceptions


def run(
    context: Context,
    exception_id: int,
    kind: str,
    subject: str,
    *,
    actor: str,
    reason: str,
    dry_run: bool = False,
) -> bool:
    """Close the open exception of this kind and subject; false when none is open any more.

    It opens again, as a new one, when its cause is met again. With `dry_run` nothing is changed.
    """
    if not reason.strip():
        raise ValueError("an exception is resolved with a reason")
    at = context.now()
    with context.ledger.work() as work:
        closed = close_exceptions(work.connection, subject, kind, at=at, resolution=f"{reason} ({actor})")
        if closed and not dry_run:
            audit.record(
                work.connection,
                actor=actor,
                action="exceptions resolve",
                subject=f"exception:{exception_id}",
                reason=reason,
                before={"kind": kind, "subject": subject, "state": "not resolved"},
                after={"state": ExceptionState.RESOLVED.value},
                at=at,
            )
            work.commit()
    return closed > 0
