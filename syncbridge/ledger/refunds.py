"""What the shop shows of returns and refunds: units as returned, money as paid back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, String, cast, exists, func, or_, select, update

from syncbridge.domain.refunds import ShownRefund
from syncbridge.domain.returns import REFUNDING, Decision
from syncbridge.ledger.id_slices import slices
from syncbridge.ledger.receipts import receipt_subject
from syncbridge.ledger.statements import insert_row
from syncbridge.ledger.tables import exceptions, order_units, receipts, refunds, returned_units

COST_NOTHING = "cost nothing"
"""Says by what a refund is acknowledged where there was nothing to pay back."""


def keep(
    connection: Connection,
    message_id: str,
    *,
    order_id: int,
    units: Sequence[int],
    amount_minor: int | None,
    currency: str,
    happened_at: datetime,
    at: datetime,
) -> bool:
    """Keep a refund that the shop told of; false for a message that came before."""
    row = {
        "message_id": message_id[:200],
        "order_id": order_id,
        "units": sorted(units),
        "amount_minor": amount_minor,
        "currency": currency[:3],
        "happened_at": happened_at,
        "created_at": at,
    }
    return insert_row(connection, refunds, row, unless=("message_id",)) is not None


def of_order(connection: Connection, order_id: int) -> list[ShownRefund]:
    """Return the refunds that the shop told of, in the order in which they happened."""
    rows = connection.execute(
        select(refunds).where(refunds.c.order_id == order_id).order_by(refunds.c.happened_at, refunds.c.id)
    ).all()
    return [ShownRefund(row.message_id, tuple(row.units), row.amount_minor) for row in rows]


def checked(connection: Connection, order_id: int, at: datetime) -> None:
    """Note that the order's refunds were held against what was paid."""
    connection.execute(update(refunds).where(refunds.c.order_id == order_id).values(checked_at=at))


def unchecked_keys(connection: Connection, order_id: int) -> set[str]:
    """Return the keys of an order's refunds that were not held against what was paid yet."""
    return set(
        connection.execute(
            select(refunds.c.message_id).where(refunds.c.order_id == order_id, refunds.c.checked_at.is_(None))
        ).scalars()
    )


def unchecked_orders(connection: Connection, limit: int) -> list[int]:
    """Return the orders that we have and of which a refund was not held against what was paid yet."""
    return list(
        connection.execute(
            select(refunds.c.order_id)
            .where(refunds.c.checked_at.is_(None), refunds.c.order_id.in_(select(order_units.c.order_id)))
            .group_by(refunds.c.order_id)
            .order_by(func.min(refunds.c.created_at))
            .limit(limit)
        ).scalars()
    )


def note_shown(
    connection: Connection, order_id: int, paid: Mapping[int, int | None], at: datetime
) -> tuple[list[int], list[int]]:
    """Note that SCAYLE shows units as returned, and what each cost.

    Returns the units that were not known as such before, and those of them of which no goods came.
    """
    fresh: list[int] = []
    without_goods: list[int] = []
    for unit, paid_minor in sorted(paid.items()):
        added = insert_row(
            connection,
            returned_units,
            {
                "order_item_id": unit,
                "order_id": order_id,
                "decision": "",
                "paid_minor": paid_minor,
                "shown_at": at,
                "refunded_by": "",
                "created_at": at,
                "updated_at": at,
            },
            returning="order_item_id",
            unless=("order_item_id",),
        )
        if added is not None:
            fresh.append(unit)
            without_goods.append(unit)
            continue
        known = connection.execute(
            update(returned_units)
            .where(returned_units.c.order_item_id == unit, returned_units.c.shown_at.is_(None))
            .values(shown_at=at, paid_minor=paid_minor, updated_at=at)
        )
        if known.rowcount:
            fresh.append(unit)
    return fresh, without_goods


def acknowledge(connection: Connection, units: Collection[int], by: str, at: datetime) -> list[int]:
    """Note that the shop shows the refund of units; return those of which it was not known."""
    found: list[int] = []
    for some in slices(sorted(units)):
        found += connection.execute(
            update(returned_units)
            .where(returned_units.c.order_item_id.in_(some), returned_units.c.refunded_at.is_(None))
            .values(refunded_at=at, refunded_by=by, updated_at=at)
            .returning(returned_units.c.order_item_id)
        ).scalars()
    return sorted(found)


def looked(connection: Connection, order_id: int, at: datetime) -> None:
    """Note that the shop was asked about an order's returns."""
    connection.execute(update(returned_units).where(returned_units.c.order_id == order_id).values(checked_at=at))


