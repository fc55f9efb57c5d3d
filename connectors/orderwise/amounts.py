"""What a part of an order comes to in OrderWise's members, and whether it adds up to the penny there (contract 12.2). Pure.

    orderGross = sum(quantity x itemGross) + deliveryGross - sum(discounts) + sum(surcharges)

and likewise net, where the net of a gross discount is price / (1 + rate), rounded half up; the tolerance is 0.01 for each
line, for the delivery, and for each discount or surcharge (assumed).

SCAYLE's gross is exact and never changes on the way. Its net is rounded unit by unit (or differently, by a setting of the
shop), so the net of a line is what SCAYLE says of its units, and `itemNet` is a quotient with four places. Where a reduction
is sent as a discount of its own, its exact net is added to the line, so that lines less discounts is SCAYLE's net again:
two units at 30.00 (net 25.00) reduced by 2.50 each are `itemGross` 30.00, a discount of 5.00, and 55.00 in all.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.domain.money import exponent, net_of
from syncbridge.domain.orders import Fault, FulfilmentRequest, Line
from syncbridge.domain.prices import ShopFee

PENNY = Decimal("0.01")
_UNIT = Decimal("0.0001")
_LOOK = "Check the order's prices in SCAYLE, then retry the order."
_ASK = "Ask finance what the order should come to; SCAYLE is the truth for prices."


@dataclass(frozen=True)
class LineAmounts:
    """Unit prices of a line, in major units, before the reductions that are sent as discounts."""

    line_number: int
    quantity: int
    gross: Decimal
    net: Decimal
    rate: Decimal


@dataclass(frozen=True)
class Dissur:
    """A discount or a surcharge of the whole order, in major units, including tax."""

    description: str
    is_discount: bool
    price: Decimal
    rate: Decimal

    @property
    def net(self) -> Decimal:
        return (self.price / (1 + self.rate)).quantize(PENNY, ROUND_HALF_UP)


@dataclass(frozen=True)
class OrderAmounts:
    """Every amount of an order in OrderWise, in major units."""

    lines: tuple[LineAmounts, ...]
    dissurs: tuple[Dissur, ...]
    gross: Decimal
    net: Decimal
    delivery_gross: Decimal
    delivery_net: Decimal
    delivery_rate: Decimal | None

    @property
    def tolerance(self) -> Decimal:
        return PENNY * (len(self.lines) + bool(self.delivery_gross) + len(self.dissurs))

    @property
    def computed_gross(self) -> Decimal:
        """The gross total by OrderWise's rule."""
        goods = sum((line.quantity * line.gross for line in self.lines), Decimal(0))
        return goods + self.delivery_gross + _signed(self.dissurs, [one.price for one in self.dissurs])

    @property
    def computed_net(self) -> Decimal:
        """The net total by OrderWise's rule."""
        goods = sum((line.quantity * line.net for line in self.lines), Decimal(0))
        return goods + self.delivery_net + _signed(self.dissurs, [one.net for one in self.dissurs])


def amounts_of(
    request: FulfilmentRequest, settings: OrderWiseSettings
) -> tuple[OrderAmounts | None, tuple[Fault, ...]]:
    """Return the order's amounts and everything that is wrong with them; no amounts where one cannot be known."""
    faults: list[Fault] = []
    for line in request.lines:
        faults += _line_faults(line)
    fees = [(fee, _fee_rate(fee, settings)) for fee in request.fees]
    faults += _fee_faults(request, fees, settings)
    if faults:
        return None, tuple(faults)
    discounts = settings.maps.discount
    sums: dict[tuple[str, bool, Decimal], int] = {}
    lines: list[LineAmounts] = []
    net_minor = 0
    for line in request.lines:
        rate, price = line.tax_rate or Decimal(0), line.price_minor or 0
        line_net = _line_net(line)
        net_minor += line_net
        off = 0
        for discount in line.discounts:
            if (description := discounts.get(discount.category)) is not None:
                off += discount.amount_minor
                key = (description, True, rate)
                sums[key] = sums.get(key, 0) + discount.amount_minor * line.quantity
        net = (Decimal(line_net) / line.quantity) + Decimal(off) / (1 + rate)
        lines.append(
            LineAmounts(
                line.line_number,
                line.quantity,
                _major(price + off, request.currency),
                net.scaleb(-exponent(request.currency)).quantize(_UNIT, ROUND_HALF_UP),
                rate,
            )
        )
    delivery_gross = delivery_net = 0
    delivery_rate: Decimal | None = None
    for fee, known in fees:
        rate = known or Decimal(0)
        fee_net = net_of(fee.gross_minor, rate) if fee.net_minor is None else fee.net_minor
        net_minor += fee_net
        if fee.category in settings.delivery_fees:
            delivery_gross, delivery_net = delivery_gross + fee.gross_minor, delivery_net + fee_net
            if fee.gross_minor or delivery_rate is None:
                delivery_rate = rate
        elif fee.gross_minor:
            key = (settings.maps.surcharge[fee.category], False, rate)
            sums[key] = sums.get(key, 0) + fee.gross_minor
    dissurs = tuple(
        Dissur(description, is_discount, _major(amount, request.currency), rate)
        for (description, is_discount, rate), amount in sorted(sums.items())
        if amount
    )
    gross_minor = sum((line.price_minor or 0) * line.quantity for line in request.lines)
    gross_minor += sum(fee.gross_minor for fee in request.fees)
    found = OrderAmounts(
        tuple(lines),
        dissurs,
        gross=_major(gross_minor, request.currency),
        net=_major(net_minor, request.currency),
        delivery_gross=_major(delivery_gross, request.currency),
        delivery_net=_major(delivery_net, request.currency),
        delivery_rate=delivery_rate,
    )
    return found, gate(found, gross_minor, request)


