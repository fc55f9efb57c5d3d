"""The session: a signed cookie that ends by itself after eight hours without use, and after twelve in any case."""

from __future__ import annotations

import time

from flask import Flask, request, session
from flask.sessions import SecureCookieSessionInterface
from flask_login import current_user, login_user, logout_user

from syncbridge.web.console.people import Person

IDLE_SECONDS = 8 * 3600
LONGEST_SECONDS = 12 * 3600
_REMEMBER_EVERY_SECONDS = 60
"""Chosen: how exact the idle time is; the cookie is not written anew on every page."""

_BEGAN, _SEEN = "began", "seen"


class ConsoleSessions(SecureCookieSessionInterface):
    """Flask's signed cookie, marked Secure whenever the request itself came by https."""

    def get_cookie_secure(self, app: Flask) -> bool:
        return request.is_secure


def begin(person: Person) -> None:
    """Sign somebody in, in a session of its own: nothing of what was there before is kept."""
    session.clear()
    login_user(person)
    session[_BEGAN] = session[_SEEN] = int(time.time())


def end() -> None:
    """Sign out."""
    logout_user()
    session.clear()


def still_good() -> bool:
    """Say whether the signed-in session may go on, and note that it was used; one that may not is ended."""
    if not current_user.is_authenticated:
        return False
    now = int(time.time())
    began, seen = session.get(_BEGAN, 0), session.get(_SEEN, 0)
    if now - began >= LONGEST_SECONDS or now - seen >= IDLE_SECONDS:
        end()
        return False
    if now - seen >= _REMEMBER_EVERY_SECONDS:
        session[_SEEN] = now
    return True
