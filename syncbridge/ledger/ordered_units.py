"""Units of orders: which there are, how far each got, and the one terminal write of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from syncbridge.domain.states import UnitState, require_unit
from syncbridge.ledger.id_slices import slices
from syncbridge.ledger.statements import select_where
from syncbridge.ledger.tables import order_units


def known_units(connection: Connection, order_item_ids: Iterable[int]) -> set[int]:
    """Return which of the order item ids the ledger has."""
    return set(orders_of_units(connection, order_item_ids))


def orders_of_units(connection: Connection, order_item_ids: Iterable[int]) -> dict[int, int]:
    """Return the order of each of the order item ids that the ledger has."""
    found: dict[int, int] = {}
    for some in slices(list(order_item_ids)):
        known = connection.execute(
            select(order_units.c.order_item_id, order_units.c.order_id).where(order_units.c.order_item_id.in_(some))
        )
        found |= {row.order_item_id: row.order_id for row in known}
    return found


def open_units(connection: Connection, part_id: int) -> frozenset[int]:
    """Return the order item ids of a fulfilment order that nothing has closed."""
    where = {"fulfilment_order_id": part_id, "state": UnitState.OPEN.value}
    return frozenset(row[0] for row in select_where(connection, order_units, ("order_item_id",), where))


def cancel_units(connection: Connection, order_item_ids: Sequence[int], at: datetime) -> str:
    """Mark open units as cancelled; return the reason of the transition."""
    why = require_unit(UnitState.OPEN, UnitState.CANCELLED)
    for some in slices(order_item_ids):
        connection.execute(
            update(order_units)
            .where(order_units.c.order_item_id.in_(some), order_units.c.state == UnitState.OPEN.value)
            .values(state=UnitState.CANCELLED.value, updated_at=at)
        )
    return why


def units_of_line(connection: Connection, part_id: int, line_number: int) -> list[tuple[int, UnitState]]:
    """Return the units behind a line with their states, highest order item id first."""
    rows = connection.execute(
        select(order_units.c.order_item_id, order_units.c.state)
        .where(order_units.c.fulfilment_order_id == part_id, order_units.c.line_number == line_number)
        .order_by(order_units.c.order_item_id.desc())
    ).all()
    return [(row.order_item_id, UnitState(row.state)) for row in rows]


def give_up_units(
    connection: Connection, order_item_ids: Sequence[int], transmission_id: int, at: datetime
) -> str:
    """Mark open units as unfulfillable and reserve their one terminal write; return the transition's reason."""
    why = require_unit(UnitState.OPEN, UnitState.UNFULFILLABLE)
    for some in slices(order_item_ids):
        connection.execute(
            update(order_units)
            .where(
                order_units.c.order_item_id.in_(some),
                order_units.c.state == UnitState.OPEN.value,
                order_units.c.closed_by.is_(None),
            )
            .values(state=UnitState.UNFULFILLABLE.value, closed_by=transmission_id, updated_at=at)
        )
    return why


def units_closed_by(connection: Connection, transmission_id: int) -> tuple[int, ...]:
    """Return the units whose one terminal write a transmission is."""
    return tuple(
        connection.execute(
            select(order_units.c.order_item_id)
            .where(order_units.c.closed_by == transmission_id)
            .order_by(order_units.c.order_item_id)
        ).scalars()
    )


def close_units(connection: Connection, order_item_ids: Sequence[int], transmission_id: int, at: datetime) -> None:
    """Reserve the one terminal write of cancelled units, so that nothing else is ever told of them."""
    for some in slices(order_item_ids):
        connection.execute(
            update(order_units)
            .where(
                order_units.c.order_item_id.in_(some),
                order_units.c.state == UnitState.CANCELLED.value,
                order_units.c.closed_by.is_(None),
            )
            .values(closed_by=transmission_id, updated_at=at)
        )


def has_open_units(connection: Connection, order_id: int) -> bool:
    """Say whether an order is known here and has a unit that nothing has closed."""
    where = {"order_id": order_id, "state": UnitState.OPEN.value}
    return bool(select_where(connection, order_units, ("order_item_id",), where))


def open_among(connection: Connection, order_item_ids: Sequence[int]) -> dict[int, list[int]]:
    """Return which of these units are open here, by their order."""
    found: dict[int, list[int]] = {}
    for some in slices(order_item_ids):
        rows = connection.execute(
            select(order_units.c.order_item_id, order_units.c.order_id)
            .where(order_units.c.order_item_id.in_(some), order_units.c.state == UnitState.OPEN.value)
            .order_by(order_units.c.order_item_id)
        )
        for row in rows:
            found.setdefault(row.order_id, []).append(row.order_item_id)
    return found


def cancelled_units(connection: Connection, part_id: int, line_number: int) -> list[int]:
    """Return the units of a line that were cancelled, lowest order item id first."""
    where = {
        "fulfilment_order_id": part_id, "line_number": line_number, "state": UnitState.CANCELLED.value,
    }  # fmt: skip
    return [row[0] for row in select_where(connection, order_units, ("order_item_id",), where, "order_item_id")]


def despatched_units(connection: Connection, part_id: int) -> int:
    """Return how many units of a part have left, whether or not they came back."""
    return int(
        connection.execute(
            select(func.count())
            .select_from(order_units)
            .where(
                order_units.c.fulfilment_order_id == part_id,
                order_units.c.state.in_((UnitState.DESPATCHED.value, UnitState.RETURNED.value)),
            )
        ).scalar_one()
    )


@dataclass(frozen=True)
class UnitPlace:
    """A unit's state and where its part has it; the line is None until a body was frozen."""

    order_item_id: int
    fulfilment_order_id: int
    line_number: int | None
    state: UnitState


def units_of_order(connection: Connection, order_id: int) -> list[UnitPlace]:
    """Return all units of an order, lowest order item id first."""
    columns = ("order_item_id", "fulfilment_order_id", "line_number", "state")
    rows = select_where(connection, order_units, columns, {"order_id": order_id}, "order_item_id")
    return [UnitPlace(row[0], row[1], row[2], UnitState(row[3])) for row in rows]


def lines_with_closed_units(connection: Connection, part_id: int) -> set[int]:
    """Return the line numbers of which a unit has its terminal write already."""
    return set(
        connection.execute(
            select(order_units.c.line_number)
            .where(order_units.c.fulfilment_order_id == part_id, order_units.c.closed_by.is_not(None))
            .distinct()
        ).scalars()
    )
