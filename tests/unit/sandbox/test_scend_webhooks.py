"""Scend sandbox: subscriptions, signatures, delivery, and what can go wrong on the way (contract 2.16)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from syncbridge.sandbox.scend.subscriptions import sign, url_problem

SECRET = "whsec_c3luY2JyaWRnZS1zYW5kYm94LXNpZ25pbmcta2V5LTAx"
ALL = ["order.status_changed", "despatch.created", "despatch.updated", "stock.changed", "return.received"]


class Receiver:
    """A webhook endpoint that keeps what it gets and answers what it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 204)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hooks"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def events(self, topic: str | None = None) -> list[dict[str, Any]]:
        bodies = [json.loads(body) for _, body in self.got]
        return [body for body in bodies if topic in (None, body["type"])]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def subscribe(scend: Any, receiver: Receiver, topics: list[str] | None = None) -> dict[str, Any]:
    answer = scend.post("/webhook-subscriptions", {"url": receiver.url, "topics": topics or ALL})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def valid(headers: dict[str, str], body: bytes, secret: str) -> bool:
    """Verify as a receiver would, independent of the sandbox's own code."""
    key = base64.b64decode(secret.split("_", 1)[1])
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return wanted in headers["webhook-signature"].split()


def test_signature_matches_the_contracts_test_vector() -> None:
    body = (
        b'{"id":"evt_01TESTVECTOR","type":"ping","apiVersion":"v1","accountCode":"ACME-UK",'
        b'"occurredAt":"2026-03-02T10:00:00.000Z","sequence":1,"data":{"message":"hello"}}'
    )
    assert len(body) == 161
    assert (
        sign(SECRET, "evt_01TESTVECTOR", 1772445600, body)
        == "v1,8TWKpF8ai1llF5Fk5AqpVHD4O0vAplU6SRnp1Rh2+cg="
    )


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("https://hooks.example/scend", True),
        ("http://localhost:8000/x", True),
        ("http://127.0.0.1/x", True),
        ("http://[::1]:1/x", True),
        ("http://hooks.example/x", False),
        ("ftp://localhost/x", False),
        ("nonsense", False),
        ("https://", False),
        ("http://localhost:99999/", False),
    ],
)
def test_https_is_needed_except_for_this_machine(url: str, fine: bool) -> None:
    assert (url_problem(url) is None) == fine


def test_subscription_life(scend: Any, receiver: Receiver) -> None:
    made = subscribe(scend, receiver, ["order.status_changed"])
    assert made["secret"].startswith("whsec_")
    assert (made["status"], made["description"], made["url"]) == ("ENABLED", None, receiver.url)
    path = f"/webhook-subscriptions/{made['subscriptionId']}"
    assert scend.get(path).json() == {**made, "secret": None}
    assert scend.get("/webhook-subscriptions").json()["data"] == [{**made, "secret": None}]
    assert scend.call("DELETE", path).status_code == 204
    assert scend.get(path).status_code == 404
    assert scend.post(f"{path}/ping").status_code == 404


@pytest.mark.parametrize(
    ("changes", "field", "problem"),
    [
        ({"url": None}, "url", "REQUIRED"),
        ({"url": "http://example.com"}, "url", "INVALID_FORMAT"),
        ({"topics": []}, "topics", "REQUIRED"),
        ({"topics": ["order.deleted"]}, "topics[0]", "INVALID_ENUM"),
        ({"topics": "ping"}, "topics", "INVALID_FORMAT"),
    ],
)
def test_bad_subscriptions(scend: Any, changes: dict[str, Any], field: str, problem: str) -> None:
    answer = scend.post(
        "/webhook-subscriptions", {"url": "http://localhost/x", "topics": ["ping"], **changes}
    )
    assert answer.status_code == 400
    assert [(one["field"], one["code"]) for one in answer.json()["error"]["details"]] == [(field, problem)]


