"""Webhooks of the SCAYLE stand-in: subscriptions, envelopes, retries, duplicates; and the tenant's set-up."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.sandbox.test_scayle_tenant import AUTHORIZATION, Json, Tenant, error_of, eventually


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with Tenant.running() as running:
        yield running


def subscribe(tenant: Tenant, *events: str, **more: Any) -> None:
    for event in events:
        body = {"event": event, "version": 1, "url": f"{tenant.url}/events", **more}
        answer = tenant.api("POST", "/webhooks/subscriptions", body)
        assert answer.status_code == 201, answer.text


def test_an_orders_life_is_told_with_basic_auth_in_the_newer_envelope(tenant: Tenant) -> None:
    names = [row["event"] for row in tenant.api("GET", "/webhooks/events").json()["entities"]]
    live = [name for name in names if name != "checkout-order-created"]
    subscribe(tenant, *live)
    order = tenant.place_delegated({"quantity": 2})
    first, second = (item["id"] for item in order["items"])
    tenant.ship(order, first)
    tenant.cancel_items(order, second)
    tenant.send_back(str(first))
    eventually(lambda: len(tenant.merchant.events) == 10)
    assert set(tenant.merchant.event_types()) == {
        "order-confirmed",
        "order-delegated",
        "order-package-shipped",
        "order-partially-invoiced",
        "payment-capture",
        "order-item-unshippable",
        "order-invoiced",
        "order-item-returned",
        "payment-refund",
        "order-corrective-invoiced",
    }
    assert tenant.merchant.authorizations == {AUTHORIZATION}
    for event in tenant.merchant.events:
        assert set(event) == {"key", "type", "version", "occurredAt", "meta", "payload"}
        assert set(event["meta"]) == {"tenantKey", "xRequestId"}
    by_type = {event["type"]: event["payload"] for event in tenant.merchant.events}
    assert by_type["order-confirmed"]["id"] == order["id"]
    assert "customData" in by_type["order-confirmed"]
    shipped = by_type["order-package-shipped"]["order"]
    assert [item["id"] for item in shipped["items"]] == [first]
    assert shipped["items"][0]["status"] == "delivered"
    assert len({event["key"] for event in tenant.merchant.events}) == 10


def test_credentials_are_masked_when_read_back(tenant: Tenant) -> None:
    subscribe(tenant, "order-confirmed")
    (entry,) = tenant.api("GET", "/webhooks/subscriptions").json()["entities"]
    assert entry["url"].startswith("http://***:***@127.0.0.1")
    merchant = tenant.api("GET", "/merchants/key=scend").json()
    assert merchant["orderDelegationUrl"].startswith("http://***:***@")


def test_a_failed_delivery_is_repeated_after_1_5_15_and_60_minutes(tenant: Tenant) -> None:
    subscribe(tenant, "order-confirmed")
    tenant.stop_clock()
    tenant.merchant.event_statuses = [500, 500, 500, 500, 204]
    tenant.place()
    for attempts, seconds in enumerate((60, 300, 900, 3600), start=1):
        eventually(lambda expected=attempts: len(tenant.merchant.events) == expected)
        tenant.settle()
        tenant.advance(seconds - 1)
        tenant.settle()
        assert len(tenant.merchant.events) == attempts
        tenant.advance(1)
    eventually(lambda: tenant.state("webhooks")[0]["state"] == "delivered")
    assert tenant.state("webhooks")[0]["statuses"] == [500, 500, 500, 500, 204]
    assert len({event["key"] for event in tenant.merchant.events}) == 1


def test_a_receiver_that_never_answers_well_is_given_up(tenant: Tenant) -> None:
    tenant.settings(webhookTimeScale=0.00001)
    subscribe(tenant, "order-confirmed")
    tenant.merchant.event_statuses = [503] * 5
    tenant.place()
    eventually(lambda: tenant.state("webhooks")[0]["state"] == "failed")


def test_deliveries_may_be_duplicated_shuffled_or_lost(tenant: Tenant) -> None:
    tenant.settings(webhookDuplicateProbability=1.0, webhookShuffleSeconds=0.05)
    subscribe(tenant, "order-confirmed")
    tenant.stop_clock()
    numbers = [tenant.place() for _ in range(10)]
    tenant.advance(1)
    eventually(lambda: len(tenant.merchant.events) == 20)
    seen = [event["payload"]["id"] for event in tenant.merchant.events]
    assert sorted(seen) == sorted(numbers * 2)
    assert seen != sorted(seen)
    assert len({event["key"] for event in tenant.merchant.events}) == 10
    tenant.settings(webhookDropProbability=1.0)
    tenant.place()
    tenant.settle()
    assert len(tenant.merchant.events) == 20


def test_an_event_is_delivered_again_on_demand(tenant: Tenant) -> None:
    subscribe(tenant, "order-confirmed", "order-delegated")
    order = tenant.place_delegated()
    eventually(lambda: len(tenant.merchant.events) == 2)
    wanted = {"type": "order-confirmed", "orderId": order["id"]}
    tenant.control("POST", "/webhooks/redeliver", wanted)
    eventually(lambda: len(tenant.merchant.events) == 3)
    again = tenant.merchant.events[2]
    assert again in tenant.merchant.events[:2]
    assert again["type"] == "order-confirmed"


def test_merchant_filters_include_and_exclude(tenant: Tenant) -> None:
    subscribe(tenant, "order-delegated", filters=[{"merchantReferenceKeys": {"include": ["orderwise"]}}])
    tenant.place_delegated()
    assert tenant.merchant.events == []
    change = {
        "filters": [{"merchantReferenceKeys": {"include": {"add": ["scend"], "remove": ["orderwise"]}}}]
    }
    changed = tenant.api("PATCH", "/webhooks/subscriptions/1", change).json()
    assert changed["filters"] == [{"merchantReferenceKeys": {"include": ["scend"]}}]
    tenant.place_delegated()
    eventually(lambda: len(tenant.merchant.events) == 1)


@pytest.mark.parametrize(
    "body",
    [
        {"event": "order-created", "version": 1, "url": "https://x.example"},
        {"event": "order-confirmed", "version": 2, "url": "https://x.example"},
        {"event": "checkout-order-created", "version": 1, "url": "https://x.example"},
        {"event": "order-confirmed", "version": 1, "url": "ftp://x.example"},
        {
            "event": "order-confirmed",
            "version": 1,
            "url": "https://x.example",
            "filters": [{"merchantReferenceKeys": {"include": ["a"]}}],
        },
    ],
)
def test_a_subscription_that_makes_no_sense_is_refused(tenant: Tenant, body: Json) -> None:
    answer = tenant.api("POST", "/webhooks/subscriptions", body)
    assert answer.status_code == 400
    assert error_of(answer)


def test_an_ended_subscription_gets_nothing(tenant: Tenant) -> None:
    subscribe(tenant, "order-confirmed")
    assert tenant.api("DELETE", "/webhooks/subscriptions/1").status_code == 204
    tenant.place()
    tenant.settle()
    assert tenant.merchant.events == []
    assert tenant.api("GET", "/webhooks/subscriptions/1").status_code == 404


def test_older_forms_are_switches(tenant: Tenant) -> None:
    tenant.settings(webhookEnvelope="older", webhookItemPayload="items", webhookSpelling="canceled")
    names = [row["event"] for row in tenant.api("GET", "/webhooks/events").json()["entities"]]
    assert "order-canceled" in names
    subscribe(tenant, "order-item-unshippable", "order-canceled")
    order = tenant.place_delegated()
    tenant.cancel_items(order, order["items"][0]["id"])
    eventually(lambda: len(tenant.merchant.events) == 2)
    by_type = {event["type"]: event for event in tenant.merchant.events}
    assert by_type["order-item-unshippable"]["payload"]["items"][0]["status"] == "undeliverable"
    assert by_type["order-canceled"]["locale"]["countryCode"] == "GB"
    assert "meta" not in by_type["order-canceled"]


def test_full_invoicing_can_be_off(tenant: Tenant) -> None:
    tenant.settings(fullInvoicing=False)
    subscribe(tenant, "order-invoiced", "order-partially-invoiced")
    order = tenant.place_delegated()
    tenant.ship(order)
    eventually(lambda: tenant.merchant.event_types() == ["order-partially-invoiced"])


def test_stock_changes_are_told(tenant: Tenant) -> None:
    tenant.control("POST", "/seed", {"products": [{"sku": "TEE"}]})
    subscribe(tenant, "product-variant-stock-updated")
    tenant.write_stock("TEE", 5, "2026-03-02T10:00:00+00:00")
    tenant.write_stock("TEE", 9, "2026-03-02T09:00:00+00:00")
    eventually(lambda: len(tenant.merchant.events) == 1)
    payload = tenant.merchant.events[0]["payload"]
    assert (payload["quantity"], payload["merchantReferenceKey"]) == (5, "scend")
    assert payload["warehouse"] == {"id": 12, "referenceKey": "WH-1"}


def test_producers_keep_their_own_subscriptions(tenant: Tenant) -> None:
    base = "/webhooks/producers/storefront-hosting"
    body = {
        "eventName": "deployment-failed",
        "url": "https://x.example",
        "auth": {"username": "u", "password": "p"},
    }
    created = tenant.api("POST", f"{base}/subscriptions", body)
    assert (created.status_code, created.json()["auth"]["password"]) == (201, "***")
    path = f"{base}/subscriptions/{created.json()['id']}"
    assert tenant.api("PUT", path, {**body, "enabled": False}).json()["enabled"] is False
    assert tenant.api("DELETE", path).status_code == 204
    assert tenant.api("GET", path).status_code == 404
    assert tenant.api("GET", "/webhooks/producers/orders/events").status_code == 404


def test_merchants_warehouses_and_carriers_are_set_up_through_the_api(tenant: Tenant) -> None:
    assert tenant.api("POST", "/merchants", {"referenceKey": "third", "name": "Third"}).status_code == 201
    assert tenant.api("POST", "/merchants", {"referenceKey": "third", "name": "x"}).status_code == 409
    assert tenant.api("POST", "/warehouses", {"referenceKey": "WH-3"}).status_code == 201
    assert tenant.api("POST", "/merchants/key=third/warehouses/key=WH-3").status_code == 201
    assert tenant.api("POST", "/merchants/key=third/carriers/key=DHL_DE/countries/de").status_code == 201
    attached = tenant.api(
        "POST", "/shops/nb/countries/GB/warehouses", {"referenceKey": "WH-3", "priority": 7}
    )
    assert (attached.status_code, attached.json()["priority"]) == (201, 7)
    merchant = tenant.api("GET", "/merchants/key=third?with=warehouses,carriers").json()
    assert [one["referenceKey"] for one in merchant["warehouses"]] == ["WH-3"]
    assert [(one["countryCode"], one["carrier"]["key"]) for one in merchant["carriers"]] == [("DE", "DHL_DE")]
    assert "warehouses" not in tenant.api("GET", "/merchants/key=third").json()
    warehouses = tenant.api("GET", "/warehouses").json()["entities"]
    assert warehouses[-1]["shopCountries"][0]["priority"] == 7
    assert tenant.api("DELETE", "/merchants/key=third/warehouses/key=WH-3").status_code == 204
    assert tenant.api("DELETE", "/warehouses/key=WH-3").status_code == 204
    renamed = tenant.api("PUT", "/carriers/key=DHL_DE", {"name": "DHL", "trackingUrl": "https://d.example"})
    assert renamed.json()["name"] == "DHL"
    countries = tenant.api("GET", "/shops/nb/countries").json()["entities"]
    assert [one["countryCode"] for one in countries] == ["GB"]
