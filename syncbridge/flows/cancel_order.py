"""Cancel order: a person cancels an order or units of it, with a reason, and the ledger keeps who and why."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from syncbridge.domain.cancellation import Cancellation, Source
from syncbridge.domain.states import CancellationState, SendState, UnitState
from syncbridge.flows import cancelling
from syncbridge.flows.cancel_concern import Concern, concern
from syncbridge.flows.cancel_outcome import ask_again
from syncbridge.flows.context import Context
from syncbridge.ledger import audit, cancellations, order_locks, order_parts, ordered_units
from syncbridge.ports.backend import Capability

_LONGEST_LIST = 200


@dataclass(frozen=True)
class PartPlan:
    """What a cancellation means for one part: its units, and what is or would be done."""

    reference: str
    account: str
    units: tuple[int, ...]
    action: str


@dataclass(frozen=True)
class Outcome:
    """What came of an operator's cancellation so far. `state` is None where nothing was changed."""

    order_id: int
    parts: tuple[PartPlan, ...]
    state: CancellationState | None


class CannotCancel(Exception):
    """What was asked for cannot be: the text says why, and what there is instead."""


def run(
    context: Context,
    order_id: int,
    *,
    actor: str,
    reason: str,
    merchant: str | None = None,
    units: Sequence[int] = (),
    dry_run: bool = False,
) -> Outcome:
    """Cancel an order, a merchant's part of it, or single units; raises CannotCancel.

    What was never sent is withdrawn at once; the back end is asked for the rest, and SCAYLE is told of what was
    cancelled, as the merchant's cancellation. With `dry_run` nothing is changed.
    """
    if not reason.strip():
        raise CannotCancel("a cancellation needs a reason")
    at = context.now()
    with context.ledger.work() as work:
        connection = work.connection
        order_locks.lock_order(connection, order_id)
        parts = order_parts.parts_of_order(connection, order_id)
        places = ordered_units.units_of_order(connection, order_id)
        wish = _wish(order_id, merchant, units, reason, at)
        about = [one for part in parts if (one := concern(wish, part, places)) is not None]
        _check(order_id, merchant, units, parts, places, about)
        plans = tuple(_plan(context, one) for one in about if one.units)
        if dry_run:
            return Outcome(order_id, plans, None)
        order_parts.want_cancelled(connection, [one.part.id for one in about if one.units], at)
        cancellation, fresh = cancellations.meet(
            connection,
            scope=wish.scope,
            source=Source.OPERATOR,
            order_id=order_id,
            reference_key="",
            merchant=wish.merchant,
            warehouses=(),
            units=wish.units,
            reason=reason,
            at=at,
        )
        if not fresh and not cancellation.state.is_open:
            cancellation = ask_again(connection, cancellation, at)
        open_parts = {one.part.id: one.units for one in about if one.units}
        kept = tuple(one for one in cancellation.outcomes if one.part not in open_parts)
        expecting = replace(cancellation, outcomes=kept).expecting(open_parts)
        cancellations.store(connection, cancellation, expecting, at)
        cancellation = expecting
        audit.record(
            connection,
            actor=actor,
            action="orders cancel",
            subject=f"order:{order_id}",
            reason=reason,
            before={"parts": [vars(plan) for plan in plans]},
            after={"cancellation": cancellation.id},
            at=at,
        )
        work.commit()
    with context.ledger.work() as work:
        cancellation = cancelling.advance(context, work.connection, cancellation.id, at)
        work.commit()
    for account in sorted({one.part.account for one in about}):
        context.doorbell.ring("cancel_ask", account)
        context.doorbell.ring("order_push", account)
    context.doorbell.ring("cancellation_push")
    return Outcome(order_id, plans, cancellation.state)


def _wish(
    order_id: int, merchant: str | None, units: Sequence[int], reason: str, at: datetime
) -> Cancellation:
    """Return the wish as it would be recorded; repeats of the same one meet the same row."""
    wanted = sorted(set(units))
    named = ",".join(map(str, wanted))
    return Cancellation(
        id=0,
        scope=f"operator:{order_id}:{merchant or '*'}:{_short(named) or 'all'}",
        source=Source.OPERATOR,
        reference_key="",
        order_id=order_id,
        merchant=merchant or "",
        warehouses=(),
        units=tuple(wanted) or None,
        reason=reason,
        state=CancellationState.ASKED,
        outcomes=(),
        tries=1,
        answer="",
        last_asked_at=at,
        expires_at=None,
        announce_return=False,
        return_units=(),
    )


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_LIST else hashlib.sha256(text.encode()).hexdigest()


def _check(
    order_id: int,
    merchant: str | None,
    units: Sequence[int],
    parts: Sequence[order_parts.Part],
    places: Sequence[ordered_units.UnitPlace],
    about: Sequence[Concern],
) -> None:
    merchants = sorted({part.merchant for part in parts})
    if merchant is not None and merchant not in merchants:
        raise CannotCancel(f"Order {order_id} has nothing with {merchant}; its merchants: {', '.join(merchants) or 'none'}.")
    known = {one.order_item_id for one in places}
    if foreign := sorted(set(units) - known):
        raise CannotCancel(
            f"Order {order_id} has no unit {', '.join(map(str, foreign))}; syncbridge orders show {order_id} lists them."
        )
    if not any(one.units for one in about):
        states = ", ".join(sorted({one.state.value for one in places}))
        back = any(one.state is UnitState.DESPATCHED for one in places)
        raise CannotCancel(
            f"Nothing of order {order_id} that was named is open any more; its units are {states or 'none'}."
            + (f" What has left can come back: syncbridge returns announce {order_id}" if back else "")
        )


def _plan(context: Context, about: Concern) -> PartPlan:
    part = about.part
    match part.state:
        case SendState.PENDING:
            action = "withdrawn: it was never sent" if about.whole else "left out: it was never sent"
        case SendState.WITHDRAWN:
            action = "closed: it is withdrawn already"
        case SendState.SENT:
            action = "looked up first: whether the back end has it is not known yet"
        case _:
            capabilities = context.backend_named(part.account).capabilities
            if capabilities.cancel is Capability.OFF:
                action = "refused: this back end cancels nothing"
            elif capabilities.cancel is Capability.MANUAL or not (about.whole or capabilities.cancel_lines):
                action = "a task for a person in the warehouse"
            else:
                action = f"asked of {part.account}"
    return PartPlan(part.reference, part.account, about.units, action)
