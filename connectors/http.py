"""The one way out to a vendor: quota, breaker, time limits, and the translation of whatever happens into our errors.

A vendor's own habits (headers, error envelope, what a status proves) are behind `Dialect`. Texts of errors are built
from codes and names of fields only; a body is never quoted, because it may hold personal data.
"""

from __future__ import annotations

import os
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, Self, TypeVar
from urllib.parse import quote, urlencode

import requests
import structlog
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError

from connectors.deadline import BoundedAdapter, set_deadline
from connectors.dialect import Answer, Call, Dialect, Refusal
from syncbridge.domain.errors import (
    CallEvidence,
    Misconfigured,
    NeedsPerson,
    NotFound,
    OutcomeUnknown,
    RetryLater,
    VendorError,
)
from syncbridge.ports.quota import Breaker, Lane, Quota

T = TypeVar("T")

MEBIBYTE = 1024 * 1024


class Timeouts(Protocol):
    """The part of a vendor's settings that bounds a call."""

    @property
    def connect_timeout_seconds(self) -> float: ...

    @property
    def read_timeout_seconds(self) -> float: ...


@dataclass(frozen=True)
class Limits:
    """Bounds of one call. `deadline_seconds` covers everything, the wait for quota included."""

    connect_timeout_seconds: float = 5.0
    read_timeout_seconds: float = 15.0
    deadline_seconds: float = 20.0
    quota_wait_seconds: float = 2.0
    """How long an order's call waits for the quota before its row goes back to the ledger."""
    patient_wait_seconds: float = 8.0
    """The same for every other lane: under a backlog of orders the despatch lane gets a turn every five seconds or so."""
    pool_size: int = 8
    answer_bytes: int = 64 * MEBIBYTE
    """The largest answer we read, after decompression. Chosen: a page of orders with thousands of units fits."""
    proxy: str | None = None
    """Address of a proxy for https; plain http is only ever spoken on this machine and goes direct."""

    @classmethod
    def of(cls, settings: Timeouts, deadline_seconds: float, proxy: str | None) -> Self:
        """Return the bounds of calls to the vendor that has these settings."""
        return cls(
            connect_timeout_seconds=settings.connect_timeout_seconds,
            read_timeout_seconds=settings.read_timeout_seconds,
            deadline_seconds=deadline_seconds,
            proxy=proxy,
        )


class AnswerTooLarge(RetryLater):
    """A read brought more than we are willing to hold: ask for a smaller page."""


class _TooLarge(Exception):
    pass


