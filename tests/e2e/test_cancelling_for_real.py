"""SCAYLE's blocking question against the real processes on PostgreSQL: killed, emptied, repeated, misused.

A success once given is given for ever; whatever cannot be answered is asked again, and ends the same way in both places.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
import requests
from installation import PATIENCE_SECONDS, Installation, installation, wait_until

from syncbridge.sandbox.demo.addresses import MERCHANT, SCAYLE_PATH, SHOP_KEY
from syncbridge.sandbox.demo.second import ERP_MERCHANT, ERP_WAREHOUSE
from syncbridge.sandbox.replay import ControlPlane, ReplayRefused

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(1800)]

BOTH = (MERCHANT, ERP_MERCHANT)
CLOSED = {"cancelled", "undeliverable"}


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, postgres_server_url: str) -> Iterator[Installation]:
    name = f"syncbridge_cancelling_{os.getpid()}"
    maintenance = postgres_server_url.replace("postgresql+psycopg://", "postgresql://")
    base, _, options = postgres_server_url.partition("?")
    url = f"{base.rpartition('/')[0]}/{name}{f'?{options}' if options else ''}"
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        with installation(tmp_path_factory.mktemp("cancelling"), database_url=url, both=True) as made:
            for plane in (made.vendors.scend, made.vendors.orderwise):
                assert plane is not None
                plane.call("PUT", "/settings", {"autoProgress": False})
            yield made
    finally:
        with psycopg.connect(maintenance, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def plane_of(one: Installation, merchant: str) -> ControlPlane:
    plane = one.vendors.scend if merchant == MERCHANT else one.vendors.orderwise
    assert plane is not None
    return plane


def held(one: Installation, merchant: str, order_id: int) -> Any:
    prefix = "SCY" if merchant == MERCHANT else "SCYOW"
    try:
        return plane_of(one, merchant).call("GET", f"/orders/by-reference/{prefix}-{SHOP_KEY.upper()}-{order_id}")
    except ReplayRefused:
        return None


def an_order(one: Installation, merchant: str) -> int:
    """Return an order that this merchant has alone, and that is in its warehouse."""
    for _ in range(40):
        (order_id,) = one.place(1)
        if one.placed[order_id].merchants == (merchant,):
            wait_until(lambda: held(one, merchant, order_id) is not None, PATIENCE_SECONDS)  # noqa: B023 - it is waited for at once
            return order_id
    raise AssertionError(f"the supply has nothing for {merchant}")


def question(order_id: object, merchant: str = MERCHANT, **changes: Any) -> bytes:
    asked = {
        "orderReferenceKey": f"{SHOP_KEY.upper()}-GB-{order_id}",
        "fulfillingMerchantKey": merchant,
        "merchantKey": merchant,
        "companyId": 1,
        "warehouseIds": [],
        **changes,
    }
    return json.dumps(asked).encode()


def ask(one: Installation, order_id: object, merchant: str = MERCHANT, **changes: Any) -> requests.Response:
    return one.post(f"/scayle/{merchant}/cancellations", question(order_id, merchant, **changes))


def ask_until_answered(one: Installation, order_id: int, merchant: str) -> requests.Response:
    """Ask as SCAYLE does: again and again, also where nobody listens."""

    def answered() -> requests.Response | None:
        try:
            answer = ask(one, order_id, merchant)
        except requests.RequestException:
            return None
        return answer if answer.status_code == 201 else None

    found: requests.Response = wait_until(answered, PATIENCE_SECONDS)
    return found


def restart_web(one: Installation) -> None:
    old = one.pid("web")
    one.processes.kill("web")

    def is_back() -> bool:
        try:
            with requests.Session() as session:
                session.trust_env = False
                up = session.get(f"{one.addresses.web}/healthz", timeout=10).status_code == 200
        except requests.RequestException:
            return False
        return up and one.pid("web") != old

    wait_until(is_back, PATIENCE_SECONDS)


def unit_states(one: Installation, order_id: int) -> set[str]:
    units = one.vendors.scayle.call("GET", "/state", section="units")["units"]
    return {row["status"] for row in units if row["orderId"] == order_id}


@pytest.mark.parametrize("merchant", BOTH)
def test_a_success_outlives_a_restart_an_empty_redis_and_two_days(one: Installation, merchant: str) -> None:
    order_id = an_order(one, merchant)
    first = ask_until_answered(one, order_id, merchant)
    assert first.json()["cancellationResult"] == "successful"
    assert held(one, merchant, order_id)["status"] == "CANCELLED"
    restart_web(one)
    again = [ask(one, order_id, merchant)]
    with one.redis.client() as client:
        client.flushall()
    again.append(ask(one, order_id, merchant))
    plane_of(one, merchant).call("POST", "/clock", {"advanceSeconds": 2 * 86_400})
    again.append(ask(one, order_id, merchant))
    with ThreadPoolExecutor(6) as pool:
        again += pool.map(lambda _: ask(one, order_id, merchant), range(6))
    assert {(answer.status_code, answer.content) for answer in again} == {(201, first.content)}


def an_order_whose_answer_was_lost(one: Installation, merchant: str) -> int:
    """Return an order whose cancellation was under way in the back end when our web process was killed."""
    slow = {"match": {"pathRegex": ".*cancel.*"}, "fault": "slow", "milliseconds": 6000, "times": 1}
    for _ in range(5):
        order_id = an_order(one, merchant)
        web = one.pid("web")
        plane_of(one, merchant).call("POST", "/faults", slow)
        with ThreadPoolExecutor(1) as pool:
            lost = pool.submit(ask, one, order_id, merchant)
            wait_until(lambda: one.calls_in_flight() or lost.done(), PATIENCE_SECONDS)  # noqa: B023 - it is waited for at once
            time.sleep(0.3)
            os.killpg(web, signal.SIGKILL)
            error = lost.exception(timeout=PATIENCE_SECONDS)
        wait_until(lambda: one.pid("web") != web, PATIENCE_SECONDS)  # noqa: B023 - as above
        if isinstance(error, requests.RequestException):
            return order_id
        # On a machine with much else to do the back end's answer was there before the blow.
        plane_of(one, merchant).call("DELETE", "/faults")
    raise AssertionError("the answer always came before the blow")


@pytest.mark.parametrize("merchant", BOTH)
def test_a_web_process_that_dies_while_it_answers_leaves_one_truth(one: Installation, merchant: str) -> None:
    order_id = an_order_whose_answer_was_lost(one, merchant)
    answer = ask_until_answered(one, order_id, merchant)
    assert answer.json()["cancellationResult"] == "successful"
    assert held(one, merchant, order_id)["status"] == "CANCELLED"
    one.vendors.scayle.call("POST", f"/orders/{order_id}/cancel", {"wait": True})
    wait_until(lambda: unit_states(one, order_id) <= CLOSED, PATIENCE_SECONDS, lambda: str(unit_states(one, order_id)))


def test_calls_at_once_get_one_answer_and_cancel_once(one: Installation) -> None:
    order_id = an_order(one, MERCHANT)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(one, order_id), range(8)))
    assert {answer.status_code for answer in answers} <= {201, 503}
    final = ask_until_answered(one, order_id, MERCHANT)
    assert {answer.content for answer in answers if answer.status_code == 201} | {final.content} == {final.content}
    assert final.json()["cancellationResult"] == "successful"


MISUSED: dict[str, tuple[bytes, int]] = {
    "malformed JSON": (question(1)[:-9], 400),
    "null bytes": (b"\0" * 200, 400),
    "no reference": (question(1, orderReferenceKey=None), 400),
    "a null character in the reference": (question(1, orderReferenceKey="OR-GB\0-1"), 400),
    "a reference of 300 characters": (question(1, orderReferenceKey="R" * 300), 400),
    "another merchant": (question(1, fulfillingMerchantKey="somebody"), 400),
    "warehouses that are no ids": (question(1, warehouseIds=["north"]), 400),
    "10 MiB": (question(1, note="x" * 10 * 1024 * 1024), 413),
}


@pytest.mark.parametrize("name", MISUSED)
def test_a_call_that_cannot_be_read_is_refused_kept_and_told(one: Installation, name: str) -> None:
    body, status = MISUSED[name]
    before = one.open_kinds()
    answer = one.post(f"/scayle/{MERCHANT}/cancellations", body)
    assert (answer.status_code, set(answer.json())) == (status, {"errorKey", "message", "context"}), answer.text
    # Others of the installation's flows may add theirs meanwhile.
    assert one.open_kinds()["message_unreadable"] == before["message_unreadable"] + 1
    assert "defect" not in one.open_kinds()


def test_strangers_and_unknown_names_cancel_nothing(one: Installation) -> None:
    order_id = an_order(one, MERCHANT)
    path = f"/scayle/{MERCHANT}/cancellations"
    body = question(order_id)
    assert one.post(path, body, auth=None).status_code == 401
    assert one.post(path, body, auth=(one.addresses.inbound_user, "wrong")).status_code == 401
    assert one.post("/scayle/nobody/cancellations", question(order_id, "nobody")).status_code == 404
    assert ask(one, "99999999").status_code == 503
    # A letter that was cut in two is mended, as in a delegation; no order is called so.
    assert ask(one, 1, orderReferenceKey="OR-GB-\ud83d").status_code == 503
    assert "defect" not in one.open_kinds()
    # The second merchant's only warehouse is none of the first one's.
    with requests.Session() as session:
        session.trust_env = False
        listed = session.get(
            f"{one.addresses.scayle}{SCAYLE_PATH}/warehouses",
            headers={"X-Access-Token": one.addresses.scayle_token},
            timeout=60,
        ).json()
    (other,) = [row["id"] for row in listed["entities"] if row["referenceKey"] == ERP_WAREHOUSE]
    assert ask(one, order_id, warehouseIds=[other]).status_code == 503
    assert one.open_kinds()["cancellation_odd"]
    assert held(one, MERCHANT, order_id)["status"] != "CANCELLED"


def test_nothing_about_shoppers_is_in_logs_redis_or_exceptions(one: Installation) -> None:
    personal = {text for order in one.placed.values() for text in order.personal_data}
    places = {**one.stage.log_texts(), **one.stage.redis_texts(), "exceptions": json.dumps(one.exceptions())}
    found = {(name, text) for name, content in places.items() for text in personal if len(text) > 5 and text in content}
    assert not found
