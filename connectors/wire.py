"""How forgiving we are with what vendors send: unknown members, odd nulls, new enum values.

A vendor adds fields and enum values without notice. What we do not need is ignored; an optional value of the wrong
type counts as missing; a value outside a known vocabulary becomes "unknown" and is said once.
"""

from __future__ import annotations

import re
import threading
from datetime import UTC, datetime
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

log = structlog.get_logger(__name__)


class Wire(BaseModel):
    """A vendor's object as spelled on the wire. Its errors never show the values that were refused."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True, hide_input_in_errors=True)


class Lenient:
    """Annotation for an optional member: what cannot be read counts as missing, instead of spoiling the whole answer.

    This also takes the `[]` that PHP writes for an empty object.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_default_schema(handler(source), default=None, on_error="default")


LENIENT = Lenient()

_MACHINE_WORD = re.compile(r"[A-Za-z0-9_.:/+-]{1,64}")
_MOST_REMEMBERED = 1_000

_said: set[tuple[str, str]] = set()
_saying = threading.Lock()


def spoilt_fields(error: ValidationError) -> tuple[str, ...]:
    """Return the names of the members that made a row unreadable; never their values."""
    return tuple(dict.fromkeys(".".join(str(part) for part in one["loc"]) or "row" for one in error.errors()))


def unknown_value(field: str, value: object) -> None:
    """Log a value outside the vocabulary we know, once per (field, value) and process.

    Text that does not look like a machine's word is not repeated: it could be personal data.
    """
    text = str(value)
    word = text if _MACHINE_WORD.fullmatch(text) else f"({len(text)} characters)"
    with _saying:
        if (field, word) in _said or len(_said) >= _MOST_REMEMBERED:
            return
        _said.add((field, word))
    log.warning("unknown_value", field=field, value=word)


def utc(value: datetime | None, field: str) -> datetime | None:
    """Return the instant in UTC. A time without an offset breaks both contracts: it is said once and read as UTC."""
    if value is None:
        return None
    if value.tzinfo is None:
        unknown_value(field, "time-without-offset")
        return value.replace(tzinfo=UTC)
    return value.astimezone(UTC)


def machine_words(words: list[str], most: int = 20) -> str:
    """Join error codes and field names for an excerpt; whatever is not a machine's word is left out.

    Texts and values of an error answer may hold personal data, so only codes and names of fields pass.
    """
    safe = [word for word in words if re.fullmatch(r"[A-Za-z0-9_.\[\]=: -]{1,120}", word)]
    more = f" and {len(safe) - most} more" if len(safe) > most else ""
    return "; ".join(safe[:most]) + more
