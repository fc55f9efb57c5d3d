"""Stock of the SCAYLE stand-in: changedAt, quantity blockers, reservations, bulk requests, the catalogue."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from syncbridge.sandbox.scayle import LaunchSettings, World
from syncbridge.sandbox.threaded import ThreadedServer
from tests.unit.sandbox.test_scayle_tenant import Json, Tenant, error_of, eventually

NOON = "2026-03-02T12:00:00+00:00"


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with Tenant.running() as running:
        running.control("POST", "/clock", {"now": "2026-03-02T12:00:30Z"})
        running.control("POST", "/seed", {"products": [{"sku": "TEE"}]})
        yield running


def quantity(tenant: Tenant, sku: str = "TEE") -> int:
    return int(tenant.api("GET", f"/variants/key={sku}/stocks").json()["entities"][0]["quantity"])


def row(tenant: Tenant) -> Json:
    return tenant.state("stock")[0]


def test_a_write_sets_the_absolute_quantity(tenant: Tenant) -> None:
    answer = tenant.write_stock(
        "TEE", 37, NOON, expectedAvailabilityAt="2027-01-01", sellableWithoutStock=True
    )
    assert answer.status_code == 201
    expected = {
        "quantity": 37,
        "warehouseReferenceKey": "WH-1",
        "changedAt": NOON,
        "sellableWithoutStock": True,
        "merchantReferenceKey": "scend",
        "expectedAvailabilityAt": "2027-01-01",
    }
    assert answer.json() == expected
    assert tenant.api("GET", "/variants/key=TEE/stocks").json() == {"entities": [expected]}


def test_a_stale_write_succeeds_and_changes_nothing(tenant: Tenant) -> None:
    tenant.write_stock("TEE", 5, NOON)
    answer = tenant.write_stock("TEE", 9, "2026-03-02T12:59:59+01:00")
    assert (answer.status_code, answer.json()["quantity"], answer.json()["changedAt"]) == (200, 5, NOON)
    assert quantity(tenant) == 5
    assert tenant.summary()["stockWrites"] == {"applied": 1, "ignored": 1}


@pytest.mark.parametrize(("choice", "status", "left"), [("applied", 201, 9), ("ignored", 200, 5)])
def test_an_equal_stamp_is_a_switch_and_fractions_of_seconds_do_not_count(
    tenant: Tenant, choice: str, status: int, left: int
) -> None:
    tenant.settings(equalChangedAt=choice)
    tenant.write_stock("TEE", 5, NOON)
    assert tenant.write_stock("TEE", 9, "2026-03-02T12:00:00.900+00:00").status_code == status
    assert quantity(tenant) == left


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"quantity": -1}, "VALIDATION_ERROR"),
        ({"quantity": "5"}, "VALIDATION_ERROR"),
        ({"quantity": True}, "VALIDATION_ERROR"),
        ({"quantity": 1.5}, "VALIDATION_ERROR"),
        ({"warehouseReferenceKey": "NOWHERE"}, "WAREHOUSE_NOT_FOUND"),
        ({"merchantReferenceKey": "nobody"}, "MERCHANT_NOT_FOUND"),
        ({"changedAt": "2026-03-02T12:00:00"}, "VALIDATION_ERROR"),
        ({"changedAt": 1772452800}, "VALIDATION_ERROR"),
        ({"expectedAvailabilityAt": "2026-03-02"}, "VALIDATION_ERROR"),
    ],
)
def test_a_faulty_write_is_refused(tenant: Tenant, changes: dict[str, Any], key: str) -> None:
    body = {
        "quantity": 1,
        "warehouseReferenceKey": "WH-1",
        "merchantReferenceKey": "scend",
        "changedAt": NOON,
    }
    answer = tenant.api("POST", "/variants/key=TEE/stocks", {**body, **changes})
    assert (answer.status_code, error_of(answer)["errorKey"]) == (400, key)
    assert tenant.state("stock") == [] or tenant.summary()["stockWrites"]["applied"] == 0


def test_stock_without_merchant_belongs_to_the_default_one(tenant: Tenant) -> None:
    tenant.write_stock("TEE", 5, NOON, merchantReferenceKey=None)
    tenant.write_stock("TEE", 3, NOON)
    rows = tenant.api("GET", "/variants/key=TEE/stocks").json()["entities"]
    assert {one["merchantReferenceKey"]: one["quantity"] for one in rows} == {"default": 5, "scend": 3}


def test_confirming_blocks_units_and_only_a_younger_stamp_releases_them(tenant: Tenant) -> None:
    tenant.write_stock("TEE", 5, NOON)
    number = tenant.place({"quantity": 2})
    assert (row(tenant)["blocked"], row(tenant)["sellable"], quantity(tenant)) == (2, 3, 5)
    # The warehouse's picture was taken before the order: the block stays.
    tenant.write_stock("TEE", 5, "2026-03-02T12:00:29+00:00")
    assert (row(tenant)["blocked"], row(tenant)["sellable"]) == (2, 3)
    tenant.write_stock("TEE", 3, "2026-03-02T12:01:00+00:00")
    assert (row(tenant)["blocked"], row(tenant)["sellable"]) == (0, 3)
    last = tenant.facts("stock.written")[-1]
    assert last["releasedOrders"] == [number]
    assert len(last["releasedItems"]) == 2


def test_a_shoppers_cancellation_releases_the_block(tenant: Tenant) -> None:
    tenant.write_stock("TEE", 5, NOON)
    order = tenant.place_delegated({"quantity": 2})
    tenant.control("POST", f"/orders/{order['id']}/cancel", {"wait": True})
    assert (row(tenant)["blocked"], row(tenant)["sellable"]) == (0, 5)


def test_answers_may_deduct_blocks(tenant: Tenant) -> None:
    tenant.settings(stockDeductsBlocks=True)
    tenant.write_stock("TEE", 5, NOON)
    tenant.place({"quantity": 2})
    assert quantity(tenant) == 3
    assert tenant.write_stock("TEE", 1, "2026-03-02T12:00:01+00:00").json()["quantity"] == 0


def test_selling_past_the_stock_leaves_a_trace(tenant: Tenant) -> None:
    tenant.write_stock("TEE", 1, NOON)
    tenant.place({"quantity": 2})
    assert row(tenant)["sellable"] == -1
    assert tenant.facts("stock.blocked")[0]["sellableBefore"] == 1


def test_a_panel_edit_counts_as_an_update_of_now(tenant: Tenant) -> None:
    tenant.write_stock("TEE", 5, NOON)
    entry = {"sku": "TEE", "warehouse": "WH-1", "merchant": "scend", "quantity": 50}
    tenant.control("POST", "/stock", entry)
    assert quantity(tenant) == 50
    assert tenant.write_stock("TEE", 4, "2026-03-02T12:00:20+00:00").status_code == 200
    assert tenant.facts("stock.written")[-1]["source"] == "panel"


def test_sellable_without_stock_is_changed_alone(tenant: Tenant) -> None:
    tenant.write_stock("TEE", 5, NOON)
    body = {"warehouseReferenceKey": "WH-1", "merchantReferenceKey": "scend", "sellableWithoutStock": True}
    answer = tenant.api("PUT", "/variants/key=TEE/stocks/sellableWithoutStock", body)
    assert (answer.status_code, answer.json()) == (200, body)
    assert row(tenant)["sellableWithoutStock"] is True
    assert quantity(tenant) == 5


def test_reservations_take_single_units_until_they_run_out_or_expire(tenant: Tenant) -> None:
    tenant.write_stock("TEE", 1, NOON)
    entry = {
        "referenceKey": "cart-1",
        "warehouseReferenceKey": "WH-1",
        "variant": {"referenceKey": "TEE", "merchantReferenceKey": "scend"},
        "reservationTtl": 60,
    }
    unknown = {**entry, "referenceKey": "cart-3", "variant": {"referenceKey": "NOPE"}}
    second = {**entry, "referenceKey": "cart-2"}
    answer = tenant.api("POST", "/reservations", [entry, second, unknown])
    good, short, missing = answer.json()["entities"]
    assert (answer.status_code, good["reservationTtl"], "error" in good) == (201, 60, False)
    assert short["error"]["errorKey"] == "OUT_OF_STOCK"
    assert missing["error"]["errorKey"] == "VARIANT_NOT_FOUND"
    assert tenant.api("DELETE", "/reservations/key=cart-1").status_code == 204
    assert tenant.api("DELETE", f"/reservations/{good['id']}").status_code == 404
    again = tenant.api("POST", "/reservations", [second]).json()["entities"][0]
    tenant.advance(61)
    assert tenant.api("DELETE", f"/reservations/{again['id']}").status_code == 404
    assert row(tenant)["reserved"] == 0


def bulk_of(*quantities: int, status: str = "complete", key: int | None = None, start: int = 0) -> Json:
    operations = [
        {
            "key": f"op-{start + number}",
            "method": "POST",
            "url": "/variants/key=TEE/stocks",
            "headers": {},
            "body": {
                "quantity": amount,
                "warehouseReferenceKey": "WH-1",
                "merchantReferenceKey": "scend",
                "changedAt": f"2026-03-02T12:00:{start + number:02d}+00:00",
            },
        }
        for number, amount in enumerate(quantities)
    ]
    return {"callbacks": {"requestStatus": status, "bulkRequestKey": key}, "operations": operations}


def bulk_status(tenant: Tenant, key: int) -> str:
    return str(tenant.api("GET", f"/bulk-requests/{key}/status").json()["status"])


def test_a_bulk_request_grows_until_complete_and_keeps_each_result(tenant: Tenant) -> None:
    created = tenant.api("POST", "/variants/stocks/bulk-requests", bulk_of(1, -2, status="incomplete"))
    key = created.json()["key"]
    assert (created.status_code, bulk_status(tenant, key)) == (201, "new")
    tenant.api("POST", "/variants/stocks/bulk-requests", bulk_of(8, key=key, start=2))
    eventually(lambda: bulk_status(tenant, key) == "processed")
    progress = tenant.api("GET", f"/bulk-requests/{key}/status").json()["progress"]
    assert progress == {"totalOperations": 3, "processedOperations": 2, "failedOperations": 1}
    assert quantity(tenant) == 8
    failed = tenant.api("GET", f"/bulk-requests/{key}/operations/op-1/status").json()
    assert (failed["status"], failed["response"]["statusCode"]) == ("failed", 400)
    assert failed["response"]["body"]["errors"][0]["errorKey"] == "VALIDATION_ERROR"
    late = tenant.api("POST", "/variants/stocks/bulk-requests", bulk_of(9, key=key, start=3))
    assert late.status_code == 409
    assert len(tenant.api("GET", "/bulk-requests").json()["entities"]) == 1


def test_a_bulk_request_can_be_stopped(tenant: Tenant) -> None:
    tenant.settings(bulkStepSeconds=3600)
    key = tenant.api("POST", "/variants/stocks/bulk-requests", bulk_of(1, 2, 3)).json()["key"]
    eventually(lambda: quantity(tenant) == 1)
    assert tenant.api("PUT", f"/bulk-requests/{key}/cancel").json()["status"] == "cancelled"
    tenant.advance(7200)
    tenant.settle()
    assert quantity(tenant) == 1


def test_bulk_takes_stock_writes_only(tenant: Tenant) -> None:
    for method, url in (
        ("GET", "/variants/key=TEE/stocks"),
        ("POST", "/merchants"),
        ("POST", "variants/1/stocks"),
    ):
        body = bulk_of(1)
        body["operations"][0] |= {"method": method, "url": url}
        assert tenant.api("POST", "/variants/stocks/bulk-requests", body).status_code == 400


def test_bulk_callbacks_tell_of_changes(tenant: Tenant) -> None:
    told: list[Json] = []

    async def callback(request: web.Request) -> web.Response:
        told.append(await request.json())
        return web.Response()

    app = web.Application()
    app.router.add_post("/cb", callback)
    with ThreadedServer(app) as url:
        body = bulk_of(1)
        body["callbacks"] |= {"requestUrl": f"{url}/cb", "operationUrl": f"{url}/cb"}
        tenant.api("POST", "/variants/stocks/bulk-requests", body)
        eventually(lambda: len(told) == 4)
    assert {one["status"] for one in told if "progress" in one} == {"processed"} | {"pending", "processing"}


def test_the_catalogue_is_read_by_product_and_variant(tenant: Tenant) -> None:
    price = {"price": 1920, "tax": 20, "countryCode": "GB", "currencyCode": "GBP"}
    product = {"referenceKey": "P-1", "name": "Cap", "variants": [{"referenceKey": "CAP", "prices": [price]}]}
    tenant.control("POST", "/seed", {"products": [product]})
    assert tenant.api("GET", "/products/key=P-1").json()["name"] == {"en_GB": "Cap"}
    variant = tenant.api("GET", "/products/key=P-1/variants/key=CAP").json()
    assert (variant["referenceKey"], variant["isComposite"], variant["stocks"]) == ("CAP", False, [])
    assert tenant.api("GET", "/products/key=P-1/variants/key=TEE").status_code == 404
    assert tenant.api("GET", "/variants/key=CAP/prices").json()["entities"][0]["price"] == 1920
    assert tenant.api("GET", "/variants/key=CAP").status_code == 404
    pages = tenant.api("GET", "/products", params={"limit": 1}).json()
    assert len(pages["entities"]) == 1
    assert pages["cursor"]["next"]


def test_a_stamp_of_the_very_moment_of_the_block_does_not_release_it() -> None:
    world = World(LaunchSettings(seed_document={"warehouses": [{"referenceKey": "WH-1"}]}))
    variant = world.catalogue.ensure_sku("TEE", "Tee")
    held = world.stock.row_of(variant, "WH-1", "default")
    held.blocks[1] = (datetime(2026, 3, 2, 12, tzinfo=UTC), 7)
    entry = {"sku": "TEE", "warehouse": "WH-1", "quantity": 3}
    world.edit_stock({**entry, "changedAt": NOON}, "test")
    assert held.sellable == 2
    world.edit_stock({**entry, "changedAt": "2026-03-02T12:00:01+00:00"}, "test")
    assert held.sellable == 3
