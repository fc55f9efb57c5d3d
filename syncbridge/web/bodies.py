"""Reading a request's body within bounds of size and time.

A thread that waits for a slow sender serves nobody else, so the whole body must arrive within `BODY_SECONDS`. That holds under gunicorn, which
hands its socket on; behind a proxy that buffers requests it never matters.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from flask import Request
from werkzeug.wsgi import get_input_stream

KEEP_AT_MOST_BYTES = 12 * 1024 * 1024
"""Chosen: of a body beyond the configured limit so much is read and kept, so that a person can see what it was."""

BODY_SECONDS = 10.0
"""Chosen: SCAYLE gives up a delegation after 15 s (SCAYLE contract 5.1, documented)."""

_CHUNK = 64 * 1024


class BodyRefused(Exception):
    """The body cannot be read; `status` and `error_key` say how to answer."""

    def __init__(self, status: int, error_key: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.error_key = error_key
        self.message = message


@dataclass(frozen=True)
class Body:
    """What was read. `size_bytes` is the true size as far as it is known; `too_large` when it is beyond the limit."""

    raw: bytes
    size_bytes: int
    too_large: bool


def read_body(request: Request, limit: int) -> Body:
    """Read the body, plain or chunked; raises BodyRefused when it is encoded, incomplete or too slow."""
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"", "identity"}:
        raise BodyRefused(415, "CONTENT_ENCODING_UNSUPPORTED", "Send the body without a content encoding.")
    # Beyond the limit a part is kept for a person, and never less than a body that is legal.
    cap = max(KEEP_AT_MOST_BYTES, limit + 1)
    raw = _read(request, cap)
    declared = request.content_length
    size = max(len(raw), declared or 0)
    return Body(raw, size, too_large=size > limit)


def _read(request: Request, cap: int) -> bytes:
    stream = get_input_stream(request.environ)
    sender = _Patience(request.environ.get("gunicorn.socket"))
    pieces: list[bytes] = []
    length = 0
    try:
        while length < cap:
            sender.wait_at_most_the_rest()
            piece = stream.read(min(_CHUNK, cap - length))
            if not piece:
                break
            pieces.append(piece)
            length += len(piece)
    except TimeoutError as error:
        raise BodyRefused(408, "BODY_TOO_SLOW", "The body did not arrive in time.") from error
    except Exception as error:
        # Every server has errors of its own for broken chunks and lost connections.
        raise BodyRefused(400, "BODY_INCOMPLETE", "The body did not arrive completely.") from error
    finally:
        sender.forget()
    return b"".join(pieces)


class _Patience:
    """Bounds each wait for the sender by what is left of the time for the whole body."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock if hasattr(sock, "settimeout") else None
        self._before = self._sock.gettimeout() if self._sock is not None else None
        self._ends_at = time.monotonic() + BODY_SECONDS

    def wait_at_most_the_rest(self) -> None:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if self._sock is not None:
            self._sock.settimeout(left)

    def forget(self) -> None:
        if self._sock is not None:
            self._sock.settimeout(self._before)
