"""Serving a sandbox from the command line: loopback only, until told to stop."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import os
import signal
import sys

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from syncbridge.sandbox.ending import what_is_waited_for
from syncbridge.sandbox.faults import CONTROL_PREFIX

STOP_SECONDS = 10.0
"""How long an orderly stop may take (chosen; it takes milliseconds, with calls under way two seconds)."""


def require_loopback(host: str) -> None:
    """Raise ValueError unless `host` is this machine: a sandbox has no business on a network."""
    if host == "localhost":
        return
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"a sandbox listens on loopback addresses only, not on {host!r}")


def run(app: web.Application, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; prints one line "listening on http://host:port" when ready.

    Port 0 takes a free one. Raises ValueError for a host that is not loopback.
    """
    require_loopback(host)
    asyncio.run(_serve(app, host, port))


async def _serve(app: web.Application, host: str, port: int) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=1024).start()
        print(f"listening on http://{host}:{runner.addresses[0][1]}", flush=True)
        await stop.wait()
    finally:
        await _clean_up(runner)


async def _clean_up(runner: web.AppRunner) -> None:
    """Stop in order; whatever does not let itself be stopped is named and ends with the process."""
    cleaning = asyncio.create_task(runner.cleanup())
    await asyncio.wait([cleaning], timeout=STOP_SECONDS)
    if not cleaning.done():
        waits = what_is_waited_for(asyncio.get_running_loop())
        print(f"not stopped within {STOP_SECONDS:g} s; it waits for:\n{waits}", file=sys.stderr, flush=True)
        os._exit(1)
    cleaning.result()


def control_token_middleware(token: str | None) -> Middleware:
    """Make the middleware that asks for `X-Sandbox-Token` on the control plane, where one is configured."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if token and request.path.startswith(CONTROL_PREFIX):
            given = request.headers.get("X-Sandbox-Token", "")
            if not hmac.compare_digest(given.encode(), token.encode()):
                return web.json_response({"error": "X-Sandbox-Token is missing or wrong"}, status=403)
        return await handler(request)

    return check
