"""Escalation: what takes too long becomes an exception in time, and closes by itself when the proof comes."""

from __future__ import annotations

from datetime import datetime, timedelta

from syncbridge.domain.states import SendState
from syncbridge.flows.context import Context
from syncbridge.ledger import cancellations, lateness
from syncbridge.ledger.exceptions import (
    close_exceptions,
    is_open,
    open_exception,
    resolved_since,
    subjects_of,
)
from syncbridge.ledger.lateness import Late

# Longer than any recovery that needs nobody (20 s call, 25 s lease, 10 s sweep, 90 s until an absence counts).
STUCK_AFTER = timedelta(minutes=15)
# SCAYLE closes an order as shipped 14 days after delegation (documented): four days are left to act.
FORCE_CLOSE_WARNING = timedelta(days=10)
FORCE_CLOSE = timedelta(days=14)
# SCAYLE asks again for minutes and hours; a picker has long finished what he had in hand. Chosen.
UNDECIDED_AFTER = timedelta(minutes=30)


def run(context: Context) -> dict[str, int]:
    """Open and close the exceptions that only time decides; return counts."""
    return {
        "stuck": _stuck(context),
        "force_close_near": _force_close(context),
        "cancellation_undecided": _undecided(context),
        "closed": _close_settled(context) + _close_decided(context),
    }


def _stuck(context: Context) -> int:
    at = context.now()
    with context.ledger.reading() as connection:
        late = [
            write
            for write in lateness.late_writes(connection, at, STUCK_AFTER)
            if not _waits_for_import(context, write, at)
        ]
    for write in late:
        _open_once(
            context,
            "order_stuck",
            f"{'fulfilment' if write.kind == 'order' else write.kind}:{write.key}",
            write.order_id,
            f"{write.target}: {write.reason or 'not picked up'}",
            {
                "reference": write.key,
                "write": write.kind,
                "state": write.state,
                "attempts": write.attempts,
                "since": write.created_at.isoformat(),
                "last": write.reason,
            },
        )
    return len(late)


def _waits_for_import(context: Context, write: Late, at: datetime) -> bool:
    """Say whether a back end that makes accepted orders later has its time for this one still before it."""
    if write.kind != "order" or write.state != SendState.SENT.value:
        return False
    waits = [
        one.timing.import_timeout for one in context.backends.values() if one.account == write.target
    ]
    return bool(waits) and waits[0] is not None and at - write.created_at < waits[0] + STUCK_AFTER


def _force_close(context: Context) -> int:
    at = context.now()
    with context.ledger.reading() as connection:
        parts = lateness.open_since(connection, at - 2 * FORCE_CLOSE, at - FORCE_CLOSE_WARNING)
    for part in parts:
        _open_once(
            context,
            "force_close_near",
            f"fulfilment:{part.reference}",
            part.order_id,
            "open units near SCAYLE's force-close",
            {
                "reference": part.reference,
                "taken_in": part.created_at.isoformat(),
                "force_close": (part.created_at + FORCE_CLOSE).isoformat(),
            },
        )
    return len(parts)


def _undecided(context: Context) -> int:
    at = context.now()
    with context.ledger.reading() as connection:
        waiting = [
            one
            for one in cancellations.undecided_since(connection, at - UNDECIDED_AFTER, at)
            # A person who has dealt with it is not told again: nothing may ever decide it.
            if not resolved_since(connection, "cancellation_undecided", f"cancellation:{one.id}", one.asked_at)
        ]
    for one in waiting:
        _open_once(
            context,
            "cancellation_undecided",
            f"cancellation:{one.id}",
            one.order_id,
            f"cancellation without an outcome: {one.state}",
            {
                "state": one.state,
                "asked_by": one.source,
                "order_reference": one.reference_key,
                "merchant": one.merchant,
                "since": one.asked_at.isoformat(),
            },
        )
    return len(waiting)


def _close_decided(context: Context) -> int:
    with context.ledger.reading() as connection:
        numbers = [int(subject.rpartition(":")[2]) for subject in subjects_of(connection, "cancellation_undecided")]
        decided = cancellations.decided_among(connection, numbers)
    for number in decided:
        with context.ledger.work() as work:
            close_exceptions(
                work.connection,
                f"cancellation:{number}",
                "cancellation_undecided",
                at=context.now(),
                resolution="it is decided",
            )
            work.commit()
    return len(decided)


def _open_once(
    context: Context, kind: str, subject: str, order_id: int | None, cause: str, evidence: dict[str, object]
) -> None:
    with context.ledger.work() as work:
        if not is_open(work.connection, kind, subject):
            open_exception(
                work.connection, kind, subject, at=context.now(), cause=cause, evidence=evidence, order_id=order_id
            )
            work.commit()


def _close_settled(context: Context) -> int:
    with context.ledger.reading() as connection:
        subjects = lateness.settled_subjects(connection, "force_close_near")
    for subject in subjects:
        with context.ledger.work() as work:
            close_exceptions(
                work.connection,
                subject,
                "force_close_near",
                at=context.now(),
                resolution="no unit is open any more",
            )
            work.commit()
    return len(subjects)
