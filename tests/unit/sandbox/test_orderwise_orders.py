"""OrderWise sandbox: creating orders, what is refused, repeats, deferred import (contract 12.2, 12.3, 4)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

Change = Callable[[dict[str, Any]], Any]


def test_the_contracts_example_is_taken_and_found(orderwise: Any) -> None:
    answer = orderwise.send_order(orderwise.body())
    assert answer.status_code == 201
    made = answer.json()
    assert (made["orderId"], made["orderNumber"], made["eCommerceOrderNumber"]) == (98121, "3622", "SCY-1")
    (row,) = orderwise.export(201, reference="SCY-1")
    assert row.pop("lastAmendedAt")
    assert row == {
        "orderId": 98121,
        "orderNumber": "3622",
        "customerOrderRef": "SCY-1",
        "systemOrderType": 1,
        "orderStatusId": 1,
        "orderStatus": "Awaiting despatch",
        "orderDate": "2026-03-02T14:05:11",
    }
    assert orderwise.export(201, reference="SCY-2") == []
    assert orderwise.order()["content"] == orderwise.body()
    (fact,) = orderwise.facts("order_created")
    assert (fact["orderId"], fact["clientReference"]) == (98121, "SCY-1")
    assert fact["lines"] == [{"lineNumber": 1, "sku": "TEE-NAVY-M", "quantity": 2}]


@pytest.mark.parametrize("session", ["99", "x", ""])
def test_an_unknown_session_is_refused(orderwise: Any, session: str) -> None:
    answer = orderwise.send_order(orderwise.body(), session)
    assert (answer.status_code, answer.json()["message"]) == (400, "Session not found")


def _line(**changes: Any) -> Change:
    return lambda body: body["orderLines"][0].update(changes)


def _header(**changes: Any) -> Change:
    return lambda body: body["orderHeader"].update(changes)


REFUSED: list[tuple[Change, str]] = [
    (lambda body: body.update(customer={"id": 1}), "customer.id"),
    (lambda body: body.update(customer={"accountNumber": "NOBODY"}), "customer.accountNumber"),
    (lambda body: body.update(customer={}), "customer.id"),
    (lambda body: body.pop("customer"), "customer"),
    (lambda body: body.update(orderLines=[]), "orderLines"),
    (lambda body: body.update(orderLines={}), "orderLines"),
    (_header(eCommerceOrderNumber=None), "orderHeader.eCommerceOrderNumber"),
    (_header(systemOrderType=9), "orderHeader.systemOrderType"),
    (_header(deliveryMethodId=77), "orderHeader.deliveryMethodId"),
    (_header(currencyId=9), "orderHeader.currencyId"),
    (_header(deliveryTaxRateId=9), "orderHeader.deliveryTaxRateId"),
    (_header(orderDate="2026-03-02T14:05:11Z"), "orderHeader.orderDate"),
    (_header(orderDate="2026-03-02T14:05:11+00:00"), "orderHeader.orderDate"),
    (_header(orderDate="02/03/2026"), "orderHeader.orderDate"),
    (_header(orderGross="59.95"), "orderHeader.orderGross"),
    (_header(orderGross=59.949), "orderHeader.orderGross"),
    (_header(orderGross=True), "orderHeader.orderGross"),
    (_line(variantCode="NO-SUCH"), "orderLines[0].variantCode"),
    (_line(variantCode="TEE-OLD-S"), "orderLines[0].variantCode"),
    (_line(variantCode="KNIFE-CHEF"), "orderLines[0].variantCode"),
    (_line(variantCode="85123Á"), "orderLines[0].variantCode"),
    (_line(quantity=0), "orderLines[0].quantity"),
    (_line(quantity="2"), "orderLines[0].quantity"),
    (_line(quantity=None), "orderLines[0].quantity"),
    (_line(itemGross=30.00001), "orderLines[0].itemGross"),
    (_line(itemGross=None, itemNet=None), "orderLines[0].itemGross"),
    (_line(itemGross=-1), "orderLines[0].itemGross"),
    (_line(taxRateId=4), "orderLines[0].taxRateId"),
    (_line(stockLocationId=2), "orderLines[0].stockLocationId"),
    (_line(itemNumber=0), "orderLines[0].itemNumber"),
    (lambda body: body["customerDeliveryAddress"].update(deliveryMethodId=4), "customerDeliveryAddress.deliveryMethodId"),
    (lambda body: body["customerDeliveryAddress"].update(postcode=5), "customerDeliveryAddress.postcode"),
    (lambda body: body["dissurs"][0].update(description="webdiscount"), "dissurs[0].description"),
    (lambda body: body["dissurs"][0].update(taxRateId=9), "dissurs[0].taxRateId"),
    (lambda body: body["payments"][0].update(paymentMethodId=9), "payments[0].paymentMethodId"),
    (lambda body: body["payments"][0].update(amount=1.999), "payments[0].amount"),
]


@pytest.mark.parametrize(("change", "field"), REFUSED)
def test_every_wrong_field_is_named(orderwise: Any, change: Change, field: str) -> None:
    body = orderwise.body()
    change(body)
    answer = orderwise.send_order(body)
    assert answer.status_code == 400
    assert field in [one["field"] for one in answer.json()["errors"]]
    assert orderwise.export(201, reference="SCY-1") == []


def test_all_faults_are_named_at_once(orderwise: Any) -> None:
    body = orderwise.body(deliveryMethodId=77)
    body["customer"] = {"id": 1}
    body["orderLines"].append({**body["orderLines"][0], "variantCode": "NO-SUCH"})
    fields = [one["field"] for one in orderwise.send_order(body).json()["errors"]]
    assert fields == [
        "customer.id",
        "orderHeader.deliveryMethodId",
        "orderLines[1].itemNumber",
        "orderLines[1].variantCode",
    ]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"orderGross": 59.98}, None),
        ({"orderGross": 59.92, "orderTax": 9.96}, None),
        ({"orderGross": 59.99, "orderTax": 10.03}, "orderHeader.orderGross"),
        ({"orderNet": 49.92, "orderTax": 10.03}, "orderHeader.orderNet"),
        ({"orderTax": 9.95}, "orderHeader.orderTax"),
        ({"deliveryTax": 0.9}, "orderHeader.deliveryTax"),
    ],
)
def test_totals_are_checked_to_the_penny(orderwise: Any, changes: dict[str, Any], field: str | None) -> None:
    """The example has one line, a delivery and a discount, so three pence may be missing."""
    answer = orderwise.send_order(orderwise.body(**changes))
    if field is None:
        assert answer.status_code == 201
        return
    assert answer.status_code == 400
    assert [one["field"] for one in answer.json()["errors"]] == [field]
    assert "reconcile" in answer.json()["message"]


def test_unit_prices_have_four_places_and_no_float_residue(orderwise: Any) -> None:
    body = orderwise.body(deliveryGross=0, deliveryNet=0, deliveryTax=0, orderGross=1.0, orderNet=0.83, orderTax=0.17)
    body["orderLines"][0] |= {"quantity": 3, "itemGross": 0.3333, "itemNet": 0.2778}
    body["dissurs"] = []
    assert orderwise.send_order(body).status_code == 201
    text = orderwise.session.get(f"{orderwise.root}/_sandbox/orders/by-reference/SCY-1", timeout=5).text
    assert '"itemGross":0.3333' in text
    assert '"itemNet":0.2778' in text


def test_a_surcharge_adds_and_a_net_discount_is_grossed_up(orderwise: Any) -> None:
    body = orderwise.body()
    body["dissurs"] = [
        {"description": "GIFTWRAP", "discount": False, "grossDiscount": True, "price": 3.00, "taxRateId": 1},
        {"description": "WEBDISCOUNT", "discount": True, "grossDiscount": False, "price": 5.00, "taxRateId": 1},
    ]
    # 60.00 + 4.95 + 3.00 - 6.00 gross; 50.00 + 4.13 + 2.50 - 5.00 net
    body["orderHeader"] |= {"orderGross": 61.95, "orderNet": 51.63, "orderTax": 10.32}
    assert orderwise.send_order(body).status_code == 201


def test_totals_can_be_left_unchecked_for_foreign_clients(orderwise: Any) -> None:
    orderwise.settings(checkTotals=False)
    assert orderwise.send_order(orderwise.body(orderGross=1.00)).status_code == 201


def test_strict_fields_refuses_what_is_misspelt(orderwise: Any) -> None:
    body = orderwise.body()
    body["orderLines"][0]["eCommerceItemID"] = "x"
    body["orderHeader"]["warehouse"] = 3
    assert orderwise.send_order(body).status_code == 201
    orderwise.settings(strictFields=True)
    answer = orderwise.send_order({**body, "extra": 1})
    fields = {one["field"] for one in answer.json()["errors"]}
    assert fields == {"extra", "orderHeader.warehouse", "orderLines[0].eCommerceItemID"}
    assert orderwise.send_order(orderwise.body("SCY-2")).status_code == 201


def test_codes_compare_as_the_database_does(orderwise: Any) -> None:
    orderwise.create("SCY-1", lines=[("mug-white", 1), ("85123a", 2), ("85123A  ", 1)])
    assert [line["variantCode"] for line in orderwise.order()["lines"]] == ["MUG-WHITE ", "85123a", "85123A"]
    assert [row["variantCode"] for row in orderwise.export(205, variant_code="85123a")] == ["85123A", "85123a"]
    assert orderwise.export(205, variant_code="nothing") == []
    (item,) = orderwise.export(205, variant_code="tee-navy-m")
    assert (item["variantId"], item["taxCode"], item["taxRate"]) == (5521, "T1", Decimal("20.0"))
    assert (item["rspExcVat"], item["rspIncVat"], item["discontinued"]) == (Decimal("25.0"), Decimal("30.0"), False)


def test_a_repeated_number_is_refused_with_the_id_it_has(orderwise: Any) -> None:
    order_id = orderwise.create()
    answer = orderwise.send_order(orderwise.body())
    assert (answer.status_code, answer.json()["orderId"]) == (409, order_id)
    assert orderwise.send_order(orderwise.body(), 13).status_code == 201, "another session, another order"
    assert [row["orderId"] for row in orderwise.export(201, reference="SCY-1")] == [order_id, order_id + 1]


def test_a_repeated_number_may_be_accepted(orderwise: Any) -> None:
    orderwise.settings(duplicatePolicy="accept")
    first, second = orderwise.create(), orderwise.create()
    assert [row["orderId"] for row in orderwise.export(201, reference="SCY-1")] == [first, second]


def test_orderwise_may_duplicate_an_order_itself(orderwise: Any) -> None:
    first = orderwise.create()
    made = orderwise.floor("SCY-1", "duplicate")
    assert made["duplicateOf"] == first
    rows = orderwise.export(201, reference="SCY-1")
    assert [row["orderId"] for row in rows] == [first, made["orderId"]]
    assert orderwise.shelf()["freeStock"] == 43


@pytest.mark.parametrize("status", [202, 200])
def test_a_deferred_order_appears_later(orderwise: Any, status: int) -> None:
    orderwise.stop_clock()
    orderwise.settings(importMode="deferred:300", deferredStatus=status)
    answer = orderwise.send_order(orderwise.body())
    assert (answer.status_code, answer.json()) == (status, {"eCommerceOrderNumber": "SCY-1"})
    again = orderwise.send_order(orderwise.body())
    assert again.status_code == 409
    assert "orderId" not in again.json()
    assert orderwise.export(201, reference="SCY-1") == []
    orderwise.wind(299)
    assert orderwise.export(201, reference="SCY-1") == []
    orderwise.wind(1)
    assert len(_eventually(lambda: orderwise.export(201, reference="SCY-1"))) == 1
    assert orderwise.send_order(orderwise.body()).json()["orderId"] == 98121
    assert [one["state"] for one in orderwise.control("GET", "/state?section=imports")["imports"]] == ["imported"]


def test_a_deferred_order_may_be_refused_at_the_import(orderwise: Any) -> None:
    orderwise.settings(importMode="deferred:60")
    orderwise.fault(fault="import_refused")
    for reference in ("SCY-1", "SCY-2", "SCY-3"):
        assert orderwise.send_order(orderwise.body(reference)).status_code == 202
    orderwise.control("POST", "/imports/SCY-2/refuse", {"reason": "no such thing"})
    orderwise.control("POST", "/imports/SCY-3/import")
    orderwise.wind(61)
    assert len(_eventually(lambda: orderwise.facts("import_refused"), 2)) == 2
    imports = orderwise.control("GET", "/state?section=imports")["imports"]
    assert [one["state"] for one in imports] == ["refused", "refused", "imported"]
    assert orderwise.export(201, reference="SCY-1") == []
    orderwise.settings(importMode="immediate")
    assert orderwise.send_order(orderwise.body("SCY-1")).status_code == 201, "what was refused can be sent again"


def test_the_contents_may_be_judged_at_the_import_only(orderwise: Any) -> None:
    orderwise.settings(importMode="deferred:1", deferredChecks="import")
    body = orderwise.body()
    body["orderLines"][0]["variantCode"] = "NO-SUCH"
    assert orderwise.send_order(body).status_code == 202
    orderwise.wind(2)
    (fact,) = _eventually(lambda: orderwise.facts("import_refused"))
    assert "variantCode" in fact["reason"]


def test_a_body_that_is_no_order_is_refused(orderwise: Any) -> None:
    for body in ([], "x", {"orderHeader": []}, {"orderHeader": {"eCommerceOrderNumber": 5}}):
        assert orderwise.send_order(body).status_code == 400
    answer = orderwise.call("POST", "/sales/order?session_id=12", data=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["message"].startswith("The body is not JSON")) == (400, True)
    assert orderwise.call("POST", "/sales/order?session_id=12", data=b"{}").status_code == 415


def test_an_item_from_two_locations_is_two_lines(orderwise: Any) -> None:
    body = orderwise.body(orderGross=89.95, orderNet=74.96, orderTax=14.99)
    second = copy.deepcopy(body["orderLines"][0])
    body["orderLines"].append({**second, "itemNumber": 2, "quantity": 1, "stockLocationId": 1})
    assert orderwise.send_order(body).status_code == 201
    assert (orderwise.shelf(location=3)["freeStock"], orderwise.shelf(location=1)["freeStock"]) == (45, 11)


def _eventually(look: Callable[[], Any], least: int = 1) -> Any:
    """Ask a few times: what a moved clock makes due happens a moment later."""
    for _ in range(200):
        found = look()
        if len(found) >= least:
            return found
    raise AssertionError("it did not happen")
