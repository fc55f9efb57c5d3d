"""I10: no rate-limit refusals of our own making, and no personal data where it must not be."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from syncbridge.sandbox.clock import parse_instant
from syncbridge.sandbox.request_records import RequestEntry
from syncbridge.sandbox.score import Score, Violation, score

RELEARNING = timedelta(seconds=60)
"""How long after losing Redis a scope may be refused while its limits are learnt again (design: a minute)."""


def quiet(
    requests: Mapping[str, Sequence[RequestEntry]],
    places: Mapping[str, str],
    personal_data: Iterable[str],
    *,
    redis_lost_at: Sequence[datetime] = (),
) -> Score:
    """I10: `requests` by vendor, `places` by name (a log file, Redis) with their whole text, and the data to look for.

    The first answer of a scope teaches its limits; a 429 after it is a violation unless it was injected, or comes
    within a minute of losing Redis.
    """
    violations = [
        violation
        for vendor, entries in requests.items()
        for violation in _needless_refusals(vendor, entries, redis_lost_at)
    ]
    wanted = sorted({text for text in personal_data if text.strip()})
    for place, text in places.items():
        violations += _leaks(place, text, wanted)
    counted = sum(len(entries) for entries in requests.values()) + len(places)
    return score("I10", "Quiet", counted, violations)


def _needless_refusals(
    vendor: str, entries: Sequence[RequestEntry], redis_lost_at: Sequence[datetime]
) -> Iterator[Violation]:
    taught: set[str] = set()
    refused: dict[str, list[int]] = {}
    for entry in entries:
        if entry.status == 429 and entry.fault is None and entry.scope in taught:
            at = parse_instant(entry.at) if entry.at and redis_lost_at else None
            if at is None or not any(lost <= at <= lost + RELEARNING for lost in redis_lost_at):
                refused.setdefault(entry.scope, []).append(entry.number)
        if entry.status is not None and entry.fault is None:
            taught.add(entry.scope)
    for scope, numbers in refused.items():
        first = ", ".join(str(number) for number in numbers[:5])
        yield Violation(f"{vendor} scope {scope}", f"{len(numbers)} needless 429 (requests {first})")


def _leaks(place: str, text: str, wanted: Sequence[str]) -> Iterator[Violation]:
    readable = "\n".join((text, *_unpacked(text)))
    found = sum(1 for one in wanted if _mentions(readable, one))
    if found:
        # The texts themselves stay out of the report, which may be passed on.
        yield Violation(place, f"holds {found} pieces of personal data from the replay")


def _mentions(readable: str, wanted: str) -> bool:
    if wanted in readable:
        return True
    escaped = json.dumps(wanted)[1:-1]
    return escaped != wanted and (escaped in readable or escaped.replace("\\", "\\\\") in readable)


_BASE64 = re.compile(r"[A-Za-z0-9+/]{40,}={0,2}")


def _unpacked(text: str) -> Iterator[str]:
    """Open what is packed in base64, as the bodies of Celery's messages in Redis are."""
    for match in _BASE64.finditer(text):
        packed = match.group()
        try:
            yield base64.b64decode(packed + "=" * (-len(packed) % 4)).decode("utf-8", errors="ignore")
        except (binascii.Error, ValueError):
            continue
