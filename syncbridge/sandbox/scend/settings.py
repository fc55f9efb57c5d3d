"""What can be switched while the Scend sandbox runs (contract 2.19), and what the automatic warehouse does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

_CHOICES = {
    "duplicateMode": ("replay", "always_reject"),
    "onUnknownSku": ("QUARANTINE", "REJECT"),
    "onIncompleteAddress": ("QUARANTINE", "REJECT"),
    "cutoffStatus": ("PICKED", "PICKING"),
}


def camel(name: str) -> str:
    """Write a field's name as the control plane does: `rate_capacity` is `rateCapacity`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def snake(name: str) -> str:
    """Undo `camel`."""
    return re.sub("[A-Z]", lambda letter: "_" + letter.group().lower(), name)


@dataclass(frozen=True)
class AutoProgress:
    """How the warehouse works by itself; seconds are [least, most], divided by `speed`.

    Shares are probabilities per order (or per despatch), drawn from `seed` and the order's reference, so that
    the same order meets the same fate in every run whatever the interleaving.
    """

    enabled: bool = False
    seed: int = 1
    speed: float = 1.0
    allocate_seconds: tuple[float, float] = (1.0, 4.0)
    pick_seconds: tuple[float, float] = (2.0, 8.0)
    picked_seconds: tuple[float, float] = (2.0, 6.0)
    pack_seconds: tuple[float, float] = (1.0, 4.0)
    despatch_seconds: tuple[float, float] = (1.0, 5.0)
    remainder_seconds: tuple[float, float] = (4.0, 12.0)
    late_tracking_seconds: tuple[float, float] = (3.0, 20.0)
    short_close_seconds: tuple[float, float] = (20.0, 60.0)
    backorder_give_up_seconds: float | None = None
    partial_share: float = 0.08
    multi_parcel_share: float = 0.15
    late_tracking_share: float = 0.05
    shared_tracking_share: float = 0.03
    short_pick_share: float = 0.03
    cancel_accept_share: float = 0.5

    @classmethod
    def parse(cls, value: Any, current: AutoProgress) -> AutoProgress:
        """Read true, false, null or an object of changes; raise ValueError if it cannot be understood.

        An object switches the automatic warehouse on unless it says `"enabled": false`.
        """
        if value is None or isinstance(value, bool):
            return replace(current, enabled=bool(value))
        if not isinstance(value, Mapping):
            raise ValueError("autoProgress is true, false or an object")  # noqa: TRY004 - all faults of a setting are ValueErrors
        known = {camel(one.name): getattr(current, one.name) for one in fields(cls)}
        changes: dict[str, Any] = {"enabled": True}
        for name, given in value.items():
            if name not in known:
                raise ValueError(f"unknown autoProgress member {name!r}; known: {', '.join(known)}")
            if name.endswith("Share") and not 0 <= given <= 1:
                raise ValueError(f"{name} must be between 0 and 1")
            changes[snake(name)] = _pair(name, given) if isinstance(known[name], tuple) else given
        if changes.get("speed", 1) <= 0:
            raise ValueError("speed must be above 0")
        return replace(current, **changes)


def _pair(name: str, given: Any) -> tuple[float, float]:
    pair = (given, given) if isinstance(given, int | float) else tuple(given)
    if len(pair) != 2 or not 0 <= pair[0] <= pair[1]:
        raise ValueError(f"{name} is a number of seconds or [least, most]")
    return float(pair[0]), float(pair[1])


@dataclass
class Settings:
    """The switches; on the control plane they have the same names in camelCase.

    `processing_seconds` keeps a create in progress for so long (a second one with the same reference meets
    `REQUEST_IN_PROGRESS`); `intake_seconds` is the delay of asynchronous quarantine and holds;
    `stock_lag_seconds` is by how much the stock feed trails.
    """

    duplicate_mode: str = "replay"
    async_validation: bool = False
    on_unknown_sku: str = "QUARANTINE"
    on_incomplete_address: str = "QUARANTINE"
    cutoff_status: str = "PICKED"
    auto_progress: AutoProgress = field(default_factory=AutoProgress)
    search_lag_seconds: float = 0.0
    stock_lag_seconds: float = 0.0
    strict_fields: bool = False
    rate_capacity: int = 120
    rate_per_second: float = 2.0
    webhook_time_scale: float = 1.0
    processing_seconds: float = 0.0
    intake_seconds: float = 1.0

    def changed(self, changes: Mapping[str, Any]) -> Settings:
        """Return a copy with the changes; raise ValueError with a plain sentence if one is impossible."""
        result = replace(self)
        known = {camel(one.name) for one in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"unknown setting {name!r}; known: {', '.join(sorted(known))}")
            setattr(result, snake(name), self._checked(name, value))
        return result

    def _checked(self, name: str, value: Any) -> Any:
        if name == "autoProgress":
            return AutoProgress.parse(value, self.auto_progress)
        if name in _CHOICES:
            if value not in _CHOICES[name]:
                raise ValueError(f"{name} is one of {', '.join(_CHOICES[name])}")
            return value
        if name in ("asyncValidation", "strictFields"):
            if not isinstance(value, bool):
                raise ValueError(f"{name} is true or false")
            return value
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{name} is a number >= 0")
        if name in ("rateCapacity", "ratePerSecond") and value <= 0:
            raise ValueError(f"{name} must be above 0")
        if name == "rateCapacity":
            if value < 1:
                raise ValueError("rateCapacity must be at least 1")
            return int(value)
        return float(value)

    def to_json(self) -> dict[str, Any]:
        """Return the switches as the control plane shows them."""
        shown = {camel(one.name): getattr(self, one.name) for one in fields(self)}
        progress = self.auto_progress
        shown["autoProgress"] = {camel(one.name): getattr(progress, one.name) for one in fields(progress)}
        return shown
