"""Orders, their parts (fulfilment orders), lines and units, as the ledger holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from syncbridge.domain.backend import BackendOrder
from syncbridge.domain.orders import DelegatedUnit, Line, ShopOrder
from syncbridge.domain.states import SendState, UnitState, require_unit
from syncbridge.ledger.statements import insert_row, select_where, update_where
from syncbridge.ledger.tables import fulfilment_lines, fulfilment_orders, order_units, orders

# SQLite bounds the parameters of a statement; a question about 5,000 units goes in slices.
_SLICE = 500


@dataclass(frozen=True)
class Part:
    """A fulfilment order: what one back end was or will be asked to send of an order."""

    id: int
    order_id: int
    merchant: str
    warehouse: str
    delegation: int
    reference: str
    account: str
    state: SendState
    inbox_id: int | None
    total_minor: int | None

    @property
    def place(self) -> tuple[str, str, int]:
        """What tells it apart within its order: merchant, warehouse and delegation number."""
        return self.merchant, self.warehouse, self.delegation


def slices(values: Sequence[int]) -> list[Sequence[int]]:
    """Cut a list of ids so that each part fits one statement."""
    return [values[start : start + _SLICE] for start in range(0, len(values), _SLICE)]


def ensure_order(
    connection: Connection,
    order_id: int,
    *,
    shop: str,
    country: str,
    currency: str,
    reference_key: str,
    source: str,
    confirmed_at: datetime | None,
    at: datetime,
) -> None:
    """Insert an order unless it is there; otherwise lock its row, so that a simultaneous intake waits for us."""
    row = {
        "id": order_id,
        "shop": shop,
        "country": country,
        "reference_keys": [reference_key] if reference_key else [],
        "currency": currency,
        "source": source,
        "confirmed_at": confirmed_at,
        "created_at": at,
        "updated_at": at,
    }
    added = insert_row(connection, orders, row, unless=("id",))
    if added is None:
        connection.execute(select(orders.c.id).where(orders.c.id == order_id).with_for_update())


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


def next_delegation(connection: Connection, order_id: int, merchant: str, warehouse: str) -> int:
    """Return the number of the next delegation for a merchant's warehouse within an order: 1, 2, …"""
    latest = connection.execute(
        select(func.max(fulfilment_orders.c.delegation)).where(
            fulfilment_orders.c.order_id == order_id,
            fulfilment_orders.c.merchant == merchant,
            fulfilment_orders.c.warehouse == warehouse,
        )
    ).scalar()
    return (latest or 0) + 1


def add_part(
    connection: Connection,
    *,
    order_id: int,
    merchant: str,
    warehouse: str,
    delegation: int,
    reference: str,
    account: str,
    inbox_id: int | None,
    units: Sequence[DelegatedUnit],
    at: datetime,
) -> int:
    """Insert a fulfilment order with its units; return its id."""
    row = {
        "order_id": order_id,
        "merchant": merchant,
        "warehouse": warehouse,
        "delegation": delegation,
        "reference": reference,
        "account": account,
        "state": SendState.PENDING.value,
        "inbox_id": inbox_id,
        "created_at": at,
        "updated_at": at,
    }
    part = insert_row(connection, fulfilment_orders, row)
    connection.execute(
        insert(order_units),
        [
            {
                "order_item_id": unit.order_item_id,
                "order_id": order_id,
                "fulfilment_order_id": part,
                "sku": unit.sku,
                "price_minor": unit.price_minor,
                "state": UnitState.OPEN.value,
                "created_at": at,
                "updated_at": at,
            }
            for unit in units
        ],
    )
    return int(part)


def part_of(connection: Connection, part_id: int) -> Part:
    """Return a fulfilment order by its row id."""
    (row,) = select_where(connection, fulfilment_orders, _PART, {"id": part_id})
    return _part(row)


def part_by_reference(connection: Connection, account: str, reference: str) -> Part | None:
    """Return a back end's fulfilment order by its reference, or None when it is not ours."""
    rows = select_where(connection, fulfilment_orders, _PART, {"reference": reference, "account": account})
    return _part(rows[0]) if rows else None


def parts_of_order(connection: Connection, order_id: int) -> list[Part]:
    """Return all fulfilment orders of an order, in the order they were made."""
    return [_part(row) for row in select_where(connection, fulfilment_orders, _PART, {"order_id": order_id}, "id")]


_PART = (
    "id",
    "order_id",
    "merchant",
    "warehouse",
    "delegation",
    "reference",
    "account",
    "state",
    "inbox_id",
    "total_minor",
)


