"""The one path by which anything is written to a vendor: look, freeze, commit, call, commit.

Every kind of write goes this way (`order`, `order_cancel`, `shipment`, `cancellation`, …); each is a `Write` that says how to look
its record up, how to compose it, how to send it and what to note once the vendor shows it. What may go wrong in
between is decided here, once:

* nothing leaves before state `sent`, the frozen body and the attempt are committed, under a lease;
* after an unknown outcome the record is looked up, and sent again (same bytes) only once a negative look-up is
  older than the vendor's look-up lag, plus its landing time where a repeat would not be harmless;
* a clear refusal parks the row with an open exception; a person or the proof takes it from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from syncbridge.domain.errors import Busy, LeaseLost, VendorError
from syncbridge.flows import outcomes
from syncbridge.flows.context import Context
from syncbridge.flows.sending import send_once
from syncbridge.flows.write import Prepared, Sighting, Summary, Trouble, Unwanted, Write
from syncbridge.ledger import transmissions
from syncbridge.ledger.claims import Claim, claim_due

log = structlog.get_logger(__name__)

# A task works for so long, then rings for the next one: short of Celery's soft limit, fair to other flows.
BUDGET_SECONDS = 20.0
LOCKED_ELSEWHERE = timedelta(seconds=1)
# Where an absence counts only after very long, its proof may still come any moment.
LONGEST_WITHOUT_A_LOOK = timedelta(seconds=60)


def run_writes(
    context: Context, write: Write, *, ring: Callable[[], None], order_id: int | None = None
) -> Summary:
    """Work through what is due for this write, in bounded batches, for a bounded time.

    `ring` calls another worker: when a batch was full, as there may be more, and when the time is up.
    """
    summary = Summary()
    batch = context.configuration.limits.claim_batch
    until = time.monotonic() + BUDGET_SECONDS
    while time.monotonic() < until:
        write.gather()
        with context.ledger.work(durable=False) as work:
            claims = claim_due(
                work.connection,
                target=write.target,
                kind=write.kind,
                limit=batch,
                at=context.now(),
                life=context.lease_life,
                order_id=order_id,
            )
            work.commit()
        if not claims:
            return summary
        if len(claims) == batch:
            ring()
        _work_through(context, write, claims, summary)
    summary.more = True
    ring()
    return summary


def _work_through(context: Context, write: Write, claims: list[Claim], summary: Summary) -> None:
    looked_at = context.now()
    try:
        found = write.look_up(claims)
    except (VendorError, Busy) as error:
        for claim in claims:
            _isolated(claim, summary, partial(outcomes.later, context, write, claim, error, summary))
        return
    except Exception as error:  # noqa: BLE001  # a defect in one batch is recorded per row and stops nobody else
        for claim in claims:
            _isolated(claim, summary, partial(outcomes.defect, context, write, claim, error, summary))
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
        structlog.contextvars.unbind_contextvars("order", "transmission", "merchant", "vendor_request_id")


def _under_lock(
    context: Context,
    write: Write,
    claim: Claim,
    found: Sighting | Unwanted | Exception | None,
    looked_at: datetime,
    summary: Summary,
) -> None:
    with context.coordinator.lock(f"order:{claim.order_id}", context.lock_life) as held:
        if not held:
            now = context.now()
            with context.ledger.work(durable=False) as work:
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
            outcomes.defect(context, write, claim, error, summary)


def _one(
    context: Context,
    write: Write,
    claim: Claim,
    found: Sighting | Unwanted | Exception | None,
    looked_at: datetime,
    summary: Summary,
) -> None:
    if isinstance(found, Sighting):
        outcomes.proven(context, write, claim, found, summary)
        return
    if isinstance(found, Unwanted):
        _let_go(context, write, claim, found, looked_at, summary)
        return
    if isinstance(found, VendorError | Busy):
        outcomes.later(context, write, claim, found, summary)
        return
    if found is not None:
        raise found
    if claim.uncertain and not _absence_counts(write, claim, looked_at):
        wait = write.lookup_lag if write.harmless_repeat else write.lookup_lag + write.landing
        _wait_for_proof(context, write, claim, looked_at, wait, summary)
        return
    if claim.body is not None and _proven_absent(write, claim, looked_at):
        try:
            renewal = write.renew(claim)
        except (VendorError, Busy) as error:
            outcomes.later(context, write, claim, error, summary)
            return
        if isinstance(renewal, Unwanted):
            outcomes.withdraw(context, write, claim, renewal, summary)
            return
        if isinstance(renewal, Trouble):
            outcomes.park(context, write, claim, renewal, summary)
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
            outcomes.later(context, write, claim, error, summary)
            return
        if isinstance(prepared, Trouble):
            outcomes.park(context, write, claim, prepared, summary)
            return
        if isinstance(prepared, Unwanted):
            outcomes.withdraw(context, write, claim, prepared, summary)
            return
        details = prepared
    send_once(context, write, claim, details, summary)


def _absence_counts(write: Write, claim: Claim, looked_at: datetime) -> bool:
    """Say whether a negative look-up of that moment proves that a repeat is safe."""
    if claim.last_sent_at is None:
        return True
    wait = write.lookup_lag if write.harmless_repeat else write.lookup_lag + write.landing
    return looked_at - claim.last_sent_at >= wait


def _proven_absent(write: Write, claim: Claim, looked_at: datetime) -> bool:
    """Say whether a negative look-up of that moment proves that nothing is there and nothing will come."""
    return claim.last_sent_at is None or looked_at - claim.last_sent_at >= write.lookup_lag + write.landing


def _let_go(
    context: Context, write: Write, claim: Claim, unwanted: Unwanted, looked_at: datetime, summary: Summary
) -> None:
    """Withdraw what nobody wants any more, as soon as nothing of it can be there or come; until then send nothing."""
    if claim.uncertain and not _proven_absent(write, claim, looked_at):
        _wait_for_proof(context, write, claim, looked_at, write.lookup_lag + write.landing, summary)
    else:
        outcomes.withdraw(context, write, claim, unwanted, summary)


def _wait_for_proof(
    context: Context, write: Write, claim: Claim, looked_at: datetime, wait: timedelta, summary: Summary
) -> None:
    """Look again soon (the answer may only be late), and at the latest when an absence would count, after `wait`."""
    assert claim.last_sent_at is not None
    pause = min(max(timedelta(seconds=2), looked_at - claim.last_sent_at), LONGEST_WITHOUT_A_LOOK)
    next_look = min(claim.last_sent_at + wait, looked_at + pause)
    with context.ledger.work(durable=False) as work:
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