def test_ten_subscriptions_at_most(scend: Any) -> None:
    answers = [
        scend.post(
            "/webhook-subscriptions", {"url": f"https://h.example/{n}", "topics": ["ping"]}
        ).status_code
        for n in range(11)
    ]
    assert answers == [201] * 10 + [400]


def test_ping_is_signed_and_has_the_envelope(scend: Any, receiver: Receiver) -> None:
    scend.wind(3600)
    made = subscribe(scend, receiver)
    answer = scend.post(f"/webhook-subscriptions/{made['subscriptionId']}/ping")
    assert answer.status_code == 202
    wait_until(lambda: len(receiver.got) == 1)
    headers, body = receiver.got[0]
    event = json.loads(body)
    assert set(event) == {"id", "type", "apiVersion", "accountCode", "occurredAt", "sequence", "data"}
    assert (event["id"], event["type"]) == (answer.json()["eventId"], "ping")
    assert headers["webhook-id"] == event["id"]
    assert (headers["x-scend-topic"], headers["x-scend-attempt"]) == ("ping", "1")
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 600, (
        "wall time, although the clock was moved"
    )
    assert valid(headers, body, made["secret"])


def test_both_secrets_sign_for_a_day_after_rotation(scend: Any, receiver: Receiver) -> None:
    made = subscribe(scend, receiver)
    path = f"/webhook-subscriptions/{made['subscriptionId']}"
    rotated = scend.post(f"{path}/rotate-secret").json()
    assert rotated["secret"] != made["secret"]
    scend.post(f"{path}/ping")
    wait_until(lambda: len(receiver.got) == 1)
    assert [valid(*receiver.got[0], secret) for secret in (made["secret"], rotated["secret"])] == [True, True]
    scend.wind(24 * 3600 + 1)
    scend.post(f"{path}/ping")
    wait_until(lambda: len(receiver.got) == 2)
    assert [valid(*receiver.got[1], secret) for secret in (made["secret"], rotated["secret"])] == [
        False,
        True,
    ]


def test_every_status_change_is_told_but_not_the_creation(scend: Any, receiver: Receiver) -> None:
    subscribe(scend, receiver, ["order.status_changed"])
    scend.create()
    scend.floor("SCY-1", "advance", {"to": "PICKING"})
    order_id = scend.order()["orderId"]
    scend.post(f"/orders/{order_id}/cancel", {"reasonCode": "OTHER"})
    scend.floor("SCY-1", "cancellation", {"decision": "DECLINE"})
    scend.floor("SCY-1", "advance", {"to": "DESPATCHED"})
    wait_until(lambda: len(receiver.got) == 7)
    told = sorted(receiver.events(), key=lambda event: event["sequence"])
    assert [(one["data"]["previousStatus"], one["data"]["status"]) for one in told] == [
        ("RECEIVED", "ALLOCATED"),
        ("ALLOCATED", "PICKING"),
        ("PICKING", "PICKING"),
        ("PICKING", "PICKING"),
        ("PICKING", "PICKED"),
        ("PICKED", "PACKED"),
        ("PACKED", "DESPATCHED"),
    ]
    assert [one["data"]["cancellation"]["state"] for one in told[2:4]] == ["REQUESTED", "DECLINED"]
    assert [one["data"]["version"] for one in told] == list(range(2, 9))
    final = {name: value for name, value in told[-1]["data"].items() if name != "previousStatus"}
    assert final == scend.order()


