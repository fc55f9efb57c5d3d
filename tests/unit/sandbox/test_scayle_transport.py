"""The transport of the SCAYLE stand-in: who may call, how errors look, limits, identifiers, faults."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import requests

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.scayle import LaunchSettings, build_app
from syncbridge.sandbox.scayle.scheduler import Scheduler
from syncbridge.sandbox.threaded import ThreadedServer
from tests.unit.sandbox.test_scayle_tenant import SC, Tenant, error_of

RATE_HEADERS = ("X-RateLimit-Scope", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with Tenant.running() as running:
        yield running


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_a_missing_or_wrong_token_is_401_with_the_envelope(tenant: Tenant, token: str | None) -> None:
    headers = {} if token is None else {"X-Access-Token": token}
    answer = requests.get(f"{tenant.base_url}/api/admin/v1/merchants", headers=headers, timeout=5)
    assert answer.status_code == 401
    assert error_of(answer)["errorKey"] == "UNAUTHORIZED"


def test_write_includes_read_and_other_scopes_are_403() -> None:
    settings = LaunchSettings(tokens={"stock": frozenset({"stocksWrite"}), "all": frozenset({"*"})})
    with ThreadedServer(build_app(settings)) as base_url:
        seed = {"products": [{"sku": "A"}]}
        requests.post(f"{base_url}/_sandbox/seed", json=seed, timeout=5)

        def get(path: str) -> int:
            headers = {"X-Access-Token": "stock"}
            return requests.get(f"{base_url}/api/admin/v1{path}", headers=headers, timeout=5).status_code

        assert get("/variants/key=A/stocks") == 200
        assert get("/variants/key=A/prices") == 403
        assert get("/merchants") == 403


@pytest.mark.parametrize(
    ("method", "path", "status", "key"),
    [
        ("GET", f"{SC}/orders/1", 404, "ORDER_NOT_FOUND"),
        ("GET", f"{SC}/orders/abc", 400, "INVALID_IDENTIFIER"),
        ("GET", "/shops/zz/countries/GB/orders/1", 404, "SHOP_COUNTRY_NOT_FOUND"),
        ("GET", "/nothing/at/all", 404, "NOT_FOUND"),
        ("DELETE", f"{SC}/orders", 405, "METHOD_NOT_ALLOWED"),
        ("GET", f"{SC}/orders?limit=0", 400, "VALIDATION_ERROR"),
        ("GET", f"{SC}/orders?limit=1001", 400, "VALIDATION_ERROR"),
        ("GET", f"{SC}/orders?cursor=zzz", 400, "INVALID_CURSOR"),
        ("GET", f"{SC}/orders?filters[status]=open", 400, "UNKNOWN_FILTER"),
        ("GET", f"{SC}/orders?filters%5BminUpdatedAt%5D=yesterday", 400, "VALIDATION_ERROR"),
        ("GET", "/variants/key=NOPE/stocks", 404, "VARIANT_NOT_FOUND"),
        ("POST", "/fulfillment/shipments", 400, "BAD_REQUEST"),
    ],
)
def test_every_refusal_has_the_envelope_and_the_rate_headers(
    tenant: Tenant, method: str, path: str, status: int, key: str
) -> None:
    answer = tenant.api(method, path)
    assert answer.status_code == status
    assert error_of(answer)["errorKey"] == key
    assert all(name in answer.headers for name in RATE_HEADERS)


def test_a_body_that_is_no_json_is_400(tenant: Tenant) -> None:
    answer = tenant.api(
        "POST", "/fulfillment/shipments", data=b"{", headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    assert error_of(answer)["errorKey"] == "MALFORMED_JSON"


def test_a_scope_is_limited_by_itself_and_opens_again_after_a_minute(tenant: Tenant) -> None:
    tenant.stop_clock()
    tenant.settings(rateLimits={"stocksRead": 2})
    tenant.control("POST", "/seed", {"products": [{"sku": "A"}]})
    answers = [tenant.api("GET", "/variants/key=A/stocks") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["X-RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert error_of(answers[2])["errorKey"] == "RATE_LIMIT_EXCEED"
    assert answers[2].headers["X-RateLimit-Scope"] == "stocksRead"
    assert 0 < int(answers[2].headers["X-RateLimit-Reset"]) <= 60
    assert "Retry-After" not in answers[2].headers
    assert tenant.api("GET", "/variants/key=A/prices").status_code == 200
    tenant.advance(60)
    assert tenant.api("GET", "/variants/key=A/stocks").status_code == 200


def test_what_was_called_under_another_limit_does_not_count(tenant: Tenant) -> None:
    tenant.stop_clock()
    for limit in (3, 2, 3):
        tenant.settings(rateLimits={"globalRead": limit})
        answers = [tenant.api("GET", "/merchants").status_code for _ in range(4)]
        assert answers == [200] * limit + [429] * (4 - limit)


def test_a_window_may_follow_the_clock_minute(tenant: Tenant) -> None:
    tenant.settings(rateWindow="clock_minute", rateLimits={"globalRead": 1})
    tenant.stop_clock(now="2026-03-02T10:00:50Z")
    first = tenant.api("GET", "/merchants")
    assert int(first.headers["X-RateLimit-Reset"]) <= 10
    tenant.advance(11)
    assert tenant.api("GET", "/merchants").status_code == 200


def test_headers_can_be_missing_on_401_and_404(tenant: Tenant) -> None:
    tenant.settings(rateHeadersOnUnauthorised=False)
    for answer in (
        tenant.api("GET", f"{SC}/orders/1"),
        tenant.api("GET", "/merchants", headers={"X-Access-Token": "no"}),
    ):
        assert answer.status_code in (401, 404)
        assert not any(name in answer.headers for name in RATE_HEADERS)


@pytest.mark.parametrize(
    ("sku", "segment"),
    [
        ("SKU-1", "key=SKU-1"),
        ("SKU-1", "key%3DSKU-1"),
        ("A/B", "key%3DA%2FB"),
        ("A/B", "key=A%2fB"),
        ("A B", "key=A+B"),
        ("A B", "key=A%20B"),
        ("A+B", "key%3DA%2BB"),
        ("Größe", "key=Gr%C3%B6%C3%9Fe"),
        ("85123a", "key=85123a"),
    ],
)
def test_identifiers_are_read_in_every_encoding_the_sdks_use(tenant: Tenant, sku: str, segment: str) -> None:
    tenant.control("POST", "/seed", {"products": [{"sku": "85123A"}, {"sku": sku}]})
    tenant.control("POST", "/stock", {"sku": sku, "warehouse": "WH-1", "quantity": 7})
    stocks = tenant.api("GET", f"/variants/{segment}/stocks")
    assert [row["quantity"] for row in stocks.json()["entities"]] == [7]


def test_the_base_path_is_an_option() -> None:
    with ThreadedServer(build_app(LaunchSettings(base_path="/x/y"))) as base_url:
        headers = {"X-Access-Token": "sandbox-token"}
        assert requests.get(f"{base_url}/x/y/merchants", headers=headers, timeout=5).status_code == 200
        elsewhere = requests.get(f"{base_url}/api/admin/v1/merchants", headers=headers, timeout=5)
        assert elsewhere.status_code == 404
        assert error_of(elsewhere)


def test_an_injected_rate_limit_looks_like_scayles_own(tenant: Tenant) -> None:
    tenant.control("POST", "/faults", {"match": {"path": "/merchants"}, "fault": "rate_limit"})
    answer = tenant.api("GET", "/merchants")
    assert answer.status_code == 429
    assert error_of(answer)["errorKey"] == "RATE_LIMIT_EXCEED"
    assert answer.headers["X-RateLimit-Remaining"] == "0"
    assert answer.headers["X-RateLimit-Scope"] == "globalRead"
    assert tenant.api("GET", "/merchants").status_code == 200
    assert tenant.summary()["faultsInjected"] == {"rate_limit": 1}


def test_a_dropped_answer_may_have_had_its_effect(tenant: Tenant) -> None:
    order = tenant.place_delegated()
    fault = {"match": {"method": "POST", "path": "/fulfillment/shipments"}, "fault": "timeout_after"}
    tenant.control("POST", "/faults", fault)
    with pytest.raises(requests.ConnectionError):
        tenant.ship(order)
    assert tenant.code(order["id"]) == "order_invoiced"
    assert tenant.ship(order).status_code == 201
    assert len(tenant.state("captures")) == 1


def test_the_journal_counts_by_route_and_status(tenant: Tenant) -> None:
    tenant.api("GET", f"{SC}/orders/1")
    tenant.api("GET", f"{SC}/orders/2")
    counters = tenant.control("GET", "/state?section=journal")["journal"]
    assert counters["byRoute"]["GET /shops/{shopKey}/countries/{countryCode}/orders/{orderIdentifier}"] == 2
    assert counters["byStatus"] == {"404": 2}


@pytest.mark.parametrize("turns", range(6))
def test_the_clockwork_stops_whatever_came_up_just_before(turns: int) -> None:
    """A call that ends while the tenant is being closed makes more work; closing waited for ever then."""

    async def scenario() -> None:
        scheduler = Scheduler(SandboxClock())
        scheduler.after(3600, lambda: None)
        scheduler.start()
        for _ in range(10):
            await asyncio.sleep(0)
        scheduler.after(1800, lambda: None)
        for _ in range(turns):
            await asyncio.sleep(0)
        _, unfinished = await asyncio.wait([asyncio.create_task(scheduler.stop())], timeout=5)
        assert not unfinished

    asyncio.run(scenario())
