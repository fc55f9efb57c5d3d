"""Order intake: delegation calls and the order poll meet in `take_in`, the only place where an order is born."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog

from syncbridge.domain.errors import UnreadableMessage
from syncbridge.domain.orders import DelegatedUnit, Delegation, Fault
from syncbridge.flows import cancelling
from syncbridge.flows.context import Context
from syncbridge.ledger import cancellations, history, inbox, orders, transmissions
from syncbridge.ledger.engine import Conflict, Connection
from syncbridge.ledger.exceptions import close_exceptions, open_exception

log = structlog.get_logger(__name__)

# Faults of a delegation after which the wrong goods, or too few, would be sent.
_HOLDING_FAULTS = frozenset({"QUANTITY", "MERCHANT_MISMATCH"})
# What the ledger's columns hold. A longer word names nothing that is configured; the whole call lies in the inbox.
_LONGEST_SHOP = 16
_LONGEST_CURRENCY = 3
_LONGEST_WAREHOUSE = 64
_LONGEST_SKU = 200
_LARGEST_AMOUNT = 2**63 - 1


@dataclass(frozen=True)
class DelegationOutcome:
    """What SCAYLE is answered: an HTTP status and a JSON object."""

    status: int
    body: dict[str, Any]


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


def receive_delegation(context: Context, merchant: str, raw: bytes) -> DelegationOutcome:
    """Take a delegation call in, durably, and say what to answer; a repeat gets the same answer.

    201 means that order, units and intent are committed. Anything that could be an order is kept. Database
    errors propagate: the caller answers with a failure, and SCAYLE repeats the call for two days.
    """
    if context.merchant(merchant) is None:
        record_refused(context, f"delegation:{merchant}", raw, "unknown merchant", kind="unknown_merchant")
        return _refusal(404, "MERCHANT_UNKNOWN", f"Merchant {merchant} is not configured here.", "merchant")
    try:
        delegation = context.shop.parse_delegation(raw, merchant)
    except UnreadableMessage as error:
        keep_unreadable(context, f"delegation:{merchant}", raw, error)
        return _refusal(400, "DELEGATION_UNREADABLE", str(error), error.field)
    limit = context.configuration.scayle.max_units_per_order
    if len(delegation.units) > limit:
        reason = f"{len(delegation.units)} units; at most {limit} are supported"
        record_refused(context, f"delegation:{merchant}", raw, reason, order_id=delegation.order_id)
        return _refusal(413, "ORDER_TOO_LARGE", reason, "items")
    made = _store_delegation(context, merchant, raw, delegation)
    for account in {account for account, _merchant, _reference in made.made}:
        context.doorbell.ring("order_push", account)
    return DelegationOutcome(201, dict(context.shop.delegation_answer(delegation.order_id)))


def _store_delegation(context: Context, merchant: str, raw: bytes, delegation: Delegation) -> Intake:
    """Commit what a delegation brings; two simultaneous ones of an order end as one."""
    for last_try in (False, False, True):
        at = context.now()
        try:
            with context.ledger.work() as work:
                received = inbox.keep(
                    work.connection,
                    f"delegation:{merchant}",
                    inbox.digest(raw),
                    "delegation",
                    raw,
                    at=at,
                    outcome="received",
                    order_id=delegation.order_id,
                )
                if received.repeat and received.outcome == "taken in":
                    work.commit()
                    return Intake()
                made = take_in(
                    context,
                    work.connection,
                    Sighting(
                        order_id=delegation.order_id,
                        shop=_fitting(delegation.shop, _LONGEST_SHOP),
                        country=_fitting(delegation.country, _LONGEST_SHOP),
                        currency=_fitting(delegation.currency, _LONGEST_CURRENCY),
                        reference_key=delegation.reference_key,
                        source="delegation",
                        units=[(merchant, _storable(unit)) for unit in delegation.units],
                        inbox_id=received.id,
                        hold=any(fault.code in _HOLDING_FAULTS for fault in delegation.faults),
                    ),
                    at,
                )
                faults = (*delegation.faults, *(_foreign_unit(unit) for unit in made.foreign_units))
                if faults:
                    _open_odd(work.connection, delegation.order_id, faults, at)
                if received.repeat:
                    _close_refusals(work.connection, merchant, received, at)
                inbox.settle(work.connection, received.id, "taken in", delegation.order_id)
                work.commit()
                return made
        except Conflict:
            # Another process took the same order in between our look and our insert: look again.
            if last_try:
                raise
    raise AssertionError("unreachable")


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
    known = orders.orders_of_units(connection, [unit.order_item_id for _merchant, unit in sighting.units])
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
    delegation = orders.next_delegation(connection, sighting.order_id, merchant_key, warehouse)
    shop = sighting.shop or context.configuration.scayle.default_shop.key
    country = sighting.country or context.configuration.scayle.default_shop.country
    reference = merchant.reference(
        shop=shop, country=country, order_id=sighting.order_id, warehouse=warehouse, delegation=delegation
    )
    account = context.backend_of(merchant).account
    part = orders.add_part(
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
    transmissions.add(
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


def _fitting(text: str, longest: int) -> str:
    """A shop, country or currency too long to be one counts as not named; nothing of the kind is configured."""
    return text if len(text) <= longest else ""


def _storable(unit: DelegatedUnit) -> DelegatedUnit:
    """Make a unit fit its row. What is sent is read from the order itself, so nothing is cut on its way out."""
    price = unit.price_minor
    if price is not None and abs(price) > _LARGEST_AMOUNT:
        price = None
    return replace(unit, sku=unit.sku[:_LONGEST_SKU], warehouse=unit.warehouse[:_LONGEST_WAREHOUSE], price_minor=price)


def _foreign_unit(order_item_id: int) -> Fault:
    return Fault(
        "ORDER_ITEM_OF_ANOTHER_ORDER",
        f"items[{order_item_id}].orderItemId",
        "was delegated with another order before and stays with that",
        "Ask SCAYLE which of the two orders the unit belongs to.",
        str(order_item_id),
    )


def _close_refusals(connection: Connection, merchant: str, received: inbox.Received, at: datetime) -> None:
    """A call that is taken in proves that its merchant is known now, and mends what an earlier try of it met."""
    source = f"delegation:{merchant}"
    close_exceptions(
        connection, source, "unknown_merchant", at=at, resolution="a delegation of this merchant was taken in"
    )
    if received.repeat:
        close_exceptions(
            connection, f"inbox:{received.id}", "defect", at=at, resolution="the same call was taken in later"
        )


def record_refused(
    context: Context,
    source: str,
    raw: bytes,
    reason: str,
    *,
    kind: str = "order_too_large",
    order_id: int | None = None,
    size_bytes: int | None = None,
) -> None:
    """Keep a body that was refused although it could be an order, and open the exception that names it."""
    at = context.now()
    with context.ledger.work() as work:
        received = inbox.keep(
            work.connection,
            source,
            inbox.digest(raw),
            "refused",
            raw,
            at=at,
            outcome=f"refused: {reason}"[:200],
            order_id=order_id,
            size_bytes=size_bytes,
        )
        open_exception(
            work.connection,
            kind,
            f"order:{order_id}" if order_id is not None else source if kind == "unknown_merchant" else f"inbox:{received.id}",
            at=at,
            cause=f"{kind}: {source}",
            evidence={"source": source, "inbox": received.id, "reason": reason, "bytes": size_bytes or len(raw)},
            order_id=order_id,
        )
        work.commit()


def keep_unreadable(context: Context, source: str, raw: bytes, error: UnreadableMessage) -> None:
    """Keep a message that cannot be understood, with the exception that says what is wrong with it."""
    at = context.now()
    with context.ledger.work() as work:
        received = inbox.keep(
            work.connection, source, inbox.digest(raw), "unreadable", raw, at=at, outcome=f"unreadable: {error}"[:200]
        )
        open_exception(
            work.connection,
            "message_unreadable",
            f"inbox:{received.id}",
            at=at,
            cause=f"unreadable message from {source}",
            evidence={
                "inbox": received.id,
                "source": source,
                "field": error.field,
                "problem": error.problem,
                "way_out": error.way_out,
            },
        )
        work.commit()


def _open_odd(connection: Connection, order_id: int, faults: Sequence[Fault], at: datetime) -> None:
    open_exception(
        connection,
        "delegation_odd",
        f"order:{order_id}",
        at=at,
        cause="delegation: " + ", ".join(sorted({fault.code for fault in faults})),
        evidence={"faults": [fault.as_dict() for fault in faults]},
        order_id=order_id,
    )


def _refusal(status: int, key: str, message: str, field_name: str) -> DelegationOutcome:
    log.warning("delegation_refused", status=status, error_key=key, field=field_name)
    return DelegationOutcome(status, {"errorKey": key, "message": message, "context": {"field": field_name}})
