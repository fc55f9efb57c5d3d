"""The sweeper: whatever is due and not leased is rung for again, so that a lost message costs seconds."""

from __future__ import annotations

from syncbridge.flows.context import Context
from syncbridge.ledger import transmissions

_FLOWS = {"shipment": "shipment_push", "cancellation": "cancellation_push"}
# One task drains a target for 20 s (flows.outward.BUDGET_SECONDS); more than a few side by side only queue up.
ROWS_PER_RING = 25
MOST_RINGS = 4


def run(context: Context) -> dict[str, int]:
    """Ring for every target that has due work; return how many rows are due per target and kind."""
    with context.ledger.reading() as connection:
        due = transmissions.targets_due(connection, at=context.now())
    for target, kind, count in due:
        for _ring in range(min(MOST_RINGS, 1 + count // ROWS_PER_RING)):
            if kind == "order":
                context.doorbell.ring("order_push", target)
            else:
                context.doorbell.ring(_FLOWS[kind])
    return {f"{target} {kind}": count for target, kind, count in due}
