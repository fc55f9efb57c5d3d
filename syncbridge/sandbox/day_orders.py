"""Orders for the SCAYLE stand-in, made from a trading day of real invoices.

The rule, in full:

* One invoice is one order, with the invoice number as `publicKey`. Credits (`C…`) are held for the cancellation and
  returns flows; invoices that sell nothing (stock written off, negative and without a customer) and invoices with
  nothing but postage are no orders. All of these are listed by name.
* One order item is one unit, as in SCAYLE. A row gives as many units as its quantity, at most `units_per_line`
  (12 unless told otherwise; `None` is no cap). Rows of one SKU stay apart when their prices differ.
* `UnitPrice` is net, in GBP. It is rounded half up to the penny; so is the gross made from it. Tax is 20 % on what is
  delivered in the United Kingdom and 0 % on everything else (an export is zero-rated; the shopper pays the import VAT).
* Postage rows (`POST`, `DOT`, `C2`) become the order's delivery fee: quantity times price, net, taxed like the goods.
* Every other charge (`M`, `D`, `S`, `AMAZONFEE`, `BANK CHARGES`, …) stays an item, as dirty as it is. No warehouse has
  it, so the order has to end as an exception that names it. The same holds for SKUs in lower case, which Scend refuses:
  nothing here repairs a SKU, a price or a description.
* A zero price is sold for nothing. An empty description stays empty.
* Shopper and address come from the customer number and the country (a guest: from the invoice number), and a share of
  the orders delivered in the United Kingdom gets an address with one fault in it, chosen by the seed.
* A country that is none (`Unspecified`, `European Community`) gives an address without a country.
* More than 5,000 units in one order is beyond the supported maximum. It is offered all the same, to be refused in the open.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from syncbridge.sandbox.replay_order import DeliveryAddress, OrderLine, Replay, ReplayOrder, ShopSetting
from syncbridge.sandbox.retail_day import Invoice, RetailDay, RetailLine
from syncbridge.sandbox.shoppers import Dirt, Shopper, digest, shopper_for, soiled

UNITS_PER_LINE = 12
"""Units of one row unless told otherwise (chosen): a whole day then is some 12,000 units."""

UK_TAX_RATE = Decimal("0.2")
EXPORT_TAX_RATE = Decimal(0)

DIRTY_SHARE = Decimal("0.09")
"""How many of the orders to the United Kingdom get a faulty address (chosen): seven on the demo's day."""


def replay_of_day(
    day: RetailDay,
    *,
    units_per_line: int | None = UNITS_PER_LINE,
    seed: int = 1,
    dirty_share: Decimal = DIRTY_SHARE,
    setting: ShopSetting | None = None,
) -> Replay:
    """Make the orders of a trading day by the rule above. Raises ValueError for a cap below one unit."""
    if units_per_line is not None and units_per_line < 1:
        raise ValueError("units per line must be at least 1, or without a cap")
    setting = setting or ShopSetting()
    dirt = _dirt_by_invoice(day.sales, seed, dirty_share)
    first = day.sales[0].at if day.sales else datetime.min  # noqa: DTZ901 - local time without a zone, used for gaps
    orders = [
        _order_of_invoice(invoice, first, units_per_line, dirt.get(invoice.number), setting)
        for invoice in day.sales
    ]
    return Replay(
        source=day.source,
        orders=tuple(orders),
        held_credits=tuple(invoice.number for invoice in day.credits),
        adjustments=tuple(invoice.number for invoice in day.adjustments),
        carriage_only=tuple(invoice.number for invoice in day.carriage_only),
        held_lines=tuple(f"{number} row {line.row} ({line.stock_code})" for number, line in day.held_lines),
    )


def _dirt_by_invoice(sales: Iterable[Invoice], seed: int, share: Decimal) -> dict[str, Dirt]:
    """Choose the orders with a faulty address: by digest, every kind of fault as often as the next."""
    ranked = sorted(
        (
            invoice.number
            for invoice in sales
            if shopper_for(_person(invoice), invoice.country).country2 == "GB"
        ),
        key=lambda number: digest(f"dirt|{seed}|{number}"),
    )
    kinds = list(Dirt)
    chosen = ranked[: int((len(ranked) * share).to_integral_value(ROUND_HALF_UP))]
    return {number: kinds[place % len(kinds)] for place, number in enumerate(chosen)}


