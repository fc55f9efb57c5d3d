"""What happens to every vendor request before and after its handler (contract 2.2, 2.3, 12.1).

The order of checks: application (404, a page), authentication (401, empty), rate limit (429, only where one is set),
module permission (403), route (404 a page, 405), media type and JSON (415, 400); the rest is the handlers' business.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import sys
import traceback
from email.utils import formatdate
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from syncbridge.sandbox.faults import CONTROL_PREFIX, FAULT, Fault, FaultPlan
from syncbridge.sandbox.journal import REQUEST_ID, SCOPE
from syncbridge.sandbox.orderwise.decimal_json import read_json
from syncbridge.sandbox.orderwise.refusals import Refusal, html_page, unauthorised
from syncbridge.sandbox.orderwise.settings import ASSUMED_ENDPOINTS
from syncbridge.sandbox.orderwise.world import DataSet, Token, User, World

WORLD = web.AppKey("WORLD", World)
DATA = web.RequestKey("DATA", DataSet)
USER = web.RequestKey("USER", User)

MODULES: web.AppKey[dict[tuple[str, str], str | None]] = web.AppKey("MODULES", dict)
"""The module that must be ticked, by method and route; None needs none."""

BODY_LIMIT = 4 * 1024 * 1024
"""Guessed: the usual limit of the vendor's web server, IIS with ASP.NET."""

_PAGES = {
    403: "Forbidden",
    404: "File or directory not found.",
    405: "Method not allowed",
    502: "Bad Gateway",
}


class OrderWiseFaults(FaultPlan):
    """A plan whose paths are written without the application name and in small letters, whatever the caller writes."""

    def take(self, method: str, path: str) -> Fault | None:
        """Draw the fault for one request, or None."""
        _, slash, rest = path.lstrip("/").partition("/")
        return super().take(method, (slash + rest).lower())


class _Unauthorised(Exception):
    """The caller is nobody."""


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Check a vendor request in order, turn refusals into the vendor's answers, and stamp the answer."""
    if request.path.startswith(CONTROL_PREFIX):
        return await handler(request)
    request[REQUEST_ID] = f"ow_{secrets.token_hex(4)}"
    response = await _guarded(request, handler)
    response.headers["Date"] = formatdate(request.app[WORLD].clock.timestamp(), usegmt=True)
    return response


async def _guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    world = request.app[WORLD]
    try:
        refused = _check(request, world)
        return refused if refused is not None else await handler(request)
    except _Unauthorised:
        return unauthorised(world.settings.unauthorised_body)
    except Refusal as refusal:
        return refusal.response()
    except web.HTTPRequestEntityTooLarge:
        return html_page(413, "Request Entity Too Large")
    except web.HTTPException as error:
        return html_page(error.status, error.reason)
    except Exception:  # noqa: BLE001 - a fault of the sandbox must look like a fault of the vendor, and be seen
        traceback.print_exc(file=sys.stderr)
        world.journal.fact("sandbox_defect", requestId=request[REQUEST_ID])
        return Refusal(500, "The sandbox failed; see its standard error.").response()


def _check(request: web.Request, world: World) -> web.StreamResponse | None:
    application = request.path.lstrip("/").partition("/")[0].casefold()
    data = world.data_set(world.applications[application]) if application in world.applications else None
    if data is None:
        return html_page(404, _PAGES[404])
    request[DATA], request[SCOPE] = data, data.name
    resource = request.match_info.route.resource
    route = resource.canonical if resource is not None else ""
    if route.endswith("/token/gettoken"):
        request[USER] = user_of_basic(request, data)
    elif not route.endswith("/docs"):
        token = authenticate(request, data)
        request[USER] = token.user
        _limit(world, token)
    refusal = request.match_info.http_exception
    if any(route.endswith(ASSUMED_ENDPOINTS[name]) for name in world.settings.absent_endpoints):
        return html_page(404, _PAGES[404])
    if refusal is not None:
        return html_page(refusal.status, _PAGES.get(refusal.status, refusal.reason))
    module = request.app[MODULES].get((request.method, route))
    allowed = request[USER].modules if USER in request else None
    if module is not None and allowed is not None and module not in allowed:
        raise Refusal(403, f"The API user group has no permission for the module {module}.")
    return None


def _limit(world: World, token: Token) -> None:
    rate = world.settings.rate_per_second
    if rate is None:
        return
    now = world.clock.timestamp()
    if (token.bucket.capacity, token.bucket.rate) != (world.settings.rate_capacity, rate):
        token.bucket.resize(world.settings.rate_capacity, rate, now)
    if not token.bucket.take(now):
        seconds = str(token.bucket.retry_after())
        raise Refusal(429, "Too many requests.", headers={"Retry-After": seconds})


def user_of_basic(request: web.Request, data: DataSet) -> User:
    """Return whose name and password these are; raise _Unauthorised. A lenient sandbox takes any."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.casefold() != "basic":
        raise _Unauthorised
    try:
        name, _, password = base64.b64decode(given.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise _Unauthorised from error
    if data.world.settings.lenient_auth:
        return User(name, password)
    user = data.users.get(name.casefold())
    if user is None or not hmac.compare_digest(user.password.encode(), password.encode()):
        raise _Unauthorised
    return user


def authenticate(request: web.Request, data: DataSet) -> Token:
    """Return the token of a request; raise _Unauthorised. A lenient sandbox takes any Basic header instead."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.casefold() == "basic" and data.world.settings.lenient_auth:
        user = user_of_basic(request, data)
        lenient = data.tokens.get(f"basic {user.name}") or data.tokens[data.mint(user)]
        return data.tokens.setdefault(f"basic {user.name}", lenient)
    if scheme.casefold() != "bearer":
        raise _Unauthorised
    fault = request.get(FAULT)
    if fault is not None and fault.kind == "token_revoked":
        data.tokens.clear()
    token = data.tokens.get(given.strip())
    if token is None or token.expires <= data.world.clock.timestamp():
        raise _Unauthorised
    return token


def render_fault(request: web.Request, fault: Fault) -> web.StreamResponse | None:
    """Give injected errors the form in which they are met: 401 empty, gateway errors as a page, 429 and 500 as JSON."""
    status = 429 if fault.kind == "rate_limit" else fault.status
    after = fault.retry_after if fault.retry_after is not None else (1 if status == 429 else None)
    headers = {"Retry-After": str(after)} if after is not None else {}
    if status == 401:
        return unauthorised(request.app[WORLD].settings.unauthorised_body)
    if status in (502, 503, 504):
        page = html_page(
            status, {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Time-out"}[status]
        )
        page.headers.update(headers)
        return page
    text = "Too many requests." if status == 429 else "An error has occurred."
    return Refusal(status, text, headers=headers).response()


async def json_body(request: web.Request) -> Any:
    """Read a JSON body with fractions as Decimal; raise Refusal 415 or 400."""
    if request.content_type != "application/json" or "Content-Type" not in request.headers:
        raise Refusal(415, "Send application/json.")
    try:
        return read_json(await request.read())
    except (ValueError, UnicodeDecodeError) as error:
        raise Refusal(400, f"The body is not JSON: {error}") from error
