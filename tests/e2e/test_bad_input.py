"""What senders get wrong, against the real processes on PostgreSQL: an answer, a record, an exception where one is due.

Never a 5xx without a record, and nothing about the shopper in any log. PostgreSQL, because it refuses what SQLite keeps:
null characters, and texts that are longer than their column.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import psycopg
import pytest
import requests
from installation import PATIENCE_SECONDS, Installation, installation, small_clean_orders, wait_until
from sqlalchemy import select

from syncbridge.ledger.tables import inbox
from syncbridge.sandbox.demo.addresses import MERCHANT, SHOP_KEY, WAREHOUSE

pytestmark = [pytest.mark.processes, pytest.mark.slow, pytest.mark.timeout(1800)]

ORDERS = f"/scayle/{MERCHANT}/orders"
SHOPPER = {
    "firstName": "Philippa",
    "lastName": "Featherstonehaugh",
    "email": "philippa.feather@example.com",
    "street": "Sorrel Close",
    "phone": "+447700900456",
}
GOODS = small_clean_orders()[0].lines[0].sku
_ids = count(910_000_001)
_places = count()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, postgres_server_url: str) -> Iterator[Installation]:
    name = f"syncbridge_e2e_{os.getpid()}"
    maintenance = postgres_server_url.replace("postgresql+psycopg://", "postgresql://")
    base, _, options = postgres_server_url.partition("?")
    url = f"{base.rpartition('/')[0]}/{name}{f'?{options}' if options else ''}"
    with psycopg.connect(maintenance, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        with installation(tmp_path_factory.mktemp("input"), database_url=url) as one:
            yield one
    finally:
        with psycopg.connect(maintenance, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def unit(**changes: Any) -> dict[str, Any]:
    number = next(_ids)
    return {
        "id": number,
        "orderItemId": str(number),
        "merchantKey": MERCHANT,
        "merchantProductVariantReferenceKey": GOODS,
        "warehouseReferenceKey": WAREHOUSE,
        "currencyCode": "GBP",
        "price": 2200,
        "quantity": 1,
        **changes,
    }


def delegation(*units: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a delegation with a shopper in it, of an order that SCAYLE does not have."""
    return {
        "id": next(_ids),
        "orderId": next(_ids),
        "orderReferenceKey": "BY-HAND",
        "shopKey": SHOP_KEY,
        "countryCode": "GB",
        "fulfillingMerchantKey": MERCHANT,
        "customer": SHOPPER,
        "addresses": {"shipping": SHOPPER},
        "items": [*units] or [unit()],
        **changes,
    }


def written(document: object) -> bytes:
    return json.dumps(document, ensure_ascii=False).encode()


@dataclass
class Aftermath:
    """How each bad call was answered, by its name, and the exceptions that stand open once all were taken in."""

    answers: dict[str, list[requests.Response]]
    exceptions: list[dict[str, Any]]
    kept: dict[str, int]
    """The number under which the inbox holds the body of a call that was refused."""

    def about_order(self, order_id: int) -> list[dict[str, Any]]:
        return [row for row in self.exceptions if row["order_id"] == order_id]


REFUSED = {
    "malformed JSON": (written(delegation())[:-20], 400, "message_unreadable"),
    "null bytes": (b"\0" * 200, 400, "message_unreadable"),
    "no units": (written(delegation(items=[])), 400, "message_unreadable"),
    "units without an id": (written(delegation(unit(orderItemId=None))), 400, "message_unreadable"),
    "10 MiB": (written(delegation(note="x" * 10 * 1024 * 1024)), 413, "order_too_large"),
    "5,001 units": (written(delegation(*(unit() for _ in range(5001)))), 413, "order_too_large"),
}


ODD: dict[str, dict[str, Any]] = {
    "a unit with no SKU": delegation(unit(), unit(merchantProductVariantReferenceKey=None)),
    "a currency that is not served": delegation(unit(currencyCode="JPY")),
    "a null character in a SKU": delegation(unit(merchantProductVariantReferenceKey="TEE\0BLK")),
    "a null character in every text": delegation(
        unit(warehouseReferenceKey="WH\0", currencyCode="G\0P"),
        orderReferenceKey="N\0B",
        shopKey="o\0r",
        countryCode="\0",
    ),
    "half a surrogate pair": delegation(unit(), orderReferenceKey="NB-\ud83d"),
    "texts of 300 characters": delegation(
        unit(
            merchantProductVariantReferenceKey="S" * 300,
            warehouseReferenceKey="W" * 300,
            currencyCode="C" * 300,
        ),
        orderReferenceKey="R" * 300,
        shopKey="K" * 300,
        countryCode="L" * 300,
    ),
    "any script": delegation(
        unit(merchantProductVariantReferenceKey="ТОВАР-商品-منتج-🛒"), orderReferenceKey="注文-Παραγγελία-סדר"
    ),
    "numbers beyond every column": delegation(unit(price=10**30), id=10**30),
    "another merchant's unit": delegation(unit(merchantKey="stranger")),
}