def test_despatch_and_return_topics(scend: Any, receiver: Receiver) -> None:
    subscribe(scend, receiver, ["despatch.created", "despatch.updated", "return.received"])
    scend.create()
    scend.floor("SCY-1", "advance", {"to": "PACKED"})
    made = scend.floor("SCY-1", "despatch")
    scend.control("POST", f"/despatches/{made['despatchId']}/tracking", {"trackingNumber": "T1"})
    line = {"lineNumber": 1, "sku": "TEE-ORG-BLK-M", "quantity": 1, "reasonCode": "OTHER"}
    scend.post("/returns", {"rmaNumber": "RMA-1", "clientReference": "SCY-1", "lines": [line]})
    scend.control(
        "POST",
        "/returns/by-rma/RMA-1/receive",
        {"lines": [{"sku": "TEE-ORG-BLK-M", "quantity": 1}], "close": True},
    )
    wait_until(lambda: len(receiver.got) == 4)
    told = sorted(receiver.events(), key=lambda event: event["sequence"])
    assert [(one["type"], one["data"]["version"]) for one in told] == [
        ("despatch.created", 1),
        ("despatch.updated", 2),
        ("return.received", 2),
        ("return.received", 3),
    ]


def test_stock_changes_are_batched_for_thirty_seconds_or_a_hundred_rows(
    scend: Any, receiver: Receiver
) -> None:
    subscribe(scend, receiver, ["stock.changed"])
    scend.stop_clock()
    for delta in (1, 1, 1):
        scend.control("POST", "/stock/adjust", {"sku": "TEE-ORG-BLK-M", "bucket": "physical", "delta": delta})
    scend.control("POST", "/stock/adjust", {"sku": "BOOT-HIKE-BRN-42", "bucket": "physical", "delta": 1})
    assert receiver.got == []
    scend.wind(30)
    wait_until(lambda: len(receiver.got) == 1)
    rows = receiver.events()[0]["data"]["rows"]
    assert [(row["sku"], row["physical"]) for row in rows] == [
        ("TEE-ORG-BLK-M", 123),
        ("BOOT-HIKE-BRN-42", 31),
    ]
    skus = [f"BULK-{n}" for n in range(230)]
    scend.control(
        "POST",
        "/seed",
        {"products": [{"sku": sku} for sku in skus], "stock": [{"sku": sku, "physical": 1} for sku in skus]},
    )
    wait_until(lambda: len(receiver.got) == 3)
    assert sorted(len(event["data"]["rows"]) for event in receiver.events()[1:]) == [100, 100]
    scend.control("POST", "/webhooks/flush-stock")
    wait_until(lambda: len(receiver.got) == 4)


def test_failures_are_retried_on_the_documented_schedule_with_the_same_id(
    scend: Any, receiver: Receiver
) -> None:
    scend.stop_clock()
    made = subscribe(scend, receiver)
    receiver.answers = [500, 302, 404, 500, 500, 500, 500, 500]
    scend.post(f"/webhook-subscriptions/{made['subscriptionId']}/ping")
    for attempt, wait in enumerate((5, 300, 1800, 7200, 18000, 36000, 36000), start=1):
        wait_until(lambda attempt=attempt: len(receiver.got) == attempt)  # type: ignore[misc]  # mypy cannot infer the default
        settled(scend, attempt)
        scend.wind(wait - 1)
        time.sleep(0.02)
        assert len(receiver.got) == attempt, "not before its time"
        scend.wind(1)
    wait_until(lambda: len(receiver.got) == 8)
    settled(scend, 8)
    scend.wind(100_000)
    assert [headers["x-scend-attempt"] for headers, _ in receiver.got] == [str(n) for n in range(1, 9)]
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    delivery = scend.control("GET", "/webhooks/deliveries")["deliveries"][0]
    assert delivery["state"] == "FAILED"
    assert [one["outcome"] for one in delivery["attempts"]] == [500, 302, 404, 500, 500, 500, 500, 500]


def settled(scend: Any, attempts: int) -> None:
    wait_until(
        lambda: len(scend.control("GET", "/webhooks/deliveries")["deliveries"][0]["attempts"]) == attempts
    )


def test_time_scale_shortens_the_waits(scend: Any, receiver: Receiver) -> None:
    scend.settings(webhookTimeScale=0.0001)
    made = subscribe(scend, receiver)
    receiver.answers = [500, 500]
    scend.post(f"/webhook-subscriptions/{made['subscriptionId']}/ping")
    wait_until(lambda: len(receiver.got) == 3)


