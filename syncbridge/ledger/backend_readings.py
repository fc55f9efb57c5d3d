"""What a back end says of a part: its id, status and version, and what of each line it reserved, sent or gave up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, func, or_, select, update

from syncbridge.domain.backend import BackendOrder
from syncbridge.ledger.statements import select_where
from syncbridge.ledger.tables import fulfilment_lines, fulfilment_orders

_AS_READ: dict[str, BindParameter[Any]] = {
    "backend_id": bindparam("to_id"),
    "backend_status": bindparam("to_status"),
    "backend_raw_status": bindparam("to_raw_status"),
    "backend_version": bindparam("version"),
    "updated_at": bindparam("at"),
}
_NEWER_VERSION = (
    update(fulfilment_orders)
    .where(
        fulfilment_orders.c.id == bindparam("part"),
        func.coalesce(fulfilment_orders.c.backend_version, 0) < bindparam("version"),
    )
    .values(_AS_READ)
)
_LINE_MOVED = (
    update(fulfilment_lines)
    .where(
        fulfilment_lines.c.fulfilment_order_id == bindparam("part"),
        fulfilment_lines.c.line_number == bindparam("line"),
    )
    .values(
        allocated=bindparam("to_allocated"),
        despatched=bindparam("to_despatched"),
        reserved_at=bindparam("to_reserved_at"),
    )
)
_SAME_VERSION = (
    update(fulfilment_orders)
    .where(
        fulfilment_orders.c.id == bindparam("part"),
        func.coalesce(fulfilment_orders.c.backend_version, 0) == bindparam("version"),
        or_(
            fulfilment_orders.c.backend_version.is_(None),
            fulfilment_orders.c.backend_id.is_distinct_from(bindparam("to_id")),
            fulfilment_orders.c.backend_status.is_distinct_from(bindparam("to_status")),
            fulfilment_orders.c.backend_raw_status.is_distinct_from(bindparam("to_raw_status")),
        ),
    )
    .values(_AS_READ)
)


def note_backend_order(connection: Connection, part_id: int, order: BackendOrder, at: datetime) -> bool:
    """Note a back end's order; false when it is older than what is stored, or says nothing else."""
    values = {
        "part": part_id,
        "version": order.version,
        "to_id": order.backend_id,
        "to_status": order.status.value,
        "to_raw_status": order.raw_status,
        "at": at,
    }
    quantities = any(line.allocated or line.despatched or line.cancelled for line in order.lines)
    if connection.execute(_NEWER_VERSION, values).rowcount == 1:
        if quantities or order.version > 1:
            _note_quantities(connection, part_id, order, at)
        return True
    # A version that did not rise proves nothing where the back end counts no versions: what the reading says does.
    changed = connection.execute(_SAME_VERSION, values).rowcount == 1
    if not changed:
        if order.version and not quantities:
            return False
        ((version,),) = select_where(connection, fulfilment_orders, ("backend_version",), {"id": part_id})
        if (version or 0) != order.version:
            return False
    return _note_quantities(connection, part_id, order, at) or changed


def _note_quantities(connection: Connection, part_id: int, order: BackendOrder, at: datetime) -> bool:
    """Note what of each line the back end has allocated and despatched, where it changed; say whether anything did.

    `at` is an instant after the answer came, so that whatever it shows as reserved was reserved by then.
    """
    columns = ("line_number", "allocated", "despatched", "cancelled", "reserved_at")
    rows = select_where(connection, fulfilment_lines, columns, {"fulfilment_order_id": part_id})
    known = {row.line_number: row for row in rows}
    moved = []
    gave_up = False
    for line in order.lines:
        old = known.get(line.line_number)
        if old is None:
            continue
        gave_up = gave_up or line.cancelled > old.cancelled
        if (old.allocated, old.despatched) == (line.allocated, line.despatched):
            continue
        more = line.allocated + line.despatched > old.allocated + old.despatched
        moved.append(
            {
                "part": part_id,
                "line": line.line_number,
                "to_allocated": line.allocated,
                "to_despatched": line.despatched,
                "to_reserved_at": at if more else old.reserved_at,
            }
        )
    if moved:
        connection.execute(_LINE_MOVED, moved)
    return bool(moved) or gave_up


def note_cancelled(connection: Connection, part_id: int, cancelled: Mapping[int, int]) -> None:
    """Note how many units of each line the back end will not send; it never takes that back."""
    for line_number, units in cancelled.items():
        connection.execute(
            update(fulfilment_lines)
            .where(
                fulfilment_lines.c.fulfilment_order_id == part_id,
                fulfilment_lines.c.line_number == line_number,
                fulfilment_lines.c.cancelled < units,
            )
            .values(cancelled=units)
        )


def cancelled_by_line(connection: Connection, part_id: int) -> dict[int, int]:
    """Return how many units of each line the back end will not send, where it is any."""
    rows = connection.execute(
        select(fulfilment_lines.c.line_number, fulfilment_lines.c.cancelled).where(
            fulfilment_lines.c.fulfilment_order_id == part_id, fulfilment_lines.c.cancelled > 0
        )
    ).all()
    return {row.line_number: row.cancelled for row in rows}


def raw_status_of(connection: Connection, part_id: int) -> str:
    """Return the back end's own word for how far it has got with a part, as last heard."""
    ((status,),) = select_where(connection, fulfilment_orders, ("backend_raw_status",), {"id": part_id})
    return status or ""
