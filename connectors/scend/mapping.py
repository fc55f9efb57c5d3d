"""Scend's orders, despatches and stock in canonical words (Scend contract 2.8 to 2.13, assumed). Pure."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.scend.payloads import (
    DespatchDocument,
    OrderDocument,
    ParcelLineDocument,
    Reason,
    StockDocument,
)
from connectors.wire import machine_words, unknown_value, utc
from syncbridge.config.scend import ScendSettings
from syncbridge.domain.backend import (
    BackendDespatch,
    BackendLine,
    BackendOrder,
    CancelState,
    FulfilmentStatus,
    Parcel,
    ParcelLine,
)
from syncbridge.domain.money import Money
from syncbridge.domain.orders import Fault
from syncbridge.domain.stock import StockRow

_IN_SCEND = "Correct it in Scend and release the order there, or cancel it."

# Scend contract 2.10: what stops an order, and what a person does about it.
_REASONS = {
    "ADDRESS_INCOMPLETE": (
        "is missing",
        "Get the address from the shopper, correct it in Scend and release the order there.",
    ),
    "POSTCODE_INVALID": (
        "is no British postcode",
        "Get the address from the shopper, correct it in Scend and release the order there.",
    ),
    "SKU_UNKNOWN": (
        "is not in Scend's catalogue",
        "Have the SKU set up in Scend, then release the order there.",
    ),
    "SKU_INACTIVE": (
        "is discontinued in Scend",
        "Have the SKU reactivated in Scend and release the order, or cancel it.",
    ),
}
# Scend contract 2.9: the codes of a hold.
_HOLDS = {
    "MANUAL": "the warehouse holds the order",
    "FRAUD_CHECK": "the order is held for a fraud check",
    "PAYMENT": "the order is held for its payment",
    "CUSTOMS_DATA": "customs data is missing",
    "FUTURE_DATE": "the order waits for its despatch date",
    "STOCK_QUERY": "the warehouse has a question about stock",
}


def to_order(
    document: OrderDocument, settings: ScendSettings, *, with_document: bool = False
) -> BackendOrder:
    """Map an order. `with_document` keeps what is needed to compare its content with what we sent."""
    status = settings.statuses.get(document.status)
    if status is None:
        unknown_value("scend.order.status", document.status)
        status = FulfilmentStatus.UNKNOWN
    currency = document.currency or ""
    grand_total = document.totals.grand_total if document.totals else None
    return BackendOrder(
        backend_id=document.order_id,
        reference=document.client_reference,
        status=status,
        raw_status=document.status,
        version=document.version,
        lines=tuple(
            BackendLine(
                line_number=line.line_number,
                sku=line.sku,
                ordered=line.ordered,
                allocated=line.allocated or 0,
                backordered=line.backordered or 0,
                despatched=line.despatched or 0,
                cancelled=line.cancelled or 0,
            )
            for line in document.lines
        ),
        updated_at=utc(document.updated_at, "scend.order.updatedAt"),
        attention=_attention(document, status),
        initiator=(document.cancellation.initiator if document.cancellation else None) or "",
        cancellation=cancellation_state(document),
        cancellable=_cancellable(document, settings),
        total_minor=_minor(grand_total, currency),
        currency=currency,
        document=document.model_dump_json(by_alias=True) if with_document else "",
    )


# Scend contract 2.11. NONE is the state of an order that nobody asked to cancel.
_CANCEL_STATES = {
    "ACCEPTED": CancelState.CANCELLED,
    "REQUESTED": CancelState.REQUESTED,
    "DECLINED": CancelState.REFUSED,
}
# Scend contract 2.9: the way of an order through the warehouse, as far as cut-offs are concerned.
_WAY = (
    "RECEIVED", "QUARANTINED", "ON_HOLD", "BACKORDERED", "ALLOCATED", "PICKING", "PICKED", "PACKED",
    "PARTIALLY_DESPATCHED", "DESPATCHED",
)  # fmt: skip


def cancellation_state(document: OrderDocument) -> CancelState | None:
    """Return what Scend says of a client's wish to cancel; what the warehouse gave up by itself is none.

    A short close is ACCEPTED too, and yet the rest was sent: only a cancelled order counts as cancelled.
    """
    info = document.cancellation
    state = (info.state if info else None) or "NONE"
    if state != "NONE" and state not in _CANCEL_STATES:
        unknown_value("scend.order.cancellation.state", state)
    found = _CANCEL_STATES.get(state)
    if found is CancelState.CANCELLED and document.status != "CANCELLED":
        return None
    return found


def _cancellable(document: OrderDocument, settings: ScendSettings) -> bool:
    """Say whether the cut-off, Scend's own or an earlier one that is configured, still lets a cancellation through."""
    allowed = document.cancellation.allowed if document.cancellation else None
    if allowed == "NO" and document.status != "CANCELLED":
        return False
    cutoff = settings.cancel_cutoff_status
    if document.status in _WAY and cutoff in _WAY:
        return _WAY.index(document.status) < _WAY.index(cutoff)
    return document.status != cutoff


def _attention(document: OrderDocument, status: FulfilmentStatus) -> tuple[Fault, ...]:
    faults = [
        _reason(reason) for reason in (document.quarantine.reasons if document.quarantine else None) or ()
    ]
    if document.hold is not None:
        code = document.hold.code or "MANUAL"
        if code not in _HOLDS:
            unknown_value("scend.order.hold.code", code)
        word = machine_words([code])
        problem = _HOLDS.get(code, f"Scend holds the order: {word or 'no reason given'}")
        faults.append(Fault(word or "UNKNOWN", "order in Scend", problem, _IN_SCEND))
    if not faults and status is FulfilmentStatus.NEEDS_ATTENTION:
        word = machine_words([document.status])
        faults.append(
            Fault(word or "UNKNOWN", "order in Scend", "is stopped, and Scend gives no reason", _IN_SCEND)
        )
    return tuple(faults)


