"""Who may change something, and under which name it is recorded."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import structlog
from flask import abort
from flask.typing import ResponseReturnValue
from flask_login import current_user

from syncbridge.web.request_log import route

log = structlog.get_logger(__name__)

P = ParamSpec("P")


def operators_only(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    """Answer 403 to viewers, before anything is read or done."""

    @wraps(view)
    def guarded(*arguments: P.args, **named: P.kwargs) -> ResponseReturnValue:
        if not current_user.may_act:
            log.warning("console_refused_viewer", user=current_user.name, route=route())
            abort(403)
        return view(*arguments, **named)

    return guarded


def actor() -> str:
    """Name whoever is signed in, for the audit."""
    return str(current_user.actor)


def user_name() -> str:
    """Name whoever is signed in, for the log."""
    return str(current_user.name)
