"""Tasks of goods on their way to the customer, and of what SCAYLE is told of them."""

from __future__ import annotations

from typing import Any

from syncbridge.flows import cancellation_push, despatch_pull, shipment_push, status_pull
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


@app.task(name="syncbridge.shipment_push")
def push_shipments() -> dict[str, Any]:
    """Tell SCAYLE of every parcel that is due."""
    return run_flow("shipment_push", shipment_push.run)


@app.task(name="syncbridge.cancellation_push")
def push_cancellations() -> dict[str, Any]:
    """Close in SCAYLE the units that a warehouse gave up."""
    return run_flow("cancellation_push", cancellation_push.run)
