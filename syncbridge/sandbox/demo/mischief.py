"""What goes wrong in a demo: a seeded mix of everything that vendors do on a bad day."""

from __future__ import annotations

import random
from typing import Any

Fault = dict[str, Any]

WEBHOOK_TROUBLE: dict[str, Any] = {
    "webhookDuplicateProbability": 0.2,
    "webhookDropProbability": 0.1,
    "webhookShuffleSeconds": 1.5,
}
"""Settings of the SCAYLE stand-in."""


def scayle_faults(seed: int) -> list[Fault]:
    """Return the faults of SCAYLE's Admin API: answers lost after they took effect, errors, dropped calls.

    No 429 among them: SCAYLE's window is a minute, which a caller rightly waits out, and the demo has three.
    """
    return _shuffled(
        seed,
        [
            _fault("POST", "/fulfillment/shipments", "timeout_after", times=3, probability=0.3),
            _fault("POST", "/fulfillment/shipments", "timeout_before", times=2, probability=0.2),
            _fault("POST", "/fulfillment/shipments", "http", times=3, probability=0.2, status=500),
            _fault(
                "POST", "/fulfillment/shipments", "http", times=2, probability=0.2, status=500, effect=True
            ),
            _fault("POST", "/variants", "timeout_after", times=2, probability=0.1),
            _fault("POST", "/variants", "http", times=2, probability=0.1, status=503),
            _fault("GET", "/shops", "http", times=3, probability=0.1, status=503),
            _fault("GET", "/shops", "timeout_before", times=2, probability=0.1),
            _fault("GET", "/shops", "truncated_json", times=2, probability=0.05),
            _fault("GET", "/shops", "slow", times=5, probability=0.1, milliseconds=800),
        ],
    )


def scend_faults(seed: int) -> list[Fault]:
    """Return the faults of Scend's API and webhooks."""
    calls = _shuffled(
        seed + 1,
        [
            _fault("POST", "/orders", "timeout_after", times=4, probability=0.2),
            _fault("POST", "/orders", "timeout_before", times=3, probability=0.1),
            _fault("POST", "/orders", "http", times=2, probability=0.1, status=500, effect=True),
            _fault("POST", "/orders", "http", times=3, probability=0.1, status=500),
            _fault("POST", "/orders", "html_502", times=2, probability=0.1),
            _fault("POST", "/orders", "rate_limit", times=2, probability=0.1),
            _fault("GET", "/orders", "http", times=3, probability=0.1, status=503, retryAfter=1),
            _fault("GET", "/orders", "timeout_before", times=2, probability=0.05),
            _fault("GET", "/despatches", "truncated_json", times=2, probability=0.1),
            _fault("GET", "/despatches", "html_502", times=2, probability=0.1),
            _fault("GET", "/stock-levels", "truncated_json", times=2, probability=0.1),
            _fault("GET", "/stock-levels", "http", times=2, probability=0.1, status=503, retryAfter=1),
        ],
    )
    webhooks: list[Fault] = [
        {"fault": "duplicate_webhook", "times": None, "probability": 0.2},
        {"fault": "reorder_webhooks", "times": None, "probability": 0.2},
        {"fault": "drop_webhook", "times": None, "probability": 0.1},
        {"fault": "bad_signature", "times": 2, "probability": 0.05},
    ]
    return [*calls, *webhooks]


def _fault(method: str, path: str, kind: str, **more: Any) -> Fault:
    return {"match": {"method": method, "path": path}, "fault": kind, **more}


def _shuffled(seed: int, faults: list[Fault]) -> list[Fault]:
    """Put faults in the sequence of this seed: of several that match, the first to win its draw is played."""
    random.Random(seed).shuffle(faults)
    return faults
