"""Stock from the warehouse to the shop, judged by what the shop holds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flow_world import World, line, world

from syncbridge.flows import order_push, stock_reconcile, stock_sync

TEE, JACKET = "TEE-ORG-BLK-M", "JKT-RAIN-NVY-L"


@pytest.fixture
def one(database_url: str, tmp_path: Path) -> Iterator[World]:
    with world(database_url, tmp_path) as made:
        made.post(
            made.scayle,
            "seed",
            {"products": [{"referenceKey": f"P-{sku}", "variants": [{"referenceKey": sku}]} for sku in (TEE, JACKET)]},
        )
        yield made


def held(one: World, sku: str) -> int | None:
    """Return what the shop holds for a SKU in our warehouse."""
    rows: list[Any] = one.state(one.scayle, "stock")["stock"]
    return next((row["quantity"] for row in rows if sku in str(row)), None)


def available(one: World, sku: str) -> int:
    rows: list[Any] = one.state(one.scend, "stock")["stock"]
    return next(row["availableForSale"] for row in rows if row["sku"] == sku and row["warehouseCode"] == "MID1")


def test_only_what_is_available_for_sale_is_published(one: World) -> None:
    stock_sync.run(one.context)
    assert held(one, TEE) == available(one, TEE)


def test_a_sold_unit_is_deducted_until_the_warehouse_reserves_it(one: World) -> None:
    stock_sync.run(one.context)
    before = available(one, TEE)
    order_id = one.delegated(one.place(line(TEE, 2)))
    one.advance(seconds=5)
    stock_sync.run(one.context)
    assert held(one, TEE) == before - 2, "taken in, not sent"
    order_push.run(one.context)
    one.advance(seconds=5)
    stock_sync.run(one.context)
    assert held(one, TEE) == before - 2, "sent, not reserved"
    one.warehouse(f"SCY-NB-{order_id}", "advance", {"to": "ALLOCATED"})
    one.advance(seconds=5)
    stock_sync.run(one.context)
    assert available(one, TEE) == before - 2
    assert held(one, TEE) == before - 2, "reserved: deducted once, not twice"


def test_an_edit_in_the_panel_is_put_right_and_named(one: World) -> None:
    stock_sync.run(one.context)
    one.advance(seconds=30)
    one.post(one.scayle, "stock", {"sku": TEE, "warehouse": "WH-SCEND-1", "merchant": "scend", "quantity": 999})
    one.advance(seconds=30)
    assert stock_reconcile.run(one.context).edited == 1
    stock_sync.run(one.context)
    assert held(one, TEE) == available(one, TEE)
