"""The sandbox's own record: every vendor request, and every fact of the trade, as they happened."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from syncbridge.sandbox.clock import SandboxClock, format_instant
from syncbridge.sandbox.faults import CONTROL_PREFIX, FAULT, was_dropped

REQUEST_ID: web.RequestKey[str] = web.RequestKey("REQUEST_ID", str)
SCOPE: web.RequestKey[str] = web.RequestKey("SCOPE", str)
EFFECT: web.RequestKey[bool] = web.RequestKey("EFFECT", bool)
"""A handler sets it to True once its request has changed something."""

ENTRY_LIMIT = 200_000
"""Requests kept one by one (guessed: about 60 MB); the counters go on for ever."""


class Journal:
    """Keep requests (without bodies, newest `ENTRY_LIMIT`), counters, and the append-only domain facts."""

    def __init__(self, clock: SandboxClock, limit: int = ENTRY_LIMIT) -> None:
        self._clock = clock
        self.requests: deque[dict[str, Any]] = deque(maxlen=limit)
        self.facts: list[dict[str, Any]] = []
        self.total = 0
        self.by_route: Counter[str] = Counter()
        self.by_status: Counter[str] = Counter()

    def reset(self) -> None:
        """Forget everything."""
        self.requests.clear()
        self.facts.clear()
        self.by_route.clear()
        self.by_status.clear()
        self.total = 0

    def fact(self, kind: str, **details: Any) -> None:
        """Append a fact of the trade (an order created, a parcel despatched), numbered and stamped."""
        at = format_instant(self._clock.now())
        self.facts.append({"n": len(self.facts) + 1, "at": at, "fact": kind, **details})

    def record(self, *, method: str, route: str, status: int | None, **details: Any) -> None:
        """Append one request; `status` None means that the connection was dropped without an answer."""
        self.total += 1
        self.by_route[f"{method} {route}"] += 1
        self.by_status["dropped" if status is None else str(status)] += 1
        at = format_instant(self._clock.now())
        self.requests.append({"n": self.total, "at": at, "method": method, "status": status, **details})

    def counters(self) -> dict[str, Any]:
        """Return the counters, which cover every request since the last reset."""
        return {"requests": self.total, "byRoute": dict(self.by_route), "byStatus": dict(self.by_status)}


def journal_middleware(journal: Journal) -> Middleware:
    """Make the outermost middleware, which records every vendor request and never the control plane."""

    @web.middleware
    async def keep_journal(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith(CONTROL_PREFIX):
            return await handler(request)
        status: int | None = 500
        try:
            response = await handler(request)
            status = None if was_dropped(response) else response.status
            return response
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            resource = request.match_info.route.resource
            fault = request.get(FAULT)
            journal.record(
                method=request.method,
                route=resource.canonical if resource is not None else "(none)",
                status=status,
                path=request.path,
                query=request.query_string,
                effect=request.get(EFFECT, False),
                fault=fault.kind if fault is not None else None,
                requestId=request.get(REQUEST_ID),
                scope=request.get(SCOPE),
            )

    return keep_journal
