"""Signing in and out."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog
from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from syncbridge.web.console import sessions
from syncbridge.web.console.attempts import WINDOW_MINUTES, SignInAttempts
from syncbridge.web.console.forms import SignIn, complaints
from syncbridge.web.console.people import People, TooBusy

log = structlog.get_logger(__name__)

_WRONG = "Name or password is wrong."


def blueprint(people: People, attempts: SignInAttempts) -> Blueprint:
    """Return the pages for signing in and out."""
    pages = Blueprint("sign_in", __name__)

    @pages.get("/sign-in")
    def show() -> ResponseReturnValue:
        if sessions.still_good():
            return redirect(url_for("start.show"), 303)
        form = SignIn(formdata=None)
        form.next.data = request.args.get("next", "")
        return render_template("sign_in.html", form=form, trouble=[])

    @pages.post("/sign-in")
    def take() -> ResponseReturnValue:
        form = SignIn()
        if not form.validate():
            return _again(form, complaints(form), 400)
        name, address = form.name.data, request.remote_addr or ""
        known = people.find(name)
        # What a stranger typed may be a password in the wrong field: it is not logged.
        whose = known.name if known is not None else "unknown"
        if not attempts.allow(name, address):
            log.warning("console_sign_in_held_back", user=whose)
            return _again(form, [f"Too many attempts. Try again in {WINDOW_MINUTES} minutes."], 429, WINDOW_MINUTES * 60)
        try:
            person = people.check(name, form.password.data)
        except TooBusy:
            log.warning("console_sign_in_busy", user=whose)
            return _again(form, ["Too many people are signing in just now. Try again in a moment."], 503, 5)
        if person is None:
            log.warning("console_sign_in_failed", user=whose)
            return _again(form, [_WRONG], 401)
        attempts.succeeded(name, address)
        sessions.begin(person)
        log.info("console_signed_in", user=person.name, role=person.role.value)
        return redirect(own_address(form.next.data) or url_for("start.show"), 303)

    @pages.post("/sign-out")
    def leave() -> ResponseReturnValue:
        name = current_user.name
        sessions.end()
        log.info("console_signed_out", user=name)
        flash("You are signed out.", "good")
        return redirect(url_for("sign_in.show"), 303)

    return pages


def own_address(text: str | None) -> str | None:
    """Return an address if it is a page of this console, else None: nobody is sent elsewhere after signing in."""
    wanted = text or ""
    if not wanted.isprintable() or "\\" in wanted:
        return None
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return None
    root = f"{request.script_root}/"
    inside = parts.path.startswith(root) and not parts.path.startswith("//") and ".." not in parts.path
    return wanted if inside and not parts.scheme and not parts.netloc else None


def _again(form: SignIn, trouble: list[str], status: int, retry_after: int | None = None) -> ResponseReturnValue:
    form.password.data = None
    answer = make_response(render_template("sign_in.html", form=form, trouble=trouble), status)
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    return answer
