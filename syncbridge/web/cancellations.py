"""`POST /scayle/{merchant}/cancellations`: SCAYLE asks whether it may cancel, and waits for the answer.

Only 201 with the documented body ends its asking (SCAYLE contract 5.3, documented). Whatever goes wrong on our side, or takes longer
than SCAYLE is patient, is answered 503: it asks again and gets the outcome that is stored by then.
"""

from __future__ import annotations

import contextvars
import time
from concurrent.futures import Future, ThreadPoolExecutor

import structlog
from flask import Blueprint, Response, request

from syncbridge.flows import cancel_call, intake
from syncbridge.flows.cancel_call import CallOutcome
from syncbridge.ledger.gauges import is_database_trouble
from syncbridge.log import context as log_context
from syncbridge.web import metrics
from syncbridge.web.auth import refuse_stranger
from syncbridge.web.bodies import Body, read_body
from syncbridge.web.delegation import known_or_plain
from syncbridge.web.failures import where
from syncbridge.web.parts import Parts
from syncbridge.web.replies import refusal, reply, try_again

log = structlog.get_logger(__name__)

THREADS = 8
"""How many calls of one process are worked on at once. Chosen: as many as it has connections to a vendor; a cancellation
that a vendor keeps waiting holds one of these, and for SCAYLE's patience at most one of the threads that take orders in."""

_FLOWS_SHARE = 0.9
"""The part of SCAYLE's patience in which the flow begins another look. Chosen: its last one has to be answered, too."""


def blueprint(parts: Parts) -> Blueprint:
    """Return the cancellation endpoint."""
    pages = Blueprint("cancellations", __name__)
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="cancellation")

    @pages.post("/scayle/<merchant>/cancellations")
    def cancel(merchant: str) -> Response:
        if (stranger := refuse_stranger(request, parts.configuration())) is not None:
            return stranger
        begun = time.perf_counter()
        try:
            name = known_or_plain(parts, merchant)
            with log_context(merchant=name):
                body = read_body(request, parts.configuration().scayle.max_body_bytes)
                return _answer(parts, pool, name, body)
        finally:
            metrics.CANCELLATION_SECONDS.observe(time.perf_counter() - begun)

    return pages


def _answer(parts: Parts, pool: ThreadPoolExecutor, merchant: str, body: Body) -> Response:
    try:
        context = parts.context()
        if body.too_large:
            limit = parts.configuration().scayle.max_body_bytes
            reason = f"a body of {body.size_bytes} bytes; at most {limit} are read"
            intake.record_refused(
                context, _source(merchant), body.raw, reason, kind="message_unreadable", size_bytes=body.size_bytes
            )
            log.warning("cancellation_refused", status=413, bytes=body.size_bytes)
            return refusal(413, "BODY_TOO_LARGE", f"The body is larger than {limit} bytes.", limit=limit)
        patience = parts.configuration().scayle.cancellation_patience_seconds
        until = time.monotonic() + patience * _FLOWS_SHARE
        carrying = contextvars.copy_context()
        work: Future[CallOutcome] = pool.submit(
            carrying.run, cancel_call.receive, context, merchant, body.raw, until
        )
        # What is not done in time goes on by itself; its outcome is stored and given to the next call.
        outcome = work.result(timeout=patience)
    except TimeoutError:
        log.warning("cancellation_undecided", reason="no outcome in time")
        return try_again()
    except Exception as error:  # noqa: BLE001 - whatever happens, SCAYLE must be told to ask again
        log.error("cancellation_failed", error=type(error).__name__, at=where(error), bytes=body.size_bytes)
        if not is_database_trouble(error):
            _keep_all_the_same(parts, merchant, body, error)
        return try_again()
    return reply(outcome.status, outcome.body)


def _keep_all_the_same(parts: Parts, merchant: str, body: Body, error: Exception) -> None:
    """Keep a body on which our own code failed: its repeats will fail as well."""
    try:
        intake.record_refused(
            parts.context(),
            _source(merchant),
            body.raw,
            f"answering it failed: {type(error).__name__}",
            kind="defect",
            size_bytes=body.size_bytes,
        )
    except Exception as second:  # noqa: BLE001 - the log line above is the record then
        log.error("cancellation_not_kept", error=type(second).__name__, at=where(second))


def _source(merchant: str) -> str:
    return f"cancellation:{merchant}"
