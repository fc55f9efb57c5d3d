"""The Admin API over HTTP: authentication, scopes, rate limits, dispatch, and the error envelope."""

from __future__ import annotations

import hmac
from email.utils import formatdate
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from syncbridge.sandbox.faults import CONTROL_PREFIX, FAULT, Fault, fault_middleware, was_dropped
from syncbridge.sandbox.scayle import endpoints_orders, endpoints_setup, endpoints_stock, producers
from syncbridge.sandbox.scayle.answers import Answer, ApiError, Call, Json, encode, error_envelope
from syncbridge.sandbox.scayle.routing import Route, Router
from syncbridge.sandbox.scayle.world import World

BODY_LIMIT = 64 * 1024 * 1024
"""Bytes of a request body; beyond it the answer is 413 (guessed)."""

FALLBACK_SCOPE = "globalRead"
"""Whose headers an answer carries when the path is unknown."""

ROUTES: list[Route[World]] = [
    *endpoints_orders.ROUTES,
    *endpoints_stock.ROUTES,
    *endpoints_setup.ROUTES,
    *producers.ROUTES,
]
ROUTER: Router[World] = Router(ROUTES)

ROUTE_TAKEN: web.RequestKey[Route[World]] = web.RequestKey("ROUTE_TAKEN", Route)
EFFECT: web.RequestKey[bool] = web.RequestKey("SCAYLE_EFFECT", bool)


