"""Scend sandbox: creating orders, validation, idempotency, quarantine (contract 2.7, 2.8, 2.10)."""

from __future__ import annotations

import copy
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest


def details(answer: Any) -> list[tuple[str, str]]:
    return [(one["field"], one["code"]) for one in answer.json()["error"]["details"]]


def outcome(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def with_value(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(body)
    *parents, last = path.split(".")
    place: Any = changed
    for part in parents:
        place = place[int(part)] if part.isdigit() else place.setdefault(part, {})
    place[int(last) if last.isdigit() else last] = value
    return changed


def day(offset: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=offset)).isoformat()


ORDER_MEMBERS = {
    "orderId", "clientReference", "orderNumber", "channel", "warehouseCode", "status", "version", "sequence",
    "orderedAt", "receivedAt", "updatedAt", "currency", "allowPartialDespatch", "shipping", "deliveryAddress",
    "billingAddress", "lines", "quarantine", "hold", "cancellation", "despatches", "statusHistory", "totals",
    "customs", "giftMessage", "metadata",
}  # fmt: skip


def test_created_order_has_every_member_and_its_defaults(scend: Any) -> None:
    answer = scend.post("/orders", scend.order_body())
    order = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/v1/orders/{order['orderId']}"
    assert "Idempotent-Replay" not in answer.headers
    assert set(order) == ORDER_MEMBERS
    assert (order["status"], order["version"], order["orderNumber"]) == ("RECEIVED", 1, "SCY-1")
    assert (order["warehouseCode"], order["orderedAt"]) == ("MID1", order["receivedAt"])
    assert order["statusHistory"] == [{"status": "RECEIVED", "at": order["receivedAt"], "version": 1}]
    assert order["shipping"] == {
        "serviceCode": "STD48",
        "requestedDespatchDate": None,
        "requestedDeliveryDate": None,
        "signatureRequired": False,
        "instructions": None,
    }
    assert order["cancellation"] == {
        "allowed": "IMMEDIATE",
        "cutoffStatus": "PICKED",
        "state": "NONE",
        "initiator": None,
        "reasonCode": None,
        "requestedAt": None,
        "resolvedAt": None,
    }
    assert order["lines"][0]["quantityOrdered"] == 2
    assert scend.get(f"/orders/{order['orderId']}").json() == order == scend.order()


REFUSED_BY_SCHEMA: list[tuple[str, Any, str, str]] = [
    ("clientReference", None, "clientReference", "REQUIRED"),
    ("clientReference", "  ", "clientReference", "REQUIRED"),
    ("clientReference", "-starts-badly", "clientReference", "INVALID_FORMAT"),
    ("clientReference", "has space", "clientReference", "INVALID_FORMAT"),
    ("clientReference", "x" * 51, "clientReference", "FIELD_TOO_LONG"),
    ("clientReference", 7, "clientReference", "INVALID_FORMAT"),
    ("orderNumber", "x" * 31, "orderNumber", "FIELD_TOO_LONG"),
    ("channel", "x" * 31, "channel", "FIELD_TOO_LONG"),
    ("warehouseCode", "x" * 11, "warehouseCode", "FIELD_TOO_LONG"),
    ("orderedAt", "2999-01-01T00:00:00.000Z", "orderedAt", "OUT_OF_RANGE"),
    ("orderedAt", "2026-03-02T08:41:07+00:00", "orderedAt", "INVALID_FORMAT"),
    ("currency", None, "currency", "REQUIRED"),
    ("currency", "GBX", "currency", "INVALID_ENUM"),
    ("currency", "gbp", "currency", "INVALID_ENUM"),
    ("allowPartialDespatch", "yes", "allowPartialDespatch", "INVALID_FORMAT"),
    ("shipping", None, "shipping", "REQUIRED"),
    ("shipping", "STD48", "shipping", "INVALID_FORMAT"),
    ("shipping.serviceCode", "", "shipping.serviceCode", "REQUIRED"),
    ("shipping.requestedDespatchDate", "02/03/2026", "shipping.requestedDespatchDate", "INVALID_FORMAT"),
    ("shipping.requestedDespatchDate", day(62), "shipping.requestedDespatchDate", "OUT_OF_RANGE"),
    ("shipping.requestedDeliveryDate", day(62), "shipping.requestedDeliveryDate", "OUT_OF_RANGE"),
    ("shipping.instructions", "x" * 101, "shipping.instructions", "FIELD_TOO_LONG"),
    ("shipping.instructions", "two\nlines", "shipping.instructions", "INVALID_CHARACTERS"),
    ("deliveryAddress", None, "deliveryAddress", "REQUIRED"),
    ("deliveryAddress.countryCode", None, "deliveryAddress.countryCode", "REQUIRED"),
    ("deliveryAddress.countryCode", "UK", "deliveryAddress.countryCode", "INVALID_ENUM"),
    ("deliveryAddress.recipientName", "x" * 61, "deliveryAddress.recipientName", "FIELD_TOO_LONG"),
    ("deliveryAddress.line1", "x" * 36, "deliveryAddress.line1", "FIELD_TOO_LONG"),
    ("deliveryAddress.line1", "Happy \U0001f600 Street", "deliveryAddress.line1", "INVALID_CHARACTERS"),
    ("deliveryAddress.line1", "half \ud83d emoji", "deliveryAddress.line1", "INVALID_CHARACTERS"),
    ("deliveryAddress.postcode", "x" * 13, "deliveryAddress.postcode", "FIELD_TOO_LONG"),
    ("deliveryAddress.phone", "call me", "deliveryAddress.phone", "INVALID_FORMAT"),
    ("deliveryAddress.email", "x" * 101, "deliveryAddress.email", "FIELD_TOO_LONG"),
    ("billingAddress", {"line1": "Somewhere"}, "billingAddress.countryCode", "REQUIRED"),
    ("lines", None, "lines", "REQUIRED"),
    ("lines", [], "lines", "REQUIRED"),
    ("lines", ["x"], "lines[0]", "INVALID_FORMAT"),
    (
        "lines",
        [{"lineNumber": n, "sku": "A", "quantity": 1} for n in range(1, 202)],
        "lines",
        "TOO_MANY_ITEMS",
    ),
    ("lines.1.lineNumber", 1, "lines[1].lineNumber", "DUPLICATE_LINE_NUMBER"),
    ("lines.0.lineNumber", 0, "lines[0].lineNumber", "OUT_OF_RANGE"),
    ("lines.0.lineNumber", 10000, "lines[0].lineNumber", "OUT_OF_RANGE"),
    ("lines.0.quantity", 0, "lines[0].quantity", "OUT_OF_RANGE"),
    ("lines.0.quantity", 1000, "lines[0].quantity", "OUT_OF_RANGE"),
    ("lines.0.quantity", 1.0, "lines[0].quantity", "INVALID_FORMAT"),
    ("lines.0.quantity", True, "lines[0].quantity", "INVALID_FORMAT"),
    ("lines.0.quantity", "2", "lines[0].quantity", "INVALID_FORMAT"),
    ("lines.0.sku", None, "lines[0].sku", "REQUIRED"),
    ("lines.0.unitPrice", 22.0, "lines[0].unitPrice", "INVALID_FORMAT"),
    ("lines.0.unitPrice", "22.0", "lines[0].unitPrice", "INVALID_FORMAT"),
    ("lines.0.unitPrice", "-1.00", "lines[0].unitPrice", "OUT_OF_RANGE"),
    ("lines.0.description", "x" * 101, "lines[0].description", "FIELD_TOO_LONG"),
    ("lines.0.clientLineReference", "x" * 51, "lines[0].clientLineReference", "FIELD_TOO_LONG"),
    ("totals", {"goods": 1}, "totals.goods", "INVALID_FORMAT"),
    (
        "totals",
        {"goods": "10.00", "shipping": "1.00", "discount": "0.50", "tax": "1.00", "grandTotal": "10.52"},
        "totals.grandTotal",
        "OUT_OF_RANGE",
    ),
    ("customs", {"incoterm": "EXW"}, "customs.incoterm", "INVALID_ENUM"),
    ("giftMessage", "x" * 251, "giftMessage", "FIELD_TOO_LONG"),
    ("metadata", {f"k{n}": "v" for n in range(21)}, "metadata", "TOO_MANY_ITEMS"),
    ("metadata", {"k": "x" * 201}, "metadata.k", "FIELD_TOO_LONG"),
    ("metadata", {"k": 1}, "metadata.k", "INVALID_FORMAT"),
]


@pytest.mark.parametrize(("path", "value", "field", "problem"), REFUSED_BY_SCHEMA)
def test_schema_problems_name_field_and_code(
    scend: Any, path: str, value: Any, field: str, problem: str
) -> None:
    answer = scend.post("/orders", with_value(scend.order_body(), path, value))
    assert outcome(answer) == (400, "VALIDATION_FAILED")
    assert details(answer) == [(field, problem)]
    assert not scend.facts("order_created")


def test_every_schema_problem_is_reported_at_once(scend: Any) -> None:
    body = with_value(with_value(scend.order_body(), "currency", "x"), "lines.1.quantity", 0)
    assert details(scend.post("/orders", body)) == [
        ("currency", "INVALID_ENUM"),
        ("lines[1].quantity", "OUT_OF_RANGE"),
    ]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("deliveryAddress.line1", "x" * 35),
        ("deliveryAddress.line1", "Straße 1, Łódź"),
        ("shipping.requestedDespatchDate", "2020-01-01"),
        ("shipping.requestedDespatchDate", day(59)),
        ("shipping.serviceCode", "AUTO"),
        ("lines.0.quantity", 999),
        ("totals", {"goods": "10.00", "shipping": "1.00", "discount": "0.50", "grandTotal": "10.51"}),
        ("totals", {"goods": "10.00", "grandTotal": "99.00"}),
        ("metadata", {"producer": "syncbridge"}),
        ("billingAddress", {"countryCode": "GB", "postcode": "nonsense"}),
        ("unknownMember", {"anything": 1}),
        ("channel", "   "),
    ],
)
def test_values_at_the_limits_are_taken(scend: Any, path: str, value: Any) -> None:
    answer = scend.post("/orders", with_value(scend.order_body(), path, value))
    assert (answer.status_code, answer.json()["status"]) == (201, "RECEIVED")


