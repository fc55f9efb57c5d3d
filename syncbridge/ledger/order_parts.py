"""Parts of orders (fulfilment orders): what one back end was or will be asked to send."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select

from syncbridge.domain.orders import DelegatedUnit
from syncbridge.domain.states import SendState, UnitState
from syncbridge.ledger.statements import insert_row, select_where, update_where
from syncbridge.ledger.tables import fulfilment_orders, order_units


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
    return order_of_reference(connection, reference) is not None


def order_of_reference(connection: Connection, reference: str) -> int | None:
    """Return the order that was prepared for a back end under this reference, or None when there is none."""
    rows = select_where(connection, fulfilment_orders, ("order_id",), {"reference": reference})
    return int(rows[0].order_id) if rows else None


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
