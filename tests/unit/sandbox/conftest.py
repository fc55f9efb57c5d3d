"""A running stand-in Scend and a running stand-in OrderWise, empty again for every test."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from orderwise_stand_in import OrderWiseClient

from syncbridge.sandbox import orderwise as orderwise_package
from syncbridge.sandbox.scend import Launch, build_app
from syncbridge.sandbox.threaded import ThreadedServer

ROOMY = {"rateCapacity": 100_000, "ratePerSecond": 10_000}

ADDRESS = {
    "recipientName": "Ines Okafor",
    "line1": "Flat 4, Tannery House",
    "line2": "18 Mill Lane",
    "city": "Norwich",
    "region": "Norfolk",
    "postcode": "NR3 1QX",
    "countryCode": "GB",
    "phone": "+447700900123",
    "email": "ines.okafor@example.com",
}


class ScendClient:
    """Speak to the stand-in as a client (`get`, `post`) and as the warehouse (`control`, `floor`)."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.session = requests.Session()
        self.headers = {"Authorization": "Bearer scend-sandbox-token", "X-Scend-Account": "ACME-UK"}

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {**self.headers, **options.pop("headers", {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        return self.session.request(method, f"{self.root}/v1{path}", headers=headers, timeout=10, **options)

    def get(self, path: str, **query: Any) -> requests.Response:
        return self.call("GET", path, params=query)

    def post(self, path: str, body: Any = None) -> requests.Response:
        return self.call("POST", path, json=body) if body is not None else self.call("POST", path)

    def control(self, method: str, path: str, body: Any = None, expect: int | None = None) -> Any:
        answer = self.session.request(method, f"{self.root}/_sandbox{path}", json=body, timeout=10)
        if expect is None:
            assert answer.ok, answer.text
        else:
            assert answer.status_code == expect, answer.text
        return answer.json()

    def settings(self, **changes: Any) -> None:
        self.control("PUT", "/settings", changes)

    def fault(self, **fault: Any) -> None:
        self.control("POST", "/faults", fault)

    def wind(self, seconds: float) -> None:
        self.control("POST", "/clock", {"advanceSeconds": seconds})

    def stop_clock(self, **at: str) -> None:
        """Let the clock move only when it is wound; `now` says from where. A reset lets it run again."""
        self.control("POST", "/clock", {"stopped": True, **at})

    def floor(self, reference: str, verb: str, body: Any = None, expect: int | None = None) -> Any:
        return self.control("POST", f"/orders/by-reference/{reference}/{verb}", body or {}, expect)

    def order_body(self, reference: str = "SCY-1", **changes: Any) -> dict[str, Any]:
        body = {
            "clientReference": reference,
            "currency": "GBP",
            "allowPartialDespatch": True,
            "shipping": {"serviceCode": "STD48"},
            "deliveryAddress": copy.deepcopy(ADDRESS),
            "lines": [
                {"lineNumber": 1, "sku": "TEE-ORG-BLK-M", "quantity": 2, "unitPrice": "22.00"},
                {"lineNumber": 2, "sku": "JKT-RAIN-NVY-L", "quantity": 1, "unitPrice": "95.00"},
            ],
        }
        return {**body, **changes}

    def create(self, reference: str = "SCY-1", **changes: Any) -> dict[str, Any]:
        answer = self.post("/orders", self.order_body(reference, **changes))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def order(self, reference: str = "SCY-1") -> dict[str, Any]:
        found = self.get("/orders", clientReference=reference).json()["data"]
        assert len(found) == 1
        return dict(found[0])

    def stock(self, sku: str = "TEE-ORG-BLK-M", warehouse: str = "MID1") -> dict[str, Any]:
        rows = self.get(f"/stock-levels/{sku}").json()["data"]
        return next(dict(row) for row in rows if row["warehouseCode"] == warehouse)

    def facts(self, kind: str) -> list[dict[str, Any]]:
        return [fact for fact in self.control("GET", "/state?section=facts")["facts"] if fact["fact"] == kind]

    def feed(self, path: str, **query: Any) -> tuple[list[dict[str, Any]], str]:
        """Read a feed to its end; return its rows and the resume cursor."""
        rows: list[dict[str, Any]] = []
        while True:
            answer = self.get(path, **query)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            rows += page["data"]
            cursor = page["page"]["nextCursor"]
            if not page["page"]["hasMore"]:
                return rows, cursor
            query = {name: value for name, value in query.items() if name != "changedSince"} | {
                "cursor": cursor
            }


@pytest.fixture(scope="session")
def _scend_root() -> Iterator[str]:
    with ThreadedServer(build_app(Launch(settings=ROOMY))) as root:
        yield root


@pytest.fixture
def scend(_scend_root: str) -> Iterator[ScendClient]:
    client = ScendClient(_scend_root)
    client.control("POST", "/reset")
    yield client
    assert client.control("GET", "/summary")["defects"] == 0
    assert not client.facts("sandbox_defect")
    client.session.close()


@pytest.fixture(scope="session")
def _orderwise_root() -> Iterator[str]:
    launch = orderwise_package.Launch(settings={"recalculationSeconds": 0})
    with ThreadedServer(orderwise_package.build_app(launch)) as root:
        yield root


@pytest.fixture
def orderwise(_orderwise_root: str) -> Iterator[OrderWiseClient]:
    client = OrderWiseClient(_orderwise_root)
    client.control("POST", "/reset")
    client.mint()
    yield client
    assert client.control("GET", "/summary")["defects"] == 0
    assert not client.facts("sandbox_defect")
    client.session.close()
