"""What a ledger package is told: postings, and the batch that carries them. Pure.

Amounts are integers in minor units and never negative: the type of a posting says which way the money goes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from syncbridge.domain.orders import Fault

_CORRECT = "Correct the posting, and freeze the batch anew."


class PostingType(StrEnum):
    """What a posting books. An invoice and a credit are claims; a receipt and a refund are money that moved."""

    SALES_INVOICE = "sales_invoice"
    SALES_CREDIT = "sales_credit"
    SALES_RECEIPT = "sales_receipt"
    SALES_REFUND = "sales_refund"

    @property
    def is_claim(self) -> bool:
        """Whether it has net and tax, and counts in the control totals."""
        return self in (PostingType.SALES_INVOICE, PostingType.SALES_CREDIT)


@dataclass(frozen=True)
class Posting:
    """One entry. `reference` is ours, one per shipment or return and type, and never changes.

    `booked_at` is aware; `shop` is the shop's key, by which an account is found; `order_reference` is the one that the back
    end knows the order by. Money that moved has a gross amount and a payment method only, a claim net, tax and their rate.
    `payment_method` is the shop's payment key, `gift_card` for every gift card.
    `description` must never hold personal data.
    """

    reference: str
    type: PostingType
    booked_at: datetime
    shop: str
    order_reference: str
    currency: str
    gross_minor: int
    net_minor: int = 0
    tax_minor: int = 0
    tax_rate: Decimal | None = None
    payment_method: str = ""
    description: str = ""


@dataclass(frozen=True)
class ControlTotals:
    """`count` is of all postings; the sums, in minor units, are invoices less credits and may be negative."""

    count: int
    net_minor: int
    tax_minor: int
    gross_minor: int


@dataclass(frozen=True)
class Batch:
    """Postings of one day and one currency, which are posted together or not at all.

    `reference` holds the day, the currency and the number of the batch within them; once sent it never changes.
    """

    reference: str
    day: date
    currency: str
    postings: tuple[Posting, ...]

    @property
    def control_totals(self) -> ControlTotals:
        """OrderWise contract 12.11, assumed: receipts and refunds only count in `count`."""
        net = tax = gross = 0
        for posting in self.postings:
            sign = _SIGNS.get(posting.type, 0)
            net += sign * posting.net_minor
            tax += sign * posting.tax_minor
            gross += sign * posting.gross_minor
        return ControlTotals(len(self.postings), net, tax, gross)


_SIGNS = {PostingType.SALES_INVOICE: 1, PostingType.SALES_CREDIT: -1}


@dataclass(frozen=True)
class PostedBatch:
    """A batch as the ledger package holds it. `accepted` is how many postings it took, None where it does not say."""

    batch_id: str
    reference: str
    raw_status: str
    accepted: int | None


def unsound(batch: Batch) -> tuple[Fault, ...]:
    """Return everything that no ledger package could book, in the order in which a person would read it."""
    found: list[Fault] = []
    if not batch.postings:
        found.append(Fault("REQUIRED", "postings", "there are none", "Send no batch for a day without postings."))
    times = Counter(posting.reference for posting in batch.postings)
    for reference, number in times.items():
        if number > 1:
            found.append(_fault("REPEATED", reference, "reference", f"is there {number} times", reference))
    for posting in batch.postings:
        found += _unsound(posting, batch.currency)
    return tuple(found)


def _unsound(posting: Posting, currency: str) -> list[Fault]:
    reference, found = posting.reference, []
    if posting.booked_at.tzinfo is None:
        found.append(_fault("INVALID_FORMAT", reference, "booked_at", "is a time without an offset"))
    if posting.currency != currency:
        problem = f"is {posting.currency} in a batch of {currency}"
        found.append(_fault("CURRENCY_DIFFERS", reference, "currency", problem, posting.currency))
    for name in ("net", "tax", "gross"):
        amount = getattr(posting, f"{name}_minor")
        if amount < 0:
            problem = f"is {amount}, and the type gives the sign"
            found.append(_fault("NEGATIVE_AMOUNT", reference, name, problem, str(amount)))
    if posting.type.is_claim:
        total = posting.net_minor + posting.tax_minor
        if total != posting.gross_minor:
            problem = f"is {posting.gross_minor}, net and tax are {total} (minor units)"
            found.append(_fault("AMOUNTS_DIFFER", reference, "gross", problem, str(posting.gross_minor - total)))
        if posting.tax_rate is None:
            found.append(_fault("REQUIRED", reference, "tax_rate", "is missing"))
    else:
        if posting.net_minor or posting.tax_minor:
            found.append(_fault("AMOUNTS_DIFFER", reference, "net", "and tax belong to invoices and credits only"))
        if not posting.payment_method:
            found.append(_fault("REQUIRED", reference, "payment_method", "is missing"))
    return found


def _fault(code: str, reference: str, field: str, problem: str, value: str = "") -> Fault:
    return Fault(code, f"postings[{reference}].{field}", problem, _CORRECT, value)
