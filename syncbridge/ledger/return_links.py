"""Which order goods are of that came back without an announcement: codes that came with them, and where those lead."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from syncbridge.ledger.returns import Return
from syncbridge.ledger.statements import update_where
from syncbridge.ledger.tables import despatches, fulfilment_orders, parcels, returns


@dataclass(frozen=True)
class Link:
    """Where a code that came back with goods leads."""

    part_id: int
    order_id: int
    how: str
    parcel: int | None = None


def find_link(connection: Connection, account: str, codes: Collection[str], *, by_guess: bool) -> Link | None:
    """Follow codes to one fulfilment order: our RMA, the parcel's return label; with `by_guess` tracking or reference too.

    None where they lead nowhere, or to several.
    """
    if not codes:
        return None
    rmas = connection.execute(
        select(returns.c.fulfilment_order_id, returns.c.order_id).where(
            returns.c.account == account,
            returns.c.rma_number.in_(codes),
            returns.c.fulfilment_order_id.is_not(None),
        )
    ).all()
    if len(rmas) == 1:
        return Link(rmas[0].fulfilment_order_id, rmas[0].order_id, "rma")
    columns: list[tuple[Any, str]] = [(parcels.c.return_ident_code, "label")]
    if by_guess:
        columns.append((parcels.c.shipment_key, "tracking"))
    for column, how in columns:
        rows = connection.execute(
            select(parcels.c.id, fulfilment_orders.c.id.label("part"), fulfilment_orders.c.order_id)
            .join(despatches, despatches.c.id == parcels.c.despatch_row)
            .join(fulfilment_orders, fulfilment_orders.c.id == despatches.c.fulfilment_order_id)
            .where(fulfilment_orders.c.account == account, column.in_(codes))
        ).all()
        if len(rows) == 1:
            return Link(rows[0].part, rows[0].order_id, how, rows[0].id)
    if not by_guess:
        return None
    parts = connection.execute(
        select(fulfilment_orders.c.id, fulfilment_orders.c.order_id).where(
            fulfilment_orders.c.account == account, fulfilment_orders.c.reference.in_(codes)
        )
    ).all()
    return Link(parts[0].id, parts[0].order_id, "reference") if len(parts) == 1 else None


def order_anywhere(connection: Connection, codes: Collection[str]) -> int | None:
    """Return the one order to which codes lead in whichever back end: by RMA, label, tracking number or reference."""
    if not codes:
        return None
    of_parcel = (
        select(fulfilment_orders.c.order_id)
        .join(despatches, despatches.c.fulfilment_order_id == fulfilment_orders.c.id)
        .join(parcels, parcels.c.despatch_row == despatches.c.id)
    )
    for query in (
        select(returns.c.order_id).where(returns.c.rma_number.in_(codes), returns.c.order_id.is_not(None)),
        of_parcel.where(parcels.c.return_ident_code.in_(codes)),
        of_parcel.where(parcels.c.shipment_key.in_(codes)),
        select(fulfilment_orders.c.order_id).where(fulfilment_orders.c.reference.in_(codes)),
    ):
        found = set(connection.execute(query.distinct()).scalars())
        if len(found) == 1:
            return int(found.pop())
    return None


def link(
    connection: Connection, return_id: int, part_id: int, order_id: int, how: str, parcel: int | None, at: datetime
) -> None:
    """Note which fulfilment order (and parcel) a return turned out to be of."""
    connection.execute(
        update(returns)
        .where(returns.c.id == return_id)
        .values(
            fulfilment_order_id=part_id, order_id=order_id, linked_by=how, linked_parcel=parcel, codes=None, updated_at=at
        )
    )


def keep_codes(connection: Connection, one: Return, codes: Collection[str], at: datetime) -> None:
    """Keep what may lead to the order of goods once more of it is known; forgotten as soon as it did."""
    if set(codes) - set(one.codes):
        values = {"codes": sorted({*one.codes, *codes}), "updated_at": at}
        update_where(connection, returns, {"id": one.id}, values)
