"""The orders of a measurement: small, clean and all alike, so that figures can be compared."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from syncbridge.sandbox.demo.addresses import CARRIER, COUNTRY, MERCHANT, SHOP_KEY, WAREHOUSE
from syncbridge.sandbox.replay_order import DeliveryAddress, OrderLine, Replay, ReplayOrder

SKUS = tuple(f"BENCH-{number:03d}" for number in range(1, 61))
UNITS = 5
"""Units of an order, on three lines: 2, 2 and 1."""

_TOWNS = (
    ("Norwich", "NR3 1QX"),
    ("Leeds", "LS1 4AP"),
    ("Bristol", "BS1 5TR"),
    ("Glasgow", "G1 3SQ"),
    ("Truro", "TR1 2HF"),
)
_RATE = "0.2"
_GROSS_MINOR, _NET_MINOR = 1920, 1600


def order_body(number: int) -> dict[str, Any]:
    """Return order `number` as the SCAYLE stand-in's control plane takes it: 5 units, paid."""
    town, postcode = _TOWNS[number % len(_TOWNS)]
    address = {
        "firstName": "Ines",
        "lastName": f"Okafor {_letters(number)}",
        "gender": "n",
        "type": "personal",
        "street": "Mill Lane",
        "houseNumber": str(1 + number % 180),
        "zipCode": postcode,
        "city": town,
        "countryCode": "GBR",
        "phone": f"+44 7700 9{number % 100_000:05d}",
    }
    key = f"bench-{number}"
    return {
        "shop": SHOP_KEY,
        "country": COUNTRY,
        "currency": "GBP",
        "merchant": MERCHANT,
        "warehouse": WAREHOUSE,
        "customer": {
            "referenceKey": key,
            "publicKey": key,
            "firstName": "Ines",
            "lastName": address["lastName"],
            "gender": "n",
            "email": f"{key}@example.com",
        },
        "shipping": address,
        "billing": address,
        "lines": [
            {
                "sku": SKUS[(number + step * 7) % len(SKUS)],
                "quantity": quantity,
                "name": "Bench article",
                "unitPriceWithTax": _GROSS_MINOR,
                "unitPriceWithoutTax": _NET_MINOR,
                "taxRate": _RATE,
            }
            for step, quantity in enumerate((2, 2, 1))
        ],
        "confirm": True,
    }


def catalogue() -> Replay:
    """Return one order with every SKU, from which both stand-ins are set up; it is never placed."""
    lines = tuple(
        OrderLine(sku, 1, _GROSS_MINOR, _NET_MINOR, Decimal(_RATE), "Bench article", merchant=MERCHANT) for sku in SKUS
    )
    nowhere = DeliveryAddress("", "", "", "", "", "", "", COUNTRY, "", "")
    return Replay("bench", (ReplayOrder("bench", timedelta(0), lines, nowhere, CARRIER, {}),))


def _letters(number: int) -> str:
    """Write a number in letters, so that names differ as real ones do: 27 is "Bb"."""
    text = ""
    while True:
        number, rest = divmod(number, 26)
        text = chr(ord("a") + rest) + text
        if number == 0:
            return text.capitalize()
