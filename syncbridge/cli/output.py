"""What commands print: aligned columns and sentences for people, JSON for programs.

Documents and addresses are never handed to this module: what it prints may end in a ticket.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from syncbridge.domain.money import Money

# A pipe has no width: nothing is folded there, so that `grep` and `cut` see whole rows.
_PIPE_WIDTH = 4000


def say(text: str = "") -> None:
    """Print a line to standard output."""
    print(text)


def note(text: str) -> None:
    """Print a line to standard error: what belongs to the command and not to its result."""
    print(text, file=sys.stderr)


def paragraph(text: str, indent: int = 0, hang: int = 2) -> None:
    """Print a sentence; on a terminal it is folded between words, with the further lines set in by `hang`."""
    if not sys.stdout.isatty():
        print(" " * indent + text)
        return
    width = max(40, shutil.get_terminal_size().columns)
    folded = textwrap.wrap(
        text,
        width,
        initial_indent=" " * indent,
        subsequent_indent=" " * (indent + hang),
        break_long_words=False,
        break_on_hyphens=False,
    )
    print("\n".join(folded))


def as_json(value: object) -> None:
    """Print a value as JSON: times are ISO 8601 in UTC, money is a string with its currency."""
    # Where the output cannot hold every sign, JSON has an escape of its own for it.
    whole = (sys.stdout.encoding or "").lower().replace("-", "").startswith("utf")
    print(json.dumps(plain(value), indent=2, ensure_ascii=not whole))


def plain(value: Any) -> Any:
    """Return a value as JSON has it; a dataclass becomes an object of its fields."""
    match value:
        case Money():
            return {"amount": str(value), "currency": value.currency}
        case datetime():
            return instant(value)
        case Enum():
            return value.value
        case Decimal() | Path():
            return str(value)
        case Mapping():
            return {str(name): plain(one) for name, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(one) for one in value]
        case _ if dataclasses.is_dataclass(value):
            return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _:
            return value


def instant(time: datetime) -> str:
    """Return an instant as ISO 8601 in UTC, such as 2010-12-07T10:31:00.000Z."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = (), indent: int = 0) -> None:
    """Print rows under headings, aligned; on a terminal the last column is folded into what is left of the width.

    `right` names the columns whose values stand to the right.
    """
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PIPE_WIDTH)
    grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    for place, column in enumerate(columns):
        last = place == len(columns) - 1
        grid.add_column(column, justify="right" if column in right else "left", no_wrap=not last, overflow="fold")
    for row in rows:
        grid.add_row(*(Text(_shown(cell)) for cell in row))
    with console.capture() as captured:
        console.print(Padding(grid, (0, 0, 0, indent)))
    for line in captured.get().splitlines():
        print(line.rstrip())


def _shown(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, Money):
        return f"{value} {value.currency}"
    # A control character from outside must not reach the terminal.
    return "".join(sign if sign.isprintable() or sign == "\n" else "\N{REPLACEMENT CHARACTER}" for sign in str(value))


def clean(value: object) -> str:
    """Return a value as a line of text that is safe to print."""
    return _shown(value)


def counts(found: Mapping[str, int]) -> str:
    """Return counts by name in words: "1 acknowledged, 2 sent"."""
    return ", ".join(f"{count} {name}" for name, count in found.items() if count) or "-"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun: plural(2, "order") is "2 orders"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
