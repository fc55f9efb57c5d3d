"""Shipments, merchant cancellations and returns at the SCAYLE stand-in, and the money that they move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.sandbox.test_scayle_tenant import SC, Json, Tenant, error_of, eventually


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with Tenant.running() as running:
        yield running


def ids(order: Json) -> list[int]:
    return [item["id"] for item in order["items"]]


def test_a_shipment_delivers_recuts_packages_invoices_and_captures(tenant: Tenant) -> None:
    order = tenant.place_delegated({"quantity": 3}, shippingFee=395)
    answer = tenant.ship(order, *ids(order)[:2])
    assert (answer.status_code, answer.content) == (201, b"")
    after = tenant.order(order["id"])
    assert [item["status"] for item in after["items"]] == ["delivered", "delivered", "available"]
    assert after["items"][0]["shippedAt"]
    assert after["status"] == "invoice_partially_completed"
    assert after["detailedStatus"]["order"]["code"] == "order_delegated"
    forecast, parcel = after["packages"]
    assert forecast["deliveryStatus"] == "shipment_pending"
    assert (parcel["shipmentKey"], parcel["deliveryStatus"]) == ("RM1", "shipment_completed")
    assert parcel["tracking"] == {"id": "RM1", "url": "https://track.example/RM1"}
    assert parcel["shippedAt"] == "2026-03-03T15:20:00+00:00"
    assert [item["packageId"] for item in after["items"]] == [parcel["id"], parcel["id"], forecast["id"]]
    (capture,) = tenant.state("captures")
    assert (capture["amount"], capture["feesAmount"], capture["state"]) == (2 * 1200 + 395, 395, "captured")
    tenant.ship(order, ids(order)[2], key="RM2")
    last = tenant.order(order["id"])
    assert (last["status"], last["detailedStatus"]["order"]["code"]) == (
        "invoice_completed",
        "order_invoiced",
    )
    assert len(last["packages"]) == 2
    assert [row["amount"] for row in tenant.state("captures")] == [2795, 1200]


def test_the_same_shipment_again_has_no_second_effect(tenant: Tenant) -> None:
    order = tenant.place_delegated({"quantity": 2})
    first = ids(order)[0]
    for _ in range(3):
        assert tenant.ship(order, first).status_code == 201
    assert len(tenant.state("captures")) == len(tenant.state("shipments")) == 1
    assert tenant.state("units")[0]["shipments"] == ["RM1"]


@pytest.mark.parametrize("foreign", [False, True])
def test_the_same_key_with_other_units_is_409(tenant: Tenant, foreign: bool) -> None:
    order = tenant.place_delegated({"quantity": 2})
    other = tenant.place_delegated() if foreign else order
    tenant.ship(order, ids(order)[0])
    answer = tenant.ship(other, ids(other)[-1])
    assert (answer.status_code, error_of(answer)["errorKey"]) == (409, "SHIPMENT_EXISTS")


def test_a_shipment_is_taken_whole_or_not_at_all(tenant: Tenant) -> None:
    order = tenant.place_delegated({"quantity": 2})
    first, second = ids(order)
    tenant.ship(order, first)
    answer = tenant.ship(order, first, second, key="RM2")
    assert (answer.status_code, error_of(answer)["errorKey"]) == (409, "ORDER_ITEM_SHIPPED")
    assert tenant.order(order["id"])["items"][1]["status"] == "available"
    assert len(tenant.state("captures")) == 1


@pytest.mark.parametrize(
    ("changes", "status", "key"),
    [
        ({"orderId": 1}, 404, "ORDER_NOT_FOUND"),
        ({"orderId": "7204418"}, 400, "VALIDATION_ERROR"),
        ({"items": []}, 400, "VALIDATION_ERROR"),
        ({"items": [{"orderItemId": 1, "returnKey": "1"}]}, 404, "ORDER_ITEM_NOT_FOUND"),
        ({"items": [{"orderItemId": "61000101", "returnKey": "1"}]}, 400, "VALIDATION_ERROR"),
        ({"items": [{"orderItemId": 61000101}]}, 400, "VALIDATION_ERROR"),
        ({"carrier": "PIGEON"}, 400, "CARRIER_NOT_FOUND"),
        ({"carrier": "DHL_DE"}, 400, "CARRIER_NOT_ASSIGNED"),
        ({"shopKey": "zz"}, 400, "SHOP_COUNTRY_MISMATCH"),
        ({"countryCode": "DE"}, 400, "SHOP_COUNTRY_MISMATCH"),
        ({"deliveryDate": "2026-03-03 15:20"}, 400, "VALIDATION_ERROR"),
        ({"deliveryDate": None}, 400, "VALIDATION_ERROR"),
        ({"shipmentKey": " "}, 400, "VALIDATION_ERROR"),
        ({"merchantReferenceKey": None}, 400, "MERCHANT_MISMATCH"),
        ({"merchantReferenceKey": "orderwise"}, 400, "MERCHANT_MISMATCH"),
        ({"merchantReferenceKey": "nobody"}, 400, "MERCHANT_NOT_FOUND"),
    ],
)
def test_a_faulty_shipment_is_refused_and_changes_nothing(
    tenant: Tenant, changes: dict[str, Any], status: int, key: str
) -> None:
    order = tenant.place_delegated()
    answer = tenant.ship(order, **changes)
    assert (answer.status_code, error_of(answer)["errorKey"]) == (status, key)
    assert tenant.order(order["id"])["items"][0]["status"] == "available"
    assert tenant.state("shipments") == []


def test_the_country_may_be_written_in_any_case(tenant: Tenant) -> None:
    order = tenant.place_delegated()
    assert tenant.ship(order, countryCode="gb").status_code == 201


def test_an_absent_merchant_can_mean_any(tenant: Tenant) -> None:
    tenant.settings(absentMerchant="any")
    order = tenant.place_delegated()
    assert tenant.ship(order, merchantReferenceKey=None).status_code == 201


def test_another_company_does_not_know_the_order(tenant: Tenant) -> None:
    tenant.settings(companies=[1, 2])
    order = tenant.place_delegated()
    body = {
        "shopKey": "nb",
        "countryCode": "GB",
        "orderId": order["id"],
        "items": [{"orderItemId": ids(order)[0]}],
    }
    body["merchantReferenceKey"] = "scend"

    def send(company: str) -> int:
        headers = {"X-Company-Id": company}
        return tenant.api("POST", "/fulfillment/cancellations", body, headers).status_code

    assert [send("2"), send("3"), send("x"), send("1")] == [404, 400, 400, 201]


def test_the_success_code_is_a_switch(tenant: Tenant) -> None:
    tenant.settings(fulfilmentStatus=204)
    order = tenant.place_delegated({"quantity": 2})
    assert tenant.ship(order, ids(order)[0]).status_code == 204
    assert tenant.cancel_items(order, ids(order)[1]).status_code == 204
    assert tenant.send_back(str(ids(order)[0])).status_code == 204


def test_a_merchant_reports_units_before_its_delegation_is_acknowledged(tenant: Tenant) -> None:
    tenant.merchant.order_answers = [(500, {})]
    number = tenant.place({"quantity": 2})
    eventually(lambda: tenant.summary()["delegationCalls"] == 1)
    tenant.settle()
    order = tenant.order(number)
    tenant.settings(updatesBeforeDelegation="409")
    assert tenant.ship(order).status_code == 409
    tenant.settings(updatesBeforeDelegation="accepted")
    assert tenant.ship(order, ids(order)[0]).status_code == 201
    assert tenant.code(number) == "order_delegated"
    assert tenant.state("delegations")[0]["state"] == "acknowledged"


def test_an_order_that_is_not_confirmed_cannot_be_shipped(tenant: Tenant) -> None:
    number = tenant.place(confirm=False)
    assert tenant.ship(tenant.order(number)).status_code == 404


def test_a_merchant_cancellation_makes_units_undeliverable(tenant: Tenant) -> None:
    order = tenant.place_delegated({"quantity": 2})
    first, second = ids(order)
    assert tenant.cancel_items(order, first).status_code == 201
    after = tenant.order(order["id"])
    assert (after["items"][0]["status"], bool(after["items"][0]["cancelledAt"])) == ("undeliverable", True)
    repeated = tenant.cancel_items(order, first)
    assert (repeated.status_code, error_of(repeated)["errorKey"]) == (409, "ORDER_ITEM_CANCELLED")
    tenant.ship(order, second)
    last = tenant.order(order["id"])
    assert last["detailedStatus"]["order"]["code"] == "order_invoiced"
    assert last["detailedStatus"]["shipping"]["code"] == "shipping_partially_undeliverable"
    assert [row["amount"] for row in tenant.state("captures")] == [1200]


def test_when_nothing_was_shippable_the_order_is_cancelled(tenant: Tenant) -> None:
    order = tenant.place_delegated({"quantity": 2})
    tenant.cancel_items(order, *ids(order))
    after = tenant.order(order["id"])
    assert after["detailedStatus"]["order"]["code"] == "order_cancelled"
    assert [fact["to"] for fact in tenant.facts("order.state")][-2:] == ["ABORTED", "CANCELLED"]
    assert tenant.state("captures") == []


def test_a_shipped_unit_is_not_cancelled_unless_switched(tenant: Tenant) -> None:
    order = tenant.place_delegated()
    tenant.ship(order)
    assert tenant.cancel_items(order, *ids(order)).status_code == 409
    tenant.settings(shippedUnitCancellation="accepted")
    assert tenant.cancel_items(order, *ids(order)).status_code == 201
    assert tenant.state("refunds")[0]["reason"] == "late cancellation"


def test_a_return_refunds_exactly_what_was_paid_and_no_fee(tenant: Tenant) -> None:
    voucher = {"type": "absolute", "value": 500, "code": "FIVE"}
    order = tenant.place_delegated({"quantity": 2}, voucher=voucher, shippingFee=395)
    tenant.ship(order)
    first, second = ids(order)
    assert tenant.send_back(str(first)).status_code == 201
    assert tenant.code(order["id"], "billing") == "billing_partially_refunded"
    assert tenant.send_back(str(second)).status_code == 201
    assert [row["amount"] for row in tenant.state("refunds")] == [700, 1200]
    assert tenant.state("captures")[0]["amount"] == order["cost"]["withTax"] == 1900 + 395
    after = tenant.order(order["id"])
    assert {item["status"] for item in after["items"]} == {"returned"}
    assert after["detailedStatus"]["shipping"]["code"] == "shipping_returned"
    types = [
        row["type"] for row in tenant.api("GET", f"{SC}/orders/{order['id']}/invoices").json()["entities"]
    ]
    assert types == ["invoice", "corrective_invoice", "corrective_invoice"]


def test_returns_find_units_by_return_key_or_item_id_once(tenant: Tenant) -> None:
    order = tenant.place_delegated({"quantity": 2})
    first, second = ids(order)
    assert tenant.send_back(str(first)).status_code == 409
    items = [{"orderItemId": first, "returnKey": "KEY-1"}, {"orderItemId": second, "returnKey": "KEY-2"}]
    tenant.ship(order, items=items)
    assert tenant.send_back("KEY-1", str(second)).status_code == 201
    again = tenant.send_back("KEY-1")
    assert (again.status_code, error_of(again)["errorKey"]) == (409, "ORDER_ITEM_RETURNED")
    assert tenant.send_back("KEY-9").status_code == 404
    assert len(tenant.state("refunds")) == 2


def test_a_return_call_is_taken_whole_or_not_at_all_and_for_one_merchant(tenant: Tenant) -> None:
    order = tenant.place_delegated({}, {"merchant": "orderwise", "warehouse": "WH-2"})
    first, second = ids(order)
    tenant.ship(order, first)
    tenant.ship(order, second, key="RM2", merchantReferenceKey="orderwise")
    assert tenant.send_back(str(first), str(second)).status_code == 400
    assert tenant.send_back(str(first), "nothing").status_code == 404
    assert tenant.send_back(str(first), str(first)).status_code == 400
    assert tenant.state("refunds") == []


def test_a_return_key_of_another_unit_is_refused(tenant: Tenant) -> None:
    order, other = tenant.place_delegated(), tenant.place_delegated()
    (number,) = ids(other)
    taken = [{"orderItemId": number, "returnKey": str(ids(order)[0])}]
    answer = tenant.ship(other, items=taken)
    assert (answer.status_code, error_of(answer)["errorKey"]) == (409, "RETURN_KEY_EXISTS")


def test_fourteen_silent_days_close_the_order_as_shipped(tenant: Tenant) -> None:
    tenant.stop_clock()
    order = tenant.place_delegated({"quantity": 2})
    first, second = ids(order)
    tenant.advance(10 * 86_400)
    tenant.ship(order, first)
    tenant.advance(13 * 86_400)
    tenant.settle()
    assert tenant.code(order["id"]) == "order_delegated"
    tenant.advance(86_400)
    eventually(lambda: tenant.code(order["id"]) == "order_invoiced")
    assert tenant.order(order["id"])["items"][1]["status"] == "delivered"
    assert sum(row["amount"] for row in tenant.state("captures")) == 2400
    late = tenant.ship(order, second, key="RM-LATE")
    assert (late.status_code, error_of(late)["errorKey"]) == (409, "ORDER_ITEM_SHIPPED")
    assert tenant.cancel_items(order, second).status_code == 201
    (refund,) = tenant.state("refunds")
    assert (refund["itemId"], refund["amount"], refund["reason"]) == (second, 1200, "late cancellation")


def test_a_shipment_after_the_force_close_can_be_accepted_without_a_second_capture(tenant: Tenant) -> None:
    tenant.settings(shipmentAfterForceClose="accepted")
    order = tenant.place_delegated()
    tenant.control("POST", f"/orders/{order['id']}/force-close")
    assert tenant.ship(order).status_code == 201
    assert len(tenant.state("captures")) == 1
    assert tenant.state("units")[0]["shipments"] == ["RM1"]


def test_a_gift_card_is_used_up_before_anything_is_captured(tenant: Tenant) -> None:
    order = tenant.place_delegated({"quantity": 2}, giftCard=1500)
    assert (order["cost"]["withTax"], order["cost"]["costCapture"]) == (2400, 900)
    for position, number in enumerate(ids(order)):
        tenant.ship(order, number, key=f"RM{position}")
    rows = [(row["giftCardAmount"], row["amount"]) for row in tenant.state("captures")]
    assert rows == [(1200, 0), (300, 900)]


def test_a_failed_capture_waits_for_the_manual_one(tenant: Tenant) -> None:
    order = tenant.place_delegated(captureFails=True)
    tenant.ship(order)
    assert tenant.state("captures")[0]["state"] == "failed"
    assert tenant.code(order["id"]) == "order_invoice_error"
    assert tenant.code(order["id"], "billing") == "billing_payment_pending"
    captured = tenant.api("POST", f"{SC}/orders/{order['id']}/payment/manual-capture")
    assert captured.json()["detailedStatus"]["billing"]["code"] == "billing_completed"
    assert [row["state"] for row in tenant.state("captures")] == ["captured"]