def to_look_at(connection: Connection, before: datetime, limit: int) -> list[int]:
    """Return the orders with a return whose refund is not shown, not asked about since an instant, longest ago first."""
    return list(
        connection.execute(
            select(returned_units.c.order_id)
            .where(
                returned_units.c.refunded_at.is_(None),
                or_(returned_units.c.shown_at.is_not(None), returned_units.c.transmission_id.is_not(None)),
                or_(returned_units.c.checked_at.is_(None), returned_units.c.checked_at <= before),
            )
            .group_by(returned_units.c.order_id)
            .order_by(func.min(func.coalesce(returned_units.c.checked_at, returned_units.c.created_at)))
            .limit(limit)
        ).scalars()
    )


@dataclass(frozen=True)
class OpenEnd:
    """A unit whose goods and money do not agree, for too long."""

    order_item_id: int
    order_id: int
    since: datetime
    decision: str
    sku: str


def not_refunded(connection: Connection, before: datetime, kind: str, limit: int) -> list[OpenEnd]:
    """Return units that came back before an instant and of which no refund is shown.

    Left out are those that a person refused, and those that were an exception of this kind before.
    """
    return _open_ends(
        connection,
        kind,
        limit,
        returned_units.c.received_at,
        returned_units.c.received_at <= before,
        returned_units.c.refunded_at.is_(None),
        returned_units.c.decision.in_((*(one.value for one in REFUNDING), Decision.ASK.value)),
    )


def not_received(connection: Connection, before: datetime, kind: str, limit: int) -> list[OpenEnd]:
    """Return units that SCAYLE shows as returned since before an instant and of which no goods came."""
    return _open_ends(
        connection,
        kind,
        limit,
        returned_units.c.shown_at,
        returned_units.c.receipt_id.is_(None),
        returned_units.c.shown_at <= before,
    )


def _open_ends(connection: Connection, kind: str, limit: int, since: Any, *conditions: Any) -> list[OpenEnd]:
    told = (
        select(exceptions.c.id)
        .where(
            exceptions.c.kind == kind,
            exceptions.c.order_id == returned_units.c.order_id,
            exceptions.c.subject == "unit:" + cast(returned_units.c.order_item_id, String),
        )
        .exists()
    )
    rows = connection.execute(
        select(
            returned_units.c.order_item_id,
            returned_units.c.order_id,
            since.label("since"),
            returned_units.c.decision,
            order_units.c.sku,
        )
        .join(order_units, order_units.c.order_item_id == returned_units.c.order_item_id)
        .where(*conditions, ~told)
        .order_by(returned_units.c.order_item_id)
        .limit(limit)
    ).all()
    return [OpenEnd(**row._mapping) for row in rows]


def answered(connection: Connection, units: Collection[int]) -> list[str]:
    """Return the subjects of receipts that asked about these units, and of which the shop shows every unit as returned."""
    ours, others = returned_units.alias(), returned_units.alias()
    open_still = exists().where(
        others.c.receipt_id == receipts.c.id, others.c.decision == Decision.ASK.value, others.c.shown_at.is_(None)
    )
    found: list[str] = []
    for some in slices(sorted(units)):
        rows = connection.execute(
            select(receipts.c.account, receipts.c.receipt_line_id)
            .join(ours, ours.c.receipt_id == receipts.c.id)
            .where(ours.c.order_item_id.in_(some), ours.c.decision == Decision.ASK.value, ~open_still)
            .distinct()
        )
        found += [receipt_subject(row.account, row.receipt_line_id) for row in rows]
    return found


def undecided(connection: Connection, kind: str, limit: int) -> list[int]:
    """Return the receipts that wait for a person's decision without an open exception of this kind to say so."""
    told = (
        select(exceptions.c.id)
        .where(
            exceptions.c.kind == kind,
            exceptions.c.state != "resolved",
            exceptions.c.order_id == returned_units.c.order_id,
            exceptions.c.subject == "receipt:" + receipts.c.account + ":" + receipts.c.receipt_line_id,
        )
        .exists()
    )
    return list(
        connection.execute(
            select(receipts.c.id)
            .join(returned_units, returned_units.c.receipt_id == receipts.c.id)
            .where(
                returned_units.c.decision == Decision.ASK.value,
                returned_units.c.shown_at.is_(None),
                ~told,
            )
            .distinct()
            .limit(limit)
        ).scalars()
    )
