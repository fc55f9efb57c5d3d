"""What processes share among themselves: the clock, locks, and the doorbell."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where "now" comes from: aware UTC."""

    def now(self) -> datetime: ...


class Coordinator(Protocol):
    """Locks shared by all processes. They save work and prove nothing: the ledger decides."""

    def lock(self, name: str, life: timedelta) -> AbstractContextManager[bool]:
        """Try to hold a lock, without waiting; the context's value says whether we got it.

        With the coordinator out of reach the answer is True: the ledger's leases still hold.
        """
        ...


class Doorbell(Protocol):
    """Tells the workers that a flow has work. Losing a ring costs seconds: the sweeper rings again."""

    def ring(self, flow: str, *arguments: str | int) -> None:
        """Enqueue a flow by name; ids only. Never raises: a lost ring is swept up later."""
        ...
