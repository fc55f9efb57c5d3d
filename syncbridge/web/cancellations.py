"""`POST /scayle/{merchant}/cancellations`: SCAYLE asks whether it may cancel, and waits for the answer.

Only 201 with the documented body ends its asking (SCAYLE contract 5.3, documented). What takes longer than SCAYLE is patient is
answered 503: it asks again and gets the outcome that is stored by then.
"""

from __future__ import annotations

import contextvars
import time
from concurrent.futures import Future, ThreadPoolExecutor

import structlog
from flask import Blueprint, Response

from syncbridge.flows import cancel_call
from syncbridge.flows.cancel_call import CallOutcome
from syncbridge.flows.context import Context
from syncbridge.web import metrics
from syncbridge.web.merchant_calls import MerchantCall
from syncbridge.web.parts import Parts
from syncbridge.web.replies import reply, try_again

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

    def answer(context: Context, merchant: str, raw: bytes) -> Response:
        patience = context.configuration.scayle.cancellation_patience_seconds
        until = time.monotonic() + patience * _FLOWS_SHARE
        carrying = contextvars.copy_context()
        work: Future[CallOutcome] = pool.submit(carrying.run, cancel_call.receive, context, merchant, raw, until)
        try:
            # What is not done in time goes on by itself; its outcome is stored and given to the next call.
            outcome = work.result(timeout=patience)
        except TimeoutError:
            log.warning("cancellation_undecided", reason="no outcome in time")
            return try_again()
        return reply(outcome.status, outcome.body)

    call = MerchantCall(parts, "cancellation", metrics.CANCELLATION_SECONDS, "message_unreadable", answer)
    pages.add_url_rule("/scayle/<merchant>/cancellations", "cancel", call.take, methods=["POST"])
    return pages
