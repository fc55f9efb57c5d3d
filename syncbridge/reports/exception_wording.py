"""An exception in words: its evidence line by line, and its steps with the numbers that whoever follows them has to type."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise

from syncbridge.reports.exception_lists import ExceptionRow

_LISTED = 8
"""So many ids stand one by one; more are told as spans with their number. Chosen."""


def steps_of(found: ExceptionRow) -> tuple[str, ...]:
    """Return what to do, with this exception's own numbers where the table of kinds has ORDER, ID and RECEIPT.

    Where the steps speak of resolving it, the command for that stands last; elsewhere closing it by hand would settle nothing.
    """
    filled = [filled_in(found, step) for step in found.steps]
    by_hand = f"syncbridge exceptions resolve {found.id}"
    if found.is_open and any("resolve" in step for step in found.steps) and not any(by_hand in step for step in filled):
        filled.append(f"To resolve it: {by_hand} --reason TEXT.")
    return tuple(filled)


def filled_in(found: ExceptionRow, text: str) -> str:
    """Return a text with the exception's own numbers in the commands that it names."""
    known = [(f"exceptions {verb} ID", f"exceptions {verb} {found.id}") for verb in ("resolve", "retry", "show")]
    if found.order_id is not None:
        known += [(f"orders {verb} ORDER", f"orders {verb} {found.order_id}") for verb in ("show", "rerun", "cancel")]
    receipt = found.evidence.get("receipt")
    if isinstance(receipt, int):
        known.append(("returns decide RECEIPT", f"returns decide {receipt}"))
    for general, own in known:
        text = text.replace(f"syncbridge {general}", f"syncbridge {own}")
    return text


def evidence_of(found: ExceptionRow) -> tuple[tuple[str, str], ...]:
    """Return what the exception carries, name and value, without the list of faults, which is shown by itself."""
    return tuple(
        (name.replace("_", " "), _text(value))
        for name, value in found.evidence.items()
        if name != "faults" and value not in (None, "", [], {})
    )


def ids(found: Sequence[int]) -> str:
    """Return ids in words: `7, 9` for few, and for many what follows on one another as spans: `7, 9 to 21 (14 in all)`."""
    if len(found) <= _LISTED:
        return ", ".join(map(str, found))
    spans = (f"{first} to {last}" if first != last else str(first) for first, last in _spans(sorted(set(found))))
    return f"{', '.join(spans)} ({len(found):,} in all)"


def _spans(ordered: list[int]) -> Iterator[tuple[int, int]]:
    first = ordered[0]
    for one, following in pairwise([*ordered, None]):
        if one is not None and following != one + 1:
            yield first, one
            first = following if following is not None else one


def _text(value: object) -> str:
    if isinstance(value, list) and value and all(type(one) is int for one in value):
        return ids(value)
    if isinstance(value, list) and all(isinstance(one, str | int) for one in value):
        return ", ".join(map(str, value))
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)
