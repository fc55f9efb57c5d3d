"""`/healthz`: is this process alive. `/readyz`: is the deployment moving.

Route traffic by `/healthz`: an intake that can store orders must stay reachable while workers or Redis are down. `/readyz` is for people and
monitors.
"""

from __future__ import annotations

from datetime import timedelta

import structlog
from flask import Blueprint, Response

from syncbridge.ledger import feeds, gauges
from syncbridge.web.parts import Parts
from syncbridge.web.replies import reply

log = structlog.get_logger(__name__)

OVERDUE = timedelta(minutes=15)
"""Chosen: work that is due for so long is not being done, or there is more of it than a quota lets through."""

TICKS_MISSED = 3
"""Chosen: the scheduler is taken for dead when it missed so many sweeps, but not within `SHORTEST_SILENCE`."""

SHORTEST_SILENCE = timedelta(seconds=60)


def blueprint(parts: Parts) -> Blueprint:
    """Return the two health endpoints. They need no credentials and tell no more than what is wrong."""
    pages = Blueprint("health", __name__)

    @pages.get("/healthz")
    def alive() -> Response:
        return reply(200, {"status": "alive"})

    @pages.get("/readyz")
    def moving() -> Response:
        reasons = _reasons(parts)
        # Without Redis delegations are still taken in and answered; what then stands still shows as overdue.
        redis = "reachable" if parts.redis_answers() else "unreachable"
        body = {"status": "not moving" if reasons else "moving", "reasons": reasons, "redis": redis}
        return reply(503 if reasons else 200, body)

    return pages


def _reasons(parts: Parts) -> list[str]:
    """Return everything that keeps the deployment from moving."""
    reasons: list[str] = []
    try:
        context = parts.context()
        if gauges.lacks_migrations(context.ledger):
            return ["the database lacks migrations: run `syncbridge db upgrade`"]
        with context.ledger.reading() as connection:
            oldest, ticked_at = gauges.oldest_due(connection), feeds.last_tick(connection)
    except Exception as error:  # noqa: BLE001 - a health check reports whatever is broken
        log.warning("not_ready", error=type(error).__name__)
        return [f"the ledger cannot be read: {type(error).__name__}"]
    now = context.now()
    if oldest is not None and now - oldest > OVERDUE:
        reasons.append(f"the oldest due write has waited for {_minutes(now - oldest)} minutes")
    sweep = timedelta(seconds=context.configuration.schedule.sweep_seconds)
    silence = max(SHORTEST_SILENCE, TICKS_MISSED * sweep)
    if ticked_at is None:
        reasons.append("the scheduler has never ticked")
    elif now - ticked_at > silence:
        reasons.append(f"the scheduler has not ticked for {_minutes(now - ticked_at)} minutes")
    return reasons


def _minutes(span: timedelta) -> int:
    return int(span.total_seconds() // 60)
