"""What a cancellation came to, part by part: units closed, the shop told, a person told where one is needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from syncbridge.domain.cancellation import Cancellation, PartOutcome, Source
from syncbridge.domain.states import CancellationState, UnitState
from syncbridge.flows import cancel_by_hand
from syncbridge.flows.context import SHOP, Context
from syncbridge.ledger import (
    cancellations,
    coming_back,
    history,
    intents,
    late_cancellations,
    order_parts,
    ordered_units,
)
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, open_exception
from syncbridge.ledger.order_parts import Part
from syncbridge.ports.backend import Capability

NOT_CANCELLED = ("cancellation_too_late", "cancellation_impossible")
"""What says that goods are sent although they were to be cancelled."""


def settle_part(
    context: Context,
    connection: Connection,
    cancellation: Cancellation,
    part: Part,
    state: CancellationState,
    units: Sequence[int],
    at: datetime,
    *,
    status: str = "",
) -> Cancellation:
    """Note what a locked cancellation came to for one part, and do what follows from it; return it as it is now."""
    known = cancellation.outcome(part.id)
    if state is CancellationState.REFUSED and known is not None:
        # What was open when it was asked may have left before the answer.
        units = sorted({*units, *known.units})
    outcome = PartOutcome(part.id, state, status, tuple(units))
    if known == outcome:
        return cancellation
    new = cancellation.with_outcome(outcome)
    why = cancellations.store(connection, cancellation, new, at)
    subject = f"fulfilment:{part.reference}"
    if state is CancellationState.CANCELLED:
        ordered_units.cancel_units(connection, units, at)
        if cancellation.source is Source.OPERATOR:
            # Nobody waits for one answer about all of its parts.
            tell_shop(connection, new, at, at)
        history.record(
            connection, part.order_id, part.account, "units_cancelled", at=at, subject=part.reference,
            units=list(units), asked_by=cancellation.source.value,
        )  # fmt: skip
        resolution = "it was cancelled before it left"
        cancel_by_hand.bring_up_to_date(context, connection, part, at, resolution)
        over = () if _leaves_all_the_same(connection, part) else NOT_CANCELLED
        close_exceptions(connection, subject, *over, "order_quarantined", at=at, resolution=resolution)
    elif state is CancellationState.MANUAL:
        cancel_by_hand.bring_up_to_date(context, connection, part, at, "nothing is left to be taken out")
    elif state is CancellationState.REFUSED:
        cancel_by_hand.bring_up_to_date(context, connection, part, at, "it is too late for that")
        _not_cancelled(context, connection, cancellation, part, units, status, at)
    if why:
        history.record(
            connection, part.order_id, "syncbridge", f"cancellation_{new.state.value}", at=at,
            subject=part.reference, was=cancellation.state.value, why=why,
        )  # fmt: skip
        _decided(context, connection, new, at)
    return new


def _leaves_all_the_same(connection: Connection, part: Part) -> bool:
    """Say whether units of a part that somebody was refused to cancel have not been kept from leaving by anybody else."""
    refused = {
        unit
        for cancellation in cancellations.of_order(connection, part.order_id)
        if (known := cancellation.outcome(part.id)) is not None and known.state is CancellationState.REFUSED
        for unit in known.units
    }
    gone = (UnitState.CANCELLED, UnitState.UNFULFILLABLE)
    places = ordered_units.units_of_order(connection, part.order_id) if refused else []
    return any(one.order_item_id in refused and one.state not in gone for one in places)


def _not_cancelled(
    context: Context,
    connection: Connection,
    cancellation: Cancellation,
    part: Part,
    units: Sequence[int],
    status: str,
    at: datetime,
) -> None:
    """Tell customer service that goods are sent although they were to be cancelled, and what happens next."""
    capabilities = context.backend_named(part.account).capabilities
    never = capabilities.cancel is Capability.OFF
    announced = "a return is announced once they have left"
    if capabilities.returns is Capability.OFF:
        announced = "this back end is told of no returns: agree with the customer how they come back"
    open_exception(
        connection,
        "cancellation_impossible" if never else "cancellation_too_late",
        f"fulfilment:{part.reference}",
        at=at,
        cause=f"{part.account} cancels nothing" if never else f"too late to cancel: {status or 'past the cut-off'}",
        evidence={
            "reference": part.reference,
            "status": status,
            "units": list(units),
            "asked_by": cancellation.source.value,
            "next": f"the goods are sent; {announced}",
        },
        order_id=part.order_id,
    )
    if not cancellation.source.is_the_shops:
        # What the shop closed by itself is no unit of a parcel any more: its despatch is met as surplus goods.
        # What left before the question, and SCAYLE does not show as shipped yet, it asked about as well.
        left = coming_back.unshown_units(connection, part.id) if cancellation.source is Source.CALL else ()
        late_cancellations.want_return(connection, cancellation, [*units, *left], at)


def _decided(context: Context, connection: Connection, cancellation: Cancellation, at: datetime) -> None:
    """Tell the shop of units that it has not closed by itself, and a person where parts differ."""
    if cancellation.source.is_the_shops or cancellation.order_id is None:
        return
    if cancellation.state is CancellationState.CANCELLED:
        others = cancellations.of_order(connection, cancellation.order_id)
        if all(one.state is not CancellationState.MIXED for one in others):
            subject = f"order:{cancellation.order_id}"
            close_exceptions(connection, subject, "cancellation_mixed", at=at, resolution="the rest was cancelled too")
        wait = timedelta(0)
        if cancellation.source is Source.CALL:
            # The shop learns it by the answer to its call. Where it never came for it, the write finds that out.
            wait = timedelta(seconds=context.configuration.scayle.cancellation_silence_seconds)
        tell_shop(connection, cancellation, at, at + wait)
    elif cancellation.state is CancellationState.MIXED:
        tell_shop(connection, cancellation, at, at)
        parts = {part.id: part.reference for part in order_parts.parts_of_order(connection, cancellation.order_id)}
        open_exception(
            connection,
            "cancellation_mixed",
            f"order:{cancellation.order_id}",
            at=at,
            cause="cancelled in part",
            evidence={
                "parts": [
                    {
                        "reference": parts.get(one.part, ""),
                        "outcome": one.state.value,
                        "status": one.status,
                        "units": list(one.units),
                    }
                    for one in cancellation.outcomes
                ],
            },
            order_id=cancellation.order_id,
        )


def write_key(cancellation: Cancellation, part_id: int) -> str:
    """Name the merchant cancellation of one part's units: the same for every repeat."""
    return f"cancelled:{cancellation.id}:{part_id}"


