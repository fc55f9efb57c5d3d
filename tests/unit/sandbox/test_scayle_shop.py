"""The shop of the SCAYLE stand-in as a shopper has it: looking, and buying as long as it shows enough."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.unit.sandbox.test_scayle_tenant import Tenant

NOON = "2026-03-02T12:00:00+00:00"


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with Tenant.running(delegationDelaySeconds=60) as running:
        running.control("POST", "/clock", {"now": "2026-03-02T12:00:30Z"})
        running.control("POST", "/seed", {"products": [{"sku": "TEE"}]})
        yield running


def available(tenant: Tenant) -> int:
    return int(tenant.control("GET", "/shop/availability?sku=TEE")["available"])


def test_a_shopper_sees_the_quantity_less_what_is_blocked(tenant: Tenant) -> None:
    assert available(tenant) == 0
    tenant.write_stock("TEE", 5, NOON)
    tenant.control("POST", "/shop/buy", {"sku": "TEE", "quantity": 2}, status=201)
    assert tenant.control("GET", "/shop/availability?sku=TEE") == {
        "sku": "TEE",
        "merchant": "scend",
        "warehouse": "WH-1",
        "available": 3,
        "quantity": 5,
        "blocked": 2,
    }


def test_buying_places_a_paid_order(tenant: Tenant) -> None:
    tenant.write_stock("TEE", 5, NOON)
    bought = tenant.control("POST", "/shop/buy", {"sku": "TEE", "quantity": 2, "shop": "nb"}, status=201)
    assert (bought["state"], bought["available"]) == ("CONFIRMED", 3)
    assert [unit["sku"] for unit in tenant.state("units")] == ["TEE", "TEE"]


def test_who_wants_more_than_is_shown_gets_nothing(tenant: Tenant) -> None:
    tenant.write_stock("TEE", 1, NOON)
    refused = tenant.control("POST", "/shop/buy", {"sku": "TEE", "quantity": 2}, status=409)
    assert (refused["error"], refused["available"]) == ("sold out", 1)
    assert tenant.state("orders") == []
    assert [(fact["wanted"], fact["available"]) for fact in tenant.facts("shop.sold_out")] == [(2, 1)]


def test_shoppers_at_the_same_instant_never_buy_more_than_is_shown(tenant: Tenant) -> None:
    tenant.write_stock("TEE", 3, NOON)

    def buy() -> None:
        tenant.api("POST", "/nowhere")  # shoppers come while vendors call
        own = Tenant(tenant.base_url, tenant.merchant, tenant.url.replace("bridge:p%40ss@", ""))
        own._session.post(f"{tenant.base_url}/_sandbox/shop/buy", json={"sku": "TEE"}, timeout=10)
        own._session.close()

    crowd = [threading.Thread(target=buy) for _ in range(12)]
    for shopper in crowd:
        shopper.start()
    for shopper in crowd:
        shopper.join()
    assert len(tenant.state("orders")) == 3
    assert len(tenant.facts("shop.sold_out")) == 9


def test_stock_of_the_default_merchant_is_not_for_sale(tenant: Tenant) -> None:
    tenant.write_stock("TEE", 5, NOON, merchantReferenceKey=None)
    assert available(tenant) == 0
    assert tenant.control("GET", "/shop/availability?sku=TEE&merchant=default")["available"] == 5


def test_stock_that_sells_past_zero_is_never_sold_out(tenant: Tenant) -> None:
    tenant.write_stock("TEE", 0, NOON, sellableWithoutStock=True)
    tenant.control("POST", "/shop/buy", {"sku": "TEE", "quantity": 2}, status=201)
    assert available(tenant) == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"sku": "TEE", "quantity": 0}, 400), ({"sku": "TEE", "quantity": "x"}, 400), ({"sku": "X"}, 404)],
)
def test_a_call_that_makes_no_sense_is_refused(tenant: Tenant, body: dict[str, object], status: int) -> None:
    tenant.write_stock("TEE", 5, NOON)
    tenant.control("POST", "/shop/buy", body, status=status)
    assert tenant.state("orders") == []
