"""Tasks that keep the house: catalogue, escalation, tidying up."""

from __future__ import annotations

from typing import Any

from syncbridge.flows import catalogue_pull, escalate, housekeep
from tasks.app import app
from tasks.base import run_flow


@app.task(name="syncbridge.catalogue_pull")
def pull_catalogue(every: float | None = None) -> dict[str, Any]:
    """Read the back ends' product feeds."""
    return run_flow("catalogue_pull", catalogue_pull.run, every)


@app.task(name="syncbridge.escalate")
def raise_what_is_late(every: float | None = None) -> dict[str, Any]:
    """Open the exceptions that only time decides."""
    return run_flow("escalate", escalate.run, every)


@app.task(name="syncbridge.housekeep")
def tidy_up(every: float | None = None) -> dict[str, Any]:
    """Delete what nobody can need any more."""
    return run_flow("housekeep", housekeep.run, every)