def tell_shop(connection: Connection, cancellation: Cancellation, at: datetime, due_at: datetime) -> None:
    """Intend a merchant cancellation of every unit cancelled, each once; where the shop knows by then, none is sent."""
    assert cancellation.order_id is not None
    for outcome in cancellation.outcomes:
        if outcome.state is not CancellationState.CANCELLED or not outcome.units:
            continue
        write = intents.add_once(
            connection,
            kind="cancellation",
            target=SHOP,
            key=write_key(cancellation, outcome.part),
            order_id=cancellation.order_id,
            fulfilment_order_id=outcome.part,
            at=at,
            due_at=due_at,
        )
        if write is not None:
            ordered_units.close_units(connection, outcome.units, write, at)


def ask_again(connection: Connection, cancellation: Cancellation, at: datetime) -> Cancellation:
    """Open a locked, refused cancellation anew: the back end's state is no longer the one that refused it."""
    kept = tuple(one for one in cancellation.outcomes if one.state is CancellationState.CANCELLED)
    open_again = {one.part: one.units for one in cancellation.outcomes if one.state is not CancellationState.CANCELLED}
    new = replace(cancellation, state=CancellationState.ASKED, outcomes=kept, tries=cancellation.tries + 1)
    if open_again:
        new = new.expecting(open_again)
    why = cancellations.store(connection, cancellation, new, at)
    if cancellation.order_id is not None:
        history.record(
            connection, cancellation.order_id, "syncbridge", "cancellation_asked", at=at,
            was=cancellation.state.value, why=why,
        )  # fmt: skip
    return new


def left_all_the_same(connection: Connection, part: Part, units: Sequence[int], at: datetime) -> None:
    """Note that cancelled units left, so that a return is announced for them."""
    for cancellation in reversed(cancellations.of_order(connection, part.order_id)):
        if not cancellation.concerns(part.merchant, part.warehouse):
            continue
        mine = units if cancellation.units is None else [one for one in units if one in cancellation.units]
        if mine:
            late_cancellations.want_return(connection, cancellation, mine, at)
            return
