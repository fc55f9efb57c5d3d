"""Options that several commands share, and the reading of times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON: stable keys, times in UTC.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Limit = Annotated[
    int | None,
    typer.Option("--limit", min=1, max=10_000, help="At most so many rows; 50 for people, 10,000 with --json.", show_default=False),
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="ISO 8601 (2010-12-07T10:00Z; UTC unless it says so) or 90s, 15m, 2h, 3d ago."),
]

LARGEST_ID = 2**63 - 1
"""A larger number is in no database, and SQLite takes none."""

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def instant(text: str | None, now: datetime, option: str = "--since") -> datetime | None:
    """Read a time of the command line as an aware instant in UTC. Raises BadParameter for anything else."""
    if text is None:
        return None
    text = text.strip()
    try:
        if text[-1:] in _UNITS and text[:-1].isdigit():
            return now - timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is no time; write 2010-12-07T10:00Z, or 15m, 2h, 3d for so long ago", param_hint=option
        ) from None


def zone(name: str) -> tzinfo:
    """Read the name of a time zone. Raises BadParameter for one that is not known."""
    from zoneinfo import ZoneInfo

    if name.upper() in ("UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise typer.BadParameter(f"{name!r} is no time zone; write one such as Europe/London", param_hint="--zone") from None


def rows_wanted(limit: int | None, json: bool) -> int:
    """Return how many rows to show: a program must not lose what a person would not read."""
    return limit or (10_000 if json else 50)