NAMED_FAULTS = {
    "a unit with no SKU": "SKU_MISSING",
    "a null character in a SKU": "INVALID_CHARACTERS",
    "a null character in every text": "INVALID_CHARACTERS",
    "texts of 300 characters": "SHOP_UNKNOWN",
    "another merchant's unit": "MERCHANT_MISMATCH",
}
"""What is wrong with the call itself; of the others SCAYLE's own order, which is not there, is asked for."""

BAD_ORDERS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a street of 299 characters": ({}, {"street": "Sorrel Close " * 23}, "FIELD_TOO_LONG"),
    "a name of 85 characters": ({}, {"lastName": "Featherstonehaugh" * 5}, "FIELD_TOO_LONG"),
    "no postcode at all": ({}, {"zipCode": "NOWHERE"}, "POSTCODE_INVALID"),
    "no town": ({}, {"city": ""}, "ADDRESS_INCOMPLETE"),
    "a currency that is not served": ({"currency": "JPY"}, {}, "CURRENCY_NOT_SERVED"),
}
"""Changes of a good order and of its address, and the code of the fault that must be named."""
GUESSES = {
    "nobody": None,
    "a wrong password": ("scayle", "guessed-passphrase"),
    "a wrong name": ("nobody", "guessed-passphrase"),
}


def ordered(whole: Installation, changes: dict[str, Any], **address: Any) -> int:
    """Have an order placed in SCAYLE itself that differs from a good one; return its id."""
    order = small_clean_orders()[next(_places)]
    shipping = {**order.body["shipping"], **address}
    body = {**order.body, "publicKey": f"bad-{order.name}", "shipping": shipping, **changes}
    order_id, refusal = whole.vendors.scayle.place(replace(order, name=f"bad-{order.name}", body=body))
    assert order_id is not None, refusal
    return order_id


@pytest.fixture(scope="module")
def placed(whole: Installation) -> dict[str, int]:
    """Orders placed in SCAYLE itself, which it delegates in its own time; their ids by name."""
    return {
        name: ordered(whole, changes, **address) for name, (changes, address, _code) in BAD_ORDERS.items()
    }


@pytest.fixture(scope="module")
def aftermath(whole: Installation, placed: dict[str, int]) -> Aftermath:
    """Send everything bad; the command line is asked once for all, since each time costs a second."""
    answers: dict[str, list[requests.Response]] = {}
    for name, (body, _status, _kind) in REFUSED.items():
        answers[name] = [whole.post(ORDERS, body)]
    for name, document in ODD.items():
        body = json.dumps(document).encode()
        answers[name] = [whole.post(ORDERS, body) for _ in range(2)]
    for name, auth in GUESSES.items():
        answers[name] = [whole.post(ORDERS, written(delegation()), auth=auth)]
    answers["unknown merchant"] = [
        whole.post("/scayle/stranger/orders", written(delegation())) for _ in range(2)
    ]
    with whole.ledger.reading() as connection:
        rows = [(bytes(raw), number) for number, raw in connection.execute(select(inbox.c.id, inbox.c.raw))]
    kept = {name: number for name, (body, _, _) in REFUSED.items() for raw, number in rows if raw == body}
    # What is wrong with an order itself shows when it is prepared for the warehouse, a moment later.
    owed = {document["orderId"] for document in ODD.values()} | set(placed.values())
    foretold = {(ODD[name]["orderId"], code) for name, code in NAMED_FAULTS.items()}
    foretold |= {(placed[name], code) for name, (_order, _address, code) in BAD_ORDERS.items()}
    seen: list[dict[str, Any]] = []

    def complete() -> bool:
        seen[:] = whole.exceptions()
        named = {(row["order_id"], fault["code"]) for row in seen for fault in row["evidence"].get("faults", [])}
        return owed <= {row["order_id"] for row in seen} and foretold <= named

    wait_until(
        complete, PATIENCE_SECONDS, lambda: f"no exception about {owed - {row['order_id'] for row in seen}} in {seen}"
    )
    return Aftermath(answers, seen, kept)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_taken_in_is_refused_kept_and_becomes_an_exception(
    aftermath: Aftermath, name: str
) -> None:
    _body, status, kind = REFUSED[name]
    (answer,) = aftermath.answers[name]
    assert answer.status_code == status
    assert set(answer.json()) == {"errorKey", "message", "context"}
    about = [row for row in aftermath.exceptions if row["evidence"].get("inbox") == aftermath.kept[name]]
    assert [row["kind"] for row in about] == [kind]
    assert about[0]["owner"]
    assert about[0]["due_at"]
    assert about[0]["cause"]


