"""Scend sandbox: the order of checks, authentication, rate limit, errors and faults (contract 2.1 to 2.6)."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests


def error(answer: requests.Response) -> dict[str, Any]:
    body = answer.json()["error"]
    assert set(body) == {"code", "message", "requestId", "retryable", "context", "details"}
    assert isinstance(body["details"], list)
    assert isinstance(body["context"], dict)
    assert body["requestId"] == answer.headers["X-Request-Id"]
    return dict(body)


def test_ping_tells_account_scopes_and_time(scend: Any) -> None:
    body = scend.get("/ping").json()
    assert (body["status"], body["accountCode"], body["environment"]) == ("ok", "ACME-UK", "sandbox")
    assert "orders:write" in body["scopes"]
    assert body["serverTime"].endswith("Z")


@pytest.mark.parametrize("header", [None, "Bearer nobody", "Basic scend-sandbox-token", ""])
def test_bad_credentials_get_401_without_rate_headers(scend: Any, header: str | None) -> None:
    answer = scend.call("GET", "/ping", headers={"Authorization": header})
    assert answer.status_code == 401
    assert error(answer)["code"] == "UNAUTHENTICATED"
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert "X-RateLimit-Limit" not in answer.headers


def test_account_and_scope_are_checked_after_the_token(scend: Any) -> None:
    for account in (None, "OTHER"):
        answer = scend.call("GET", "/ping", headers={"X-Scend-Account": account})
        assert (answer.status_code, error(answer)["context"]) == (403, {"accountCode": account})
    narrow = [{"token": "narrow", "accounts": ["ACME-UK"], "scopes": ["orders:read"]}]
    scend.control("POST", "/seed", {"tokens": narrow})
    scend.headers["Authorization"] = "Bearer narrow"
    assert scend.get("/orders").status_code == 200
    refused = scend.post("/orders", scend.order_body())
    assert (refused.status_code, error(refused)["context"]) == (403, {"missingScope": "orders:write"})
    scend.control("POST", "/seed", {"tokens": [{**narrow[0], "revoked": True}]})
    assert scend.get("/orders").status_code == 401


def test_an_account_does_not_see_the_orders_of_another(scend: Any) -> None:
    scend.control("POST", "/seed", {"accounts": [{"accountCode": "B"}], "tokens": [{"token": "both"}]})
    order = scend.create()
    scend.headers |= {"Authorization": "Bearer both", "X-Scend-Account": "B"}
    assert scend.get(f"/orders/{order['orderId']}").status_code == 404
    assert scend.get("/orders").json()["data"] == []
    scend.headers["X-Scend-Account"] = "ACME-UK"
    assert scend.get(f"/orders/{order['orderId']}").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("GET", "/orders/ord_none", 404, "NOT_FOUND"),
        ("POST", "/orders/ord_none/cancel", 404, "NOT_FOUND"),
        ("GET", "/despatches/dsp_none", 404, "NOT_FOUND"),
        ("GET", "/returns/rtn_none", 404, "NOT_FOUND"),
        ("PUT", "/orders", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "/ping", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_unknown_paths_ids_and_methods(scend: Any, method: str, path: str, status: int, code: str) -> None:
    answer = scend.call(method, path)
    assert (answer.status_code, error(answer)["code"]) == (status, code)
    assert "X-RateLimit-Remaining" in answer.headers


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("text/plain", b"{}", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("application/json; charset=latin-1", b"{}", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("application/json", b"{", 400, "MALFORMED_JSON"),
        ("application/json", b"", 400, "MALFORMED_JSON"),
        ("application/json", b'{"a": NaN}', 400, "MALFORMED_JSON"),
        ("application/json", b'"\xff"', 400, "MALFORMED_JSON"),
        ("application/json", b"[" * 100_000, 400, "MALFORMED_JSON"),
        ("application/json", b"[]", 400, "VALIDATION_FAILED"),
        ("application/json; charset=UTF-8", b"{}", 400, "VALIDATION_FAILED"),
        ("application/json", b'"' + b"x" * (1024 * 1024) + b'"', 413, "PAYLOAD_TOO_LARGE"),
        ("text/plain", b"x" * (1024 * 1024 + 1), 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
def test_media_type_then_size_then_syntax_then_schema(
    scend: Any, content_type: str, body: bytes, status: int, code: str
) -> None:
    answer = scend.call("POST", "/orders", data=body, headers={"Content-Type": content_type})
    assert (answer.status_code, error(answer)["code"]) == (status, code)


def test_a_body_of_exactly_one_mebibyte_is_read(scend: Any) -> None:
    body = b'"' + b"x" * (1024 * 1024 - 2) + b'"'
    answer = scend.call("POST", "/orders", data=body, headers={"Content-Type": "application/json"})
    assert error(answer)["code"] == "VALIDATION_FAILED"


def test_request_id_is_echoed_or_made(scend: Any) -> None:
    assert (
        scend.call("GET", "/ping", headers={"X-Request-Id": "abc_1-2"}).headers["X-Request-Id"] == "abc_1-2"
    )
    for unfit in ("has space", "x" * 65, "é"):
        answer = scend.call("GET", "/ping", headers={"X-Request-Id": unfit.encode()})
        assert answer.headers["X-Request-Id"].startswith("req_")
    refused = scend.call("GET", "/nothing", headers={"X-Request-Id": "mine"})
    assert error(refused)["requestId"] == "mine"


def test_bucket_empties_refuses_without_effect_and_refills_with_the_clock(scend: Any) -> None:
    scend.stop_clock(now="2026-03-02T08:00:00Z")
    scend.settings(rateCapacity=3, ratePerSecond=0.5)
    answers = [scend.get("/ping") for _ in range(3)]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["2", "1", "0"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in answers} == {"3"}
    now = datetime(2026, 3, 2, 8, tzinfo=UTC).timestamp()
    assert [int(answer.headers["X-RateLimit-Reset"]) - now for answer in answers] == [2, 4, 6]
    refused = scend.post("/orders", scend.order_body())
    assert refused.status_code == 429
    assert error(refused)["retryable"] is True
    assert error(refused)["context"] == {"limit": 3, "windowSeconds": 6, "retryAfterSeconds": 2}
    assert refused.headers["Retry-After"] == "2"
    assert not scend.facts("order_created")
    scend.wind(2)
    assert scend.get("/ping").status_code == 200
    assert scend.get("/ping").status_code == 429


def test_refused_requests_cost_a_token_but_unauthenticated_ones_do_not(scend: Any) -> None:
    scend.settings(rateCapacity=3, ratePerSecond=0.01)
    for _ in range(5):
        scend.call("GET", "/ping", headers={"Authorization": None})
    assert scend.get("/nothing").headers["X-RateLimit-Remaining"] == "2"
    assert (
        scend.call("GET", "/ping", headers={"X-Scend-Account": "X"}).headers["X-RateLimit-Remaining"] == "1"
    )
    assert scend.call("GET", "/nothing").status_code == 404
    assert scend.call("GET", "/ping", headers={"X-Scend-Account": "X"}).status_code == 429


def test_tokens_have_buckets_of_their_own(scend: Any) -> None:
    scend.control("POST", "/seed", {"tokens": [{"token": "second"}]})
    scend.settings(rateCapacity=1, ratePerSecond=0.01)
    assert [scend.get("/ping").status_code for _ in range(2)] == [200, 429]
    scend.headers["Authorization"] = "Bearer second"
    assert scend.get("/ping").status_code == 200


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (500, "INTERNAL_ERROR", True),
        (502, "UPSTREAM_ERROR", True),
        (503, "SERVICE_UNAVAILABLE", True),
        (504, "UPSTREAM_TIMEOUT", True),
        (403, "FORBIDDEN", False),
    ],
)
def test_injected_errors_have_the_vendors_envelope(
    scend: Any, status: int, code: str, retryable: bool
) -> None:
    scend.fault(fault="http", status=status, match={"path": "/ping"})
    answer = scend.get("/ping")
    assert (answer.status_code, error(answer)["code"], error(answer)["retryable"]) == (
        status,
        code,
        retryable,
    )
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert scend.get("/ping").status_code == 200


def test_injected_rate_limit_says_when_to_come_back(scend: Any) -> None:
    scend.fault(fault="rate_limit", retryAfter=9)
    answer = scend.get("/ping")
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "9")
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert error(answer)["context"]["retryAfterSeconds"] == 9


def test_create_that_times_out_after_its_effect_leaves_one_order(scend: Any) -> None:
    """Scenario S2."""
    scend.fault(fault="timeout_after", match={"method": "POST", "path": "/orders"})
    with pytest.raises(requests.ConnectionError):
        scend.post("/orders", scend.order_body())
    assert scend.order()["status"] == "RECEIVED"
    assert scend.post("/orders", scend.order_body()).status_code == 200
    assert len(scend.facts("order_created")) == 1


def test_create_that_times_out_before_its_effect_leaves_none(scend: Any) -> None:
    scend.fault(fault="timeout_before", match={"method": "POST", "path": "/orders"})
    with pytest.raises(requests.ConnectionError):
        scend.post("/orders", scend.order_body())
    assert scend.get("/orders", clientReference="SCY-1").json()["data"] == []


def test_token_revoked_and_in_progress_faults(scend: Any) -> None:
    scend.fault(fault="token_revoked")
    assert scend.get("/ping").status_code == 401
    scend.fault(fault="in_progress", effect=True)
    busy = scend.post("/orders", scend.order_body())
    assert (busy.status_code, error(busy)["code"], busy.headers["Retry-After"]) == (
        409,
        "REQUEST_IN_PROGRESS",
        "1",
    )
    assert error(busy)["retryable"] is True
    assert scend.post("/orders", scend.order_body()).status_code == 200
    assert scend.control("GET", "/summary")["faultsInjected"] == {"token_revoked": 1, "in_progress": 1}


def test_journal_tells_effect_scope_and_fault(scend: Any) -> None:
    scend.create()
    scend.post("/orders", scend.order_body())
    rows = scend.control("GET", "/journal")["requests"]
    assert [(row["status"], row["effect"], row["scope"]) for row in rows] == [
        (201, True, "ACME-UK"),
        (200, False, "ACME-UK"),
    ]


def test_state_can_be_chosen_and_paged(scend: Any) -> None:
    for number in range(5):
        scend.create(f"R-{number}")
    page = scend.control("GET", "/state?section=orders,facts&after=2&limit=2")
    assert set(page) == {"orders", "facts"}
    assert [order["clientReference"] for order in page["orders"]] == ["R-2", "R-3"]
    assert [fact["n"] for fact in page["facts"]] == [3, 4]
    everything = scend.control("GET", "/state")
    assert {"stock", "returns", "deliveries", "counters", "faultsInjected"} <= set(everything)
    scend.control("GET", "/state?section=nonsense", expect=400)


def test_reset_forgets_everything_and_cursors_with_it(scend: Any) -> None:
    scend.create()
    cursor = scend.get("/orders").json()["page"]["nextCursor"]
    scend.settings(strictFields=True)
    scend.wind(7200)
    scend.control("POST", "/reset")
    assert scend.get("/orders").json()["data"] == []
    assert error(scend.get("/orders", cursor=cursor))["code"] == "CURSOR_INVALID"
    assert scend.control("GET", "/settings")["strictFields"] is False
    now = datetime.fromisoformat(scend.control("GET", "/clock")["now"])
    assert abs(now - datetime.now(UTC)) < timedelta(hours=1)


def test_thousands_of_products_are_seeded_in_one_call(scend: Any) -> None:
    skus = [f"BULK-{number:05d}" for number in range(4000)]
    began = time.process_time()
    scend.control(
        "POST",
        "/seed",
        {
            "products": [{"sku": sku, "description": "A product from a long list"} for sku in skus],
            "stock": [{"sku": sku, "warehouseCode": "NTH2", "physical": 7} for sku in skus],
        },
    )
    assert time.process_time() - began < 10, "each row looked through all others"
    assert scend.stock("BULK-03999", "NTH2")["availableForSale"] == 7


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/seed", {"nonsense": []}),
        ("/seed", {"products": [{"sku": "lower"}]}),
        ("/seed", {"stock": [{"sku": "NOT-SEEDED", "physical": 1}]}),
        ("/seed", {"stock": [{"sku": "TEE-ORG-BLK-M", "reserved": 1}]}),
        ("/seed", {"stock": [{"sku": "TEE-ORG-BLK-M", "physical": -1}]}),
        ("/stock/adjust", {"sku": "TEE-ORG-BLK-M", "bucket": "reserved", "delta": 1}),
        ("/clock", {"now": "2026-01-01T00:00:00"}),
    ],
)
def test_control_calls_that_cannot_be_understood_are_400(scend: Any, path: str, body: dict[str, Any]) -> None:
    scend.control("POST", path, body, expect=400)


@pytest.mark.parametrize(
    "changes",
    [{"duplicateMode": "x"}, {"rateCapacity": 0}, {"unknown": 1}, {"autoProgress": {"partialShare": 2}}],
)
def test_impossible_settings_are_refused(scend: Any, changes: dict[str, Any]) -> None:
    scend.control("PUT", "/settings", changes, expect=400)
