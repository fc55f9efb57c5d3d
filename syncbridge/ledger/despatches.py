"""Despatches, their parcels and the units in them, as the ledger holds them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from syncbridge.domain.backend import BackendDespatch
from syncbridge.domain.despatching import Consignment, OpenLine
from syncbridge.domain.states import SendState, UnitState, require_unit
from syncbridge.ledger.orders import slices
from syncbridge.ledger.statements import select_where, update_where
from syncbridge.ledger.tables import (
    despatches,
    exceptions,
    fulfilment_lines,
    fulfilment_orders,
    order_units,
    orders,
    parcels,
    transmissions,
)


@dataclass(frozen=True)
class Told:
    """A parcel row with its shipment's state; `transmission_id` is None only before it is made."""

    id: int
    parcel_ids: tuple[str, ...]
    tracking_number: str
    transmission_id: int | None
    state: SendState
    key: str


def store(connection: Connection, account: str, despatch: BackendDespatch, at: datetime) -> int | None:
    """Insert or update a despatch; return its row id, or None when the stored version is as new or says the same.

    When it left is what the first reading said: that was nearest to it, and local times of an hour that is repeated move
    when they are read again.
    """
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values: dict[str, Any] = {
        "account": account,
        "despatch_id": despatch.despatch_id,
        "number": despatch.number,
        "reference": despatch.reference,
        "version": despatch.version,
        "carrier": despatch.carrier,
        "despatched_at": despatch.despatched_at,
        "voided_at": despatch.voided_at,
        "parcels": [
            {
                "parcel_id": parcel.parcel_id,
                "tracking_number": parcel.tracking_number,
                "lines": [[line.line_number, line.sku, line.quantity] for line in parcel.lines],
            }
            for parcel in despatch.parcels
        ],
        "updated_at": at,
    }
    first = ("account", "despatch_id", "despatched_at")
    said = {name: value for name, value in values.items() if name not in (*first, "version", "updated_at")}
    key = {"account": account, "despatch_id": despatch.despatch_id}
    known = select_where(connection, despatches, ("id", "version", *said), key)
    if known and all(known[0]._mapping[name] == value for name, value in said.items()):
        if known[0].version < despatch.version:
            seen = {"id": known[0].id, "version": known[0].version}
            update_where(connection, despatches, seen, {"version": despatch.version})
        return None
    statement = make(despatches).values(**values, created_at=at)
    stored = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account", "despatch_id"],
            set_={name: value for name, value in values.items() if name not in first},
            where=despatches.c.version < despatch.version,
        ).returning(despatches.c.id)
    ).scalar()
    return None if stored is None else int(stored)


def bind(connection: Connection, despatch_row: int, fulfilment_order_id: int) -> None:
    """Note which fulfilment order a despatch belongs to."""
    connection.execute(
        update(despatches)
        .where(despatches.c.id == despatch_row)
        .values(fulfilment_order_id=fulfilment_order_id)
    )


def matchable(connection: Connection, limit: int) -> list[Any]:
    """Return despatches that belong to no fulfilment order yet although one with their reference is known.

    One whose order was never sent has to wait: its lines are not known. Others' despatches do not stand in the way.
    """
    return list(
        connection.execute(
            select(despatches)
            .join(
                fulfilment_orders,
                and_(
                    fulfilment_orders.c.reference == despatches.c.reference,
                    fulfilment_orders.c.account == despatches.c.account,
                ),
            )
            .where(
                despatches.c.fulfilment_order_id.is_(None), fulfilment_orders.c.state != SendState.PENDING.value
            )
            .order_by(despatches.c.id)
            .limit(limit)
        ).all()
    )


def unclaimed(connection: Connection, before: datetime, kind: str, limit: int) -> list[Any]:
    """Return old despatches that belong to no fulfilment order and were never an exception of this kind."""
    told_of = (
        select(exceptions.c.id)
        .where(exceptions.c.kind == kind, exceptions.c.subject == "despatch:" + despatches.c.despatch_id)
        .exists()
    )
    return list(
        connection.execute(
            select(despatches)
            .where(despatches.c.fulfilment_order_id.is_(None), despatches.c.created_at <= before, ~told_of)
            .order_by(despatches.c.id)
            .limit(limit)
        ).all()
    )