def test_strict_account_refuses_unknown_members(scend: Any) -> None:
    scend.settings(strictFields=True)
    body = with_value(with_value(scend.order_body(), "colour", "red"), "lines.0.size", "L")
    assert details(scend.post("/orders", body)) == [
        ("lines[0].size", "INVALID_FORMAT"),
        ("colour", "INVALID_FORMAT"),
    ]


@pytest.mark.parametrize(
    "sku",
    ["TEE ORG", " TEE-1", "TEE-1 ", "tee-1", "TEE-1\n", "TEE\t1", "TEE\u00a01", "A" * 33, "-TEE", "TEE_", "TEE.1",
     "TEE/1", "TEE#1", "TEE+1", "TÉE"],
)  # fmt: skip
def test_malformed_skus_are_refused_with_one_detail_per_line(scend: Any, sku: str) -> None:
    """Scenario S4."""
    body = with_value(with_value(scend.order_body(), "lines.0.sku", sku), "lines.1.sku", sku)
    answer = scend.post("/orders", body)
    assert outcome(answer) == (422, "ORDER_REJECTED")
    assert answer.json()["error"]["context"] == {"clientReference": "SCY-1"}
    assert details(answer) == [("lines[0].sku", "SKU_FORMAT"), ("lines[1].sku", "SKU_FORMAT")]


