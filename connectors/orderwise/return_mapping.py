"""Goods that came back to OrderWise, in canonical words (OrderWise contract 12.9 and 12.10, assumed). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors.orderwise.local_time import milliseconds, past_instant_of
from connectors.orderwise.mapping import LineNumbers, line_number, units
from connectors.orderwise.payloads import ReceiptRow, texts, trimmed
from connectors.wire import machine_words, unknown_value
from syncbridge.config.orderwise import OrderWiseSettings, folded
from syncbridge.config.orderwise_words import DISPOSITIONS
from syncbridge.domain.backend import BackendReturn, Condition, Disposition, ReceiptLine, ReturnStatus


def to_returns(
    rows: Sequence[ReceiptRow], fetched_at: datetime, settings: OrderWiseSettings, numbers: LineNumbers
) -> tuple[BackendReturn, ...]:
    """Map receipts, one return each. They are only the new ones (`complete=False`); a receipt without a return is its own."""
    groups: dict[str, list[ReceiptRow]] = {}
    for row in rows:
        key = str(row.return_id) if row.return_id is not None else f"receipt-{row.receipt_id}"
        groups.setdefault(key, []).append(row)
    return tuple(_return(key, members, fetched_at, settings, numbers) for key, members in groups.items())


def _return(
    return_id: str,
    rows: Sequence[ReceiptRow],
    fetched_at: datetime,
    settings: OrderWiseSettings,
    numbers: LineNumbers,
) -> BackendReturn:
    newest = max(rows, key=lambda row: past_instant_of(row.last_amended_at, settings.zone, fetched_at))
    changed_at = past_instant_of(newest.last_amended_at, settings.zone, fetched_at)
    # Ours have capital letters only. People may have typed it, and OrderWise's database tells no letters apart by case.
    rma = trimmed(newest.customer_return_ref).upper()
    return BackendReturn(
        return_id=return_id,
        rma_number=rma,
        reference=trimmed(newest.customer_order_ref),
        status=return_status_of(newest.return_status, settings),
        raw_status=trimmed(newest.return_status),
        version=milliseconds(changed_at),
        announced=bool(rma),
        lines=(),
        receipts=tuple(_receipt(row, fetched_at, settings, numbers) for row in rows),
        hints=() if rma else texts((newest.customer_order_ref, newest.return_number)),
        complete=False,
        changed_at=changed_at,
    )


def _receipt(
    row: ReceiptRow, fetched_at: datetime, settings: OrderWiseSettings, numbers: LineNumbers
) -> ReceiptLine:
    text = folded(row.condition or "")
    condition = settings.conditions.get(text, Condition.UNKNOWN)
    if condition is Condition.UNKNOWN:
        unknown_value("orderwise.receipt.condition", trimmed(row.condition))
    refunds = folded(row.action or "") in {folded(one) for one in settings.refund_actions}
    return ReceiptLine(
        receipt_line_id=str(row.receipt_id),
        received_at=past_instant_of(row.received_at, settings.zone, fetched_at),
        order_line_number=line_number(row.order_id, row.order_line_id, row.item_number, numbers) or None,
        sku=trimmed(row.variant_code),
        quantity=units(row.quantity_received, "orderwise.receipt.quantityReceived"),
        condition=condition,
        # A replacement, a repair or a rejection is no refund: a person decides what the shop is told.
        disposition=DISPOSITIONS.get(condition, Disposition.UNKNOWN) if refunds else Disposition.UNKNOWN,
        raw_condition=machine_words([trimmed(row.condition)]),
        raw_disposition=machine_words([trimmed(row.action)]),
    )


def return_status_of(text: str | None, settings: OrderWiseSettings) -> ReturnStatus:
    """Translate the status of a return; one that nobody knows is UNKNOWN and is said once."""
    status = settings.return_statuses.get(folded(text or ""))
    if status is None:
        unknown_value("orderwise.return.status", trimmed(text))
        return ReturnStatus.UNKNOWN
    return status
