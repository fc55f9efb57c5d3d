"""Tasks of stock."""

from __future__ import annotations

from typing import Any

from syncbridge.flows import stock_reconcile, stock_sync
from tasks.app import app
from tasks.base import run_flow


@app.task(name="syncbridge.stock_sync")
def sync(every: float | None = None) -> dict[str, Any]:
    """Publish what can really be shipped."""
    return run_flow("stock_sync", stock_sync.run, every)


@app.task(name="syncbridge.stock_reconcile", soft_time_limit=1500, time_limit=1800)
def reconcile(every: float | None = None) -> dict[str, Any]:
    """Compare every number with the shop's own: minutes for a large catalogue, as its quota allows."""
    return run_flow("stock_reconcile", stock_reconcile.run, every)
