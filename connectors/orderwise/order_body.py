"""The body of `POST /sales/order` (OrderWise contract 12.2, partly assumed). Pure, the same bytes for the same request."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from connectors.orderwise.amounts import PENNY, OrderAmounts, amounts_of
from connectors.orderwise.decimal_json import compact_json
from connectors.orderwise.local_time import local_text
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.domain.money import exponent
from syncbridge.domain.orders import Address, FulfilmentRequest, Line
from syncbridge.domain.prices import ShopPayment

GIFT_CARD = "gift_card"
"""The name under which every gift card is mapped, whatever the shop calls it."""

ADDRESS_LINES = 3


def compose_order(request: FulfilmentRequest, settings: OrderWiseSettings) -> str:
    """Write the body. The request must have no faults.

    Gross prices rule (`pricesAsNet` false) and order type and reference are always sent: clients that left them to
    defaults made quotes, and duplicates (contract 9.4, 9.5).
    """
    amounts, faults = amounts_of(request, settings)
    if amounts is None:
        raise ValueError(f"the order cannot be priced: {'; '.join(fault.code for fault in faults)}")
    maps = settings.maps
    delivery_method = maps.delivery_method.get(request.service)
    header: dict[str, Any] = {
        "systemOrderType": settings.system_order_type,
        "eCommerceOrderNumber": request.reference,
        "customerOrderRef": request.reference,
        "currencyId": maps.currency.get(request.currency),
        "deliveryMethodId": delivery_method,
        "pricesAsNet": False,
        "orderGross": amounts.gross,
        "orderNet": amounts.net,
        "orderTax": amounts.gross - amounts.net,
        "deliveryGross": amounts.delivery_gross,
        "deliveryNet": amounts.delivery_net,
        "deliveryTax": amounts.delivery_gross - amounts.delivery_net,
    }
    if amounts.delivery_rate is not None and (rate := _rate_id(amounts.delivery_rate, settings)) is not None:
        header["deliveryTaxRateId"] = rate
    if request.ordered_at is not None:
        header["orderDate"] = local_text(request.ordered_at, settings.zone)
    body: dict[str, Any] = {
        "customer": customer_of(request.shop, settings),
        "orderHeader": header,
        "customerDeliveryAddress": {
            **address_of(request.delivery, request.email, settings),
            "deliveryMethodId": delivery_method,
        },
        "orderLines": _lines(request, amounts, settings),
    }
    if amounts.dissurs:
        body["dissurs"] = [
            {
                "description": one.description,
                "discount": one.is_discount,
                "grossDiscount": True,
                "price": one.price,
                "taxRateId": _rate_id(one.rate, settings),
            }
            for one in amounts.dissurs
        ]
    if settings.send_payments and request.payments:
        body["payments"] = [_payment(one, request.currency, settings) for one in request.payments]
    return compact_json(body)


def customer_of(shop: str, settings: OrderWiseSettings) -> dict[str, Any]:
    """Return to whom an order of this shop is booked; empty where nobody is configured."""
    customer = settings.customer
    if customer.mode == "single":
        return {"id": customer.id}
    accounts = {key.casefold(): number for key, number in customer.accounts.items()}
    number = accounts.get(shop.casefold(), customer.account_number)
    return {"accountNumber": number} if number else {}


def address_of(address: Address, email: str, settings: OrderWiseSettings) -> dict[str, str]:
    """Return the delivery address; empty members are left out."""
    lines = address_lines(address, settings.limits.address_line)
    fields = {
        "deliveryName": address.company or address.recipient,
        "contactName": address.recipient or address.company,
        **{f"address{number}": line for number, line in enumerate(lines, start=1)},
        "town": address.city,
        "county": address.region,
        "country": settings.maps.country.get(address.country, ""),
        "countryCode": address.country,
        "postcode": address.postcode,
        "telephone": address.phone,
        "email": email,
    }
    return {name: value for name, value in fields.items() if value.strip()}


def address_lines(address: Address, width: int) -> tuple[str, ...]:
    """Lay street and additional line out over address lines, breaking between words; nothing is cut.

    "Old Mill Lane 4" at width 8 gives ("Old Mill", "Lane 4").
    """
    lines: list[str] = []
    for text in (f"{address.street} {address.house_number}".strip(), address.additional.strip()):
        started = False
        for word in text.split() if len(text) > width else [text] if text else []:
            if started and len(lines[-1]) + 1 + len(word) <= width:
                lines[-1] += f" {word}"
            else:
                lines.append(word)
                started = True
    return tuple(lines)


def payment_method(payment: ShopPayment) -> str:
    """Return the name under which a payment's method is mapped."""
    return GIFT_CARD if payment.gift_card else payment.method


def item_reference(line: Line) -> str:
    """Return the name of a line that no other order has: its lowest order item id."""
    return str(min(line.unit_ids))


def _lines(request: FulfilmentRequest, amounts: OrderAmounts, settings: OrderWiseSettings) -> list[dict[str, Any]]:
    location = settings.maps.stock_location.get(request.warehouse_code)
    return [
        {
            "itemNumber": line.line_number,
            "eCommerceItemId": item_reference(line),
            "variantCode": line.sku,
            "quantity": line.quantity,
            "itemGross": priced.gross,
            "itemNet": priced.net,
            "taxRateId": _rate_id(priced.rate, settings),
            "stockLocationId": location,
        }
        for line, priced in zip(request.lines, amounts.lines, strict=True)
    ]


def _payment(payment: ShopPayment, currency: str, settings: OrderWiseSettings) -> dict[str, Any]:
    amount = Decimal(payment.amount_minor).scaleb(-exponent(currency)).quantize(PENNY, ROUND_HALF_UP)
    body: dict[str, Any] = {
        "paymentMethodId": settings.maps.payment_method.get(payment_method(payment)),
        "amount": amount,
    }
    if payment.reference:
        body["reference"] = payment.reference
    return body


def _rate_id(rate: Decimal, settings: OrderWiseSettings) -> int | None:
    return settings.tax_rate_ids.get(rate)
