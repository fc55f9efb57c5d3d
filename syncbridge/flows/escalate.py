"""Escalation: what takes too long becomes an exception in time, and closes by itself when the proof comes."""

from __future__ import annotations

from datetime import timedelta

from syncbridge.flows.context import Context
from syncbridge.ledger import lateness
from syncbridge.ledger.exceptions import close_exceptions, is_open, open_exception

# Longer than any recovery that needs nobody (20 s call, 25 s lease, 10 s sweep, 90 s until an absence counts).
STUCK_AFTER = timedelta(minutes=15)
# SCAYLE closes an order as shipped 14 days after delegation (documented): four days are left to act.
FORCE_CLOSE_WARNING = timedelta(days=10)
FORCE_CLOSE = timedelta(days=14)


def run(context: Context) -> dict[str, int]:
    """Open and close the exceptions that only time decides; return counts."""
    return {"stuck": _stuck(context), "force_close_near": _force_close(context), "closed": _close_settled(context)}


def _stuck(context: Context) -> int:
    at = context.now()
    with context.ledger.reading() as connection:
        late = lateness.late_writes(connection, at, STUCK_AFTER)
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


def _open_once(
    context: Context, kind: str, subject: str, order_id: int, cause: str, evidence: dict[str, object]
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