class Transport:
    """Calls one vendor. Safe for threads; a forked process opens connections of its own."""

    def __init__(
        self, base_url: str, dialect: Dialect, quota: Quota, breaker: Breaker, limits: Limits | None = None
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._dialect = dialect
        self._quota = quota
        self._breaker = breaker
        self._limits = limits or Limits()
        self._scopes: dict[str, str] = {}
        self._adapter: HTTPAdapter | None = None
        self._adapter_pid = 0
        self._opening = threading.Lock()

    def exchange(self, call: Call, read: Callable[[Answer], T]) -> T:
        """Make the call and return what `read` makes of its answer.

        `read` raises ValueError for an answer that it cannot understand. Raises Busy before anything is sent, else
        one of the vendor errors: RetryLater where the call certainly had no effect, OutcomeUnknown where a write may
        have taken effect, and the rest by what has to happen next.
        """
        system = self._dialect.system
        ends_at = time.monotonic() + self._limits.deadline_seconds
        scope = self._scopes.get(call.operation, call.scope)
        # The quota first: a probe that it turned away would hold the open circuit's one place.
        limits = self._limits
        wait = limits.quota_wait_seconds if call.lane is Lane.ORDERS else limits.patient_wait_seconds
        self._quota.take(system, scope, call.lane, timedelta(seconds=wait))
        self._breaker.check(system)
        request_id = uuid.uuid4().hex
        structlog.contextvars.bind_contextvars(vendor_request_id=request_id)
        try:
            answer = self._send(call, request_id, ends_at)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, _TooLarge) as error:
            self._breaker.failed(system)
            raise self._lost(call, request_id, error) from error
        self._learn(call, scope, answer)
        if self._dialect.is_failure(answer):
            raise self._refused(call, answer)
        try:
            result = read(answer)
        except ValueError as error:
            self._breaker.failed(system)
            raise self._unreadable(call, answer, error) from error
        self._breaker.succeeded(system)
        return result

    def _send(self, call: Call, request_id: str, ends_at: float) -> Answer:
        url = self._base_url + call.path
        if call.query:
            url += "?" + urlencode(call.query, quote_via=quote, safe=",:")
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "gzip",
            "User-Agent": "syncbridge",
            "X-Request-Id": request_id,
            **self._dialect.headers(),
            **call.headers,
        }
        if call.body is not None:
            headers["Content-Type"] = "application/json"
        prepared = requests.PreparedRequest()
        prepared.prepare(method=call.method, url=url, headers=headers, data=call.body)
        left = ends_at - time.monotonic()
        if left <= 0:
            raise requests.ConnectTimeout("no time was left to send the request")
        limits = self._limits
        timeout = (min(limits.connect_timeout_seconds, left), min(limits.read_timeout_seconds, left))
        proxies = {"https": limits.proxy} if limits.proxy else {}
        set_deadline(ends_at)
        try:
            # The adapter, not a session: no redirects, no cookies, nothing taken from the environment.
            response = self._pool().send(prepared, stream=True, timeout=timeout, proxies=proxies)
            try:
                body = response.raw.read(limits.answer_bytes + 1, decode_content=True)
                if len(body) > limits.answer_bytes:
                    raise _TooLarge
                response.raw.release_conn()
            except BaseException:
                response.close()
                raise
        finally:
            set_deadline(None)
        return Answer(
            status=response.status_code,
            headers=response.headers,
            body=body,
            request_id=_machine_id(response.headers.get("X-Request-Id")) or request_id,
        )

    def _pool(self) -> HTTPAdapter:
        pid = os.getpid()
        if self._adapter is None or self._adapter_pid != pid:
            with self._opening:
                if self._adapter is None or self._adapter_pid != pid:
                    size = self._limits.pool_size
                    self._adapter = BoundedAdapter(pool_connections=1, pool_maxsize=size, max_retries=0)
                    self._adapter_pid = pid
        return self._adapter

    def _learn(self, call: Call, scope: str, answer: Answer) -> None:
        learnt = self._dialect.quota(call, answer)
        if learnt is None:
            return
        named, reading = learnt
        if named != scope:
            # The vendor counts this operation elsewhere than its documents suggest.
            self._scopes[call.operation] = named
        self._quota.learn(self._dialect.system, named, reading)

    def _evidence(
        self, call: Call, answer: Answer, refusal: Refusal | None = None, excerpt: str = ""
    ) -> CallEvidence:
        return CallEvidence(
            system=self._dialect.system,
            operation=call.operation,
            status=answer.status,
            code=refusal.code if refusal else None,
            request_id=answer.request_id,
            excerpt=refusal.excerpt if refusal else excerpt,
        )

    def _lost(self, call: Call, request_id: str, error: Exception) -> VendorError:
        """Translate a call that brought no usable answer."""
        evidence = CallEvidence(
            system=self._dialect.system,
            operation=call.operation,
            request_id=request_id,
            excerpt=type(error).__name__,
        )
        if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
            return Misconfigured("the server's certificate is not valid for this address", evidence)
        if _never_sent(error):
            return RetryLater("no connection could be made", evidence)
        if call.write:
            return OutcomeUnknown(
                "no complete answer came back, so whether it took effect is unknown", evidence
            )
        if isinstance(error, _TooLarge):
            return AnswerTooLarge("the answer is larger than we read", evidence)
        return RetryLater("no complete answer came back", evidence)

    def _unreadable(self, call: Call, answer: Answer, error: ValueError) -> VendorError:
        evidence = self._evidence(call, answer, excerpt=f"{len(answer.body)} bytes, {type(error).__name__}")
        if call.write:
            return OutcomeUnknown("the answer cannot be read, so whether it took effect is unknown", evidence)
        return RetryLater("the answer cannot be read", evidence)

    def _refused(self, call: Call, answer: Answer) -> VendorError:
        """Translate an answer that says no, and tell the breaker whether it speaks against the vendor's health."""
        dialect, status = self._dialect, answer.status
        refusal = dialect.refusal(answer)
        if dialect.credentials_refused(answer, refusal):
            self._breaker.failed(dialect.system, refused=True)
        elif status >= 500 or status == 408 or 300 <= status < 400:
            self._breaker.failed(dialect.system)
        else:
            self._breaker.succeeded(dialect.system)
        evidence = self._evidence(call, answer, refusal)
        special = dialect.translate(call, answer, refusal, evidence)
        if special is not None:
            return special
        if status == 429:
            return RetryLater("the quota is used up", evidence, after=dialect.retry_after(answer))
        if status in (401, 403):
            return Misconfigured("the credentials are not accepted for this", evidence)
        if 300 <= status < 400:
            return Misconfigured("the address redirects elsewhere, which is never followed", evidence)
        if status == 404:
            if refusal.enveloped:
                return NotFound("it does not exist there", evidence)
            return Misconfigured(
                "something other than the vendor's interface answers at this address", evidence
            )
        if status >= 500 or status == 408:
            if call.write and not dialect.had_no_effect(answer, refusal):
                return OutcomeUnknown("the server failed, so whether it took effect is unknown", evidence)
            return RetryLater("the server cannot answer now", evidence, after=dialect.retry_after(answer))
        if status == 409 and call.write and not refusal.enveloped:
            # What stands in the way may be an earlier request of our own, under way or done: looking tells.
            return OutcomeUnknown("a conflict that does not say with what", evidence)
        return NeedsPerson("it was refused", evidence)


def _machine_id(text: str | None) -> str | None:
    if text and len(text) <= 100 and text.isascii() and text.isprintable():
        return text
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and id(one) not in seen:
            seen.add(id(one))
            yield one
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]


def _never_sent(error: Exception) -> bool:
    """Say whether the failure came before the first byte of the request could leave."""
    if isinstance(error, (requests.ConnectTimeout, requests.exceptions.ProxyError)):
        return True
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)):
        return True
    first = error.args[0] if error.args else None
    return isinstance(first, MaxRetryError) and isinstance(
        first.reason, (NewConnectionError, ConnectTimeoutError)
    )