def _reason(reason: Reason) -> Fault:
    code = reason.code or "UNKNOWN"
    if code not in _REASONS:
        unknown_value("scend.order.quarantine.reasons.code", code)
    word = machine_words([code]) or "UNKNOWN"
    problem, way_out = _REASONS.get(code, (f"is refused by Scend: {word}", _IN_SCEND))
    if code.startswith("SKU_") and reason.sku:
        return Fault(word, f"items[sku={reason.sku}].sku", problem, way_out, reason.sku)
    field = machine_words([reason.field]) if reason.field else ""
    place, _, name = field.partition(".")
    if place == "deliveryAddress" and name:
        field = f"delivery address: {name}"
    return Fault(word, field or "order in Scend", problem, way_out)


def _minor(text: str | None, currency: str) -> int | None:
    if text is None:
        return None
    try:
        return Money.parse(text, currency).minor
    except (ArithmeticError, ValueError, OverflowError):
        return None


def to_despatch(document: DespatchDocument, settings: ScendSettings) -> BackendDespatch:
    """Map a despatch. One without parcels, which the contract does not foresee, is read as a single parcel."""
    carrier = (document.carrier.code if document.carrier else None) or ""
    if carrier not in settings.carriers:
        unknown_value("scend.despatch.carrier.code", carrier)
    parcels = tuple(
        Parcel(one.parcel_id, (one.tracking_number or "").strip(), _parcel_lines(one.lines))
        for one in document.parcels
    )
    if not parcels and document.lines:
        parcels = (Parcel(document.despatch_id, "", _parcel_lines(document.lines)),)
    despatched_at = utc(document.despatched_at, "scend.despatch.despatchedAt")
    assert despatched_at is not None
    return BackendDespatch(
        despatch_id=document.despatch_id,
        number=document.despatch_number or document.despatch_id,
        reference=document.client_reference or "",
        backend_order_id=document.order_id or "",
        version=document.version,
        despatched_at=despatched_at,
        carrier=carrier,
        parcels=parcels,
        voided_at=utc(document.voided_at, "scend.despatch.voidedAt"),
    )


def _parcel_lines(lines: list[ParcelLineDocument]) -> tuple[ParcelLine, ...]:
    return tuple(ParcelLine(line.line_number, line.sku, line.quantity) for line in lines)


def to_stock_row(document: StockDocument) -> StockRow:
    """Map a stock row. One that does not say whether it is active is: a discontinued SKU has nothing for sale anyway."""
    return StockRow(
        sku=document.sku,
        warehouse_code=document.warehouse_code,
        available_for_sale=document.available_for_sale,
        active=document.active is not False,
        sequence=document.sequence,
        changed_at=utc(document.changed_at, "scend.stock.changedAt"),
    )


def differences(body: str, found: BackendOrder) -> tuple[str, ...]:
    """Name the fields in which the order that Scend holds is not the one that `body` asks for.

    Compared is what decides which goods leave from where and at what price: the lines (number, SKU, quantity, price,
    our reference of the line, which is unique in the shop), the warehouse, the currency and the totals. Not compared
    are addresses, service and texts, because people correct those in Scend on purpose; the reference of each line
    already tells another order under the same reference apart. What Scend does not give back is not compared.
    """
    sent: dict[str, Any] = json.loads(body)
    held: dict[str, Any] = json.loads(found.document) if found.document else _from_order(found)
    differing = [
        name
        for name in ("currency", "warehouseCode")
        if sent.get(name) and held.get(name) and sent[name] != held[name]
    ]
    lines_sent = {line["lineNumber"]: line for line in sent["lines"]}
    lines_held = {line["lineNumber"]: line for line in held["lines"]}
    for number in sorted(lines_sent.keys() | lines_held.keys()):
        ours, theirs = lines_sent.get(number), lines_held.get(number)
        if ours is None or theirs is None:
            differing.append(f"lines[lineNumber={number}]")
            continue
        name = f"lines[lineNumber={number}]"
        if ours["sku"] != theirs["sku"]:
            differing.append(f"{name}.sku")
        if ours["quantity"] != theirs["quantityOrdered"]:
            differing.append(f"{name}.quantity")
        if _amounts_differ(ours.get("unitPrice"), theirs.get("unitPrice")):
            differing.append(f"{name}.unitPrice")
        theirs_reference = theirs.get("clientLineReference")
        if theirs_reference and ours.get("clientLineReference") != theirs_reference:
            differing.append(f"{name}.clientLineReference")
    totals_sent, totals_held = sent.get("totals") or {}, held.get("totals") or {}
    differing += [
        f"totals.{name}"
        for name in sorted(totals_sent)
        if _amounts_differ(totals_sent[name], totals_held.get(name))
    ]
    return tuple(differing)


def _from_order(found: BackendOrder) -> dict[str, Any]:
    return {
        "currency": found.currency,
        "lines": [
            {"lineNumber": line.line_number, "sku": line.sku, "quantityOrdered": line.ordered}
            for line in found.lines
        ],
    }


def _amounts_differ(ours: str | None, theirs: str | None) -> bool:
    if ours is None or theirs is None:
        return False
    try:
        return Decimal(ours) != Decimal(theirs)
    except InvalidOperation:
        return True
