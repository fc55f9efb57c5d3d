"""The body of `POST /orders` (Scend contract 2.7, assumed). Pure, and the same bytes for the same request."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from connectors.scend.payloads import compact_json
from syncbridge.config.scend import ScendSettings
from syncbridge.domain.money import exponent
from syncbridge.domain.orders import Address, FulfilmentRequest, Line

HOME_COUNTRY = "GB"
"""Outside it Scend wants prices and customs data."""

ADDRESS_LINES = 3

REFUSED_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffd\U00010000-\U0010ffff]")
"""Control characters and what lies beyond the Basic Multilingual Plane are refused by Scend. The replacement character
is ours to refuse: it stands where a text was damaged, and would be printed on the label."""


def compose_order(request: FulfilmentRequest, settings: ScendSettings) -> str:
    """Write the body. The request must have no faults; optional text that nobody acts on is left out if it does not fit.

    That is the order number (Scend then prints our reference) and the description of a line. Fees have no slot of
    their own in Scend's totals and ride in `shipping`.
    """
    body: dict[str, Any] = {
        "clientReference": request.reference,
        "channel": channel(request, settings),
        "currency": request.currency,
        "allowPartialDespatch": settings.allow_partial_despatch,
        "shipping": {"serviceCode": request.service},
        "deliveryAddress": _address(request.delivery, settings, request.email),
        "lines": [_line(line, request.currency, settings) for line in request.lines],
        "metadata": {"producer": "syncbridge"},
    }
    if fits(request.order_number, settings.order_limits.order_number):
        body["orderNumber"] = request.order_number
    if request.warehouse_code:
        body["warehouseCode"] = request.warehouse_code
    if request.ordered_at is not None:
        body["orderedAt"] = instant_text(request.ordered_at)
    if request.billing is not None and request.billing != request.delivery:
        body["billingAddress"] = _address(request.billing, settings)
    totals = request.totals
    if totals is not None:
        body["totals"] = {
            "goods": decimal_text(totals.goods_minor, request.currency),
            "shipping": decimal_text(totals.fees_minor, request.currency),
            "discount": "0.00",
            "tax": decimal_text(totals.tax_minor, request.currency),
            "grandTotal": decimal_text(totals.grand_minor, request.currency),
        }
    if request.delivery.country != HOME_COUNTRY and settings.customs is not None:
        customs = settings.customs
        body["customs"] = {
            name: value
            for name, value in (
                ("incoterm", customs.incoterm),
                ("iossNumber", customs.ioss_number),
                ("eoriNumber", customs.eori_number),
            )
            if value
        }
    return compact_json(body)


def channel(request: FulfilmentRequest, settings: ScendSettings) -> str:
    return settings.channel.replace("{shop}", request.shop.upper())


def fits(text: str, limit: int) -> bool:
    """Say whether there is a text that Scend takes as it is."""
    return bool(text.strip()) and len(text) <= limit and REFUSED_CHARACTERS.search(text) is None


def street_lines(address: Address, width: int) -> tuple[str, ...]:
    """Lay street and additional line out over address lines, breaking between words.

    The house number follows the street, as in the shop; the additional line starts a line of its own. A single word
    that is longer than `width` stays whole, so that whoever checks the result sees it. "Old Mill Lane" at width 8
    gives ("Old Mill", "Lane").
    """
    street = f"{address.street} {address.house_number}".strip()
    return (*_wrap(street, width), *_wrap(address.additional, width))


def _wrap(text: str, width: int) -> list[str]:
    if not text or len(text) <= width:
        return [text] if text else []
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def decimal_text(minor: int, currency: str) -> str:
    """Write an amount with two decimal places: decimal_text(1920, "GBP") == "19.20".

    Raises ValueError where two places cannot hold it, as for 1.234 KWD.
    """
    amount = Decimal(minor).scaleb(-exponent(currency))
    rounded = amount.quantize(Decimal("0.01"))
    if rounded != amount:
        raise ValueError(f"{amount} {currency} does not fit two decimal places")
    return f"{rounded:f}"


def instant_text(instant: datetime) -> str:
    """Write an instant in UTC with milliseconds and a Z. Raises ValueError if it is naive."""
    if instant.tzinfo is None:
        raise ValueError("a time without an offset cannot be sent")
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _address(address: Address, settings: ScendSettings, email: str = "") -> dict[str, str]:
    lines = street_lines(address, settings.address_limits.line)
    fields = {
        "recipientName": address.recipient,
        "company": address.company,
        **{f"line{number}": line for number, line in enumerate(lines, start=1)},
        "city": address.city,
        "region": address.region,
        "postcode": address.postcode,
        "countryCode": address.country,
        "phone": address.phone,
        "email": email,
    }
    return {name: value for name, value in fields.items() if value.strip()}


def _line(line: Line, currency: str, settings: ScendSettings) -> dict[str, Any]:
    body: dict[str, Any] = {
        "lineNumber": line.line_number,
        "sku": line.sku,
        "quantity": line.quantity,
        "clientLineReference": str(min(line.unit_ids)),
    }
    if fits(line.description, settings.order_limits.description):
        body["description"] = line.description
    if line.price_minor is not None:
        body["unitPrice"] = decimal_text(line.price_minor, currency)
    return body
