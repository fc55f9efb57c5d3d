"""The shop's blocking question: may these warehouses of this order be cancelled? (SCAYLE contract 5.3, documented)

What never left is withdrawn; what a back end holds is asked for live; what is unknown is resolved first. "successful" is
stored before it is said, and said for ever; a refusal stands as long as the back end's state does; whatever is not decided
in time is answered with something else than 201, so that SCAYLE asks again and gets the stored outcome.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from syncbridge.config.merchants import MerchantSettings
from syncbridge.domain.cancellation import SUCCESSFUL, Cancellation
from syncbridge.domain.errors import Busy, UnreadableMessage, VendorError
from syncbridge.domain.states import CancellationState, SendState
from syncbridge.flows import cancel_absent, cancel_ask, cancel_check, cancelling, order_push
from syncbridge.flows.cancel_meet import meet
from syncbridge.flows.cancel_outcome import ask_again, write_key
from syncbridge.flows.context import SHOP, Context
from syncbridge.flows.refused_messages import keep_unreadable, record_refused
from syncbridge.ledger import (
    cancellations,
    due_times,
    order_locks,
    order_parts,
    transmission_reads,
    transmissions,
)
from syncbridge.ports.shop import CancellationCall

log = structlog.get_logger(__name__)

PAUSE_SECONDS = 0.2
"""How long to wait before looking again whether another worker has come further. Chosen."""


@dataclass(frozen=True)
class CallOutcome:
    """What SCAYLE is answered: an HTTP status and a JSON object."""

    status: int
    body: dict[str, Any]


def receive(context: Context, merchant: str, raw: bytes, until: float) -> CallOutcome:
    """Answer a cancellation call before `until` (monotonic seconds), as far as vendors let us.

    Database errors propagate: the caller answers with a failure, and SCAYLE asks again.
    """
    source = f"cancellation:{merchant}"
    settings = context.merchant(merchant)
    if settings is None:
        record_refused(context, source, raw, "unknown merchant", kind="unknown_merchant")
        return _refusal(404, "MERCHANT_UNKNOWN", f"Merchant {merchant} is not configured here.", "merchant")
    try:
        call = context.shop.parse_cancellation_call(raw, merchant)
    except UnreadableMessage as error:
        keep_unreadable(context, source, raw, error)
        return _refusal(400, "CANCELLATION_UNREADABLE", str(error), error.field)
    except (VendorError, Busy) as error:
        log.warning("cancellation_undecided", reason=str(error))
        return _undecided()
    met = meet(context, settings, call, raw)
    if met is None:
        return _undecided()
    cancellation = _decide(context, settings, met, until)
    return _answer(context, call, cancellation)


def _decide(context: Context, merchant: MerchantSettings, met: Cancellation, until: float) -> Cancellation:
    """Work on a cancellation until it is decided, waits for somebody else, or time is up."""
    cancellation = met
    if cancellation.state in (CancellationState.REFUSED, CancellationState.MIXED):
        cancellation = _reconsider(context, cancellation)
    if cancellation.state in (CancellationState.REQUESTED, CancellationState.MANUAL):
        cancellation = _listen(context, cancellation)
    while cancellation.state is CancellationState.ASKED:
        try:
            cancellation, worth_waiting = _step(context, merchant, cancellation, until)
        except (VendorError, Busy) as error:
            log.info("cancellation_undecided", reason=str(error))
            return cancellation
        if cancellation.state is not CancellationState.ASKED or not worth_waiting or time.monotonic() >= until:
            break
        context.sleep(PAUSE_SECONDS)
    return cancellation


def _step(
    context: Context, merchant: MerchantSettings, cancellation: Cancellation, until: float
) -> tuple[Cancellation, bool]:
    """Take everything a step further; return the cancellation, and whether waiting a little may decide it."""
    parts = _parts(context, cancellation)
    if not parts:
        decided = cancel_absent.decide(context, merchant, cancellation)
        # It may turn out to be an order that is known here under another name.
        return decided, decided.order_id is not None and cancellation.order_id is None
    assert cancellation.order_id is not None
    if not cancellation.tries:
        _resolve(context, parts)
        cancellation = cancel_check.check(context, cancellation)
        if not cancellation.tries or not cancellation.state.is_open:
            return cancellation, _soon(context, cancellation, until)
    cancellation = _advance(context, cancellation)
    if cancellation.state is CancellationState.ASKED:
        _resolve(context, parts)
        cancellation = _advance(context, cancellation)
        for account in sorted({part.account for part in parts}):
            cancel_ask.run(context, account, cancellation.order_id)
        with context.ledger.reading() as connection:
            cancellation = cancellations.by_id(connection, cancellation.id)
    return cancellation, _soon(context, cancellation, until)


def _parts(context: Context, cancellation: Cancellation) -> list[order_parts.Part]:
    if cancellation.order_id is None:
        return []
    with context.ledger.reading() as connection:
        found = order_parts.parts_of_order(connection, cancellation.order_id)
    return [part for part in found if cancellation.concerns(part.merchant, part.warehouse)]


def _resolve(context: Context, parts: Sequence[order_parts.Part]) -> None:
    """Look up what was sent and not answered: whether it is there decides what is to be done."""
    unknown = [part for part in parts if part.state is SendState.SENT]
    if not unknown:
        return
    with context.ledger.work(durable=False) as work:
        order_locks.lock_order(work.connection, unknown[0].order_id)
        for part in unknown:
            due_times.look_up_soon(work.connection, part.id, at=context.now())
        work.commit()
    for account in sorted({part.account for part in unknown}):
        order_push.run(context, account, unknown[0].order_id)


def _advance(context: Context, cancellation: Cancellation) -> Cancellation:
    with context.ledger.work() as work:
        moved = cancelling.advance(context, work.connection, cancellation.id, context.now())
        work.commit()
    return moved


def _soon(context: Context, cancellation: Cancellation, until: float) -> bool:
    """Say whether something about the order is due before the time is up; a busy vendor is not waited for."""
    assert cancellation.order_id is not None
    with context.ledger.reading() as connection:
        due = due_times.next_due(connection, cancellation.order_id, ("order", cancelling.KIND))
    return due is not None and (due - context.now()).total_seconds() < until - time.monotonic()


def _reconsider(context: Context, cancellation: Cancellation) -> Cancellation:
    """Open a refused cancellation anew where the back end's state is another one now that lets it through."""
    try:
        changed = cancel_check.has_changed(context, cancellation)
    except (VendorError, Busy) as error:
        log.info("refusal_stands", reason=str(error))
        return cancellation
    if not changed:
        return cancellation
    with context.ledger.work() as work:
        if cancellation.order_id is not None:
            order_locks.lock_order(work.connection, cancellation.order_id)
        current = cancellations.by_id(work.connection, cancellation.id, lock=True)
        if current.state in (CancellationState.REFUSED, CancellationState.MIXED):
            current = ask_again(work.connection, current, context.now())
            work.commit()
    return current


