"""The sweeper: whatever is due and not leased is rung for again, so that a lost message costs seconds."""

from __future__ import annotations

from syncbridge.flows.context import Context
from syncbridge.ledger import due_times

_FLOWS = {
    "shipment": "shipment_push",
    "cancellation": "cancellation_push",
    "order_cancel": "cancel_ask",
    "return": "return_push",
    "return_announce": "return_announce",
}


def run(context: Context) -> dict[str, int]:
    """Ring for every target that has due work; return how many rows are due per target and kind."""
    with context.ledger.reading() as connection:
        due = due_times.targets_due(connection, at=context.now())
    for target, kind, _count in due:
        if kind in ("order", "copy_cancel"):
            context.doorbell.ring("order_push", target)
        else:
            context.doorbell.ring(_FLOWS[kind])
    return {f"{target} {kind}": count for target, kind, count in due}
