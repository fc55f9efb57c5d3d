"""The one path by which anything is written to a vendor: look, freeze, commit, call, commit.

Three kinds of write go this way (`order`, `shipment`, `cancellation`); each is a `Write` that says how to look
its record up, how to compose it, how to send it and what to note once the vendor shows it. What may go wrong in
between is decided here, once:

* nothing leaves before state `sent`, the frozen body and the attempt are committed, under a lease;
* after an unknown outcome the record is looked up, and sent again (same bytes) only once a negative look-up is
  older than the vendor's look-up lag, plus its landing time where a repeat would not be harmless;
* a clear refusal parks the row with an open exception; a person or the proof takes it from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from syncbridge.domain.errors import (
    AlreadyExists,
    Busy,
    LeaseLost,
    Misconfigured,
    NeedsPerson,
    NotFound,
    OutcomeUnknown,
    RetryLater,
    VendorError,
)
from syncbridge.domain.retry import DEFECT_ATTEMPTS, wait_after
from syncbridge.domain.states import SendState
from syncbridge.flows.context import Context
from syncbridge.ledger import transmissions
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, open_exception
from syncbridge.ledger.transmissions import Claim

log = structlog.get_logger(__name__)

# A task works for so long, then rings for the next one: short of Celery's soft limit, fair to other flows.
BUDGET_SECONDS = 20.0
LOCKED_ELSEWHERE = timedelta(seconds=1)
# The troubles of a write that are over once it is acknowledged or withdrawn.
_OVER = (
    "order_invalid",
    "order_refused",
    "order_conflict",
    "order_stuck",
    "shipment_refused",
    "carrier_unmapped",
    "cancellation_refused",
    "defect",
)


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

Found = dict[int, Sighting | Exception]
"""What look-ups came to, by claim id: a sighting, or what went wrong with that one. Absent: not there."""


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

    def renew(self, claim: Claim) -> Unwanted | Renewed | None:
        """Look again at what a frozen body stands for, now that it is proven absent. None: it goes as it is."""
        ...

    def abandon(self, connection: Connection, claim: Claim, at: datetime) -> None:
        """Note that the write is not wanted any more, in the transaction that withdraws it."""
        ...

    def freeze(self, connection: Connection, claim: Claim, prepared: Prepared, at: datetime) -> None:
        """Note what the frozen body stands for, in the transaction that freezes it."""
        ...

    def send(self, body: str) -> Sighting | None:
        """Make the call. None: accepted, but the proof has to be looked up."""
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

    def as_dict(self) -> dict[str, int | bool]:
        return {name: value for name, value in vars(self).items() if name != "orders"}


def run_writes(context: Context, write: Write, *, order_id: int | None = None) -> Summary:
    """Work through what is due for this write, in bounded batches, for a bounded time."""
    summary = Summary()
    until = time.monotonic() + BUDGET_SECONDS
    while time.monotonic() < until:
        write.gather()
        with context.ledger.work() as work:
            claims = transmissions.claim_due(
                work.connection,
                target=write.target,
                kind=write.kind,
                limit=context.configuration.limits.claim_batch,
                at=context.now(),
                life=context.lease_life,
                order_id=order_id,
            )
            work.commit()
        if not claims:
            return summary
        _work_through(context, write, claims, summary)
    summary.more = True
    return summary


def _work_through(context: Context, write: Write, claims: list[Claim], summary: Summary) -> None:
    looked_at = context.now()
    try:
        found = write.look_up(claims)
    except (VendorError, Busy) as error:
        for claim in claims:
            _isolated(claim, summary, partial(_later, context, write, claim, error, summary))
        return
    except Exception as error:  # noqa: BLE001  # a defect in one batch is recorded per row and stops nobody else
        for claim in claims:
            _isolated(claim, summary, partial(_defect, context, write, claim, error, summary))
        return
    for claim in claims:
        act = partial(_under_lock, context, write, claim, found.get(claim.id), looked_at, summary)
        _isolated(claim, summary, act)


def _isolated(claim: Claim, summary: Summary, act: Callable[[], None]) -> None:
    """Run one item's part so that its failure stops nobody else."""
    structlog.contextvars.bind_contextvars(order=claim.order_id, transmission=claim.id)
    summary.orders.append(claim.order_id)
    try:
        act()
    except LeaseLost as error:
        summary.lost_leases += 1
        log.info("lease_lost", reason=str(error))
    finally:
        structlog.contextvars.unbind_contextvars("order", "transmission")


