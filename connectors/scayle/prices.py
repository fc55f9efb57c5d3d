"""What SCAYLE says about money, in canonical words: prices, reductions, fees and payments. Pure."""

from __future__ import annotations

from decimal import Decimal

from connectors.scayle.payloads import Cost, Payment, Price, Reduction
from syncbridge.domain.prices import Discount, ShopFee, ShopPayment


def fees_of(cost: Cost | None) -> dict[str, int]:
    """Sum the fees by category, in minor units including tax."""
    fees: dict[str, int] = {}
    for fee in (cost.fees if cost else None) or ():
        if fee.amount and fee.amount.with_tax is not None:
            category = fee.category or "other"
            fees[category] = fees.get(category, 0) + fee.amount.with_tax
    return fees


def single_fees(cost: Cost | None) -> tuple[ShopFee, ...]:
    """Return the fees one by one, with what SCAYLE says of their tax."""
    return tuple(
        ShopFee(
            category=fee.category or "other",
            gross_minor=fee.amount.with_tax,
            net_minor=fee.amount.without_tax,
            tax_rate=rate_of(fee.tax.vat.rate) if fee.tax and fee.tax.vat else None,
        )
        for fee in (cost.fees if cost else None) or ()
        if fee.amount and fee.amount.with_tax is not None
    )


def payments_of(payments: list[Payment] | None) -> tuple[ShopPayment, ...]:
    return tuple(
        ShopPayment(
            method=payment.key or "",
            amount_minor=payment.amount,
            reference=(payment.transaction_key or "").strip(),
            gift_card=payment.gift_card is True,
        )
        for payment in payments or ()
        if payment.amount
    )


def rate_of(value: Decimal | None) -> Decimal | None:
    """Return a tax rate in its one canonical spelling, so that 0.2 and 0.20 are the same line of an order."""
    if value is None or not value.is_finite():
        return None
    return Decimal(f"{value.normalize():f}")


def reductions_of(price: Price | None) -> tuple[str, ...]:
    """Return what a price was reduced by, in an order and spelling that do not depend on how SCAYLE lists it.

    The reduction's id is left out: it differs between units that were reduced alike.
    """
    if price is None:
        return ()
    words = [_reduction(one) for one in price.reductions or ()]
    voucher = price.absolute_voucher
    if voucher is not None and voucher.with_tax is not None:
        # Booked on one item only (contract 3.9), which makes that unit differ from its like.
        words.append(f"absolute_voucher|{voucher.with_tax}")
    return tuple(sorted(words))


def paid_for(price: Price | None) -> tuple[int | None, int | None, int | None]:
    """Return what is paid for a unit: gross, net and tax in minor units.

    An absolute voucher is booked on one unit of the order, whose price may or may not show it already; what the shopper
    pays, and is refunded, is the price after it (SCAYLE contract 3.9, documented).
    """
    if price is None:
        return None, None, None
    voucher = price.absolute_voucher
    if voucher is None or voucher.with_tax is None:
        vat = price.tax.vat if price.tax else None
        return price.with_tax, price.without_tax, whole(vat.amount) if vat else None
    vat = voucher.tax.vat if voucher.tax else None
    net, tax = voucher.without_tax, whole(vat.amount) if vat else None
    if tax is None and net is not None:
        tax = voucher.with_tax - net
    return voucher.with_tax, net, tax


def discounts_of(price: Price | None) -> tuple[Discount, ...]:
    """Return what a unit was reduced by, summed per category, categories in alphabetical order.

    The absolute voucher is what lies between the unit's price and its price after the voucher; a price that contains it
    lists it among its reductions.
    """
    if price is None:
        return ()
    sums: dict[str, int] = {}
    for one in price.reductions or ():
        amount = whole(one.amount.absolute_with_tax) if one.amount else None
        if amount:
            category = one.category or "other"
            sums[category] = sums.get(category, 0) + amount
    voucher = price.absolute_voucher
    if voucher is not None and voucher.with_tax is not None and price.with_tax is not None:
        booked = price.with_tax - voucher.with_tax
        if booked > 0:
            sums["voucher"] = sums.get("voucher", 0) + booked
    return tuple(Discount(category, amount) for category, amount in sorted(sums.items()))


def _reduction(one: Reduction) -> str:
    amount = one.amount
    absolute = rate_of(amount.absolute_with_tax) if amount else None
    relative = rate_of(amount.relative) if amount else None
    return "|".join(
        (one.category or "", one.type or "", one.code or "", _plain(absolute), _plain(relative)),
    )


def _plain(value: Decimal | None) -> str:
    return "" if value is None else str(value)


def whole(value: Decimal | None) -> int | None:
    """Return an amount in minor units that SCAYLE types as a double but sends as a whole number."""
    if value is None or not value.is_finite() or value != value.to_integral_value():
        return None
    return int(value)
