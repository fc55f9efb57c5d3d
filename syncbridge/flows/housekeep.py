"""Housekeeping: delete what nobody can need any more."""

from __future__ import annotations

from datetime import timedelta

from syncbridge.flows.context import Context
from syncbridge.ledger import feeds, stock

# A scheduled message expires long before; a day leaves room for a broker that comes back with old ones.
SLOTS_KEPT = timedelta(days=1)
# SCAYLE delegates for about two days and then cancels; a day more for clocks and weekends.
SOLD_KEPT = timedelta(days=3)


def run(context: Context) -> dict[str, int]:
    """Tidy up; return how many rows went."""
    with context.ledger.work() as work:
        slots = feeds.forget_slots(work.connection, context.now() - SLOTS_KEPT)
        sold = stock.forget_sold(work.connection, context.now() - SOLD_KEPT)
        work.commit()
    return {"slots": slots, "sold_units": sold}
