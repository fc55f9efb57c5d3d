"""A SCAYLE tenant with a merchant behind it, for all tests of the stand-in; and the control plane itself."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from aiohttp import web

from syncbridge.sandbox.scayle import LaunchSettings, build_app
from syncbridge.sandbox.threaded import ThreadedServer

Json = dict[str, Any]
TOKEN = "sandbox-token"
CREDENTIALS = "bridge:p%40ss"
AUTHORIZATION = "Basic " + base64.b64encode(b"bridge:p@ss").decode()
ACKNOWLEDGED: Json = {"orderDelegationResult": "acknowledged"}
SC = "/shops/nb/countries/GB"


class Merchant:
    """The receiver of SCAYLE's calls: acknowledges everything unless told otherwise, and keeps what came."""

    def __init__(self) -> None:
        self.orders: list[Json] = []
        self.cancellations: list[Json] = []
        self.events: list[Json] = []
        self.authorizations: set[str | None] = set()
        self.order_answers: list[tuple[int, Any]] = []
        self.cancellation_answers: list[tuple[int, Any]] = []
        self.event_statuses: list[int] = []
        self.order_delay_seconds = 0.0

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_post("/orders", self._order)
        app.router.add_post("/cancellations", self._cancellation)
        app.router.add_post("/events", self._event)
        return app

    async def _order(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.authorizations.add(request.headers.get("Authorization"))
        self.orders.append(body)
        await asyncio.sleep(self.order_delay_seconds)
        answer = {"referenceKey": str(body["orderId"]), **ACKNOWLEDGED}
        status, given = self.order_answers.pop(0) if self.order_answers else (201, answer)
        return web.json_response(given, status=status)

    async def _cancellation(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.cancellations.append(body)
        answer = {"orderReferenceKey": body["orderReferenceKey"], "cancellationResult": "successful"}
        if self.cancellation_answers:
            status, given = self.cancellation_answers.pop(0)
            return web.json_response({**answer, **given} if isinstance(given, dict) else given, status=status)
        return web.json_response(answer, status=201)

    async def _event(self, request: web.Request) -> web.Response:
        self.authorizations.add(request.headers.get("Authorization"))
        self.events.append(await request.json())
        return web.Response(status=self.event_statuses.pop(0) if self.event_statuses else 204)

    def event_types(self) -> list[str]:
        return [event["type"] for event in self.events]


class Tenant:
    """Drive one stand-in over HTTP."""

    def __init__(self, base_url: str, merchant: Merchant, merchant_url: str) -> None:
        self.base_url = base_url
        self.merchant = merchant
        self.url = merchant_url.replace("http://", f"http://{CREDENTIALS}@")
        self._session = requests.Session()

    @classmethod
    @contextmanager
    def running(cls, **behaviour: Any) -> Iterator[Tenant]:
        """Serve a tenant with two merchants, two warehouses and one carrier; delegation is immediate."""
        merchant = Merchant()
        settings = LaunchSettings(behaviour={"delegationDelaySeconds": 0, **behaviour})
        with ThreadedServer(merchant.app()) as merchant_url, ThreadedServer(build_app(settings)) as base_url:
            tenant = cls(base_url, merchant, merchant_url)
            tenant.seed()
            try:
                yield tenant
            finally:
                failures = tenant.summary()["sandboxFailures"]
                tenant._session.close()
            assert failures == []

    def seed(self) -> None:
        calls = {"orderDelegationUrl": f"{self.url}/orders", "cancellationUrl": f"{self.url}/cancellations"}
        served = [{"carrier": "ROYALMAIL_GB", "countryCode": "GB"}]
        self.control(
            "POST",
            "/seed",
            {
                "warehouses": [{"id": 12, "referenceKey": "WH-1"}, {"id": 15, "referenceKey": "WH-2"}],
                "carriers": [
                    {"key": "ROYALMAIL_GB", "trackingUrl": "https://track.example/{number}"},
                    {"key": "DHL_DE"},
                ],
                "shops": [{"key": "nb", "countries": [{"countryCode": "GB", "currencyCode": "GBP"}]}],
                "merchants": [
                    {"referenceKey": "scend", "warehouses": ["WH-1"], "carriers": served, **calls},
                    {"referenceKey": "orderwise", "warehouses": ["WH-2"], "carriers": served, **calls},
                ],
            },
        )

    def control(self, method: str, path: str, body: Any = None, status: int | None = None) -> Any:
        answer = self._session.request(method, f"{self.base_url}/_sandbox{path}", json=body, timeout=20)
        assert answer.status_code == status if status else answer.ok, answer.text
        return answer.json()

    def api(
        self, method: str, path: str, body: Any = None, headers: Json | None = None, **options: Any
    ) -> requests.Response:
        given = {"X-Access-Token": TOKEN, **(headers or {})}
        url = f"{self.base_url}/api/admin/v1{path}"
        return self._session.request(method, url, json=body, headers=given, timeout=20, **options)

    def settings(self, **changes: Any) -> None:
        self.control("PUT", "/settings", changes)

    def summary(self) -> Json:
        found: Json = self.control("GET", "/summary")
        return found

    def state(self, section: str) -> list[Json]:
        found: list[Json] = self.control("GET", f"/state?section={section}")[section]
        return found

    def facts(self, kind: str) -> list[Json]:
        return [fact for fact in self.state("facts") if fact["fact"] == kind]

    def advance(self, seconds: float) -> None:
        self.control("POST", "/clock", {"advanceSeconds": seconds})

    def stop_clock(self, **at: str) -> None:
        """Let the clock move only when it is advanced; `now` says from where."""
        self.control("POST", "/clock", {"stopped": True, **at})

    def place(self, *lines: Json, **brief: Any) -> int:
        """Place and confirm an order of one line, or of the lines given; return its id."""
        defaults = {"sku": "TEE", "quantity": 1, "unitPriceWithTax": 1200, "taxRate": "0.2"}
        body = {"lines": [{**defaults, **line} for line in lines or ({},)], "confirm": True, **brief}
        return int(self.control("POST", "/orders", body, 201)["id"])

    def place_delegated(self, *lines: Json, **brief: Any) -> Json:
        """Place an order, wait until SCAYLE shows it delegated, and return it."""
        number = self.place(*lines, **brief)
        eventually(lambda: self.code(number) == "order_delegated")
        self.settle()
        return self.order(number)

    def order(self, number: int, **query: str) -> Json:
        answer = self.api("GET", f"{SC}/orders/{number}", params=query)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def code(self, number: int, facet: str = "order") -> str:
        status = self.api("GET", f"{SC}/orders/{number}/status").json()
        return str(status["detailedStatus"][facet]["code"])

    def ship(self, order: Json, *items: int, key: str = "RM1", **changes: Any) -> requests.Response:
        """Send a shipment of some items, all of them by default."""
        numbers = items or tuple(item["id"] for item in order["items"])
        body = {
            "shopKey": "nb",
            "countryCode": "GB",
            "orderId": order["id"],
            "carrier": "ROYALMAIL_GB",
            "shipmentKey": key,
            "deliveryDate": "2026-03-03T15:20:00+00:00",
            "returnIdentCode": f"RMA-{key}",
            "items": [{"orderItemId": number, "returnKey": str(number)} for number in numbers],
            "merchantReferenceKey": "scend",
        }
        return self.api("POST", "/fulfillment/shipments", {**body, **changes})

    def cancel_items(self, order: Json, *items: int, merchant: str = "scend") -> requests.Response:
        body = {
            "shopKey": "nb",
            "countryCode": "GB",
            "orderId": order["id"],
            "items": [{"orderItemId": number} for number in items],
            "merchantReferenceKey": merchant,
        }
        return self.api("POST", "/fulfillment/cancellations", body)

    def send_back(self, *keys: str, merchant: str = "scend") -> requests.Response:
        entries = [
            {"returnKey": key, "received": "2026-03-12 09:41:05", "merchantReferenceKey": merchant}
            for key in keys
        ]
        return self.api("POST", "/fulfillment/return-items", entries)

    def write_stock(self, sku: str, quantity: int, changed_at: str | None, **more: Any) -> requests.Response:
        body = {"quantity": quantity, "warehouseReferenceKey": "WH-1", "merchantReferenceKey": "scend"}
        return self.api("POST", f"/variants/key={sku}/stocks", {**body, "changedAt": changed_at, **more})

    def settle(self) -> None:
        """Wait until no outgoing call is under way and nothing is due within the next half second."""
        eventually(lambda: self.summary()["busy"] == 0)


def eventually(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait for a condition, and fail if it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def error_of(answer: requests.Response) -> Json:
    """Return the one error of an envelope, whose context must be an object."""
    errors = answer.json()["errors"]
    assert len(errors) == 1
    assert isinstance(errors[0]["context"], dict)
    found: Json = errors[0]
    return found


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with Tenant.running() as running:
        yield running


def test_reset_forgets_orders_and_settings_but_reloads_what_it_was_started_with(tenant: Tenant) -> None:
    tenant.place()
    tenant.settings(fulfilmentStatus=204)
    tenant.control("POST", "/reset")
    assert tenant.summary()["orders"] == 0
    settings = tenant.control("GET", "/settings")
    assert settings["fulfilmentStatus"] == 201
    assert settings["delegationDelaySeconds"] == 0
    assert tenant.api("GET", "/merchants").json()["entities"][0]["referenceKey"] == "default"


@pytest.mark.parametrize(
    "change",
    [
        {"noSuchSwitch": 1},
        {"equalChangedAt": "maybe"},
        {"fulfilmentStatus": 500},
        {"rateLimits": {"nothing": 1}},
    ],
)
def test_a_setting_that_is_not_understood_changes_nothing(tenant: Tenant, change: Json) -> None:
    before = tenant.control("GET", "/settings")
    assert "error" in tenant.control("PUT", "/settings", {"webhookTimeScale": 0.5, **change}, 400)
    assert tenant.control("GET", "/settings") == before


def test_a_list_of_orders_is_placed_one_by_one_and_a_bad_entry_spoils_only_itself(tenant: Tenant) -> None:
    good = {"lines": [{"sku": "A", "unitPriceWithTax": 100}]}
    placed = tenant.control("POST", "/orders", [good, {"lines": []}, good], 201)["orders"]
    assert [entry.get("state") for entry in placed] == ["PENDED", None, "PENDED"]
    assert placed[1]["status"] == 400
    assert tenant.summary()["orders"] == 2


def test_state_pages_and_limits_itself_to_one_order(tenant: Tenant) -> None:
    numbers = [tenant.place() for _ in range(3)]
    page = tenant.control("GET", "/state?section=orders,units&offset=1&limit=1")
    assert [order["id"] for order in page["orders"]] == [numbers[1]]
    units = tenant.control("GET", f"/state?section=units&orderId={numbers[2]}")["units"]
    assert [unit["orderId"] for unit in units] == [numbers[2]]
    tenant.control("GET", "/state?section=nothing", status=400)


def test_the_control_plane_asks_for_its_token_where_one_is_configured() -> None:
    with ThreadedServer(build_app(LaunchSettings(control_token="secret"))) as base_url:
        assert requests.get(f"{base_url}/_sandbox/summary", timeout=5).status_code == 403
        allowed = requests.get(
            f"{base_url}/_sandbox/summary", headers={"X-Sandbox-Token": "secret"}, timeout=5
        )
        assert allowed.status_code == 200


def test_an_unknown_control_call_is_404(tenant: Tenant) -> None:
    tenant.control("GET", "/nothing", status=404)


def test_the_tenant_describes_itself(tenant: Tenant) -> None:
    described = tenant.api("GET", "/admin-api.json").json()
    assert "post" in described["paths"]["/fulfillment/shipments"]
    assert json.dumps(described)