def is_voided(connection: Connection, transmission_id: int) -> bool:
    """Say whether the despatch that a shipment's transmission tells of was voided since."""
    voided = connection.execute(
        select(despatches.c.voided_at)
        .join(parcels, parcels.c.despatch_row == despatches.c.id)
        .where(parcels.c.transmission_id == transmission_id)
    ).scalar()
    return voided is not None


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


def told(connection: Connection, despatch_row: int) -> list[Told]:
    """Return what the shop was or will be told of a despatch."""
    rows = connection.execute(
        select(parcels, transmissions.c.state.label("send_state"), transmissions.c.key)
        .join(transmissions, transmissions.c.id == parcels.c.transmission_id)
        .where(parcels.c.despatch_row == despatch_row, transmissions.c.state != SendState.WITHDRAWN.value)
        .order_by(parcels.c.id)
    ).all()
    return [
        Told(
            row.id,
            tuple(row.parcel_ids),
            row.tracking_number,
            row.transmission_id,
            SendState(row.send_state),
            row.key,
        )
        for row in rows
    ]


def add_parcel(connection: Connection, despatch_row: int, consignment: Consignment, at: datetime) -> int:
    """Add a parcel row and put its units in it; the return code is random and stored before it is sent."""
    parcel = connection.execute(
        insert(parcels)
        .values(
            despatch_row=despatch_row,
            parcel_ids=list(consignment.parcel_ids),
            tracking_number=consignment.tracking_number,
            return_ident_code=f"RI-{uuid.uuid4().hex[:20].upper()}",
            created_at=at,
            updated_at=at,
        )
        .returning(parcels.c.id)
    ).scalar_one()
    require_unit(UnitState.OPEN, UnitState.DESPATCHED)
    for some in slices(consignment.unit_ids):
        connection.execute(
            update(order_units)
            .where(order_units.c.order_item_id.in_(some), order_units.c.state == UnitState.OPEN.value)
            .values(state=UnitState.DESPATCHED.value, parcel_id=parcel, updated_at=at)
        )
    return int(parcel)


def set_transmission(connection: Connection, parcel: int, transmission_id: int) -> None:
    connection.execute(update(parcels).where(parcels.c.id == parcel).values(transmission_id=transmission_id))


def free_units(connection: Connection, parcel: int, transmission_id: int, at: datetime) -> None:
    """Take the units out of a parcel whose shipment was withdrawn: the shop was certainly never told."""
    require_unit(UnitState.DESPATCHED, UnitState.OPEN)
    connection.execute(
        update(order_units)
        .where(
            order_units.c.parcel_id == parcel,
            order_units.c.state == UnitState.DESPATCHED.value,
            or_(order_units.c.closed_by.is_(None), order_units.c.closed_by == transmission_id),
        )
        .values(state=UnitState.OPEN.value, parcel_id=None, closed_by=None, updated_at=at)
    )


def units_in(connection: Connection, parcel: int) -> tuple[int, ...]:
    return tuple(
        connection.execute(
            select(order_units.c.order_item_id)
            .where(order_units.c.parcel_id == parcel)
            .order_by(order_units.c.order_item_id)
        ).scalars()
    )


def units_by_line(connection: Connection, parcel: int) -> dict[int, int]:
    """Return how many units of each line are in a parcel."""
    rows = connection.execute(
        select(order_units.c.line_number, func.count())
        .where(order_units.c.parcel_id == parcel, order_units.c.line_number.is_not(None))
        .group_by(order_units.c.line_number)
    ).all()
    return {row[0]: row[1] for row in rows}


