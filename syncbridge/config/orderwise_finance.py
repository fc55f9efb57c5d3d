"""`[orderwise.finance]`: how our postings are booked in OrderWise (contract 12.11, assumed: confirm with the accountants)."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field, field_validator

from syncbridge.config.section import Section
from syncbridge.domain.finance import PostingType

LedgerCode = Annotated[str, Field(min_length=1, max_length=50)]
OptionalCode = Annotated[str, Field(max_length=50)]
TaxRate = Annotated[str, Field(pattern=r"^(0(\.[0-9]{1,6})?|1(\.0{1,6})?)$")]


class FinanceSettings(Section):
    """Codes of the ledger. There is no usual one: each is the customer's own."""

    types: tuple[PostingType, ...] = tuple(PostingType)
    """What is posted. Where OrderWise raises the invoice itself at despatch, only receipts and refunds are wanted."""
    nominal: dict[PostingType, LedgerCode] = {}
    payment_nominal: dict[str, LedgerCode] = {}
    """SCAYLE payment key (`gift_card` for every gift card) -> nominal of its receipts and refunds, where it differs."""
    department: OptionalCode = ""
    cost_centre: OptionalCode = ""
    tax_code: dict[TaxRate, LedgerCode] = {"0.2": "T1", "0": "T0", "0.05": "T5"}
    """Tax rate -> tax code. The codes are those of the assumed contract [13]."""
    account_number: OptionalCode = ""
    """Account of all shops; empty means that of `orderwise.customer`, if that is chosen by account."""
    accounts: dict[str, LedgerCode] = {}
    """SCAYLE shop key -> account, where it differs."""

    @field_validator("tax_code")
    @classmethod
    def _rates_are_told_apart(cls, codes: dict[str, str]) -> dict[str, str]:
        if len({Decimal(rate) for rate in codes}) != len(codes):
            raise ValueError("two entries are the same rate")
        return codes

    @property
    def tax_codes(self) -> dict[Decimal, str]:
        """Tax codes by the value of the rate, so that 0.2 and 0.20 are one."""
        return {Decimal(rate): code for rate, code in self.tax_code.items()}

    def nominal_of(self, type_: PostingType, payment_method: str) -> str | None:
        """Return the nominal code of a posting, or None where nobody configured one."""
        own = None if type_.is_claim else self.payment_nominal.get(payment_method)
        return own or self.nominal.get(type_)
