"""What can be switched while a stand-in runs: named on the control plane as its fields are, in camelCase."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self


def camel(name: str) -> str:
    """Write a field's name as the control plane does: `rate_capacity` is `rateCapacity`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def snake(name: str) -> str:
    """Undo `camel`."""
    return re.sub("[A-Z]", lambda letter: "_" + letter.group().lower(), name)


@dataclass(frozen=True)
class AutoProgress:
    """How a warehouse works by itself; seconds are [least, most], divided by `speed`.

    Shares are probabilities per order (or per despatch), drawn from `seed` and the order's reference, so that the same order
    meets the same fate in every run whatever the interleaving. Each stand-in adds what only its vendor has.
    """

    enabled: bool = False
    seed: int = 1
    speed: float = 1.0
    allocate_seconds: tuple[float, float] = (1.0, 4.0)
    pick_seconds: tuple[float, float] = (2.0, 8.0)
    despatch_seconds: tuple[float, float] = (1.0, 5.0)
    remainder_seconds: tuple[float, float] = (4.0, 12.0)
    late_tracking_seconds: tuple[float, float] = (3.0, 20.0)
    short_close_seconds: tuple[float, float] = (20.0, 60.0)
    partial_share: float = 0.08
    multi_parcel_share: float = 0.15
    late_tracking_share: float = 0.05
    shared_tracking_share: float = 0.03
    short_pick_share: float = 0.03

    def changed(self, value: Any) -> Self:
        """Apply true, false, null or an object of changes; raise ValueError if it cannot be understood.

        An object switches the automatic warehouse on unless it says `"enabled": false`.
        """
        if value is None or isinstance(value, bool):
            return replace(self, enabled=bool(value))
        if not isinstance(value, Mapping):
            raise ValueError("autoProgress is true, false or an object")  # noqa: TRY004 - all faults of a setting are ValueErrors
        known = {camel(one.name): getattr(self, one.name) for one in fields(self)}
        changes: dict[str, Any] = {"enabled": True}
        for name, given in value.items():
            if name not in known:
                raise ValueError(f"unknown autoProgress member {name!r}; known: {', '.join(known)}")
            if name.endswith("Share") and not (isinstance(given, int | float) and 0 <= given <= 1):
                raise ValueError(f"{name} must be between 0 and 1")
            changes[snake(name)] = _pair(name, given) if isinstance(known[name], tuple) else given
        speed = changes.get("speed", 1)
        if not isinstance(speed, int | float) or speed <= 0:
            raise ValueError("speed must be a number above 0")
        return replace(self, **changes)


def _pair(name: str, given: Any) -> tuple[float, float]:
    pair = tuple(given) if isinstance(given, list | tuple) else (given, given)
    numbers = all(isinstance(one, int | float) for one in pair)
    if len(pair) != 2 or not numbers or not 0 <= pair[0] <= pair[1]:
        raise ValueError(f"{name} is a number of seconds or [least, most]")
    return float(pair[0]), float(pair[1])


@dataclass
class Switches:
    """A stand-in's switches; each checks what its own may be."""

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """Return a copy with the changes; raise ValueError with a plain sentence if one is impossible."""
        result = replace(self)
        known = {camel(one.name) for one in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}; known: {', '.join(sorted(known))}")
            setattr(result, snake(name), self.checked(name, value))
        return result

    def checked(self, name: str, value: Any) -> Any:
        """Return the value as it is kept; raise ValueError if it is none for this switch."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Return the switches as the control plane shows them."""
        return {camel(one.name): _shown(getattr(self, one.name)) for one in fields(self)}


def _shown(value: Any) -> Any:
    if isinstance(value, AutoProgress):
        return {camel(one.name): getattr(value, one.name) for one in fields(value)}
    return value
