"""Reading the members of a request body strictly, noting every fault with the member's full name."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from syncbridge.sandbox.orderwise.local_time import read_local
from syncbridge.sandbox.orderwise.refusals import Problems

MOST_DIGITS = 14
"""Digits before the point of a DECIMAL(18,4)."""


class Members:
    """One object of a body. A member that is absent or null reads as None; a fault is noted and reads as None."""

    def __init__(self, given: Any, path: str, problems: Problems) -> None:
        self.path = path
        self._problems = problems
        self._given: dict[str, Any] = given if isinstance(given, dict) else {}
        self._read: set[str] = set()
        if not isinstance(given, dict):
            problems.add(path or "body", "must be an object")

    def name(self, member: str) -> str:
        """Return the full name of a member, like `orderLines[0].quantity`."""
        return f"{self.path}.{member}" if self.path else member

    def fault(self, member: str, message: str) -> None:
        """Note a fault of a member."""
        self._problems.add(self.name(member), message)

    def has(self, member: str) -> bool:
        """Say whether the member is there and not null."""
        return self._given.get(member) is not None

    def _value(self, member: str, required: bool) -> Any:
        self._read.add(member)
        value = self._given.get(member)
        if value is None and required:
            self.fault(member, "is required")
        return value

    def text(self, member: str, *, required: bool = False, most: int | None = None) -> str | None:
        """Read a text of at most so many characters."""
        value = self._value(member, required)
        if value is None:
            return None
        if not isinstance(value, str):
            self.fault(member, "must be a text")
            return None
        if required and not value.strip():
            self.fault(member, "is required")
            return None
        if most is not None and len(value) > most:
            self.fault(member, f"has more than {most} characters")
            return None
        return value

    def whole(self, member: str, *, required: bool = False) -> int | None:
        """Read a whole number."""
        value = self._value(member, required)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool):
            self.fault(member, "must be a whole number")
            return None
        return value

    def decimal(
        self, member: str, *, places: int, required: bool = False, least: Decimal | None = None
    ) -> Decimal | None:
        """Read a JSON number with at most so many places; a text is no number."""
        value = self._value(member, required)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            self.fault(member, "must be a number")
            return None
        number = Decimal(value)
        if number.adjusted() >= MOST_DIGITS:
            self.fault(member, "is too large")
            return None
        scaled = number.scaleb(places)
        if scaled != scaled.to_integral_value():
            self.fault(member, f"has more than {places} decimal places")
            return None
        if least is not None and number < least:
            self.fault(member, f"must be at least {least}")
            return None
        return number

    def flag(self, member: str) -> bool | None:
        """Read true or false."""
        value = self._value(member, False)
        if value is not None and not isinstance(value, bool):
            self.fault(member, "must be true or false")
            return None
        return value

    def moment(self, member: str, *, required: bool = False) -> datetime | None:
        """Read a local date-time."""
        text = self.text(member, required=required)
        if text is None:
            return None
        try:
            return read_local(text)
        except ValueError as error:
            self.fault(member, str(error))
            return None

    def members(self, member: str, *, required: bool = False) -> Members | None:
        """Read an object."""
        value = self._value(member, required)
        return None if value is None else Members(value, self.name(member), self._problems)

    def items(self, member: str, *, required: bool = False) -> list[Members]:
        """Read a list of objects; a required one must not be empty."""
        value = self._value(member, required)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fault(member, "must be an array")
            return []
        if required and not value:
            self.fault(member, "must not be empty")
        return [
            Members(one, f"{self.name(member)}[{index}]", self._problems) for index, one in enumerate(value)
        ]

    def ignore(self, members: Iterable[str]) -> None:
        """Name members that are known and not looked at."""
        self._read.update(members)

    def refuse_others(self) -> None:
        """Note every member that nobody asked for; used where the switch `strictFields` is on."""
        for member in self._given:
            if member not in self._read:
                self.fault(member, "is not known")
