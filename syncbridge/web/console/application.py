"""The console as an application of its own, mounted under `/console`."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path

import structlog
from flask import Flask, Response, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, current_user
from flask_wtf.csrf import CSRFProtect
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

from syncbridge.config.console import ConsoleSettings
from syncbridge.web.bodies import BodyRefused, read_body
from syncbridge.web.console import (
    announce,
    decide,
    orders,
    refusals,
    returns,
    sessions,
    sign_in,
    start,
    wording,
)
from syncbridge.web.console.attempts import SignInAttempts
from syncbridge.web.console.forms import Find
from syncbridge.web.console.people import People, Person, signing_key
from syncbridge.web.parts import Parts
from syncbridge.web.request_log import observe

log = structlog.get_logger(__name__)

LONGEST_FORM_BYTES = 256 * 1024
"""Chosen: a form that names 5,000 units has under 120 kB."""

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
"""No script at all, nothing from elsewhere, in nobody's frame."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Flask-WTF compares the referrer of forms sent by https, so it may not be left out altogether.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_FOLDER = Path(__file__).parent


def create_console(parts: Parts) -> Flask:
    """Return the console; without users it says on every page how to switch it on."""
    settings = parts.configuration()
    app = Flask("syncbridge.web.console", root_path=str(_FOLDER))
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.config.update(
        MAX_CONTENT_LENGTH=LONGEST_FORM_BYTES,
        MAX_FORM_MEMORY_SIZE=LONGEST_FORM_BYTES,
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=30),
    )
    observe(app)
    app.after_request(_protect)
    _behind(app, settings.console)
    wording.teach(app, settings.console)
    refusals.register(app)
    users = settings.environment.users
    if not users:
        app.before_request(_off)
        return app
    assert settings.environment.console_users is not None
    key = signing_key(settings.environment.console_users.get_secret_value())
    people = People(users)
    app.before_request(_take_form)
    _keep_sessions(app, key, people)
    app.before_request(_signed_in_only)
    attempts = SignInAttempts(settings.environment.redis_url, key)
    app.register_blueprint(sign_in.blueprint(people, attempts))
    for pages in (start, orders, announce, returns, decide):
        app.register_blueprint(pages.blueprint(parts))
    return app


def _keep_sessions(app: Flask, key: bytes, people: People) -> None:
    app.secret_key = key
    app.session_interface = sessions.ConsoleSessions()
    app.config.update(
        SESSION_COOKIE_NAME="syncbridge_console",
        SESSION_COOKIE_PATH="/console",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        # Not before the session itself, which says more kindly that it ended.
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=sessions.LONGEST_SECONDS),
        # A form lives as long as its session.
        WTF_CSRF_TIME_LIMIT=None,
    )
    CSRFProtect(app)
    manager = LoginManager(app)
    # Addresses change on the way home and between masts; the cookie is signed, HttpOnly and short-lived instead.
    manager.session_protection = None

    @manager.user_loader  # type: ignore[untyped-decorator]  # the library has no types
    def load(name: str) -> Person | None:
        return people.find(name)

    @app.context_processor
    def usual() -> dict[str, object]:
        return {"find": Find(formdata=None)}


def _behind(app: Flask, settings: ConsoleSettings) -> None:
    if settings.proxies:
        count = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]  # as documented


def _off() -> ResponseReturnValue | None:
    return None if request.endpoint == "static" else refusals.off()


def _take_form() -> ResponseReturnValue | None:
    """Read a form within bounds of size and time before anything else does: a slow sender must not keep a thread from orders."""
    if request.method != "POST":
        return None
    if request.content_length is None or request.content_length > LONGEST_FORM_BYTES:
        abort(411 if request.content_length is None else 413)
    try:
        body = read_body(request, LONGEST_FORM_BYTES)
    except BodyRefused as refused:
        abort(refused.status)
    request.environ["wsgi.input"] = io.BytesIO(body.raw)
    return None


def _signed_in_only() -> ResponseReturnValue | None:
    """Let nobody in but to the sign-in page: a page that is added later is closed by itself."""
    if request.endpoint in ("static", "sign_in.show", "sign_in.take"):
        return None
    was_signed_in = current_user.is_authenticated
    if sessions.still_good():
        return None
    if was_signed_in:
        flash("You were signed out: sessions end after eight hours without use, and after twelve in any case.", "note")
    # Only a page that can be looked at is worth coming back to; its query holds filters, never personal data.
    here = request.full_path.rstrip("?") if request.method == "GET" else ""
    return redirect(url_for("sign_in.show", next=request.script_root + here if here else None), 303)


def _protect(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
    return response

