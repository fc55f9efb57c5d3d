"""What Prometheus reads: counters of this web process group, and gauges straight from the ledger.

With several gunicorn workers, prometheus_client's multi-process mode adds their counters up: `worker_group` names a folder in the environment before
this module is imported. Without that folder the counters are those of one process. `GET /metrics` wants the inbound credentials: which
merchants there are and how they fare is nobody else's business.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime

import structlog
from flask import Blueprint, Response, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from syncbridge.ledger import gauges
from syncbridge.web.parts import Parts
from syncbridge.web.worker_group import FOLDER_VARIABLE

log = structlog.get_logger(__name__)

_own = CollectorRegistry()

REQUESTS = Counter(
    "syncbridge_http_requests", "Requests answered, by route and status.", ["route", "status"], registry=_own
)
AUTH_FAILURES = Counter(
    "syncbridge_inbound_auth_failures",
    "Calls with wrong or no credentials, by route.",
    ["route"],
    registry=_own,
)
DELEGATION_SECONDS = Histogram(
    "syncbridge_delegation_seconds",
    "Time from the first byte of a delegation to its answer.",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0),
    registry=_own,
)
CANCELLATION_SECONDS = Histogram(
    "syncbridge_cancellation_seconds",
    "Time from the first byte of a cancellation call to its answer, back end included.",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0),
    registry=_own,
)


def blueprint(parts: Parts) -> Blueprint:
    """Return the `/metrics` endpoint."""
    from syncbridge.web.auth import refuse_stranger

    pages = Blueprint("metrics", __name__)

    @pages.get("/metrics")
    def show() -> Response:
        if (stranger := refuse_stranger(request, parts.configuration())) is not None:
            return stranger
        return Response(_counters() + _ledger(parts), content_type=CONTENT_TYPE_LATEST)

    return pages


def _counters() -> bytes:
    if not os.environ.get(FOLDER_VARIABLE):
        return generate_latest(_own)
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]  # the library leaves it untyped
    return generate_latest(together)


def _ledger(parts: Parts) -> bytes:
    """Return the ledger's gauges; a database that does not answer is a gauge of its own and no error."""
    registry = CollectorRegistry()
    up = Gauge("syncbridge_ledger_up", "1 when the database answered.", registry=registry)
    try:
        context = parts.context()
        with context.ledger.reading() as connection:
            scheduled = gauges.scheduled_writes(connection)
            trouble = gauges.open_exceptions(connection)
        now = context.now()
    except Exception as error:  # noqa: BLE001 - whatever is broken, the counters are still worth reading
        log.warning("metrics_without_ledger", error=type(error).__name__)
        up.set(0)
        return generate_latest(registry)
    up.set(1)
    _writes(registry, scheduled, now)
    _exceptions(registry, trouble)
    return generate_latest(registry)


def _writes(registry: CollectorRegistry, scheduled: Iterable[gauges.Scheduled], now: datetime) -> None:
    names = ["target", "kind", "state"]
    counts = Gauge("syncbridge_writes_scheduled", "Outward writes with a due time.", names, registry=registry)
    due = Gauge(
        "syncbridge_writes_due_seconds",
        "Age of the oldest due time that has passed.",
        names,
        registry=registry,
    )
    for row in scheduled:
        labels = (row.target, row.kind, row.state)
        counts.labels(*labels).set(row.count)
        due.labels(*labels).set(max(0.0, (now - row.oldest_due_at).total_seconds()))


def _exceptions(registry: CollectorRegistry, trouble: Iterable[gauges.Trouble]) -> None:
    names = ["kind", "owner"]
    counts = Gauge("syncbridge_exceptions_open", "Open exceptions.", names, registry=registry)
    for row in trouble:
        counts.labels(row.kind, row.owner).set(row.count)
