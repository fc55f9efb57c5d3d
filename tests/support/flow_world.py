"""The sandboxes, a migrated ledger and the real connectors, with clocks that a test can move.

Only what is shared between processes (quota, breaker, locks, doorbell) is replaced by something that does nothing;
its own tests run on a real Redis.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from migrated_ledger import migrated
from werkzeug.serving import make_server

from connectors.orderwise.adapter import OrderWiseBackend
from connectors.scayle.adapter import ScayleShop
from connectors.scend.adapter import ScendBackend
from syncbridge import config
from syncbridge.bootstrap import may_be_ours
from syncbridge.config import Configuration
from syncbridge.flows import cancel_call, intake
from syncbridge.flows.context import Context
from syncbridge.ledger.engine import Ledger
from syncbridge.ports.backend import FulfilmentBackend
from syncbridge.ports.quota import Lane, QuotaReading
from syncbridge.sandbox import orderwise, scayle, scend
from syncbridge.sandbox.orderwise.reference_data import DEFAULT_PASSWORD, DEFAULT_USER
from syncbridge.sandbox.scayle.settings import LaunchSettings
from syncbridge.sandbox.scend.reference_data import DEFAULT_TOKEN
from syncbridge.sandbox.threaded import ThreadedServer

WEBHOOK_SECRET = "whsec_c3luY2JyaWRnZS1zYW5kYm94LXNpZ25pbmcta2V5LTAx"
ENVIRONMENT = {
    "SCAYLE_ACCESS_TOKEN": "sandbox-token",
    "SCAYLE_INBOUND_USERNAME": "scayle",
    "SCAYLE_INBOUND_PASSWORD": "inbound-password",
    "SCEND_API_TOKEN": DEFAULT_TOKEN,
    "SCEND_WEBHOOK_SECRET": WEBHOOK_SECRET,
    "ORDERWISE_USERNAME": DEFAULT_USER,
    "ORDERWISE_PASSWORD": DEFAULT_PASSWORD,
}
CONFIGURATION = """
[scayle]
base_url = "{scayle}/api/admin/v1"
poll_grace_seconds = 60
[[scayle.shops]]
key = "nb"
country = "GB"
currencies = ["GBP"]
[[merchants]]
key = "scend"
backend = "scend"
warehouses = [{{ key = "WH-SCEND-1", code = "MID1" }}]
service_map = {{ ROYALMAIL_GB = "STD48" }}
carrier_map = {{ ROYAL_MAIL = "ROYALMAIL_GB", DPD_UK = "ROYALMAIL_GB" }}
[scend]
base_url = "{scend}/v1"
account_code = "{account}"
"""
SECOND_BACK_END = """
[[merchants]]
key = "orderwise"
backend = "orderwise"
reference_template = "SCYOW-{{shop}}-{{order_id}}"
warehouses = [{{ key = "WH-OW-1", code = "MAIN" }}]
service_map = {{ ROYALMAIL_GB = "STANDARD" }}
carrier_map = {{ "Example Parcels" = "ROYALMAIL_GB", "Swift Couriers" = "ROYALMAIL_GB" }}
[orderwise]
base_url = "{orderwise}/owapi"
name = "acme"
session_id = 12
customer = {{ id = 4021 }}
capabilities = {{ cancel = "api", returns = "api" }}
stock_lag_seconds = 0
[orderwise.maps]
delivery_method = {{ STANDARD = 18 }}
payment_method = {{ creditcard = 7, gift_card = 8 }}
stock_location = {{ MAIN = 3 }}
"""

POLL_SECONDS = 0.01
"""How soon a server on a thread notices that it is to stop; the standard library's half second is waited for in every test."""
ANSWER_SECONDS = 8.0
"""How long SCAYLE's question before a cancellation may be worked on; a busy machine is no reason to answer "later"."""


