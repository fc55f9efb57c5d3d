"""Lines of a part's frozen body, and which units stand behind each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from syncbridge.domain.despatching import OpenLine
from syncbridge.domain.orders import Line
from syncbridge.domain.states import UnitState
from syncbridge.ledger.statements import select_where, update_where
from syncbridge.ledger.tables import fulfilment_lines, fulfilment_orders, order_units


def store_lines(
    connection: Connection, part_id: int, lines: Sequence[Line], total_minor: int | None, at: datetime
) -> None:
    """Note the lines of a frozen body, the units behind each, and the total that was sent."""
    earlier = connection.execute(_FORGET_LINES, {"part": part_id}).rowcount
    if earlier:
        # A unit of an earlier version that is not sent any more must not count as one of its old line.
        update_where(connection, order_units, {"fulfilment_order_id": part_id}, {"line_number": None})
    connection.execute(
        insert(fulfilment_lines),
        [
            {
                "fulfilment_order_id": part_id,
                "line_number": line.line_number,
                "sku": line.sku,
                "shop_sku": line.shop_sku,
                "quantity": line.quantity,
                "price_minor": line.price_minor,
                "allocated": 0,
                "despatched": 0,
                "cancelled": 0,
            }
            for line in lines
        ],
    )
    connection.execute(
        _UNIT_ON_LINE,
        [
            {
                "unit": unit,
                "line": line.line_number,
                "price": line.price_minor,
                "rate": line.tax_rate,
                "at": at,
            }
            for line in lines
            for unit in line.unit_ids
        ],
    )
    update_where(connection, fulfilment_orders, {"id": part_id}, {"total_minor": total_minor, "updated_at": at})


_FORGET_LINES = delete(fulfilment_lines).where(fulfilment_lines.c.fulfilment_order_id == bindparam("part"))
_UNIT_ON_LINE = (
    update(order_units)
    .where(order_units.c.order_item_id == bindparam("unit"))
    .values(
        line_number=bindparam("line"),
        price_minor=bindparam("price"),
        tax_rate=bindparam("rate"),
        updated_at=bindparam("at"),
    )
)


def frozen_lines(connection: Connection, part_id: int) -> dict[int, tuple[str, int]]:
    """Return (back end's SKU, units) of each line of the frozen body."""
    columns = ("line_number", "sku", "quantity")
    rows = select_where(connection, fulfilment_lines, columns, {"fulfilment_order_id": part_id}, "line_number")
    return {row.line_number: (row.sku, row.quantity) for row in rows}


def open_lines(connection: Connection, fulfilment_order_id: int) -> dict[int, OpenLine]:
    """Return the lines of a fulfilment order with the units that nothing has closed or despatched."""
    lines = connection.execute(
        select(fulfilment_lines.c.line_number, fulfilment_lines.c.sku).where(
            fulfilment_lines.c.fulfilment_order_id == fulfilment_order_id
        )
    ).all()
    skus: dict[int, str] = {row.line_number: row.sku for row in lines}
    units: dict[int, list[int]] = {number: [] for number in skus}
    rows = connection.execute(
        select(order_units.c.line_number, order_units.c.order_item_id).where(
            order_units.c.fulfilment_order_id == fulfilment_order_id,
            order_units.c.state == UnitState.OPEN.value,
            order_units.c.closed_by.is_(None),
        )
    ).all()
    for row in rows:
        if row.line_number in units:
            units[row.line_number].append(row.order_item_id)
    return {number: OpenLine(number, sku, tuple(units[number])) for number, sku in skus.items()}
