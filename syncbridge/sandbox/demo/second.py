"""The demo's second back end: OrderWise beside Scend, with its configuration, its goods and its bad days."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

from syncbridge.sandbox.allotment import Seller, of_parts
from syncbridge.sandbox.demo.addresses import CARRIER, MERCHANT, WAREHOUSE, Addresses
from syncbridge.sandbox.demo.mischief import Fault
from syncbridge.sandbox.erp_expectations import ErpRules, erp_catalogue, erp_expectation
from syncbridge.sandbox.expectations import AUTO, Expectation, WarehouseRules, expectation
from syncbridge.sandbox.orderwise.reference_data import DEFAULT_SEED
from syncbridge.sandbox.replay_order import Replay, ReplayOrder

ERP_MERCHANT = "orderwise"
ERP_WAREHOUSE = "WH-OW-1"
ERP_WAREHOUSE_CODE = "MAIN"
ERP_LOCATION = 3
ORDERWISE_PATH = "/owapi"
COUNTRIES = {"GB": "United Kingdom", "IE": "Ireland", "FR": "France", "DE": "Germany"}
"""Countries that the demo's configuration has OrderWise's names for."""

FIRST, SECOND = Seller(MERCHANT, WAREHOUSE), Seller(ERP_MERCHANT, ERP_WAREHOUSE)

CONFIGURATION = """
[[merchants]]
key = "{merchant}"
backend = "orderwise"
reference_template = "SCYOW-{{shop}}-{{order_id}}"
warehouses = [{{ key = "{warehouse}", code = "{warehouse_code}" }}]
service_map = {{ {carrier} = "STANDARD" }}
carrier_map = {{ "Example Parcels" = "{carrier}", "Swift Couriers" = "{carrier}" }}

[merchants.buffers]
default = {buffer}

[orderwise]
base_url = "{orderwise}{path}"
name = "acme"
session_id = 12
customer = {{ id = 4021 }}
capabilities = {{ cancel = "api", returns = "api" }}
# This installation imports at once, so that a lost order may be sent again by itself.
deferred_import = false
max_requests_per_second = 200
burst = 400
lookup_lag_seconds = 1
landing_seconds = 3
stock_lag_seconds = 2

[orderwise.maps]
delivery_method = {{ STANDARD = 18 }}
payment_method = {{ creditcard = 7, gift_card = 8 }}
stock_location = {{ {warehouse_code} = {location} }}
country = {{ {countries} }}
"""

PACE: dict[str, Any] = {
    # The job that recalculates free stock runs every second instead of every quarter of a minute.
    "recalculationSeconds": 1.0,
    "autoProgress": {
        "enabled": True,
        "speed": 2.0,
        "shortPickShare": 0.05,
        "partialShare": 0.15,
        "lateTrackingShare": 0.1,
    },
}
"""Settings of the OrderWise stand-in: its warehouse works by itself, quickly, and not without trouble."""


def configuration(addresses: Addresses, buffer: int) -> str:
    """Return the part of the TOML file that adds OrderWise."""
    return CONFIGURATION.format(
        merchant=ERP_MERCHANT,
        warehouse=ERP_WAREHOUSE,
        warehouse_code=ERP_WAREHOUSE_CODE,
        carrier=CARRIER,
        buffer=buffer,
        orderwise=addresses.orderwise,
        path=ORDERWISE_PATH,
        location=ERP_LOCATION,
        countries=", ".join(f'{code} = "{name}"' for code, name in COUNTRIES.items()),
    )


def seed_file(addresses: Addresses) -> str:
    """Return what the stand-in starts with: its lists and our user, and no goods of its own."""
    kept = {name: value for name, value in DEFAULT_SEED.items() if name not in ("variants", "stock")}
    users = [{"username": addresses.orderwise_user, "password": addresses.orderwise_password}]
    return json.dumps({**kept, "users": users}, default=str)


def goods(work: Replay, spare: int) -> dict[str, Any]:
    """Return the variants that the orders of the second merchant need, twice as much of each as they sell, and `spare`."""
    sold: Counter[str] = Counter()
    names: dict[str, str] = {}
    for order in work.orders:
        for line in order.lines:
            sold[line.sku] += line.units
            names[line.sku] = names.get(line.sku) or line.name
    codes = erp_catalogue(sold)
    return {
        "variants": [{"variantCode": sku, "description": names[sku][:100] or sku, "taxRateId": 1} for sku in codes],
        "stock": [
            {"variantCode": sku, "stockLocationId": ERP_LOCATION, "physical": 2 * sold[sku] + spare} for sku in codes
        ],
    }


def foretell(order: ReplayOrder) -> Expectation:
    """Tell what has to become of an order from what has to become of each part of it."""
    parts: dict[str, Expectation] = {}
    for merchant in order.merchants:
        if merchant == ERP_MERCHANT:
            parts[merchant] = erp_expectation(order.part(merchant), ErpRules(frozenset(COUNTRIES)))
        else:
            rules = WarehouseRules(service_of_carrier={CARRIER: AUTO}, customs_known=True)
            parts[merchant] = expectation(order.part(merchant), rules)
    units = {merchant: order.part(merchant).units for merchant in order.merchants}
    return of_parts(parts, units)


def orderwise_faults(seed: int) -> list[Fault]:
    """Return the faults of OrderWise's API: answers lost after they took effect, pages of HTML, dropped tokens."""
    faults = [
        _fault("POST", "/sales/order", "timeout_after", times=4, probability=0.2),
        _fault("POST", "/sales/order", "timeout_before", times=3, probability=0.1),
        _fault("POST", "/sales/order", "http", times=2, probability=0.1, status=500, effect=True),
        _fault("POST", "/sales/order", "http", times=3, probability=0.1, status=500),
        _fault("POST", "/sales/order", "html_502", times=2, probability=0.1),
        _fault("POST", "/sales/order", "rate_limit", times=2, probability=0.1),
        _fault("POST", "/system/export-definition/201", "http", times=3, probability=0.05, status=503),
        _fault("POST", "/system/export-definition/201", "timeout_before", times=2, probability=0.05),
        _fault("POST", "/system/export-definition/202", "truncated_json", times=2, probability=0.1),
        _fault("POST", "/system/export-definition/202", "html_502", times=2, probability=0.1),
        _fault("POST", "/system/export-definition/203", "truncated_json", times=2, probability=0.1),
        _fault("POST", "/system/export-definition/203", "http", times=2, probability=0.1, status=503, retryAfter=1),
        _fault("POST", "/system/export-definition/205", "http", times=2, probability=0.1, status=503),
        _fault("POST", "/system/export-definition", "token_revoked", times=1, probability=0.02),
    ]
    random.Random(seed + 2).shuffle(faults)
    return faults


def _fault(method: str, path: str, kind: str, **more: Any) -> Fault:
    return {"match": {"method": method, "path": path}, "fault": kind, **more}
