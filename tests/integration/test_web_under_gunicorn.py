"""The web process as it is deployed: two gunicorn workers, real sockets, senders that misbehave."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from syncbridge.embedded.redis_server import EmbeddedRedis
from syncbridge.ledger import migrate
from syncbridge.ledger.engine import Ledger

ROOT = Path(__file__).resolve().parents[2]
FILE = """
[scayle]
base_url = "http://127.0.0.1:1/api/admin/v1"
shops = [{ key = "NB", country = "GB", currencies = ["GBP"] }]
[[merchants]]
key = "scend"
backend = "scend"
warehouses = [{ key = "WH-1", code = "MID1" }]
default_service = "STD48"
carrier_map = { ROYAL_MAIL = "royal_mail_gb" }
[scend]
base_url = "http://127.0.0.1:1/v1"
account_code = "ACME-UK"
"""
AUTHORIZATION = "Basic " + base64.b64encode(b"inbound-user:inbound-word").decode()
ORDERS = "/scayle/scend/orders"

pytestmark = pytest.mark.processes


@dataclass
class Web:
    """A running web process."""

    port: int
    log: Path

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def post(self, body: bytes | Iterator[bytes]) -> requests.Response:
        return requests.post(
            self.url(ORDERS), data=body, headers={"Authorization": AUTHORIZATION}, timeout=60
        )

    def raw(self, text: bytes, wait: float) -> bytes:
        """Send bytes as they are and return what comes back within so many seconds."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=wait) as connection:
            connection.sendall(text)
            try:
                return connection.recv(65_536)
            except TimeoutError:
                return b""


def order(number: int, units: int = 2) -> bytes:
    unit = {
        "merchantKey": "scend",
        "merchantProductVariantReferenceKey": "NB-TEE-0042-M",
        "quantity": 1,
        "price": 1920,
        "priceWithoutTax": 1600,
        "tax": 20,
        "taxAmount": 320,
        "currencyCode": "GBP",
        "warehouseReferenceKey": "WH-1",
    }
    items = [
        {**unit, "id": number * 10_000 + n, "orderItemId": str(number * 10_000 + n)} for n in range(units)
    ]
    document = {"orderId": number, "shopKey": "NB", "countryCode": "GB", "fulfillingMerchantKey": "scend"}
    return json.dumps({**document, "items": items}).encode()


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory, redis_server: EmbeddedRedis) -> Iterator[Web]:
    folder = tmp_path_factory.mktemp("web")
    (folder / "syncbridge.toml").write_text(FILE)
    database = f"sqlite:///{folder / 'ledger.sqlite3'}"
    ledger = Ledger(database)
    migrate.upgrade(ledger)
    ledger.close()
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "SYNCBRIDGE_CONFIG": str(folder / "syncbridge.toml"),
        "SYNCBRIDGE_STATE_DIR": str(folder),
        "SYNCBRIDGE_LOG_FORMAT": "json",
        "DATABASE_URL": database,
        "REDIS_URL": redis_server.url,
        "SCAYLE_ACCESS_TOKEN": "scayle-access-key",
        "SCAYLE_INBOUND_USERNAME": "inbound-user",
        "SCAYLE_INBOUND_PASSWORD": "inbound-word",
        "SCEND_API_TOKEN": "scend-bearer",
    }
    # The socket is handed over, so that its port can become nobody else's meanwhile.
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    bind = f"fd://{listener.fileno()}"
    command = [sys.executable, "-m", "gunicorn", "syncbridge.web.wsgi:app", "--bind", bind]
    command += ["--worker-class", "gthread", "--workers", "2", "--threads", "4", "--no-control-socket"]
    with (folder / "web.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdout=log, stderr=log, pass_fds=[listener.fileno()]
        )
    web = Web(listener.getsockname()[1], folder / "web.log")
    listener.close()
    try:
        _wait_until_alive(web)
        yield web
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait_until_alive(web: Web) -> None:
    deadline = time.monotonic() + 50
    while time.monotonic() < deadline:
        try:
            if requests.get(web.url("/healthz"), timeout=5).status_code == 200:
                return
        except requests.RequestException:
            time.sleep(0.1)
    raise AssertionError(web.log.read_text())


def test_the_same_order_five_times_at_once_is_one_order_with_identical_answers(web: Web) -> None:
    with ThreadPoolExecutor(5) as callers:
        answers = list(callers.map(lambda _: web.post(order(1)), range(5)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1


def test_a_chunked_body_is_an_order_like_any_other(web: Web) -> None:
    body = order(2)
    answer = web.post(iter([body[:100], body[100:]]))
    assert (answer.status_code, answer.json()["referenceKey"]) == (201, "2")


def test_five_thousand_units_are_taken_in_well_within_the_time_that_scayle_waits(web: Web) -> None:
    begun = time.monotonic()
    assert web.post(order(3, units=5000)).status_code == 201
    assert time.monotonic() - begun < 12


def test_ten_mebibytes_are_answered_413(web: Web) -> None:
    answer = web.post(b"x" * (10 * 1024 * 1024))
    assert answer.status_code == 413
    assert answer.json()["errorKey"] == "BODY_TOO_LARGE"
    assert web.post(order(4)).status_code == 201


@pytest.mark.parametrize(
    "rest",
    [
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\nbroken",
        b"Content-Length: nonsense\r\n\r\n{}",
        b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}",
    ],
)
def test_broken_framing_is_answered_400(web: Web, rest: bytes) -> None:
    head = f"POST {ORDERS} HTTP/1.1\r\nHost: x\r\nAuthorization: {AUTHORIZATION}\r\n".encode()
    assert web.raw(head + rest, wait=60).startswith(b"HTTP/1.1 400")


@pytest.mark.slow
def test_a_body_that_never_ends_frees_its_thread_in_time(web: Web) -> None:
    head = f"POST {ORDERS} HTTP/1.1\r\nHost: x\r\nAuthorization: {AUTHORIZATION}\r\nContent-Length: 500\r\n\r\n{{"
    with ThreadPoolExecutor(2) as senders:
        slow = [senders.submit(web.raw, head.encode(), 60) for _ in range(2)]
        assert web.post(order(5)).status_code == 201
        answers = [sender.result() for sender in slow]
    assert all(answer.startswith(b"HTTP/1.1 408") for answer in answers)


def test_the_counters_of_all_workers_add_up(web: Web) -> None:
    def answered() -> float:
        text = requests.get(web.url("/metrics"), headers={"Authorization": AUTHORIZATION}, timeout=60).text
        lines = [line for line in text.splitlines() if line.startswith("syncbridge_http_requests_total")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if "healthz" in line)

    before = answered()
    with ThreadPoolExecutor(8) as callers:
        list(callers.map(lambda _: requests.get(web.url("/healthz"), timeout=60), range(40)))
    assert answered() - before == 40


def test_the_log_holds_no_body_and_no_password(web: Web) -> None:
    web.post(order(6)[:-5])
    requests.post(web.url(ORDERS), data=order(7), auth=("inbound-user", "guessed-word"), timeout=60)
    text = web.log.read_text()
    assert "inbound_auth_failed" in text
    assert "NB-TEE-0042-M" not in text
    assert "guessed-word" not in text
    assert "inbound-word" not in text
