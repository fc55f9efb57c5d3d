"""Reading request fields strictly: types, limits, characters, and one problem per fault (contract 2.1, 2.7)."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

from syncbridge.sandbox.scend.cursors import read_instant
from syncbridge.sandbox.scend.errors import detail

FORBIDDEN_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\U00010000-\U0010ffff]")
MONEY = re.compile(r"-?[0-9]{1,9}\.[0-9]{2}")
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,49}")
SKU = re.compile(r"[A-Z0-9](?:[A-Z0-9_-]{0,30}[A-Z0-9])?")


class FieldReader:
    """Read one JSON object field by field, collecting problems instead of stopping at the first.

    Absent, null and blank-after-trim are alike. Every method returns None for an absent or a refused value.
    """

    def __init__(
        self,
        source: Mapping[str, Any],
        problems: list[dict[str, Any]],
        *,
        path: str = "",
        strict: bool = False,
    ) -> None:
        self._source = source
        self._path = path
        self._strict = strict
        self._seen: set[str] = set()
        self.problems = problems

    def field(self, name: str) -> str:
        """Return the full name of a member, like `lines[0].sku`."""
        return f"{self._path}.{name}" if self._path else name

    def refuse(self, code: str, name: str, value: Any, message: str) -> None:
        """Note a problem with a member."""
        self.problems.append(detail(code, self.field(name), value, message))

    def _value(self, name: str, required: bool) -> Any:
        self._seen.add(name)
        value = self._source.get(name)
        if isinstance(value, str) and not value.strip():
            value = None
        if value is None and required:
            self.refuse("REQUIRED", name, None, "This field is required.")
        return value

    def text(
        self,
        name: str,
        limit: int | None = None,
        *,
        required: bool = False,
        pattern: re.Pattern[str] | None = None,
        any_character: bool = False,
    ) -> str | None:
        """Read a text of at most `limit` characters that matches `pattern` as a whole."""
        value = self._value(name, required)
        if value is None:
            return None
        if not isinstance(value, str):
            self.refuse("INVALID_FORMAT", name, value, "Must be a text.")
        elif not any_character and FORBIDDEN_CHARACTERS.search(value):
            self.refuse("INVALID_CHARACTERS", name, value, "Control characters and emoji are not allowed.")
        elif limit is not None and len(value) > limit:
            self.refuse("FIELD_TOO_LONG", name, value, f"At most {limit} characters.")
        elif pattern is not None and not pattern.fullmatch(value):
            self.refuse("INVALID_FORMAT", name, value, "Not in the expected form.")
        else:
            return value
        return None

    def integer(self, name: str, lowest: int, highest: int, *, required: bool = False) -> int | None:
        """Read a whole number from `lowest` to `highest`."""
        value = self._value(name, required)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self.refuse("INVALID_FORMAT", name, value, "Must be a whole number.")
        elif not lowest <= value <= highest:
            self.refuse("OUT_OF_RANGE", name, value, f"Must be {lowest} to {highest}.")
        else:
            return value
        return None

    def boolean(self, name: str) -> bool | None:
        """Read true or false."""
        value = self._value(name, False)
        if value is None or isinstance(value, bool):
            return value
        self.refuse("INVALID_FORMAT", name, value, "Must be true or false.")
        return None

    def money(self, name: str, *, required: bool = False) -> str | None:
        """Read an amount >= 0 as a decimal text with two places; a JSON number is refused."""
        value = self._value(name, required)
        if value is None:
            return None
        if not isinstance(value, str) or not MONEY.fullmatch(value):
            self.refuse("INVALID_FORMAT", name, value, "Must be a decimal text with two places.")
        elif value.startswith("-"):
            self.refuse("OUT_OF_RANGE", name, value, "Must not be negative.")
        else:
            return value
        return None

    def choice(self, name: str, allowed: Collection[str], *, required: bool = False) -> str | None:
        """Read one of the allowed words."""
        value = self._value(name, required)
        if value is None or (isinstance(value, str) and value in allowed):
            return value
        if isinstance(value, str):
            self.refuse("INVALID_ENUM", name, value, "Not a known value.")
        else:
            self.refuse("INVALID_FORMAT", name, value, "Must be a text.")
        return None

    def instant(self, name: str) -> datetime | None:
        """Read a UTC timestamp."""
        value = self._value(name, False)
        if value is None:
            return None
        try:
            return read_instant(value)
        except (TypeError, ValueError):
            self.refuse(
                "INVALID_FORMAT", name, value, "Must be a UTC timestamp, like 2026-03-02T08:41:07.000Z."
            )
            return None

    def day(self, name: str) -> date | None:
        """Read a calendar date."""
        value = self._value(name, False)
        if value is None:
            return None
        try:
            if not DAY.fullmatch(value):
                raise ValueError(value)
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            self.refuse("INVALID_FORMAT", name, value, "Must be a date, like 2026-03-02.")
            return None

    def inner(self, name: str, *, required: bool = False) -> FieldReader | None:
        """Read a nested object."""
        value = self._value(name, required)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.refuse("INVALID_FORMAT", name, value, "Must be an object.")
            return None
        return FieldReader(value, self.problems, path=self.field(name), strict=self._strict)

    def items(self, name: str, most: int) -> list[FieldReader]:
        """Read a required list of 1 to `most` objects."""
        value = self._value(name, True)
        if value is None:
            return []
        if not isinstance(value, list):
            self.refuse("INVALID_FORMAT", name, value, "Must be a list.")
            return []
        if not value:
            self.refuse("REQUIRED", name, None, "At least one entry is required.")
        if len(value) > most:
            self.refuse("TOO_MANY_ITEMS", name, len(value), f"At most {most} entries.")
            return []
        readers = []
        for index, item in enumerate(value):
            path = f"{self.field(name)}[{index}]"
            if isinstance(item, dict):
                readers.append(FieldReader(item, self.problems, path=path, strict=self._strict))
            else:
                self.problems.append(detail("INVALID_FORMAT", path, item, "Must be an object."))
        return readers

    def plain(self, name: str) -> Any:
        """Return a member as it is, for checks of its own."""
        return self._value(name, False)

    def finish(self) -> None:
        """Where the account is strict, refuse every member that nobody asked for."""
        if self._strict:
            for name in self._source:
                if name not in self._seen:
                    self.refuse("INVALID_FORMAT", name, None, "This field is not known.")


def sku_problem(sku: str) -> str | None:
    """Say what is wrong with the form of a SKU, or None; the server never trims or upper-cases."""
    if SKU.fullmatch(sku):
        return None
    if len(sku) > 32:
        return "At most 32 characters."
    if any(character.islower() for character in sku):
        return "Lower-case letters are not allowed."
    return "Only A-Z, 0-9, hyphen and underscore; at most 32 characters, no separator at either end."
