"""The clock of the machine."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """Wall time as aware UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)