def test_gone_disables_at_once(scend: Any, receiver: Receiver) -> None:
    made = subscribe(scend, receiver)
    receiver.answers = [410]
    path = f"/webhook-subscriptions/{made['subscriptionId']}"
    scend.post(f"{path}/ping")
    wait_until(lambda: scend.get(path).json()["status"] == "DISABLED")
    scend.create()
    scend.floor("SCY-1", "advance", {"to": "ALLOCATED"})
    time.sleep(0.02)
    assert len(receiver.got) == 1


def test_five_days_without_success_disable(scend: Any, receiver: Receiver) -> None:
    made = subscribe(scend, receiver)
    path = f"/webhook-subscriptions/{made['subscriptionId']}"
    receiver.answers = [500] * 50
    scend.post(f"{path}/ping")
    settled(scend, 1)
    scend.wind(4 * 24 * 3600)
    settled(scend, 2)
    assert scend.get(path).json()["status"] == "ENABLED"
    scend.wind(24 * 3600)
    wait_until(lambda: scend.get(path).json()["status"] == "DISABLED")


def ping(scend: Any, made: dict[str, Any]) -> None:
    assert scend.post(f"/webhook-subscriptions/{made['subscriptionId']}/ping").status_code == 202


def test_duplicate_fault_sends_the_same_id_twice(scend: Any, receiver: Receiver) -> None:
    """Scenario S9."""
    made = subscribe(scend, receiver)
    scend.fault(fault="duplicate_webhook", match={"topic": "ping"})
    ping(scend, made)
    wait_until(lambda: len(receiver.got) == 2)
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1
    assert all(valid(headers, body, made["secret"]) for headers, body in receiver.got)


def test_drop_fault_loses_the_event_and_redeliver_brings_it(scend: Any, receiver: Receiver) -> None:
    made = subscribe(scend, receiver)
    scend.fault(fault="drop_webhook")
    ping(scend, made)
    ping(scend, made)
    wait_until(lambda: len(receiver.got) == 1)
    lost = scend.control("GET", "/webhooks/deliveries")["deliveries"][0]
    assert (lost["state"], lost["attempts"]) == ("DROPPED", [])
    scend.control("POST", f"/webhooks/deliveries/{lost['eventId']}/redeliver")
    wait_until(lambda: len(receiver.got) == 2)
    assert receiver.got[1][0]["webhook-id"] == lost["eventId"]


def test_reorder_fault_lets_later_events_overtake(scend: Any, receiver: Receiver) -> None:
    made = subscribe(scend, receiver)
    scend.stop_clock()
    scend.fault(fault="reorder_webhooks", milliseconds=150)
    ping(scend, made)
    ping(scend, made)
    wait_until(lambda: len(receiver.got) == 1)
    scend.wind(0.15)
    wait_until(lambda: len(receiver.got) == 2)
    assert [event["sequence"] for event in receiver.events()] == [2, 1]


def test_bad_signature_fault_is_repaired_by_the_retry(scend: Any, receiver: Receiver) -> None:
    scend.settings(webhookTimeScale=0.0001)
    made = subscribe(scend, receiver)
    receiver.answers = [401]
    scend.fault(fault="bad_signature")
    ping(scend, made)
    wait_until(lambda: len(receiver.got) == 2)
    assert [valid(headers, body, made["secret"]) for headers, body in receiver.got] == [False, True]


def test_control_plane_can_set_the_secret(scend: Any, receiver: Receiver) -> None:
    wanted = {"url": receiver.url, "topics": ["ping"], "secret": SECRET}
    made = scend.control("POST", "/webhooks/subscriptions", wanted)
    assert made["secret"] == SECRET
    ping(scend, made)
    wait_until(lambda: len(receiver.got) == 1)
    assert valid(*receiver.got[0], SECRET)
