"""Rings for the workers: enqueues a flow by its task name, so that nobody below has to import `tasks`.

A ring is a hint. The ledger knows what is due and the sweeper rings again, so a ring that is lost costs seconds, never an order. That is
why ringing never raises, is bounded in time, and gives up for `PAUSE_SECONDS` after a failure: a dead Redis costs a web
request half a second once in a while and not every time.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog
from celery import Celery

from syncbridge.coordination.broker import PUBLISH_TIMEOUT_SECONDS, transport_options

log = structlog.get_logger(__name__)

TASK_PREFIX = "syncbridge."

COALESCE_SECONDS = 0.2
"""Chosen: rings of one flow without arguments that come so close together mean the same run."""

PAUSE_SECONDS = 2.0
"""Chosen: how long publishing is skipped after it failed."""

COMPLAIN_SECONDS = 60.0
"""Chosen: one log line a minute about a broker that does not take our rings."""


def publisher_app(broker_url: str) -> Celery:
    """Return a Celery application that can only publish, and does so within about a second or fails.

    It has no tasks, no result backend and one connection; it does not become the process's current application, so it can live beside
    `tasks.app` in a worker.
    """
    app = Celery("syncbridge-doorbell", broker=broker_url, set_as_current=False)
    app.conf.update(
        result_backend=None,
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        task_create_missing_queues=True,
        broker_transport_options=transport_options(
            socket_timeout=PUBLISH_TIMEOUT_SECONDS, connect_timeout=PUBLISH_TIMEOUT_SECONDS
        ),
        broker_connection_timeout=PUBLISH_TIMEOUT_SECONDS,
        task_publish_retry_policy={
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0.1,
            "interval_max": 0.1,
        },
    )
    return app


@dataclass
class _Window:
    """A span in which rings of one flow are joined; `missed` says that one came after the first."""

    ends_at: float
    missed: bool = False


class CeleryDoorbell:
    """Implements `Doorbell`: task `syncbridge.<flow>` to the queue that `queues` names for the flow.

    **Joining.** The first ring without arguments leaves at once. Others of the same flow within `COALESCE_SECONDS` are joined into
    one more, sent when the span ends: work committed after the first ring's run has looked is met by the second. Should the process
    die in between, the sweeper rings. Rings with arguments name single items and are never joined.

    `make_app` is called once per process, so that no broker connection is shared across a fork. Thread-safe.
    """

    def __init__(
        self,
        make_app: Callable[[], Celery],
        queues: Mapping[str, str],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], None] | None = None,
    ) -> None:
        self._make_app = make_app
        self._queues = dict(queues)
        self._monotonic = monotonic
        self._later = later or _after
        self._pid = 0
        self._lock = threading.Lock()
        self._app: Celery | None = None
        self._windows: dict[str, _Window] = {}
        self._paused_until = 0.0
        self._silent_until = 0.0

    @classmethod
    def to(cls, broker_url: str, queues: Mapping[str, str]) -> CeleryDoorbell:
        """Return a doorbell at the broker; `queues` names the queue of each flow."""
        return cls(lambda: publisher_app(broker_url), queues)

    def ring(self, flow: str, *arguments: str | int) -> None:
        """Enqueue a flow by name; never raises and takes at most about a second, once per pause."""
        if os.getpid() != self._pid:
            self._start_anew()
        if arguments or self._opens_window(flow):
            self._publish(flow, arguments)

    def _opens_window(self, flow: str) -> bool:
        """Say whether this ring is the first of a span; a later one is remembered for the span's end."""
        now = self._monotonic()
        with self._lock:
            window = self._windows.get(flow)
            if window is None or now >= window.ends_at:
                self._windows[flow] = _Window(now + COALESCE_SECONDS)
                return True
            if not window.missed:
                window.missed = True
                self._later(max(0.0, window.ends_at - now), lambda: self._close_window(flow))
            return False

    def _close_window(self, flow: str) -> None:
        with self._lock:
            self._windows[flow] = _Window(self._monotonic() + COALESCE_SECONDS)
        self._publish(flow, ())

    def _publish(self, flow: str, arguments: tuple[str | int, ...]) -> None:
        queue = self._queues.get(flow)
        if queue is None:
            log.error("doorbell_unknown_flow", flow=flow)
            return
        if self._monotonic() < self._paused_until:
            return
        try:
            self._application().send_task(
                TASK_PREFIX + flow, args=list(arguments), queue=queue, ignore_result=True
            )
        except Exception as error:  # noqa: BLE001 - kombu raises errors of every layer below it, and a ring must never hurt its caller
            self._failed(flow, error)

    def _application(self) -> Celery:
        with self._lock:
            if self._app is None:
                self._app = self._make_app()
            return self._app

    def _failed(self, flow: str, error: Exception) -> None:
        now = self._monotonic()
        self._paused_until = now + PAUSE_SECONDS
        if now >= self._silent_until:
            self._silent_until = now + COMPLAIN_SECONDS
            log.warning("doorbell_failed", flow=flow, error=type(error).__name__)

    def _start_anew(self) -> None:
        # After a fork: the parent's connections stay the parent's, and its lock may have been held at that moment.
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._app = None
        self._windows = {}
        self._paused_until = 0.0
        self._silent_until = 0.0


def _after(seconds: float, what: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, what)
    timer.daemon = True  # a process that ends does not wait for a hint
    timer.start()
