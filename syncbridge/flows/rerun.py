"""Re-run: a person puts an order's unfinished writes on the clock again, and the ledger keeps who and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from syncbridge.flows.context import Context
from syncbridge.ledger import audit, due_times, order_locks
from syncbridge.ledger.unfinished import UnfinishedWrite, unfinished_writes

_FLOWS = {
    "shipment": "shipment_push",
    "cancellation": "cancellation_push",
    "order_cancel": "cancel_ask",
    "return": "return_push",
    "return_announce": "return_announce",
}


@dataclass(frozen=True)
class Rerun:
    """An order and the writes that were put on the clock, as they were before; none when all are final."""

    order_id: int
    writes: tuple[UnfinishedWrite, ...]


def run(
    context: Context, order_ids: Iterable[int], *, actor: str, reason: str, dry_run: bool = False
) -> list[Rerun]:
    """Make every unfinished write of the orders due now, and ring for them; each order is a transaction of its own.

    What is final stays final, and a write whose outcome is unknown is looked up before it is sent: a re-run never
    doubles anything. With `dry_run` nothing is changed.
    """
    done: list[Rerun] = []
    for order_id in dict.fromkeys(order_ids):
        with context.ledger.work() as work:
            order_locks.lock_order(work.connection, order_id)
            writes = unfinished_writes(work.connection, order_id=order_id)
            if writes and not dry_run:
                at = context.now()
                made_due = due_times.make_due(work.connection, at=at, order_id=order_id)
                audit.record(
                    work.connection,
                    actor=actor,
                    action="orders rerun",
                    subject=f"order:{order_id}",
                    reason=reason,
                    before={"writes": [_before(write) for write in writes]},
                    after={"due": made_due, "due_at": at.isoformat()},
                    at=at,
                )
                work.commit()
        done.append(Rerun(order_id, tuple(writes)))
    if not dry_run:
        _ring(context, done)
    return done


def _before(write: UnfinishedWrite) -> dict[str, object]:
    return {
        "id": write.id,
        "kind": write.kind,
        "state": write.state.value,
        "due_at": write.due_at.isoformat() if write.due_at else None,
        "failures": write.failures,
    }


def _ring(context: Context, done: list[Rerun]) -> None:
    """Ring once per target and flow, after the last commit: one run takes everything that is due along."""
    rings = {
        ("order_push", write.target) if write.kind in ("order", "copy_cancel") else (_FLOWS[write.kind],)
        for rerun in done
        for write in rerun.writes
    }
    for flow, *arguments in sorted(rings):
        context.doorbell.ring(flow, *arguments)