@pytest.mark.parametrize("sku", ["A", "A" * 32, "0", "A_B-C"])
def test_well_formed_skus_get_past_the_pattern(scend: Any, sku: str) -> None:
    answer = scend.post("/orders", with_value(scend.order_body(), "lines.0.sku", sku))
    assert (answer.status_code, answer.json()["status"]) == (201, "QUARANTINED")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("warehouseCode", "NOWHERE")], [("warehouseCode", "WAREHOUSE_UNKNOWN")]),
        ([("shipping.serviceCode", "PIGEON")], [("shipping.serviceCode", "SERVICE_UNKNOWN")]),
        ([("deliveryAddress.countryCode", "FR")], [("deliveryAddress.countryCode", "COUNTRY_NOT_SERVED")]),
        (
            [("shipping.serviceCode", "AUTO"), ("deliveryAddress.countryCode", "JP")],
            [("deliveryAddress.countryCode", "COUNTRY_NOT_SERVED")],
        ),
    ],
)
def test_business_rules_refuse_and_leave_the_reference_free(
    scend: Any, changes: list[tuple[str, Any]], expected: list[tuple[str, str]]
) -> None:
    body = scend.order_body()
    for path, value in changes:
        body = with_value(body, path, value)
    answer = scend.post("/orders", body)
    assert outcome(answer) == (422, "ORDER_REJECTED")
    assert details(answer) == expected
    assert scend.post("/orders", scend.order_body()).status_code == 201


def test_unit_price_is_needed_outside_gb(scend: Any) -> None:
    body = with_value(
        scend.order_body(shipping={"serviceCode": "INTL_TRK"}), "deliveryAddress.countryCode", "FR"
    )
    body = with_value(body, "lines.1.unitPrice", None)
    assert details(scend.post("/orders", body)) == [("lines[1].unitPrice", "REQUIRED")]


