"""Faults on demand: what goes wrong, for which requests, how often, and how it looks on the wire."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

CONTROL_PREFIX = "/_sandbox"

TRANSPORT_KINDS = frozenset(
    {"http", "rate_limit", "timeout_before", "timeout_after", "slow", "html_502", "truncated_json"}
)

HTML_502 = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass
class Fault:
    """One planned fault; `times` counts down, and None never runs out."""

    id: int
    kind: str
    method: str | None = None
    path: str | None = None
    path_regex: re.Pattern[str] | None = None
    topic: str | None = None
    times: int | None = 1
    probability: float = 1.0
    status: int = 500
    body: Any = None
    milliseconds: int = 0
    retry_after: int | None = None
    effect: bool = False
    source: Mapping[str, Any] = field(default_factory=dict)

    def matches(self, method: str, path: str, topic: str | None) -> bool:
        """Say whether this fault is meant for such a request (or such a webhook, when `topic` is given)."""
        if self.method is not None and self.method != method:
            return False
        if self.path is not None and not path.startswith(self.path):
            return False
        if self.path_regex is not None and not self.path_regex.search(path):
            return False
        return self.topic is None or self.topic == topic

    def to_json(self) -> dict[str, Any]:
        """Describe the fault as it was posted, with its number and what is left of it."""
        return {**self.source, "id": self.id, "times": self.times}


FAULT: web.RequestKey[Fault] = web.RequestKey("FAULT", Fault)
"""The fault that was drawn for a request, for the journal and for handlers that know vendor kinds."""


class FaultPlan:
    """Hold the planned faults in order and draw from them, repeatably for one seed.

    A fault is posted as `{"match": {"method", "path" (prefix), "pathRegex" (searched), "topic"}, "fault": kind,
    "times": n or null, "probability": 0..1, "status", "body", "milliseconds", "retryAfter", "effect"}`.
    `times` is 1 unless given; null means without end. `effect: true` lets `http`, `html_502` and `rate_limit`
    apply the request before the wrong answer is sent. `extra_kinds` are drawn before the handler runs and left
    to it; `late_kinds` only where a handler asks for them; `webhook_kinds` for outgoing webhooks. The first fault that matches and wins its draw is taken.
    """

    def __init__(
        self,
        seed: int = 0,
        extra_kinds: Iterable[str] = (),
        webhook_kinds: Iterable[str] = (),
        late_kinds: Iterable[str] = (),
    ) -> None:
        self._seed = seed
        self._webhook_kinds = frozenset(webhook_kinds)
        self._late_kinds = frozenset(late_kinds)
        self._request_kinds = TRANSPORT_KINDS | frozenset(extra_kinds)
        self._random = random.Random(seed)
        self._ids = itertools.count(1)
        self._faults: list[Fault] = []
        self.injected: Counter[str] = Counter()

    @property
    def kinds(self) -> frozenset[str]:
        """All kinds this plan accepts."""
        return self._request_kinds | self._webhook_kinds | self._late_kinds

    def add(self, source: Mapping[str, Any]) -> Fault:
        """Plan one fault; raise ValueError with a plain sentence if it cannot be understood."""
        kind = source.get("fault")
        if kind not in self.kinds:
            raise ValueError(f"unknown fault {kind!r}; known: {', '.join(sorted(self.kinds))}")
        match = source.get("match") or {}
        unknown = set(match) - {"method", "path", "pathRegex", "topic"}
        if unknown:
            raise ValueError(f"unknown match keys: {', '.join(sorted(unknown))}")
        times = source.get("times", 1)
        if times is not None and (not isinstance(times, int) or times < 1):
            raise ValueError("times must be a whole number >= 1, or null for ever")
        probability = float(source.get("probability", 1.0))
        if not 0.0 <= probability <= 1.0:
            raise ValueError("probability must be between 0 and 1")
        method, pattern = match.get("method"), match.get("pathRegex")
        try:
            compiled = re.compile(pattern) if pattern else None
        except re.error as error:
            raise ValueError(f"pathRegex is not a regular expression: {error}") from error
        fault = Fault(
            id=next(self._ids),
            kind=str(kind),
            method=method.upper() if method else None,
            path=match.get("path"),
            path_regex=compiled,
            topic=match.get("topic"),
            times=times,
            probability=probability,
            status=int(source.get("status", 500)),
            body=source.get("body"),
            milliseconds=int(source.get("milliseconds", 0)),
            retry_after=source.get("retryAfter"),
            effect=bool(source.get("effect", False)),
            source=dict(source),
        )
        self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget every planned fault; what was injected stays counted."""
        self._faults.clear()

    def reset(self) -> None:
        """Forget everything, counts included, and start the draw anew from the seed."""
        self._faults.clear()
        self.injected.clear()
        self._random = random.Random(self._seed)

    def list(self) -> list[dict[str, Any]]:
        """Describe what is still planned."""
        return [fault.to_json() for fault in self._faults]

    def take(self, method: str, path: str) -> Fault | None:
        """Draw the fault for one request (path without the API's base path), or None."""
        if not self._faults:
            return None
        return self._draw(self._request_kinds, method, path, None)

    def take_webhook(self, topic: str) -> Fault | None:
        """Draw the fault for one outgoing webhook of this topic, or None."""
        if not self._faults:
            return None
        return self._draw(self._webhook_kinds, "", "", topic)

    def take_late(self, kind: str, method: str, path: str) -> Fault | None:
        """Draw a fault of one vendor kind at the point where a handler could act on it, or None."""
        if not self._faults:
            return None
        return self._draw(frozenset((kind,)), method, path, None)

    def _draw(self, kinds: frozenset[str], method: str, path: str, topic: str | None) -> Fault | None:
        for fault in self._faults:
            if fault.kind not in kinds or not fault.matches(method, path, topic):
                continue
            if fault.probability < 1.0 and self._random.random() >= fault.probability:
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self._faults.remove(fault)
            self.injected[fault.kind] += 1
            return fault
        return None


