"""What a person is told of a despatch: numbers that came too late, and goods that do not fit their order."""

from __future__ import annotations

from datetime import datetime

from syncbridge.domain.backend import BackendDespatch
from syncbridge.domain.despatching import OpenLine, WrongGoods
from syncbridge.flows import cancel_outcome
from syncbridge.ledger import ordered_units
from syncbridge.ledger.despatch_parcels import Told
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import open_exception
from syncbridge.ledger.order_parts import Part


def late_tracking(
    connection: Connection,
    part: Part,
    despatch: BackendDespatch,
    told: list[Told],
    renamed: dict[str, str],
    at: datetime,
) -> None:
    """A number that comes after the shipment went out without one is customer service's, not a second shipment."""
    numbers = {parcel.parcel_id: parcel.tracking_number for parcel in despatch.parcels}
    late = {
        parcel_id: numbers[parcel_id]
        for one in told
        for parcel_id in one.parcel_ids
        if numbers.get(parcel_id) not in ("", None, one.tracking_number)
    }
    known = {one.tracking_number for one in told}
    late |= {parcel_id: number for parcel_id, number in renamed.items() if number and number not in known}
    if late:
        open_exception(
            connection,
            "tracking_late",
            f"despatch:{despatch.despatch_id}",
            at=at,
            cause="tracking number came after the shipment",
            evidence={"reference": part.reference, "tracking": late},
            order_id=part.order_id,
        )


def wrong_goods(
    connection: Connection,
    part: Part,
    despatch: BackendDespatch,
    wrong: tuple[WrongGoods, ...],
    lines: dict[int, OpenLine],
    at: datetime,
) -> None:
    """Tell a person about goods that do not fit: sent again after SCAYLE closed the units, or simply wrong."""
    if not wrong:
        return
    closed = ordered_units.lines_with_closed_units(connection, part.id)
    cancelled = _cancelled_that_left(connection, part, wrong, lines, at)
    again = [
        one
        for one in wrong
        if one not in cancelled and one.line_number in lines and one.line_number in closed
    ]
    foreign = [one for one in wrong if one not in again and one not in cancelled]
    tracking = {parcel.parcel_id: parcel.tracking_number for parcel in despatch.parcels}
    for kind, some, cause in (
        ("despatched_although_cancelled", cancelled, "units left although they were cancelled"),
        ("despatched_again", again, "units left although they were closed before"),
        ("despatch_wrong_goods", foreign, "goods that the order does not have"),
    ):
        if some:
            open_exception(
                connection,
                kind,
                f"despatch:{despatch.despatch_id}",
                at=at,
                cause=cause,
                evidence={
                    "reference": part.reference,
                    "despatch": despatch.despatch_id,
                    "goods": [
                        {
                            "parcel": one.parcel_id,
                            "tracking": tracking.get(one.parcel_id, ""),
                            "line": one.line_number,
                            "sku": one.sku,
                            "quantity": one.surplus,
                            "problem": one.problem,
                        }
                        for one in some
                    ],
                },
                order_id=part.order_id,
            )


def _cancelled_that_left(
    connection: Connection,
    part: Part,
    wrong: tuple[WrongGoods, ...],
    lines: dict[int, OpenLine],
    at: datetime,
) -> list[WrongGoods]:
    """Return the goods that nobody waits for any more, and have a return announced for the units that they were."""
    if not part.cancel_wanted:
        return []
    found: list[WrongGoods] = []
    units: list[int] = []
    gone = {number: ordered_units.cancelled_units(connection, part.id, number) for number in lines}
    for one in wrong:
        here = gone.get(one.line_number, [])
        if here and lines[one.line_number].sku == one.sku:
            found.append(one)
            units += here[: one.surplus]
            gone[one.line_number] = here[one.surplus :]
    if units:
        cancel_outcome.left_all_the_same(connection, part, units, at)
    return found
