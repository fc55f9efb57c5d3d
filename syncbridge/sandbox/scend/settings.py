"""What can be switched while the Scend sandbox runs (contract 2.19), and what the automatic warehouse does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from syncbridge.sandbox import switches

_CHOICES = {
    "duplicateMode": ("replay", "always_reject"),
    "onUnknownSku": ("QUARANTINE", "REJECT"),
    "onIncompleteAddress": ("QUARANTINE", "REJECT"),
    "cutoffStatus": ("PICKED", "PICKING"),
}


@dataclass(frozen=True)
class AutoProgress(switches.AutoProgress):
    """How Scend's warehouse works by itself."""

    picked_seconds: tuple[float, float] = (2.0, 6.0)
    pack_seconds: tuple[float, float] = (1.0, 4.0)
    backorder_give_up_seconds: float | None = None
    cancel_accept_share: float = 0.5


@dataclass
class Settings(switches.Switches):
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

    def checked(self, name: str, value: Any) -> Any:
        if name == "autoProgress":
            return self.auto_progress.changed(value)
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