def _person(invoice: Invoice) -> str:
    return invoice.customer or f"guest-{invoice.number}"


def _order_of_invoice(
    invoice: Invoice, first: datetime, cap: int | None, dirt: Dirt | None, setting: ShopSetting
) -> ReplayOrder:
    shopper = shopper_for(_person(invoice), invoice.country)
    clean = shopper
    if dirt is not None:
        shopper = soiled(shopper, dirt)
    rate = UK_TAX_RATE if shopper.country2 == "GB" else EXPORT_TAX_RATE
    lines = tuple(_line_of_row(row, cap, rate) for row in invoice.sold)
    fee_net = sum((row.unit_price * row.quantity for row in invoice.carriage), Decimal(0))
    address = _address_of(shopper)
    return ReplayOrder(
        name=invoice.number,
        after=invoice.at - first,
        lines=lines,
        address=address,
        carrier=setting.carrier,
        body=_body(
            name=invoice.number,
            shopper=shopper,
            lines=lines,
            fee_gross=_gross(_minor(fee_net), rate),
            rate=rate,
            setting=setting,
        ),
        capped=sum(row.quantity for row in invoice.sold) - sum(line.units for line in lines),
        dirt=dirt or "",
        personal_data=tuple(dict.fromkeys((*clean.personal_data(), *shopper.personal_data()))),
    )


def _line_of_row(row: RetailLine, cap: int | None, rate: Decimal) -> OrderLine:
    net = _minor(row.unit_price)
    units = row.quantity if cap is None else min(row.quantity, cap)
    return OrderLine(row.stock_code, units, _gross(net, rate), net, rate, row.description)


def _minor(pounds: Decimal) -> int:
    """Return pence, rounded half up: 5.495 is 550."""
    return int((pounds * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _gross(net_minor: int, rate: Decimal) -> int:
    """Return the gross of a net amount in minor units, rounded half up: 169 at 0.2 is 203."""
    return int((net_minor * (1 + rate)).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def _address_of(shopper: Shopper) -> DeliveryAddress:
    return DeliveryAddress(
        recipient=shopper.full_name,
        street=shopper.street,
        house_number=shopper.house_number,
        additional=shopper.additional,
        postcode=shopper.postcode,
        city=shopper.city,
        region=shopper.region,
        country=shopper.country2,
        phone=shopper.phone,
        email=shopper.email,
    )


def _body(
    *,
    name: str,
    shopper: Shopper,
    lines: tuple[OrderLine, ...],
    fee_gross: int,
    rate: Decimal,
    setting: ShopSetting,
) -> dict[str, Any]:
    """Write the compact description that the SCAYLE stand-in's control plane takes."""
    address = {
        "firstName": shopper.given,
        "lastName": shopper.family,
        "gender": "n",
        "type": "personal",
        "street": shopper.street,
        "houseNumber": shopper.house_number,
        "additional": shopper.additional or None,
        "zipCode": shopper.postcode,
        "city": shopper.city,
        "state": shopper.region or None,
        "countryCode": shopper.country,
        "phone": shopper.phone,
    }
    body: dict[str, Any] = {
        "shop": setting.shop_key,
        "country": setting.country_code,
        "currency": setting.currency,
        "merchant": setting.merchant,
        "warehouse": setting.warehouse,
        "publicKey": name,
        "customer": {
            "referenceKey": f"C-{shopper.key}",
            "publicKey": f"cust-{shopper.key}",
            "firstName": shopper.given,
            "lastName": shopper.family,
            "gender": "n",
            "email": shopper.email,
            "phone": shopper.phone,
        },
        "shipping": address,
        "billing": address,
        "lines": [
            {
                "sku": line.sku,
                "quantity": line.units,
                "name": line.name,
                "unitPriceWithTax": line.gross_minor,
                "unitPriceWithoutTax": line.net_minor,
                "taxRate": str(line.rate),
            }
            for line in lines
        ],
        "confirm": True,
    }
    if fee_gross:
        body["shippingFee"] = {"withTax": fee_gross, "taxRate": str(rate)}
    return body
