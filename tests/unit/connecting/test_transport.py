"""The transport: what happens on the wire becomes the error that says what to do next."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import requests
import responses
from urllib3.exceptions import MaxRetryError, SSLError

from connectors.dialect import Answer, Call, Refusal
from connectors.http import AnswerTooLarge, Limits, Transport
from syncbridge.domain.errors import (
    Busy,
    CallEvidence,
    Misconfigured,
    NeedsPerson,
    NotFound,
    OutcomeUnknown,
    RetryLater,
    VendorError,
)
from syncbridge.ports.quota import Lane, QuotaReading

URL = "http://vendor.example/api"
READ = Call("read thing", "GET", "/things/1", "thingsRead", Lane.ORDERS)
WRITE = Call("write thing", "POST", "/things", "thingsWrite", Lane.ORDERS, write=True, body=b"{}")


class PlainDialect:
    """A vendor without habits; its error body is {"code": ...}."""

    system = "vendor"

    def headers(self) -> dict[str, str]:
        return {"X-Key": "secret-key"}

    def is_failure(self, answer: Answer) -> bool:
        return not 200 <= answer.status < 300

    def refusal(self, answer: Answer) -> Refusal:
        if answer.body.startswith(b'{"code"'):
            return Refusal("SOME_CODE", "", enveloped=True)
        return Refusal(None, "", enveloped=False)

    def translate(
        self, call: Call, answer: Answer, refusal: Refusal, evidence: CallEvidence
    ) -> VendorError | None:
        return None

    def had_no_effect(self, answer: Answer, refusal: Refusal) -> bool:
        return False

    def credentials_refused(self, answer: Answer, refusal: Refusal) -> bool:
        return answer.status == 401

    def retry_after(self, answer: Answer) -> timedelta | None:
        return timedelta(seconds=7)

    def quota(self, call: Call, answer: Answer) -> tuple[str, QuotaReading] | None:
        scope = answer.headers.get("X-Scope")
        return (scope, QuotaReading(limit=10, remaining=3)) if scope else None


def text_of(answer: Answer) -> str:
    if not answer.body.startswith(b"{"):
        raise ValueError("no JSON")
    return answer.body.decode()


def transport(quota: Any, breaker: Any, url: str = URL, **limits: Any) -> Transport:
    return Transport(url, PlainDialect(), quota, breaker, Limits(**limits))


@contextmanager
def raw_server(*scripts: Callable[[socket.socket], None]) -> Iterator[str]:
    """Serve one connection per script; each script gets the socket after the request was read."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)
    stop = threading.Event()

    def serve() -> None:
        for script in scripts:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(10)
                received = b""
                while b"\r\n\r\n" not in received and (more := connection.recv(65536)):
                    received += more
                try:
                    script(connection)
                except OSError:
                    return
        stop.wait(0)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()
        thread.join(timeout=10)


