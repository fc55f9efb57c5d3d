"""What an attempt came to, committed at once: acknowledged, later, parked, withdrawn, or a defect. See flows.outward."""

from __future__ import annotations

from dataclasses import replace

import structlog

from syncbridge.domain.errors import Busy, Misconfigured, VendorError
from syncbridge.domain.retry import DEFECT_ATTEMPTS, wait_after
from syncbridge.domain.states import SendState
from syncbridge.flows.context import Context
from syncbridge.flows.write import Sighting, Summary, Trouble, Unwanted, Write
from syncbridge.ledger import order_locks, transmissions
from syncbridge.ledger.claims import Claim
from syncbridge.ledger.exceptions import close_exceptions, open_exception

log = structlog.get_logger(__name__)

# The troubles of a write that are over once it is acknowledged or withdrawn.
_OVER = (
    "order_invalid",
    "order_refused",
    "order_conflict",
    "order_stuck",
    "order_import_timeout",
    "shipment_refused",
    "carrier_unmapped",
    "cancellation_refused",
    "cancellation_not_taken",
    "units_shipped_elsewhere",
    "return_announce_refused",
    "return_refused",
    "return_key_missing",
    "defect",
)


def proven(
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
        park(context, write, parked, trouble, summary, attempted=attempted)
        return
    at = context.now()
    with context.ledger.work(durable=False) as work:
        order_locks.lock_order(work.connection, claim.order_id)
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
        if attempted and claim.failures:
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


def later(
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
    with context.ledger.work(durable=False) as work:
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


def park(
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
    with context.ledger.work(durable=False) as work:
        order_locks.lock_order(work.connection, claim.order_id)
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


def withdraw(
    context: Context, write: Write, claim: Claim, unwanted: Unwanted, summary: Summary, *, attempted: bool = False
) -> None:
    at = context.now()
    with context.ledger.work(durable=False) as work:
        order_locks.lock_order(work.connection, claim.order_id)
        if attempted:
            transmissions.finish_attempt(work.connection, claim, "refused", at=at)
        transmissions.withdraw(work.connection, claim, at=at, reason=unwanted.reason)
        close_exceptions(work.connection, write.subject(claim), *_OVER, at=at, resolution=unwanted.reason)
        write.abandon(work.connection, claim, at)
        work.commit()
    summary.withdrawn += 1


def defect(
    context: Context, write: Write, claim: Claim, error: Exception, summary: Summary, *, attempted: bool = False
) -> None:
    """Something that the error tree does not know: record it, try a few times, then leave it to a person."""
    at = context.now()
    log.error("defect", kind=write.kind, error=type(error).__name__, exc_info=error)
    claim = replace(claim, uncertain=claim.uncertain or claim.state is SendState.SENT)
    with context.ledger.work(durable=False) as work:
        order_locks.lock_order(work.connection, claim.order_id)
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
