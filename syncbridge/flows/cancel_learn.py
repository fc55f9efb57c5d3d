"""Cancel learn: units that the shop has cancelled by itself are withdrawn, or cancelled where they already are.

The order poll finds them; an event of SCAYLE only rings for one order's look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from syncbridge.domain.cancellation import Cancellation, PartOutcome, Source
from syncbridge.domain.errors import NotFound
from syncbridge.domain.orders import ShopOrder, ShopUnitState
from syncbridge.domain.states import CancellationState
from syncbridge.flows import cancel_ask
from syncbridge.flows.context import SHOP, Context
from syncbridge.flows.feed import defect
from syncbridge.ledger import (
    cancel_writes,
    cancellations,
    due_times,
    history,
    late_cancellations,
    order_locks,
    order_parts,
    ordered_units,
)
from syncbridge.ledger.engine import Connection, DatabaseAway
from syncbridge.ledger.order_parts import Part

_GONE = (ShopUnitState.CANCELLED, ShopUnitState.UNFULFILLABLE)


def run(context: Context, order_id: int | None = None) -> dict[str, int]:
    """Read one order of SCAYLE because an event named it; return how many units were found cancelled."""
    if order_id is None or not context.configuration.scayle.order_reading:
        return {"cancelled": 0}
    with context.ledger.reading() as connection:
        waiting = ordered_units.has_open_units(connection, order_id)
    if not waiting:
        # Every unit of a large order tells its own event, ours among them: one look is enough.
        return {"cancelled": 0}
    try:
        order = context.shop.read_order(order_id)
    except NotFound:
        return {"cancelled": 0}
    return {"cancelled": learn(context, [order], Source.EVENT)}


def learn(context: Context, seen: Sequence[ShopOrder], source: Source) -> int:
    """Find the units that are open here and closed in the shop; return how many. One bad order stops no other."""
    gone = [unit.order_item_id for order in seen for unit in order.units if unit.state in _GONE]
    if not gone:
        return 0
    with context.ledger.reading() as connection:
        found = ordered_units.open_among(connection, gone)
        refused = cancel_writes.parked_closings(connection, gone)
    _look_again(context, refused)
    for order_id, units in found.items():
        try:
            with context.ledger.work() as work:
                learnt = _learn_order(work.connection, order_id, units, source, context.now())
                work.commit()
            cancel_ask.go_on(context, learnt)
        except DatabaseAway:
            raise
        except Exception as error:  # noqa: BLE001  # one bad item never stops the batch
            with context.ledger.work() as work:
                defect(work.connection, f"order:{order_id}", "cancel_learn", error, context.now())
                work.commit()
    if found:
        context.doorbell.ring("cancel_ask")
    return sum(len(units) for units in found.values())


def _look_again(context: Context, writes: Sequence[int]) -> None:
    """Have a look at what SCAYLE refused to hear from us, now that it shows units of it as closed."""
    if not writes:
        return
    with context.ledger.work() as work:
        due_times.look_at_parked(work.connection, writes, at=context.now())
        work.commit()
    context.doorbell.ring("cancellation_push")


def _learn_order(
    connection: Connection, order_id: int, units: Sequence[int], source: Source, at: datetime
) -> list[int]:
    """Note the units as cancelled; return the cancellations that are to be taken further."""
    learnt: list[int] = []
    order_locks.lock_order(connection, order_id)
    places = {one.order_item_id: one.fulfilment_order_id for one in ordered_units.units_of_order(connection, order_id)}
    parts = {part.id: part for part in order_parts.parts_of_order(connection, order_id)}
    order_parts.want_cancelled(connection, sorted({places[unit] for unit in units}), at)
    for part_id in sorted({places[unit] for unit in units}):
        mine = [unit for unit in units if places[unit] == part_id]
        cancellation = _widened(connection, parts[part_id], mine, source, at)
        # The shop has them cancelled, whatever the warehouse still does.
        why = ordered_units.cancel_units(connection, mine, at)
        history.record(
            connection, order_id, SHOP, "units_cancelled", at=at, subject=parts[part_id].reference,
            units=mine, why=why, learnt_by=source.value,
        )  # fmt: skip
        learnt.append(cancellation.id)
    return learnt


def _widened(
    connection: Connection, part: Part, units: Sequence[int], source: Source, at: datetime
) -> Cancellation:
    """Return the cancellation of what the shop cancelled of a part, with these units in it, and open again."""
    cancellation, fresh = cancellations.meet(
        connection,
        scope=f"shop:{part.id}",
        source=source,
        order_id=part.order_id,
        reference_key="",
        merchant=part.merchant,
        warehouses=(part.warehouse,) if part.warehouse else (),
        units=units,
        reason="cancelled in SCAYLE",
        at=at,
    )
    if fresh:
        expecting = cancellation.expecting({part.id: units})
        cancellations.store(connection, cancellation, expecting, at)
        return expecting
    wider = replace(
        cancellation,
        units=tuple(sorted({*(cancellation.units or ()), *units})),
        outcomes=(),
        state=CancellationState.ASKED,
        tries=cancellation.tries + 1,
    ).expecting({part.id: units})
    cancellations.store(connection, cancellation, wider, at)
    return wider


def note_left(connection: Connection, part: Part, units: Sequence[int], at: datetime) -> None:
    """Note units of which the shop's cancellation was learnt only when they had left: a return is announced for them."""
    order_parts.want_cancelled(connection, [part.id], at)
    cancellation = _widened(connection, part, units, Source.POLL, at)
    refused = cancellation.with_outcome(
        PartOutcome(part.id, CancellationState.REFUSED, "despatched", cancellation.units or ())
    )
    cancellations.store(connection, cancellation, refused, at)
    late_cancellations.want_return(connection, refused, units, at)