@contextmanager
def refusing() -> Iterator[int]:
    """Hold a port on which nobody listens, so that nobody else can begin to meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_an_answer_is_read_and_counts_as_success(quota: Any, breaker: Any) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(
            f"{URL}/things/1", body='{"a": 1}', headers={"X-Request-Id": "req-9", "X-Scope": "thingsRead"}
        )
        assert transport(quota, breaker).exchange(READ, text_of) == '{"a": 1}'
        sent = vendor.calls[0].request.headers
    assert sent["X-Key"] == "secret-key"
    assert len(sent["X-Request-Id"]) == 32
    assert breaker.verdicts == ["succeeded"]
    assert quota.taken == [("vendor", "thingsRead", Lane.ORDERS)]
    assert quota.learnt == [("vendor", "thingsRead", QuotaReading(limit=10, remaining=3))]


def test_nothing_is_sent_without_quota_or_through_an_open_circuit(quota: Any, breaker: Any) -> None:
    with responses.RequestsMock():
        quota.empty = True
        with pytest.raises(Busy, match="no quota left"):
            transport(quota, breaker).exchange(WRITE, text_of)
        quota.empty, breaker.open = False, True
        with pytest.raises(Busy, match="circuit"):
            transport(quota, breaker).exchange(WRITE, text_of)
    assert breaker.verdicts == []


@pytest.mark.parametrize(
    ("status", "body", "for_read", "for_write", "verdict"),
    [
        (301, "", Misconfigured, Misconfigured, "failed"),
        (400, '{"code"', NeedsPerson, NeedsPerson, "succeeded"),
        (401, '{"code"', Misconfigured, Misconfigured, "refused"),
        (403, '{"code"', Misconfigured, Misconfigured, "succeeded"),
        (404, '{"code"', NotFound, NotFound, "succeeded"),
        (404, "<html>", Misconfigured, Misconfigured, "succeeded"),
        (408, "", RetryLater, OutcomeUnknown, "failed"),
        (409, '{"code"', NeedsPerson, NeedsPerson, "succeeded"),
        # What stands in the way is not said: it may be an earlier request of our own.
        (409, "<html>", NeedsPerson, OutcomeUnknown, "succeeded"),
        (429, '{"code"', RetryLater, RetryLater, "succeeded"),
        (500, '{"code"', RetryLater, OutcomeUnknown, "failed"),
        (502, "<html>", RetryLater, OutcomeUnknown, "failed"),
        (503, "", RetryLater, OutcomeUnknown, "failed"),
        (200, "<html>", RetryLater, OutcomeUnknown, "failed"),
        (200, "", RetryLater, OutcomeUnknown, "failed"),
    ],
)
def test_every_status_becomes_what_to_do_next(
    quota: Any,
    breaker: Any,
    status: int,
    body: str,
    for_read: type[VendorError],
    for_write: type[VendorError],
    verdict: str,
) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{URL}/things/1", body=body, status=status, headers={"X-Request-Id": "req-7"})
        vendor.post(
            f"{URL}/things", body=body, status=status, headers={"Location": "http://elsewhere.example/"}
        )
        with pytest.raises(VendorError) as read:
            transport(quota, breaker).exchange(READ, text_of)
        with pytest.raises(VendorError) as write:
            transport(quota, breaker).exchange(WRITE, text_of)
        assert len(vendor.calls) == 2  # nothing is followed, nothing is repeated
    assert type(read.value) is for_read
    assert type(write.value) is for_write
    assert breaker.verdicts == [verdict, verdict]
    assert read.value.evidence.status == status
    assert read.value.evidence.request_id == "req-7"


def test_the_vendors_hint_travels_with_a_refusal_for_quota(quota: Any, breaker: Any) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{URL}/things/1", status=429)
        with pytest.raises(RetryLater) as refused:
            transport(quota, breaker).exchange(READ, text_of)
    assert refused.value.after == timedelta(seconds=7)


def test_a_scope_that_the_vendor_names_is_used_from_then_on(quota: Any, breaker: Any) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{URL}/things/1", body="{}", headers={"X-Scope": "otherScope"})
        one = transport(quota, breaker)
        one.exchange(READ, text_of)
        one.exchange(READ, text_of)
    assert [scope for _, scope, _ in quota.taken] == ["thingsRead", "otherScope"]


def test_no_error_text_repeats_a_body(quota: Any, breaker: Any) -> None:
    with responses.RequestsMock() as vendor:
        vendor.post(f"{URL}/things", body='{"code": "X", "name": "Priya Okafor"}', status=400)
        with pytest.raises(NeedsPerson) as refused:
            transport(quota, breaker).exchange(WRITE, text_of)
    assert "Priya" not in str(refused.value)
    assert "SOME_CODE" in str(refused.value)
    assert "secret-key" not in str(refused.value)


@pytest.mark.parametrize("call", [READ, WRITE])
def test_a_refused_connection_had_no_effect(quota: Any, breaker: Any, call: Call) -> None:
    with refusing() as port, pytest.raises(RetryLater):
        transport(quota, breaker, f"http://127.0.0.1:{port}").exchange(call, text_of)
    assert breaker.verdicts == ["failed"]


def test_an_unknown_host_had_no_effect(quota: Any, breaker: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def unresolved(*_: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unresolved)
    with pytest.raises(RetryLater):
        transport(quota, breaker, "http://no-such-host.invalid").exchange(WRITE, text_of)


def test_an_invalid_certificate_is_a_misconfiguration(quota: Any, breaker: Any) -> None:
    refused = ssl.SSLCertVerificationError("certificate verify failed")
    error = requests.exceptions.SSLError(MaxRetryError(None, "/", SSLError(refused)))  # type: ignore[arg-type]
    with responses.RequestsMock() as vendor:
        vendor.post(f"{URL}/things", body=error)
        with pytest.raises(Misconfigured, match="certificate"):
            transport(quota, breaker).exchange(WRITE, text_of)


def test_https_goes_through_the_proxy_and_its_absence_had_no_effect(quota: Any, breaker: Any) -> None:
    with refusing() as port, pytest.raises(RetryLater):
        transport(quota, breaker, "https://vendor.example", proxy=f"http://127.0.0.1:{port}").exchange(WRITE, text_of)


def drop(connection: socket.socket) -> None:
    """Close without an answer."""


def stall(connection: socket.socket) -> None:
    time.sleep(0.6)


def cut_short(connection: socket.socket) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"a": ')


def cut_chunk(connection: socket.socket) -> None:
    connection.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"a": ')


def broken_gzip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd")


def no_http(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9\r\n")


@pytest.mark.parametrize("script", [drop, stall, cut_short, cut_chunk, broken_gzip, no_http])
def test_a_lost_answer_leaves_a_write_unknown_and_a_read_repeatable(
    quota: Any, breaker: Any, script: Callable[[socket.socket], None]
) -> None:
    with raw_server(script, script) as url:
        one = transport(quota, breaker, url, read_timeout_seconds=0.3)
        with pytest.raises(OutcomeUnknown):
            one.exchange(WRITE, text_of)
        with pytest.raises(RetryLater):
            one.exchange(READ, text_of)
    assert breaker.verdicts == ["failed", "failed"]


def trickle_body(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(400):
        connection.sendall(b"{")
        time.sleep(0.05)


def trickle_headers(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
    for _ in range(400):
        connection.sendall(b"a")
        time.sleep(0.05)


@pytest.mark.parametrize("script", [trickle_body, trickle_headers])
def test_an_answer_that_trickles_in_ends_at_the_deadline(
    quota: Any, breaker: Any, script: Callable[[socket.socket], None]
) -> None:
    started = time.monotonic()
    with raw_server(script) as url:
        one = transport(quota, breaker, url, read_timeout_seconds=5, deadline_seconds=0.4)
        with pytest.raises(OutcomeUnknown):
            one.exchange(WRITE, text_of)
        assert time.monotonic() - started < 10, "it was read to its end, which takes 20 s"


def test_a_connection_is_used_again_and_its_next_call_has_its_own_deadline(
    quota: Any, breaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def twice(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        assert connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    real, later = time.monotonic, [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: real() + later[0])
    with raw_server(twice) as url:
        one = transport(quota, breaker, url, deadline_seconds=20)
        assert one.exchange(READ, text_of) == "{}"
        later[0] = 100.0
        assert one.exchange(WRITE, text_of) == "{}"


def test_an_answer_beyond_the_bound_is_not_held(quota: Any, breaker: Any) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{URL}/things/1", body="{" + "x" * 100)
        vendor.post(f"{URL}/things", body="{" + "x" * 100)
        one = transport(quota, breaker, answer_bytes=50)
        with pytest.raises(AnswerTooLarge):
            one.exchange(READ, text_of)
        with pytest.raises(OutcomeUnknown):
            one.exchange(WRITE, text_of)


def test_a_forked_process_opens_connections_of_its_own(
    quota: Any, breaker: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = transport(quota, breaker)
    before = one._pool()
    assert one._pool() is before
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert one._pool() is not before


def test_query_values_are_encoded(quota: Any, breaker: Any) -> None:
    with responses.RequestsMock() as vendor:
        vendor.get(f"{URL}/things/1", body="{}")
        call = Call(
            "list", "GET", "/things/1", "s", Lane.BULK, query=[("filters[min]", "2026-03-02T10:00:00+00:00")]
        )
        transport(quota, breaker).exchange(call, text_of)
        assert vendor.calls[0].request.url == f"{URL}/things/1?filters%5Bmin%5D=2026-03-02T10:00:00%2B00:00"
