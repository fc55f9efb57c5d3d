"""How the pages write times, lengths of time, counts and our words; the same words as on the terminal."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from flask import Flask
from markupsafe import Markup

from syncbridge.config.console import ConsoleSettings
from syncbridge.domain.money import Money
from syncbridge.reports import exception_wording, fact_wording, return_wording
from syncbridge.web.console.forms import in_words

_STATIC = Path(__file__).parent / "static"


def teach(app: Flask, settings: ConsoleSettings) -> None:
    """Give the templates their filters and what never changes while the process lives."""
    zone = settings.zone

    def plain_time(instant: datetime | None) -> str:
        return f"{instant.astimezone(zone):%Y-%m-%d %H:%M:%S}" if instant is not None else "–"

    def time(instant: datetime | None, seconds: bool = False) -> str | Markup:
        """Write an instant in the console's zone, with UTC for the machine."""
        if instant is None:
            return "–"
        exact = instant.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        shown = plain_time(instant)[: None if seconds else -3]
        return Markup('<time datetime="{}" title="{}">{}</time>').format(exact, exact, shown)

    filters: Mapping[str, Callable[..., object]] = {
        "time": time,
        "exact_time": plain_time,
        "span": fact_wording.span,
        "in_words": in_words,
        "amount": _amount,
        "plural": plural,
        "counts": counts,
        "fact": fact_wording.wording,
        "evidence": exception_wording.evidence_of,
        "filled_in": exception_wording.filled_in,
        "steps": exception_wording.steps_of,
        "shown": lambda unit: return_wording.return_in_shop(unit, plain_time),
        "refund": lambda unit: return_wording.refund(unit, plain_time),
    }
    app.jinja_env.filters.update(filters)
    app.jinja_env.tests["decidable"] = return_wording.can_be_decided
    app.jinja_env.globals["zone_name"] = settings.timezone
    app.jinja_env.globals["link_words"] = return_wording.LINKS
    app.jinja_env.globals["stylesheet"] = hashlib.sha256((_STATIC / "console.css").read_bytes()).hexdigest()[:12]


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun: plural(2, "order") is "2 orders"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def counts(found: Mapping[str, int]) -> str:
    """Return counts by name in words: "1 open, 2 despatched"."""
    return ", ".join(f"{count} {name}" for name, count in found.items() if count) or "–"


def _amount(money: Money | None) -> str:
    return f"{money} {money.currency}" if money is not None else "–"
