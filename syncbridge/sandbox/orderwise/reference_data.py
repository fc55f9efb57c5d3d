"""What the sandbox holds when nobody seeds it: the contract's suggested seed (section 13). People are made up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

DEFAULT_USER = "syncbridge"
DEFAULT_PASSWORD = "orderwise-sandbox"  # noqa: S105 - the made-up password of a made-up server on this machine

APPLICATIONS = {"owapi": "live", "owapitest": "test", "owapisb": "test"}
"""Application names seen in public clients, and the data set behind each."""

MODULES = (
    "Sales Orders",
    "Customers",
    "Products",
    "Variants",
    "Stock",
    "Purchasing",
    "Despatch",
    "Returns",
    "CRM",
    "Payments",
    "Reporting",
    "System",
    "API Export Definitions",
)

VALUE_LISTS: dict[int, list[dict[str, Any]]] = {
    1: [
        {"id": 1, "name": "GBP", "description": "Pound sterling"},
        {"id": 2, "name": "EUR", "description": "Euro"},
    ],
    2: [
        {"id": 1, "name": "T1", "description": "Standard rate", "rate": Decimal("20.0")},
        {"id": 2, "name": "T0", "description": "Zero rated", "rate": Decimal("0.0")},
        {"id": 3, "name": "T5", "description": "Reduced rate", "rate": Decimal("5.0")},
    ],
    15: [
        {"id": number, "name": name, "description": name}
        for number, name in enumerate(("Order", "Quote", "Paused", "Credit", "Schedule", "Bulk"), 1)
    ],
    18: [
        {"id": 18, "name": "Standard 48", "description": "Example Parcels, two days"},
        {"id": 19, "name": "Next day", "description": "Swift Couriers, next day"},
    ],
    20: [
        {"id": 7, "name": "Card", "description": "Payment card"},
        {"id": 8, "name": "Gift card", "description": "Gift card"},
    ],
    56: [{"id": 1, "name": "Retail", "description": "Retail prices"}],
}
"""By the list ids of contract 3; list 4, stock locations, follows from the locations."""

COURIERS: dict[int, dict[str, str]] = {
    18: {"name": "Example Parcels", "prefix": "https://track.example.test/", "suffix": ""},
    19: {"name": "Swift Couriers", "prefix": "https://swift.example.test/parcel?n=", "suffix": "&lang=en"},
}
"""By delivery method: the courier and what stands before and after a number in its tracking URL."""


def _variant(
    number: int, code: str, description: str, price: str, rate: int = 1, **more: Any
) -> dict[str, Any]:
    return {
        "variantId": number,
        "variantCode": code,
        "description": description,
        "eanCode": f"5000000{number:06d}",
        "rspIncVat": Decimal(price),
        "taxRateId": rate,
        **more,
    }


_VARIANTS: list[dict[str, Any]] = [
    _variant(5521, "TEE-NAVY-M", "T-shirt navy, M", "30.00", productId=880),
    _variant(5522, "TEE-NAVY-L", "T-shirt navy, L", "30.00", productId=880),
    _variant(5523, "TEE-ORG-BLK-M", "Organic tee black, M", "22.00", productId=880),
    _variant(5524, "JKT-RAIN-NVY-L", "Rain jacket navy, L", "95.00", productId=881),
    _variant(5525, "BOOT-HIKE-BRN-42", "Hiking boot brown, 42", "139.00", productId=882),
    _variant(5526, "MUG-WHITE ", "Mug white; its code ends in a space", "9.50", productId=883),
    _variant(5527, "BOOK-ATLAS", "Walking atlas", "18.99", 2, productId=884),
    _variant(5528, "SEAT-CHILD", "Child car seat", "84.99", 3, productId=885),
    _variant(5529, "TEE-OLD-S", "T-shirt of last year, S", "12.00", productId=880, discontinued=True),
    _variant(5530, "SOCK-WOOL-M", "Wool sock, oversold by another channel", "8.00", productId=886),
    _variant(5531, "85123A", "Hanging heart holder", "2.95", productId=887),
    _variant(5532, "85123a", "Hanging heart holder, the other one", "2.95", productId=887),
    _variant(5534, "BOTTLE-STEEL", "Steel bottle", "14.00", productId=888),
    _variant(
        5533,
        "KIT-PICNIC",
        "Picnic set: two mugs and a bottle",
        "32.00",
        productId=888,
        components=[
            {"variantCode": "MUG-WHITE", "quantity": 2},
            {"variantCode": "BOTTLE-STEEL", "quantity": 1},
        ],
    ),
    _variant(
        5535, "KNIFE-CHEF", "Chef's knife, not for this channel", "49.00", productId=889, disallowed=True
    ),
    _variant(5536, "RIBBON-RED", "Ribbon by the metre", "1.20", productId=890, uom="M"),
]

_STOCK: list[dict[str, Any]] = [
    {
        "variantCode": code,
        "stockLocationId": location,
        "physical": Decimal(physical),
        "elsewhere": Decimal(elsewhere),
    }
    for code, location, physical, elsewhere in (
        ("TEE-NAVY-M", 3, "47", "0"),
        ("TEE-NAVY-M", 1, "12", "0"),
        ("TEE-NAVY-L", 3, "20", "0"),
        ("TEE-ORG-BLK-M", 3, "100", "0"),
        ("TEE-ORG-BLK-M", 5, "4", "0"),
        ("JKT-RAIN-NVY-L", 3, "15", "0"),
        ("BOOT-HIKE-BRN-42", 3, "8", "0"),
        ("MUG-WHITE ", 3, "40", "0"),
        ("BOOK-ATLAS", 3, "25", "0"),
        ("SEAT-CHILD", 3, "6", "0"),
        ("TEE-OLD-S", 3, "3", "0"),
        ("SOCK-WOOL-M", 3, "2", "6"),
        ("85123A", 3, "30", "0"),
        ("85123a", 3, "11", "0"),
        ("BOTTLE-STEEL", 3, "18", "0"),
        ("KIT-PICNIC", 3, "0", "0"),
        ("KNIFE-CHEF", 3, "9", "0"),
        ("RIBBON-RED", 3, "12.75", "0"),
    )
]

_CUSTOMERS: list[dict[str, Any]] = [
    {"id": 4021, "accountNumber": "SCAYLE-UK", "statementName": "SCAYLE web shop", "accountCustomer": True},
    {"id": 4022, "accountNumber": "MARKET-UK", "statementName": "Market place", "accountCustomer": True},
    *(
        {
            "id": 4100 + number,
            "accountNumber": f"TRADE{number:03d}",
            "statementName": f"Example Trader {number} ",
            "statementEmail": f"orders{number}@trader.example; accounts{number}@trader.example",
        }
        for number in range(1, 24)
    ),
]
"""Names end in a space and e-mail fields hold two addresses, as in real answers (contract 6.1)."""

DEFAULT_SEED: dict[str, Any] = {
    "users": [{"username": DEFAULT_USER, "password": DEFAULT_PASSWORD}],
    "sessions": [
        {"id": 12, "name": "SCAYLE UK", "defaultStockLocationId": 3, "defaultDeliveryMethodId": 18},
        {"id": 13, "name": "Market place", "defaultStockLocationId": 3, "defaultDeliveryMethodId": 18},
    ],
    "locations": [
        {"id": 1, "name": "Head office", "town": "Leeds", "countryCode": "GB"},
        {"id": 3, "name": "Main warehouse", "town": "Wakefield", "countryCode": "GB"},
        {"id": 5, "name": "Shop floor", "town": "York", "countryCode": "GB"},
    ],
    "valueLists": [{"list": number, "values": values} for number, values in VALUE_LISTS.items()],
    "couriers": [{"deliveryMethodId": number, **courier} for number, courier in COURIERS.items()],
    "dissurs": [
        {"description": "WEBDISCOUNT"},
        {"description": "WEBVOUCHER"},
        {"description": "GIFTWRAP"},
        {"description": "SMALLORDER"},
    ],
    "nominals": ["1200", "1210", "2200", "4000", "4001", "4009", "4100"],
    "departments": ["WEB", "RETAIL", "TRADE"],
    "costCentres": ["UK", "EU"],
    "customers": _CUSTOMERS,
    "variants": _VARIANTS,
    "stock": _STOCK,
}
