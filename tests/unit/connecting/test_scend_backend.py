"""The adapter over canned answers: what is asked, and what becomes of the answers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from connectors.scend.adapter import ScendBackend
from syncbridge.config.scend import ScendSettings
from syncbridge.domain.backend import FulfilmentStatus
from syncbridge.domain.errors import (
    AlreadyExists,
    CursorRefused,
    Misconfigured,
    NeedsPerson,
    OutcomeUnknown,
    RetryLater,
    VendorError,
)
from syncbridge.ports.backend import FulfilmentBackend

BASE = "https://scend.example/v1"
BODY = json.dumps(
    {
        "clientReference": "SCY-NB-7",
        "currency": "GBP",
        "warehouseCode": "MID1",
        "deliveryAddress": {"recipientName": "Ines Okafor"},
        "lines": [
            {
                "lineNumber": 1,
                "sku": "TEE-ORG-BLK-M",
                "quantity": 2,
                "unitPrice": "22.00",
                "clientLineReference": "990211",
            }
        ],
        "totals": {"goods": "44.00", "grandTotal": "47.95"},
    }
)
ORDER: dict[str, Any] = {
    "orderId": "ord_5T9KQ2",
    "clientReference": "SCY-NB-7",
    "warehouseCode": "MID1",
    "status": "RECEIVED",
    "version": 1,
    "updatedAt": "2026-03-02T15:32:10.402Z",
    "currency": "GBP",
    "deliveryAddress": {"recipientName": "Ines Okafor"},
    "lines": [
        {
            "lineNumber": 1,
            "sku": "TEE-ORG-BLK-M",
            "unitPrice": "22.00",
            "clientLineReference": "990211",
            "quantityOrdered": 2,
            "quantityAllocated": 0,
            "quantityBackordered": 0,
            "quantityDespatched": 0,
            "quantityCancelled": None,
        }
    ],
    "quarantine": None,
    "hold": None,
    "cancellation": {"state": "NONE", "initiator": None, "reasonCode": None},
    "totals": {"goods": "44.00", "grandTotal": "47.95"},
}
DESPATCH: dict[str, Any] = {
    "despatchId": "dsp_8M2V7C",
    "despatchNumber": "D-2026-118734",
    "orderId": "ord_5T9KQ2",
    "clientReference": "SCY-NB-7",
    "despatchedAt": "2026-03-02T15:32:10.000Z",
    "voidedAt": None,
    "version": 2,
    "carrier": {"code": "DPD_UK"},
    "lines": [{"lineNumber": 1, "sku": "TEE-ORG-BLK-M", "quantity": 2}],
    "parcels": [
        {
            "parcelId": "pcl_41",
            "trackingNumber": "1550",
            "lines": [{"lineNumber": 1, "sku": "TEE-ORG-BLK-M", "quantity": 1}],
        },
        {
            "parcelId": "pcl_42",
            "trackingNumber": None,
            "lines": [{"lineNumber": 1, "sku": "TEE-ORG-BLK-M", "quantity": 1}],
        },
    ],
}


@pytest.fixture
def backend(scend_settings: ScendSettings, quota: Any, breaker: Any) -> FulfilmentBackend:
    return ScendBackend(scend_settings, "token-1", quota, breaker)


def page(*rows: dict[str, Any], cursor: str = "c-end", more: bool = False) -> dict[str, Any]:
    return {"data": list(rows), "page": {"limit": 100, "hasMore": more, "nextCursor": cursor}}


def error(code: str, context: dict[str, Any] | None = None, *details: dict[str, str]) -> dict[str, Any]:
    return {
        "error": {
            "code": code,
            "message": "Ines Okafor lives here",
            "requestId": "req_1",
            "context": context or {},
            "details": list(details),
        }
    }


def queries(vendor: responses.RequestsMock) -> list[dict[str, list[str]]]:
    return [parse_qs(urlsplit(call.request.url or "").query) for call in vendor.calls]


@pytest.mark.parametrize("status", [201, 200])
def test_a_created_or_replayed_order_is_the_same_success(backend: FulfilmentBackend, status: int) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(f"{BASE}/orders", json=ORDER, status=status)
        order = backend.create_order(BODY)
        sent = vendor.calls[0].request
    assert sent.body == BODY.encode()
    assert sent.headers["Authorization"] == "Bearer token-1"
    assert sent.headers["X-Scend-Account"] == "ACME-UK"
    assert (order.backend_id, order.reference, order.version) == ("ord_5T9KQ2", "SCY-NB-7", 1)
    assert order.status is FulfilmentStatus.ACCEPTED
    assert order.total_minor == 4795
    assert order.updated_at == datetime(2026, 3, 2, 15, 32, 10, 402_000, tzinfo=UTC)
    assert backend.differences(BODY, order) == ()
    assert "Okafor" not in order.document


def test_a_quarantined_order_is_no_success_and_says_why(backend: FulfilmentBackend) -> None:
    reasons = [
        {
            "code": "ADDRESS_INCOMPLETE",
            "field": "deliveryAddress.line1",
            "lineNumber": None,
            "message": "Okafor",
        },
        {"code": "SKU_UNKNOWN", "field": "lines[1].sku", "sku": "HAT-WOOL-GRY-OS", "message": "x"},
        {"code": "SOMETHING_NEW", "field": "Mill Lane!", "message": "Okafor"},
    ]
    quarantined = {**ORDER, "status": "QUARANTINED", "quarantine": {"since": "x", "reasons": reasons}}
    with responses.RequestsMock() as vendor:
        vendor.post(f"{BASE}/orders", json=quarantined, status=201)
        order = backend.create_order(BODY)
    assert order.status is FulfilmentStatus.NEEDS_ATTENTION
    assert [(fault.code, fault.field, fault.value) for fault in order.attention] == [
        ("ADDRESS_INCOMPLETE", "delivery address: line1", ""),
        ("SKU_UNKNOWN", "items[sku=HAT-WOOL-GRY-OS].sku", "HAT-WOOL-GRY-OS"),
        ("SOMETHING_NEW", "order in Scend", ""),
    ]
    assert "Okafor" not in str(order.attention)


@pytest.mark.parametrize("hold", [{"code": "CUSTOMS_DATA", "message": "x"}, {"code": "NEW_CODE"}, None])
def test_a_held_order_needs_attention(backend: FulfilmentBackend, hold: dict[str, str] | None) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/orders", json=page({**ORDER, "status": "ON_HOLD", "hold": hold}))
        order = backend.find_orders(["SCY-NB-7"])["SCY-NB-7"]
    assert order.status is FulfilmentStatus.NEEDS_ATTENTION
    assert [fault.code for fault in order.attention] == [hold["code"] if hold else "ON_HOLD"]


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        ("ALLOCATED", FulfilmentStatus.ACCEPTED),
        ("BACKORDERED", FulfilmentStatus.BACKORDERED),
        ("PICKING", FulfilmentStatus.IN_FULFILMENT),
        ("PARTIALLY_DESPATCHED", FulfilmentStatus.PARTIALLY_DESPATCHED),
        ("DESPATCHED", FulfilmentStatus.DESPATCHED),
        ("CANCELLED", FulfilmentStatus.CANCELLED),
        ("LEVITATING", FulfilmentStatus.UNKNOWN),
    ],
)
def test_statuses(backend: FulfilmentBackend, raw: str, status: FulfilmentStatus) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/orders", json=page({**ORDER, "status": raw}))
        order = backend.find_orders(["SCY-NB-7"])["SCY-NB-7"]
    assert (order.status, order.raw_status) == (status, raw)


def test_a_short_close_says_who_cancelled_and_how_many(backend: FulfilmentBackend) -> None:
    line = {**ORDER["lines"][0], "quantityDespatched": 1, "quantityCancelled": 1}
    cancellation = {"state": "ACCEPTED", "initiator": "WAREHOUSE", "reasonCode": "SHORT_CLOSED"}
    with responses.RequestsMock() as vendor:
        vendor.get(
            f"{BASE}/orders",
            json=page({**ORDER, "status": "DESPATCHED", "lines": [line], "cancellation": cancellation}),
        )
        order = next(iter(backend.orders_changed(None, None))).rows[0]
    assert order.initiator == "WAREHOUSE"
    assert (order.lines[0].ordered, order.lines[0].despatched, order.lines[0].cancelled) == (2, 1, 1)


@pytest.mark.parametrize(
    ("status", "document", "expected"),
    [
        (
            409,
            error("DUPLICATE_CLIENT_REFERENCE", {"orderId": "ord_1", "differingFields": []}),
            AlreadyExists,
        ),
        (409, error("REQUEST_IN_PROGRESS"), OutcomeUnknown),
        (422, error("ORDER_REJECTED"), NeedsPerson),
        (400, error("VALIDATION_FAILED"), NeedsPerson),
        (429, error("RATE_LIMITED"), RetryLater),
        (503, error("SERVICE_UNAVAILABLE"), RetryLater),
        (503, {"proxy": "sorry"}, OutcomeUnknown),
        (500, error("INTERNAL_ERROR"), OutcomeUnknown),
        (502, error("UPSTREAM_ERROR"), OutcomeUnknown),
        (504, error("UPSTREAM_TIMEOUT"), OutcomeUnknown),
        (401, error("UNAUTHENTICATED"), Misconfigured),
        (201, {"orderId": "ord_1"}, OutcomeUnknown),
        (201, {**ORDER, "clientReference": "SCY-NB-8"}, OutcomeUnknown),
    ],
)
def test_every_answer_to_a_create(
    backend: FulfilmentBackend, status: int, document: dict[str, Any], expected: type[VendorError]
) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(f"{BASE}/orders", json=document, status=status, headers={"Retry-After": "3"})
        with pytest.raises(VendorError) as raised:
            backend.create_order(BODY)
    assert type(raised.value) is expected
    assert "Okafor" not in str(raised.value)
    if isinstance(raised.value, RetryLater):
        assert raised.value.after == timedelta(seconds=3)


def test_a_rejection_lists_codes_and_fields_but_no_values(backend: FulfilmentBackend) -> None:
    document = error(
        "ORDER_REJECTED",
        None,
        {"code": "SKU_FORMAT", "field": "lines[0].sku", "value": "TEE ORG", "message": "x"},
        {"code": "FIELD_TOO_LONG", "field": "deliveryAddress.line1", "value": "Mill Lane", "message": "x"},
    )
    with responses.RequestsMock() as vendor:
        vendor.post(f"{BASE}/orders", json=document, status=422)
        with pytest.raises(NeedsPerson) as refused:
            backend.create_order(BODY)
    assert refused.value.evidence.code == "ORDER_REJECTED"
    assert refused.value.evidence.excerpt == "SKU_FORMAT lines[0].sku; FIELD_TOO_LONG deliveryAddress.line1"


@pytest.mark.parametrize(
    ("context", "verdict"),
    [({"missingScope": "orders:write"}, "succeeded"), ({"accountCode": "X"}, "refused")],
)
def test_only_a_refused_account_closes_everything(
    backend: FulfilmentBackend, breaker: Any, context: dict[str, str], verdict: str
) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(f"{BASE}/orders", json=error("FORBIDDEN", context), status=403)
        with pytest.raises(Misconfigured):
            backend.create_order(BODY)
    assert breaker.verdicts == [verdict]


def test_references_are_looked_up_fifty_at_a_time_and_to_the_last_page(backend: FulfilmentBackend) -> None:
    references = [f"SCY-NB-{number}" for number in range(1, 61)]
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/orders", json=page(cursor="c1", more=True))
        vendor.get(f"{BASE}/orders", json=page(ORDER))
        vendor.get(f"{BASE}/orders", json=page({**ORDER, "clientReference": "SCY-NB-60"}))
        found = backend.find_orders([*references, "no, such reference", *references])
        asked = [query["clientReference"][0].split(",") for query in queries(vendor)]
    assert sorted(found) == ["SCY-NB-60", "SCY-NB-7"]
    assert [len(one) for one in asked] == [50, 50, 10]


def test_nothing_is_asked_for_nothing(backend: FulfilmentBackend) -> None:
    with responses.RequestsMock():
        assert backend.find_orders([]) == {}
        assert backend.unknown_skus([]) == frozenset()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({}, ()),
        ({"currency": "EUR"}, ("currency",)),
        ({"warehouseCode": "NTH2"}, ("warehouseCode",)),
        ({"warehouseCode": None}, ()),
        ({"deliveryAddress": {"line1": "corrected"}}, ()),
        ({"totals": {"goods": "44", "grandTotal": "47.96"}}, ("totals.grandTotal",)),
        ({"lines": []}, ("lines[lineNumber=1]",)),
        ({"lines": [{**ORDER["lines"][0], "sku": "OTHER"}]}, ("lines[lineNumber=1].sku",)),
        ({"lines": [{**ORDER["lines"][0], "quantityOrdered": 1}]}, ("lines[lineNumber=1].quantity",)),
        ({"lines": [{**ORDER["lines"][0], "unitPrice": "21.99"}]}, ("lines[lineNumber=1].unitPrice",)),
        (
            {"lines": [{**ORDER["lines"][0], "clientLineReference": "1"}]},
            ("lines[lineNumber=1].clientLineReference",),
        ),
        (
            {"lines": [ORDER["lines"][0], {**ORDER["lines"][0], "lineNumber": 2}]},
            ("lines[lineNumber=2]",),
        ),
    ],
)
def test_differences(backend: FulfilmentBackend, change: dict[str, Any], named: tuple[str, ...]) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/orders", json=page({**ORDER, **change}))
        found = backend.find_orders(["SCY-NB-7"])["SCY-NB-7"]
    assert backend.differences(BODY, found) == named


def test_an_order_from_the_feed_is_compared_by_its_lines(backend: FulfilmentBackend) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/orders", json=page(ORDER))
        order = next(iter(backend.orders_changed(None, None))).rows[0]
    assert order.document == ""
    assert backend.differences(BODY, order) == ()
    assert backend.differences(BODY, replace(order, currency="EUR")) == ("currency",)


@pytest.mark.parametrize(
    ("cursor", "since", "first"),
    [
        (None, None, {}),
        ("c0", None, {"cursor": ["c0"]}),
        ("c0", datetime(2026, 3, 2, tzinfo=UTC), {"cursor": ["c0"]}),
        (None, datetime(2026, 3, 2, tzinfo=UTC), {"changedSince": ["2026-03-02T00:00:00.000Z"]}),
    ],
)
def test_feeds_start_where_they_are_told_and_go_on_by_cursor(
    backend: FulfilmentBackend, cursor: str | None, since: datetime | None, first: dict[str, list[str]]
) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/despatches", json=page(DESPATCH, cursor="c1", more=True))
        vendor.get(f"{BASE}/despatches", json=page(cursor="c2", more=True))
        vendor.get(f"{BASE}/despatches", json=page(cursor="c2"))
        pages = list(backend.despatches_changed(cursor, since))
        asked = queries(vendor)
    assert asked == [
        {"limit": ["100"], **first},
        {"limit": ["100"], "cursor": ["c1"]},
        {"limit": ["100"], "cursor": ["c2"]},
    ]
    assert [(one.cursor, one.last, len(one.rows)) for one in pages] == [
        ("c1", False, 1),
        ("c2", False, 0),
        ("c2", True, 0),
    ]


@pytest.mark.parametrize(
    ("status", "code", "snapshot"),
    [(410, "CURSOR_EXPIRED", False), (400, "CURSOR_INVALID", False), (400, "CHANGED_SINCE_TOO_OLD", True)],
)
def test_a_refused_position_says_whether_a_snapshot_is_needed(
    backend: FulfilmentBackend, status: int, code: str, snapshot: bool
) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/orders", json=error(code), status=status)
        with pytest.raises(CursorRefused) as refused:
            list(backend.orders_changed("c0", None))
    assert refused.value.snapshot_needed is snapshot


def test_a_despatch_with_its_parcels(backend: FulfilmentBackend) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/despatches", json=page(DESPATCH))
        despatch = next(iter(backend.despatches_changed(None, None))).rows[0]
    assert (despatch.despatch_id, despatch.number, despatch.version) == ("dsp_8M2V7C", "D-2026-118734", 2)
    assert (despatch.reference, despatch.backend_order_id, despatch.carrier) == (
        "SCY-NB-7",
        "ord_5T9KQ2",
        "DPD_UK",
    )
    assert [parcel.tracking_number for parcel in despatch.parcels] == ["1550", ""]
    assert despatch.parcels[0].lines[0].quantity == 1
    assert despatch.voided_at is None


def test_a_despatch_that_cannot_be_read_is_left_out_by_name(backend: FulfilmentBackend) -> None:
    spoilt = {**DESPATCH, "despatchId": "dsp_odd", "version": "newest"}
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/despatches", json=page(spoilt, DESPATCH, cursor="c1"))
        (found,) = backend.despatches_changed(None, None)
    assert [row.despatch_id for row in found.rows] == ["dsp_8M2V7C"]
    assert [(one.called, one.reference, one.fields) for one in found.unread] == [("dsp_odd", "SCY-NB-7", ("version",))]
    assert (found.cursor, found.last) == ("c1", True)


def test_a_despatch_that_does_not_say_which_it_is_stops_the_feed_where_it_was(backend: FulfilmentBackend) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/despatches", json=page({**DESPATCH, "despatchId": None}))
        with pytest.raises(RetryLater):
            list(backend.despatches_changed(None, None))


def test_a_despatch_without_parcels_loses_no_units(backend: FulfilmentBackend) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/despatches", json=page({**DESPATCH, "parcels": [], "carrier": None}))
        despatch = next(iter(backend.despatches_changed(None, None))).rows[0]
    assert [line.quantity for parcel in despatch.parcels for line in parcel.lines] == [2]


def test_unknown_skus_are_those_missing_inactive_or_impossible(backend: FulfilmentBackend) -> None:
    rows = [{"sku": "TEE-ORG-BLK-M", "active": True}, {"sku": "SCARF-OLD-RED", "active": False}]
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/products", json=page(*rows))
        unknown = backend.unknown_skus(
            ["TEE-ORG-BLK-M", "SCARF-OLD-RED", "HAT-WOOL", "85123a, b", "HAT-WOOL"]
        )
        assert queries(vendor)[0]["sku"] == ["TEE-ORG-BLK-M,SCARF-OLD-RED,HAT-WOOL"]
    assert unknown == {"SCARF-OLD-RED", "HAT-WOOL", "85123a, b"}


def test_the_quota_is_learnt_as_a_bucket(backend: FulfilmentBackend, quota: Any) -> None:
    headers = {"X-RateLimit-Limit": "120", "X-RateLimit-Remaining": "97", "X-RateLimit-Reset": "1772445600"}
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/orders", json=page(), headers=headers)
        backend.find_orders(["SCY-NB-7"])
    ((system, scope, reading),) = quota.learnt
    assert (system, scope, reading.limit, reading.remaining) == ("scend", "account", 120, 97)
    assert (reading.refill_per_second, reading.window, reading.retry_after) == (2, None, None)


def test_health_names_missing_scopes_and_a_foreign_account(backend: FulfilmentBackend) -> None:
    answer = {
        "status": "ok",
        "accountCode": "ACME-FR",
        "environment": "sandbox",
        "serverTime": "2026-03-02T08:40:00.000Z",
        "scopes": ["orders:read", "orders:write"],
    }
    with responses.RequestsMock() as vendor:
        vendor.get(f"{BASE}/ping", json=answer)
        health = backend.health()
    assert health.server_time == datetime(2026, 3, 2, 8, 40, tzinfo=UTC)
    assert health.warnings == (
        "the token lacks despatches:read, products:read, stock:read, returns:read, returns:write",
        "Scend answers for the account ACME-FR",
    )


def test_the_account_names_the_ledger_key(backend: FulfilmentBackend) -> None:
    assert backend.account == "scend:ACME-UK"
    assert backend.timing.lookup_lag == timedelta(seconds=30)
    assert backend.timing.landing == timedelta(seconds=60)
