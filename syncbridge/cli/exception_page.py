"""One exception on the terminal: what, why, what to do, and by when."""

from __future__ import annotations

from datetime import datetime

from syncbridge.cli.output import clean, instant, paragraph, say
from syncbridge.reports.exception_lists import ExceptionRow
from syncbridge.reports.exception_wording import evidence_of, filled_in, steps_of
from syncbridge.reports.fact_wording import span


def print_exception(found: ExceptionRow, now: datetime) -> None:
    """Print all about an exception."""
    say(f"#{found.id} {found.title}")
    about = f"order {found.order_id}" if found.order_id is not None else ""
    _line("about", ", ".join(part for part in (about, clean(found.subject)) if part))
    _line("kind", f"{found.kind} ({found.severity})")
    _line("owner", found.owner)
    _line("state", _state(found, now))
    _line("opened", f"{instant(found.opened_at)} ({span(now - found.opened_at)} ago)")
    if found.occurrences > 1:
        _line("met", f"{found.occurrences} times, last {instant(found.last_seen_at)}")
    _line("cause", clean(found.cause))
    _evidence(found)
    if found.is_open:
        say()
        say("What to do")
        for number, step in enumerate(steps_of(found), 1):
            paragraph(f"{number}. {step}", 2, 3)
    if found.order_id is not None:
        say()
        say(f"All about the order: syncbridge orders show {found.order_id}")


def _state(found: ExceptionRow, now: datetime) -> str:
    if not found.is_open:
        when = instant(found.resolved_at) if found.resolved_at else "at an unknown time"
        return f"resolved {when}: {clean(found.resolution or 'no reason is kept')}"
    if found.is_overdue(now):
        return f"{found.state}, overdue since {span(now - found.due_at)}"
    return f"{found.state}, due in {span(found.due_at - now)}"


def _evidence(found: ExceptionRow) -> None:
    lines = evidence_of(found)
    if lines:
        say()
        say("Evidence")
        for name, value in lines:
            _line(name, clean(value))
    faults = found.evidence.get("faults") or ()
    if faults:
        say()
        say(f"Faults ({len(faults)})")
        for fault in faults:
            value = f" [{clean(fault['value'])}]" if fault.get("value") else ""
            say(f"  {clean(fault.get('code'))}  {clean(fault.get('field'))}{value}")
            paragraph(clean(fault.get("problem")), 4)
            paragraph(f"Way out: {filled_in(found, clean(fault.get('way_out')))}", 4)


def _line(name: str, text: str) -> None:
    paragraph(f"{name:<16} {text}", 2, 17)
