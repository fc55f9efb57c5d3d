"""Parcels of despatches: the units in each, its shipment key, and what the shop was or will be told of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count

from sqlalchemy import Connection, delete, func, insert, or_, select, update

from syncbridge.domain.despatching import Consignment
from syncbridge.domain.states import SendState, UnitState, require_unit
from syncbridge.ledger.id_slices import slices
from syncbridge.ledger.tables import (
    despatches,
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
