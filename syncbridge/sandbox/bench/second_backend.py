"""OrderWise beside Scend, for measurements that are about both: its goods, and a warehouse that only does as it is told."""

from __future__ import annotations

from typing import Any

from syncbridge.sandbox.bench.basket import SKUS, order_body
from syncbridge.sandbox.demo import second
from syncbridge.sandbox.demo.addresses import SHOP_KEY
from syncbridge.sandbox.demo.vendors import Vendors

SCHEDULE = """
[schedule]
# OrderWise has no webhooks: with the usual minute between two looks a trial would mostly wait.
despatch_pull_seconds = 5
"""

AMPLE = 100_000
"""Units of every SKU: a remainder for want of goods would be an end of another kind."""


def set_up(vendors: Vendors) -> None:
    """Fill OrderWise's shelves with the SKUs of a measurement, and let nothing happen there by itself."""
    assert vendors.orderwise is not None
    vendors.orderwise.call(
        "POST",
        "/seed",
        {
            "variants": [{"variantCode": sku, "description": sku, "taxRateId": 1} for sku in SKUS],
            "stock": [
                {"variantCode": sku, "stockLocationId": second.ERP_LOCATION, "physical": AMPLE} for sku in SKUS
            ],
        },
    )
    vendors.orderwise.call("PUT", "/settings", {"autoProgress": {"enabled": False}})


def erp_order_body(number: int) -> dict[str, Any]:
    """Return order `number` as it is placed with the second merchant."""
    return order_body(number) | {"merchant": second.ERP_MERCHANT, "warehouse": second.ERP_WAREHOUSE}


def erp_reference(order_id: int) -> str:
    """Return the reference under which OrderWise has an order of the bench's shop."""
    return f"SCYOW-{SHOP_KEY.upper()}-{order_id}"
