"""Orders, their parts (fulfilment orders), lines and units, as the ledger holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, insert, or_, select, update

from syncbridge.domain.backend import BackendOrder
from syncbridge.domain.orders import DelegatedUnit, Line, ShopOrder
from syncbridge.domain.states import SendState, UnitState, require_unit
from syncbridge.ledger.statements import insert_row, select_where, update_where
from syncbridge.ledger.tables import (
    fulfilment_lines,
    fulfilment_orders,
    order_references,
    order_units,
    orders,
)

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
    backend_id: str | None = None
    cancel_wanted: bool = False

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
        lock_order(connection, order_id)
    _name(connection, order_id, reference_key)


# Longer than any name that a shop gives; a longer one is kept in the order's row but finds nothing.
LONGEST_REFERENCE_KEY = 200


def lock_order(connection: Connection, order_id: int) -> None:
    """Make whoever else changes something of an order wait until this transaction ends.

    Taken first by every transaction that changes more than one row of an order, so that no two ever wait for each other in
    a circle. Its key stays free: others refer to the order with rows of their own meanwhile. On SQLite a transaction that may
    write is alone anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(orders.c.id).where(orders.c.id == order_id).with_for_update(key_share=True))


def lock_orders_of(connection: Connection, account: str, references: Iterable[str]) -> None:
    """Lock the orders of several fulfilment orders of a back end, always in the same sequence; see `lock_order`."""
    if connection.dialect.name != "postgresql":
        return
    mine = select(fulfilment_orders.c.order_id).where(
        fulfilment_orders.c.account == account, fulfilment_orders.c.reference.in_(sorted(set(references)))
    )
    query = select(orders.c.id).where(orders.c.id.in_(mine)).order_by(orders.c.id)
    connection.execute(query.with_for_update(key_share=True))


def _name(connection: Connection, order_id: int, reference_key: str) -> None:
    """Keep a name of an order for ever, so that whoever knows it by that one finds it."""
    if 0 < len(reference_key) <= LONGEST_REFERENCE_KEY:
        row = {"reference_key": reference_key, "order_id": order_id}
        insert_row(
            connection, order_references, row, returning="order_id", unless=("reference_key", "order_id")
        )


def is_known(connection: Connection, order_id: int) -> bool:
    """Say whether an order was taken in."""
    return bool(select_where(connection, orders, ("id",), {"id": order_id}))


def orders_called(connection: Connection, reference_key: str) -> list[int]:
    """Return the orders that have, or ever had, this reference key in the shop."""
    rows = select_where(connection, order_references, ("order_id",), {"reference_key": reference_key}, "order_id")
    return [row.order_id for row in rows]


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


def is_reference(connection: Connection, reference: str) -> bool:
    """Say whether an order was ever prepared for any back end under this reference."""
    return bool(select_where(connection, fulfilment_orders, ("id",), {"reference": reference}))


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
    "backend_id",
    "cancel_wanted",
)


def _part(row: Any) -> Part:
    values = dict(row._mapping)
    return Part(**values | {"state": SendState(values["state"])})


def open_units(connection: Connection, part_id: int) -> frozenset[int]:
    """Return the order item ids of a fulfilment order that nothing has closed."""
    where = {"fulfilment_order_id": part_id, "state": UnitState.OPEN.value}
    return frozenset(row[0] for row in select_where(connection, order_units, ("order_item_id",), where))


def note_reading(connection: Connection, order: ShopOrder, at: datetime) -> bool:
    """Note what the shop's own order says; every reference key ever seen is kept. Say whether this one is new."""
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
    named = bool(order.reference_key) and order.reference_key not in known
    if named:
        values["reference_keys"] = [*known, order.reference_key]
        _name(connection, order.order_id, order.reference_key)
    update_where(connection, orders, {"id": order.order_id}, values)
    return named


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
    .values(
        backend_id=bindparam("to_id"),
        backend_status=bindparam("to_status"),
        backend_raw_status=bindparam("to_raw_status"),
        backend_version=bindparam("version"),
        updated_at=bindparam("at"),
    )
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


def want_cancelled(connection: Connection, part_ids: Sequence[int], at: datetime) -> None:
    """Note that a cancellation concerns these parts, so that everybody who touches them looks for it."""
    for part_id in sorted(part_ids):
        update_where(connection, fulfilment_orders, {"id": part_id}, {"cancel_wanted": True, "updated_at": at})


def flagged_parts(connection: Connection, part_ids: Sequence[int]) -> list[Part]:
    """Return those of the parts that a cancellation concerns."""
    if not part_ids:
        return []
    return [_part(row) for row in connection.execute(_FLAGGED, {"parts": list(part_ids)})]


# Asked before every order that is sent, and nearly always in vain.
_FLAGGED = select(*(fulfilment_orders.c[name] for name in _PART)).where(
    fulfilment_orders.c.id.in_(bindparam("parts", expanding=True)), fulfilment_orders.c.cancel_wanted
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


def raw_status_of(connection: Connection, part_id: int) -> str:
    """Return the back end's own word for how far it has got with a part, as last heard."""
    ((status,),) = select_where(connection, fulfilment_orders, ("backend_raw_status",), {"id": part_id})
    return status or ""


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


def frozen_lines(connection: Connection, part_id: int) -> dict[int, tuple[str, int]]:
    """Return (back end's SKU, units) of each line of the frozen body."""
    columns = ("line_number", "sku", "quantity")
    rows = select_where(connection, fulfilment_lines, columns, {"fulfilment_order_id": part_id}, "line_number")
    return {row.line_number: (row.sku, row.quantity) for row in rows}


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
