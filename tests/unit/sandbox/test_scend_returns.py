"""Scend sandbox: announced, received and blind returns (contract 2.14)."""

from __future__ import annotations

from typing import Any

import pytest


def despatched(scend: Any) -> dict[str, Any]:
    scend.create(
        lines=[
            {"lineNumber": 1, "sku": "TEE-ORG-BLK-M", "quantity": 2},
            {"lineNumber": 2, "sku": "JKT-RAIN-NVY-L", "quantity": 1},
        ]
    )
    return dict(scend.floor("SCY-1", "advance", {"to": "DESPATCHED"}))


def body(rma: str = "RMA-1", **changes: Any) -> dict[str, Any]:
    return {
        "rmaNumber": rma,
        "clientReference": "SCY-1",
        "lines": [
            {
                "lineNumber": 1,
                "orderLineNumber": 1,
                "sku": "TEE-ORG-BLK-M",
                "quantity": 1,
                "reasonCode": "TOO_SMALL",
            }
        ],
        **changes,
    }


def line(number: int, sku: str, quantity: int, order_line: int | None = None) -> dict[str, Any]:
    named = {"lineNumber": number, "sku": sku, "quantity": quantity, "reasonCode": "OTHER"}
    return named if order_line is None else {**named, "orderLineNumber": order_line}


def announce(scend: Any, rma: str = "RMA-1", **changes: Any) -> dict[str, Any]:
    answer = scend.post("/returns", body(rma, **changes))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def receive(
    scend: Any, *lines: dict[str, Any], rma: str = "RMA-1", close: bool = True, **more: Any
) -> dict[str, Any]:
    given = {"lines": list(lines), "close": close}
    return dict(scend.control("POST", f"/returns/by-rma/{rma}/receive", given, **more))


def problems(answer: Any) -> list[tuple[str, str]]:
    return [(one["field"], one["code"]) for one in answer.json()["error"]["details"]]


def test_announced_return_has_every_member(scend: Any) -> None:
    order = despatched(scend)
    made = announce(scend, returnTracking={"carrierCode": "ROYAL_MAIL", "trackingNumber": "RN1"})
    assert (made["status"], made["version"], made["announced"]) == ("ANNOUNCED", 1, True)
    assert (made["orderId"], made["warehouseCode"]) == (order["orderId"], "MID1")
    assert made["returnTracking"] == {"carrierCode": "ROYAL_MAIL", "trackingNumber": "RN1"}
    assert made["lines"] == [
        {
            "lineNumber": 1,
            "orderLineNumber": 1,
            "sku": "TEE-ORG-BLK-M",
            "quantityAnnounced": 1,
            "quantityReceived": 0,
            "reasonCode": "TOO_SMALL",
            "discrepancy": "NONE",
        }
    ]
    assert (made["receipts"], made["firstReceivedAt"], made["completedAt"]) == ([], None, None)
    assert scend.get(f"/returns/{made['returnId']}").json() == made
    for query in ({"rmaNumber": "RMA-1"}, {"clientReference": "SCY-1"}, {"status": "ANNOUNCED"}):
        assert scend.feed("/returns", **query)[0] == [made]
    assert scend.feed("/returns", status="RECEIVED")[0] == []


def test_repeats_follow_the_rules_of_orders(scend: Any) -> None:
    despatched(scend)
    announce(scend)
    repeat = scend.post("/returns", body(customerNote=None))
    assert (repeat.status_code, repeat.headers["Idempotent-Replay"]) == (200, "true")
    other = scend.post("/returns", body(customerNote="changed"))
    error = other.json()["error"]
    assert (other.status_code, error["code"]) == (409, "DUPLICATE_RMA_NUMBER")
    assert error["context"]["differingFields"] == ["customerNote"]
    assert {"returnId", "status"} < set(error["context"])


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"rmaNumber": None}, "rmaNumber", "REQUIRED"),
        ({"rmaNumber": "R M A"}, "rmaNumber", "INVALID_FORMAT"),
        ({"clientReference": None}, "clientReference", "REQUIRED"),
        ({"customerNote": "x" * 251}, "customerNote", "FIELD_TOO_LONG"),
        ({"lines": []}, "lines", "REQUIRED"),
        ({"lines": [line(1, "A", 1), line(1, "A", 1)]}, "lines[1].lineNumber", "DUPLICATE_LINE_NUMBER"),
        ({"lines": [{**line(1, "A", 1), "reasonCode": "BORED"}]}, "lines[0].reasonCode", "INVALID_ENUM"),
        (
            {"lines": [{**line(1, "A", 1), "requestedDisposition": "BURN"}]},
            "lines[0].requestedDisposition",
            "INVALID_ENUM",
        ),
    ],
)
def test_schema_problems(scend: Any, changes: dict[str, Any], field: str, problem: str) -> None:
    answer = scend.post("/returns", body(**changes))
    assert answer.status_code == 400
    assert problems(answer) == [(field, problem)]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([line(1, "tee", 1)], [("lines[0].sku", "SKU_FORMAT")]),
        ([line(1, "BOOT-HIKE-BRN-42", 1)], [("lines[0].sku", "SKU_NOT_ON_ORDER")]),
        ([line(1, "TEE-ORG-BLK-M", 1, 2)], [("lines[0].sku", "SKU_NOT_ON_ORDER")]),
        ([line(1, "TEE-ORG-BLK-M", 1, 7)], [("lines[0].sku", "SKU_NOT_ON_ORDER")]),
        ([line(1, "TEE-ORG-BLK-M", 3)], [("lines[0].quantity", "QUANTITY_EXCEEDS_DESPATCHED")]),
        (
            [line(1, "TEE-ORG-BLK-M", 2, 1), line(2, "TEE-ORG-BLK-M", 1)],
            [("lines[1].quantity", "QUANTITY_EXCEEDS_DESPATCHED")],
        ),
    ],
)
def test_business_rules(scend: Any, lines: list[dict[str, Any]], expected: list[tuple[str, str]]) -> None:
    despatched(scend)
    answer = scend.post("/returns", body(lines=lines))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "RETURN_REJECTED")
    assert problems(answer) == expected


def test_unknown_and_unsent_orders_are_refused(scend: Any) -> None:
    assert problems(scend.post("/returns", body())) == [("clientReference", "ORDER_UNKNOWN")]
    scend.create()
    assert problems(scend.post("/returns", body())) == [("clientReference", "ORDER_NOT_DESPATCHED")]


def test_announced_units_add_up_over_returns_but_cancelled_ones_do_not_count(scend: Any) -> None:
    despatched(scend)
    first = announce(scend, "RMA-1")
    announce(scend, "RMA-2")
    assert problems(scend.post("/returns", body("RMA-3"))) == [
        ("lines[0].quantity", "QUANTITY_EXCEEDS_DESPATCHED")
    ]
    cancelled = scend.post(f"/returns/{first['returnId']}/cancel")
    assert (cancelled.status_code, cancelled.json()["status"], cancelled.json()["version"]) == (
        200,
        "CANCELLED",
        2,
    )
    assert scend.post(f"/returns/{first['returnId']}/cancel").json() == cancelled.json()
    assert scend.post("/returns", body("RMA-3")).status_code == 201


def test_unannounced_units_count_too(scend: Any) -> None:
    despatched(scend)
    unannounced = {"clientReference": "SCY-1", "lines": [{"sku": "TEE-ORG-BLK-M", "quantity": 2}]}
    scend.control("POST", "/returns/unannounced", unannounced)
    assert problems(scend.post("/returns", body())) == [("lines[0].quantity", "QUANTITY_EXCEEDS_DESPATCHED")]


@pytest.mark.parametrize(
    ("condition", "disposition", "physical", "quarantined"),
    [
        ("RESALEABLE", None, 1, 0),
        ("DAMAGED", None, 1, 1),
        ("WORN", "SCRAP", 0, 0),
        ("UNSELLABLE", None, 0, 0),
        ("FAULTY", "RESTOCK", 1, 0),
    ],
)
def test_goods_go_where_their_disposition_says(
    scend: Any, condition: str, disposition: str | None, physical: int, quarantined: int
) -> None:
    despatched(scend)
    announce(scend)
    before = scend.stock()
    given = {"sku": "TEE-ORG-BLK-M", "quantity": 1, "conditionCode": condition, "disposition": disposition}
    made = receive(scend, given)
    after = scend.stock()
    assert (after["physical"] - before["physical"], after["quarantined"] - before["quarantined"]) == (
        physical,
        quarantined,
    )
    assert (made["status"], made["version"]) == ("RECEIVED", 3)
    assert made["receipts"][0]["lines"][0]["conditionCode"] == condition
    assert made["completedAt"] is not None


def test_short_over_and_unexpected(scend: Any) -> None:
    """Scenario S11."""
    despatched(scend)
    announce(scend, lines=[line(1, "TEE-ORG-BLK-M", 2, 1), line(2, "JKT-RAIN-NVY-L", 1, 2)])
    open_ = receive(scend, {"sku": "TEE-ORG-BLK-M", "quantity": 1}, close=False)
    assert (open_["status"], [one["discrepancy"] for one in open_["lines"]]) == (
        "RECEIVING",
        ["NONE", "NONE"],
    )
    more = receive(
        scend,
        {"sku": "JKT-RAIN-NVY-L", "quantity": 2},
        {"sku": "BOOT-HIKE-BRN-42", "quantity": 1},
        close=False,
    )
    assert [(one["lineNumber"], one["quantityAnnounced"], one["discrepancy"]) for one in more["lines"]] == [
        (1, 2, "NONE"),
        (2, 1, "OVER"),
        (9000, 0, "UNEXPECTED_SKU"),
    ]
    assert more["lines"][2]["orderLineNumber"] is None
    closed = receive(scend)
    assert [one["discrepancy"] for one in closed["lines"]] == ["SHORT", "OVER", "UNEXPECTED_SKU"]
    late = receive(scend, {"sku": "TEE-ORG-BLK-M", "quantity": 1}, close=False)
    assert (late["status"], late["lines"][0]["discrepancy"], late["completedAt"]) == (
        "RECEIVING",
        "NONE",
        None,
    )
    ids = [one["receiptLineId"] for receipt in late["receipts"] for one in receipt["lines"]]
    assert len(ids) == len(set(ids)) == 4


def test_blind_return_starts_in_receiving(scend: Any) -> None:
    made = scend.control(
        "POST",
        "/returns/unannounced",
        {"returnTracking": {"trackingNumber": "RN9"}, "lines": [{"sku": "TEE-ORG-BLK-M", "quantity": 1}]},
    )
    assert (made["status"], made["version"], made["announced"]) == ("RECEIVING", 1, False)
    assert (made["rmaNumber"], made["clientReference"], made["orderId"]) == (None, None, None)
    assert made["returnTracking"] == {"carrierCode": None, "trackingNumber": "RN9"}
    assert [(one["lineNumber"], one["discrepancy"]) for one in made["lines"]] == [(9000, "UNEXPECTED_SKU")]
    assert scend.feed("/returns")[0] == [made]


def test_cancel_is_too_late_once_goods_arrived(scend: Any) -> None:
    despatched(scend)
    made = announce(scend)
    scend.control("POST", "/returns/by-rma/RMA-1/advance", {"to": "IN_TRANSIT"})
    scend.control("POST", "/returns/by-rma/RMA-1/advance", {"to": "RECEIVING"})
    answer = scend.post(f"/returns/{made['returnId']}/cancel")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (409, "PAST_CUTOFF")
    assert error["context"] == {"status": "RECEIVING", "cutoffStatus": "RECEIVING"}


@pytest.mark.parametrize(
    ("road", "wanted", "legal"),
    [
        ([], "IN_TRANSIT", True),
        ([], "RECEIVING", True),
        ([], "RECEIVED", True),
        ([], "CANCELLED", True),
        ([], "ANNOUNCED", False),
        (["IN_TRANSIT"], "CANCELLED", True),
        (["IN_TRANSIT"], "ANNOUNCED", False),
        (["RECEIVING"], "CANCELLED", False),
        (["RECEIVING"], "IN_TRANSIT", False),
        (["RECEIVED"], "RECEIVING", True),
        (["RECEIVED"], "CANCELLED", False),
        (["CANCELLED"], "RECEIVING", False),
    ],
)
def test_return_transitions(scend: Any, road: list[str], wanted: str, legal: bool) -> None:
    despatched(scend)
    announce(scend)
    for step in road:
        scend.control("POST", "/returns/by-rma/RMA-1/advance", {"to": step})
    scend.control("POST", "/returns/by-rma/RMA-1/advance", {"to": wanted}, expect=200 if legal else 409)


def test_bad_receipts_change_nothing(scend: Any) -> None:
    despatched(scend)
    before = announce(scend)
    for bad in (
        {"sku": "TEE-ORG-BLK-M", "quantity": 0},
        {"sku": "tee", "quantity": 1},
        {"sku": "TEE-ORG-BLK-M", "quantity": 1, "conditionCode": "LOVELY"},
        {"sku": "TEE-ORG-BLK-M", "quantity": 1, "disposition": "BURN"},
    ):
        receive(scend, {"sku": "TEE-ORG-BLK-M", "quantity": 1}, bad, expect=409)
    assert scend.get(f"/returns/{before['returnId']}").json() == before


def test_despatch_cannot_be_voided_after_goods_came_back(scend: Any) -> None:
    order = despatched(scend)
    announce(scend)
    receive(scend, {"sku": "TEE-ORG-BLK-M", "quantity": 1})
    scend.control("POST", f"/despatches/{order['despatches'][0]['despatchId']}/void", expect=409)
