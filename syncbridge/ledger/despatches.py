"""Despatches as back ends tell of them: stored by version, bound to a fulfilment order, or still alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from syncbridge.domain.backend import BackendDespatch
from syncbridge.domain.states import SendState
from syncbridge.ledger.statements import select_where, update_where
from syncbridge.ledger.tables import despatches, exceptions, fulfilment_orders, parcels


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