def test_repeat_is_answered_with_the_existing_order_in_its_current_state(scend: Any) -> None:
    scend.create()
    scend.floor("SCY-1", "advance", {"to": "PICKING"})
    repeat = scend.order_body(orderedAt="2026-01-01T00:00:00Z", metadata={"attempt": "2"}, channel=" ")
    repeat["lines"].reverse()
    repeat["deliveryAddress"]["city"] = " Norwich "
    answer = scend.post("/orders", repeat)
    assert (answer.status_code, answer.headers["Idempotent-Replay"]) == (200, "true")
    assert (answer.json()["status"], answer.json()["version"]) == ("PICKING", 3)
    assert len(scend.facts("order_created")) == 1


def test_composed_and_decomposed_accents_are_the_same_content(scend: Any) -> None:
    scend.post("/orders", with_value(scend.order_body(), "deliveryAddress.city", "Malm\u00f6"))
    again = scend.post("/orders", with_value(scend.order_body(), "deliveryAddress.city", "Malmo\u0308"))
    assert again.status_code == 200


def test_other_content_under_the_same_reference_is_409_and_says_where(scend: Any) -> None:
    """Scenario S3."""
    order = scend.create()
    changed = with_value(scend.order_body(giftMessage="Hi"), "lines.1.quantity", 2)
    answer = scend.post("/orders", changed)
    assert outcome(answer) == (409, "DUPLICATE_CLIENT_REFERENCE")
    assert answer.json()["error"]["context"] == {
        "orderId": order["orderId"],
        "status": "RECEIVED",
        "receivedAt": order["receivedAt"],
        "differingFields": ["giftMessage", "lines[1].quantity"],
    }
    shorter = scend.order_body()
    del shorter["lines"][1]
    differing = scend.post("/orders", shorter).json()["error"]["context"]["differingFields"]
    assert differing == ["lines[1]"]


def test_duplicate_mode_can_refuse_every_repeat(scend: Any) -> None:
    scend.settings(duplicateMode="always_reject")
    scend.create()
    answer = scend.post("/orders", scend.order_body())
    assert outcome(answer) == (409, "DUPLICATE_CLIENT_REFERENCE")
    assert answer.json()["error"]["context"]["differingFields"] == []


def test_references_are_case_sensitive_and_never_freed(scend: Any) -> None:
    scend.create("Ref-1")
    scend.create("REF-1")
    order = scend.order("Ref-1")
    assert scend.post(f"/orders/{order['orderId']}/cancel", {"reasonCode": "OTHER"}).status_code == 200
    repeat = scend.post("/orders", scend.order_body("Ref-1"))
    assert (repeat.status_code, repeat.json()["status"]) == (200, "CANCELLED")


def test_repeat_succeeds_although_the_sku_was_discontinued_and_the_service_went(scend: Any) -> None:
    scend.create()
    scend.control(
        "POST",
        "/seed",
        {
            "products": [{"sku": "TEE-ORG-BLK-M", "active": False}],
            "services": [{"code": "STD48", "name": "x", "active": False}],
        },
    )
    assert scend.post("/orders", scend.order_body()).status_code == 200
    assert outcome(scend.post("/orders", scend.order_body("SCY-2"))) == (422, "ORDER_REJECTED")


def test_two_simultaneous_first_requests_make_one_order(scend: Any) -> None:
    scend.stop_clock()
    scend.settings(processingSeconds=5)
    answers: list[tuple[int, str | None]] = []

    def send() -> None:
        client = type(scend)(scend.root)
        answer = client.post("/orders", client.order_body())
        answers.append((answer.status_code, answer.headers.get("Retry-After")))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 30
    while len(answers) < 3:
        assert time.monotonic() < until, answers
        time.sleep(0.01)
    scend.wind(5)
    for thread in threads:
        thread.join()
    assert sorted(answers, key=str) == [(201, None), (409, "1"), (409, "1"), (409, "1")]
    assert len(scend.facts("order_created")) == 1
    scend.settings(processingSeconds=0)
    assert scend.post("/orders", scend.order_body()).status_code == 200


def quarantined_body(scend: Any) -> dict[str, Any]:
    body = with_value(scend.order_body(), "deliveryAddress.line1", " ")
    return with_value(body, "lines.1.sku", "HAT-WOOL-GRY-OS")


