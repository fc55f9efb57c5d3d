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
    that two schedulers, or a message delivered twice, run it once; a run that fails gives the slot back. A vendor
    that is away is no failure of the task: the flow has noted it, and the next tick tries again.
    """
    context = bootstrap.context()
    slot = None if every is None else int(context.now().timestamp() / every)
    if slot is not None and not _claim(context, flow, slot):
        return {"skipped": "this time slot has run"}
    started = time.monotonic()
    try:
        outcome = run(context)
    except (VendorError, Busy) as error:
        _give_back(context, flow, slot)
        log.warning("flow_held_up", flow=flow, error=type(error).__name__, reason=str(error))
        return {"held_up": type(error).__name__}
    except Exception:
        _give_back(context, flow, slot)
        raise
    summary = outcome.as_dict() if hasattr(outcome, "as_dict") else dict(outcome)
    if any(summary.values()):
        log.info("flow_ran", flow=flow, seconds=round(time.monotonic() - started, 3), **summary)
    return summary


def _claim(context: Context, flow: str, slot: int) -> bool:
    with context.ledger.work() as work:
        claimed = feeds.claim_slot(work.connection, flow, slot, at=context.now())
        work.commit()
    return claimed


def _give_back(context: Context, flow: str, slot: int | None) -> None:
    if slot is None:
        return
    try:
        with context.ledger.work() as work:
            feeds.release_slot(work.connection, flow, slot)
            work.commit()
    except Exception as error:  # noqa: BLE001  the failure that brought us here is the one to report
        log.warning("slot_not_given_back", flow=flow, error=type(error).__name__)
