"""A catalogue of tens of thousands of SKUs: in both stand-ins, and edited in the shop's panel behind our back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from syncbridge.sandbox.bench.basket import SKUS
from syncbridge.sandbox.demo.addresses import MERCHANT, WAREHOUSE, WAREHOUSE_CODE
from syncbridge.sandbox.demo.processes import DemoFailed
from syncbridge.sandbox.demo.vendors import Vendors

SEED_ROWS = 2_000
"""SKUs handed to a stand-in at once."""
SHELF_UNITS = 40
ORDERED_UNITS = 50_000
"""Of the SKUs that are ordered: more than any measurement sells."""
FLOW_SECONDS = 600.0
"""The longest that reading or publishing the whole catalogue may take."""


def skus(count: int) -> tuple[str, ...]:
    """Return the SKUs of a shelf; none of them is ordered."""
    return tuple(f"SHELF-{number:06d}" for number in range(1, count + 1))


def stock_up(vendors: Vendors, count: int) -> None:
    """Put the shelf, and ample stock of what is ordered, into both stand-ins."""
    whole = skus(count)
    for some in (whole[first : first + SEED_ROWS] for first in range(0, count, SEED_ROWS)):
        vendors.scayle.call("POST", "/seed", {"products": [{"sku": sku} for sku in some]})
        vendors.scend.call(
            "POST",
            "/seed",
            {
                "products": [{"sku": sku, "description": sku} for sku in some],
                "stock": [_row(sku, SHELF_UNITS) for sku in some],
            },
        )
    vendors.scend.call("POST", "/seed", {"stock": [_row(sku, ORDERED_UNITS) for sku in SKUS]})


def _row(sku: str, units: int) -> dict[str, str | int]:
    return {"sku": sku, "warehouseCode": WAREHOUSE_CODE, "physical": units}


def run_flow(flow: str, environment: Mapping[str, str], folder: Path) -> None:
    """Run a flow over the whole catalogue as a person would, which takes longer than other commands. Raises DemoFailed."""
    command = [sys.executable, "-m", "syncbridge.cli", "flow", "run", flow]
    try:
        done = subprocess.run(
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=FLOW_SECONDS,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise DemoFailed(f"flow run {flow}: no end after {FLOW_SECONDS:g} s") from error
    if done.returncode != 0:
        words = "\n".join((done.stderr or done.stdout).splitlines()[-12:])
        raise DemoFailed(f"flow run {flow}: exit {done.returncode}: {words}")


def edited(count: int, of: int) -> tuple[str, ...]:
    """Return `count` SKUs of a shelf, evenly spread over it."""
    return skus(of)[:: max(1, of // count)][:count] if count else ()


def edit_in_panel(vendors: Vendors, chosen: Sequence[str], units: int) -> None:
    """Let somebody in the shop type a number."""
    rows = [{"sku": sku, "warehouse": WAREHOUSE, "merchant": MERCHANT, "quantity": units} for sku in chosen]
    if rows:
        vendors.scayle.call("POST", "/stock", rows)


def shown(vendors: Vendors, sku: str) -> int:
    """Return what a shopper may buy of a SKU."""
    found = vendors.scayle.call(
        "GET", "/shop/availability", sku=sku, merchant=MERCHANT, warehouse=WAREHOUSE
    )
    return int(found["available"])
