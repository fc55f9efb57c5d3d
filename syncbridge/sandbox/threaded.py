"""A sandbox on a background thread of this process, for tests and benchmarks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from aiohttp import web

from syncbridge.sandbox.ending import end_the_rest, what_is_waited_for

T = TypeVar("T")

STOP_SECONDS = 30.0
"""How long starting or stopping may take (chosen; it takes milliseconds, on a busy machine a second)."""


class ThreadedServer:
    """Serve an application on a free loopback port while the `with` block runs; enter gives its base URL.

    Raises RuntimeError with the stack of every task where it does not start or stop in time.
    """

    def __init__(self, app: web.Application, host: str = "127.0.0.1", port: int = 0) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._serve, name="sandbox", daemon=True)
        self._runner: web.AppRunner | None = None
        self.base_url = ""

    def __enter__(self) -> str:
        self._thread.start()
        if not self._ready.wait(STOP_SECONDS):
            raise RuntimeError(f"a stand-in did not start within {STOP_SECONDS:g} s; {self._waits()}")
        if self._failure is not None:
            self._thread.join()
            raise self._failure
        return self.base_url

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            raise RuntimeError(
                f"the stand-in at {self.base_url} did not stop within {STOP_SECONDS:g} s; {self._waits()}"
            )

    def _waits(self) -> str:
        return f"it waits for:\n{what_is_waited_for(self._loop, self._thread)}"

    def call(self, function: Callable[[], T]) -> T:
        """Run `function` on the server's thread and return its result, so that state is never raced."""

        async def on_loop() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(on_loop(), self._loop).result(timeout=30)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._start())
        except Exception as error:  # noqa: BLE001 - raised again in __enter__, on the thread that asked
            self._failure = error
            self._ready.set()
            self._loop.close()
            return
        self._ready.set()
        try:
            self._loop.run_forever()
            self._loop.run_until_complete(self._close())
        finally:
            self._loop.close()

    async def _start(self) -> None:
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, backlog=1024).start()
        self.base_url = f"http://{self._host}:{self._runner.addresses[0][1]}"

    async def _close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
        # A call that its client has given up on still runs; nobody else would end it.
        await end_the_rest()
