"""OrderWise sandbox: what the client code that others published sends and expects (contract 2, 3, 6)."""

from __future__ import annotations

from typing import Any

import pytest
import requests


def test_the_token_is_the_whole_body_in_double_quotes(orderwise: Any) -> None:
    answer = orderwise.mint()
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert answer.text[0] == answer.text[-1] == '"'
    assert isinstance(answer.json(), str)
    quoted = orderwise.get("/customers", limit=1).status_code, orderwise.call(
        "GET", "/customers", headers={"Authorization": f"Bearer {answer.text}"}
    )
    assert quoted[0] == 200
    assert (quoted[1].status_code, quoted[1].content) == (401, b"")


@pytest.mark.parametrize("path", ["/owapi", "/OWAPI", "/OwApi"])
def test_paths_are_taken_in_any_case(orderwise: Any, path: str) -> None:
    orderwise.application = path
    assert orderwise.mint().status_code == 200
    for called in ("/customers", "/Customers", "/CUSTOMERS"):
        assert orderwise.get(called, limit=1).json()[0]["id"] == 4021


def test_test_applications_have_a_data_set_of_their_own(orderwise: Any) -> None:
    orderwise.create()
    orderwise.application = "/OWAPISB"
    assert orderwise.get("/customers").status_code == 401
    orderwise.mint()
    assert orderwise.export(201, reference="SCY-1") == []
    assert orderwise.control("GET", "/state?section=orders&account=test")["orders"] == []


def test_customers_are_paged_by_limit_and_last_id(orderwise: Any) -> None:
    seen: list[dict[str, Any]] = []
    last_id = 0
    while True:
        rows = orderwise.get("/customers", limit=10, last_id=last_id).json()
        seen += rows
        if len(rows) < 10:
            break
        last_id = rows[-1]["id"]
    assert len(seen) == 25
    assert [row["id"] for row in seen] == sorted({row["id"] for row in seen})
    assert {"accountNumber", "statementAddress1", "invoiceCountryCode", "availableToSpend", "onHold"} <= set(seen[0])
    assert seen[2]["statementName"].endswith(" ")
    assert orderwise.get("/customers", limit=10, last_id=seen[-1]["id"]).json() == []


def test_one_customer_its_contacts_addresses_and_crm_record(orderwise: Any) -> None:
    assert orderwise.get("/customers/4021").json()["accountNumber"] == "SCAYLE-UK"
    missing = orderwise.get("/customers/1")
    assert (missing.status_code, missing.json()["message"]) == (404, "Customer not found")
    contacts = orderwise.get("/customers/4021/customer-contacts", limit=1000, last_id=0).json()
    one = orderwise.get("/customers/4021/customer-contacts", contact_id=contacts[0]["id"]).json()
    assert one == contacts
    assert {"id", "name", "email", "telephone", "mobile", "fax"} <= set(one[0])
    assert "id" in orderwise.get("/customers/4021/delivery-addresses").json()[0]
    assert orderwise.get("/crm/4021").json()["customerId"] == 4021
    activities = orderwise.get("/crm/4021/activities", include_completed="true", include_analysis="true").json()
    assert "analysis" in activities[0]


def test_customers_amended_since(orderwise: Any) -> None:
    assert len(orderwise.get("/Customers", lastAmendedDateTime="2000-01-01T00:00:00").json()) == 25
    assert orderwise.get("/Customers", lastAmendedDateTime="2999-01-01T00:00:00").json() == []
    wrong = orderwise.get("/Customers", lastAmendedDateTime="yesterday")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "lastAmendedDateTime")


def test_variants_are_found_by_downloading_the_list(orderwise: Any) -> None:
    rows = orderwise.get("/stock/variants", limit=200000).json()
    assert all(set(row) == {"variantID", "variantCode"} for row in rows)
    wanted = next(row["variantID"] for row in rows if row["variantCode"].upper() == "TEE-NAVY-M")
    shown = orderwise.get(f"/variants/{wanted}", include_sales_info="true").json()
    assert isinstance(shown, list)
    assert len(shown) == 1
    assert shown[0]["variantInfo"]["code"] == "TEE-NAVY-M"
    assert shown[0]["variantSalesInfo"] == [{"Id": 5521, "rspExcVat": 25.0}]
    assert "variantSalesInfo" not in orderwise.get(f"/variants/{wanted}").json()[0]
    stock = orderwise.get(f"/stock/{wanted}").json()
    assert {row["stockLocationID"]: row["freeStock"] for row in stock} == {3: 47.0, 1: 12.0}
    assert orderwise.get(f"/stock/{wanted}/free-stock").json() == {"freeStockQty": 59.0}
    assert "MUG-WHITE " in {row["variantCode"] for row in rows}


