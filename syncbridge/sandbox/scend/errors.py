"""The error envelope of the Scend API (contract 2.4, assumed) and the codes it may carry."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

RETRYABLE = frozenset(
    {
        "REQUEST_IN_PROGRESS",
        "RATE_LIMITED",
        "INTERNAL_ERROR",
        "UPSTREAM_ERROR",
        "UPSTREAM_TIMEOUT",
        "SERVICE_UNAVAILABLE",
    }
)

CODE_BY_STATUS = {
    400: "VALIDATION_FAILED",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    409: "INVALID_STATE",
    410: "CURSOR_EXPIRED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "ORDER_REJECTED",
    429: "RATE_LIMITED",
    500: "INTERNAL_ERROR",
    502: "UPSTREAM_ERROR",
    503: "SERVICE_UNAVAILABLE",
    504: "UPSTREAM_TIMEOUT",
}

LONGEST_ECHO = 200
"""Characters of a refused value that are repeated in a detail (guessed)."""


def detail(code: str, field: str, value: Any, message: str) -> dict[str, Any]:
    """Make one entry of `details`; only scalars are repeated, and long texts are cut."""
    echoed = value if isinstance(value, str | int | float | bool) else None
    if isinstance(echoed, str):
        echoed = echoed[:LONGEST_ECHO]
    return {"code": code, "field": field, "value": echoed, "message": message}


class ApiError(Exception):
    """A refusal as the vendor words it; the gate turns it into the answer."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        context: Mapping[str, Any] | None = None,
        details: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.context = dict(context or {})
        self.details = list(details)
        self.headers = dict(headers or {})

    def body(self, request_id: str) -> bytes:
        """Write the envelope; ASCII only, so that even broken input can be repeated."""
        error = {
            "code": self.code,
            "message": self.message,
            "requestId": request_id,
            "retryable": self.code in RETRYABLE,
            "context": self.context,
            "details": self.details,
        }
        return json.dumps({"error": error}, separators=(",", ":")).encode()


def validation_failed(details: Sequence[Mapping[str, Any]]) -> ApiError:
    """Make the 400 for a schema problem."""
    plural = "" if len(details) == 1 else "s"
    return ApiError(
        400, "VALIDATION_FAILED", f"The request has {len(details)} problem{plural}.", details=details
    )


def not_found(what: str, details: Sequence[Mapping[str, Any]] = ()) -> ApiError:
    """Make the 404 for an unknown id or path."""
    return ApiError(404, "NOT_FOUND", f"{what} was not found.", details=details)
