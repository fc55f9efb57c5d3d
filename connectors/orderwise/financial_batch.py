"""A batch of postings as OrderWise takes it, and what it would refuse about one (contract 12.11, assumed). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from connectors.orderwise.decimal_json import compact_json
from connectors.orderwise.local_time import local_text
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.domain.finance import Batch, Posting, PostingType, unsound
from syncbridge.domain.money import Money, exponent
from syncbridge.domain.orders import Fault

TYPES = {
    PostingType.SALES_INVOICE: "SalesInvoice",
    PostingType.SALES_CREDIT: "SalesCredit",
    PostingType.SALES_RECEIPT: "SalesReceipt",
    PostingType.SALES_REFUND: "SalesRefund",
}
PLACES = 2
"""Decimal places of an amount on the wire (contract 11)."""


def batch_faults(batch: Batch, settings: OrderWiseSettings) -> tuple[Fault, ...]:
    """Return everything wrong with a batch at once: what nobody could book, then what has no code in OrderWise."""
    return (*unsound(batch), *_refused(batch, settings), *_unmapped(batch, settings))


def compose_batch(batch: Batch, settings: OrderWiseSettings) -> str:
    """Return the exact body. Raises ValueError for a batch with faults, because it must never leave."""
    if faults := batch_faults(batch, settings):
        raise ValueError("; ".join(str(fault) for fault in faults))
    totals = batch.control_totals
    return compact_json(
        {
            "batchRef": batch.reference,
            "batchDate": f"{batch.day.isoformat()}T00:00:00",
            "currency": batch.currency,
            "controlTotals": {
                "count": totals.count,
                "net": Money(totals.net_minor, batch.currency).amount,
                "tax": Money(totals.tax_minor, batch.currency).amount,
                "gross": Money(totals.gross_minor, batch.currency).amount,
            },
            "transactions": [_transaction(posting, settings) for posting in batch.postings],
        }
    )


def _transaction(posting: Posting, settings: OrderWiseSettings) -> dict[str, Any]:
    finance, currency = settings.finance, posting.currency
    body: dict[str, Any] = {
        "transactionRef": posting.reference,
        "type": TYPES[posting.type],
        "date": local_text(posting.booked_at, settings.zone),
        "accountNumber": settings.ledger_account(posting.shop),
        "customerOrderRef": posting.order_reference,
        "nominalCode": finance.nominal_of(posting.type, posting.payment_method),
        "departmentCode": finance.department or None,
        "costCentre": finance.cost_centre or None,
        "taxCode": None,
        "net": Money(posting.net_minor, currency).amount,
        "tax": Money(posting.tax_minor, currency).amount,
        "gross": Money(posting.gross_minor, currency).amount,
        "description": posting.description or None,
    }
    if posting.type.is_claim:
        assert posting.tax_rate is not None
        body["taxCode"] = finance.tax_codes[posting.tax_rate]
    else:
        body["paymentMethodId"] = settings.maps.payment_method[posting.payment_method]
    return body


def _refused(batch: Batch, settings: OrderWiseSettings) -> Iterator[Fault]:
    most = settings.limits.reference
    if not batch.reference.strip() or len(batch.reference) > most:
        yield _reference_fault("reference", most, batch.reference)
    if exponent(batch.currency) > PLACES:
        yield Fault(
            "INVALID_FORMAT",
            "currency",
            f"needs more than {PLACES} decimal places",
            "OrderWise cannot book it. Agree another way with finance.",
            batch.currency,
        )
    for posting in batch.postings:
        for name, text in (("reference", posting.reference), ("order_reference", posting.order_reference)):
            if not text.strip() or len(text) > most:
                yield _reference_fault(f"postings[{posting.reference}].{name}", most, text)


def _reference_fault(field: str, most: int, value: str) -> Fault:
    way_out = "Ask IT: references follow from the configuration."
    return Fault("REFERENCE_FORMAT", field, f"must have 1 to {most} characters", way_out, value)


def _unmapped(batch: Batch, settings: OrderWiseSettings) -> Iterator[Fault]:
    if batch.currency not in settings.maps.currency:
        yield _unmapped_fault("CURRENCY", "currency", batch.currency, "orderwise.maps.currency")
    finance = settings.finance
    for posting in batch.postings:
        place = f"postings[{posting.reference}]"
        kind, method = posting.type, posting.payment_method
        if kind not in finance.types:
            yield Fault(
                "TYPE_NOT_POSTED",
                f"{place}.type",
                f"{kind} is not posted to OrderWise here",
                "Leave it out of the batch, or add it to orderwise.finance.types.",
                kind,
            )
        if finance.nominal_of(kind, method) is None:
            yield _unmapped_fault("NOMINAL", f"{place}.type", kind, "orderwise.finance.nominal")
        if not settings.ledger_account(posting.shop):
            yield _unmapped_fault("ACCOUNT", f"{place}.shop", posting.shop, "orderwise.finance.accounts")
        rate = posting.tax_rate
        if kind.is_claim and rate is not None and rate not in finance.tax_codes:
            yield _unmapped_fault("TAX_CODE", f"{place}.tax_rate", f"{rate}", "orderwise.finance.tax_code")
        if not kind.is_claim and method and method not in settings.maps.payment_method:
            yield _unmapped_fault("PAYMENT_METHOD", f"{place}.payment_method", method, "orderwise.maps.payment_method")


def _unmapped_fault(name: str, field: str, value: str, table: str) -> Fault:
    problem = f"{value or 'nothing'} has no code in OrderWise"
    return Fault(f"{name}_UNMAPPED", field, problem, f"Add it to {table}, then freeze the batch anew.", value)
