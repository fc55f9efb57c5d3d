"""Order intake by delegation calls: each is taken in durably and answered; a repeat gets the same answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog

from syncbridge.domain.errors import UnreadableMessage
from syncbridge.domain.orders import DelegatedUnit, Delegation, Fault
from syncbridge.flows.context import Context
from syncbridge.flows.order_birth import Intake, Sighting, take_in
from syncbridge.flows.refused_messages import keep_unreadable, record_refused
from syncbridge.ledger import inbox
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
