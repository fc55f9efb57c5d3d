"""Tasks of goods that come back, and of their refunds."""

from __future__ import annotations

from typing import Any

from syncbridge.flows import return_announce, return_check, return_pull, return_push
from tasks.app import app
from tasks.base import run_flow


@app.task(name="syncbridge.return_pull")
def pull_returns(every: float | None = None) -> dict[str, Any]:
    """Read what the warehouses received back."""
    return run_flow("return_pull", return_pull.run, every)


@app.task(name="syncbridge.return_announce")
def announce_returns() -> dict[str, Any]:
    """Announce the returns whose goods have left."""
    return run_flow("return_announce", return_announce.run)


@app.task(name="syncbridge.return_push")
def push_returns() -> dict[str, Any]:
    """Tell SCAYLE of every returned unit that is due."""
    return run_flow("return_push", return_push.run)


@app.task(name="syncbridge.return_check")
def check_returns(every: float | None = None) -> dict[str, Any]:
    """Look at the open ends of returns."""
    return run_flow("return_check", return_check.run, every)
