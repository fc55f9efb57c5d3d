"""HTTP Basic for everything that carries SCAYLE's credentials in its URL, and for the metrics."""

from __future__ import annotations

import hashlib
import hmac

import structlog
from flask import Request, Response
from pydantic import SecretStr

from syncbridge.config import Configuration
from syncbridge.web import metrics
from syncbridge.web.replies import refusal

log = structlog.get_logger(__name__)


def refuse_stranger(request: Request, settings: Configuration) -> Response | None:
    """Return the 401 for a call without the right credentials, None for one that has them.

    Both parts are always compared, as digests and in constant time, so that neither length nor name can be measured. While no inbound
    credentials are configured nobody gets in.
    """
    expected = (settings.environment.scayle_inbound_username, settings.environment.scayle_inbound_password)
    given = request.authorization
    username = (given.username or "") if given is not None and given.type == "basic" else ""
    password = (given.password or "") if given is not None and given.type == "basic" else ""
    right_name = _same(username, expected[0])
    right_password = _same(password, expected[1])
    if right_name and right_password:
        return None
    route = request.url_rule.rule if request.url_rule is not None else "unknown"
    metrics.AUTH_FAILURES.labels(route).inc()
    log.warning(
        "inbound_auth_failed",
        route=route,
        credentials="wrong" if given is not None else "absent",
        configured=None not in expected,
    )
    return refusal(
        401,
        "UNAUTHORIZED",
        "Wrong or missing credentials.",
        {"WWW-Authenticate": 'Basic realm="syncbridge", charset="UTF-8"'},
    )


def _same(given: str, expected: SecretStr | None) -> bool:
    wanted = expected.get_secret_value() if expected is not None else ""
    same = hmac.compare_digest(_digest(given), _digest(wanted))
    return same and wanted != ""


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
