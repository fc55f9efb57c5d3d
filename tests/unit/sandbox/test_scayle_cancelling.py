"""Shoppers cancel at the SCAYLE stand-in: the call to the merchant, its retries, and what follows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.sandbox.test_scayle_tenant import Json, Tenant, eventually


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with Tenant.running() as running:
        yield running


def cancel(tenant: Tenant, number: int, **options: object) -> list[Json]:
    body = {"wait": True, **options}
    found: list[Json] = tenant.control("POST", f"/orders/{number}/cancel", body)["cancellations"]
    return found


def test_the_call_names_the_order_the_merchant_and_its_warehouses(tenant: Tenant) -> None:
    order = tenant.place_delegated()
    cancel(tenant, order["id"])
    assert tenant.merchant.cancellations == [
        {
            "orderReferenceKey": order["referenceKey"],
            "fulfillingMerchantKey": "scend",
            "merchantKey": "scend",
            "companyId": 1,
            "warehouseIds": [12],
        }
    ]


def test_a_successful_answer_cancels_the_order_and_its_payment(tenant: Tenant) -> None:
    order = tenant.place_delegated({"quantity": 2})
    (request,) = cancel(tenant, order["id"])
    assert request["state"] == "successful"
    after = tenant.order(order["id"])
    assert {item["status"] for item in after["items"]} == {"cancelled"}
    assert all(item["cancelledAt"] for item in after["items"])
    assert after["status"] == "cancellation_completed"
    assert after["detailedStatus"]["billing"]["code"] == "billing_payment_cancelled"
    assert tenant.ship(order).status_code == 409
    assert tenant.state("captures") == []


def test_a_refusal_changes_nothing_and_is_not_repeated(tenant: Tenant) -> None:
    tenant.merchant.cancellation_answers = [(201, {"cancellationResult": "refused"})]
    order = tenant.place_delegated()
    (request,) = cancel(tenant, order["id"])
    assert request["state"] == "refused"
    tenant.advance(7200)
    tenant.settle()
    assert len(tenant.merchant.cancellations) == 1
    assert tenant.order(order["id"])["items"][0]["status"] == "available"


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, {}),
        (500, {}),
        (201, {"cancellationResult": 1}),
        (201, {"orderReferenceKey": "another"}),
        (201, ["successful"]),
    ],
)
def test_anything_but_201_with_the_schema_is_asked_again(tenant: Tenant, status: int, answer: object) -> None:
    tenant.merchant.cancellation_answers = [(status, answer)]
    order = tenant.place_delegated()
    (request,) = cancel(tenant, order["id"])
    assert request["state"] == "asking"
    tenant.advance(61)
    eventually(lambda: tenant.code(order["id"]) == "order_cancelled")
    assert len(tenant.merchant.cancellations) == 2


def test_scayle_stops_asking_one_day_and_the_order_goes_on(tenant: Tenant) -> None:
    tenant.settings(cancellationRetrySeconds=[1, 1], cancellationTimeScale=0.01)
    tenant.merchant.cancellation_answers = [(503, {})] * 3
    order = tenant.place_delegated()
    cancel(tenant, order["id"])
    eventually(lambda: tenant.state("cancellationRequests")[0]["state"] == "given_up")
    assert tenant.ship(order).status_code == 201


def test_a_cancellation_before_delegation_stops_the_delegation(tenant: Tenant) -> None:
    tenant.settings(delegationDelaySeconds=60)
    number = tenant.place()
    cancel(tenant, number)
    assert tenant.code(number) == "order_cancelled"
    assert tenant.state("delegations")[0]["state"] == "cancelled"
    tenant.advance(120)
    tenant.settle()
    assert tenant.merchant.orders == []
    assert tenant.state("blocks") == []


def test_with_two_merchants_each_is_asked_and_the_other_part_goes_on(tenant: Tenant) -> None:
    order = tenant.place_delegated({"sku": "A"}, {"sku": "B", "merchant": "orderwise", "warehouse": "WH-2"})
    (first,) = cancel(tenant, order["id"], merchants=["orderwise"])
    assert (first["merchant"], first["warehouseIds"], first["state"]) == ("orderwise", [15], "successful")
    tenant.merchant.cancellation_answers = [(201, {"cancellationResult": "no"})]
    (second,) = cancel(tenant, order["id"])
    assert (second["merchant"], second["state"]) == ("scend", "refused")
    assert [item["status"] for item in tenant.order(order["id"])["items"]] == ["available", "cancelled"]
    tenant.ship(order, order["items"][0]["id"])
    assert tenant.code(order["id"]) == "order_invoiced"


def test_a_partly_shipped_order_loses_only_what_is_open(tenant: Tenant) -> None:
    order = tenant.place_delegated({"quantity": 2})
    shipped, waiting = (item["id"] for item in order["items"])
    tenant.ship(order, shipped)
    (request,) = cancel(tenant, order["id"])
    assert request["cancelledItems"] == [waiting]
    assert [item["status"] for item in tenant.order(order["id"])["items"]] == ["delivered", "cancelled"]
    assert tenant.code(order["id"]) == "order_invoiced"


def test_nothing_is_asked_when_nothing_is_open(tenant: Tenant) -> None:
    order = tenant.place_delegated()
    tenant.ship(order)
    assert cancel(tenant, order["id"]) == []


def test_the_question_can_be_repeated_after_the_answer(tenant: Tenant) -> None:
    order = tenant.place_delegated()
    cancel(tenant, order["id"])
    repeated = tenant.control("POST", f"/orders/{order['id']}/cancel-again", {"times": 3})["calls"]
    assert [call["outcome"] for call in repeated] == ["successful"] * 3
    assert len(tenant.merchant.cancellations) == 4
    assert len(tenant.facts("cancellation.successful")) == 1


def test_an_order_that_is_not_real_cannot_be_cancelled(tenant: Tenant) -> None:
    number = tenant.place(confirm=False)
    tenant.control("POST", f"/orders/{number}/cancel", {}, 409)


def test_cancelling_later_happens_in_the_background(tenant: Tenant) -> None:
    order = tenant.place_delegated()
    tenant.control("POST", f"/orders/{order['id']}/cancel", {})
    eventually(lambda: tenant.code(order["id"]) == "order_cancelled")
