"""What happens later: due events on the sandbox clock, and the bounded pools that make outgoing calls."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import heapq
import io
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit, urlunsplit

import aiohttp

from syncbridge.sandbox.clock import SandboxClock, whole_microseconds
from syncbridge.sandbox.ending import end
from syncbridge.sandbox.faults import FaultPlan

Job = Callable[[], Awaitable[None] | None]

ANSWER_LIMIT = 65_536
"""Characters of an answer that are kept (guessed; no merchant has more to say)."""


OUTGOING_FAULTS = ("lost_request", "lost_answer")
"""Faults for SCAYLE's own calls; their topics are `delegation`, `cancellation`, `bulk` and the webhook events."""

LARGE_BODY = 500_000
"""Bytes from which on a body is sent as a file, as an order of thousands of units needs."""


class Scheduler:
    """Keep due events in one heap and run them when the sandbox clock reaches them.

    Plain functions run in the scheduler itself; coroutine functions become tasks. Belongs to one event loop.
    """

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock
        self._heap: list[tuple[float, int, Job]] = []
        self._sequence = itertools.count()
        self._changed = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self.failures: list[str] = []

    @property
    def pending(self) -> int:
        """How many events wait for their time."""
        return len(self._heap)

    @property
    def busy(self) -> int:
        """How many asynchronous jobs are under way."""
        return len(self._running)

    def next_due(self) -> float | None:
        """Return the epoch second of the next event, or None."""
        return self._heap[0][0] if self._heap else None

    def at(self, due: float, job: Job) -> None:
        """Run `job` when the clock reaches `due`, in epoch seconds."""
        heapq.heappush(self._heap, (whole_microseconds(due), next(self._sequence), job))
        self._changed.set()

    def after(self, seconds: float, job: Job) -> None:
        """Run `job` once `seconds` of sandbox time have passed."""
        self.at(self._clock.timestamp() + seconds, job)

    def start(self) -> None:
        """Begin to work; needs a running event loop."""
        self._loops = [asyncio.create_task(self._run()), asyncio.create_task(self._watch_clock())]

    async def stop(self) -> None:
        """Forget what is due, cancel what runs, and return when all of it has ended."""
        self._heap.clear()
        await end((*self._loops, *self._running))

    def clear(self) -> None:
        """Forget everything that is due, and end what is under way."""
        self._heap.clear()
        for task in tuple(self._running):
            task.cancel()

    async def _watch_clock(self) -> None:
        while True:
            await self._clock.moved_or_elapsed(None)
            self._changed.set()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            self._run_due()
            due = self.next_due()
            wait = None if due is None else self._clock.seconds_until(due)
            # Not `wait_for`: up to Python 3.11 it loses a cancellation that comes in the same turn as the event.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._changed.wait()

    def _run_due(self) -> None:
        now = self._clock.timestamp()
        while self._heap and self._heap[0][0] <= now:
            _, _, job = heapq.heappop(self._heap)
            try:
                awaitable = job()
            except Exception as error:  # noqa: BLE001 - one bad job must not stop the clockwork; it is shown in the summary
                self.failures.append(f"{type(error).__name__}: {error}")
                continue
            if awaitable is not None:
                self.spawn(awaitable)

    def spawn(self, awaitable: Awaitable[None]) -> asyncio.Task[None]:
        """Run a coroutine as a task that is kept alive and whose failure is recorded."""
        task = asyncio.ensure_future(self._guard(awaitable))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _guard(self, awaitable: Awaitable[None]) -> None:
        try:
            await awaitable
        except Exception as error:  # noqa: BLE001 - recorded, so that a bug of the sandbox is seen by whoever judges
            self.failures.append(f"{type(error).__name__}: {error}")


@dataclass(frozen=True, slots=True)
class CallResult:
    """How an outgoing call ended; `status` is None when no answer came, and `error` says why."""

    status: int | None
    text: str
    error: str | None
    latency_milliseconds: float


class Outgoing:
    """Make POST calls to merchants and webhook receivers, never more than `limit` at once.

    Credentials in the URL become HTTP Basic. Every call uses a fresh connection, so that a connection which
    the receiver closed while idle is never mistaken for a failed delivery.
    """

    def __init__(self, limit: int, faults: FaultPlan) -> None:
        self._faults = faults
        self._slots = asyncio.Semaphore(limit)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the client session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def post(self, url: str, body: bytes, timeout_seconds: float, topic: str) -> CallResult:
        """Post JSON and return how it ended; never raises for anything the receiver does.

        A planned fault for the topic loses the request on the way, or the answer on the way back.
        """
        fault = self._faults.take_webhook(topic)
        if fault is not None and fault.kind == "lost_request":
            return CallResult(None, "", "the request was lost (injected)", 0.0)
        result = await self._post(url, body, timeout_seconds)
        if fault is not None:
            return CallResult(None, "", "the answer was lost (injected)", result.latency_milliseconds)
        return result

    async def _post(self, url: str, body: bytes, timeout_seconds: float) -> CallResult:
        target, headers = split_credentials(url)
        headers["Content-Type"] = "application/json"
        async with self._slots:
            if self._session is None:
                self._session = aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0, force_close=True), auto_decompress=True
                )
            started = time.perf_counter()
            status: int | None = None
            text, error = "", None
            try:
                timeout = aiohttp.ClientTimeout(total=timeout_seconds)
                # aiohttp wants large bodies as files; the receiver sees no difference.
                data = io.BytesIO(body) if len(body) > LARGE_BODY else body
                async with self._session.post(
                    target, data=data, headers=headers, timeout=timeout, allow_redirects=False
                ) as response:
                    text = (await response.text(errors="replace"))[:ANSWER_LIMIT]
                    status = response.status
            except TimeoutError:
                error = f"no answer within {timeout_seconds:g} s"
            except (aiohttp.ClientError, OSError, ValueError) as failure:
                error = f"{type(failure).__name__}: {failure}"
            return CallResult(status, text, error, round((time.perf_counter() - started) * 1000, 3))


def split_credentials(url: str) -> tuple[str, dict[str, str]]:
    """Take user and password out of a URL and return the bare URL with the Authorization header."""
    parts = urlsplit(url)
    if parts.username is None:
        return url, {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    bare = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    return bare, {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
