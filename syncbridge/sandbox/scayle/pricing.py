"""The arithmetic of an order: prices of units, vouchers, fees, and the totals in `cost`.

Money is integers in the currency's smallest unit; rates are Decimal fractions and become JSON numbers only
in the document. Gross is the truth and net follows, as documented for SCAYLE's price calculators.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from syncbridge.sandbox.scayle.answers import Json


def net_of(gross_minor: int, rate: Decimal) -> int:
    """Return the net of a gross amount, rounded half up: 1920 at 0.2 is 1600."""
    return int((Decimal(gross_minor) / (1 + rate)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def gross_of(net_minor: int, rate: Decimal) -> int:
    """Return the gross of a net amount, rounded half up: 1600 at 0.2 is 1920."""
    return int((Decimal(net_minor) * (1 + rate)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def share_of(amount_minor: int, fraction: Decimal) -> int:
    """Return a fraction of an amount, rounded half up."""
    return int((Decimal(amount_minor) * fraction).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def json_rate(rate: Decimal) -> float | int:
    """Write a rate as the JSON number that SCAYLE sends: 0.2, not "0.2". Rates only, never money."""
    return int(rate) if rate == rate.to_integral_value() else float(rate)


def tax_block(gross_minor: int, net_minor: int, rate: Decimal) -> Json:
    """Return `tax` of a price: the VAT amount in minor units and the rate as a fraction."""
    return {"vat": {"amount": gross_minor - net_minor, "rate": json_rate(rate)}}


@dataclass(frozen=True)
class UnitPrice:
    """What one unit costs: before reductions, after them, and which they were."""

    gross_minor: int
    net_minor: int
    rate: Decimal
    undiscounted_gross_minor: int
    reductions: tuple[Json, ...] = field(default=())

    def document(self) -> Json:
        """Return `price` of an order item, odd spellings kept."""
        return {
            "withTax": self.gross_minor,
            "withoutTax": self.net_minor,
            "tax": tax_block(self.gross_minor, self.net_minor, self.rate),
            "undiscountedWithTax": self.undiscounted_gross_minor,
            "undiscountedWithOutTax": net_of(self.undiscounted_gross_minor, self.rate),
            "appliedReductions": [dict(reduction) for reduction in self.reductions],
        }


def unit_price(line: Json, relative_voucher: Json | None) -> UnitPrice:
    """Read the price of a compact line and take off its reductions, and a relative voucher.

    Raises ValueError without `unitPriceWithTax` and `unitPriceWithoutTax`, and for a voucher of more than all. Given prices are the reduced ones;
    `undiscountedWithTax` makes the difference a markdown (category `sale`).
    """
    rate = Decimal(str(line.get("taxRate", "0.2")))
    given_net = line.get("unitPriceWithoutTax")
    if line.get("unitPriceWithTax") is not None:
        gross = int(line["unitPriceWithTax"])
    elif given_net is not None:
        gross = gross_of(int(given_net), rate)
    else:
        raise ValueError("a line needs unitPriceWithTax or unitPriceWithoutTax, in minor units")
    undiscounted = int(line.get("undiscountedWithTax", gross))
    reductions: list[Json] = list(line.get("reductions") or [])
    if undiscounted > gross and not reductions:
        reductions.append(_reduction("sale", undiscounted - gross, undiscounted))
    if relative_voucher is not None and gross > 0:
        fraction = Decimal(str(relative_voucher["value"]))
        if not 0 <= fraction <= 1:
            raise ValueError("the value of a relative voucher is a share of the price: 0.1 takes off a tenth")
        off = min(gross, share_of(gross, fraction))
        reduction = _reduction("voucher", off, gross)
        reduction["amount"]["relative"] = json_rate(fraction)
        reductions.append({**reduction, "code": relative_voucher.get("code")})
        gross, given_net = gross - off, None
    net = int(given_net) if given_net is not None else net_of(gross, rate)
    return UnitPrice(gross, net, rate, undiscounted, tuple(reductions))


def _reduction(category: str, off_minor: int, before_minor: int) -> Json:
    relative = (Decimal(off_minor) / Decimal(before_minor)).quantize(Decimal("0.0001"))
    return {
        "id": f"r-{category}",
        "category": category,
        "type": "relative",
        "amount": {"absoluteWithTax": off_minor, "relative": json_rate(relative)},
    }


def book_absolute_voucher(
    items: list[Json], value_minor: int, code: str | None, in_price: bool
) -> Json | None:
    """Book an absolute voucher on one item and return the order-level reduction, or None without items.

    SCAYLE books it on one item for invoices and refunds (documented); that it is the dearest, the lowest id
    first, is guessed. A voucher larger than its item is capped at it (project choice). `in_price` reduces
    `price` itself too, which the documents leave open.
    """
    if not items or value_minor <= 0:
        return None
    booked = max(items, key=lambda item: (item["price"]["withTax"], -item["id"]))
    price = booked["price"]
    off = min(value_minor, price["withTax"])
    rate = Decimal(str(price["tax"]["vat"]["rate"]))
    gross = price["withTax"] - off
    net = net_of(gross, rate)
    reduction = {
        "id": "r-voucher",
        "category": "voucher",
        "type": "absolute",
        "code": code,
        "amount": {"absoluteWithTax": off, "relative": 0},
    }
    reduced = {"withTax": gross, "withOutTax": net, "tax": tax_block(gross, net, rate)}
    booked["price"] = {**price, "absoluteVoucherReducedPrice": reduced}
    if in_price:
        booked["price"] |= {"withTax": gross, "withoutTax": net, "tax": tax_block(gross, net, rate)}
        booked["price"]["appliedReductions"] = [*price["appliedReductions"], reduction]
    return reduction


def paid_price(price: Json) -> tuple[int, int]:
    """Return what a unit really costs the shopper, gross and net in minor units: SCAYLE's refund of it."""
    reduced = price.get("absoluteVoucherReducedPrice")
    if isinstance(reduced, dict) and reduced.get("withTax") is not None:
        gross = int(reduced["withTax"])
        return gross, int(reduced.get("withOutTax", gross))
    gross = int(price.get("withTax") or 0)
    return gross, int(price.get("withoutTax") or gross)


