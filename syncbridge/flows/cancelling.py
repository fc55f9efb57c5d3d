"""What becomes of a cancellation now: what the ledger can decide alone, what a back end has to be asked, what it says.

No vendor is called here; everything runs inside the caller's transaction, which has locked the order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from syncbridge.domain.backend import BackendOrder, CancelState, FulfilmentStatus
from syncbridge.domain.cancellation import Cancellation, Source
from syncbridge.domain.states import CancellationState, SendState
from syncbridge.flows.cancel_concern import Concern, concern
from syncbridge.flows.cancel_outcome import settle_part, tell_shop
from syncbridge.flows.context import Context
from syncbridge.ledger import (
    backend_readings,
    cancellations,
    due_times,
    intents,
    order_locks,
    order_parts,
    ordered_units,
    transmission_reads,
    transmissions,
)
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions
from syncbridge.ledger.order_parts import Part
from syncbridge.ports.backend import Capability

KIND = "order_cancel"
# Troubles of an order that are over once nothing of it is to be sent any more.
_TROUBLES = ("order_invalid", "order_refused", "order_conflict", "order_stuck", "units_shipped_elsewhere", "defect")


def advance(context: Context, connection: Connection, cancellation_id: int, at: datetime) -> Cancellation:
    """Do everything for a cancellation that can be done now without a vendor; return it as it is then.

    What never left is withdrawn; what a back end has is put on the clock to be asked; the rest is a person's.
    """
    seen = cancellations.by_id(connection, cancellation_id)
    if seen.order_id is None or not seen.state.is_open or not seen.tries:
        return seen
    order_locks.lock_order(connection, seen.order_id)
    places = ordered_units.units_of_order(connection, seen.order_id)
    decided = []
    spent = False
    for part in order_parts.parts_of_order(connection, seen.order_id):
        about = concern(seen, part, places)
        known = seen.outcome(part.id)
        if about is None or (known is not None and known.state is not CancellationState.ASKED):
            continue
        state = _step(context, connection, seen, about, at)
        if state is not None:
            decided.append((about, state))
        spent = spent or (state is None and transmission_reads.is_final(connection, part.account, KIND, _write_key(seen, part)))
    cancellation = cancellations.by_id(connection, cancellation_id, lock=True)
    for about, state in decided:
        if cancellation.state.is_open:
            cancellation = settle_part(
                context, connection, cancellation, about.part, state, about.units, at,
                status=_refusing(connection, about) if state is CancellationState.REFUSED else "",
            )  # fmt: skip
    if spent and cancellation.state.is_open and cancellation.tries == seen.tries:
        # The back end took it and yet shows nothing of it: it is asked once more, under a new key.
        again = replace(cancellation, tries=seen.tries + 1)
        cancellations.store(connection, cancellation, again, at)
        cancellation = again
    cancellations.touch(connection, cancellation_id, at)
    return cancellation


def _step(
    context: Context, connection: Connection, cancellation: Cancellation, about: Concern, at: datetime
) -> CancellationState | None:
    """Take the next step for one part; return its outcome where that is known already."""
    part = about.part
    match part.state:
        case SendState.WITHDRAWN:
            return CancellationState.CANCELLED
        case SendState.PENDING if about.whole:
            return withdraw(connection, part, at)
        case SendState.PENDING:
            # What is left is composed anew without these units.
            again = transmissions.compose_anew(connection, part.id, at=at)
            return CancellationState.CANCELLED if again else None
        case SendState.SENT:
            due_times.look_up_soon(connection, part.id, at=at)
            return None
    if not about.units:
        return CancellationState.REFUSED if about.despatched else CancellationState.CANCELLED
    capabilities = context.backend_named(part.account).capabilities
    if capabilities.cancel is Capability.OFF or (about.despatched and cancellation.source is Source.CALL):
        return CancellationState.REFUSED
    if capabilities.cancel is Capability.MANUAL:
        return CancellationState.MANUAL
    if not about.whole and not capabilities.cancel_lines:
        return CancellationState.MANUAL
    intents.add_once(
        connection,
        kind=KIND,
        target=part.account,
        key=_write_key(cancellation, part),
        order_id=part.order_id,
        fulfilment_order_id=part.id,
        at=at,
        due_at=at,
    )
    return None


def _write_key(cancellation: Cancellation, part: Part) -> str:
    return f"{part.reference}:w{cancellation.id}.{cancellation.tries}"


def withdraw(connection: Connection, part: Part, at: datetime) -> CancellationState | None:
    """Take an order back from which nothing ever left; None when an attempt may have left by now."""
    write = transmission_reads.order_write(connection, part.id)
    if not transmissions.withdraw_unsent(connection, write, at=at, reason="cancelled before it was sent"):
        return None
    close_exceptions(
        connection, f"fulfilment:{part.reference}", *_TROUBLES, at=at, resolution="cancelled before it was sent"
    )
    return CancellationState.CANCELLED


def _refusing(connection: Connection, about: Concern) -> str:
    """Return the state that refuses a cancellation; of what has left, the feed of statuses may not have told yet."""
    return "despatched" if about.despatched else backend_readings.raw_status_of(connection, about.part.id)


def hear(context: Context, connection: Connection, part: Part, order: BackendOrder, at: datetime) -> None:
    """Apply what a back end says of an order to the cancellations of it that have no outcome yet."""
    waiting = cancellations.open_for_order(connection, part.order_id)
    if not waiting:
        return
    for cancellation in waiting:
        # Read anew for each: what the one before took of a line is not there for the next one.
        places = ordered_units.units_of_order(connection, part.order_id)
        about = concern(cancellation, part, places)
        known = cancellation.outcome(part.id)
        if about is None or not cancellation.tries or (known is not None and not known.state.is_open):
            continue
        state = _heard(about, None if known is None else known.state, order)
        if state is CancellationState.CANCELLED and about.despatched and cancellation.source is Source.CALL:
            # The rest will not leave, but something has: the shop must not take it all as cancelled.
            state = CancellationState.REFUSED
        if state is not None:
            settle_part(
                context, connection, cancellation, part, state, about.units, at, status=order.raw_status
            )
        elif known is None or known.state is CancellationState.ASKED:
            context.doorbell.ring("cancel_ask", part.account)


def _heard(about: Concern, known: CancellationState | None, order: BackendOrder) -> CancellationState | None:
    if order.status is FulfilmentStatus.CANCELLED or all(line.cancelled >= line.ordered for line in order.lines):
        return CancellationState.CANCELLED
    if not about.whole and about.targets:
        shown = {line.line_number: line.cancelled for line in order.lines}
        if all(shown.get(line, 0) >= target for line, target in about.targets.items()):
            return CancellationState.CANCELLED
    if order.cancellation is CancelState.REQUESTED:
        return CancellationState.REQUESTED if known is not CancellationState.MANUAL else None
    if known is CancellationState.REQUESTED and order.cancellation is CancelState.REFUSED:
        return CancellationState.REFUSED
    if known in (CancellationState.REQUESTED, CancellationState.MANUAL) and (
        order.status is FulfilmentStatus.DESPATCHED
        or (about.whole and order.status is FulfilmentStatus.PARTIALLY_DESPATCHED)
    ):
        return CancellationState.REFUSED
    return None


def note_refused(
    context: Context, connection: Connection, cancellation_id: int, part: Part, status: str, at: datetime
) -> None:
    """The back end refused to cancel a part: it is past the cut-off, and stays so as long as its status does."""
    cancellation = cancellations.by_id(connection, cancellation_id, lock=True)
    known = cancellation.outcome(part.id)
    if not cancellation.state.is_open or (known is not None and not known.state.is_open):
        return
    about = concern(cancellation, part, ordered_units.units_of_order(connection, part.order_id))
    units = about.units if about is not None else ()
    settle_part(context, connection, cancellation, part, CancellationState.REFUSED, units, at, status=status)


def unwanted(connection: Connection, part_ids: Iterable[int]) -> frozenset[int]:
    """Return which of these parts, none of which the back end has, nobody wants sent any more."""
    found = set()
    for part in order_parts.flagged_parts(connection, list(part_ids)):
        places = ordered_units.units_of_order(connection, part.order_id)
        for cancellation in cancellations.of_order(connection, part.order_id):
            about = concern(cancellation, part, places)
            wished = cancellation.tries and cancellation.state is not CancellationState.REFUSED
            if about is not None and about.whole and about.units and wished:
                found.add(part.id)
    return frozenset(found)


def note_absent(context: Context, connection: Connection, part: Part, at: datetime) -> None:
    """An order was withdrawn because the back end has nothing of it: whoever wanted it cancelled has that now."""
    for cancellation in cancellations.open_for_order(connection, part.order_id):
        about = concern(cancellation, part, ordered_units.units_of_order(connection, part.order_id))
        if about is not None and cancellation.tries:
            settle_part(
                context, connection, cancellation, part, CancellationState.CANCELLED, about.units, at
            )


def meet_new_parts(
    context: Context, connection: Connection, order_id: int, reference_key: str, at: datetime
) -> None:
    """Withdraw parts that were just taken in although their cancellation was asked before they came.

    What SCAYLE was told to be cancelled, or asked about before we met it, is never sent. A cancellation that is being
    decided just now takes its new part along; what an operator cancelled whole, whatever came of it then, does so too.
    """
    for found in cancellations.awaiting(connection, order_id, reference_key, at):
        if found.source is Source.OPERATOR:
            _cancel_too(context, connection, found, at)
            continue
        cancellation = found
        early = found.order_id is None or found.state is CancellationState.CANCELLED
        if found.order_id is None:
            cancellation = replace(found, order_id=order_id, tries=max(1, found.tries))
            cancellations.store(connection, found, cancellation, at)
        parts = [
            part
            for part in order_parts.parts_of_order(connection, order_id)
            if part.state is SendState.PENDING and cancellation.concerns(part.merchant, part.warehouse)
        ]
        order_parts.want_cancelled(connection, [part.id for part in parts], at)
        if parts and not early and cancellation.tries:
            places = ordered_units.units_of_order(connection, order_id)
            abouts = [concern(cancellation, part, places) for part in parts]
            waiting = cancellation.expecting({about.part.id: about.units for about in abouts if about is not None})
            cancellations.store(connection, cancellation, waiting, at)
            cancellation = waiting
        places = ordered_units.units_of_order(connection, order_id)
        for part in parts if early else ():
            about = concern(cancellation, part, places)
            if about is not None and about.whole and withdraw(connection, part, at) is not None:
                cancellation = settle_part(
                    context, connection, cancellation, part, CancellationState.CANCELLED, about.units, at
                )
        if cancellation.state is CancellationState.CANCELLED:
            # Decided before these units were there: the shop may have missed the answer for them as well.
            silence = timedelta(seconds=context.configuration.scayle.cancellation_silence_seconds)
            tell_shop(connection, cancellation, at, at + silence)


def stop_resurfaced(context: Context, connection: Connection, part: Part, at: datetime) -> None:
    """Have an order cancelled that the back end shows although the ledger holds it withdrawn, if it still can be."""
    if context.backend_named(part.account).capabilities.cancel is not Capability.API:
        return
    added = intents.add_once(
        connection,
        kind=KIND,
        target=part.account,
        key=f"{part.reference}:back",
        order_id=part.order_id,
        fulfilment_order_id=part.id,
        at=at,
        due_at=at,
    )
    if added is not None:
        context.doorbell.ring("cancel_ask", part.account)


def _cancel_too(context: Context, connection: Connection, wish: Cancellation, at: datetime) -> None:
    """Withdraw the parts that an operator's wish would have named had they been there; each is a wish of its own."""
    assert wish.order_id is not None
    for part in order_parts.parts_of_order(connection, wish.order_id):
        if part.state is not SendState.PENDING or not wish.concerns(part.merchant, part.warehouse):
            continue
        units = sorted(ordered_units.open_units(connection, part.id))
        if not units or wish.outcome(part.id) is not None:
            continue
        more, fresh = cancellations.meet(
            connection,
            scope=f"{wish.scope}:{part.id}",
            source=Source.OPERATOR,
            order_id=part.order_id,
            reference_key="",
            merchant=part.merchant,
            warehouses=(),
            units=units,
            reason=wish.reason,
            at=at,
        )
        if fresh:
            order_parts.want_cancelled(connection, [part.id], at)
            cancellations.store(connection, more, more.expecting({part.id: units}), at)
            advance(context, connection, more.id, at)