def _under_lock(
    context: Context, write: Write, claim: Claim, found: Sighting | Exception | None, looked_at: datetime, summary: Summary
) -> None:
    with context.coordinator.lock(f"order:{claim.order_id}", context.lock_life) as held:
        if not held:
            now = context.now()
            with context.ledger.work() as work:
                transmissions.retry(
                    work.connection,
                    claim,
                    at=now,
                    due_at=now + LOCKED_ELSEWHERE,
                    uncertain=claim.uncertain,
                    failed=False,
                    reason="another worker has this order",
                )
                work.commit()
            summary.waiting += 1
            return
        try:
            _one(context, write, claim, found, looked_at, summary)
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001  # one bad item never stops the batch
            _defect(context, write, claim, error, summary)


def _one(
    context: Context, write: Write, claim: Claim, found: Sighting | Exception | None, looked_at: datetime, summary: Summary
) -> None:
    if isinstance(found, Sighting):
        _proven(context, write, claim, found, summary)
        return
    if isinstance(found, VendorError | Busy):
        _later(context, write, claim, found, summary)
        return
    if found is not None:
        raise found
    if claim.uncertain and not _absence_counts(write, claim, looked_at):
        _wait_for_proof(context, write, claim, looked_at, summary)
        return
    if claim.body is not None and _proven_absent(write, claim, looked_at):
        try:
            renewal = write.renew(claim)
        except (VendorError, Busy) as error:
            _later(context, write, claim, error, summary)
            return
        if isinstance(renewal, Unwanted):
            _withdraw(context, write, claim, renewal, summary)
            return
        if renewal is not None:
            with context.ledger.work() as work:
                claim = transmissions.drop_body(work.connection, claim, at=context.now())
                work.commit()
    claim = replace(claim, uncertain=False)
    details: Prepared | None = None
    if claim.body is None:
        try:
            prepared = write.prepare(claim)
        except (VendorError, Busy) as error:
            _later(context, write, claim, error, summary)
            return
        if isinstance(prepared, Trouble):
            _park(context, write, claim, prepared, summary)
            return
        if isinstance(prepared, Unwanted):
            _withdraw(context, write, claim, prepared, summary)
            return
        details = prepared
    _send(context, write, claim, details, summary)


def _absence_counts(write: Write, claim: Claim, looked_at: datetime) -> bool:
    """Say whether a negative look-up of that moment proves that a repeat is safe."""
    if claim.last_sent_at is None:
        return True
    wait = write.lookup_lag if write.harmless_repeat else write.lookup_lag + write.landing
    return looked_at - claim.last_sent_at >= wait


def _proven_absent(write: Write, claim: Claim, looked_at: datetime) -> bool:
    """Say whether a negative look-up of that moment proves that nothing is there and nothing will come."""
    return claim.last_sent_at is None or looked_at - claim.last_sent_at >= write.lookup_lag + write.landing


def _wait_for_proof(context: Context, write: Write, claim: Claim, looked_at: datetime, summary: Summary) -> None:
    """Look again soon (the answer may only be late), and at the latest when an absence would count."""
    assert claim.last_sent_at is not None
    wait = write.lookup_lag if write.harmless_repeat else write.lookup_lag + write.landing
    sent_for = looked_at - claim.last_sent_at
    next_look = min(claim.last_sent_at + wait, looked_at + max(timedelta(seconds=2), sent_for))
    with context.ledger.work() as work:
        transmissions.retry(
            work.connection,
            claim,
            at=context.now(),
            due_at=next_look + timedelta(milliseconds=50),
            uncertain=True,
            failed=False,
            reason="waiting for proof of what was sent",
        )
        work.commit()
    summary.waiting += 1


