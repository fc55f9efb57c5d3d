"""What a kind of outward write has to say for itself: look-up, body, call, what to note. See flows.outward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from syncbridge.domain.errors import Busy, Misconfigured, RetryLater, VendorError
from syncbridge.ledger.claims import Claim
from syncbridge.ledger.engine import Connection


@dataclass(frozen=True)
class Sighting:
    """What a look-up found: the record, and in what it differs from what we want there (empty: nothing)."""

    record: object
    differences: tuple[str, ...] = ()


BLIND = Sighting(None, ("reading orders is switched off, so nobody can tell whether the shop has it",))
"""What a look-up says about an uncertain write where the shop's orders may not be read."""


@dataclass(frozen=True)
class Trouble:
    """Why a write cannot go out and who must see it. `evidence` holds no personal data."""

    kind: str
    cause: str
    evidence: dict[str, object]


@dataclass(frozen=True)
class Prepared:
    """A body that is ready to be frozen. `details` is what `freeze` notes with it."""

    body: str
    details: object = None


@dataclass(frozen=True)
class Unwanted:
    """Nothing is to be written any more."""

    reason: str


@dataclass(frozen=True)
class Renewed:
    """The frozen body asks for what is not wanted any more: it is composed anew."""


RENEWED = Renewed()

Found = dict[int, Sighting | Unwanted | Exception]
"""What look-ups came to, by claim id: a sighting, or what went wrong with that one. Absent: not there.

Unwanted: it is not there, and nobody wants it there any more, so it is not sent again while its absence is not proven.
"""


class Write(Protocol):
    """One kind of outward write. Methods without a connection may call vendors and hold no transaction."""

    kind: str
    target: str
    harmless_repeat: bool
    """Whether the vendor itself recognises a repeat, so that sending twice has no second effect."""
    lookup_lag: timedelta
    landing: timedelta

    def gather(self) -> None:
        """Wait a little where calls are scarce, so that one look-up serves several rows."""
        ...

    def look_up(self, claims: Sequence[Claim]) -> Found:
        """Find the records of the claims at the vendor, by claim id; what is not there is left out.

        What goes wrong with one claim is that claim's entry; an error that is raised concerns all of them.
        """
        ...

    def prepare(self, claim: Claim) -> Prepared | Trouble | Unwanted:
        """Compose the body; everything that is wrong is reported at once."""
        ...

    def renew(self, claim: Claim) -> Unwanted | Renewed | Trouble | None:
        """Look again at what a frozen body stands for, now that it is absent. None: it goes as it is.

        Trouble: a person decides whether it goes at all.
        """
        ...

    def abandon(self, connection: Connection, claim: Claim, at: datetime) -> None:
        """Note that the write is not wanted any more, in the transaction that withdraws it."""
        ...

    def freeze(self, connection: Connection, claim: Claim, prepared: Prepared, at: datetime) -> None:
        """Note what the frozen body stands for, in the transaction that freezes it."""
        ...

    def send(self, body: str) -> Sighting | Unwanted | None:
        """Make the call. None: accepted, but the proof has to be looked up. Unwanted: a clear no, which is an answer."""
        ...

    def settle(self, connection: Connection, claim: Claim, sighting: Sighting, at: datetime) -> None:
        """Note what the vendor's record says, in the transaction that acknowledges it."""
        ...

    def subject(self, claim: Claim) -> str: ...

    def refusal_kind(self, error: VendorError) -> str: ...

    def conflict_kind(self) -> str: ...


def each(claims: Sequence[Claim], look: Callable[[Claim], Sighting | None]) -> Found:
    """Look at claims one by one, so that what goes wrong with one is that one's alone.

    A vendor that does not answer is not asked again for the rest: they share its error, and keep their leases.
    """
    found: Found = {}
    away: VendorError | Busy | None = None
    for claim in claims:
        if away is not None:
            found[claim.id] = away
            continue
        try:
            sighting = look(claim)
        except (RetryLater, Misconfigured, Busy) as error:
            found[claim.id] = away = error
            continue
        except Exception as error:  # noqa: BLE001  # one bad item never stops the batch
            found[claim.id] = error
            continue
        if sighting is not None:
            found[claim.id] = sighting
    return found


@dataclass
class Summary:
    """What one run of a flow did, in counts."""

    acknowledged: int = 0
    waiting: int = 0
    retried: int = 0
    parked: int = 0
    withdrawn: int = 0
    lost_leases: int = 0
    more: bool = False
    orders: list[int] = field(default_factory=list)

    def add(self, other: Summary) -> None:
        """Count another run in."""
        for name, value in vars(other).items():
            setattr(self, name, self.more or value if name == "more" else getattr(self, name) + value)

    def as_dict(self) -> dict[str, int | bool]:
        return {name: value for name, value in vars(self).items() if name != "orders"}
