"""Both back ends in a running installation: with either down the other's orders go all the way, and the rest follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from installation import PATIENCE_SECONDS, Installation, installation, wait_until

from syncbridge.sandbox.demo.second import ERP_MERCHANT
from syncbridge.sandbox.shop_records import SHOP_SECTIONS, read_shop

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(1800)]

ORDERS = 14
"""Enough of the supply for some of each kind, split ones among them."""


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("both"), both=True) as made:
        yield made


def open_units(one: Installation, order_ids: list[int]) -> dict[str, int]:
    """Count what is open of these orders in SCAYLE, by merchant."""
    shop = read_shop(one.vendors.scayle.call("GET", "/state", section=SHOP_SECTIONS))
    counts: dict[str, int] = {}
    for order_id in order_ids:
        for unit in shop.by_order[order_id]:
            counts[unit.merchant] = counts.get(unit.merchant, 0) + (not unit.shipments)
    return counts


@pytest.mark.parametrize("away", ["orderwise", "scend"])
def test_with_either_back_end_down_the_others_orders_go_all_the_way_and_the_rest_follows(
    one: Installation, away: str
) -> None:
    assert one.vendors.orderwise is not None
    plane = one.vendors.orderwise if away == "orderwise" else one.vendors.scend
    down: list[dict[str, Any]] = [
        {"match": {"method": method, "pathRegex": ".*"}, "fault": "http", "status": 503, "times": None}
        for method in ("GET", "POST")
    ]
    plane.call("POST", "/faults", down)
    placed = one.place(ORDERS)
    gone, going = ("orderwise", "scend") if away == "orderwise" else ("scend", ERP_MERCHANT)
    try:
        wait_until(lambda: open_units(one, placed).get(going) == 0, PATIENCE_SECONDS, lambda: str(open_units(one, placed)))
        assert open_units(one, placed)[gone] > 0
    finally:
        plane.call("DELETE", "/faults")
    one.await_settled()
    wait_until(lambda: not one.exceptions(), PATIENCE_SECONDS, lambda: str(one.exceptions()))
    verdict = one.verdict()
    assert verdict.held, verdict.to_json()
    assert verdict.counts.split > 0
