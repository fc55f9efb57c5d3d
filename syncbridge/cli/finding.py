"""What a check of the doctor comes to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad it is. Trouble stops work or endangers it; a warning is legal, but somebody should know."""

    OK = "ok"
    WARNING = "warning"
    TROUBLE = "trouble"


@dataclass(frozen=True)
class Finding:
    """One line: which check, what it found, and what to do about it."""

    check: str
    verdict: Verdict
    text: str
    way_out: str = ""


def ok(check: str, text: str) -> Finding:
    return Finding(check, Verdict.OK, text)


def warning(check: str, text: str, way_out: str = "") -> Finding:
    return Finding(check, Verdict.WARNING, text, way_out)


def trouble(check: str, text: str, way_out: str) -> Finding:
    return Finding(check, Verdict.TROUBLE, text, way_out)
