"""Looking before cancelling: whether all parts of a cancellation can go, so that none goes alone."""

from __future__ import annotations

from dataclasses import replace

from syncbridge.domain.backend import BackendOrder, FulfilmentStatus
from syncbridge.domain.cancellation import Cancellation
from syncbridge.domain.states import CancellationState, SendState
from syncbridge.flows import cancelling, status_pull
from syncbridge.flows.cancel_concern import concern
from syncbridge.flows.cancel_outcome import settle_part
from syncbridge.flows.context import Context
from syncbridge.ledger import backend_readings, cancellations, order_locks, order_parts, ordered_units
from syncbridge.ledger.order_parts import Part
from syncbridge.ports.backend import Capability


def check(context: Context, cancellation: Cancellation) -> Cancellation:
    """Let a cancellation go on to its parts, or refuse all of it where one is past its cut-off.

    Unchanged where a part's outcome is still unknown. A single part needs no look before: asking is the look. Raises
    a VendorError or Busy where a back end does not answer.
    """
    parts = _parts(context, cancellation)
    statuses: dict[int, str] = {}
    too_late = False
    if len(parts) > 1:
        if any(part.state is SendState.SENT for part in parts):
            return cancellation
        for part in parts:
            allowed, status = _look(context, part)
            statuses[part.id] = status
            too_late = too_late or not allowed
    at = context.now()
    with context.ledger.work() as work:
        if parts:
            order_locks.lock_order(work.connection, parts[0].order_id)
        current = cancellations.by_id(work.connection, cancellation.id, lock=True)
        now = order_parts.parts_of_order(work.connection, current.order_id) if current.order_id is not None else []
        concerned = [part.id for part in now if current.concerns(part.merchant, part.warehouse)]
        if not current.state.is_open or current.tries or concerned != [part.id for part in parts]:
            # Decided by somebody else, or a part came in while we looked: it is looked at again.
            return current
        if too_late:
            places = ordered_units.units_of_order(work.connection, parts[0].order_id)
            for part in parts:
                about = concern(current, part, places)
                current = settle_part(
                    context, work.connection, current, part, CancellationState.REFUSED,
                    about.units if about is not None else (), at, status=statuses[part.id],
                )  # fmt: skip
        else:
            places = ordered_units.units_of_order(work.connection, parts[0].order_id) if parts else []
            about_parts = [concern(current, part, places) for part in parts]
            wished = {about.part.id: about.units for about in about_parts if about is not None}
            passed = replace(current.expecting({part: wished.get(part, ()) for part in concerned}), tries=1)
            cancellations.store(work.connection, current, passed, at)
            current = passed
        work.commit()
    return current


def has_changed(context: Context, cancellation: Cancellation) -> bool:
    """Say whether what refused a cancellation is over: every part could go now, and the state is not the one that refused.

    Raises a VendorError or Busy where a back end does not answer.
    """
    changed = False
    for part in _parts(context, cancellation):
        known = cancellation.outcome(part.id)
        if known is not None and known.state is CancellationState.CANCELLED:
            continue
        allowed, status = _look(context, part)
        if not allowed:
            return False
        changed = changed or known is None or known.status != status
    return changed


def listen(context: Context, cancellation: Cancellation) -> None:
    """Note what the back ends say now of the parts that are not decided; raises a VendorError or Busy."""
    for part in _parts(context, cancellation):
        known = cancellation.outcome(part.id)
        if part.state is not SendState.ACKNOWLEDGED or (known is not None and not known.state.is_open):
            continue
        order = context.backend_named(part.account).find_orders([part.reference]).get(part.reference)
        if order is not None:
            with context.ledger.work() as work:
                order_locks.lock_order(work.connection, part.order_id)
                status_pull.note(context, work.connection, part.account, order, context.now())
                cancelling.hear(context, work.connection, part, order, context.now())
                work.commit()


def _parts(context: Context, cancellation: Cancellation) -> list[Part]:
    if cancellation.order_id is None:
        return []
    with context.ledger.reading() as connection:
        found = order_parts.parts_of_order(connection, cancellation.order_id)
    return [part for part in found if cancellation.concerns(part.merchant, part.warehouse)]


def _look(context: Context, part: Part) -> tuple[bool, str]:
    """Return whether a part can still be kept from leaving, and what its back end calls its state."""
    if part.state in (SendState.PENDING, SendState.WITHDRAWN):
        return True, part.state.value
    with context.ledger.reading() as connection:
        status = backend_readings.raw_status_of(connection, part.id)
        left = ordered_units.despatched_units(connection, part.id)
    backend = context.backend_named(part.account)
    if left or backend.capabilities.cancel is Capability.OFF:
        return False, status
    order: BackendOrder | None = backend.find_orders([part.reference]).get(part.reference)
    if order is None:
        return backend.capabilities.cancel is Capability.MANUAL, status
    gone = order.status is FulfilmentStatus.CANCELLED
    return gone or order.cancellable, order.raw_status
