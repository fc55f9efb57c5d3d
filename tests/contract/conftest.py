"""The vendors' stand-ins on threads, and a client for their control planes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from aiohttp import web

from syncbridge.ports.quota import Lane, QuotaReading
from syncbridge.sandbox.orderwise import Launch as OrderWiseLaunch
from syncbridge.sandbox.orderwise import build_app as build_orderwise
from syncbridge.sandbox.scayle import LaunchSettings
from syncbridge.sandbox.scayle import build_app as build_scayle
from syncbridge.sandbox.scend import Launch
from syncbridge.sandbox.scend import build_app as build_scend
from syncbridge.sandbox.threaded import ThreadedServer

_NO_FAULT_OF_THE_STAND_IN = (
    "Connection lost",  # a client that hangs up while it is made to wait is the subject of a test
    "Sending a large body",  # a warning of aiohttp about thousands of units, which the tests turn into an error
)


class Control:
    """The control plane of one stand-in: what its own people and shoppers do."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._session = requests.Session()

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        answer = self._session.request(method, f"{self.root}/_sandbox{path}", json=body, timeout=20)
        assert answer.ok, answer.text
        return answer.json()

    def fault(self, method: str, path: str, fault: str, **more: Any) -> None:
        self(
            "POST", "/faults", {"match": {"method": method, "path": path}, "fault": fault, "times": 1, **more}
        )

    def close(self) -> None:
        self._session.close()


class OpenQuota:
    """Lets everything through; remembers what the vendor said last."""

    def __init__(self) -> None:
        self.readings: dict[tuple[str, str], QuotaReading] = {}

    def take(self, system: str, scope: str, lane: Lane, wait: timedelta) -> None:
        return None

    def learn(self, system: str, scope: str, reading: QuotaReading) -> None:
        self.readings[system, scope] = reading

    def scarce(self, system: str, scope: str) -> bool:
        return False


class ClosedBreaker:
    """A circuit that never opens."""

    def check(self, system: str) -> None:
        return None

    def succeeded(self, system: str) -> None:
        return None

    def failed(self, system: str, *, refused: bool = False) -> None:
        return None


class Mailbox:
    """Receives what SCAYLE sends, and acknowledges as told."""

    def __init__(self) -> None:
        self.delegations: list[bytes] = []
        self.events: list[bytes] = []
        self.signed: list[tuple[dict[str, str], bytes]] = []
        self.answer: dict[str, str] = {}

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/orders", self._delegation)
        app.router.add_post("/events", self._event)
        app.router.add_post("/signed", self._signed)
        return app

    async def _delegation(self, request: web.Request) -> web.Response:
        self.delegations.append(await request.read())
        return web.json_response(self.answer, status=201)

    async def _event(self, request: web.Request) -> web.Response:
        self.events.append(await request.read())
        return web.Response(status=204)

    async def _signed(self, request: web.Request) -> web.Response:
        self.signed.append((dict(request.headers), await request.read()))
        return web.Response(status=202)


@pytest.fixture
def open_quota() -> OpenQuota:
    return OpenQuota()


@pytest.fixture
def closed_breaker() -> ClosedBreaker:
    return ClosedBreaker()


@pytest.fixture(scope="module")
def scayle_server() -> Iterator[str]:
    with ThreadedServer(build_scayle(LaunchSettings())) as root:
        yield root


@pytest.fixture(scope="module")
def scend_server() -> Iterator[str]:
    with ThreadedServer(build_scend(Launch())) as root:
        yield root


@pytest.fixture(scope="module")
def orderwise_server() -> Iterator[str]:
    with ThreadedServer(build_orderwise(OrderWiseLaunch())) as root:
        yield root


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    box = Mailbox()
    with ThreadedServer(box.app()) as root:
        yield box, root


@pytest.fixture
def scayle_control(scayle_server: str, mailbox: tuple[Mailbox, str]) -> Iterator[Control]:
    """An empty tenant with two merchants in one shop, delegating at once to the mailbox."""
    control = Control(scayle_server)
    control("POST", "/reset")
    control("PUT", "/settings", {"delegationDelaySeconds": 0})
    carriers = [{"carrier": "ROYALMAIL_GB", "countryCode": "GB"}]
    served = {"carriers": carriers, "orderDelegationUrl": f"{mailbox[1]}/orders"}
    control(
        "POST",
        "/seed",
        {
            "warehouses": [{"id": 12, "referenceKey": "WH-1"}, {"id": 15, "referenceKey": "WH-2"}],
            "carriers": [{"key": "ROYALMAIL_GB"}, {"key": "DHL_DE"}],
            "shops": [
                {
                    "key": "nb",
                    "countries": [
                        {"countryCode": "GB", "currencyCode": "GBP"},
                        {"countryCode": "DE", "currencyCode": "EUR"},
                    ],
                }
            ],
            "merchants": [
                {"referenceKey": "scend", "warehouses": ["WH-1"], **served},
                {"referenceKey": "other", "warehouses": ["WH-2"], **served},
            ],
            "webhooks": [{"event": "order-confirmed", "version": 1, "url": f"{mailbox[1]}/events"}],
        },
    )
    yield control
    failures = control("GET", "/summary")["sandboxFailures"]
    assert [one for one in failures if not any(word in one for word in _NO_FAULT_OF_THE_STAND_IN)] == []
    control.close()


@pytest.fixture
def scend_control(scend_server: str) -> Iterator[Control]:
    """An empty warehouse with the contract's seed catalogue."""
    control = Control(scend_server)
    control("POST", "/reset")
    yield control
    assert control("GET", "/summary")["defects"] == 0
    control.close()


@pytest.fixture
def orderwise_control(orderwise_server: str) -> Iterator[Control]:
    """An installation with the contract's seed, and no orders."""
    control = Control(orderwise_server)
    control("POST", "/reset")
    yield control
    control.close()