def _listen(context: Context, cancellation: Cancellation) -> Cancellation:
    """Look whether what somebody else decides is decided: SCAYLE asks now, and the feed may be minutes behind."""
    try:
        cancel_check.listen(context, cancellation)
    except (VendorError, Busy) as error:
        log.info("cancellation_undecided", reason=str(error))
    with context.ledger.reading() as connection:
        return cancellations.by_id(connection, cancellation.id)


def _answer(context: Context, call: CancellationCall, cancellation: Cancellation) -> CallOutcome:
    successful = cancellation.state is CancellationState.CANCELLED or cancellation.answer == SUCCESSFUL
    if cancellation.state.is_open and not successful:
        return _undecided()
    body = context.shop.cancellation_answer(call.order_reference, successful=successful)
    at = context.now()
    with context.ledger.work() as work:
        if cancellation.order_id is not None:
            order_locks.lock_order(work.connection, cancellation.order_id)
        answer = SUCCESSFUL if successful else "refused"
        cancellations.note_answer(work.connection, cancellation.id, answer, at)
        if successful and not context.configuration.scayle.order_reading:
            # Nobody can look whether SCAYLE took it; to tell it once more would be to tell it twice.
            for outcome in cancellation.outcomes:
                write = transmission_reads.id_of(
                    work.connection, SHOP, "cancellation", write_key(cancellation, outcome.part)
                )
                if write is not None:
                    transmissions.withdraw_unsent(
                        work.connection, write, at=at, reason="SCAYLE was answered that it is cancelled"
                    )
        work.commit()
    log.info("cancellation_answered", order=cancellation.order_id, successful=successful)
    return CallOutcome(201, dict(body))


def _undecided() -> CallOutcome:
    """Return what makes SCAYLE ask again: nothing is lost, and nothing is cancelled yet."""
    message = "It is not known yet whether this can be cancelled; please ask again."
    return CallOutcome(503, {"errorKey": "CANCELLATION_UNDECIDED", "message": message, "context": {}})


def _refusal(status: int, key: str, message: str, field_name: str) -> CallOutcome:
    log.warning("cancellation_refused", status=status, error_key=key, field=field_name)
    return CallOutcome(status, {"errorKey": key, "message": message, "context": {"field": field_name}})
