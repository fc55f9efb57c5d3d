"""Stock as text: a row for each number, one number term by term, and the drift over time."""

from __future__ import annotations

from datetime import datetime

from syncbridge.cli.output import clean, instant, say, table
from syncbridge.reports.fact_wording import span
from syncbridge.reports.stock_levels import Comparison, StockLine


def print_lines(lines: list[StockLine], now: datetime) -> None:
    """Print a row for each line; a question mark stands where nobody knows what the shop holds."""
    table(
        ("SKU", "PLACE", "AVAILABLE", "IN FLIGHT", "BUFFER", "SELLABLE", "IN SHOP", "STAMP", "AGE", "WHY"),
        [
            (
                line.sku,
                f"{line.merchant}/{line.warehouse}",
                line.available,
                line.in_flight,
                line.buffer,
                line.sellable,
                _in_shop(line),
                f"{line.stamp:%m-%d %H:%M:%S}" if line.stamp else None,
                span(now - line.as_of) if line.as_of else None,
                _why(line),
            )
            for line in lines
        ],
        right=("AVAILABLE", "IN FLIGHT", "BUFFER", "SELLABLE", "IN SHOP", "AGE"),
    )


def print_terms(line: StockLine, now: datetime) -> None:
    """Print one number term by term, and why it differs or waits."""
    say(f"{clean(line.sku)}  of {line.merchant} in {line.warehouse}")
    as_of = (
        f"as of {instant(line.as_of)}, {span(now - line.as_of)} ago"
        if line.as_of
        else "never read to the end"
    )
    changed = f"changed there {instant(line.changed_at)}" if line.changed_at else f"changed here {instant(line.moved_at)}"
    table(
        ("TERM", "UNITS", "FROM"),
        [
            (
                "available for sale",
                line.available,
                f"{line.account}, {line.warehouse_code}, SKU {line.backend_sku}; {as_of}; {changed}",
            ),
            ("sold and not reserved there", -line.in_flight, "orders known here"),
            ("buffer", -line.buffer, f"merchants.buffers of {line.merchant}"),
            ("sellable", line.sellable, "never below 0"),
            ("in the shop", _in_shop(line), f"stamp {instant(line.stamp)}" if line.stamp else "no stamp yet"),
        ],
        right=("UNITS",),
        indent=2,
    )
    say(f"  {_why(line) or 'The shop holds the right number.'}")


def print_drift(found: list[Comparison]) -> None:
    """Print full compares, newest first, each against the one before it of the same back end."""
    table(
        ("FINISHED", "ACCOUNT", "SKUS", "OFF", "UNITS OFF", "EDITED", "UNKNOWN", "UNREADABLE", "TREND"),
        [
            (
                instant(one.finished_at),
                one.account,
                one.skus,
                one.skus_off,
                one.units_off,
                one.edited,
                one.unknown,
                one.unreadable,
                _trend(one, _before(found, place)),
            )
            for place, one in enumerate(found)
        ],
        right=("SKUS", "OFF", "UNITS OFF", "EDITED", "UNKNOWN", "UNREADABLE"),
    )


def _why(line: StockLine) -> str:
    return f"{line.why}; the next run writes it" if line.due else line.why


def _in_shop(line: StockLine) -> str | int | None:
    """Return what the shop holds, with a question mark where a later write may have changed it."""
    if line.sending is None:
        return line.published
    return "?" if line.published is None else f"{line.published}?"


def _before(found: list[Comparison], place: int) -> Comparison | None:
    return next((one for one in found[place + 1 :] if one.account == found[place].account), None)


def _trend(one: Comparison, before: Comparison | None) -> str:
    if before is None:
        return "-"
    change = one.units_off - before.units_off
    return f"{change:+,} units" if change else "as before"
