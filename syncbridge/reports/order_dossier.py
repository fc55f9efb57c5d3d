"""Everything the ledger knows about one order, without a word of personal data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from syncbridge.domain.money import Money
from syncbridge.ledger.tables import (
    despatches,
    fulfilment_orders,
    order_units,
    orders,
    parcels,
    transmissions,
)
from syncbridge.ledger.unfinished import UnfinishedWrite, unfinished_writes
from syncbridge.reports.exception_lists import ExceptionRow, open_of_order
from syncbridge.reports.facts import Fact, facts_of
from syncbridge.reports.order_lists import money


@dataclass(frozen=True)
class OrderHead:
    """The order as the shop has it."""

    shop: str
    country: str
    reference_keys: tuple[str, ...]
    source: str
    shop_status: str
    total: Money | None
    confirmed_at: datetime | None
    taken_in_at: datetime
    read_at: datetime | None


@dataclass(frozen=True)
class PartView:
    """A part of the order: what one back end was asked to send."""

    reference: str
    merchant: str
    warehouse: str
    delegation: int
    account: str
    state: str
    backend_id: str | None
    backend_status: str | None
    backend_version: int | None
    total: Money | None
    sent_at: datetime | None
    acknowledged_at: datetime | None
    units: Mapping[str, int]


@dataclass(frozen=True)
class UnitView:
    """One sold unit: where it is, and in which parcel."""

    order_item_id: int
    reference: str
    line_number: int | None
    sku: str
    price: Money | None
    tax_rate: Decimal | None
    state: str
    parcel: int | None


@dataclass(frozen=True)
class ParcelView:
    """A parcel that the shop was or will be told of as one shipment. `shipment_state` is how far that got."""

    parcel: int
    despatch: str
    number: str
    account: str
    reference: str
    carrier: str
    tracking_number: str
    shipment_key: str | None
    shipment_state: str | None
    despatched_at: datetime
    voided_at: datetime | None
    units: int


@dataclass(frozen=True)
class Dossier:
    """`order` is None for an order that was never taken in: messages, facts and exceptions may name it all the same."""

    order_id: int
    order: OrderHead | None
    parts: tuple[PartView, ...]
    units: tuple[UnitView, ...]
    parcels: tuple[ParcelView, ...]
    unfinished: tuple[UnfinishedWrite, ...]
    exceptions: tuple[ExceptionRow, ...]
    facts: tuple[Fact, ...]


def dossier_of(connection: Connection, order_id: int) -> Dossier:
    """Return all about an order."""
    row = connection.execute(select(orders).where(orders.c.id == order_id)).first()
    currency = row.currency if row is not None else ""
    units = _units(connection, order_id, currency)
    return Dossier(
        order_id=order_id,
        order=None if row is None else _head(row),
        parts=_parts(connection, order_id, currency, units),
        units=units,
        parcels=_parcels(connection, order_id, units),
        unfinished=tuple(unfinished_writes(connection, order_id=order_id)),
        exceptions=tuple(open_of_order(connection, order_id)),
        facts=tuple(facts_of(connection, order_id)),
    )


def _head(row: Any) -> OrderHead:
    return OrderHead(
        shop=row.shop,
        country=row.country,
        reference_keys=tuple(row.reference_keys),
        source=row.source,
        shop_status=row.shop_status,
        total=money(row.total_minor, row.currency),
        confirmed_at=row.confirmed_at,
        taken_in_at=row.created_at,
        read_at=row.read_at,
    )


def _parts(
    connection: Connection, order_id: int, currency: str, units: tuple[UnitView, ...]
) -> tuple[PartView, ...]:
    states: dict[str, Counter[str]] = {}
    for unit in units:
        states.setdefault(unit.reference, Counter())[unit.state] += 1
    rows = connection.execute(
        select(fulfilment_orders)
        .where(fulfilment_orders.c.order_id == order_id)
        .order_by(fulfilment_orders.c.id)
    ).all()
    return tuple(
        PartView(
            reference=row.reference,
            merchant=row.merchant,
            warehouse=row.warehouse,
            delegation=row.delegation,
            account=row.account,
            state=row.state,
            backend_id=row.backend_id,
            backend_status=row.backend_raw_status,
            backend_version=row.backend_version,
            total=money(row.total_minor, currency),
            sent_at=row.sent_at,
            acknowledged_at=row.acknowledged_at,
            units=dict(sorted(states.get(row.reference, Counter()).items())),
        )
        for row in rows
    )


def _units(connection: Connection, order_id: int, currency: str) -> tuple[UnitView, ...]:
    rows = connection.execute(
        select(
            order_units.c.order_item_id,
            order_units.c.line_number,
            order_units.c.sku,
            order_units.c.price_minor,
            order_units.c.tax_rate,
            order_units.c.state,
            order_units.c.parcel_id,
            fulfilment_orders.c.reference,
        )
        .join(fulfilment_orders, fulfilment_orders.c.id == order_units.c.fulfilment_order_id)
        .where(order_units.c.order_id == order_id)
        .order_by(fulfilment_orders.c.id, order_units.c.line_number, order_units.c.order_item_id)
    ).all()
    return tuple(
        UnitView(
            order_item_id=row.order_item_id,
            reference=row.reference,
            line_number=row.line_number,
            sku=row.sku,
            price=money(row.price_minor, currency),
            tax_rate=row.tax_rate,
            state=row.state,
            parcel=row.parcel_id,
        )
        for row in rows
    )


def _parcels(connection: Connection, order_id: int, units: tuple[UnitView, ...]) -> tuple[ParcelView, ...]:
    inside = Counter(unit.parcel for unit in units)
    rows = connection.execute(
        select(
            parcels.c.id,
            parcels.c.tracking_number,
            parcels.c.shipment_key,
            despatches.c.despatch_id,
            despatches.c.number,
            despatches.c.account,
            despatches.c.reference,
            despatches.c.carrier,
            despatches.c.despatched_at,
            despatches.c.voided_at,
            transmissions.c.state,
        )
        .join(despatches, despatches.c.id == parcels.c.despatch_row)
        .join(fulfilment_orders, fulfilment_orders.c.id == despatches.c.fulfilment_order_id)
        .outerjoin(transmissions, transmissions.c.id == parcels.c.transmission_id)
        .where(fulfilment_orders.c.order_id == order_id)
        .order_by(despatches.c.despatched_at, parcels.c.id)
    ).all()
    return tuple(
        ParcelView(
            parcel=row.id,
            despatch=row.despatch_id,
            number=row.number,
            account=row.account,
            reference=row.reference,
            carrier=row.carrier,
            tracking_number=row.tracking_number,
            shipment_key=row.shipment_key,
            shipment_state=row.state,
            despatched_at=row.despatched_at,
            voided_at=row.voided_at,
            units=inside[row.id],
        )
        for row in rows
    )
