from __future__ import annotations

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from syncbridge.flows import intake

ORDERS = "/scayle/scend/orders"
AUTHORIZATION = "Basic aW5ib3VuZC11c2VyOmluYm91bmQtd8O2cmQ="


def test_an_order_is_acknowledged_once_it_is_stored_and_the_workers_are_rung(
    site: Any, rings: Any, delegation: dict[str, Any]
) -> None:
    answer = site.post(ORDERS, delegation)
    assert answer.status_code == 201
    assert answer.json == {"referenceKey": "7204418", "orderDelegationResult": "acknowledged"}
    assert len(site.rows("order_units", "order_item_id AS id")) == 2
    assert [ring[0] for ring in rings.heard] == ["order_push"]


def test_every_repeat_gets_the_same_bytes_and_makes_nothing_new(
    site: Any, delegation: dict[str, Any]
) -> None:
    answers = {site.post(ORDERS, delegation).data for _ in range(5)}
    assert len(answers) == 1
    assert len(site.rows("transmissions", "id")) == 1
    assert site.rows("inbox", "seen") == [(5,)]


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Basic %%%"},
        {"Authorization": "Bearer abc"},
        {"Authorization": "Basic aW5ib3VuZC11c2VyOndyb25n"},  # right name, wrong password
        {"Authorization": "Basic Og=="},  # both empty
    ],
)
def test_a_stranger_gets_401_and_leaves_only_a_log_line_and_a_count(
    site: Any, delegation: dict[str, Any], headers: dict[str, str]
) -> None:
    with capture_logs() as logs:
        answer = site.post(ORDERS, delegation, **headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert answer.json["errorKey"] == "UNAUTHORIZED"
    assert [entry["event"] for entry in logs if entry["log_level"] == "warning"] == ["inbound_auth_failed"]
    assert site.rows("inbox", "id") == []


def test_an_unknown_merchant_is_refused_with_its_body_kept_and_an_exception(
    site: Any, delegation: dict[str, Any]
) -> None:
    answer = site.post("/scayle/nobody/orders", delegation)
    assert answer.status_code == 404
    assert set(answer.json) == {"errorKey", "message", "context"}
    assert len(site.rows("inbox", "raw")) == 1
    assert site.rows("exceptions", "kind") == [("unknown_merchant",)]


@pytest.mark.parametrize("name", ["%00", "a%2Fb", "x" * 3000, "%F0%9F%9B%92", "..", "%27%3B--"])
def test_a_strange_merchant_name_is_answered_in_json_and_never_with_a_5xx(
    site: Any, delegation: dict[str, Any], name: str
) -> None:
    answer = site.post(f"/scayle/{name}/orders", delegation)
    assert 400 <= answer.status_code < 500
    assert answer.json["errorKey"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"\x00" * 50, b"\xff\xfe", b'{"orderId": 5}', b"[" * 20_000]
)
def test_what_cannot_be_read_as_an_order_is_kept_with_an_exception(site: Any, body: bytes) -> None:
    answer = site.post(ORDERS, body)
    assert answer.status_code == 400
    assert set(answer.json) == {"errorKey", "message", "context"}
    assert site.rows("inbox", "raw", "size_bytes") == [(body, len(body))]
    assert site.rows("exceptions", "kind") == [("message_unreadable",)]


def test_a_body_beyond_the_limit_is_refused_and_kept(site: Any) -> None:
    body = b'{"orderId": 7, "x": "' + b"x" * 100_000 + b'"}'
    answer = site.post(ORDERS, body)
    assert answer.status_code == 413
    assert site.rows("inbox", "raw", "size_bytes") == [(body, len(body))]
    assert len(site.rows("exceptions", "kind")) == 1


def test_of_a_huge_body_only_the_beginning_is_kept_with_its_true_size(site: Any) -> None:
    answer = site.post(ORDERS, b"x" * (13 * 1024 * 1024))
    assert answer.status_code == 413
    ((kept, size),) = site.rows("inbox", "length(raw)", "size_bytes")
    assert kept == 12 * 1024 * 1024
    assert size == 13 * 1024 * 1024


def test_a_body_right_at_the_limit_is_read(site: Any, delegation: dict[str, Any]) -> None:
    raw = json.dumps(delegation).encode()
    assert site.post(ORDERS, raw + b" " * (65_536 - len(raw))).status_code == 201


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip"])
def test_an_encoded_body_is_refused(site: Any, delegation: dict[str, Any], encoding: str) -> None:
    answer = site.post(ORDERS, delegation, **{"Content-Encoding": encoding})
    assert answer.status_code == 415
    assert answer.json["errorKey"] == "CONTENT_ENCODING_UNSUPPORTED"


def test_a_body_that_ends_early_is_answered_400(site: Any) -> None:
    answer = site.client.post(
        ORDERS,
        data=b'{"orderId"',
        headers={"Authorization": AUTHORIZATION},
        environ_overrides={"CONTENT_LENGTH": "500"},
    )
    assert answer.status_code == 400
    assert answer.json["errorKey"] == "BODY_INCOMPLETE"


def test_without_the_database_scayle_is_asked_to_repeat(site: Any, delegation: dict[str, Any]) -> None:
    site.lose_the_database()
    with capture_logs() as logs:
        answer = site.post(ORDERS, delegation)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert "merchant_call_failed" in [entry["event"] for entry in logs]
    assert "okafor" not in str(logs).lower()


def test_a_fault_of_our_own_is_answered_503_and_the_body_is_kept(
    site: Any, delegation: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("priya.okafor@example.com")

    monkeypatch.setattr(intake, "receive_delegation", broken)
    with capture_logs() as logs:
        answer = site.post(ORDERS, delegation)
    assert answer.status_code == 503
    assert len(site.rows("inbox", "raw")) == 1
    assert len(site.rows("exceptions", "id")) == 1
    assert "okafor" not in str(logs).lower()


def test_an_order_that_failed_once_is_taken_in_by_its_repeat(
    site: Any, delegation: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(intake, "receive_delegation", lambda *_: 1 / 0)
        assert site.post(ORDERS, delegation).status_code == 503
    assert site.post(ORDERS, delegation).status_code == 201
    assert len(site.rows("transmissions", "id")) == 1


def test_a_broken_deployment_is_a_503_too(settings: Any, delegation: dict[str, Any]) -> None:
    from syncbridge.web.app import create_app
    from syncbridge.web.parts import Parts

    def broken() -> Any:
        raise RuntimeError("no context")

    client = create_app(Parts(broken, lambda: settings, lambda: False)).test_client()
    headers = {"Authorization": AUTHORIZATION}
    assert client.post(ORDERS, json=delegation, headers=headers).status_code == 503