def test_quarantine_reports_all_reasons_then_lets_go_when_they_are_gone(scend: Any) -> None:
    """Scenario S5."""
    answer = scend.post("/orders", quarantined_body(scend))
    order = answer.json()
    assert (answer.status_code, order["status"], order["version"]) == (201, "QUARANTINED", 1)
    assert [(r["code"], r["field"], r["lineNumber"], r["sku"]) for r in order["quarantine"]["reasons"]] == [
        ("ADDRESS_INCOMPLETE", "deliveryAddress.line1", None, None),
        ("SKU_UNKNOWN", "lines[1].sku", 2, "HAT-WOOL-GRY-OS"),
    ]
    path = f"/orders/{order['orderId']}"
    address = scend.order_body()["deliveryAddress"]
    patched = scend.call("PATCH", f"{path}/delivery-address", json=address)
    assert (patched.status_code, patched.json()["status"], patched.json()["version"]) == (
        200,
        "QUARANTINED",
        2,
    )
    assert [r["code"] for r in patched.json()["quarantine"]["reasons"]] == ["SKU_UNKNOWN"]
    still = scend.post(f"{path}/release")
    assert (still.status_code, still.json()["status"], still.json()["version"]) == (200, "QUARANTINED", 2)
    scend.control("POST", "/seed", {"products": [{"sku": "HAT-WOOL-GRY-OS"}]})
    released = scend.post(f"{path}/release")
    assert (released.status_code, released.json()["status"]) == (200, "RECEIVED")
    assert released.json()["quarantine"] is None
    refused = scend.post(f"{path}/release")
    assert outcome(refused) == (409, "INVALID_STATE")
    assert refused.json()["error"]["context"] == {"status": "RECEIVED", "allowedStatuses": ["QUARANTINED"]}
    repeat = scend.post("/orders", quarantined_body(scend))
    assert repeat.status_code == 200
    assert repeat.json()["deliveryAddress"]["line1"] == address["line1"]


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({"recipientName": None, "city": ""}, ["ADDRESS_INCOMPLETE"] * 2),
        ({"postcode": None}, ["ADDRESS_INCOMPLETE"]),
        ({"postcode": "NR3"}, ["POSTCODE_INVALID"]),
        ({"postcode": "12345"}, ["POSTCODE_INVALID"]),
        ({"postcode": "nr31qx"}, []),
        ({"postcode": "EC1A 1BB"}, []),
        ({"region": None}, []),
        ({"countryCode": "US", "region": None}, ["ADDRESS_INCOMPLETE"]),
        ({"countryCode": "IE", "postcode": None}, []),
        ({"countryCode": "FR", "postcode": "75001"}, []),
    ],
)
def test_address_rules_by_country(scend: Any, changes: dict[str, Any], reasons: list[str]) -> None:
    body = scend.order_body(customs={"incoterm": "DAP"})
    body["deliveryAddress"] |= changes
    if changes.get("countryCode", "GB") != "GB":
        body["shipping"]["serviceCode"] = "INTL_TRK"
    order = scend.post("/orders", body).json()
    assert [r["code"] for r in (order["quarantine"] or {"reasons": []})["reasons"]] == reasons
    assert order["status"] == ("QUARANTINED" if reasons else "RECEIVED")


def test_discontinued_sku_quarantines(scend: Any) -> None:
    order = scend.create(lines=[{"lineNumber": 5, "sku": "SCARF-OLD-RED", "quantity": 1}])
    assert [(r["code"], r["lineNumber"]) for r in order["quarantine"]["reasons"]] == [("SKU_INACTIVE", 5)]


def test_strict_account_refuses_instead_of_quarantining(scend: Any) -> None:
    scend.settings(onUnknownSku="REJECT", onIncompleteAddress="REJECT")
    answer = scend.post("/orders", quarantined_body(scend))
    assert outcome(answer) == (422, "ORDER_REJECTED")
    assert details(answer) == [
        ("deliveryAddress.line1", "ADDRESS_INCOMPLETE"),
        ("lines[1].sku", "SKU_UNKNOWN"),
    ]


def wait_for_status(scend: Any, status: str) -> dict[str, Any]:
    for _ in range(200):
        order = scend.order()
        if order["status"] == status:
            return dict(order)
    raise AssertionError(f"the order stayed {order['status']}")


