"""The JSON that we answer with; a refusal has SCAYLE's form: `errorKey`, `message`, `context` (SCAYLE contract 5.2, inferred)."""

from __future__ import annotations

import json
from collections.abc import Mapping

from flask import Response

RETRY_AFTER_SECONDS = 30
"""Chosen: long enough for a database to restart. SCAYLE follows its own schedule in any case."""


def reply(status: int, body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer; the same body always gives the same bytes."""
    text = json.dumps(dict(body), ensure_ascii=False, separators=(",", ":"))
    return Response(text, status=status, content_type="application/json", headers=dict(headers or {}))


def refusal(
    status: int, error_key: str, message: str, headers: Mapping[str, str] | None = None, **context: object
) -> Response:
    """Return a refusal in SCAYLE's form."""
    return reply(status, {"errorKey": error_key, "message": message, "context": context}, headers)


def try_again() -> Response:
    """Return the answer to a call that failed for a reason of our own: nothing is lost, ask again."""
    return refusal(
        503,
        "TEMPORARILY_UNAVAILABLE",
        "The call could not be taken in; please repeat it.",
        {"Retry-After": str(RETRY_AFTER_SECONDS)},
    )
