"""The vendors' bad day: every kind of fault that their contracts know, on every call, from the first order to the last.

Faults have a probability and no end: they are played until the storm is over.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

Fault = dict[str, Any]

ANY_PATH = {"pathRegex": ".*"}
BEYOND_DEADLINE_MILLISECONDS = 9_000
"""Longer than the 8 s that our processes wait for an answer: the write takes effect after they have given up."""

SCAYLE_SETTINGS: dict[str, Any] = {
    "webhookDuplicateProbability": 0.15,
    "webhookDropProbability": 0.15,
    "webhookShuffleSeconds": 2.0,
}


def transport_faults() -> list[Fault]:
    """Return what can happen to a call of any vendor: about one call in seven fails, most of them writes in doubt."""
    return [
        {"match": ANY_PATH, "times": None, **fault}
        for fault in (
            {"fault": "http", "status": 500, "probability": 0.02},
            {"fault": "http", "status": 500, "effect": True, "probability": 0.015},
            {"fault": "http", "status": 503, "retryAfter": 1, "probability": 0.01},
            {"fault": "html_502", "probability": 0.01},
            {"fault": "html_502", "effect": True, "probability": 0.005},
            {"fault": "truncated_json", "probability": 0.01},
            {"fault": "timeout_before", "probability": 0.015},
            {"fault": "timeout_after", "probability": 0.02},
            {"fault": "slow", "milliseconds": 700, "probability": 0.03},
            {"fault": "slow", "milliseconds": BEYOND_DEADLINE_MILLISECONDS, "probability": 0.003},
        )
    ]


def scayle_faults(seed: int) -> list[Fault]:
    """Return SCAYLE's faults; its own calls to us get lost on the way, or our answer does."""
    own_calls = [
        {"fault": kind, "match": {"topic": topic}, "times": None, "probability": 0.1}
        for topic in ("delegation", "cancellation")
        for kind in ("lost_request", "lost_answer")
    ]
    refusals: list[Fault] = [
        # Its window is a minute, which a caller rightly waits out: on every call it would be what most of a storm is
        # spent on, so it meets stock alone, whose scope is its own.
        {"match": {"path": "/variants"}, "fault": "rate_limit", "times": 2, "probability": 0.02},
        {"match": ANY_PATH, "fault": "http", "status": 401, "times": 2, "probability": 0.002},
    ]
    return _shuffled(seed, [*transport_faults(), *refusals, *own_calls])


def scend_faults(seed: int) -> list[Fault]:
    """Return Scend's faults."""
    own: list[Fault] = [
        {"match": ANY_PATH, "fault": "rate_limit", "times": None, "probability": 0.004},
        {"match": ANY_PATH, "fault": "token_revoked", "times": 2, "probability": 0.003},
        {
            "match": {"method": "GET", **ANY_PATH},
            "fault": "cursor_expired",
            "times": None,
            "probability": 0.02,
        },
        {
            "match": {"method": "POST", "path": "/orders"},
            "fault": "in_progress",
            "times": None,
            "probability": 0.05,
        },
        {"fault": "duplicate_webhook", "times": None, "probability": 0.15},
        {"fault": "reorder_webhooks", "times": None, "probability": 0.15},
        {"fault": "drop_webhook", "times": None, "probability": 0.15},
        {"fault": "bad_signature", "times": None, "probability": 0.03},
    ]
    return _shuffled(seed + 1, [*transport_faults(), *own])


def orderwise_faults(seed: int) -> list[Fault]:
    """Return OrderWise's faults. `import_refused` is for installations that import later, which this one does not."""
    own: list[Fault] = [
        {"match": ANY_PATH, "fault": "rate_limit", "times": None, "probability": 0.004},
        {"match": ANY_PATH, "fault": "token_revoked", "times": None, "probability": 0.005},
    ]
    return _shuffled(seed + 2, [*transport_faults(), *own])


def _shuffled(seed: int, faults: Iterable[Fault]) -> list[Fault]:
    """Put faults in the sequence of this seed: of several that match, the first to win its draw is played."""
    listed = list(faults)
    random.Random(seed).shuffle(listed)
    return listed
