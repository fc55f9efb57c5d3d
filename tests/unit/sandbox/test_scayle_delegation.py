"""Order delegation by the SCAYLE stand-in: payload, acknowledgement, the two days of retries, split orders."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.sandbox.test_scayle_tenant import (
    ACKNOWLEDGED,
    AUTHORIZATION,
    Tenant,
    eventually,
)

RETRY_SECONDS = [180, 300, *[7200] * 23]


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with Tenant.running() as running:
        yield running


def calls(tenant: Tenant) -> int:
    return int(tenant.summary()["delegationCalls"])


def test_the_payload_speaks_the_core_systems_language(tenant: Tenant) -> None:
    number = tenant.place(
        {"sku": "TEE", "quantity": 2, "unitPriceWithTax": 1920, "name": "Harbour Tee"},
        shipping={"street": "Quay", "houseNumber": "19", "zipCode": "M3", "city": "M", "phone": "+44161"},
    )
    eventually(lambda: tenant.merchant.orders)
    body = tenant.merchant.orders[0]
    assert (body["orderId"], body["orderReferenceKey"]) == (number, f"NB-GB-{number}")
    assert body["id"] != number
    assert (body["shopKey"], body["countryCode"], body["fulfillingMerchantKey"]) == ("nb", "GB", "scend")
    assert body["carrier"] == {"key": "ROYALMAIL_GB"}
    shipping = body["addresses"]["shipping"]
    assert (shipping["countryCode"], shipping["phoneNumber"]) == ("GB", "+44161")
    assert shipping["streetHouseNumber"] == "Quay 19"
    assert "recipient" not in shipping
    assert "phone" not in shipping
    item = body["items"][0]
    assert item["orderItemId"] == str(tenant.order(number)["items"][0]["id"])
    assert (item["price"], item["priceWithoutTax"], item["tax"], item["taxAmount"]) == (1920, 1600, 20, 320)
    assert (item["quantity"], item["warehouseReferenceKey"]) == (1, "WH-1")
    assert item["merchantProductVariantReferenceKey"] == "TEE"
    assert tenant.merchant.authorizations == {AUTHORIZATION}


@pytest.mark.parametrize(
    ("choice", "found"), [("object", [{}]), ("list", [[]]), ("sometimes_list", [{}, []])]
)
def test_empty_custom_data_is_an_object_or_phps_list(
    tenant: Tenant, choice: str, found: list[object]
) -> None:
    tenant.settings(emptyCustomData=choice)
    tenant.place({"quantity": 40})
    eventually(lambda: tenant.merchant.orders)
    seen = [item["customData"] for item in tenant.merchant.orders[0]["items"]]
    assert all(value in seen for value in found)
    assert all(value in found for value in seen)


def test_nothing_is_sent_before_the_delay_is_over(tenant: Tenant) -> None:
    tenant.stop_clock()
    tenant.settings(delegationDelaySeconds=60)
    number = tenant.place()
    tenant.advance(59)
    tenant.settle()
    assert (tenant.merchant.orders, tenant.code(number)) == ([], "order_confirmed")
    tenant.advance(1)
    eventually(lambda: tenant.code(number) == "order_delegated")


def test_waiting_delegations_can_be_sent_now(tenant: Tenant) -> None:
    tenant.settings(delegationDelaySeconds=3600)
    number = tenant.place()
    tenant.control("POST", f"/orders/{number}/delegate")
    eventually(lambda: tenant.code(number) == "order_delegated")
    tenant.advance(3601)
    tenant.settle()
    assert len(tenant.merchant.orders) == 1


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, ACKNOWLEDGED),
        (202, ACKNOWLEDGED),
        (201, {"orderDelegationResult": "delegated"}),
        (201, {}),
        (201, []),
        (500, {"errorKey": "X", "message": "y", "context": {}}),
        (302, {}),
    ],
)
def test_anything_but_201_acknowledged_is_tried_again(tenant: Tenant, status: int, answer: object) -> None:
    tenant.merchant.order_answers = [(status, answer)]
    number = tenant.place()
    eventually(lambda: calls(tenant) == 1)
    tenant.settle()
    assert tenant.code(number) == "order_confirmed"
    tenant.advance(181)
    eventually(lambda: tenant.code(number) == "order_delegated")
    first, second = tenant.state("delegationCalls")
    assert (first["outcome"], first["status"], first["kind"]) == ("failed", status, "first")
    assert (second["outcome"], second["kind"]) == ("acknowledged", "retry")
    assert tenant.merchant.orders[0] == tenant.merchant.orders[1]


def test_201_without_a_word_can_be_taken_as_acknowledgement(tenant: Tenant) -> None:
    tenant.settings(requireAcknowledged=False)
    tenant.merchant.order_answers = [(201, {})]
    number = tenant.place()
    eventually(lambda: tenant.code(number) == "order_delegated")


def test_after_two_days_of_refusals_the_order_is_cancelled(tenant: Tenant) -> None:
    tenant.stop_clock()
    tenant.merchant.order_answers = [(503, {})] * 26
    number = tenant.place()
    for attempt, seconds in enumerate(RETRY_SECONDS, start=1):
        eventually(lambda expected=attempt: calls(tenant) == expected)
        tenant.settle()
        tenant.advance(seconds - 1)
        tenant.settle()
        assert calls(tenant) == attempt
        tenant.advance(1)
    eventually(lambda: calls(tenant) == 26)
    eventually(lambda: tenant.code(number) == "order_cancelled")
    order = tenant.order(number)
    assert order["status"] == "cancellation_completed"
    assert order["detailedStatus"]["billing"]["code"] == "billing_payment_cancelled"
    assert order["items"][0]["status"] == "unavailable"
    assert tenant.state("captures") == []
    assert tenant.state("delegations")[0]["state"] == "given_up"


def test_the_schedule_can_be_squeezed(tenant: Tenant) -> None:
    tenant.settings(delegationTimeScale=0.0001)
    tenant.merchant.order_answers = [(500, {})] * 2
    number = tenant.place()
    eventually(lambda: tenant.code(number) == "order_delegated")
    assert calls(tenant) == 3


def test_a_slow_merchant_runs_into_the_timeout_and_is_asked_again(tenant: Tenant) -> None:
    tenant.settings(delegationTimeoutSeconds=0.3)
    tenant.merchant.order_delay_seconds = 600.0
    number = tenant.place()
    eventually(lambda: calls(tenant) == 1)
    call = tenant.state("delegationCalls")[0]
    assert (call["status"], call["error"], call["outcome"]) == (None, "no answer within 0.3 s", "failed")
    assert call["latencyMilliseconds"] > 290
    tenant.settings(delegationTimeoutSeconds=15)
    tenant.merchant.order_delay_seconds = 0.0
    tenant.advance(181)
    eventually(lambda: tenant.code(number) == "order_delegated")
    assert calls(tenant) == 2


def test_a_merchant_that_cannot_be_reached_is_a_failure(tenant: Tenant) -> None:
    gone = {"referenceKey": "scend", "orderDelegationUrl": "http://127.0.0.1:9/orders"}
    tenant.control("POST", "/seed", {"merchants": [gone]})
    tenant.place()
    eventually(lambda: calls(tenant) == 1)
    call = tenant.state("delegationCalls")[0]
    assert (call["status"], call["outcome"]) == (None, "failed")
    assert "Connect" in call["error"]


def test_each_merchant_gets_its_own_units_and_its_own_outcome(tenant: Tenant) -> None:
    tenant.settings(delegationRetrySeconds=[10], delegationTimeScale=0.001)
    tenant.control(
        "POST",
        "/seed",
        {"merchants": [{"referenceKey": "orderwise", "orderDelegationUrl": f"{tenant.url}/nowhere"}]},
    )
    lines = ({"sku": "A", "quantity": 2}, {"sku": "B", "merchant": "orderwise", "warehouse": "WH-2"})
    number = tenant.place(*lines)
    eventually(lambda: tenant.summary()["delegationsByState"] == {"acknowledged": 1, "given_up": 1})
    tenant.settle()
    assert [item["merchantKey"] for item in tenant.merchant.orders[0]["items"]] == ["scend", "scend"]
    order = tenant.order(number)
    assert [item["status"] for item in order["items"]] == ["available", "available", "unavailable"]
    assert order["detailedStatus"]["order"]["code"] == "order_delegated"
    tenant.ship(order, *(item["id"] for item in order["items"][:2]))
    assert tenant.code(number) == "order_invoiced"


def test_a_repeated_delegation_is_the_same_bytes_many_times_at_once(tenant: Tenant) -> None:
    order = tenant.place_delegated()
    repeated = tenant.control("POST", f"/orders/{order['id']}/redelegate", {"times": 10})["calls"]
    assert [call["status"] for call in repeated] == [201] * 10
    assert all(body == tenant.merchant.orders[0] for body in tenant.merchant.orders)
    assert len(tenant.merchant.orders) == 11
    assert all(call["latencyMilliseconds"] > 0 for call in tenant.state("delegationCalls"))
    assert len(tenant.facts("delegation.acknowledged")) == 1


def test_later_units_come_in_a_delegation_of_their_own(tenant: Tenant) -> None:
    tenant.settings(delegationDelaySeconds=30)
    number = tenant.place({"sku": "A"}, {"sku": "B", "delegation": 2})
    tenant.advance(31)
    eventually(lambda: len(tenant.merchant.orders) == 1)
    tenant.advance(31)
    eventually(lambda: len(tenant.merchant.orders) == 2)
    first, second = tenant.merchant.orders
    assert first["id"] != second["id"]
    assert first["orderId"] == second["orderId"] == number
    assert [len(first["items"]), len(second["items"])] == [1, 1]
    assert first["items"][0]["orderItemId"] != second["items"][0]["orderItemId"]


def test_a_merchant_without_url_counts_as_acknowledged(tenant: Tenant) -> None:
    tenant.control("POST", "/seed", {"merchants": [{"referenceKey": "quiet"}]})
    order = tenant.place_delegated({"merchant": "quiet"})
    assert order["detailedStatus"]["shipping"]["code"] == "shipping_ordered"


def test_lines_without_virtual_stock_are_dropped_before_the_call(tenant: Tenant) -> None:
    tenant.settings(virtualStock="enforce", delegationDelaySeconds=60)
    for sku in ("A", "B"):
        tenant.control(
            "POST", "/stock", {"sku": sku, "warehouse": "WH-1", "merchant": "scend", "quantity": 1}
        )
    number = tenant.place({"sku": "A"}, {"sku": "B"})
    tenant.advance(5)
    tenant.control("POST", "/stock", {"sku": "B", "warehouse": "WH-1", "merchant": "scend", "quantity": 0})
    tenant.advance(60)
    eventually(lambda: tenant.code(number) == "order_delegated")
    assert [item["merchantProductVariantReferenceKey"] for item in tenant.merchant.orders[0]["items"]] == [
        "A"
    ]
    assert [item["status"] for item in tenant.order(number)["items"]] == ["available", "unavailable"]


def test_an_order_that_fails_verification_goes_back_to_created(tenant: Tenant) -> None:
    tenant.settings(virtualStock="enforce")
    tenant.control("POST", "/stock", {"sku": "A", "warehouse": "WH-1", "merchant": "scend", "quantity": 1})
    number = tenant.place({"sku": "A", "quantity": 2}, confirm=False)
    assert tenant.control("POST", f"/orders/{number}/confirm")["confirmed"] is False
    assert tenant.code(number) == "order_created"
    assert tenant.state("blocks") == []


@pytest.mark.parametrize(("fault", "received"), [("lost_answer", 2), ("lost_request", 1)])
def test_a_lost_answer_or_request_is_a_failure_that_is_tried_again(
    tenant: Tenant, fault: str, received: int
) -> None:
    tenant.control("POST", "/faults", {"fault": fault, "match": {"topic": "delegation"}})
    number = tenant.place()
    eventually(lambda: calls(tenant) == 1)
    tenant.settle()
    assert tenant.code(number) == "order_confirmed"
    tenant.advance(181)
    eventually(lambda: tenant.code(number) == "order_delegated")
    assert len(tenant.merchant.orders) == received


def test_a_reset_ends_calls_that_are_under_way(tenant: Tenant) -> None:
    tenant.merchant.order_delay_seconds = 600.0
    tenant.place()
    eventually(lambda: tenant.merchant.orders)
    tenant.control("POST", "/reset")
    eventually(lambda: tenant.summary()["busy"] == 0)
    assert tenant.summary()["delegationCalls"] == 0
    assert tenant.summary()["scheduled"] == 0
