"""The beat schedule: which flow runs how often, and why. Two beats at once are harmless (see tasks.base)."""

from __future__ import annotations

from typing import Any

from syncbridge.config.operations import ScheduleSettings

LONGEST_TICK_SECONDS = 300.0
"""Chosen: what runs daily is offered more often and runs once per slot all the same. So it is tried again after a
failure, and runs although a scheduler that lost its schedule file counts every period from its own start."""


def beat_schedule(settings: ScheduleSettings) -> dict[str, dict[str, Any]]:
    """Return Celery's schedule. A run that was not picked up in time is dropped: the next one does its work."""
    every = {
        # Rings for whatever is due and not leased: bounds what a lost message or a dead worker can cost.
        "sweep": settings.sweep_seconds,
        # Finds orders whose delegation never reached us.
        "order_poll": settings.order_poll_seconds,
        # Quarantines, holds, short closes: webhooks are quicker, but may be lost.
        "status_pull": settings.order_status_seconds,
        # Parcels, so that customers are told and money is captured: webhooks are quicker, but may be lost.
        "despatch_pull": settings.despatch_pull_seconds,
        # Goods that came back, so that customers are refunded: webhooks are quicker, but may be lost.
        "return_pull": settings.return_pull_seconds,
        # Returns announced and never arrived, received and not refunded, refunded and never received.
        "return_check": settings.return_check_seconds,
        # Cancellations without an outcome: calls and events ring, but may be lost.
        "cancel_ask": settings.cancel_ask_seconds,
        # What the shop may sell: webhooks ring in between, but may be lost.
        "stock_sync": settings.stock_sync_seconds,
        # Every number against the shop's own, so that no drift grows old.
        "stock_reconcile": settings.stock_reconcile_seconds,
        # SKUs that the warehouse does not know are found before an order needs them.
        "catalogue_pull": settings.catalogue_seconds,
        # What feeds left out: late commits, and the hour that autumn repeats.
        "reread": settings.reread_seconds,
        # What takes too long becomes an exception within a minute.
        "escalate": settings.escalate_seconds,
        # Old time slots and whatever else only takes up room.
        "housekeep": settings.housekeep_seconds,
    }
    return {
        flow: {
            "task": f"syncbridge.{flow}",
            # Offered twice a period: a tick that misses its slot by a hair costs half a period, not a whole one.
            "schedule": min(seconds / 2, LONGEST_TICK_SECONDS),
            "kwargs": {"every": seconds},
            "options": {"expires": max(30.0, seconds)},
        }
        for flow, seconds in every.items()
    }
