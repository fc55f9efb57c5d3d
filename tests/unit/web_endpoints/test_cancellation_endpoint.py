"""The cancellation endpoint: who gets in, what is kept, and that SCAYLE always hears something in time."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from connectors.scayle.adapter import ScayleShop
from syncbridge.domain.errors import Busy
from syncbridge.flows import cancel_call
from syncbridge.ledger.engine import Ledger

ORDERS = "/scayle/scend/orders"
CANCELLATIONS = "/scayle/scend/cancellations"


@pytest.fixture
def question() -> dict[str, Any]:
    return {
        "orderReferenceKey": "NB-GB-7204418",
        "fulfillingMerchantKey": "scend",
        "merchantKey": "scend",
        "companyId": 1,
        "warehouseIds": [],
    }


def test_an_order_that_was_not_sent_is_cancelled_and_every_repeat_gets_the_same_bytes(
    site: Any, delegation: dict[str, Any], question: dict[str, Any]
) -> None:
    site.post(ORDERS, delegation)
    answers = [site.post(CANCELLATIONS, question) for _ in range(4)]
    assert {answer.status_code for answer in answers} == {201}
    assert {answer.data for answer in answers} == {
        b'{"orderReferenceKey":"NB-GB-7204418","cancellationResult":"successful"}'
    }
    assert site.rows("fulfilment_orders", "state") == [("withdrawn",)]
    assert site.rows("cancellations", "state", "asked", "answer") == [("cancelled", 4, "successful")]


@pytest.mark.parametrize("headers", [{"Authorization": ""}, {"Authorization": "Basic aW5ib3VuZC11c2VyOndyb25n"}])
def test_a_stranger_cancels_nothing(site: Any, question: dict[str, Any], headers: dict[str, str]) -> None:
    assert site.post(CANCELLATIONS, question, **headers).status_code == 401
    assert (site.rows("inbox", "id"), site.rows("cancellations", "id")) == ([], [])


def test_an_unknown_merchant_is_refused_with_its_body_kept_and_an_exception(
    site: Any, question: dict[str, Any]
) -> None:
    answer = site.post("/scayle/nobody/cancellations", question)
    assert answer.status_code == 404
    assert set(answer.json) == {"errorKey", "message", "context"}
    assert site.rows("exceptions", "kind", "subject") == [("unknown_merchant", "cancellation:nobody")]
    assert len(site.rows("inbox", "raw")) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\x00" * 50,
        b"\xff\xfe",
        b"{}",
        b'{"orderReferenceKey": ""}',
        b'{"orderReferenceKey": "a\\u0000b"}',
        b'{"orderReferenceKey": "' + b"x" * 5000 + b'"}',
        b'{"orderReferenceKey": "NB-1", "warehouseIds": "12"}',
        b'{"orderReferenceKey": "NB-1", "warehouseIds": [true]}',
        b'{"orderReferenceKey": "NB-1", "merchantKey": "orderwise"}',
        b"[" * 20_000,
    ],
)
def test_what_cannot_be_read_is_kept_with_an_exception_and_cancels_nothing(site: Any, body: bytes) -> None:
    answer = site.post(CANCELLATIONS, body)
    assert answer.status_code == 400
    assert answer.json["errorKey"] == "CANCELLATION_UNREADABLE"
    assert site.rows("exceptions", "kind") == [("message_unreadable",)]
    assert site.rows("inbox", "raw") == [(body,)]
    assert site.rows("cancellations", "id") == []


def test_a_body_beyond_the_limit_is_refused_and_kept(site: Any) -> None:
    answer = site.post(CANCELLATIONS, b'{"orderReferenceKey": "' + b"x" * 70_000 + b'"}')
    assert answer.status_code == 413
    assert site.rows("exceptions", "kind") == [("message_unreadable",)]


@pytest.mark.parametrize("name", ["%00", "a%2Fb", "x" * 3000, "%F0%9F%9B%92", "%27%3B--"])
def test_a_strange_merchant_name_is_answered_in_json_and_never_with_a_5xx(
    site: Any, question: dict[str, Any], name: str
) -> None:
    answer = site.post(f"/scayle/{name}/cancellations", question)
    assert 400 <= answer.status_code < 500
    assert answer.json["errorKey"]


def test_without_its_order_or_vendors_scayle_is_asked_to_ask_again_and_a_tombstone_stays(
    site: Any, question: dict[str, Any], delegation: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise Busy("SCAYLE is away", timedelta(seconds=30))

    monkeypatch.setattr(ScayleShop, "order_called", away)
    first = site.post(CANCELLATIONS, question)
    assert first.status_code == 503
    assert site.rows("cancellations", "state", "order_id") == [("asked", None)]
    assert site.post(ORDERS, delegation).status_code == 201
    assert site.rows("fulfilment_orders", "state") == [("withdrawn",)]
    assert site.post(CANCELLATIONS, question).status_code == 201


def test_an_answer_that_takes_too_long_becomes_another_question(
    site: Any, question: dict[str, Any], monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    impatient = settings.scayle.model_copy(update={"cancellation_patience_seconds": 0.3})
    object.__setattr__(settings, "scayle", impatient)
    answered = threading.Event()
    monkeypatch.setattr(cancel_call, "receive", lambda *_: answered.wait(30))
    begun = time.monotonic()
    answer = site.post(CANCELLATIONS, question)
    answered.set()
    assert (answer.status_code, answer.json["errorKey"]) == (503, "TEMPORARILY_UNAVAILABLE")
    assert time.monotonic() - begun < 10, "it waited for the answer"


def test_a_defect_of_ours_is_answered_kept_and_told(
    site: Any, question: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ZeroDivisionError("secret@example.com")

    monkeypatch.setattr(cancel_call, "receive", broken)
    with capture_logs() as logs:
        answer = site.post(CANCELLATIONS, question)
    assert answer.status_code == 503
    assert site.rows("exceptions", "kind") == [("defect",)]
    assert "secret" not in str(logs)


def test_without_the_database_scayle_is_asked_to_ask_again(site: Any, question: dict[str, Any]) -> None:
    object.__setattr__(site.context, "ledger", Ledger("sqlite:////nonexistent-folder/ledger.sqlite3"))
    assert site.post(CANCELLATIONS, question).status_code == 503


def test_only_post_is_answered(site: Any) -> None:
    assert site.client.get(CANCELLATIONS).status_code == 405