def test_asynchronous_validation_quarantines_a_moment_later(scend: Any) -> None:
    scend.settings(asyncValidation=True)
    order = scend.post("/orders", quarantined_body(scend)).json()
    assert order["status"] == "RECEIVED"
    scend.wind(2)
    later = wait_for_status(scend, "QUARANTINED")
    assert later["version"] == 2
    assert len(later["quarantine"]["reasons"]) == 2


def test_missing_customs_data_holds_a_moment_later(scend: Any) -> None:
    body = with_value(
        scend.order_body(shipping={"serviceCode": "INTL_TRK"}), "deliveryAddress.countryCode", "FR"
    )
    assert scend.post("/orders", body).json()["status"] == "RECEIVED"
    scend.wind(2)
    held = wait_for_status(scend, "ON_HOLD")
    assert held["hold"]["code"] == "CUSTOMS_DATA"
    scend.floor("SCY-1", "unhold")
    scend.wind(2)
    released = scend.floor("SCY-1", "advance", {"to": "ALLOCATED"})
    assert (released["hold"], released["status"]) == (None, "ALLOCATED")


def test_future_despatch_date_holds_until_that_day(scend: Any) -> None:
    scend.control("POST", "/clock", {"now": "2026-03-01T12:00:00Z"})
    scend.create(shipping={"serviceCode": "STD48", "requestedDespatchDate": "2026-03-03"})
    scend.wind(2)
    assert wait_for_status(scend, "ON_HOLD")["hold"]["code"] == "FUTURE_DATE"
    scend.control("POST", "/clock", {"now": "2026-03-02T23:59:50Z"})
    assert scend.order()["status"] == "ON_HOLD"
    scend.control("POST", "/clock", {"now": "2026-03-03T00:00:01Z"})
    assert wait_for_status(scend, "RECEIVED")["hold"] is None


def test_held_order_takes_only_a_complete_address(scend: Any) -> None:
    order = scend.create()
    scend.floor("SCY-1", "hold", {"code": "FRAUD_CHECK"})
    path = f"/orders/{order['orderId']}/delivery-address"
    address = scend.order_body()["deliveryAddress"]
    refused = scend.call("PATCH", path, json={**address, "city": None})
    assert outcome(refused) == (422, "ORDER_REJECTED")
    assert details(refused) == [("deliveryAddress.city", "ADDRESS_INCOMPLETE")]
    taken = scend.call("PATCH", path, json={**address, "city": "Cromer", "line2": None})
    assert (taken.status_code, taken.json()["status"]) == (200, "ON_HOLD")
    assert taken.json()["deliveryAddress"]["line2"] is None
    assert details(scend.call("PATCH", path, json={**address, "countryCode": "JP"})) == [
        ("deliveryAddress.countryCode", "COUNTRY_NOT_SERVED")
    ]
    assert details(scend.call("PATCH", path, json={})) == [("countryCode", "REQUIRED")]


def test_address_of_a_received_order_cannot_be_corrected(scend: Any) -> None:
    order = scend.create()
    answer = scend.call(
        "PATCH", f"/orders/{order['orderId']}/delivery-address", json=scend.order_body()["deliveryAddress"]
    )
    assert outcome(answer) == (409, "INVALID_STATE")
    assert answer.json()["error"]["context"]["allowedStatuses"] == ["QUARANTINED", "ON_HOLD"]


def test_products_and_services_are_readable(scend: Any) -> None:
    product = scend.get("/products/TEE-ORG-BLK-M").json()
    assert (product["sku"], product["hsCode"], product["active"]) == ("TEE-ORG-BLK-M", "610910", True)
    found = scend.get("/products", sku="TEE-ORG-BLK-M,HAT-WOOL-GRY-OS,SCARF-OLD-RED").json()["data"]
    assert [row["sku"] for row in found] == ["TEE-ORG-BLK-M", "SCARF-OLD-RED"]
    assert [one["code"] for one in scend.get("/shipping-services").json()["data"]] == [
        "STD48",
        "NEXT24",
        "INTL_TRK",
    ]


@pytest.mark.parametrize("path", ["/products", "/stock-levels"])
def test_sku_look_ups_tell_malformed_from_unknown(scend: Any, path: str) -> None:
    malformed = scend.get(f"{path}/tee-1")
    assert (outcome(malformed), details(malformed)) == ((400, "VALIDATION_FAILED"), [("sku", "SKU_FORMAT")])
    unknown = scend.get(f"{path}/HAT-WOOL-GRY-OS")
    assert (outcome(unknown), details(unknown)) == ((404, "NOT_FOUND"), [("sku", "SKU_UNKNOWN")])