class MovableClock:
    """The wall clock plus what a test added."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


class Free:
    """A quota, breaker and coordinator that hold nothing back."""

    def take(self, system: str, scope: str, lane: Lane, wait: timedelta) -> None: ...

    def learn(self, system: str, scope: str, reading: QuotaReading) -> None: ...

    def scarce(self, system: str, scope: str) -> bool:
        return False

    def check(self, system: str) -> None: ...

    def succeeded(self, system: str) -> None: ...

    def failed(self, system: str, *, refused: bool = False) -> None: ...

    @contextmanager
    def lock(self, name: str, life: timedelta) -> Iterator[bool]:
        yield True


@dataclass
class Bell:
    """A doorbell that remembers."""

    rings: list[tuple[str | int, ...]] = field(default_factory=list)

    def ring(self, flow: str, *arguments: str | int) -> None:
        self.rings.append((flow, *arguments))


@dataclass
class World:
    """What a test has in its hands."""

    context: Context
    clock: MovableClock
    bell: Bell
    scayle: str
    scend: str
    orderwise: str = ""
    """Empty in a world without the second back end."""
    inbound: str = ""
    """Where the flows answer SCAYLE. It delegates there; before it cancels it asks only where a test says so."""

    @property
    def sandboxes(self) -> tuple[str, ...]:
        return tuple(url for url in (self.scayle, self.scend, self.orderwise) if url)

    def advance(self, **span: float) -> None:
        """Move our clock and all sandboxes' clocks forward together."""
        seconds = timedelta(**span).total_seconds()
        self.clock.ahead += timedelta(seconds=seconds)
        for url in self.sandboxes:
            self.post(url, "clock", {"advanceSeconds": seconds})

    def post(self, url: str, path: str, body: Any) -> Any:
        answer = requests.post(f"{url}/_sandbox/{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def put(self, url: str, path: str, body: Any) -> None:
        requests.put(f"{url}/_sandbox/{path}", json=body, timeout=30).raise_for_status()

    def state(self, url: str, *sections: str) -> Any:
        answer = requests.get(f"{url}/_sandbox/state", params={"section": ",".join(sections)}, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def fault(self, url: str, method: str, path: str, fault: str, times: int = 1, **more: Any) -> None:
        self.post(url, "faults", {"match": {"method": method, "path": path}, "fault": fault, "times": times, **more})

    def place(self, *lines: dict[str, Any], **more: Any) -> int:
        """Have a shopper place and pay an order; return its id. Nothing is delegated by itself."""
        order = {
            "shop": "nb",
            "country": "GB",
            "customer": {"firstName": "Zoë", "lastName": "Nwosu", "email": "zoe.nwosu@example.com"},
            "shipping": {
                "firstName": "Zoë",
                "lastName": "Nwosu",
                "street": "Mill Lane",
                "houseNumber": "4a",
                "zipCode": "LS1 4AB",
                "city": "Leeds",
                "countryCode": "GBR",
            },
            "lines": list(lines) or [line("TEE-ORG-BLK-M", 2), line("JKT-RAIN-NVY-L")],
            "shippingFee": 395,
            "confirm": True,
            **more,
        }
        answer = self.post(self.scayle, "orders", order)
        return int(answer["orders"][0]["id"] if "orders" in answer else answer["id"])

    def delegated(self, order_id: int) -> int:
        """Wait until SCAYLE has our acknowledgement of an order's delegation; return the order's id."""

        def acknowledged() -> bool:
            calls = self.state(self.scayle, "delegationCalls")["delegationCalls"]
            return any(call["orderId"] == order_id and call["status"] == 201 for call in calls)

        wait_until(acknowledged)
        return order_id

    def backend_orders(self) -> list[Any]:
        orders: list[Any] = self.state(self.scend, "orders")["orders"]
        return orders

    def warehouse(self, reference: str, verb: str, body: Any) -> Any:
        """Act as the warehouse on the order with this reference."""
        return self.post(self.scend, f"orders/by-reference/{reference}/{verb}", body)

    def units(self, order_id: int) -> list[Any]:
        """Return an order's units as SCAYLE has them."""
        return [one for one in self.state(self.scayle, "units")["units"] if one["orderId"] == order_id]


def line(
    sku: str, quantity: int = 1, price: int = 2200, merchant: str = "scend", warehouse: str = "WH-SCEND-1"
) -> dict[str, Any]:
    return {
        "sku": sku,
        "quantity": quantity,
        "unitPriceWithTax": price,
        "taxRate": 0.2,
        "merchant": merchant,
        "warehouse": warehouse,
        "name": f"Product {sku}",
    }


def erp_line(sku: str, quantity: int = 1, price: int = 2200) -> dict[str, Any]:
    """Return a line that the second back end sends."""
    return line(sku, quantity, price, "orderwise", "WH-OW-1")


def parcel(goods: list[tuple[str, int]], tracking: str | None = "RM100000001GB") -> dict[str, Any]:
    """Return a despatch of one parcel with the (SKU, quantity) pairs."""
    lines = [{"sku": sku, "quantity": quantity} for sku, quantity in goods]
    return {"carrierCode": "ROYAL_MAIL", "parcels": [{"lines": lines, "trackingNumber": tracking}]}


@contextmanager
def world(database_url: str, folder: Path, *, both: bool = False, settings: str = "") -> Iterator[World]:
    """Start the sandboxes, migrate the ledger and join everything; with `both` there is OrderWise beside Scend.

    `settings` are further lines of `[orderwise.maps]`, the last section.
    """
    with ExitStack() as stack:
        scayle_url = stack.enter_context(ThreadedServer(scayle.build_app(LaunchSettings())))
        scend_url = stack.enter_context(ThreadedServer(scend.build_app()))
        erp_url = stack.enter_context(ThreadedServer(orderwise.build_app())) if both else ""
        configuration = _configuration(folder, database_url, scayle_url, scend_url, erp_url, settings)
        migrated(database_url)
        ledger = Ledger(database_url)
        stack.callback(ledger.close)
        clock, bell, free = MovableClock(), Bell(), Free()
        context = Context(
            clock=clock,
            ledger=ledger,
            shop=ScayleShop(configuration.scayle, "sandbox-token", free, free, deadline_seconds=20),
            backends=_backends(configuration, ledger, clock, free),
            configuration=configuration,
            coordinator=free,
            quota=free,
            doorbell=bell,
            chance=lambda: 0.5,
            sleep=lambda _seconds: None,
        )
        one = World(context, clock, bell, scayle_url, scend_url, erp_url)
        one.inbound = stack.enter_context(_inbound(context))
        _seed(one, one.inbound)
        yield one


def _backends(configuration: Configuration, ledger: Ledger, clock: MovableClock, free: Free) -> dict[str, FulfilmentBackend]:
    backends: dict[str, FulfilmentBackend] = {}
    if configuration.scend is not None:
        backends["scend"] = ScendBackend(
            configuration.scend, DEFAULT_TOKEN, free, free, webhook_secrets=[WEBHOOK_SECRET], deadline_seconds=20
        )
    if configuration.orderwise is not None:
        backends["orderwise"] = OrderWiseBackend(
            configuration.orderwise,
            DEFAULT_USER,
            DEFAULT_PASSWORD,
            free,
            free,
            clock=clock.now,
            may_be_ours=may_be_ours(configuration, ledger),
            deadline_seconds=20,
        )
    return backends


def _configuration(
    folder: Path, database: str, scayle_url: str, scend_url: str, erp_url: str, settings: str
) -> Configuration:
    path = folder / "syncbridge.toml"
    text = CONFIGURATION.format(scayle=scayle_url, scend=scend_url, account="ACME-UK")
    if erp_url:
        text += SECOND_BACK_END.format(orderwise=erp_url) + settings
    path.write_text(text)
    return config.load({**ENVIRONMENT, "DATABASE_URL": database, "REDIS_URL": "redis://127.0.0.1:1/0"}, path=path)


def _seed(one: World, inbound: str) -> None:
    one.put(one.scayle, "settings", {"delegationDelaySeconds": 0, "rateLimits": {"*": 60000}})
    one.put(one.scend, "settings", {"rateCapacity": 100000, "ratePerSecond": 10000})
    one.post(
        one.scayle,
        "seed",
        {
            "shops": [{"key": "nb", "countries": [{"countryCode": "GB"}]}],
            "warehouses": [{"id": 12, "referenceKey": "WH-SCEND-1"}, {"id": 13, "referenceKey": "WH-OW-1"}],
            "merchants": [
                {
                    "referenceKey": merchant,
                    "warehouses": [warehouse],
                    "carriers": [{"carrier": "ROYALMAIL_GB", "countryCode": "GB"}],
                    "orderDelegationUrl": f"{inbound}/scayle/{merchant}/orders",
                }
                for merchant, warehouse in (("scend", "WH-SCEND-1"), ("orderwise", "WH-OW-1"))
            ],
        },
    )


@contextmanager
def _inbound(context: Context) -> Iterator[str]:
    """Serve delegation calls with the flow itself; authentication and limits are the web process's tests."""

    def application(environ: dict[str, Any], start: Any) -> list[bytes]:
        raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        merchant, what = environ["PATH_INFO"].split("/")[2:4]
        outcome: intake.DelegationOutcome | cancel_call.CallOutcome
        if what == "cancellations":
            outcome = cancel_call.receive(context, merchant, raw, time.monotonic() + ANSWER_SECONDS)
        else:
            outcome = intake.receive_delegation(context, merchant, raw)
        start(f"{outcome.status} ", [("Content-Type", "application/json")])
        return [json.dumps(outcome.body).encode()]

    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def wait_until(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return the condition's first true value; fail when it does not come in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")
