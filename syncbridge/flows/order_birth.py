"""Delegation calls and the order poll meet in `take_in`, the only place where an order is born."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from syncbridge.domain.orders import DelegatedUnit
from syncbridge.flows import cancelling
from syncbridge.flows.context import Context
from syncbridge.ledger import cancellations, history, intents, order_parts, ordered_units, orders
from syncbridge.ledger.engine import Connection


@dataclass(frozen=True)
class Sighting:
    """An order as one of its sources names it: which units exist, for which merchant and warehouse."""

    order_id: int
    shop: str
    country: str
    currency: str
    reference_key: str
    source: str
    units: Sequence[tuple[str, DelegatedUnit]]
    """(merchant key, unit)."""
    inbox_id: int | None = None
    confirmed_at: datetime | None = None
    hold: bool = False
    """True when a person must look before anything is sent: the parts are made without a due time."""


@dataclass(frozen=True)
class Intake:
    """What came of a sighting: the fulfilment orders that it made, as (account, merchant, reference)."""

    made: list[tuple[str, str, str]] = field(default_factory=list)
    foreign_units: list[int] = field(default_factory=list)
    """Units that the ledger has under another order: they stay there."""


def take_in(context: Context, connection: Connection, sighting: Sighting, at: datetime) -> Intake:
    """Make order, units and intent for every unit not met before; units are known by their order item id.

    Units of one merchant and warehouse become one fulfilment order; a later call that brings new units makes
    another with the next delegation number. Runs inside the caller's transaction.
    """
    # Somebody may be asking just now to cancel an order that is not known yet: one of us two sees the other.
    cancellations.serialise(connection, f"order:{sighting.order_id}", f"key:{sighting.reference_key}")
    orders.ensure_order(
        connection,
        sighting.order_id,
        shop=sighting.shop,
        country=sighting.country,
        currency=sighting.currency,
        reference_key=sighting.reference_key,
        source=sighting.source,
        confirmed_at=sighting.confirmed_at,
        at=at,
    )
    known = ordered_units.orders_of_units(connection, [unit.order_item_id for _merchant, unit in sighting.units])
    groups: dict[tuple[str, str], list[DelegatedUnit]] = {}
    for merchant_key, unit in sighting.units:
        if unit.order_item_id in known:
            continue
        groups.setdefault((merchant_key, _warehouse(context, merchant_key, unit.warehouse)), []).append(unit)
    intake = Intake(foreign_units=sorted(unit for unit, owner in known.items() if owner != sighting.order_id))
    for (merchant_key, warehouse), units in sorted(groups.items()):
        intake.made.append(_make_part(context, connection, sighting, merchant_key, warehouse, units, at))
    if intake.made:
        cancelling.meet_new_parts(context, connection, sighting.order_id, sighting.reference_key, at)
    return intake


def _warehouse(context: Context, merchant_key: str, warehouse: str) -> str:
    """Fill in a warehouse that was not named only where the merchant has just one."""
    if warehouse:
        return warehouse
    merchant = context.merchant(merchant_key)
    if merchant is not None and len(merchant.warehouses) == 1:
        return merchant.warehouses[0].key
    return ""


def _make_part(
    context: Context,
    connection: Connection,
    sighting: Sighting,
    merchant_key: str,
    warehouse: str,
    units: list[DelegatedUnit],
    at: datetime,
) -> tuple[str, str, str]:
    merchant = context.merchant(merchant_key)
    if merchant is None:
        raise ValueError(f"merchant {merchant_key} is not configured")
    delegation = order_parts.next_delegation(connection, sighting.order_id, merchant_key, warehouse)
    shop = sighting.shop or context.configuration.scayle.default_shop.key
    country = sighting.country or context.configuration.scayle.default_shop.country
    reference = merchant.reference(
        shop=shop, country=country, order_id=sighting.order_id, warehouse=warehouse, delegation=delegation
    )
    account = context.backend_of(merchant).account
    part = order_parts.add_part(
        connection,
        order_id=sighting.order_id,
        merchant=merchant_key,
        warehouse=warehouse,
        delegation=delegation,
        reference=reference,
        account=account,
        inbox_id=sighting.inbox_id,
        units=units,
        at=at,
    )
    intents.add(
        connection,
        kind="order",
        target=account,
        key=reference,
        order_id=sighting.order_id,
        fulfilment_order_id=part,
        at=at,
        due_at=None if sighting.hold else at,
    )
    history.record(
        connection,
        sighting.order_id,
        "scayle",
        "healed_by_poll" if sighting.source == "poll" else "order_delegated",
        at=at,
        subject=reference,
        merchant=merchant_key,
        warehouse=warehouse,
        units=len(units),
    )
    return account, merchant_key, reference
