"""The web application: endpoints, and what holds for all of them: a request id, a count, a log line, and never a bare 500."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from syncbridge import log as logging_setup
from syncbridge.web import cancellations, delegation, health, metrics, webhooks
from syncbridge.web.bodies import BodyRefused
from syncbridge.web.failures import where
from syncbridge.web.parts import Parts
from syncbridge.web.replies import refusal, try_again

log = structlog.get_logger(__name__)

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Routes that a machine asks every few seconds: counted, not logged."""


def create_app(parts: Parts) -> Flask:
    """Return the WSGI application."""
    app = Flask("syncbridge", static_folder=None)
    app.before_request(_begin)
    app.after_request(_end)
    app.register_error_handler(BodyRefused, _body_refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _failed)
    for endpoints in (delegation, cancellations, webhooks, health, metrics):
        app.register_blueprint(endpoints.blueprint(parts))
    return app


def _begin() -> None:
    g.begun = time.perf_counter()
    given = request.headers.get("X-Request-Id", "")
    g.request_id = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    logging_setup.forget_context()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _end(response: Response) -> Response:
    response.headers["X-Request-Id"] = g.request_id
    route = _route()
    metrics.REQUESTS.labels(route, str(response.status_code)).inc()
    if route not in _QUIET:
        log.info(
            "request",
            method=request.method,
            route=route,
            status=response.status_code,
            milliseconds=round((time.perf_counter() - g.begun) * 1000, 1),
        )
    return response


def _route() -> str:
    """Return the route's pattern; paths that lead nowhere share one name, so that nobody can fill the metrics."""
    return request.url_rule.rule if request.url_rule is not None else "unknown"


def _body_refused(error: BodyRefused) -> Response:
    log.warning("body_refused", status=error.status, error_key=error.error_key, route=_route())
    return refusal(error.status, error.error_key, error.message)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    key = (error.name or "error").upper().replace(" ", "_")
    headers = {name: value for name, value in error.get_headers() if name.lower() == "allow"}
    return refusal(status, key, error.name or "Error", headers)


def _failed(error: Exception) -> Response:
    log.error("request_failed", route=_route(), error=type(error).__name__, at=where(error))
    return try_again()
