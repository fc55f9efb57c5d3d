"""What can be switched while the OrderWise sandbox runs, and what its automatic warehouse does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncbridge.sandbox import switches

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


@dataclass(frozen=True)
class AutoProgress(switches.AutoProgress):
    """How OrderWise's warehouse works by itself; `untracked_share`: orders that complete without any consignment number."""

    despatch_seconds: tuple[float, float] = (4.0, 15.0)
    untracked_share: float = 0.0


@dataclass
class Settings(switches.Switches):
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

    def checked(self, name: str, value: Any) -> Any:
        if name == "autoProgress":
            return self.auto_progress.changed(value)
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
