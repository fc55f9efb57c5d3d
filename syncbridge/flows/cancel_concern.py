"""What a cancellation means for one part of an order: which units are to go, and whether the part goes with them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from syncbridge.domain.cancellation import Cancellation, Source
from syncbridge.domain.states import UnitState
from syncbridge.ledger.order_parts import Part
from syncbridge.ledger.ordered_units import UnitPlace

_GONE = (UnitState.CANCELLED, UnitState.UNFULFILLABLE)


@dataclass(frozen=True)
class Concern:
    """What a cancellation means for one part: the units to go, and whether the whole part goes with them."""

    part: Part
    units: tuple[int, ...]
    whole: bool
    despatched: bool
    targets: dict[int, int]
    """By line number: how many of its units the back end must show as cancelled for this to be done."""


def concern(cancellation: Cancellation, part: Part, places: Sequence[UnitPlace]) -> Concern | None:
    """Work out what a cancellation means for a part; None where it does not concern it."""
    if not cancellation.concerns(part.merchant, part.warehouse):
        return None
    mine = [one for one in places if one.fulfilment_order_id == part.id]
    if cancellation.units is None:
        wished = [one for one in mine if one.state is UnitState.OPEN]
    else:
        listed = frozenset(cancellation.units)
        wished = [
            one
            for one in mine
            if one.order_item_id in listed and one.state in (UnitState.OPEN, UnitState.CANCELLED)
        ]
        if not wished and not any(one.order_item_id in listed for one in mine):
            return None
    if not wished and cancellation.source is Source.OPERATOR and cancellation.outcome(part.id) is None:
        return None  # all of it left, or was closed, before the person asked
    units = tuple(one.order_item_id for one in wished)
    stays = any(one.state is UnitState.OPEN and one.order_item_id not in units for one in mine)
    despatched = any(one.state in (UnitState.DESPATCHED, UnitState.RETURNED) for one in mine)
    targets = {
        line: sum(
            one.line_number == line and (one.state in _GONE or one.order_item_id in units) for one in mine
        )
        for line in sorted({one.line_number for one in wished if one.line_number is not None})
    }
    return Concern(part, units, not stays and not despatched, despatched, targets)