def _send(context: Context, write: Write, claim: Claim, details: Prepared | None, summary: Summary) -> None:
    body = claim.body if details is None else details.body
    assert body is not None
    at = context.now()
    with context.ledger.work() as work:
        claim = transmissions.begin_attempt(work.connection, claim, body, at=at, life=context.lease_life)
        if details is not None:
            write.freeze(work.connection, claim, details, at)
        work.commit()
    try:
        sighting = write.send(body)
        if sighting is None:
            sighting = _look_again(write, claim)
    except OutcomeUnknown as error:
        _later(context, write, replace(claim, uncertain=True), error, summary, attempted=True)
        return
    except AlreadyExists as error:
        _exists(context, write, claim, error, summary)
        return
    except (NeedsPerson, NotFound) as error:
        _refused(context, write, claim, error, summary)
        return
    except (RetryLater, Misconfigured, Busy) as error:
        _later(context, write, claim, error, summary, attempted=True)
        return
    except Exception as error:  # noqa: BLE001  # whatever it was, the request may have left
        _defect(context, write, replace(claim, uncertain=True), error, summary, attempted=True)
        return
    if sighting is not None:
        _proven(context, write, claim, sighting, summary, attempted=True)
        return
    now = context.now()
    with context.ledger.work() as work:
        transmissions.finish_attempt(work.connection, claim, "accepted", at=now)
        transmissions.retry(
            work.connection,
            claim,
            at=now,
            due_at=now + timedelta(seconds=2),
            uncertain=True,
            failed=False,
            reason="accepted, not yet shown",
        )
        work.commit()
    summary.waiting += 1


def _look_again(write: Write, claim: Claim) -> Sighting | None:
    """Look the record up right after it was accepted; failing to look only means to look later."""
    try:
        found = write.look_up([claim]).get(claim.id)
    except (VendorError, Busy):
        return None
    return found if isinstance(found, Sighting) else None


def _exists(context: Context, write: Write, claim: Claim, error: VendorError, summary: Summary) -> None:
    """The vendor says that our reference is taken: it is ours if it says the same as ours."""
    sighting = _look_again(write, claim)
    if sighting is None:
        # Taken, and not to be found: the look-up lags behind. Keep looking.
        _later(context, write, replace(claim, uncertain=True), error, summary, attempted=True)
    else:
        _proven(context, write, claim, sighting, summary, attempted=True)


def _refused(context: Context, write: Write, claim: Claim, error: VendorError, summary: Summary) -> None:
    """A refusal of a repeat may only mean that the first one landed: look before calling a person."""
    if claim.attempts > 1:
        sighting = _look_again(write, claim)
        if sighting is not None:
            _proven(context, write, claim, sighting, summary, attempted=True)
            return
    code = error.evidence.code or str(error.evidence.status or "refused")
    trouble = Trouble(
        write.refusal_kind(error),
        f"{error.evidence.system} {error.evidence.operation}: {code}",
        {"reference": claim.key, "answer": str(error.evidence), "message": error.message},
    )
    _park(context, write, claim, trouble, summary, attempted=True, error=error)


def _proven(
    context: Context, write: Write, claim: Claim, sighting: Sighting, summary: Summary, *, attempted: bool = False
) -> None:
    """The vendor shows the record: acknowledge it, or open a conflict where it is not what we want."""
    if sighting.differences:
        trouble = Trouble(
            write.conflict_kind(),
            f"{write.target}: record differs",
            {"reference": claim.key, "differing_fields": list(sighting.differences)},
        )
        parked = replace(claim, uncertain=claim.state is SendState.SENT)
        _park(context, write, parked, trouble, summary, attempted=attempted)
        return
    at = context.now()
    with context.ledger.work() as work:
        if attempted:
            transmissions.finish_attempt(work.connection, claim, "acknowledged", at=at)
        transmissions.acknowledge(
            work.connection, claim, at=at, reason="" if attempted else "found by its reference"
        )
        close_exceptions(
            work.connection,
            write.subject(claim),
            *_OVER,
            at=at,
            resolution="the vendor shows the record",
        )
        if attempted:
            system = write.target.partition(":")[0]
            close_exceptions(
                work.connection,
                f"system:{system}",
                "vendor_refuses_us",
                at=at,
                resolution="the vendor took a call of ours",
            )
        write.settle(work.connection, claim, sighting, at)
        work.commit()
    summary.acknowledged += 1


