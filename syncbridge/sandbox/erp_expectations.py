"""What has to become of an order that goes to OrderWise, told from the order alone.

A second, independent reading of the OrderWise contract (12.2, 12.8), which shares no code with the integration. It holds
OrderWise to little: no SKU pattern, no postcode, no customs data; but a code must be in its catalogue, a country in the
configured map, and a text within its limits, which are chosen since nobody publishes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from syncbridge.sandbox.expectations import Expectation, Outcome
from syncbridge.sandbox.replay_order import SUPPORTED_UNITS, DeliveryAddress, ReplayOrder
from syncbridge.sandbox.retail_day import CARRIAGE_CODES, CHARGE_CODES

FIELD_LIMITS = {"recipient": 60, "city": 50, "region": 50, "postcode": 12, "phone": 30, "email": 100}
ADDRESS_LINES, LONGEST_LINE = 3, 60
MAX_LINES = 500
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class ErpRules:
    """What differs between installations: the countries that its configuration has names for."""

    countries: frozenset[str] = frozenset({"GB", "IE"})


def erp_expectation(order: ReplayOrder, rules: ErpRules) -> Expectation:
    """Tell what has to become of an order."""
    faults = {*_goods_faults(order), *_address_faults(order.address, rules)}
    return Expectation(Outcome.EXCEPTION if faults else Outcome.LIVES, frozenset(faults))


def is_catalogued(sku: str) -> bool:
    """Say whether OrderWise has a variant for the code: anything that is goods."""
    return sku not in CHARGE_CODES and sku not in CARRIAGE_CODES


def erp_catalogue(skus: Iterable[str]) -> tuple[str, ...]:
    """Return the SKUs that become variants, sorted."""
    return tuple(sorted({sku for sku in skus if is_catalogued(sku)}))


def _goods_faults(order: ReplayOrder) -> Iterable[str]:
    if order.units > SUPPORTED_UNITS:
        yield "ORDER_TOO_LARGE"
    if not all(is_catalogued(line.sku) for line in order.lines):
        yield "SKU_UNKNOWN"
    if len({(line.sku, line.gross_minor, line.rate) for line in order.lines}) > MAX_LINES:
        yield "TOO_MANY_ITEMS"


def _address_faults(address: DeliveryAddress, rules: ErpRules) -> Iterable[str]:
    texts = {name: str(getattr(address, name)).strip() for name in FIELD_LIMITS}
    street = f"{address.street} {address.house_number}".strip()
    if not (texts["recipient"] and address.street.strip() and texts["city"]):
        yield "ADDRESS_INCOMPLETE"
    if address.country == "GB" and not texts["postcode"]:
        yield "ADDRESS_INCOMPLETE"
    if not address.country:
        yield "INVALID_FORMAT"
    elif address.country not in rules.countries:
        yield "COUNTRY_UNMAPPED"
    rows = sum(-(-len(text) // LONGEST_LINE) for text in (street, address.additional.strip()) if text)
    if any(len(texts[name]) > limit for name, limit in FIELD_LIMITS.items()) or rows > ADDRESS_LINES:
        yield "FIELD_TOO_LONG"
    if _CONTROL.search("".join((*texts.values(), street, address.additional))):
        yield "INVALID_CHARACTERS"
