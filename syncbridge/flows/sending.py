"""One attempt of an outward write: freeze the body, commit, call, and tell apart what came of it. See flows.outward."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from syncbridge.domain.errors import (
    AlreadyExists,
    Busy,
    Misconfigured,
    NeedsPerson,
    NotFound,
    OutcomeUnknown,
    RetryLater,
    VendorError,
)
from syncbridge.flows import outcomes
from syncbridge.flows.context import Context
from syncbridge.flows.write import Prepared, Sighting, Summary, Trouble, Unwanted, Write
from syncbridge.ledger import order_locks, transmissions
from syncbridge.ledger.claims import Claim


def send_once(context: Context, write: Write, claim: Claim, details: Prepared | None, summary: Summary) -> None:
    """Send what is frozen, or freeze and send what `details` has; every outcome is committed before this returns."""
    body = claim.body if details is None else details.body
    assert body is not None
    at = context.now()
    with context.ledger.work() as work:
        if details is not None:
            order_locks.lock_order(work.connection, claim.order_id)
        claim = transmissions.begin_attempt(work.connection, claim, body, at=at, life=context.lease_life)
        if details is not None:
            write.freeze(work.connection, claim, details, at)
        work.commit()
    try:
        sighting = write.send(body)
        if sighting is None:
            sighting = _look_again(write, claim)
    except OutcomeUnknown as error:
        outcomes.later(context, write, replace(claim, uncertain=True), error, summary, attempted=True)
        return
    except AlreadyExists as error:
        _exists(context, write, claim, error, summary)
        return
    except (NeedsPerson, NotFound) as error:
        _refused(context, write, claim, error, summary)
        return
    except (RetryLater, Misconfigured, Busy) as error:
        outcomes.later(context, write, claim, error, summary, attempted=True)
        return
    except Exception as error:  # noqa: BLE001  # whatever it was, the request may have left
        outcomes.defect(context, write, replace(claim, uncertain=True), error, summary, attempted=True)
        return
    if isinstance(sighting, Unwanted):
        outcomes.withdraw(context, write, claim, sighting, summary, attempted=True)
        return
    if sighting is not None:
        outcomes.proven(context, write, claim, sighting, summary, attempted=True)
        return
    now = context.now()
    with context.ledger.work(durable=False) as work:
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
        outcomes.later(context, write, replace(claim, uncertain=True), error, summary, attempted=True)
    else:
        outcomes.proven(context, write, claim, sighting, summary, attempted=True)


def _refused(context: Context, write: Write, claim: Claim, error: VendorError, summary: Summary) -> None:
    """A refusal of a repeat may only mean that the first one landed: look before calling a person."""
    if claim.attempts > 1:
        sighting = _look_again(write, claim)
        if sighting is not None:
            outcomes.proven(context, write, claim, sighting, summary, attempted=True)
            return
    code = error.evidence.code or str(error.evidence.status or "refused")
    trouble = Trouble(
        write.refusal_kind(error),
        f"{error.evidence.system} {error.evidence.operation}: {code}",
        {"reference": claim.key, "answer": str(error.evidence), "message": error.message},
    )
    outcomes.park(context, write, claim, trouble, summary, attempted=True, error=error)
