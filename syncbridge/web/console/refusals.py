"""What the console says when it does not do what was asked: one page, one sentence, one way on. Nothing of an error's own text."""

from __future__ import annotations

from http import HTTPStatus

import structlog
from flask import Flask, make_response, render_template
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from syncbridge.domain.errors import VendorError
from syncbridge.ledger.engine import Conflict
from syncbridge.ledger.gauges import is_database_trouble
from syncbridge.web.failures import where
from syncbridge.web.request_log import route

log = structlog.get_logger(__name__)

_WORDS = {
    400: ("That cannot be read", "Something about the request was not as this page sends it. Nothing was changed."),
    403: ("Not allowed", "You are a viewer: you see everything and change nothing. Ask an operator."),
    404: ("Not found", "There is nothing under this address. Orders and returns are found with the box above."),
    405: ("Not found", "There is nothing under this address. Orders and returns are found with the box above."),
    413: ("Too much", "The form is larger than any order. Nothing was changed."),
}


class NotFound(Exception):
    """What was asked for is not known; the text says what, for people."""


def register(app: Flask) -> None:
    """Have every refusal answered in the console's look."""
    app.register_error_handler(NotFound, _not_found)
    app.register_error_handler(CSRFError, _no_token)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _failed)


def off() -> ResponseReturnValue:
    """Return the page of a console without users."""
    return make_response(render_template("off.html"), 503)


def refusal(status: int, title: str, text: str, retry_after: int | None = None) -> ResponseReturnValue:
    """Return the page that says no."""
    answer = make_response(render_template("refusal.html", title=title, text=text), status)
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    return answer


def _not_found(error: NotFound) -> ResponseReturnValue:
    return refusal(404, "Not found", str(error))


def _no_token(error: CSRFError) -> ResponseReturnValue:
    log.warning("console_form_refused", route=route(), reason=str(error.description))
    return refusal(
        400,
        "This form is no longer valid",
        "It was opened in another session, or before you signed in again. Nothing was changed: open the page anew and try "
        "again. If that does not help, the log of the web process has the reason.",
    )


def _http_error(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else "Refused"
    title, text = _WORDS.get(status, (phrase, "The request was refused. Nothing was changed."))
    return refusal(status, title, text)


def _failed(error: Exception) -> ResponseReturnValue:
    log.error("request_failed", route=route(), error=type(error).__name__, at=where(error))
    if isinstance(error, Conflict):
        return refusal(409, "Somebody else was quicker", "Go back, look at it again, and repeat what is still wanted.")
    if is_database_trouble(error):
        return refusal(
            503, "The database does not answer", "Nothing can be shown or changed just now. Try again in a minute.", 30
        )
    if isinstance(error, VendorError):
        return refusal(
            503,
            "The other side does not answer",
            "A system that has to be asked first cannot be asked just now. Nothing was changed: try again in a minute.",
            30,
        )
    return refusal(
        500,
        "That went wrong",
        "The fault is ours, and it is in the log. Whether anything was changed shows on the order's page.",
    )

