"""Lists the sandbox checks against, and the catalogue it starts with (contract 2.9, 2.13, 2.14, 2.15, 2.19)."""

from __future__ import annotations

import re
from typing import Any

COUNTRIES = frozenset(
    """AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW
    BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK
    FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS
    IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM
    MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS
    PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK
    TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW""".split()
)
"""ISO 3166-1 alpha-2."""

CURRENCIES = frozenset(
    """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL HTG
    HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL MGA
    MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD
    RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX
    USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG""".split()
)
"""ISO 4217, currencies in circulation."""

REGION_NEEDED = frozenset({"US", "CA", "AU"})
POSTCODE_NOT_NEEDED = frozenset({"IE", "HK", "AE"})
GB_POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}", re.IGNORECASE)

CARRIER_NAMES = {
    "ROYAL_MAIL": "Royal Mail",
    "PARCELFORCE": "Parcelforce",
    "DPD_UK": "DPD UK",
    "EVRI": "Evri",
    "YODEL": "Yodel",
    "DHL": "DHL",
    "UPS": "UPS",
    "FEDEX": "FedEx",
    "OTHER": "Other",
}

CANCEL_REASONS = frozenset(
    {"CUSTOMER_REQUEST", "PAYMENT_FAILED", "FRAUD", "OUT_OF_STOCK", "DUPLICATE", "OTHER"}
)
HOLD_CODES = frozenset({"MANUAL", "FRAUD_CHECK", "PAYMENT", "CUSTOMS_DATA", "FUTURE_DATE", "STOCK_QUERY"})
RETURN_REASONS = frozenset(
    {
        "TOO_SMALL",
        "TOO_LARGE",
        "NOT_AS_DESCRIBED",
        "CHANGED_MIND",
        "FAULTY",
        "DAMAGED_IN_TRANSIT",
        "WRONG_ITEM_SENT",
        "LATE_DELIVERY",
        "OTHER",
    }
)
REQUESTED_DISPOSITIONS = frozenset({"DEFAULT", "RESTOCK", "QUARANTINE", "SCRAP"})
DISPOSITIONS = frozenset({"RESTOCK", "QUARANTINE", "SCRAP"})
USUAL_DISPOSITION = {
    "RESALEABLE": "RESTOCK",
    "RESALEABLE_AFTER_REWORK": "QUARANTINE",
    "DAMAGED": "QUARANTINE",
    "FAULTY": "QUARANTINE",
    "WORN": "QUARANTINE",
    "WRONG_ITEM": "QUARANTINE",
    "UNSELLABLE": "SCRAP",
}

ALL_SCOPES = (
    "orders:read",
    "orders:write",
    "stock:read",
    "despatches:read",
    "returns:read",
    "returns:write",
    "products:read",
    "webhooks:write",
)

DEFAULT_ACCOUNT = "ACME-UK"
DEFAULT_TOKEN = "scend-sandbox-token"  # noqa: S105 - a made-up token of the sandbox
DEFAULT_WAREHOUSES = ["MID1", "NTH2"]


def _service(code: str, name: str, carriers: list[str], countries: list[str], cutoff: str) -> dict[str, Any]:
    return {
        "code": code,
        "name": name,
        "carrierCodes": carriers,
        "countries": countries,
        "carrierCutoffLocal": cutoff,
        "active": True,
    }


DEFAULT_SERVICES = [
    _service("STD48", "Standard 48 hours", ["DPD_UK", "ROYAL_MAIL"], ["GB"], "15:00"),
    _service("NEXT24", "Next working day", ["DPD_UK"], ["GB"], "18:00"),
    _service("INTL_TRK", "International tracked", ["DHL"], ["IE", "FR", "DE", "NL", "US"], "13:00"),
]

DEFAULT_SEED: dict[str, Any] = {
    "accounts": [{"accountCode": DEFAULT_ACCOUNT, "warehouses": DEFAULT_WAREHOUSES}],
    "services": DEFAULT_SERVICES,
    "products": [
        {
            "sku": "TEE-ORG-BLK-M",
            "description": "Organic tee, black, M",
            "barcodes": ["5012345678900"],
            "weightGrams": 210,
            "dimensionsMm": {"length": 300, "width": 220, "height": 20},
            "hsCode": "610910",
            "countryOfOrigin": "PT",
        },
        {"sku": "JKT-RAIN-NVY-L", "description": "Rain jacket, navy, L", "weightGrams": 780},
        {"sku": "BOOT-HIKE-BRN-42", "description": "Hiking boot, brown, 42", "weightGrams": 1580},
        {"sku": "SCARF-OLD-RED", "description": "Scarf, red, discontinued", "active": False},
    ],
    "stock": [
        {
            "sku": "TEE-ORG-BLK-M",
            "warehouseCode": "MID1",
            "physical": 120,
            "quarantined": 9,
            "lockedForSale": 5,
            "inbound": 200,
            "nextInboundDate": "2026-03-20",
        },
        {"sku": "TEE-ORG-BLK-M", "warehouseCode": "NTH2", "physical": 40},
        {"sku": "JKT-RAIN-NVY-L", "warehouseCode": "MID1", "physical": 25, "quarantined": 2},
        {"sku": "BOOT-HIKE-BRN-42", "warehouseCode": "MID1", "physical": 30},
        {"sku": "SCARF-OLD-RED", "warehouseCode": "MID1", "physical": 3},
    ],
}
"""The catalogue of contract 2.19; `HAT-WOOL-GRY-OS` is absent on purpose."""
