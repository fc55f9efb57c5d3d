"""What can be switched while the OrderWise sandbox runs, and what its automatic warehouse does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

_CHOICES = {
    "duplicatePolicy": ("reject", "accept"),
    "deferredChecks": ("submit", "import"),
    "unauthorisedBody": ("", '""'),
    "variantAnswer": ("array", "object"),
}
_FLAGS = ("lenientAuth", "strictFields", "checkTotals")
ASSUMED_ENDPOINTS = {
    "cancel": "/sales/order/{orderId}/cancel",
    "returns": "/returns/customer-return",
    "financial": "/accounts/financial-batch",
}
"""What nobody has shown to exist at any installation, by the name of the capability that needs it."""

STATUS_IDS = (1, 2, 3, 4, 5, 6)
DEFERRED = re.compile(r"deferred:(\d+(?:\.\d+)?)")


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

    Shares are probabilities per order, drawn from `seed` and the order's reference, so that the same order meets the
    same fate in every run. The names are those of the Scend stand-in where the meaning is the same; `untracked_share`
    is OrderWise's own: orders that complete without any consignment number.
    """

    enabled: bool = False
    seed: int = 1
    speed: float = 1.0
    allocate_seconds: tuple[float, float] = (1.0, 4.0)
    pick_seconds: tuple[float, float] = (2.0, 8.0)
    despatch_seconds: tuple[float, float] = (4.0, 15.0)
    remainder_seconds: tuple[float, float] = (4.0, 12.0)
    late_tracking_seconds: tuple[float, float] = (3.0, 20.0)
    short_close_seconds: tuple[float, float] = (20.0, 60.0)
    partial_share: float = 0.08
    multi_parcel_share: float = 0.15
    late_tracking_share: float = 0.05
    shared_tracking_share: float = 0.03
    short_pick_share: float = 0.03
    untracked_share: float = 0.0

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

    `import_mode` is `immediate` or `deferred:<seconds>`; `deferred_status` the answer to a deferred create (200 or 202);
    `deferred_checks` says whether the contents of a deferred order are judged at once or only at the import, which then
    refuses it in silence. `recalculation_seconds` is the interval of the stock job; 0 recalculates at every change.
    `absent_endpoints` names assumed endpoints that this installation lacks. `rate_per_second` None is no limit. `status_texts` renames statuses by id. `unauthorised_body` is what 401 says.
    """

    duplicate_policy: str = "reject"
    import_mode: str = "immediate"
    deferred_status: int = 202
    deferred_checks: str = "submit"
    recalculation_seconds: float = 15.0
    token_seconds: float = 3600.0
    lenient_auth: bool = False
    strict_fields: bool = False
    check_totals: bool = True
    unauthorised_body: str = ""
    variant_answer: str = "array"
    absent_endpoints: tuple[str, ...] = ()
    rate_capacity: int = 10
    rate_per_second: float | None = None
    status_texts: Mapping[int, str] = field(default_factory=dict)
    auto_progress: AutoProgress = field(default_factory=AutoProgress)

    @property
    def import_seconds(self) -> float | None:
        """Seconds after which a deferred order is imported; None imports at once."""
        match = DEFERRED.fullmatch(self.import_mode)
        return float(match.group(1)) if match else None

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
        if name == "statusTexts":
            return self._texts(value)
        if name == "absentEndpoints":
            if not isinstance(value, list | tuple) or not set(value) <= set(ASSUMED_ENDPOINTS):
                raise ValueError(f"absentEndpoints is a list of {', '.join(ASSUMED_ENDPOINTS)}")
            return tuple(value)
        if name == "importMode":
            if value != "immediate" and not DEFERRED.fullmatch(str(value)):
                raise ValueError("importMode is immediate or deferred:<seconds>")
            return value
        if name == "deferredStatus":
            if value not in (200, 202):
                raise ValueError("deferredStatus is 200 or 202")
            return value
        if name in _CHOICES:
            if value not in _CHOICES[name]:
                raise ValueError(f"{name} is one of {', '.join(map(repr, _CHOICES[name]))}")
            return value
        if name in _FLAGS:
            if not isinstance(value, bool):
                raise ValueError(f"{name} is true or false")
            return value
        if name == "ratePerSecond" and value is None:
            return None
        return self._number(name, value)

    def _number(self, name: str, value: Any) -> float | int:
        if not isinstance(value, int | float) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{name} is a number >= 0")
        if name in ("rateCapacity", "ratePerSecond") and value <= 0:
            raise ValueError(f"{name} must be above 0")
        return max(1, int(value)) if name == "rateCapacity" else float(value)

    def _texts(self, value: Any) -> dict[int, str]:
        """Read {"1": "Ready to go"}; null gives a status its own text again, and null for all gives all back."""
        if value is None:
            return {}
        if not isinstance(value, Mapping) or not set(map(str, value)) <= set(map(str, STATUS_IDS)):
            raise ValueError("statusTexts is an object of new texts by status id 1 to 6")
        merged = {**self.status_texts, **{int(number): text for number, text in value.items()}}
        return {number: str(text) for number, text in merged.items() if text is not None}

    def to_json(self) -> dict[str, Any]:
        """Return the switches as the control plane shows them."""
        shown = {camel(one.name): getattr(self, one.name) for one in fields(self)}
        progress = self.auto_progress
        shown["autoProgress"] = {camel(one.name): getattr(progress, one.name) for one in fields(progress)}
        return shown
