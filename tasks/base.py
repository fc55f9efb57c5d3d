"""What all tasks share: one run of a flow, logged, once per time slot when the scheduler asked for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import structlog

from syncbridge import bootstrap
from syncbridge.domain.errors import Busy, VendorError
from syncbridge.flows.context import Context
from syncbridge.ledger import feeds

log = structlog.get_logger(__name__)


def run_flow(flow: str, run: Callable[[Context], Any], every: float | None = None) -> dict[str, Any]:
    """Run a flow and return its summary.

    `every` is the period in seconds of a scheduled run: such a run claims its time slot in the ledger first, so
    that two schedulers, or a message delivered twice, run it once. A vendor that is away is no failure of the
    task: the flow has noted it, and the next run tries again.
    """
    context = bootstrap.context()
    if every is not None and not _claim(context, flow, every):
        return {"skipped": "this time slot has run"}
    started = time.monotonic()
    try:
        outcome = run(context)
    except (VendorError, Busy) as error:
        log.warning("flow_held_up", flow=flow, error=type(error).__name__, reason=str(error))
        return {"held_up": type(error).__name__}
    summary = outcome.as_dict() if hasattr(outcome, "as_dict") else dict(outcome)
    if any(summary.values()):
        log.info("flow_ran", flow=flow, seconds=round(time.monotonic() - started, 3), **summary)
    return summary


def _claim(context: Context, flow: str, every: float) -> bool:
    now = context.now()
    with context.ledger.work() as work:
        claimed = feeds.claim_slot(work.connection, flow, int(now.timestamp() / every), at=now)
        work.commit()
    return claimed