def claim_shipment_key(connection: Connection, parcel: int, wanted: str, at: datetime) -> str:
    """Give a parcel its shipment key, once; a number met before on another parcel gets `-2`, `-3`, …"""
    known = connection.execute(select(parcels.c.shipment_key).where(parcels.c.id == parcel)).scalar()
    if known is not None:
        return str(known)
    used = set(
        connection.execute(
            select(parcels.c.shipment_key).where(
                or_(
                    parcels.c.shipment_key == wanted,
                    parcels.c.shipment_key.like(f"{_escaped(wanted)}-%", escape="!"),
                )
            )
        ).scalars()
    )
    # Other numbers may begin with this one, or be just what a suffix would make of it.
    key = next(one for one in chain([wanted], (f"{wanted}-{n}" for n in count(2))) if one not in used)
    connection.execute(update(parcels).where(parcels.c.id == parcel).values(shipment_key=key, updated_at=at))
    return key


def close_units(connection: Connection, parcel: int, transmission_id: int, at: datetime) -> bool:
    """Reserve the one terminal write of every unit in a parcel; false when another write has one of them."""
    units = connection.execute(
        select(func.count()).select_from(order_units).where(order_units.c.parcel_id == parcel)
    ).scalar_one()
    closed = connection.execute(
        update(order_units)
        .where(
            order_units.c.parcel_id == parcel,
            or_(order_units.c.closed_by.is_(None), order_units.c.closed_by == transmission_id),
        )
        .values(closed_by=transmission_id, updated_at=at)
    )
    return closed.rowcount == units


def leave_out(connection: Connection, parcel: int, units: Iterable[int], at: datetime) -> None:
    """Take units out of a parcel because the shop had cancelled them: it is not told that they left."""
    require_unit(UnitState.DESPATCHED, UnitState.CANCELLED)
    for some in slices(list(units)):
        connection.execute(
            update(order_units)
            .where(
                order_units.c.order_item_id.in_(some),
                order_units.c.parcel_id == parcel,
                order_units.c.state == UnitState.DESPATCHED.value,
                order_units.c.closed_by.is_(None),
            )
            .values(state=UnitState.CANCELLED.value, parcel_id=None, updated_at=at)
        )


def drop_parcel(connection: Connection, parcel: int) -> None:
    """Forget a parcel row whose shipment was withdrawn and regrouped before anything left."""
    connection.execute(delete(parcels).where(parcels.c.id == parcel))


def _escaped(text: str) -> str:
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


@dataclass(frozen=True)
class ParcelToTell:
    """A parcel as the shop is to be told of it. `unit_ids` are sorted."""

    id: int
    despatch_id: str
    shop: str
    country: str
    merchant: str
    reference: str
    carrier: str
    number: str
    parcel_ids: tuple[str, ...]
    tracking_number: str
    shipment_key: str | None
    return_ident_code: str
    despatched_at: datetime
    unit_ids: tuple[int, ...]


def parcel_to_tell(connection: Connection, transmission_id: int) -> ParcelToTell:
    """Return the parcel that a shipment's transmission stands for."""
    row = connection.execute(
        select(
            parcels.c.id,
            parcels.c.parcel_ids,
            parcels.c.tracking_number,
            parcels.c.shipment_key,
            parcels.c.return_ident_code,
            despatches.c.despatch_id,
            despatches.c.carrier,
            despatches.c.number,
            despatches.c.despatched_at,
            fulfilment_orders.c.merchant,
            fulfilment_orders.c.reference,
            orders.c.shop,
            orders.c.country,
        )
        .join(despatches, despatches.c.id == parcels.c.despatch_row)
        .join(fulfilment_orders, fulfilment_orders.c.id == despatches.c.fulfilment_order_id)
        .join(orders, orders.c.id == fulfilment_orders.c.order_id)
        .where(parcels.c.transmission_id == transmission_id)
    ).one()
    values = dict(row._mapping)
    values["parcel_ids"] = tuple(values["parcel_ids"])
    return ParcelToTell(unit_ids=units_in(connection, row.id), **values)
