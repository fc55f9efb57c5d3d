"""Housekeeping: delete what nobody can need any more, and erase personal data when its time is over."""

from __future__ import annotations

from datetime import timedelta

from syncbridge.flows.context import Context
from syncbridge.ledger import erasure, feeds, sold_units

# A scheduled message expires long before; a day leaves room for a broker that comes back with old ones.
SLOTS_KEPT = timedelta(days=1)
# SCAYLE delegates for about two days and then cancels; a day more for clocks and weekends.
SOLD_KEPT = timedelta(days=3)
# An hour's run erases at most so many batches; what is left waits for the next.
MOST_BATCHES = 50


def run(context: Context) -> dict[str, int]:
    """Tidy up and erase personal data whose time is over; return how many rows went."""
    now = context.now()
    retention = context.configuration.retention
    with context.ledger.work() as work:
        slots = feeds.forget_slots(work.connection, now - SLOTS_KEPT)
        sold = sold_units.forget_sold(work.connection, now - SOLD_KEPT)
        messages = erasure.erase_messages(work.connection, now - timedelta(days=retention.inbox_days))
        work.commit()
    orders = 0
    for _batch in range(MOST_BATCHES):
        with context.ledger.work() as work:
            erased = erasure.erase_orders(work.connection, now - timedelta(days=retention.personal_data_days))
            work.commit()
        orders += erased
        if erased < erasure.BATCH:
            break
    return {"slots": slots, "sold_units": sold, "messages_erased": messages, "orders_erased": orders}
