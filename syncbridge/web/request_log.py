"""What holds for every request, a vendor's or a person's: a request id, a count and a log line."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

from syncbridge import log as logging_setup
from syncbridge.web import metrics

log = structlog.get_logger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_QUIET = frozenset({"/healthz", "/readyz", "/metrics", "/console/static/<path:filename>"})
"""Routes that a machine asks every few seconds, and files: counted, not logged."""


def observe(app: Flask) -> None:
    """Give every request of the application an id, a count and a log line."""
    app.before_request(_begin)
    app.after_request(_end)


def route() -> str:
    """Return the route's pattern; paths that lead nowhere share one name, so that nobody can fill the metrics."""
    return request.root_path + request.url_rule.rule if request.url_rule is not None else "unknown"


def _begin() -> None:
    g.begun = time.perf_counter()
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    logging_setup.forget_context()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    name = route()
    metrics.REQUESTS.labels(name, str(response.status_code)).inc()
    if name not in _QUIET:
        log.info(
            "request",
            method=request.method,
            route=name,
            status=response.status_code,
            milliseconds=round((time.perf_counter() - g.begun) * 1000, 1),
        )
    return response
