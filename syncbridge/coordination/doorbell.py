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

from syncbridge.coordination import keys
from syncbridge.coordination.broker import PUBLISH_TIMEOUT_SECONDS, transport_options
from syncbridge.coordination.redis_connection import RedisConnection, RedisUnreachable

log = structlog.get_logger(__name__)

TASK_PREFIX = "syncbridge."

COALESCE_SECONDS = 0.2
"""Chosen: the same rings so close together mean the same run."""

MOST_WINDOWS = 1000
"""Chosen: beyond so many remembered rings the ended ones are forgotten."""

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

    **Joining.** The first ring leaves at once. The same ring again within `COALESCE_SECONDS` (flow and arguments) is joined with others into
    one more, sent when the span ends: work committed after the first ring's run has looked is met by the second. Should the process
    die in between, the sweeper rings.

    **Spacing.** Flows named in `spaced` cost calls of a scarce quota (reading a feed). All processes together start them at most twice
    in the seconds given there: the first ring at once, the next ones as one run at the span's end, which starts after all of them.

    `make_app` is called once per process, so that no broker connection is shared across a fork. Thread-safe.
    """

    def __init__(
        self,
        make_app: Callable[[], Celery],
        queues: Mapping[str, str],
        *,
        redis: RedisConnection | None = None,
        spaced: Mapping[str, float] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        later: Callable[[float, Callable[[], None]], None] | None = None,
    ) -> None:
        self._make_app = make_app
        self._queues = dict(queues)
        self._redis = redis
        self._spaced = dict(spaced or {})
        self._monotonic = monotonic
        self._later = later or _after
        self._pid = 0
        self._lock = threading.Lock()
        self._app: Celery | None = None
        self._windows: dict[tuple[str | int, ...], _Window] = {}
        self._paused_until = 0.0
        self._silent_until = 0.0

    @classmethod
    def to(
        cls,
        broker_url: str,
        queues: Mapping[str, str],
        redis: RedisConnection | None = None,
        spaced: Mapping[str, float] | None = None,
    ) -> CeleryDoorbell:
        """Return a doorbell at the broker; `queues` names the queue of each flow, `spaced` the seconds between runs."""
        return cls(lambda: publisher_app(broker_url), queues, redis=redis, spaced=spaced)

    def ring(self, flow: str, *arguments: str | int) -> None:
        """Enqueue a flow by name; never raises and takes at most about a second, once per pause."""
        if os.getpid() != self._pid:
            self._start_anew()
        if flow in self._spaced and self._redis is not None:
            self._ring_spaced(flow, self._spaced[flow], self._redis)
        elif self._opens_window(flow, arguments):
            self._publish(flow, arguments)

    def _ring_spaced(self, flow: str, seconds: float, redis: RedisConnection) -> None:
        """Ring at once, or for the span's end, or not at all because a run that starts later is on its way."""
        span = max(1, round(seconds * 1000))

        def first(part: str) -> bool:
            return redis.run(lambda client: bool(client.set(keys.bell(flow, part), 1, nx=True, px=span)))

        try:
            if first("now"):
                self._publish(flow, ())
            elif first("later"):
                self._publish(flow, (), countdown=seconds)
        except RedisUnreachable:
            return  # the broker is that same Redis; the schedule and the sweeper make up for it

    def _opens_window(self, flow: str, arguments: tuple[str | int, ...]) -> bool:
        """Say whether this ring is the first of a span; a later one is remembered for the span's end."""
        now = self._monotonic()
        ring = (flow, *arguments)
        with self._lock:
            window = self._windows.get(ring)
            if window is None or now >= window.ends_at:
                if len(self._windows) > MOST_WINDOWS:
                    self._windows = {name: one for name, one in self._windows.items() if now < one.ends_at}
                self._windows[ring] = _Window(now + COALESCE_SECONDS)
                return True
            if not window.missed:
                window.missed = True
                self._later(max(0.0, window.ends_at - now), lambda: self._close_window(flow, arguments))
            return False

    def _close_window(self, flow: str, arguments: tuple[str | int, ...]) -> None:
        with self._lock:
            self._windows[flow, *arguments] = _Window(self._monotonic() + COALESCE_SECONDS)
        self._publish(flow, arguments)

    def _publish(self, flow: str, arguments: tuple[str | int, ...], countdown: float | None = None) -> None:
        queue = self._queues.get(flow)
        if queue is None:
            log.error("doorbell_unknown_flow", flow=flow)
            return
        if self._monotonic() < self._paused_until:
            return
        try:
            self._application().send_task(
                TASK_PREFIX + flow, args=list(arguments), queue=queue, ignore_result=True, countdown=countdown
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
