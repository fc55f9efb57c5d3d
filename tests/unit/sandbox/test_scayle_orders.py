"""Orders of the SCAYLE stand-in: their shape, reading them in pages, and every oddity that has to be possible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.sandbox.test_scayle_tenant import SC, Json, Tenant, error_of, eventually


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with Tenant.running() as running:
        yield running


def pages(tenant: Tenant, **query: Any) -> list[list[Json]]:
    """Read a collection to its end."""
    found, cursor = [], None
    while True:
        answer = tenant.api("GET", f"{SC}/orders", params={**query, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code == 200, answer.text
        document = answer.json()
        assert set(document) == {"entities", "cursor"}
        found.append(document["entities"])
        cursor = document["cursor"]["next"]
        if cursor is None:
            return found


def test_an_order_has_one_item_a_unit_and_totals_that_add_up(tenant: Tenant) -> None:
    number = tenant.place(
        {
            "sku": "TEE",
            "quantity": 2,
            "unitPriceWithTax": 1920,
            "undiscountedWithTax": 2400,
            "name": "Harbour Tee",
        },
        {
            "sku": "CAP",
            "unitPriceWithTax": None,
            "unitPriceWithoutTax": 1250,
            "merchant": "orderwise",
            "warehouse": "WH-2",
        },
        shippingFee=395,
    )
    order = tenant.order(number)
    assert [item["variant"]["referenceKey"] for item in order["items"]] == ["TEE", "TEE", "CAP"]
    assert len({item["id"] for item in order["items"]}) == 3
    price = order["items"][0]["price"]
    assert (price["withTax"], price["withoutTax"], price["tax"]["vat"]) == (
        1920,
        1600,
        {"amount": 320, "rate": 0.2},
    )
    assert price["appliedReductions"][0]["amount"] == {"absoluteWithTax": 480, "relative": 0.2}
    assert order["cost"]["withTax"] == 2 * 1920 + 1500 + 395
    assert order["cost"]["withTax"] - order["cost"]["withoutTax"] == order["cost"]["tax"]["vat"]["amount"]
    assert order["payment"][0]["amount"] == order["cost"]["costCapture"] == order["cost"]["withTax"]
    assert order["address"]["shipping"]["countryCode"] == "GBR"
    assert order["address"]["shipping"]["recipient"]["lastName"]
    assert order["shopCountry"]["countryCode"] == "GB"
    assert {package["id"] for package in order["packages"]} == {item["packageId"] for item in order["items"]}
    assert order["referenceKey"] == f"NB-GB-{number}"


def test_custom_data_appears_only_when_asked_for(tenant: Tenant) -> None:
    number = tenant.place({"legacyCustomData": {"gift": True}}, customData={"note": "ring twice"})
    plain = tenant.order(number)
    assert "legacyCustomData" not in plain
    assert "legacyCustomData" not in plain["items"][0]
    full = tenant.order(
        number, **{"with": "legacyCustomData,items.legacyCustomData,customer.legacyCustomData"}
    )
    assert full["legacyCustomData"] == {"note": "ring twice"}
    assert full["items"][0]["legacyCustomData"] == {"gift": True}
    assert full["customer"]["legacyCustomData"] == {}


@pytest.mark.parametrize(("mode", "expected"), [("replace", {"b": 2}), ("merge", {"a": 1, "b": 2})])
def test_custom_data_replaces_or_merges(tenant: Tenant, mode: str, expected: Json) -> None:
    tenant.settings(legacyCustomData=mode)
    number = tenant.place()
    for data in ({"a": 1}, {"b": 2}):
        assert tenant.api("PUT", f"{SC}/orders/{number}/legacy-custom-data", data).status_code == 204
    assert tenant.order(number, **{"with": "legacyCustomData"})["legacyCustomData"] == expected


def test_paging_loses_and_repeats_nothing_while_orders_come_in(tenant: Tenant) -> None:
    before = [tenant.place() for _ in range(7)]
    first = tenant.api("GET", f"{SC}/orders", params={"limit": 3}).json()
    late = tenant.place()
    rest, cursor = [], first["cursor"]["next"]
    while cursor:
        page = tenant.api("GET", f"{SC}/orders", params={"limit": 3, "cursor": cursor}).json()
        rest += page["entities"]
        cursor = page["cursor"]["next"]
    assert [order["id"] for order in first["entities"] + rest] == [*before, late]


def test_a_last_page_that_is_full_ends_the_list(tenant: Tenant) -> None:
    for _ in range(4):
        tenant.place()
    assert [len(page) for page in pages(tenant, limit=2)] == [2, 2]


def test_filters_are_inclusive_and_may_be_encoded(tenant: Tenant) -> None:
    tenant.stop_clock(now="2026-03-02T10:00:00Z")
    first = tenant.place_delegated()["id"]
    tenant.advance(60)
    second, third = tenant.place(), tenant.place()
    eventually(lambda: tenant.code(third) == "order_delegated")
    tenant.settle()
    updated = tenant.order(second)["updatedAt"]

    def found(**filters: Any) -> list[int]:
        query = {f"filters[{name}]": value for name, value in filters.items()}
        return [order["id"] for page in pages(tenant, **query, limit=1) for order in page]

    assert found(minUpdatedAt=updated) == [second, third]
    assert found(maxUpdatedAt=tenant.order(first)["updatedAt"]) == [first]
    assert found(minId=second, maxId=second) == [second]
    assert found(id=f"{first},{third}") == [first, third]
    assert found(referenceKey=f"NB-GB-{third}") == [third]
    assert found(minCreatedAt=updated) == [second, third]
    raw = f"{tenant.base_url}/api/admin/v1{SC}/orders?filters%5BminId%5D={third}"
    assert len(tenant._session.get(raw, headers={"X-Access-Token": "sandbox-token"}).json()["entities"]) == 1


def test_shop_and_country_do_not_filter_a_single_order_but_do_filter_the_list(tenant: Tenant) -> None:
    shops = [{"key": "nb", "countries": [{"countryCode": "DE", "currencyCode": "EUR"}]}]
    tenant.control("POST", "/seed", {"shops": shops})
    number = tenant.place()
    assert (
        tenant.api("GET", f"/shops/nb/countries/de/orders/{number}").json()["shopCountry"]["countryCode"]
        == "GB"
    )
    assert tenant.api("GET", "/shops/nb/countries/DE/orders").json()["entities"] == []


def test_listing_can_be_switched_off(tenant: Tenant) -> None:
    tenant.settings(orderListEnabled=False)
    assert tenant.api("GET", f"{SC}/orders").status_code == 403


def test_every_state_change_moves_updated_at(tenant: Tenant) -> None:
    tenant.settings(delegationDelaySeconds=100)
    number = tenant.place()
    moments = [tenant.order(number)["updatedAt"]]
    tenant.advance(150)
    eventually(lambda: tenant.code(number) == "order_delegated")
    moments.append(tenant.order(number)["updatedAt"])
    tenant.advance(50)
    tenant.ship(tenant.order(number))
    moments.append(tenant.order(number)["updatedAt"])
    assert moments == sorted(set(moments))


def test_the_reference_key_changes_and_the_order_is_found_by_the_new_one(tenant: Tenant) -> None:
    number, other = tenant.place(), tenant.place()
    path = f"{SC}/orders/{number}/reference-key"
    assert tenant.api("PUT", path, {"referenceKey": "MY/KEY 1"}).json()["referenceKey"] == "MY/KEY 1"
    assert tenant.api("GET", f"{SC}/orders/key%3DMY%2FKEY+1").json()["id"] == number
    assert tenant.api("GET", f"{SC}/orders/key=NB-GB-{number}").status_code == 404
    taken = tenant.api("PUT", path, {"referenceKey": f"NB-GB-{other}"})
    assert (taken.status_code, error_of(taken)["errorKey"]) == (409, "REFERENCE_KEY_EXISTS")
    assert tenant.state("orders")[0]["_referenceKeys"] == [f"NB-GB-{number}", "MY/KEY 1"]


def test_a_raw_order_is_taken_as_it_stands_and_starts_its_life_anew(tenant: Tenant) -> None:
    original = tenant.place_delegated({"quantity": 2})
    tenant.ship(original)
    shipped = tenant.order(original["id"])
    copied = {**shipped, "id": 9_000_001, "referenceKey": "RAW-1", "unheardOf": {"x": 1}}
    copied["items"] = [{**item, "id": item["id"] + 1_000} for item in shipped["items"]]
    tenant.control("POST", "/orders", {"raw": copied, "confirm": True}, 201)
    order = tenant.order(9_000_001)
    assert order["unheardOf"] == {"x": 1}
    assert {item["status"] for item in order["items"]} == {"available"}
    assert "shippedAt" not in order["items"][0]
    again = tenant.control("POST", "/orders", {"raw": copied, "newIds": True}, 201)
    assert again["id"] not in (9_000_001, original["id"])


def test_a_taken_order_id_is_refused(tenant: Tenant) -> None:
    number = tenant.place()
    line = {"sku": "A", "unitPriceWithTax": 1}
    tenant.control("POST", "/orders", {"id": number, "lines": [line]}, 409)


def test_deliberate_oddities_reach_the_api_as_they_are(tenant: Tenant) -> None:
    number = tenant.place(
        {"sku": "A", "variantKey": None},
        {"sku": None, "name": "a thing without variant"},
        {"sku": "FREE", "unitPriceWithTax": 0, "taxRate": "0"},
        {"sku": "B", "quantity": 2},
        currency="JPY",
        customer={"firstName": "Ξένια", "lastName": "藤本 🎌"},
        shipping={"street": "Rue", "city": "Québec", "countryCode": "CA", "zipCode": None},
        remove=["address.shipping.recipient.gender", "items.4.price"],
        patch={"items": {"3": {"merchantAdditionalData": {"odd": [1]}}}},
    )
    order = tenant.order(number)
    assert order["items"][0]["variant"]["referenceKey"] is None
    assert "variant" not in order["items"][1]
    assert order["items"][2]["price"]["withTax"] == 0
    assert "price" not in order["items"][4]
    assert "merchantAdditionalData" in order["items"][3]
    assert order["currencyCode"] == "JPY"
    assert order["customer"]["lastName"] == "藤本 🎌"
    shipping = order["address"]["shipping"]
    assert (shipping["countryCode"], shipping["zipCode"]) == ("CAN", None)
    assert "gender" not in shipping["recipient"]
    eventually(lambda: tenant.code(number) == "order_delegated")


def test_damage_to_one_unit_leaves_its_siblings_alone(tenant: Tenant) -> None:
    number = tenant.place({"quantity": 2}, patch={"items": {"0": {"price": {"withTax": 1}}}})
    assert [item["price"]["withTax"] for item in tenant.order(number)["items"]] == [1, 1200]


def test_an_order_sold_elsewhere_is_imported(tenant: Tenant) -> None:
    body = {
        "items": [{"variant": {"referenceKey": "EXT"}, "merchant": {"referenceKey": "scend"}, "price": {}}]
    }
    answer = tenant.api("POST", f"{SC}/orders", {**body, "referenceKey": "MARKET-1"})
    assert answer.status_code == 201
    assert answer.json()["items"][0]["status"] == "available"
    assert tenant.api("GET", f"{SC}/orders/key=MARKET-1").status_code == 200
    assert tenant.api("POST", f"{SC}/orders", {"items": []}).status_code == 400


def test_a_deleted_order_is_gone(tenant: Tenant) -> None:
    number = tenant.place()
    assert tenant.api("DELETE", f"{SC}/orders/{number}").status_code == 204
    assert tenant.api("GET", f"{SC}/orders/{number}").status_code == 404


def test_invoices_and_documents_come_as_files(tenant: Tenant) -> None:
    order = tenant.place_delegated()
    tenant.ship(order)
    base = f"{SC}/orders/{order['id']}"
    invoice = tenant.api("GET", f"{base}/invoices").json()["entities"][0]
    assert (invoice["type"], set(invoice["invoice"])) == ("invoice", {"number", "fullNumber"})
    pdf = tenant.api("GET", f"{base}/invoices/{invoice['id']}")
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")
    document = tenant.api("GET", f"{base}/documents").json()["entities"][0]
    mail = tenant.api("GET", f"{base}/documents/{document['id']}/file")
    assert mail.headers["Content-Type"] == "message/rfc822"
    assert tenant.api("GET", f"{base}/invoices/999").status_code == 404


def test_the_billing_status_can_be_overridden(tenant: Tenant) -> None:
    order = tenant.place_delegated()
    path = f"{SC}/orders/{order['id']}/billing-status"
    assert tenant.api("PATCH", path, {"code": "nonsense"}).status_code == 400
    changed = tenant.api("PATCH", path, {"code": "billing_refunded", "reason": "goodwill"}).json()
    assert changed["detailedStatus"]["billing"]["code"] == "billing_refunded"


def test_five_thousand_units_are_placed_delegated_and_shipped_without_trouble(tenant: Tenant) -> None:
    lines = [{"sku": f"S{number}", "quantity": 50} for number in range(100)]
    order = tenant.place_delegated(*lines)
    assert len(order["items"]) == len(tenant.merchant.orders[0]["items"]) == 5_000
    assert tenant.ship(order).status_code == 201
    assert tenant.code(order["id"]) == "order_invoiced"
