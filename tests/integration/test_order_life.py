"""An order's whole life on Scend, judged by the sandboxes' own records, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flow_world import World, parcel, world

from syncbridge.flows import despatch_pull, order_push, shipment_push, status_pull


@pytest.fixture
def one(ledger_url: str, tmp_path: Path) -> Iterator[World]:
    with world(ledger_url, tmp_path) as made:
        yield made


def test_an_order_goes_to_the_warehouse_and_its_parcel_comes_back(one: World) -> None:
    order_id = one.delegated(one.place())
    summary = order_push.run(one.context)
    assert summary.acknowledged == 1, summary
    held = one.backend_orders()
    assert [order["clientReference"] for order in held] == [f"SCY-NB-{order_id}"]
    assert sum(line["quantityOrdered"] for line in held[0]["lines"]) == 3

    one.warehouse(f"SCY-NB-{order_id}", "advance", {"to": "PACKED"})
    one.warehouse(f"SCY-NB-{order_id}", "despatch", parcel([("TEE-ORG-BLK-M", 2), ("JKT-RAIN-NVY-L", 1)]))
    status_pull.run(one.context)
    despatch_pull.run(one.context)
    told = shipment_push.run(one.context)
    assert told.acknowledged == 1, told
    assert [unit["status"] for unit in one.units(order_id)] == ["delivered"] * 3
    assert len(one.state(one.scayle, "shipments")["shipments"]) == 1
