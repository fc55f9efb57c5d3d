"""Batches of postings: their control totals, and what no ledger could book."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from syncbridge.domain.finance import Batch, ControlTotals, Posting, PostingType, unsound

AT = datetime(2026, 3, 2, 14, 5, 11, tzinfo=UTC)
AMOUNTS = st.integers(0, 10_000_000)


def posting(number: int, kind: PostingType, net: int, tax: int) -> Posting:
    one = Posting(f"SCY-{number}", kind, AT, "nb", f"SCY-NB-{number}", "GBP", gross_minor=net + tax)
    if kind.is_claim:
        return replace(one, net_minor=net, tax_minor=tax, tax_rate=Decimal("0.2"))
    return replace(one, payment_method="creditcard")


def batch(*postings: Posting) -> Batch:
    return Batch("SCY-FIN-2026-03-02-GBP-1", date(2026, 3, 2), "GBP", postings)


@given(st.lists(st.tuples(st.sampled_from(PostingType), AMOUNTS, AMOUNTS), max_size=30))
def test_control_totals_always_add_up(drawn: list[tuple[PostingType, int, int]]) -> None:
    made = batch(*(posting(number, *one) for number, one in enumerate(drawn)))
    totals = made.control_totals
    assert totals.net_minor + totals.tax_minor == totals.gross_minor
    assert totals.count == len(drawn)
    invoiced = sum(net + tax for kind, net, tax in drawn if kind is PostingType.SALES_INVOICE)
    credited = sum(net + tax for kind, net, tax in drawn if kind is PostingType.SALES_CREDIT)
    assert totals.gross_minor == invoiced - credited
    assert {fault.code for fault in unsound(made)} <= {"REQUIRED"}
    assert (unsound(made) == ()) is bool(drawn)


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS), min_size=1, max_size=10))
def test_everything_credited_leaves_nothing(amounts: list[tuple[int, int]]) -> None:
    kinds = (PostingType.SALES_INVOICE, PostingType.SALES_CREDIT)
    made = [posting(2 * n + sign, kind, *one) for n, one in enumerate(amounts) for sign, kind in enumerate(kinds)]
    assert batch(*made).control_totals == ControlTotals(len(made), 0, 0, 0)


def test_every_fault_is_listed_at_once_with_its_posting_and_field() -> None:
    invoice = posting(1, PostingType.SALES_INVOICE, 1600, 320)
    receipt = posting(2, PostingType.SALES_RECEIPT, 1600, 320)
    found = unsound(
        batch(
            replace(invoice, tax_minor=321),
            replace(invoice, tax_rate=None, currency="EUR", booked_at=AT.replace(tzinfo=None)),
            replace(receipt, payment_method="", net_minor=1600, gross_minor=-1),
        )
    )
    assert [(fault.code, fault.field) for fault in found] == [
        ("REPEATED", "postings[SCY-1].reference"),
        ("AMOUNTS_DIFFER", "postings[SCY-1].gross"),
        ("INVALID_FORMAT", "postings[SCY-1].booked_at"),
        ("CURRENCY_DIFFERS", "postings[SCY-1].currency"),
        ("REQUIRED", "postings[SCY-1].tax_rate"),
        ("NEGATIVE_AMOUNT", "postings[SCY-2].gross"),
        ("AMOUNTS_DIFFER", "postings[SCY-2].net"),
        ("REQUIRED", "postings[SCY-2].payment_method"),
    ]
    assert all(fault.way_out for fault in found)
