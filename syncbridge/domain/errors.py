"""The one error tree, sorted by what happens next.

A connector translates whatever a vendor does into one of these, once; nobody else looks at a status code.
Texts carry ids and codes only: never personal data, never a secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


class SyncbridgeError(Exception):
    """The root of every error that syncbridge raises on purpose."""


@dataclass(frozen=True)
class CallEvidence:
    """What is known about a call that failed, fit to be stored and shown.

    `excerpt` is redacted by the connector; `code` is the vendor's machine-readable error key.
    """

    system: str
    operation: str
    status: int | None = None
    code: str | None = None
    request_id: str | None = None
    excerpt: str = ""

    def __str__(self) -> str:
        parts = [f"{self.system} {self.operation}"]
        if self.status is not None:
            parts.append(f"HTTP {self.status}")
        if self.code:
            parts.append(self.code)
        if self.request_id:
            parts.append(f"request {self.request_id}")
        if self.excerpt:
            parts.append(self.excerpt)
        return ", ".join(parts)


class VendorError(SyncbridgeError):
    """A vendor call did not do what was asked."""

    def __init__(self, message: str, evidence: CallEvidence) -> None:
        super().__init__(f"{message} ({evidence})")
        self.message = message
        self.evidence = evidence


class RetryLater(VendorError):
    """The call certainly had no effect; the same call may work later.

    `after` is the vendor's own hint, where it gave one.
    """

    def __init__(self, message: str, evidence: CallEvidence, after: timedelta | None = None) -> None:
        super().__init__(message, evidence)
        self.after = after


class OutcomeUnknown(VendorError):
    """A write left and no answer proves what became of it: look it up, never send it blindly again."""


class AlreadyExists(VendorError):
    """The vendor already holds a record under our reference: fetch it and compare."""


class NeedsPerson(VendorError):
    """The vendor refused for a reason that no repetition cures: a person has to change something."""


class NotFound(VendorError):
    """The vendor does not know what was asked for."""


class CursorRefused(VendorError):
    """The vendor no longer accepts a stored feed position: restart with an overlap.

    `snapshot_needed` is true when even the overlap lies too far back, so that everything must be read.
    """

    def __init__(self, message: str, evidence: CallEvidence, *, snapshot_needed: bool = False) -> None:
        super().__init__(message, evidence)
        self.snapshot_needed = snapshot_needed


class Misconfigured(VendorError):
    """The vendor refuses us as such: credentials, account or address are wrong."""


class Busy(SyncbridgeError):
    """Our own limiter or breaker holds a call back before it leaves; it had no effect.

    `after` is how long to wait before it makes sense to ask again.
    """

    def __init__(self, message: str, after: timedelta) -> None:
        super().__init__(message)
        self.after = after


class UnreadableMessage(SyncbridgeError):
    """A message from outside cannot be understood at all; `field` names what is wrong, `way_out` what to do."""

    def __init__(self, field: str, problem: str, way_out: str) -> None:
        super().__init__(f"{field}: {problem}. {way_out}")
        self.field = field
        self.problem = problem
        self.way_out = way_out


class ConfigurationFaults(SyncbridgeError):
    """The configuration is wrong in one or more places; every place is named."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class LeaseLost(SyncbridgeError):
    """Somebody else took the row over while we worked on it: commit nothing."""
