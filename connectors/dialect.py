"""What a vendor has to say about itself so that one transport can speak to all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from syncbridge.domain.errors import CallEvidence, VendorError
from syncbridge.ports.quota import Lane, QuotaReading


@dataclass(frozen=True)
class Call:
    """One request. `write` says that the vendor's records change; `path` starts with a slash and is encoded."""

    operation: str
    method: str
    path: str
    scope: str
    lane: Lane
    write: bool = False
    query: Sequence[tuple[str, str]] = ()
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What came back. Header names are matched without regard to case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    request_id: str

    @property
    def date(self) -> datetime | None:
        """The server's clock, from the Date header."""
        try:
            return parsedate_to_datetime(self.headers["Date"]).astimezone(UTC)
        except (KeyError, ValueError, TypeError):
            return None


@dataclass(frozen=True)
class Refusal:
    """An error answer, reduced to machine-readable words.

    `enveloped` says that the vendor itself spoke (its documented error envelope) and not some proxy before it.
    `context` is for decisions in the connector only.
    """

    code: str | None
    excerpt: str
    enveloped: bool
    context: Mapping[str, Any] = field(default_factory=dict)


class Dialect(Protocol):
    """How one vendor speaks HTTP."""

    system: str

    def headers(self) -> Mapping[str, str]:
        """Return the headers of every call, credentials included."""
        ...

    def is_failure(self, answer: Answer) -> bool:
        """Say whether the call failed; some vendors report failures inside a 200."""
        ...

    def refusal(self, answer: Answer) -> Refusal: ...

    def translate(
        self, call: Call, answer: Answer, refusal: Refusal, evidence: CallEvidence
    ) -> VendorError | None:
        """Return the error where this vendor's answer means something special, else None."""
        ...

    def had_no_effect(self, answer: Answer, refusal: Refusal) -> bool:
        """Say whether a server error is documented to have changed nothing."""
        ...

    def credentials_refused(self, answer: Answer, refusal: Refusal) -> bool:
        """Say whether the vendor refuses us as such, so that no other call can succeed either."""
        ...

    def retry_after(self, answer: Answer) -> timedelta | None: ...

    def quota(self, call: Call, answer: Answer) -> tuple[str, QuotaReading] | None:
        """Return the scope that the answer was counted in and what it says about it."""
        ...


def retry_after_header(answer: Answer) -> timedelta | None:
    """Read `Retry-After`, given in seconds or as a date (RFC 9110)."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text), 86_400))
    try:
        wait = parsedate_to_datetime(text) - (answer.date or datetime.now(UTC))
    except (ValueError, TypeError):
        return None
    return max(wait, timedelta(0))


def header_number(answer: Answer, name: str) -> int | None:
    """Read a header that holds a whole number; anything else counts as missing."""
    text = answer.headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