def fee_document(key: str, category: str, gross_minor: int, rate: Decimal) -> Json:
    """Return one entry of `cost.appliedFees`."""
    net = net_of(gross_minor, rate)
    option = "deliveryCosts" if key == "base_shipping_service_cost" else key
    return {
        "category": category,
        "key": key,
        "option": option,
        "amount": {"withTax": gross_minor, "withoutTax": net},
        "tax": tax_block(gross_minor, net, rate),
    }


def fees_total(cost: Json) -> int:
    """Return the gross sum of an order's fees in minor units."""
    return sum(int(fee.get("amount", {}).get("withTax") or 0) for fee in cost.get("appliedFees") or [])


def order_cost(
    items: Iterable[Json], fees: list[Json], voucher: Json | None, gift_card_minor: int, by_line: bool
) -> Json:
    """Return `cost` of an order.

    With `by_line` ("Price Calculator v1") VAT is rounded a unit and then summed; otherwise gross is summed
    by rate and VAT rounded once, which may differ by a penny or two in net and never in gross.
    """
    gross_by_rate: dict[Decimal, int] = {}
    goods_gross = goods_net = 0
    for item in items:
        gross, net = paid_price(item["price"])
        goods_gross, goods_net = goods_gross + gross, goods_net + net
        rate = Decimal(str(item["price"]["tax"]["vat"]["rate"]))
        gross_by_rate[rate] = gross_by_rate.get(rate, 0) + gross
    if not by_line:
        goods_net = sum(net_of(gross, rate) for rate, gross in gross_by_rate.items())
    fee_gross = sum(fee["amount"]["withTax"] for fee in fees)
    fee_net = sum(fee["amount"]["withoutTax"] for fee in fees)
    total_gross, total_net = goods_gross + fee_gross, goods_net + fee_net
    return {
        "withTax": total_gross,
        "withoutTax": total_net,
        "tax": {"vat": {"amount": total_gross - total_net}},
        "withTaxWithMembershipDiscountWithoutServiceCosts": goods_gross,
        "withoutTaxWithMembershipDiscount": total_net,
        "costCapture": max(0, total_gross - gift_card_minor),
        "appliedFees": fees,
        "appliedReductions": [voucher] if voucher is not None else [],
        "itemGroups": None,
        "hasExternalPrices": False,
    }


def percentage(rate: Any) -> float | int:
    """Turn a fraction into the percentage of a delegation: 0.2 is 20."""
    return json_rate(Decimal(str(rate or 0)) * 100)
