"""What has to become of each order, told from the order alone by the warehouse's documented rules.

This is a second, independent reading of the Scend contract (2.7, 2.9, 2.10, 2.15): it shares no code with the
integration that it helps to judge. The codes are Scend's own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from syncbridge.sandbox.replay_order import SUPPORTED_UNITS, DeliveryAddress, ReplayOrder
from syncbridge.sandbox.retail_day import CARRIAGE_CODES, CHARGE_CODES

SKU_PATTERN = re.compile(r"[A-Z0-9](?:[A-Z0-9_-]{0,30}[A-Z0-9])?")
GB_POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}", re.IGNORECASE)
PHONE = re.compile(r"\+?[0-9 ()-]{6,20}")

MAX_LINES = 200
MAX_LINE_QUANTITY = 999
MAX_ADDRESS_LINE = 35
ADDRESS_LINES = 3
MAX_DESCRIPTION = 100
FIELD_LIMITS = {"recipient": 60, "city": 35, "region": 35, "postcode": 12, "phone": 20, "email": 100}
NO_POSTCODE = frozenset({"IE", "HK", "AE"})
REGION_REQUIRED = frozenset({"US", "CA", "AU"})

DEFAULT_SERVICES: Mapping[str, frozenset[str]] = {
    "STD48": frozenset({"GB"}),
    "NEXT24": frozenset({"GB"}),
    "INTL_TRK": frozenset({"IE", "FR", "DE", "NL", "US"}),
}
"""Countries by service code (Scend contract 2.15)."""


AUTO = "AUTO"
"""The service code that leaves the choice to the warehouse: any service that goes to the country."""


class Outcome(StrEnum):
    """How an order has to end."""

    LIVES = "lives"
    EXCEPTION = "exception"


@dataclass(frozen=True)
class Expectation:
    """The outcome and, for an exception, every fault by its code.

    `living_parts` are the merchants of a split order whose part has to live although another's has to fail;
    `waiting_units` are the units of the parts that have to fail.
    """

    outcome: Outcome
    faults: frozenset[str] = frozenset()
    living_parts: frozenset[str] = frozenset()
    waiting_units: int = 0

    def to_json(self) -> dict[str, Any]:
        """Write it for a report."""
        return {
            "outcome": str(self.outcome),
            "faults": sorted(self.faults),
            "livingParts": sorted(self.living_parts),
        }


@dataclass(frozen=True)
class WarehouseRules:
    """What differs between accounts.

    `services` gives the countries of each service and `service_of_carrier` the service of each shop carrier.
    `customs_known` says whether orders abroad carry customs data; without it Scend holds them.
    """

    services: Mapping[str, frozenset[str]] = field(default_factory=lambda: dict(DEFAULT_SERVICES))
    service_of_carrier: Mapping[str, str] = field(default_factory=lambda: {"ROYALMAIL_GB": "STD48"})
    customs_known: bool = False
    absent_skus: frozenset[str] = frozenset()


def expectation(order: ReplayOrder, rules: WarehouseRules | None = None) -> Expectation:
    """Tell what has to become of an order."""
    rules = rules or WarehouseRules()
    faults = {
        *_size_faults(order),
        *_sku_faults(order, rules),
        *_line_faults(order),
        *_address_faults(order.address),
        *_service_faults(order, rules),
        *_customs_faults(order, rules),
    }
    return Expectation(Outcome.EXCEPTION if faults else Outcome.LIVES, frozenset(faults))


def is_holdable_sku(sku: str) -> bool:
    """Say whether Scend can hold the SKU at all: its pattern, and no charge that is not goods."""
    return SKU_PATTERN.fullmatch(sku) is not None and sku not in CHARGE_CODES and sku not in CARRIAGE_CODES


def catalogue(skus: Iterable[str], rules: WarehouseRules | None = None) -> tuple[str, ...]:
    """Return the SKUs that become Scend products, sorted; `rules.absent_skus` are left out on purpose."""
    absent = rules.absent_skus if rules is not None else frozenset()
    return tuple(sorted(sku for sku in set(skus) if is_holdable_sku(sku) and sku not in absent))


def _size_faults(order: ReplayOrder) -> Iterable[str]:
    if order.units > SUPPORTED_UNITS:
        yield "ORDER_TOO_LARGE"


def _sku_faults(order: ReplayOrder, rules: WarehouseRules) -> Iterable[str]:
    for line in order.lines:
        if not SKU_PATTERN.fullmatch(line.sku):
            yield "SKU_FORMAT"
        elif not is_holdable_sku(line.sku) or line.sku in rules.absent_skus:
            yield "SKU_UNKNOWN"


def _line_faults(order: ReplayOrder) -> Iterable[str]:
    quantities: Counter[tuple[str, int, str]] = Counter()
    for line in order.lines:
        quantities[line.sku, line.gross_minor, str(line.rate)] += line.units
        if len(line.name) > MAX_DESCRIPTION:
            yield "FIELD_TOO_LONG"
        if _has_refused_characters(line.name):
            yield "INVALID_CHARACTERS"
    if len(quantities) > MAX_LINES:
        yield "TOO_MANY_ITEMS"
    if any(quantity > MAX_LINE_QUANTITY for quantity in quantities.values()):
        yield "OUT_OF_RANGE"


def _address_faults(address: DeliveryAddress) -> Iterable[str]:
    texts = {name: str(getattr(address, name)).strip() for name in FIELD_LIMITS}
    street = f"{address.street} {address.house_number}".strip()
    if not address.country:
        yield "REQUIRED"
    required = [texts["recipient"], texts["city"], street or address.additional.strip()]
    if address.country not in NO_POSTCODE:
        required.append(texts["postcode"])
    if address.country in REGION_REQUIRED:
        required.append(texts["region"])
    if not all(required):
        yield "ADDRESS_INCOMPLETE"
    if any(len(texts[name]) > limit for name, limit in FIELD_LIMITS.items()):
        yield "FIELD_TOO_LONG"
    lines = [*_wrapped(street), *_wrapped(address.additional.strip())]
    if len(lines) > ADDRESS_LINES or any(len(line) > MAX_ADDRESS_LINE for line in lines):
        yield "FIELD_TOO_LONG"
    if texts["postcode"] and address.country == "GB" and not GB_POSTCODE.fullmatch(texts["postcode"]):
        yield "POSTCODE_INVALID"
    if (
        texts["phone"]
        and len(texts["phone"]) <= FIELD_LIMITS["phone"]
        and not PHONE.fullmatch(texts["phone"])
    ):
        yield "INVALID_FORMAT"
    if _has_refused_characters("".join((*texts.values(), street, address.additional))):
        yield "INVALID_CHARACTERS"


def _service_faults(order: ReplayOrder, rules: WarehouseRules) -> Iterable[str]:
    country = order.address.country
    service = rules.service_of_carrier.get(order.carrier)
    served: Iterable[str] = rules.services.get(service or "", ())
    if service == AUTO:
        served = frozenset().union(*rules.services.values())
    elif service not in rules.services:
        yield "SERVICE_UNKNOWN"
        return
    if country and country not in served:
        yield "COUNTRY_NOT_SERVED"


def _customs_faults(order: ReplayOrder, rules: WarehouseRules) -> Iterable[str]:
    if order.address.country not in ("", "GB") and not rules.customs_known:
        yield "CUSTOMS_DATA"


def _has_refused_characters(text: str) -> bool:
    """Say whether a text has control characters or characters outside the Basic Multilingual Plane."""
    return any(ord(sign) < 0x20 or 0x7F <= ord(sign) < 0xA0 or ord(sign) > 0xFFFF for sign in text)


def _wrapped(text: str) -> list[str]:
    """Wrap at blanks to address lines; a word that is longer than a line stays whole, and so is too long."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= MAX_ADDRESS_LINE:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines
