"""Scend's returns: announcements as the contract has them, receipts in canonical words, hints of blind parcels."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.scend.payloads import ReturnDocument
from connectors.scend.return_mapping import compose_return, reason_code, to_return
from syncbridge.domain.backend import (
    Condition,
    Disposition,
    ReturnLine,
    ReturnRequest,
    ReturnStatus,
)
from syncbridge.domain.returns import ReturnReason

AT = datetime(2026, 3, 9, 10, 15, tzinfo=UTC)
# Scend contract 2.14, the example.
RECEIVED: dict[str, Any] = {
    "returnId": "rtn_30F7",
    "rmaNumber": "RMA-UK-20260309-0042",
    "announced": True,
    "orderId": "ord_5T9KQ2",
    "clientReference": "SCY-UK-7041983",
    "warehouseCode": "MID1",
    "status": "RECEIVED",
    "version": 4,
    "sequence": 12077,
    "changedAt": "2026-03-12T13:40:27.901Z",
    "returnTracking": {"carrierCode": "ROYAL_MAIL", "trackingNumber": "RN400112233GB"},
    "lines": [
        {"lineNumber": 1, "orderLineNumber": 1, "sku": "TEE-ORG-BLK-M", "quantityAnnounced": 1, "quantityReceived": 1},
        {"lineNumber": 2, "orderLineNumber": 3, "sku": "BOOT-HIKE-BRN-42", "quantityAnnounced": 1, "quantityReceived": 1},
    ],
    "receipts": [
        {
            "receiptId": "rcp_88101",
            "receivedAt": "2026-03-12T13:40:27.000Z",
            "lines": [
                {"receiptLineId": "rcl_1", "lineNumber": 1, "sku": "TEE-ORG-BLK-M", "quantity": 1,
                 "conditionCode": "RESALEABLE", "disposition": "RESTOCK", "note": None},
                {"receiptLineId": "rcl_2", "lineNumber": 2, "sku": "BOOT-HIKE-BRN-42", "quantity": 1,
                 "conditionCode": "FAULTY", "disposition": "QUARANTINE", "note": "Sole detached, left"},
            ],
        }
    ],
}  # fmt: skip


def mapped(**changes: Any) -> Any:
    return to_return(ReturnDocument.model_validate({**RECEIVED, **changes}))


def test_a_received_return_names_the_order_line_of_every_receipt_line() -> None:
    seen = mapped()
    assert (seen.return_id, seen.rma_number, seen.reference) == ("rtn_30F7", "RMA-UK-20260309-0042", "SCY-UK-7041983")
    assert (seen.status, seen.version, seen.announced, seen.complete) == (ReturnStatus.RECEIVED, 4, True, True)
    assert [(line.receipt_line_id, line.order_line_number, line.condition, line.disposition) for line in seen.receipts] == [
        ("rcl_1", 1, Condition.RESALEABLE, Disposition.RESTOCK),
        ("rcl_2", 3, Condition.FAULTY, Disposition.QUARANTINE),
    ]
    assert {line.received_at for line in seen.receipts} == {datetime(2026, 3, 12, 13, 40, 27, tzinfo=UTC)}


def test_a_blind_parcel_gives_every_text_that_may_carry_our_label() -> None:
    receipts = json.loads(json.dumps(RECEIVED["receipts"]))
    receipts[0]["lines"][0]["note"] = "slip says RI-0011"
    seen = mapped(rmaNumber=None, announced=False, clientReference=None, receipts=receipts)
    assert (seen.rma_number, seen.reference, seen.announced) == ("", "", False)
    assert seen.hints == ("RN400112233GB", "slip says RI-0011", "Sole detached, left")


def test_a_line_that_the_warehouse_added_is_of_no_order_line() -> None:
    lines = [{"lineNumber": 9000, "orderLineNumber": None, "sku": "HAT", "quantityAnnounced": 0, "quantityReceived": 1}]
    receipts = json.loads(json.dumps(RECEIVED["receipts"]))
    receipts[0]["lines"] = [{**receipts[0]["lines"][0], "lineNumber": 9000, "sku": "HAT"}]
    (line,) = mapped(lines=lines, receipts=receipts).receipts
    assert (line.order_line_number, line.sku) == (None, "HAT")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("ANNOUNCED", ReturnStatus.ANNOUNCED),
        ("IN_TRANSIT", ReturnStatus.ANNOUNCED),
        ("RECEIVING", ReturnStatus.RECEIVING),
        ("CANCELLED", ReturnStatus.CANCELLED),
        ("SOMETHING_NEW", ReturnStatus.UNKNOWN),
    ],
)
def test_statuses_are_mapped_and_a_new_one_is_unknown(word: str, status: ReturnStatus) -> None:
    assert mapped(status=word).status is status


def test_a_new_condition_or_disposition_is_a_persons() -> None:
    receipts = json.loads(json.dumps(RECEIVED["receipts"]))
    receipts[0]["lines"] = [{**receipts[0]["lines"][0], "conditionCode": "MOIST", "disposition": None}]
    (line,) = mapped(receipts=receipts).receipts
    assert (line.condition, line.disposition) == (Condition.UNKNOWN, Disposition.UNKNOWN)
    assert (line.raw_condition, line.raw_disposition) == ("MOIST", "")


def test_a_receipt_without_an_id_is_unreadable() -> None:
    receipts = json.loads(json.dumps(RECEIVED["receipts"]))
    del receipts[0]["lines"][0]["receiptLineId"]
    with pytest.raises(ValidationError):
        mapped(receipts=receipts)


def test_an_announcement_is_what_scend_asks_for() -> None:
    request = ReturnRequest(
        rma_number="RMA-01",
        reference="SCY-UK-7041983",
        backend_order_id="ord_5T9KQ2",
        warehouse_code="MID1",
        announced_at=AT,
        lines=(ReturnLine(1, 3, "BOOT-HIKE-BRN-42", 2, "faulty"),),
        note="n" * 251,
    )
    body = compose_return(request)
    assert json.loads(body) == {
        "rmaNumber": "RMA-01",
        "clientReference": "SCY-UK-7041983",
        "warehouseCode": "MID1",
        "lines": [
            {
                "lineNumber": 1,
                "orderLineNumber": 3,
                "sku": "BOOT-HIKE-BRN-42",
                "quantity": 2,
                "reasonCode": "FAULTY",
                "requestedDisposition": "DEFAULT",
            }
        ],
    }
    assert body == compose_return(request)


KNOWN_REASONS = {
    "TOO_SMALL", "TOO_LARGE", "NOT_AS_DESCRIBED", "CHANGED_MIND", "FAULTY", "DAMAGED_IN_TRANSIT", "WRONG_ITEM_SENT",
    "LATE_DELIVERY", "OTHER",
}  # fmt: skip


@pytest.mark.parametrize("reason", ReturnReason)
def test_every_reason_of_ours_is_one_of_scends(reason: ReturnReason) -> None:
    assert reason_code(reason) in KNOWN_REASONS
