"""Tasks of orders on their way to a back end."""

from __future__ import annotations

from typing import Any

from syncbridge.flows import order_poll, order_push, sweep
from tasks.app import app
from tasks.base import run_flow


@app.task(name="syncbridge.order_push")
def push(account: str | None = None) -> dict[str, Any]:
    """Push what is due to a back end, or to all."""
    return run_flow("order_push", lambda context: order_push.run(context, account))


@app.task(name="syncbridge.order_poll")
def poll(every: float | None = None) -> dict[str, Any]:
    """Take in confirmed orders whose delegation never reached us."""
    return run_flow("order_poll", order_poll.run, every)


@app.task(name="syncbridge.sweep")
def ring_for_what_is_due(every: float | None = None) -> dict[str, Any]:
    """Ring again for whatever is due and not leased."""
    return run_flow("sweep", sweep.run, every)