ErrorRenderer = Callable[[web.Request, Fault], web.StreamResponse | None]
"""Give the vendor's own form of a faulty answer (kinds `http` and `rate_limit`), or None for the plain one."""


def fault_middleware(plan: FaultPlan, base_path: str = "", render: ErrorRenderer | None = None) -> Middleware:
    """Make the middleware that acts out the transport faults; the control plane is never touched.

    Other kinds are left to the handlers, which find the fault under `request[FAULT]`. Paths are matched
    without `base_path`. `milliseconds` delays every kind, by wall time.
    """

    @web.middleware
    async def act_out(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(CONTROL_PREFIX):
            return await handler(request)
        fault = plan.take(request.method, request.path.removeprefix(base_path))
        if fault is None:
            return await handler(request)
        request[FAULT] = fault
        if fault.milliseconds:
            await asyncio.sleep(fault.milliseconds / 1000)
        return await _apply(fault, request, handler, render)

    return act_out


async def _apply(
    fault: Fault, request: web.Request, handler: Handler, render: ErrorRenderer | None
) -> web.StreamResponse:
    if fault.kind == "timeout_before":
        return drop_connection(request)
    if fault.kind == "timeout_after":
        await _handle(request, handler)
        return drop_connection(request)
    if fault.kind == "truncated_json":
        answer = await _handle(request, handler)
        payload = answer.body if isinstance(answer, web.Response) else b""
        raw = payload if isinstance(payload, bytes) else b""
        return web.Response(status=answer.status, body=raw[: len(raw) // 2], content_type="application/json")
    if fault.kind in ("http", "rate_limit", "html_502"):
        if fault.effect:
            await _handle(request, handler)
        return _wrong_answer(fault, request, render)
    return await handler(request)


async def _handle(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Run the handler with HTTP exceptions as answers, since nobody outside will turn them into one."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return web.Response(status=error.status, text=error.text, headers={"Content-Type": "text/plain"})


def _wrong_answer(fault: Fault, request: web.Request, render: ErrorRenderer | None) -> web.StreamResponse:
    if fault.kind == "html_502":
        return web.Response(status=502, text=HTML_502, content_type="text/html")
    if fault.body is None and render is not None and (rendered := render(request, fault)) is not None:
        return rendered
    status = 429 if fault.kind == "rate_limit" else fault.status
    headers = {}
    retry_after = fault.retry_after if fault.retry_after is not None else (1 if status == 429 else None)
    if retry_after is not None:
        headers["Retry-After"] = str(retry_after)
    if isinstance(fault.body, str):
        return web.Response(status=status, text=fault.body, headers=headers)
    return web.json_response(fault.body if fault.body is not None else {}, status=status, headers=headers)


class _Dropped(web.Response):
    """An answer that is never written, because its connection is gone."""

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


def drop_connection(request: web.Request) -> web.Response:
    """Cut the connection without an answer; return the placeholder that the handler has to return."""
    if request.transport is not None:
        request.transport.abort()
    return _Dropped(status=499)


def was_dropped(response: web.StreamResponse) -> bool:
    """Say whether this answer never reached the client."""
    return isinstance(response, _Dropped)
