"""The delegation call: SCAYLE hands a merchant its units of an order (SCAYLE contract 5.1).

Most of its fields are known from test data of others only, so reading it is tolerant: whatever names an order and one
unit is taken in, and everything that is wrong beside becomes a fault that names its field.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from connectors.scayle.mapping import served_spelling
from connectors.scayle.payloads import parse_message
from syncbridge.config.shops import ScayleSettings
from syncbridge.domain.errors import UnreadableMessage
from syncbridge.domain.orders import DelegatedUnit, Delegation, Fault

LARGEST_ID = 2**63 - 1
"""What a database column for ids holds."""

_ASK_SCAYLE = (
    "Open the order in the SCAYLE panel and compare; if it is right there, ask SCAYLE to delegate it again."
)


@dataclass
class Reading:
    """The items that name a unit, and the faults met on the way. Item positions count from 0."""

    document: dict[str, Any]
    order_id: int
    items: list[tuple[int, int, dict[str, Any]]] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, code: str, name: str, problem: str, way_out: str, value: object = "") -> None:
        self.faults.append(Fault(code, name, problem, way_out, str(value)))


def parse_delegation(raw: bytes, merchant: str, settings: ScayleSettings) -> Delegation:
    """Read a delegation for `merchant`, the one whose address SCAYLE called.

    An order item id that comes twice is taken once, with a fault. Raises UnreadableMessage where there is no order id
    or no unit at all to be read.
    """
    reading = read(raw)
    document = reading.document
    named = text_of(reading, document.get("fulfillingMerchantKey"), "fulfillingMerchantKey")
    if named and named != merchant:
        reading.fault(
            "MERCHANT_MISMATCH",
            "fulfillingMerchantKey",
            f"names the merchant {named}, but the address called is that of {merchant}",
            "Check the delegation address of both merchants in SCAYLE.",
            named,
        )
    shop, country = served_spelling(
        text_of(reading, document.get("shopKey"), "shopKey") or None,
        text_of(reading, document.get("countryCode"), "countryCode") or None,
        settings,
    )
    if settings.shop(shop, country) is None:
        reading.fault(
            "SHOP_UNKNOWN",
            "shopKey",
            f"names the shop {shop} in {country or 'no country'}, which is not configured here",
            "Add the shop to the configuration, or stop SCAYLE from delegating its orders here.",
            f"{shop}/{country}",
        )
    currency = currency_of(reading)
    units = tuple(_units(reading, merchant))
    return Delegation(
        order_id=reading.order_id,
        delegation_id=text_of(reading, document.get("id"), "id"),
        merchant=merchant,
        shop=shop,
        country=country,
        currency=currency,
        reference_key=text_of(reading, document.get("orderReferenceKey"), "orderReferenceKey"),
        units=units,
        faults=tuple(reading.faults),
    )


def read(raw: bytes) -> Reading:
    """Read what names the order and its units; raises UnreadableMessage where that is not there."""
    resend = "Keep the body and ask SCAYLE what was sent; SCAYLE repeats the call for two days."
    try:
        document = parse_message(raw)
    except ValueError as error:
        raise UnreadableMessage("body", "is no JSON that can be read", resend) from error
    if not isinstance(document, dict):
        raise UnreadableMessage("body", "is no JSON object", resend)
    order_id = read_id(document.get("orderId"))
    if order_id is None:
        raise UnreadableMessage("orderId", "is missing or no whole number", resend)
    items = document.get("items")
    if isinstance(items, dict):
        # PHP writes a list with gaps as an object.
        items = list(items.values())
    if not isinstance(items, list) or not items:
        raise UnreadableMessage("items", "is missing or empty", resend)
    reading = Reading(document, order_id)
    met: set[int] = set()
    for position, item in enumerate(items):
        unit_id = read_id(item.get("orderItemId")) if isinstance(item, dict) else None
        if unit_id is None:
            reading.fault(
                "ORDER_ITEM_ID_UNREADABLE",
                f"items[{position}].orderItemId",
                "is missing or no whole number, so this unit cannot be told from others",
                _ASK_SCAYLE,
            )
        elif unit_id in met:
            reading.fault(
                "ORDER_ITEM_ID_REPEATED",
                f"items[{position}].orderItemId",
                f"{unit_id} was already named by an earlier item; it is taken as one unit",
                _ASK_SCAYLE,
                unit_id,
            )
        else:
            met.add(unit_id)
            reading.items.append((position, unit_id, item))
    if not reading.items:
        raise UnreadableMessage("items[].orderItemId", "names no unit that can be read", resend)
    return reading


def read_id(value: object) -> int | None:
    """Read a positive id that comes as a number or as a string of digits; None for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LARGEST_ID:
        return value
    return None


