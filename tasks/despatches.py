"""Tasks of goods on their way to the customer, and of what SCAYLE is told of them."""

from __future__ import annotations

from typing import Any

from syncbridge.flows import (
    cancel_ask,
    cancel_learn,
    cancellation_push,
    despatch_pull,
    reread,
    shipment_push,
    status_pull,
)
from tasks.app import app
from tasks.base import run_flow


@app.task(name="syncbridge.status_pull")
def pull_status(every: float | None = None) -> dict[str, Any]:
    """Read the back ends' order feeds."""
    return run_flow("status_pull", status_pull.run, every)


@app.task(name="syncbridge.despatch_pull")
def pull_despatches(every: float | None = None) -> dict[str, Any]:
    """Read the back ends' despatch feeds."""
    return run_flow("despatch_pull", despatch_pull.run, every)


@app.task(name="syncbridge.reread")
def read_again(every: float | None = None) -> dict[str, Any]:
    """Read again what the feeds may have left out."""
    return run_flow("reread", reread.run, every)


@app.task(name="syncbridge.shipment_push")
def push_shipments() -> dict[str, Any]:
    """Tell SCAYLE of every parcel that is due."""
    return run_flow("shipment_push", shipment_push.run)


@app.task(name="syncbridge.cancel_ask")
def ask_to_cancel(account: str | None = None, every: float | None = None) -> dict[str, Any]:
    """Take undecided cancellations further, and ask a back end, or all, for what is due."""
    return run_flow("cancel_ask", lambda context: cancel_ask.run(context, account), every)


@app.task(name="syncbridge.cancel_learn")
def learn_cancellations(order_id: int) -> dict[str, Any]:
    """Look at an order of which SCAYLE says that something was cancelled."""
    return run_flow("cancel_learn", lambda context: cancel_learn.run(context, order_id))


@app.task(name="syncbridge.cancellation_push")
def push_cancellations() -> dict[str, Any]:
    """Close in SCAYLE the units that a warehouse gave up."""
    return run_flow("cancellation_push", cancellation_push.run)
