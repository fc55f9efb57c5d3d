"""The one task of a fulfilment order whose units a person has to take out there, whoever wished which of them away."""

from __future__ import annotations

from datetime import datetime

from syncbridge.domain.cancellation import Cancellation, Source
from syncbridge.domain.states import CancellationState, UnitState
from syncbridge.flows.cancel_concern import Concern, concern
from syncbridge.flows.context import Context
from syncbridge.ledger import backend_readings, cancellations, ordered_units, part_lines
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, open_exception
from syncbridge.ledger.order_parts import Part
from syncbridge.ports.backend import Capability

_CAUSES = {
    "cancellation_manual": "to be cancelled there by hand",
    "cancellation_partial": "units to be taken out by hand",
}
_GONE = (UnitState.CANCELLED, UnitState.UNFULFILLABLE)


def bring_up_to_date(context: Context, connection: Connection, part: Part, at: datetime, resolution: str) -> None:
    """Have the task name everything that waits for a person, and close it with `resolution` where nothing does any more.

    Runs inside the caller's transaction, which has locked the order and stored the outcomes.
    """
    subject = f"fulfilment:{part.reference}"
    places = ordered_units.units_of_order(connection, part.order_id)
    waiting: list[tuple[Cancellation, Concern]] = []
    for cancellation in cancellations.of_order(connection, part.order_id):
        known = cancellation.outcome(part.id)
        if known is not None and known.state is CancellationState.MANUAL:
            about = concern(cancellation, part, places)
            if about is not None and about.units:
                waiting.append((cancellation, about))
    if not waiting:
        close_exceptions(connection, subject, *_CAUSES, at=at, resolution=resolution)
        return
    wished = {unit for _cancellation, about in waiting for unit in about.units}
    mine = [one for one in places if one.fulfilment_order_id == part.id]
    stays = any(one.order_item_id not in wished and one.state not in _GONE for one in mine)
    out = backend_readings.cancelled_by_line(connection, part.id)
    skus = part_lines.frozen_lines(connection, part.id)
    take_out = []
    for line in sorted({one.line_number for one in mine if one.line_number is not None and one.order_item_id in wished}):
        units = [one.order_item_id for one in mine if one.line_number == line and one.order_item_id in wished]
        gone = sum(one.line_number == line and one.state in _GONE and one.order_item_id not in wished for one in mine)
        # Units of a line are interchangeable: what the back end shows as out beyond the others' is out for these.
        left = len(units) - max(0, out.get(line, 0) - gone)
        if left > 0:
            take_out.append({"line": line, "sku": skus.get(line, ("", 0))[0], "quantity": left, "units": units[-left:]})
    by_hand = context.backend_named(part.account).capabilities.cancel is Capability.MANUAL
    kind = "cancellation_manual" if by_hand else "cancellation_partial"
    others = [other for other in _CAUSES if other != kind]
    close_exceptions(connection, subject, *others, at=at, resolution=f"it is {kind} now")
    # What an operator wrote may name the shopper: it is in the audit, and not for alerts.
    reasons = [one.reason for one, _about in waiting if one.source is not Source.OPERATOR]
    open_exception(
        connection,
        kind,
        subject,
        at=at,
        cause=f"{part.account}: {_CAUSES[kind]}",
        evidence={
            "reference": part.reference,
            "back_end": part.account,
            "backend_id": part.backend_id or "",
            "whole_order": not stays,
            "take_out": take_out,
            "reason": "; ".join(dict.fromkeys(reasons)),
            "asked_by": ", ".join(dict.fromkeys(one.source.value for one, _about in waiting)),
        },
        order_id=part.order_id,
    )