class AdminApi:
    """Answer requests below the base path for one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._base_path = "/" + world.launch.base_path.strip("/") if world.launch.base_path.strip("/") else ""
        world.execute = execute_inner

    def middlewares(self) -> list[Middleware]:
        """Return the journal and the faults, outermost first."""
        return [self._journal(), fault_middleware(self._world.faults, self._base_path, self._render_fault)]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; every refusal has the envelope, and every answer the rate headers."""
        headers: dict[str, str] = {}
        try:
            answer = await self._dispatch(request, headers)
        except ApiError as error:
            answer = Answer(error.status, error_envelope([error]))
        except web.HTTPRequestEntityTooLarge:
            too_large = ApiError(413, "PAYLOAD_TOO_LARGE", "The body is too large.", {"limit": BODY_LIMIT})
            answer = Answer(413, error_envelope([too_large]))
        except Exception as error:  # noqa: BLE001 - a bug of the sandbox must look like SCAYLE's 500 and be seen
            self._world.scheduler.failures.append(f"{request.method} {request.path}: {error!r}")
            answer = Answer(500, error_envelope([ApiError(500, "INTERNAL_ERROR", "Something broke.")]))
        request[EFFECT] = answer.effect
        headers.update(answer.headers)
        headers["Date"] = formatdate(self._world.clock.timestamp(), usegmt=True)
        body = answer.body()
        if body:
            headers["Content-Type"] = answer.content_type
        return web.Response(status=answer.status, body=body, headers=headers)

    async def _dispatch(self, request: web.Request, headers: dict[str, str]) -> Answer:
        world = self._world
        raw_path = urlsplit(request.raw_path).path if "://" in request.raw_path else request.raw_path
        raw_path = raw_path.partition("?")[0]
        inside = raw_path.startswith(f"{self._base_path}/")
        quiet = not world.behaviour.on("rateHeadersOnUnauthorised")
        token = request.headers.get("X-Access-Token", "")
        try:
            if not inside:
                raise ApiError(404, "NOT_FOUND", "There is no such path.", {"path": request.path})
            route, parameters = ROUTER.find(request.method, raw_path.removeprefix(self._base_path))
        except ApiError as error:
            self._scopes(token)
            if not quiet or error.status != 404:
                headers.update(world.rate_limiter.look(token, FALLBACK_SCOPE))
            raise
        request[ROUTE_TAKEN] = route
        try:
            scopes = self._scopes(token)
        except ApiError:
            if not quiet:
                headers.update(world.rate_limiter.look("", route.scope))
            raise
        if not _permits(scopes, route.scope):
            headers.update(world.rate_limiter.look(token, route.scope))
            raise ApiError(403, "FORBIDDEN", f"The token lacks {route.scope}.", {"scope": route.scope})
        verdict = world.rate_limiter.take(token, route.scope)
        headers.update(verdict.headers)
        if not verdict.allowed:
            raise ApiError(429, "RATE_LIMIT_EXCEED", "Rate limit exceeded.", {"scope": route.scope})
        body = await request.read()
        call = Call(request.method, request.path, parameters, request.query, request.headers, body)
        try:
            return route.handler(world, call)
        except ApiError as error:
            if quiet and error.status == 404:
                headers.clear()
            raise

    def _scopes(self, token: str) -> frozenset[str]:
        """Return the scopes of a token; raises ApiError 401 for none or a wrong one."""
        for known, scopes in self._world.launch.tokens.items():
            if hmac.compare_digest(known.encode(), token.encode()):
                return scopes
        raise ApiError(401, "UNAUTHORIZED", "X-Access-Token is missing or wrong.")

    def _render_fault(self, request: web.Request, fault: Fault) -> web.StreamResponse | None:
        """Give injected errors SCAYLE's own form: envelope and rate headers, and no Retry-After unless asked."""
        limited = fault.kind == "rate_limit"
        status = 429 if limited else fault.status
        key = "RATE_LIMIT_EXCEED" if limited else f"INJECTED_{status}"
        headers = {"Content-Type": "application/json"}
        try:
            route, _ = ROUTER.find(
                request.method, request.raw_path.partition("?")[0].removeprefix(self._base_path)
            )
        except ApiError:
            scope = FALLBACK_SCOPE
        else:
            scope = route.scope
            request[ROUTE_TAKEN] = route
        headers |= self._world.rate_limiter.look(request.headers.get("X-Access-Token", ""), scope)
        if limited:
            headers["X-RateLimit-Remaining"] = "0"
        if fault.retry_after is not None:
            headers["Retry-After"] = str(fault.retry_after)
        error = ApiError(status, key, "Injected by the sandbox.")
        return web.Response(status=status, body=encode(error_envelope([error])), headers=headers)

    def _journal(self) -> Middleware:
        journal = self._world.journal

        @web.middleware
        async def keep(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith(CONTROL_PREFIX):
                return await handler(request)
            status: int | None = 500
            try:
                response = await handler(request)
                status = None if was_dropped(response) else response.status
                return response
            finally:
                route, fault = request.get(ROUTE_TAKEN), request.get(FAULT)
                journal.record(
                    method=request.method,
                    route=route.template if route is not None else "(none)",
                    status=status,
                    path=request.raw_path.partition("?")[0],
                    query=request.query_string,
                    effect=request.get(EFFECT, False),
                    fault=fault.kind if fault is not None else None,
                    requestId=request.headers.get("X-Request-Id"),
                    scope=route.scope if route is not None else None,
                )

        return keep


def _permits(scopes: frozenset[str], needed: str) -> bool:
    """Say whether scopes suffice; write includes read (documented)."""
    if "*" in scopes or needed in scopes:
        return True
    return needed.endswith("Read") and f"{needed.removesuffix('Read')}Write" in scopes


def execute_inner(world: World, method: str, url: str, body: bytes) -> Answer:
    """Make one call of a bulk request, without token and rate limit, and answer with the envelope if refused."""
    try:
        route, parameters = ROUTER.find(method, url.partition("?")[0])
        return route.handler(world, Call(method, url, parameters, {}, {}, body, source="bulk"))
    except ApiError as error:
        return Answer(error.status, error_envelope([error]))


def self_description(base_path: str) -> Json:
    """Return a short OpenAPI document of what the stand-in serves."""
    paths: Json = {}
    for route in ROUTES:
        summary = " ".join((route.handler.__doc__ or "").split())
        operation = {"summary": summary, "x-ratelimit-scope": route.scope, "responses": {"default": {}}}
        paths.setdefault(route.template, {})[route.method.lower()] = operation
    info = {"title": "SCAYLE Admin API stand-in", "version": "v1"}
    return {"openapi": "3.0.0", "info": info, "servers": [{"url": base_path}], "paths": paths}