def _part(row: Any) -> Part:
    values = dict(row._mapping)
    return Part(**values | {"state": SendState(values["state"])})


def open_units(connection: Connection, part_id: int) -> frozenset[int]:
    """Return the order item ids of a fulfilment order that nothing has closed."""
    where = {"fulfilment_order_id": part_id, "state": UnitState.OPEN.value}
    return frozenset(row[0] for row in select_where(connection, order_units, ("order_item_id",), where))


def note_reading(connection: Connection, order: ShopOrder, at: datetime) -> None:
    """Note what the shop's own order says; every reference key ever seen is kept."""
    ((known,),) = select_where(connection, orders, ("reference_keys",), {"id": order.order_id})
    values: dict[str, object] = {
        "shop": order.shop,
        "country": order.country,
        "currency": order.currency,
        "total_minor": order.total_minor,
        "shop_status": order.status,
        "document": order.document or None,
        "confirmed_at": order.confirmed_at,
        "read_at": at,
        "updated_at": at,
    }
    if order.reference_key and order.reference_key not in known:
        values["reference_keys"] = [*known, order.reference_key]
    update_where(connection, orders, {"id": order.order_id}, values)


def cancel_units(connection: Connection, order_item_ids: Sequence[int], at: datetime) -> str:
    """Mark open units as cancelled by the shop; return the reason of the transition."""
    why = require_unit(UnitState.OPEN, UnitState.CANCELLED)
    for some in slices(order_item_ids):
        connection.execute(
            update(order_units)
            .where(order_units.c.order_item_id.in_(some), order_units.c.state == UnitState.OPEN.value)
            .values(state=UnitState.CANCELLED.value, updated_at=at)
        )
    return why


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
_NEWER_VERSION = (
    update(fulfilment_orders)
    .where(
        fulfilment_orders.c.id == bindparam("part"),
        func.coalesce(fulfilment_orders.c.backend_version, 0) < bindparam("version"),
    )
    .values(
        backend_id=bindparam("to_id"),
        backend_status=bindparam("to_status"),
        backend_raw_status=bindparam("to_raw_status"),
        backend_version=bindparam("version"),
        updated_at=bindparam("at"),
    )
)
_LINE_MOVED = (
    update(fulfilment_lines)
    .where(
        fulfilment_lines.c.fulfilment_order_id == bindparam("part"),
        fulfilment_lines.c.line_number == bindparam("line"),
    )
    .values(allocated=bindparam("to_allocated"), despatched=bindparam("to_despatched"))
)


def note_backend_order(connection: Connection, part_id: int, order: BackendOrder, at: datetime) -> bool:
    """Note a back end's order; false when the stored version is as new."""
    newer = connection.execute(
        _NEWER_VERSION,
        {
            "part": part_id,
            "version": order.version,
            "to_id": order.backend_id,
            "to_status": order.status.value,
            "to_raw_status": order.raw_status,
            "at": at,
        },
    )
    if newer.rowcount != 1:
        return False
    if any(line.allocated or line.despatched for line in order.lines) or order.version > 1:
        _note_quantities(connection, part_id, order)
    return True


def _note_quantities(connection: Connection, part_id: int, order: BackendOrder) -> None:
    """Note what of each line the back end has allocated and despatched, where it changed."""
    columns = ("line_number", "allocated", "despatched")
    known = {
        row.line_number: (row.allocated, row.despatched)
        for row in select_where(connection, fulfilment_lines, columns, {"fulfilment_order_id": part_id})
    }
    moved = [
        {
            "part": part_id,
            "line": line.line_number,
            "to_allocated": line.allocated,
            "to_despatched": line.despatched,
        }
        for line in order.lines
        if known.get(line.line_number, (line.allocated, line.despatched)) != (line.allocated, line.despatched)
    ]
    if moved:
        connection.execute(_LINE_MOVED, moved)


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


def shop_of(connection: Connection, order_id: int) -> tuple[str, str]:
    """Return the shop key and country of an order."""
    row = connection.execute(select(orders.c.shop, orders.c.country).where(orders.c.id == order_id)).one()
    return row.shop, row.country


def lines_with_closed_units(connection: Connection, part_id: int) -> set[int]:
    """Return the line numbers of which a unit has its terminal write already."""
    return set(
        connection.execute(
            select(order_units.c.line_number)
            .where(order_units.c.fulfilment_order_id == part_id, order_units.c.closed_by.is_not(None))
            .distinct()
        ).scalars()
    )