def gate(found: OrderAmounts, gross_minor: int, request: FulfilmentRequest) -> tuple[Fault, ...]:
    """The penny gate: gross is exactly the shop's, and OrderWise would find that everything adds up.

    The difference has a name: an amount that is missing, a discount that is, or the rounding of many units' net prices.
    """
    if request.totals is not None and request.totals.grand_minor != gross_minor:
        shop = _major(request.totals.grand_minor, request.currency)
        return (
            Fault(
                "TOTAL_MISSING_AMOUNT",
                "cost: total",
                f"units and fees come to {found.gross}, the shop's part comes to {shop}: {abs(shop - found.gross)} apart",
                _ASK,
                str(shop - found.gross),
            ),
        )
    gross_apart, net_apart = found.computed_gross - found.gross, found.computed_net - found.net
    if gross_apart:
        return (
            Fault(
                "TOTAL_DISCOUNT",
                "cost: discounts",
                f"prices less discounts are {abs(gross_apart)} off what is paid",
                _ASK,
                str(gross_apart),
            ),
        )
    if abs(net_apart) > found.tolerance:
        return (
            Fault(
                "TOTAL_ROUNDING",
                "cost: net",
                f"net amounts are {abs(net_apart)} off the shop's, OrderWise takes {found.tolerance}: rounding of its lines",
                _ASK,
                str(net_apart),
            ),
        )
    return ()


def _line_faults(line: Line) -> Iterable[Fault]:
    name = f"items[sku={line.shop_sku}]"
    if line.price_minor is None:
        yield Fault("PRICE_MISSING", f"{name}.price", "is missing", _LOOK, line.shop_sku)
        return
    if line.price_minor < 0:
        yield Fault("OUT_OF_RANGE", f"{name}.price", "is negative", _LOOK, str(line.price_minor))
        return
    if line.tax_rate is None:
        yield Fault("TAX_RATE_MISSING", f"{name}.tax", "is missing", _LOOK, line.shop_sku)
        return
    expected = net_of(line.price_minor, line.tax_rate) * line.quantity
    # However SCAYLE rounds (a unit, a line, an order), it cannot differ by more than a penny a unit.
    if abs(_line_net(line) - expected) > line.quantity:
        yield Fault(
            "TAX_RATE_MISMATCH",
            f"{name}.tax",
            f"net and gross price do not fit the tax rate {line.tax_rate}",
            _LOOK,
            str(line.tax_rate),
        )


def _line_net(line: Line) -> int:
    if line.net_minor is not None:
        return line.net_minor
    return net_of(line.price_minor or 0, line.tax_rate or Decimal(0)) * line.quantity


def _fee_rate(fee: ShopFee, settings: OrderWiseSettings) -> Decimal | None:
    """Return the fee's tax rate; where the shop names none, the configured one that its net amount fits."""
    if fee.tax_rate is not None:
        return fee.tax_rate
    if not fee.gross_minor:
        return Decimal(0)
    if fee.net_minor is None:
        return None
    return next((rate for rate in settings.tax_rate_ids if net_of(fee.gross_minor, rate) == fee.net_minor), None)


def _fee_faults(
    request: FulfilmentRequest, fees: list[tuple[ShopFee, Decimal | None]], settings: OrderWiseSettings
) -> Iterable[Fault]:
    delivery_rates = {rate for fee, rate in fees if fee.category in settings.delivery_fees and fee.gross_minor}
    if len(delivery_rates) > 1:
        yield Fault(
            "TAX_RATE_MIXED",
            "cost: delivery",
            "has parts with different tax rates; OrderWise has one rate for it",
            "Map one of the categories as a surcharge (orderwise.maps.surcharge), then retry the order.",
        )
    for fee, rate in fees:
        name = f"cost: fee {fee.category}"
        if fee.gross_minor < 0:
            yield Fault("OUT_OF_RANGE", name, "is negative", _LOOK, str(fee.gross_minor))
        elif not fee.gross_minor:
            continue
        elif rate is None:
            yield Fault("TAX_RATE_MISSING", f"{name}: tax", "cannot be told from its amounts", _LOOK, fee.category)
        if fee.category not in settings.delivery_fees and fee.category not in settings.maps.surcharge:
            yield Fault(
                "FEE_UNMAPPED",
                name,
                "is neither a delivery charge nor a surcharge of OrderWise",
                "Add it to orderwise.maps.surcharge or orderwise.delivery_fees, then retry the order.",
                fee.category,
            )


def _major(minor: int, currency: str) -> Decimal:
    """Return an amount in major units with two places: 1920 GBP is 19.20."""
    amount = Decimal(minor).scaleb(-exponent(currency))
    rounded = amount.quantize(PENNY, ROUND_HALF_UP)
    return rounded if rounded == amount else amount


def _signed(dissurs: Iterable[Dissur], amounts: Iterable[Decimal]) -> Decimal:
    return sum(
        (-amount if one.is_discount else amount for one, amount in zip(dissurs, amounts, strict=True)), Decimal(0)
    )
