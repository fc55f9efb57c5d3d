"""OrderWise sandbox: returns, receipts, financial batches (contract 12.9 to 12.11)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

BATCH: dict[str, Any] = {
    "batchRef": "SCY-FIN-2026-03-02-GB",
    "batchDate": "2026-03-02T00:00:00",
    "currency": "GBP",
    "controlTotals": {"count": 2, "net": 49.96, "tax": 9.99, "gross": 59.95},
    "transactions": [
        {
            "transactionRef": "SCY-INV-1",
            "type": "SalesInvoice",
            "date": "2026-03-02T14:05:11",
            "accountNumber": "SCAYLE-UK",
            "customerOrderRef": "SCY-1",
            "nominalCode": "4000",
            "departmentCode": "WEB",
            "costCentre": None,
            "taxCode": "T1",
            "net": 49.96,
            "tax": 9.99,
            "gross": 59.95,
            "description": "Web order",
        },
        {
            "transactionRef": "SCY-PAY-1",
            "type": "SalesReceipt",
            "date": "2026-03-02T14:05:12",
            "accountNumber": "SCAYLE-UK",
            "customerOrderRef": "SCY-1",
            "nominalCode": "1200",
            "departmentCode": "WEB",
            "costCentre": None,
            "taxCode": None,
            "net": 0.00,
            "tax": 0.00,
            "gross": 59.95,
            "paymentMethodId": 7,
            "description": "Card",
        },
    ],
}


def sent(orderwise: Any, reference: str = "SCY-1") -> tuple[int, int]:
    """Create and despatch the example's order; return its id and its line's."""
    order_id = orderwise.create(reference)
    orderwise.floor(reference, "despatch", {"consignments": ["E1"]})
    return order_id, int(orderwise.order(reference)["lines"][0]["orderLineId"])


def announcement(order_id: int, line_id: int, quantity: float = 1, **changes: Any) -> dict[str, Any]:
    line = {"orderLineId": line_id, "variantCode": "TEE-NAVY-M", "quantity": quantity, "reason": "SIZE", "action": "Refund"}
    body = {
        "customerReturnRef": "RET-1",
        "orderId": order_id,
        "returnDate": "2026-03-10T10:00:00",
        "notes": "Too small",
        "lines": [line],
    }
    return {**body, **changes}


def announce(orderwise: Any, body: Any, expect: int = 201) -> Any:
    answer = orderwise.post("/returns/customer-return", body)
    assert answer.status_code == expect, answer.text
    return answer.json()


def test_a_return_is_announced_once(orderwise: Any) -> None:
    body = announcement(*sent(orderwise))
    made = announce(orderwise, body)
    assert made == {
        "returnId": 6120,
        "returnNumber": "R0006120",
        "customerReturnRef": "RET-1",
        "returnStatus": "Awaiting goods",
    }
    assert announce(orderwise, body, 200) == made
    assert announce(orderwise, {**body, "notes": "Other"}, 409)["returnId"] == 6120
    assert orderwise.feed(206) == []


def test_only_what_left_and_did_not_come_back_can_be_announced(orderwise: Any) -> None:
    order_id, line_id = sent(orderwise)
    announce(orderwise, announcement(order_id, line_id, 3), 400)
    announce(orderwise, announcement(order_id, line_id, 1))
    refused = announce(orderwise, announcement(order_id, line_id, 2, customerReturnRef="RET-2"), 400)
    assert refused["errors"] == [{"field": "lines[0].quantity", "message": "qty available to return is 1"}]
    orderwise.control("POST", "/returns/unlinked", {"clientReference": "SCY-1", "lines": [{"lineNumber": 1, "quantity": 1}]})
    announce(orderwise, announcement(order_id, line_id, 1, customerReturnRef="RET-2"), 400)
    orderwise.control("POST", "/returns/by-rma/RET-1/cancel")
    announce(orderwise, announcement(order_id, line_id, 1, customerReturnRef="RET-2"))


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda body: body.update(orderId=1), 404),
        (lambda body: body["lines"][0].update(orderLineId=1), 404),
        (lambda body: body["lines"][0].update(action="Burn"), 400),
        (lambda body: body["lines"][0].update(variantCode="BOOK-ATLAS"), 400),
        (lambda body: body["lines"][0].update(quantity=0), 400),
        (lambda body: body.update(lines=[]), 400),
        (lambda body: body.update(customerReturnRef=None), 400),
        (lambda body: body.update(returnDate="2026-03-10T10:00:00Z"), 400),
    ],
)
def test_wrong_announcements(orderwise: Any, change: Callable[[Any], Any], status: int) -> None:
    body = announcement(*sent(orderwise))
    change(body)
    announce(orderwise, body, status)


def test_goods_come_back_in_parts(orderwise: Any) -> None:
    order_id, line_id = sent(orderwise)
    announce(orderwise, announcement(order_id, line_id, 2))
    part = {"lines": [{"orderLineId": line_id, "quantity": 1, "condition": "Damaged"}]}
    orderwise.control("POST", "/returns/by-rma/RET-1/receive", part)
    (row,) = orderwise.feed(206)
    assert (row["receiptId"], row["customerReturnRef"], row["orderLineId"]) == (9034, "RET-1", line_id)
    assert (row["condition"], row["action"], row["returnStatus"]) == ("Damaged", "Refund", "Partially received")
    assert orderwise.shelf()["freeStock"] == 45, "damaged goods are no stock"
    orderwise.wind(1)
    again = {"lines": [{"sku": "TEE-NAVY-M", "quantity": 1, "action": "Reject"}]}
    orderwise.control("POST", "/returns/by-rma/RET-1/receive", again)
    fresh = orderwise.feed(206, row["lastAmendedAt"])
    assert {one["receiptId"]: one["returnStatus"] for one in fresh} == {9034: "Received", 9035: "Received"}
    assert orderwise.shelf()["freeStock"] == 46
    orderwise.wind(1)
    orderwise.control("POST", "/returns/by-rma/RET-1/complete")
    assert {one["returnStatus"] for one in orderwise.feed(206)} == {"Completed"}
    booked = [fact["lines"][0] for fact in orderwise.facts("receipt_booked")]
    assert [(one["receiptId"], one["quantity"], one["conditionCode"]) for one in booked] == [
        (9034, 1, "Damaged"),
        (9035, 1, "Resaleable"),
    ]


def test_goods_come_back_that_nobody_announced(orderwise: Any) -> None:
    order_id, line_id = sent(orderwise)
    orderwise.control("POST", "/returns/unlinked", {"lines": [{"sku": "BOOK-ATLAS", "quantity": 1}]})
    orderwise.control("POST", "/returns/unlinked", {"orderId": order_id, "lines": [{"sku": "TEE-NAVY-M", "quantity": 1}]})
    foreign = {"sku": "TEE-NAVY-M", "quantity": 1, "linked": False}
    orderwise.control("POST", "/returns/unlinked", {"clientReference": "SCY-1", "lines": [foreign]})
    rows = orderwise.feed(206)
    assert [(row["customerReturnRef"], row["orderId"], row["orderLineId"]) for row in rows] == [
        (None, None, None),
        (None, order_id, line_id),
        (None, order_id, None),
    ]
    assert orderwise.shelf()["freeStock"] == 47


def test_more_than_was_announced_and_something_else_may_come(orderwise: Any) -> None:
    order_id, line_id = sent(orderwise)
    announce(orderwise, announcement(order_id, line_id, 1))
    lines = [{"lineNumber": 1, "quantity": 2}, {"sku": "BOOK-ATLAS", "quantity": 1}]
    shown = orderwise.control("POST", "/returns/6120/receive", {"lines": lines})
    assert (shown["status"], shown["lines"][0]["quantityReceived"]) == ("Received", 2)
    assert [row["returnLineId"] for row in orderwise.feed(206)] == [15507, None]
    orderwise.control("POST", "/returns/6120/receive", {"lines": [{"sku": "NO-SUCH", "quantity": 1}]}, 400)


def post(orderwise: Any, batch: Any, expect: int = 201) -> Any:
    answer = orderwise.post("/accounts/financial-batch", batch)
    assert answer.status_code == expect, answer.text
    return answer.json()


def test_a_batch_is_posted_once_and_read_back(orderwise: Any) -> None:
    made = post(orderwise, BATCH)
    assert made == {"batchId": 318, "batchRef": BATCH["batchRef"], "batchStatus": "Posted", "accepted": 2}
    assert post(orderwise, BATCH, 200) == made
    other = copy.deepcopy(BATCH)
    other["transactions"][0]["description"] = "Other"
    assert post(orderwise, other, 409)["batchId"] == 318
    assert orderwise.get("/accounts/financial-batch", batch_ref=BATCH["batchRef"]).json() == [made]
    assert orderwise.get("/accounts/financial-batch", batch_ref="other").json() == []
    (fact,) = orderwise.facts("batch_posted")
    assert (fact["batchRef"], len(fact["transactions"])) == (BATCH["batchRef"], 2)


WRONG: list[tuple[Callable[[Any], Any], str]] = [
    (lambda batch: batch["transactions"][0].update(gross=59.94), "transactions[0].gross"),
    (lambda batch: batch["transactions"][0].update(nominalCode="9999"), "transactions[0].nominalCode"),
    (lambda batch: batch["transactions"][0].update(departmentCode="X"), "transactions[0].departmentCode"),
    (lambda batch: batch["transactions"][0].update(costCentre="X"), "transactions[0].costCentre"),
    (lambda batch: batch["transactions"][0].update(taxCode="T9"), "transactions[0].taxCode"),
    (lambda batch: batch["transactions"][0].update(taxCode=None), "transactions[0].taxCode"),
    (lambda batch: batch["transactions"][0].update(accountNumber="X"), "transactions[0].accountNumber"),
    (lambda batch: batch["transactions"][0].update(type="Invoice"), "transactions[0].type"),
    (lambda batch: batch["transactions"][0].update(net=-1), "transactions[0].net"),
    (lambda batch: batch["transactions"][0].update(net=1.001), "transactions[0].net"),
    (lambda batch: batch["transactions"][1].update(transactionRef="SCY-INV-1"), "transactions[1].transactionRef"),
    (lambda batch: batch["transactions"][1].update(paymentMethodId=99), "transactions[1].paymentMethodId"),
    (lambda batch: batch["controlTotals"].update(gross=59.96), "controlTotals.gross"),
    (lambda batch: batch["controlTotals"].update(count=1), "controlTotals.count"),
    (lambda batch: batch.update(controlTotals=None), "controlTotals"),
    (lambda batch: batch.update(currency="USD"), "currency"),
    (lambda batch: batch.update(transactions=[]), "transactions"),
    (lambda batch: batch.update(batchDate="2026-03-02T00:00:00Z"), "batchDate"),
]


@pytest.mark.parametrize(("change", "field"), WRONG)
def test_a_batch_with_one_fault_posts_nothing(orderwise: Any, change: Callable[[Any], Any], field: str) -> None:
    batch = copy.deepcopy(BATCH)
    change(batch)
    errors = post(orderwise, batch, 400)["errors"]
    assert errors[0]["field"] == field
    if field.startswith("transactions["):
        assert errors[0]["transactionRef"].startswith("SCY-")
    assert orderwise.get("/accounts/financial-batch").json() == []


def test_credits_count_against_invoices_in_the_control_totals(orderwise: Any) -> None:
    batch = copy.deepcopy(BATCH)
    credit = {**batch["transactions"][0], "type": "SalesCredit", "transactionRef": "SCY-CRN-1"}
    batch["transactions"].append({**credit, "net": 25.00, "tax": 5.00, "gross": 30.00})
    batch["controlTotals"] = {"count": 3, "net": 24.96, "tax": 4.99, "gross": 29.95}
    assert post(orderwise, batch)["accepted"] == 3


def test_a_closed_period_takes_nothing_until_it_is_opened(orderwise: Any) -> None:
    orderwise.control("POST", "/periods/close", {"period": "2026-03"})
    assert post(orderwise, BATCH, 409)["message"] == "Period closed"
    later = {**copy.deepcopy(BATCH), "batchDate": "2026-04-01T00:00:00"}
    assert post(orderwise, later, 409)["message"] == "Period closed", "its transactions are of March"
    orderwise.control("POST", "/periods/open", {"period": "2026-03"})
    post(orderwise, BATCH)
    orderwise.control("POST", "/periods/close", {"period": "2026-03"})
    post(orderwise, BATCH, 200)
