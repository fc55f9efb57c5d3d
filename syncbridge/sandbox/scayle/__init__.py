"""A stand-in for SCAYLE: the Admin API, order delegation, cancellation calls, webhooks, stock and billing.

Start it with `python -m syncbridge.sandbox.scayle --port 8101`, or serve `build_app()` in a test. Everything a
vendor leaves open is a switch under `/_sandbox/settings`; `--help` prints the control plane.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from aiohttp import web

from syncbridge.sandbox.control_plane import control_error_middleware
from syncbridge.sandbox.scayle.api import BODY_LIMIT, AdminApi, self_description
from syncbridge.sandbox.scayle.control import ControlPlane
from syncbridge.sandbox.scayle.settings import LaunchSettings
from syncbridge.sandbox.scayle.world import World
from syncbridge.sandbox.serving import control_token_middleware

__all__ = ["WORLD", "LaunchSettings", "World", "build_app"]

WORLD: web.AppKey[World] = web.AppKey("WORLD", World)
"""Where an application keeps its tenant, for drivers in the same process."""


def build_app(settings: LaunchSettings | None = None) -> web.Application:
    """Make the application that plays one SCAYLE tenant."""
    launch = settings or LaunchSettings()
    world = World(launch)
    api = AdminApi(world)
    app = web.Application(
        client_max_size=BODY_LIMIT,
        middlewares=[
            control_token_middleware(launch.control_token),
            control_error_middleware,
            *api.middlewares(),
        ],
    )
    app[WORLD] = world
    ControlPlane(world).register(app)

    async def describe(request: web.Request) -> web.Response:
        return web.json_response(self_description(launch.base_path))

    async def unknown_control(request: web.Request) -> web.Response:
        return web.json_response({"error": "there is no such control call"}, status=404)

    async def work(app: web.Application) -> AsyncIterator[None]:
        world.scheduler.start()
        yield
        await world.stop()

    app.router.add_get(f"/{launch.base_path.strip('/')}/admin-api.json", describe)
    app.router.add_route("*", "/_sandbox/{tail:.*}", unknown_control)
    app.router.add_route("*", "/{tail:.*}", api.answer)
    app.cleanup_ctx.append(work)
    return app
