"""OrderWise sandbox: whole runs of client code that others published, step by step, with plain requests (contract, part I)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

USER = ("syncbridge", "orderwise-sandbox")


@pytest.fixture
def base(orderwise: Any) -> str:
    """Where a client is pointed to; the fixture has reset the stand-in."""
    return f"{orderwise.root}/OWAPItest"


def bearer(base: str) -> dict[str, str]:
    """Mint a token as every live client does: Basic on one path, and the quotes taken off the body."""
    basic = base64.b64encode(":".join(USER).encode()).decode()
    answer = requests.get(f"{base}/token/gettoken", headers={"Authorization": f"Basic {basic}"}, timeout=10)
    assert answer.status_code == 200
    return {
        "Authorization": "Bearer " + answer.text.replace('"', ""),
        "Accept": "application/json",
        "Content-Type": "application/json",
    }


def test_a_crm_synchroniser_pages_customers_and_their_contacts(base: str) -> None:
    """Pages of `limit` from `last_id` 0 until one is short, then the contacts of each customer likewise."""

    def everything(path: str, limit: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        last_id = 0
        while True:
            query: dict[str, int] = {"limit": limit, "last_id": last_id}
            page = requests.get(f"{base}{path}", params=query, headers=signed, timeout=10)
            assert page.status_code == 200
            rows = page.json()
            assert isinstance(rows, list)
            found += rows
            if len(rows) < limit:
                return found
            last_id = rows[-1]["id"]

    signed = bearer(base)
    customers = everything("/customers", 1000)
    assert everything("/customers", 7) == customers
    assert [one["id"] for one in customers] == sorted(one["id"] for one in customers)
    for one in customers[:3]:
        contacts = everything(f"/customers/{one['id']}/customer-contacts", 1)
        assert contacts
        assert all(contact["name"] == contact["name"].strip() for contact in contacts)
        record = requests.get(f"{base}/crm/{one['id']}", headers=signed, timeout=10).json()
        assert record["customerId"] == one["id"]
    assert requests.get(f"{base}/customers/999999", headers=signed, timeout=10).status_code == 404


def test_a_tyre_importer_finds_by_the_whole_list_reads_arrays_and_knows_201_from_200(base: str) -> None:
    """Upper-cases codes before it compares; creates what it misses (201), updates what it finds (200, without a code)."""
    signed = bearer(base)
    listed = requests.get(f"{base}/stock/variants?limit=200000", headers=signed, timeout=10).json()
    ids = {row["variantCode"].upper().strip(): row["variantID"] for row in listed}
    assert "TYRE-2055516" not in ids
    new = {
        "variantInfo": {"code": "tyre-2055516", "description": "205/55 R16", "eanCode": "5020000000017"},
        "variantSettings": {"templateVariant": False},
        "variantPurchaseSettings": {"estimatedCost": 41.5},
        "variantDimensions": {"weight": 9.1, "volume": 0, "length": 0, "width": 0, "depth": 0},
        "analysis": {"c_1": "Summer", "l_1": True},
    }
    made = requests.post(f"{base}/variants?template_variant_id=5521", json=new, headers=signed, timeout=10)
    assert made.status_code == 201
    number = made.json()["variantInfo"]["id"]
    change = {"variantInfo": {"description": "205/55 R16 91V"}, "variantSalesInfo": [{"Id": number, "rspExcVat": 55.25}]}
    changed = requests.put(f"{base}/variants/{number}", json=change, headers=signed, timeout=10)
    assert changed.status_code == 200
    shown = requests.get(f"{base}/variants/{number}?include_sales_info=true", headers=signed, timeout=10).json()
    assert isinstance(shown, list)
    (one,) = shown
    assert (one["variantInfo"]["code"], one["variantInfo"]["description"]) == ("tyre-2055516", "205/55 R16 91V")
    assert one["variantSalesInfo"][0]["rspExcVat"] == 55.25
    assert one["analysis"]["c_1"] == "Summer"
    found = requests.get(f"{base}/stock/variants?limit=200000", headers=signed, timeout=10).json()
    assert {row["variantCode"].upper(): row["variantID"] for row in found}["TYRE-2055516"] == number
    stock_in = {"variantID": number, "stockLocationID": 3, "binID": 1, "quantity": 8}
    assert requests.post(f"{base}/stock/adjust-stock-in", json=stock_in, headers=signed, timeout=10).status_code == 200
    free = requests.get(f"{base}/stock/{number}/free-stock", headers=signed, timeout=10).json()
    assert free == {"freeStockQty": 8.0}
    gone = {"variantInfo": {"eanCode": None}, "variantSettings": {"discontinued": True}}
    assert requests.put(f"{base}/variants/{number}", json=gone, headers=signed, timeout=10).status_code == 200


def test_a_purchase_fetcher_keeps_its_token_and_mints_once_more_on_401(base: str, orderwise: Any) -> None:
    """Runs an export with named parameters; rows come bare, with nulls and our own column names."""
    rows = [{"PONumber": "PO1", "Qty": 2.5, "DatePromised": None}, {"PONumber": "PO2", "Qty": 1.0, "DatePromised": "2026-10-05T00:00:00"}]
    orderwise.control("POST", "/seed?account=test", {"exports": [{"id": 37, "parameters": ["@since"], "rows": rows}]})
    kept = bearer(base)

    def run() -> Any:
        nonlocal kept
        url, body = f"{base}/system/export-definition/37", json.dumps([{"name": "@since", "value": "2026-10-05"}])
        answer = requests.post(url, data=body, headers=kept, timeout=10)
        if answer.status_code == 401:
            assert answer.content == b""
            kept = bearer(base)
            answer = requests.post(url, data=body, headers=kept, timeout=10)
        answer.raise_for_status()
        return answer.json()

    assert run() == rows
    first = dict(kept)
    orderwise.control("POST", "/tokens/expire?account=test")
    assert run() == rows
    assert kept != first


def _bridge(number: str) -> dict[str, Any]:
    return {
        "customer": {"id": 4021},
        "orderHeader": {
            "systemOrderType": 1,
            "eCommerceOrderNumber": number,
            # The zone is cut off, the milliseconds stay.
            "orderDate": "2026-03-02T14:05:11.417Z".removesuffix("Z"),
            "deliveryMethodId": 18,
            "orderGross": 64.95,
            "deliveryGross": 4.95,
        },
        "customerDeliveryAddress": {
            "deliveryName": "Mara Quill", "contactName": "Mara Quill", "address1": "7 Lantern Yard", "address2": "",
            "town": "Leeds", "county": "", "country": "United Kingdom", "countryCode": "GB", "postcode": "LS1 9ZZ",
            "telephone": "", "email": "mara.quill@example.test", "deliveryMethodId": 18,
        },
        "orderLines": [
            {"itemNumber": 1, "variantCode": "TEE-NAVY-M", "quantity": 1, "itemGross": 30, "taxRateId": 1, "stockLocationId": 3},
            {"itemNumber": 2, "variantCode": "TEE-NAVY-M", "quantity": 1, "itemGross": 30, "taxRateId": 1, "stockLocationId": 1},
        ],
    }  # fmt: skip


def _mailbox(number: str) -> dict[str, Any]:
    return {
        "customer": {"accountNumber": "SCAYLE-UK"},
        "orderHeader": {
            "systemOrderType": 1,
            "eCommerceOrderNumber": number,
            "orderDate": "2026-03-02T14:05:11",
            "requiredDate": "2026-03-04T00:00:00",
            "specialInstructions": "Leave with porter",
        },
        "customerDeliveryAddress": {"deliveryName": "Mara Quill", "address1": "7 Lantern Yard", "postcode": "LS1 9ZZ"},
        "orderLines": [{"variantCode": "tee-navy-m", "quantity": 2, "calculateLineSystemPrice": True}],
    }


@pytest.mark.parametrize("order", [_bridge, _mailbox], ids=["bridge", "mailbox"])
def test_shop_bridges_create_an_order_and_ask_for_its_status(base: str, order: Callable[[str], dict[str, Any]]) -> None:
    signed = bearer(base)
    assert requests.get(f"{base}/system/stock-locations", headers=signed, timeout=10).status_code == 200
    methods = requests.get(f"{base}/value-lists/18", headers=signed, timeout=10).json()
    assert 18 in {one["id"] for one in methods}
    made = requests.post(f"{base}/sales/order?session_id=12", json=order("WC-1001"), headers=signed, timeout=10)
    assert 200 <= made.status_code < 300
    created = made.json()
    assert created["eCommerceOrderNumber"] == "WC-1001"
    status = requests.get(
        f"{base}/sales/order/{created['orderId']}/status?include_lines=true&include_delivery=true",
        headers=signed,
        timeout=10,
    ).json()
    assert {"orderNumber", "eCommerceOrderNumber", "orderStatus", "subStatus"} <= set(status)
    assert status["orderStatus"] == "Awaiting despatch"
    rows = requests.get(f"{base}/stock/5521", headers=signed, timeout=10).json()
    assert sum(row["freeStock"] for row in rows) == 57
    assert requests.get(f"{base}/products/880/variants", headers=signed, timeout=10).json()[0]["variantID"]
