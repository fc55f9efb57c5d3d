"""Units that may come back: which of them left, which SCAYLE shows as shipped, which left although they were cancelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from syncbridge.domain.returns import SentUnit
from syncbridge.domain.states import SendState, UnitState
from syncbridge.ledger.id_slices import slices
from syncbridge.ledger.returns import expected_units
from syncbridge.ledger.tables import (
    despatches,
    fulfilment_lines,
    order_units,
    parcels,
    receipts,
    returned_units,
    transmissions,
)


def sent_units(connection: Connection, part_id: int, parcel: int | None = None) -> list[SentUnit]:
    """Return the units of a fulfilment order (of one parcel) as far as their return goes; empty where it was never sent."""
    lines = connection.execute(
        select(fulfilment_lines.c.line_number, fulfilment_lines.c.sku).where(
            fulfilment_lines.c.fulfilment_order_id == part_id
        )
    ).all()
    skus = {row.line_number: row.sku for row in lines}
    rows = connection.execute(
        select(
            order_units.c.order_item_id,
            order_units.c.order_id,
            order_units.c.line_number,
            order_units.c.state,
            order_units.c.parcel_id,
            transmissions.c.state.label("shipment"),
            returned_units.c.receipt_id,
            returned_units.c.shown_at,
        )
        .outerjoin(parcels, parcels.c.id == order_units.c.parcel_id)
        .outerjoin(transmissions, transmissions.c.id == parcels.c.transmission_id)
        .outerjoin(returned_units, returned_units.c.order_item_id == order_units.c.order_item_id)
        .where(order_units.c.fulfilment_order_id == part_id)
    ).all()
    expected = expected_units(connection, rows[0].order_id) if rows else {}
    astray = strayed_units(connection, part_id)
    return [
        SentUnit(
            order_item_id=row.order_item_id,
            line_number=row.line_number,
            sku=skus[row.line_number],
            state=UnitState(row.state),
            shown=row.shipment == SendState.ACKNOWLEDGED.value,
            received=row.receipt_id is not None,
            refunded=row.shown_at is not None and row.receipt_id is None,
            strayed=row.order_item_id in astray,
            expected_by=expected.get(row.order_item_id, ()),
        )
        for row in rows
        if row.line_number in skus and (parcel is None or row.parcel_id == parcel)
    ]


def unshown_units(connection: Connection, part_id: int) -> list[int]:
    """Return the units of a fulfilment order that left, did not come back, and whose shipment SCAYLE does not show yet."""
    return [
        unit.order_item_id
        for unit in sent_units(connection, part_id)
        if unit.state is UnitState.DESPATCHED and not unit.shown and not unit.received
    ]


def strayed_units(connection: Connection, part_id: int) -> set[int]:
    """Return the units of a fulfilment order that were cancelled or given up, and left all the same.

    They are as many of a line as its parcels hold beyond the units that are out or came back; lowest order item id first.
    """
    closed = (UnitState.CANCELLED.value, UnitState.UNFULFILLABLE.value)
    units = connection.execute(
        select(order_units.c.order_item_id, order_units.c.line_number, order_units.c.state)
        .where(order_units.c.fulfilment_order_id == part_id, order_units.c.line_number.is_not(None))
        .order_by(order_units.c.order_item_id)
    ).all()
    if all(unit.state not in closed for unit in units):
        return set()
    sent: Counter[int] = Counter()
    for parcel_list in connection.execute(
        select(despatches.c.parcels).where(
            despatches.c.fulfilment_order_id == part_id, despatches.c.voided_at.is_(None)
        )
    ).scalars():
        for parcel in parcel_list:
            for number, _sku, quantity in parcel["lines"]:
                sent[number] += quantity
    sent.subtract(
        unit.line_number
        for unit in units
        if unit.state in (UnitState.DESPATCHED.value, UnitState.RETURNED.value)
    )
    found: set[int] = set()
    for unit in units:
        if unit.state in closed and sent[unit.line_number] > 0:
            sent[unit.line_number] -= 1
            found.add(unit.order_item_id)
    return found


def states_of(connection: Connection, units: Sequence[int]) -> dict[int, UnitState]:
    """Return the states of the units that the ledger has."""
    found: dict[int, UnitState] = {}
    for some in slices(units):
        rows = connection.execute(
            select(order_units.c.order_item_id, order_units.c.state).where(order_units.c.order_item_id.in_(some))
        ).all()
        found |= {row.order_item_id: UnitState(row.state) for row in rows}
    return found


@dataclass(frozen=True)
class LineOfUnit:
    """Where a unit stands in a back end's order. `strayed`: see `strayed_units`."""

    order_item_id: int
    part_id: int
    line_number: int | None
    sku: str
    state: UnitState
    strayed: bool = False

    @property
    def out(self) -> bool:
        """Whether it is with the customer, or on its way there."""
        return self.strayed or self.state is UnitState.DESPATCHED


def lines_of_units(connection: Connection, units: Sequence[int]) -> list[LineOfUnit]:
    """Return part, line and the back end's SKU of each unit; a unit that was never sent has no line."""
    found: list[LineOfUnit] = []
    astray: dict[int, set[int]] = {}
    for some in slices(units):
        rows = connection.execute(
            select(
                order_units.c.order_item_id,
                order_units.c.fulfilment_order_id,
                order_units.c.line_number,
                order_units.c.state,
                fulfilment_lines.c.sku,
            )
            .outerjoin(
                fulfilment_lines,
                (fulfilment_lines.c.fulfilment_order_id == order_units.c.fulfilment_order_id)
                & (fulfilment_lines.c.line_number == order_units.c.line_number),
            )
            .where(order_units.c.order_item_id.in_(some))
            .order_by(order_units.c.order_item_id)
        ).all()
        for part in {row.fulfilment_order_id for row in rows} - astray.keys():
            astray[part] = strayed_units(connection, part)
        found += [
            LineOfUnit(
                row.order_item_id,
                row.fulfilment_order_id,
                row.line_number,
                row.sku or "",
                UnitState(row.state),
                row.order_item_id in astray[row.fulfilment_order_id],
            )
            for row in rows
        ]
    return found


def received_by_line(connection: Connection, return_id: int) -> Mapping[tuple[int | None, str], int]:
    """Return how many units came in under a return, by order line and SKU."""
    rows = connection.execute(
        select(receipts.c.order_line_number, receipts.c.sku, func.sum(receipts.c.quantity))
        .where(receipts.c.return_id == return_id)
        .group_by(receipts.c.order_line_number, receipts.c.sku)
    ).all()
    return {(row[0], row[1]): int(row[2]) for row in rows}