def text_of(reading: Reading, value: object, name: str) -> str:
    """Read a short text; a number counts as its digits. A null character, which no database keeps, is a fault."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return ""
    if "\0" in value:
        reading.fault(
            "INVALID_CHARACTERS", name, "contains a null character and is taken as missing", _ASK_SCAYLE
        )
        return ""
    return value


def currency_of(reading: Reading) -> str:
    """Return the order's currency: a delegation names it at its items."""
    found: list[str] = []
    for position, _, item in reading.items:
        one = text_of(reading, item.get("currencyCode"), f"items[{position}].currencyCode")
        if one and one not in found:
            found.append(one)
    top = text_of(reading, reading.document.get("currencyCode"), "currencyCode")
    if top and top not in found:
        found.append(top)
    if not found:
        reading.fault("CURRENCY_MISSING", "items[].currencyCode", "is missing on every item", _ASK_SCAYLE)
        return ""
    if len(found) > 1:
        reading.fault(
            "CURRENCY_MIXED",
            "items[].currencyCode",
            f"differs: {', '.join(found[:5])}",
            _ASK_SCAYLE,
            found[0],
        )
    return found[0]


def _units(reading: Reading, merchant: str) -> Iterator[DelegatedUnit]:
    for position, unit_id, item in reading.items:
        name = f"items[{position}]"
        sku = text_of(reading, item.get("merchantProductVariantReferenceKey"), f"{name}.sku")
        if not sku.strip():
            reading.fault(
                "SKU_MISSING",
                f"{name}.merchantProductVariantReferenceKey",
                f"is missing on unit {unit_id}",
                "Give the variant its reference key in SCAYLE, then run the order again.",
                unit_id,
            )
        theirs = text_of(reading, item.get("merchantKey"), f"{name}.merchantKey")
        if theirs and theirs != merchant:
            reading.fault(
                "MERCHANT_MISMATCH",
                f"{name}.merchantKey",
                f"gives unit {unit_id} to the merchant {theirs}, not to {merchant}",
                "Check in SCAYLE which merchant owns the unit before anything is sent.",
                theirs,
            )
        quantity = item.get("quantity", 1)
        if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity < 0:
            read = read_id(quantity)
            quantity = 1 if read is None else read
            if read is None and item.get("quantity") is not None:
                reading.fault(
                    "QUANTITY",
                    f"{name}.quantity",
                    f"is no whole number on unit {unit_id}",
                    _ASK_SCAYLE,
                    unit_id,
                )
        if quantity != 1:
            reading.fault(
                "QUANTITY",
                f"{name}.quantity",
                f"is {quantity} on unit {unit_id}; every entry should be one unit",
                "Check in SCAYLE how many were sold. syncbridge reports shipments unit by unit and cannot split an id.",
                unit_id,
            )
        price = minor_of(item.get("price"))
        if price is None and item.get("price") is not None:
            reading.fault(
                "PRICE_UNREADABLE",
                f"{name}.price",
                f"is no whole number on unit {unit_id}",
                _ASK_SCAYLE,
                unit_id,
            )
        yield DelegatedUnit(
            order_item_id=unit_id,
            sku=sku,
            warehouse=text_of(reading, item.get("warehouseReferenceKey"), f"{name}.warehouseReferenceKey"),
            price_minor=price,
            quantity=quantity,
        )


def minor_of(value: object) -> int | None:
    """Read an amount in minor units; a fraction is refused rather than rounded."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.isascii() and value.lstrip("-").isdigit() and len(value) <= 19:
        return int(value)
    return None
