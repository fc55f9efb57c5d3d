"""Recording a cancellation call: which order and warehouses it is about, and which row its repeats meet."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from syncbridge.config.merchants import MerchantSettings
from syncbridge.domain.cancellation import Cancellation, Source
from syncbridge.domain.states import CancellationState
from syncbridge.flows.context import Context
from syncbridge.ledger import cancellations, inbox, order_locks, order_parts, orders
from syncbridge.ledger.engine import Conflict, Connection
from syncbridge.ledger.exceptions import close_exceptions, open_exception
from syncbridge.ports.shop import CancellationCall

_LONGEST_NAMES = 100


def meet(
    context: Context, merchant: MerchantSettings, call: CancellationCall, raw: bytes
) -> Cancellation | None:
    """Record the call, and return the cancellation that it and all its repeats are about; None where that is unclear."""
    for last_try in (False, True):
        try:
            return _met(context, merchant, call, raw)
        except Conflict:
            if last_try:
                raise
    raise AssertionError("unreachable")


def _met(context: Context, merchant: MerchantSettings, call: CancellationCall, raw: bytes) -> Cancellation | None:
    at = context.now()
    key = call.order_reference
    with context.ledger.work() as work:
        connection = work.connection
        received = inbox.keep(
            connection, f"cancellation:{merchant.key}", inbox.digest(raw), "cancellation", raw, at=at, outcome="received"
        )
        close_exceptions(
            connection, f"cancellation:{merchant.key}", "unknown_merchant", at=at, resolution="the merchant is known now"
        )
        cancellations.serialise(connection, f"key:{key}")
        known = orders.orders_called(connection, key)
        scope = _scope(merchant, call.warehouses)
        if len(known) > 1 or scope is None:
            _tell_unclear(connection, received.id, call, known, at)
            work.commit()
            return None
        close_exceptions(connection, f"inbox:{received.id}", "cancellation_odd", at=at, resolution="it is clear now")
        order_id = known[0] if known else None
        earlier: list[Cancellation] = []
        if order_id is not None:
            order_locks.lock_order(connection, order_id)
            earlier = [one for one in cancellations.of_order(connection, order_id) if one.source is Source.CALL]
            parts = order_parts.parts_of_order(connection, order_id)
            concerned = [part.id for part in parts if _in_scope(merchant.key, scope, part.merchant, part.warehouse)]
            order_parts.want_cancelled(connection, concerned, at)
            inbox.settle(connection, received.id, "received", order_id)
        same = _same(earlier, merchant.key, scope)
        name = same.scope if same is not None else f"call:{order_id or key}:{merchant.key}:{_name(scope)}"
        cancellation, _fresh = cancellations.meet(
            connection,
            scope=name,
            source=Source.CALL,
            order_id=order_id,
            reference_key=key,
            merchant=merchant.key,
            warehouses=scope,
            units=None,
            reason="cancelled in SCAYLE",
            at=at,
            expires_at=None if order_id else at + timedelta(days=context.configuration.scayle.tombstone_days),
            tries=0,
        )
        if cancellation.order_id is None and order_id is not None:
            adopted = replace(cancellation, order_id=order_id)
            cancellations.store(connection, cancellation, adopted, at)
            cancellation = adopted
        work.commit()
    return cancellation


def _in_scope(merchant: str, scope: Sequence[str], part_merchant: str, warehouse: str) -> bool:
    return merchant == part_merchant and (not scope or not warehouse or warehouse in scope)


def _scope(merchant: MerchantSettings, warehouses: Sequence[str]) -> tuple[str, ...] | None:
    """Return the warehouses asked for; () for all of the merchant's, None where one of them is not known here."""
    ours = {warehouse.key for warehouse in merchant.warehouses}
    if len(ours) == 1 and all(one.startswith("#") for one in warehouses):
        # SCAYLE does not tell its warehouses' names; there is only one that can be meant.
        return ()
    if not set(warehouses) <= ours:
        return None
    return () if set(warehouses) in (ours, set()) else tuple(sorted(set(warehouses)))


def _same(earlier: Sequence[Cancellation], merchant: str, scope: tuple[str, ...]) -> Cancellation | None:
    """Return what an earlier call of the order asked: the same, or more than this and with success."""
    mine = [one for one in earlier if one.merchant == merchant]
    for one in mine:
        covers = not one.warehouses or (scope and set(scope) <= set(one.warehouses))
        if covers and one.state is CancellationState.CANCELLED:
            return one
    return next((one for one in mine if one.warehouses == scope), None)


def _name(scope: Sequence[str]) -> str:
    text = ",".join(scope)
    return text if len(text) <= _LONGEST_NAMES else hashlib.sha256(text.encode()).hexdigest()


def _tell_unclear(
    connection: Connection, inbox_id: int, call: CancellationCall, known: Sequence[int], at: datetime
) -> None:
    cause = "several orders have this reference" if len(known) > 1 else "a warehouse is not known here"
    open_exception(
        connection,
        "cancellation_odd",
        f"inbox:{inbox_id}",
        at=at,
        cause=f"cancellation call: {cause}",
        evidence={
            "order_reference": call.order_reference,
            "merchant": call.merchant,
            "warehouses": list(call.warehouses),
            "orders": list(known),
            "inbox": inbox_id,
        },
        order_id=known[0] if len(known) == 1 else None,
    )
