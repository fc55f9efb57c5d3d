"""Housekeeping: delete what nobody can need any more."""

from __future__ import annotations

from datetime import timedelta

from syncbridge.flows.context import Context
from syncbridge.ledger import feeds

# A scheduled message expires long before; a day leaves room for a broker that comes back with old ones.
SLOTS_KEPT = timedelta(days=1)


def run(context: Context) -> dict[str, int]:
    """Tidy up; return how many rows went."""
    with context.ledger.work() as work:
        slots = feeds.forget_slots(work.connection, context.now() - SLOTS_KEPT)
        work.commit()
    return {"slots": slots}
