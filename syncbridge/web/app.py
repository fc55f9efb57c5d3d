"""The web application: endpoints, and what holds for all of them: a request id, a count, a log line, and never a bare 500."""

from __future__ import annotations

import structlog
from flask import Flask, Response
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from syncbridge.web import cancellations, delegation, health, metrics, webhooks
from syncbridge.web.bodies import BodyRefused
from syncbridge.web.console.application import create_console
from syncbridge.web.failures import where
from syncbridge.web.parts import Parts
from syncbridge.web.replies import refusal, try_again
from syncbridge.web.request_log import observe, route

log = structlog.get_logger(__name__)


def create_app(parts: Parts) -> Flask:
    """Return the WSGI application: what vendors and machines call, and under `/console` what people look at."""
    app = Flask("syncbridge", static_folder=None)
    observe(app)
    app.register_error_handler(BodyRefused, _body_refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _failed)
    for endpoints in (delegation, cancellations, webhooks, health, metrics):
        app.register_blueprint(endpoints.blueprint(parts))
    # An application of its own: cookies, forms, error pages and proxies are the console's business alone.
    console = create_console(parts)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/console": console})  # type: ignore[method-assign]  # as Flask documents it
    return app


def _body_refused(error: BodyRefused) -> Response:
    log.warning("body_refused", status=error.status, error_key=error.error_key, route=route())
    return refusal(error.status, error.error_key, error.message)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    key = (error.name or "error").upper().replace(" ", "_")
    headers = {name: value for name, value in error.get_headers() if name.lower() == "allow"}
    return refusal(status, key, error.name or "Error", headers)


def _failed(error: Exception) -> Response:
    log.error("request_failed", route=route(), error=type(error).__name__, at=where(error))
    return try_again()
