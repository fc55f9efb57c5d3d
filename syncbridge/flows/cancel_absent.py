"""A cancellation of what we have nothing of: asked before the delegation came, or after a ledger was restored."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import structlog

from syncbridge.config.merchants import MerchantSettings
from syncbridge.domain.backend import FulfilmentStatus
from syncbridge.domain.cancellation import Cancellation
from syncbridge.domain.errors import NotFound
from syncbridge.domain.orders import DelegatedUnit, ShopOrder, ShopUnit, ShopUnitState
from syncbridge.domain.states import CancellationState
from syncbridge.flows.context import Context
from syncbridge.flows.order_birth import Sighting, take_in
from syncbridge.ledger import cancellations, history, order_locks, order_parts, orders
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, open_exception

log = structlog.get_logger(__name__)

_LEFT = (ShopUnitState.SHIPPED, ShopUnitState.RETURNED)
_DELEGATIONS = 2
"""How many references of an order are looked up: that of its delegation, and that of a later one."""


def decide(context: Context, merchant: MerchantSettings, cancellation: Cancellation) -> Cancellation:
    """Decide a cancellation without any part here, by SCAYLE's order and the back end's look-up; or leave it as it is.

    "successful" only where both show that nothing of ours exists; whatever is delegated afterwards is never sent. What
    the back end holds all the same is taken in, and decided like any other once it is known.
    """
    if not context.configuration.scayle.order_reading:
        return cancellation
    order = _in_shop(context, cancellation)
    if order is None:
        return cancellation
    units = [
        unit
        for unit in order.units
        if unit.merchant == merchant.key
        and (not cancellation.warehouses or not unit.warehouse or unit.warehouse in cancellation.warehouses)
    ]
    at = context.now()
    if cancellation.order_id is None and (known := _by_another_name(context, cancellation, order, at)) is not None:
        return known
    if any(unit.state in _LEFT for unit in units):
        return _store(context, cancellation, order, CancellationState.REFUSED, at)
    if _in_back_end(context, merchant, cancellation, order):
        _take_in(context, cancellation, order, units, at)
        return cancellation
    return _store(context, cancellation, order, CancellationState.CANCELLED, at)


def _in_shop(context: Context, cancellation: Cancellation) -> ShopOrder | None:
    """Read SCAYLE's order; one that SCAYLE itself does not know under this name is a person's."""
    try:
        if cancellation.order_id is not None:
            return context.shop.read_order(cancellation.order_id)
        return context.shop.order_called(cancellation.reference_key)
    except NotFound as error:
        with context.ledger.work() as work:
            open_exception(
                work.connection,
                "cancellation_odd",
                f"cancellation:{cancellation.id}",
                at=context.now(),
                cause="cancellation call: SCAYLE does not know the order",
                evidence={"order_reference": cancellation.reference_key, "answer": str(error.evidence)},
            )
            work.commit()
        return None


def _clear(connection: Connection, cancellation: Cancellation, at: datetime) -> None:
    """SCAYLE knows the order by now."""
    subject = f"cancellation:{cancellation.id}"
    close_exceptions(connection, subject, "cancellation_odd", at=at, resolution="SCAYLE knows the order")


def _by_another_name(
    context: Context, cancellation: Cancellation, order: ShopOrder, at: datetime
) -> Cancellation | None:
    """Return the cancellation of an order that is known here under another name; None where it is not known."""
    with context.ledger.work() as work:
        connection = work.connection
        if not orders.is_known(connection, order.order_id):
            return None
        order_locks.lock_order(connection, order.order_id)
        orders.note_reading(connection, order, at)
        parts = order_parts.parts_of_order(connection, order.order_id)
        concerned = [part.id for part in parts if cancellation.concerns(part.merchant, part.warehouse)]
        order_parts.want_cancelled(connection, concerned, at)
        _clear(connection, cancellation, at)
        current = cancellations.by_id(connection, cancellation.id, lock=True)
        new = replace(current, order_id=order.order_id)
        cancellations.store(connection, current, new, at)
        work.commit()
    return new


def _in_back_end(
    context: Context, merchant: MerchantSettings, cancellation: Cancellation, order: ShopOrder
) -> bool:
    backend = context.backend_of(merchant)
    warehouses = cancellation.warehouses or tuple(warehouse.key for warehouse in merchant.warehouses)
    references = {
        merchant.reference(
            shop=order.shop, country=order.country, order_id=order.order_id, warehouse=warehouse, delegation=number
        )
        for warehouse in warehouses
        for number in range(1, _DELEGATIONS + 1)
    }
    with context.ledger.reading() as connection:
        # What other warehouses of this merchant hold, or what was withdrawn, is none of this question.
        ours = {part.reference for part in order_parts.parts_of_order(connection, order.order_id)}
    found = backend.find_orders(sorted(references - ours))
    return any(one.status is not FulfilmentStatus.CANCELLED for one in found.values())


def _store(
    context: Context, cancellation: Cancellation, order: ShopOrder, state: CancellationState, at: datetime
) -> Cancellation:
    """Store the outcome, unless the order came in the meantime: then it is decided by what came."""
    with context.ledger.work() as work:
        connection = work.connection
        cancellations.serialise(connection, f"order:{order.order_id}", f"key:{cancellation.reference_key}")
        _clear(connection, cancellation, at)
        parts = order_parts.parts_of_order(connection, order.order_id)
        current = cancellations.by_id(connection, cancellation.id, lock=True)
        known = any(current.concerns(part.merchant, part.warehouse) for part in parts)
        if known or not current.state.is_open:
            return replace(current, order_id=order.order_id) if current.state.is_open else current
        new = replace(current, order_id=order.order_id, state=state)
        why = cancellations.store(connection, current, new, at)
        history.record(
            connection, order.order_id, "syncbridge", f"cancellation_{state.value}", at=at,
            subject=cancellation.reference_key, was=current.state.value,
            why=why if state is CancellationState.REFUSED else "neither SCAYLE nor the back end has anything of it with us",
        )  # fmt: skip
        work.commit()
    return new


def _take_in(
    context: Context, cancellation: Cancellation, order: ShopOrder, units: list[ShopUnit], at: datetime
) -> None:
    """Take in what the back end holds although the ledger does not know it; the push compares and adopts it."""
    log.warning("cancellation_of_unknown_order", order=order.order_id)
    with context.ledger.work() as work:
        _clear(work.connection, cancellation, at)
        current = cancellations.by_id(work.connection, cancellation.id, lock=True)
        if current.order_id is None:
            cancellations.store(work.connection, current, replace(current, order_id=order.order_id), at)
        made = take_in(
            context,
            work.connection,
            Sighting(
                order_id=order.order_id,
                shop=order.shop,
                country=order.country,
                currency=order.currency,
                reference_key=order.reference_key,
                source="poll",
                units=[
                    (unit.merchant, DelegatedUnit(unit.order_item_id, unit.sku, unit.warehouse, unit.price_minor))
                    for unit in units
                    if unit.state is ShopUnitState.OPEN
                ],
                confirmed_at=order.confirmed_at,
            ),
            at,
        )
        work.commit()
    for account in {account for account, _merchant, _reference in made.made}:
        context.doorbell.ring("order_push", account)