def test_a_variant_is_created_from_a_template_and_changed(orderwise: Any) -> None:
    body = {"variantInfo": {"code": "TYRE-1", "description": "Tyre", "eanCode": "5011111111111"}}
    made = orderwise.post("/variants?template_variant_id=5521", body)
    assert made.status_code == 201
    number = made.json()["variantInfo"]["id"]
    assert orderwise.export(205, variant_code="tyre-1 ")[0]["variantId"] == number
    change = {"variantInfo": {"eanCode": None}, "variantSettings": {"discontinued": True}, "analysis": {"c_1": "x"}}
    assert orderwise.call("PUT", f"/variants/{number}", json=change).status_code == 200
    shown = orderwise.get(f"/variants/{number}").json()[0]
    assert (shown["variantInfo"]["eanCode"], shown["variantSettings"]["discontinued"]) == (None, True)
    assert (shown["analysis"]["c_1"], shown["variantInfo"]["description"]) == ("x", "Tyre")
    refused = orderwise.send_order(orderwise.body(lines=[("TYRE-1", 1)]))
    assert refused.json()["errors"][0]["message"] == "'TYRE-1' is discontinued"


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/variants?template_variant_id=1", {"variantInfo": {"code": "X"}}, "template_variant_id"),
        ("/variants?template_variant_id=5521", {"variantInfo": {}}, "variantInfo.code"),
        ("/variants?template_variant_id=5521", {"variantInfo": {"code": "TEE-NAVY-M"}}, "variantInfo.code"),
        (
            "/variants?template_variant_id=5521",
            {"variantInfo": {"code": "X", "eanCode": "5000000005522"}},
            "variantInfo.eanCode",
        ),
    ],
)
def test_a_variant_that_is_wrong_is_refused(orderwise: Any, path: str, body: Any, field: str) -> None:
    answer = orderwise.post(path, body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)


def test_stock_is_adjusted_in_and_out(orderwise: Any) -> None:
    body = {"variantID": 5521, "stockLocationID": 3, "binID": 1, "quantity": 7}
    assert orderwise.post("/stock/adjust-stock-out", body).status_code == 200
    assert orderwise.shelf()["freeStock"] == 40
    assert orderwise.post("/stock/adjust-stock-in", {**body, "quantity": 2.5}).status_code == 200
    assert orderwise.shelf()["freeStock"] == 42.5
    for wrong, field in (({"variantID": 1}, "variantID"), ({"stockLocationID": 9}, "stockLocationID")):
        answer = orderwise.post("/stock/adjust-stock-out", {**body, **wrong})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field)
    assert orderwise.post("/stock/adjust-stock-out", {**body, "quantity": 500}).status_code == 400


def test_lists_locations_products_and_purchase_orders(orderwise: Any) -> None:
    assert {row["id"]: row["name"] for row in orderwise.get("/value-lists/2").json()} == {1: "T1", 2: "T0", 3: "T5"}
    assert [row["id"] for row in orderwise.get("/value-lists/15").json()] == [1, 2, 3, 4, 5, 6]
    assert orderwise.get("/value-lists/99").status_code == 404
    assert [row["id"] for row in orderwise.get("/system/stock-locations").json()] == [1, 3, 5]
    assert [row["id"] for row in orderwise.get("/value-lists/4").json()] == [1, 3, 5]
    assert {row["variantCode"] for row in orderwise.get("/products/880/variants").json()} >= {"TEE-NAVY-M"}
    assert "variantID" in orderwise.get("/products/880/variants").json()[0]
    order = {"supplierId": 3, "lines": [{"variantId": 5521, "qtyOrdered": 5, "unitCost": 4.5, "vatRateId": 1}]}
    assert orderwise.post("/purchasing/purchase-orders", order).status_code == 201
    assert orderwise.post("/purchasing/purchase-orders", {"supplierId": 3, "lines": []}).status_code == 400


def test_an_order_without_net_prices_and_defaults_from_the_session(orderwise: Any) -> None:
    """As two public clients send it: no reference, no net amounts, no locations."""
    lean = {
        "customer": {"accountNumber": "scayle-uk "},
        "orderHeader": {"systemOrderType": 2, "eCommerceOrderNumber": "WC-88", "orderDate": "2026-03-02T14:05:11.5"},
        "orderLines": [{"variantCode": "tee-navy-m", "quantity": 1, "calculateLineSystemPrice": True}],
    }
    answer = orderwise.send_order(lean)
    assert answer.status_code == 201
    assert set(answer.json()) == {"orderId", "orderNumber", "eCommerceOrderNumber"}
    (order,) = orderwise.control("GET", "/state?section=orders")["orders"]
    assert (order["systemOrderType"], order["lines"][0]["itemGross"]) == (2, 30.0)
    assert order["lines"][0]["stockLocationId"] == 3
    assert orderwise.shelf()["freeStock"] == 47, "a quote holds no stock"
    priced = orderwise.body("WC-89", orderGross=64.95)
    priced["orderHeader"].pop("orderNet")
    priced["orderHeader"].pop("orderTax")
    priced.pop("dissurs")
    assert orderwise.send_order(priced).status_code == 201


def test_lenient_auth_takes_any_basic_header_on_data_calls(orderwise: Any) -> None:
    url = f"{orderwise.root}/OWAPI/value-lists/56"
    assert requests.get(url, auth=("who", "ever"), timeout=5).status_code == 401
    orderwise.settings(lenientAuth=True)
    assert requests.get(url, auth=("who", "ever"), timeout=5).status_code == 200
    assert orderwise.mint("who", "ever").status_code == 200
    assert requests.get(url, timeout=5).status_code == 401


def test_an_export_of_somebody_else(orderwise: Any) -> None:
    rows = [{"PONumber": "PO1", "Qty": 2.5, "Due": None}]
    entry = {"id": 37, "parameters": ["@since"], "rows": rows}
    renamed = {"id": 38, "name": "despatches", "rename": {"amended_since": "fromdate", "limit": "todate"}}
    orderwise.control("POST", "/seed", {"exports": [entry, renamed]})
    assert orderwise.post("/system/export-definition/37", [{"name": "@since", "value": "2026-10-05"}]).json() == rows
    assert orderwise.export(37, expect=400).json()["errors"][0]["field"] == "@since"
    body = [{"name": "fromdate", "value": "2026-10-05"}, {"name": "todate", "value": 10}]
    assert orderwise.post("/system/export-definition/38", body).json() == []
