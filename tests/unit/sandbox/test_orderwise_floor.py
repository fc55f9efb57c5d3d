"""OrderWise sandbox: picking, despatching, tracking, holds, cancelling (contract 7, 12.4 to 12.6)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

TWO = Decimal(2)


def lines_of(orderwise: Any, reference: str = "SCY-1") -> list[int]:
    return [line["orderLineId"] for line in orderwise.order(reference)["lines"]]


def cancel(orderwise: Any, order_id: int, *lines: tuple[int, float], expect: int = 200) -> Any:
    body: dict[str, Any] = {"reason": "Customer request"}
    if lines:
        body["lines"] = [{"orderLineId": number, "quantity": quantity} for number, quantity in lines]
    answer = orderwise.post(f"/sales/order/{order_id}/cancel", body)
    assert answer.status_code == expect, answer.text
    return answer.json()


def test_an_order_is_picked_and_despatched_with_two_consignments(orderwise: Any) -> None:
    order_id = orderwise.create(lines=[("TEE-NAVY-M", 3), ("BOOK-ATLAS", 1)])
    assert orderwise.status(order_id)["subStatus"] == ""
    orderwise.floor("SCY-1", "advance", {"to": "ALLOCATED"})
    assert orderwise.status(order_id)["subStatus"] == "Allocated"
    orderwise.floor("SCY-1", "advance", {"to": "PICKING"})
    shown = orderwise.status(order_id)
    assert (shown["orderStatus"], shown["subStatus"]) == ("Awaiting despatch", "Picking")
    consignments = [
        {"number": "E1", "lines": [{"lineNumber": 1, "quantity": 2}]},
        {"number": "E2", "lines": [{"lineNumber": 1, "quantity": 1}, {"sku": "BOOK-ATLAS", "quantity": 1}]},
    ]
    made = orderwise.floor("SCY-1", "despatch", {"consignments": consignments})
    assert (made["isFinal"], [one["trackingNumber"] for one in made["parcels"]]) == (True, ["E1", "E2"])
    shown = orderwise.status(order_id)
    assert (shown["orderStatus"], shown["subStatus"]) == ("Completed", "")
    (delivery,) = shown["deliveries"]
    assert delivery["consignmentNumbers"] == ["E1", "E2"]
    assert delivery["trackingUrl"] == "https://track.example.test/E1"
    rows = orderwise.feed(202)
    assert [(row["variantCode"], row["consignmentNumber"], row["quantity"]) for row in rows] == [
        ("TEE-NAVY-M", "E1", TWO),
        ("TEE-NAVY-M", "E2", Decimal(1)),
        ("BOOK-ATLAS", "E2", Decimal(1)),
    ]
    assert len({row["lastAmendedAt"] for row in rows}) == 1
    assert set(rows[0]) == {
        "despatchId", "despatchNumber", "despatchedAt", "lastAmendedAt", "orderId", "orderNumber", "customerOrderRef",
        "orderLineId", "variantCode", "quantity", "stockLocationId", "courierName", "consignmentNumber", "trackingUrl",
    }  # fmt: skip
    assert (orderwise.shelf()["physical"], orderwise.shelf()["freeStock"]) == (44, 44)


def test_the_status_answer_has_parts_only_where_they_are_asked_for(orderwise: Any) -> None:
    order_id = orderwise.create()
    assert set(orderwise.get(f"/sales/order/{order_id}/status").json()) == {
        "orderNumber", "eCommerceOrderNumber", "orderStatus", "subStatus"
    }  # fmt: skip
    missing = orderwise.get("/sales/order/5/status")
    assert (missing.status_code, missing.json()["message"]) == (404, "Order not found")


def test_consignment_numbers_may_come_later_or_never(orderwise: Any) -> None:
    order_id = orderwise.create()
    made = orderwise.floor("SCY-1", "despatch")
    (row,) = orderwise.feed(202)
    assert (row["consignmentNumber"], row["trackingUrl"], row["quantity"]) == (None, None, TWO)
    (delivery,) = orderwise.status(order_id)["deliveries"]
    assert (delivery["consignmentNumbers"], delivery["trackingUrl"]) == ([], None)
    cursor = row["lastAmendedAt"]
    orderwise.wind(1)
    orderwise.control("POST", f"/despatches/{made['despatchId']}/tracking", {"consignments": ["E1", "E2"]})
    rows = orderwise.feed(202, cursor)
    assert [(one["consignmentNumber"], one["quantity"]) for one in rows] == [("E1", 1), ("E2", 1)]
    assert rows[0]["despatchedAt"] == row["despatchedAt"]
    assert orderwise.feed(202) == rows, "the row without a number is gone"
    numbers = [one["consignments"] for one in orderwise.facts("tracking_set")]
    assert numbers == [[{"trackingNumber": "E1"}, {"trackingNumber": "E2"}]]


def test_parcels_are_understood_as_the_other_stand_in_has_them(orderwise: Any) -> None:
    orderwise.create(lines=[("TEE-NAVY-M", 2)])
    parcels = [{"lines": [{"lineNumber": 1, "quantity": 1}], "trackingNumber": "E1"}]
    made = orderwise.floor("SCY-1", "despatch", {"parcels": parcels})
    assert (made["isFinal"], made["parcels"][0]["trackingNumber"]) == (False, "E1")
    untracked = orderwise.floor("SCY-1", "despatch", {"parcels": [{"lines": [{"lineNumber": 1, "quantity": 1}]}]})
    assert (untracked["isFinal"], untracked["parcels"][0]["trackingNumber"]) == (True, None)


@pytest.mark.parametrize(
    "body",
    [
        {"lines": [{"lineNumber": 1, "quantity": 3}]},
        {"lines": [{"lineNumber": 1, "quantity": 2}], "consignments": [{"number": "E", "lines": [{"lineNumber": 1, "quantity": 1}]}]},
    ],
)
def test_what_is_not_there_cannot_leave(orderwise: Any, body: dict[str, Any]) -> None:
    orderwise.create()
    orderwise.floor("SCY-1", "despatch", body, 409)
    orderwise.control("POST", "/stock/adjust", {"sku": "TEE-NAVY-M", "stockLocationId": 3, "physical": 1})
    orderwise.floor("SCY-1", "despatch", {}, 409)
    assert orderwise.feed(202) == []
    orderwise.floor("SCY-1", "despatch", {"force": True})
    assert orderwise.shelf()["physical"] == -1


def test_holds_come_before_anything_leaves(orderwise: Any) -> None:
    order_id = orderwise.create()
    orderwise.floor("SCY-1", "hold")
    assert orderwise.status(order_id)["orderStatus"] == "On hold"
    orderwise.floor("SCY-1", "despatch", {}, 409)
    orderwise.floor("SCY-1", "unhold")
    orderwise.floor("SCY-1", "despatch", {"lines": [{"lineNumber": 1, "quantity": 1}]})
    assert orderwise.order()["status"] == "PARTIALLY_DESPATCHED"
    orderwise.floor("SCY-1", "hold", {}, 409)
    orderwise.floor("SCY-1", "invoice", {}, 409)
    orderwise.floor("SCY-1", "advance", {"to": "INVOICED"})
    assert orderwise.status(order_id)["orderStatus"] == "Invoice Waiting to be Printed"
    assert (orderwise.order()["orderStatusId"], orderwise.order()["status"]) == (6, "DESPATCHED")


def test_an_installation_may_call_statuses_otherwise(orderwise: Any) -> None:
    order_id = orderwise.create()
    orderwise.settings(statusTexts={"1": " READY to go "})
    assert orderwise.status(order_id)["orderStatus"] == " READY to go "
    assert orderwise.export(201, reference="SCY-1")[0]["orderStatus"] == " READY to go "
    assert orderwise.status(order_id)["lines"][0]["lineStatus"] == " READY to go "
    orderwise.settings(statusTexts=None)
    orderwise.floor("SCY-1", "texts", {"orderStatus": "Awaiting credit control", "subStatus": "Chased"})
    shown = orderwise.status(order_id)
    assert (shown["orderStatus"], shown["subStatus"]) == ("Awaiting credit control", "Chased")


def test_a_whole_order_is_cancelled_once_and_answers_alike_again(orderwise: Any) -> None:
    order_id = orderwise.create()
    assert orderwise.shelf()["freeStock"] == 45
    (line_id,) = lines_of(orderwise)
    shown = cancel(orderwise, order_id)
    assert shown == {
        "orderId": order_id,
        "orderStatus": "Cancelled",
        "lines": [{"orderLineId": line_id, "quantityCancelled": 2.0}],
    }
    assert cancel(orderwise, order_id) == shown
    assert cancel(orderwise, order_id, (line_id, 2)) == shown
    assert orderwise.shelf()["freeStock"] == 47
    (fact,) = orderwise.facts("order_cancelled")
    assert (fact["initiator"], fact["clientReference"]) == ("CLIENT", "SCY-1")
    orderwise.floor("SCY-1", "despatch", {}, 409)


@pytest.mark.parametrize("verb", ["hold", "allocate"])
def test_held_and_allocated_orders_can_be_cancelled(orderwise: Any, verb: str) -> None:
    order_id = orderwise.create()
    orderwise.floor("SCY-1", verb)
    assert cancel(orderwise, order_id)["orderStatus"] == "Cancelled"


def test_from_picking_on_it_is_too_late(orderwise: Any) -> None:
    order_id = orderwise.create()
    (line_id,) = lines_of(orderwise)
    orderwise.floor("SCY-1", "pick")
    refused = cancel(orderwise, order_id, expect=409)
    assert (refused["message"], refused["orderStatus"]) == ("Order is being processed", "Awaiting despatch")
    cancel(orderwise, order_id, (line_id, 1), expect=409)
    assert [fact["status"] for fact in orderwise.facts("cancel_refused")] == ["PICKING", "PICKING"]
    orderwise.floor("SCY-1", "unpick")
    cancel(orderwise, order_id, (line_id, 1))
    orderwise.floor("SCY-1", "despatch")
    cancel(orderwise, order_id, expect=409)
    assert cancel(orderwise, order_id, (line_id, 1))["orderStatus"] == "Completed", "one was cancelled before"
    cancel(orderwise, order_id, (line_id, 2), expect=409)


def test_the_rest_of_a_part_despatch_is_cancelled_by_lines(orderwise: Any) -> None:
    order_id = orderwise.create(lines=[("TEE-NAVY-M", 3), ("BOOK-ATLAS", 2)])
    first, second = lines_of(orderwise)
    orderwise.floor("SCY-1", "despatch", {"lines": [{"lineNumber": 1, "quantity": 1}]})
    orderwise.floor("SCY-1", "pick", {"lines": [{"lineNumber": 1, "quantity": 1}]})
    cancel(orderwise, order_id, expect=409)
    cancel(orderwise, order_id, (first, 2), expect=409)
    shown = cancel(orderwise, order_id, (first, 1), (second, 2))
    assert shown["orderStatus"] == "Partially despatched"
    assert shown["lines"] == [
        {"orderLineId": first, "quantityCancelled": 1.0},
        {"orderLineId": second, "quantityCancelled": 2.0},
    ]
    orderwise.floor("SCY-1", "unpick")
    assert cancel(orderwise, order_id, (first, 1))["orderStatus"] == "Completed"
    line = orderwise.status(order_id)["lines"][0]
    wanted = ("quantityRequired", "quantitySent", "quantityToBeSent", "quantityCancelled")
    assert [line[name] for name in wanted] == [3, 1, 0, 2]
    assert orderwise.shelf()["freeStock"] == 46
    assert orderwise.facts("order_cancelled") == []
    assert [fact["initiator"] for fact in orderwise.facts("lines_cancelled")] == ["CLIENT", "CLIENT"]


def test_cancelling_what_is_not_there(orderwise: Any) -> None:
    order_id = orderwise.create()
    (line_id,) = lines_of(orderwise)
    assert orderwise.post("/sales/order/5/cancel", {}).status_code == 404
    for lines, field in (
        ([{"orderLineId": 1, "quantity": 1}], "lines[0].orderLineId"),
        ([{"orderLineId": line_id, "quantity": 3}], "lines[0].quantity"),
        ([{"orderLineId": line_id, "quantity": 0}], "lines[0].quantity"),
        ([], "lines"),
    ):
        answer = orderwise.post(f"/sales/order/{order_id}/cancel", {"lines": lines})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_the_warehouse_cancels_what_is_picked_too(orderwise: Any) -> None:
    orderwise.create()
    orderwise.floor("SCY-1", "pick")
    orderwise.floor("SCY-1", "warehouse-cancel", {"lines": [{"lineNumber": 1, "quantity": 1}]})
    orderwise.floor("SCY-1", "warehouse-cancel")
    assert orderwise.order()["status"] == "CANCELLED"
    assert [fact["initiator"] for fact in orderwise.facts("order_cancelled")] == ["WAREHOUSE"]
    orderwise.floor("SCY-1", "warehouse-cancel", {}, 409)


def test_a_kit_takes_its_components(orderwise: Any) -> None:
    orderwise.create(lines=[("KIT-PICNIC", 2)])
    assert (orderwise.shelf("MUG-WHITE ")["freeStock"], orderwise.shelf("BOTTLE-STEEL")["freeStock"]) == (36, 16)
    assert orderwise.shelf("KIT-PICNIC")["freeStock"] == 16
    orderwise.floor("SCY-1", "despatch")
    assert (orderwise.shelf("MUG-WHITE ")["physical"], orderwise.shelf("KIT-PICNIC")["physical"]) == (36, 0)


def test_the_oracle_speaks_as_the_other_stand_in_does(orderwise: Any) -> None:
    from syncbridge.sandbox.warehouse_records import WAREHOUSE_SECTIONS, read_warehouse

    orderwise.create("SCY-S1-4711")
    orderwise.floor("SCY-S1-4711", "despatch", {"lines": [{"lineNumber": 1, "quantity": 1}], "consignments": ["E1"]})
    record = read_warehouse(orderwise.control("GET", f"/state?section={WAREHOUSE_SECTIONS}"))
    (order,) = record.by_shop_order[4711]
    assert (order.status, order.is_live, order.units()) == ("PARTIALLY_DESPATCHED", True, {"TEE-NAVY-M": 2})
    assert (order.lines[0].allocated, order.lines[0].despatched) == (1, 1)
    (parcel,) = record.despatches[0].parcels
    assert (parcel.tracking, parcel.units) == ("E1", {"TEE-NAVY-M": 1})
    assert {row.sku: row.available_for_sale for row in record.stock}["SOCK-WOOL-M"] == 0