@pytest.mark.parametrize("name", GUESSES)
def test_wrong_credentials_are_answered_401_and_logged_without_them(
    whole: Installation, aftermath: Aftermath, name: str
) -> None:
    assert [answer.status_code for answer in aftermath.answers[name]] == [401]
    text = whole.log_text()
    assert "inbound_auth_failed" in text
    assert "guessed-passphrase" not in text


def test_an_unknown_merchant_is_refused_and_becomes_one_exception(aftermath: Aftermath) -> None:
    assert [answer.status_code for answer in aftermath.answers["unknown merchant"]] == [404, 404]
    assert [row["kind"] for row in aftermath.exceptions].count("unknown_merchant") == 1


@pytest.mark.parametrize("name", ODD)
def test_an_order_with_something_wrong_is_taken_in_once_under_an_exception(
    whole: Installation, aftermath: Aftermath, name: str
) -> None:
    order_id = ODD[name]["orderId"]
    first, second = aftermath.answers[name]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    about = aftermath.about_order(order_id)
    named = {fault["code"] for row in about for fault in row["evidence"].get("faults", [])}
    assert about
    assert name not in NAMED_FAULTS or NAMED_FAULTS[name] in named, about
    assert whole.on_scend([order_id]) == {order_id: 0}


@pytest.mark.parametrize("name", BAD_ORDERS)
def test_an_order_that_the_warehouse_cannot_take_waits_for_a_person_who_is_told_why(
    whole: Installation, aftermath: Aftermath, placed: dict[str, int], name: str
) -> None:
    (exception,) = aftermath.about_order(placed[name])
    assert BAD_ORDERS[name][2] in {fault["code"] for fault in exception["evidence"]["faults"]}, exception
    assert all(fault["field"] and fault["way_out"] for fault in exception["evidence"]["faults"])
    assert whole.on_scend([placed[name]]) == {placed[name]: 0}


def test_the_same_call_five_times_at_once_gets_the_same_bytes(whole: Installation) -> None:
    body = written(delegation())
    with ThreadPoolExecutor(5) as senders:
        answers = [*senders.map(lambda _: whole.post(ORDERS, body), range(5))]
    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.content for answer in answers}) == 1


def test_bad_webhooks_are_answered_and_change_nothing(whole: Installation) -> None:
    before = whole.references()
    for body in (b"", b"{", b"\0", b"[]", b"null", written({"event": "ж" * 5000})):
        assert 400 <= whole.post("/scayle/webhooks", body).status_code < 500 or body.startswith(b"{")
        assert whole.post("/scend/webhooks/ACME-UK", body, auth=None).status_code == 401
    assert whole.references() == before


def test_a_name_in_any_script_reaches_the_warehouse_as_it_is(whole: Installation) -> None:
    name = {"firstName": "Нина 美咲", "lastName": "אדם Ł\u0301ukasz"}
    order_id = ordered(whole, {}, **name)
    whole.await_on_scend([order_id])
    held = whole.vendors.scend.call("GET", "/state", section="orders")["orders"]
    (mine,) = [one for one in held if one["clientReference"].endswith(f"-{order_id}")]
    assert name["lastName"] in json.dumps(mine, ensure_ascii=False)


def test_good_orders_go_their_way_beside_all_that(whole: Installation) -> None:
    """The smoke of a whole installation on PostgreSQL."""
    orders = whole.place(4)
    whole.await_on_scend(orders)

    def open_units() -> list[Any]:
        units = whole.vendors.scayle.call("GET", "/state", section="units")["units"]
        return [one for one in units if one["orderId"] in orders and one["status"] != "delivered"]

    wait_until(lambda: not open_units(), PATIENCE_SECONDS, lambda: str(open_units()[:3]))


def test_afterwards_no_5xx_was_answered_and_no_log_knows_the_shopper(whole: Installation) -> None:
    lines = [
        json.loads(line)
        for line in whole.stage.log_texts()["logs/web.log"].splitlines()
        if line.startswith("{")
    ]
    calls = [line for line in lines if line["event"] == "request"]
    assert len(calls) > 20
    assert [line for line in calls if line["status"] >= 500] == []
    assert [
        line for line in lines if line["event"] in {"merchant_call_failed", "request_failed", "webhook_failed"}
    ] == []
    places = {**whole.stage.log_texts(), **whole.stage.redis_texts()}
    assert "delegation_refused" in whole.log_text()
    for secret in (*SHOPPER.values(), "Featherstonehaugh", "Нина", "אדם", whole.addresses.inbound_password):
        assert [place for place, words in places.items() if secret in words] == [], secret