def _later(
    context: Context,
    write: Write,
    claim: Claim,
    error: VendorError | Busy,
    summary: Summary,
    *,
    attempted: bool = False,
) -> None:
    at = context.now()
    wait = wait_after(claim.failures + 1, error, context.chance())
    with context.ledger.work() as work:
        if attempted:
            evidence = error.evidence if isinstance(error, VendorError) else None
            outcome = "unknown" if claim.uncertain else "no effect"
            transmissions.finish_attempt(work.connection, claim, outcome, at=at, evidence=evidence)
        transmissions.retry(
            work.connection,
            claim,
            at=at,
            due_at=at + wait,
            uncertain=claim.uncertain,
            failed=not isinstance(error, Busy),
            reason=type(error).__name__ if isinstance(error, Busy) else f"{type(error).__name__}: {error.message}",
        )
        if isinstance(error, Misconfigured):
            open_exception(
                work.connection,
                "vendor_refuses_us",
                f"system:{error.evidence.system}",
                at=at,
                cause=f"{error.evidence.system} refuses us",
                evidence={"answer": str(error.evidence), "message": error.message},
            )
        work.commit()
    log.info("write_later", kind=write.kind, error=type(error).__name__, wait_seconds=round(wait.total_seconds(), 2))
    summary.retried += 1


def _park(
    context: Context,
    write: Write,
    claim: Claim,
    trouble: Trouble,
    summary: Summary,
    *,
    attempted: bool = False,
    error: VendorError | None = None,
) -> None:
    at = context.now()
    with context.ledger.work() as work:
        if attempted:
            transmissions.finish_attempt(
                work.connection, claim, "refused", at=at, evidence=error.evidence if error else None
            )
        transmissions.park(work.connection, claim, at=at, reason=trouble.cause, recompose=not claim.uncertain)
        open_exception(
            work.connection,
            trouble.kind,
            write.subject(claim),
            at=at,
            cause=trouble.cause,
            evidence=trouble.evidence,
            order_id=claim.order_id,
        )
        work.commit()
    summary.parked += 1


def _withdraw(context: Context, write: Write, claim: Claim, unwanted: Unwanted, summary: Summary) -> None:
    at = context.now()
    with context.ledger.work() as work:
        transmissions.withdraw(work.connection, claim, at=at, reason=unwanted.reason)
        close_exceptions(work.connection, write.subject(claim), *_OVER, at=at, resolution=unwanted.reason)
        write.abandon(work.connection, claim, at)
        work.commit()
    summary.withdrawn += 1


def _defect(
    context: Context, write: Write, claim: Claim, error: Exception, summary: Summary, *, attempted: bool = False
) -> None:
    """Something that the error tree does not know: record it, try a few times, then leave it to a person."""
    at = context.now()
    log.error("defect", kind=write.kind, error=type(error).__name__, exc_info=error)
    claim = replace(claim, uncertain=claim.uncertain or claim.state is SendState.SENT)
    with context.ledger.work() as work:
        if attempted:
            transmissions.finish_attempt(work.connection, claim, "defect", at=at)
        if claim.failures + 1 >= DEFECT_ATTEMPTS:
            transmissions.park(work.connection, claim, at=at, reason=f"defect: {type(error).__name__}")
            open_exception(
                work.connection,
                "defect",
                write.subject(claim),
                at=at,
                cause=f"{write.kind}: {type(error).__name__}",
                evidence={"reference": claim.key, "error": type(error).__name__, "transmission": claim.id},
                order_id=claim.order_id,
            )
            summary.parked += 1
        else:
            transmissions.retry(
                work.connection,
                claim,
                at=at,
                due_at=at + wait_after(claim.failures + 1, error, context.chance()),
                uncertain=claim.uncertain,
                reason=f"defect: {type(error).__name__}",
            )
            summary.retried += 1
        work.commit()
