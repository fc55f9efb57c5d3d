"""The form of one Admin API call and of its answer: identifiers, bodies, the error envelope."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, unquote_plus

Json = dict[str, Any]

MISSING = object()
"""Marks a member that a body does not have, which differs from a member that is null."""


class ApiError(Exception):
    """The vendor's refusal: a status, a machine key (invented where SCAYLE's is unknown) and a context object."""

    def __init__(self, status: int, error_key: str, message: str, context: Json | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.error_key = error_key
        self.message = message
        self.context = context or {}


def error_envelope(errors: Iterable[ApiError]) -> Json:
    """Write the documented envelope; `context` is always an object, since the Java SDK fails on an array."""
    return {
        "errors": [
            {"errorKey": error.error_key, "message": error.message, "context": error.context}
            for error in errors
        ]
    }


@dataclass(slots=True)
class Answer:
    """What goes back: a status and a JSON document, JSON text that is ready, or a file."""

    status: int = 200
    document: Any = None
    encoded: bytes | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    effect: bool = False

    def body(self) -> bytes:
        """Return the bytes to send; an answer without document is empty."""
        if self.encoded is not None:
            return self.encoded
        return b"" if self.document is None else encode(self.document)


@dataclass(slots=True)
class Call:
    """One request to the Admin API, already matched to a route."""

    method: str
    path: str
    parameters: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw_body: bytes
    source: str = "api"

    def document(self) -> Any:
        """Read the JSON body; raises ApiError 400 when there is none or when it is malformed."""
        if not self.raw_body.strip():
            raise ApiError(400, "BAD_REQUEST", "A JSON body is required.")
        try:
            return json.loads(self.raw_body)
        except ValueError as error:
            raise ApiError(400, "MALFORMED_JSON", f"The body is not JSON: {error}") from error

    def object(self) -> Body:
        """Read the body as a JSON object; raises ApiError 400."""
        return Body.of(self.document(), "body")

    def array(self) -> list[Body]:
        """Read the body as a non-empty array of objects; raises ApiError 400."""
        document = self.document()
        if not isinstance(document, list) or not document:
            raise ApiError(400, "VALIDATION_ERROR", "The body must be a non-empty array.", {"field": "body"})
        return [Body.of(entry, f"body[{index}]") for index, entry in enumerate(document)]

    def integer(self, name: str) -> int:
        """Read a path parameter that takes integers only; raises ApiError 404 as for any unknown resource."""
        text = self.parameters[name]
        if not text.isascii() or not text.isdigit():
            raise ApiError(404, "NOT_FOUND", f"{name} takes an integer.", {"field": name})
        return int(text)

    def identifier(self, name: str) -> int | str:
        """Read a `...Identifier`: SCAYLE's integer id, or the caller's key from `key=...`."""
        return read_identifier(self.parameters[name], name)

    def wanted(self) -> frozenset[str]:
        """Return the nested resources asked for by `with=a,b.c`."""
        return frozenset(part.strip() for part in self.query.get("with", "").split(",") if part.strip())


@dataclass(slots=True)
class Body:
    """A JSON object whose members are read with their type; every complaint names the field."""

    members: Json
    where: str

    @classmethod
    def of(cls, value: Any, where: str) -> Body:
        """Accept an object only; raises ApiError 400."""
        if not isinstance(value, dict):
            raise ApiError(400, "VALIDATION_ERROR", f"{where} must be an object.", {"field": where})
        return cls(value, where)

    def _typed(self, name: str, kinds: type | tuple[type, ...], words: str, optional: bool) -> Any:
        value = self.members.get(name, MISSING)
        if value is MISSING or value is None:
            if optional:
                return None
            raise invalid(name, f"{name} is required.")
        if not isinstance(value, kinds) or (isinstance(value, bool) and kinds is not bool):
            raise invalid(name, f"{name} must be {words}.")
        return value

    def text(self, name: str) -> str:
        """Return a required, non-blank string."""
        value: str = self._typed(name, str, "a string", optional=False)
        if not value.strip():
            raise invalid(name, f"{name} must not be blank.")
        return value

    def optional_text(self, name: str) -> str | None:
        """Return a string, or None when it is absent or null."""
        value: str | None = self._typed(name, str, "a string", optional=True)
        return value

    def integer(self, name: str) -> int:
        """Return a required integer; a string of digits is refused."""
        value: int = self._typed(name, int, "an integer", optional=False)
        return value

    def optional_integer(self, name: str) -> int | None:
        """Return an integer, or None when it is absent or null."""
        value: int | None = self._typed(name, int, "an integer", optional=True)
        return value

    def optional_flag(self, name: str) -> bool | None:
        """Return a boolean, or None when it is absent or null."""
        value: bool | None = self._typed(name, bool, "a boolean", optional=True)
        return value

    def objects(self, name: str) -> list[Body]:
        """Return a required, non-empty array of objects."""
        values: list[Any] = self._typed(name, list, "an array", optional=False)
        if not values:
            raise invalid(name, f"{name} must not be empty.")
        return [Body.of(value, f"{name}[{index}]") for index, value in enumerate(values)]

    def instant(self, name: str) -> datetime:
        """Return a required ISO 8601 timestamp with offset, as aware UTC."""
        return read_instant(self.text(name), name)


def invalid(name: str, message: str) -> ApiError:
    """Make the 400 for one field."""
    return ApiError(400, "VALIDATION_ERROR", message, {"field": name})


def read_identifier(segment: str, name: str) -> int | str:
    """Read an undecoded path segment: `812`, `key=SKU-1`, `key%3DSKU-1`; `+` is a space and `%2F` a slash.

    Raises ApiError 400 for anything else.
    """
    plain = unquote(segment)
    if plain.startswith("key="):
        key = unquote_plus(segment)[len("key=") :]
        if key:
            return key
    elif plain.isascii() and plain.isdigit():
        return int(plain)
    raise ApiError(
        400, "INVALID_IDENTIFIER", f"{name} takes an integer or key=<referenceKey>.", {"field": name}
    )


def read_instant(text: str, name: str) -> datetime:
    """Read an ISO 8601 timestamp as aware UTC; raises ApiError 400 without an offset."""
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid(name, f"{name} must be an ISO 8601 timestamp.") from error
    if instant.tzinfo is None:
        raise invalid(name, f"{name} must carry an offset, as in 2026-03-02T10:15:00+00:00.")
    return instant.astimezone(UTC)


def stamp(instant: datetime) -> str:
    """Write a timestamp as SCAYLE does: whole seconds with offset, 2026-03-02T10:15:00+00:00."""
    return instant.astimezone(UTC).replace(microsecond=0).isoformat()


def encode(document: Any) -> bytes:
    """Write compact JSON in UTF-8, scripts unescaped."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
