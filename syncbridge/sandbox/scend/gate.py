"""What happens to every vendor request before and after its handler (contract 2.1, 2.3, 2.4, 2.6, assumed).

The order of checks: authentication (401), rate limit (429), account and scope (403), route (404, 405), media type
and size (415, 413), JSON syntax (400); the schema and everything after it are the handlers' business.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import sys
import traceback
from email.utils import formatdate
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from syncbridge.sandbox.faults import CONTROL_PREFIX, FAULT, Fault
from syncbridge.sandbox.journal import REQUEST_ID, SCOPE
from syncbridge.sandbox.scend.errors import CODE_BY_STATUS, ApiError
from syncbridge.sandbox.scend.world import Account, Token, World

WORLD = web.AppKey("WORLD", World)
ACCOUNT = web.RequestKey("ACCOUNT", Account)
TOKEN = web.RequestKey("TOKEN", Token)

BODY_LIMIT = 1024 * 1024
REQUEST_ID_FORM = re.compile(r"[A-Za-z0-9_-]{1,64}")

ScopeTable = dict[tuple[str, str], str | None]
"""Required scope by (method, route); None means any."""

SCOPES = web.AppKey("SCOPES", dict)


@web.middleware
async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give every vendor request an id and every answer that id, the server's date, and the bucket's headers."""
    if request.path.startswith(CONTROL_PREFIX):
        return await handler(request)
    given = request.headers.get("X-Request-Id", "")
    request_id = given if REQUEST_ID_FORM.fullmatch(given) else f"req_{secrets.token_hex(4)}"
    request[REQUEST_ID] = request_id
    response = await handler(request)
    headers = response.headers
    headers["X-Request-Id"] = request_id
    headers["Date"] = formatdate(request.app[WORLD].clock.timestamp(), usegmt=True)
    token = request.get(TOKEN)
    if token is not None:
        headers.update(token.bucket.headers())
        if response.status == 429 and request.get(FAULT) is not None:
            headers["X-RateLimit-Remaining"] = "0"
    return response


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Check a vendor request in the documented order, and turn refusals into the error envelope."""
    if request.path.startswith(CONTROL_PREFIX):
        return await handler(request)
    try:
        _check(request)
        return await handler(request)
    except ApiError as error:
        return render(error, request[REQUEST_ID])
    except web.HTTPRequestEntityTooLarge:
        return render(ApiError(413, "PAYLOAD_TOO_LARGE", "At most 1 MiB."), request[REQUEST_ID])
    except web.HTTPException:
        raise
    except Exception:  # noqa: BLE001 - a fault of the sandbox must look like a fault of the vendor, and be seen
        traceback.print_exc(file=sys.stderr)
        request.app[WORLD].journal.fact("sandbox_defect", requestId=request[REQUEST_ID])
        message = "The sandbox failed; see its standard error."
        return render(ApiError(500, "INTERNAL_ERROR", message), request[REQUEST_ID])


def render(error: ApiError, request_id: str) -> web.Response:
    """Make the answer to a refusal."""
    return web.Response(
        status=error.status,
        body=error.body(request_id),
        content_type="application/json",
        headers=error.headers,
    )


def _check(request: web.Request) -> None:
    world = request.app[WORLD]
    token = authenticate(request, world)
    request[TOKEN] = token
    if not token.bucket.take(world.clock.timestamp()):
        raise rate_limited(token, token.bucket.retry_after())
    code = request.headers.get("X-Scend-Account", "")
    account = world.accounts.get(code)
    if account is None or code not in token.accounts:
        message = "X-Scend-Account is absent or not permitted."
        raise ApiError(403, "FORBIDDEN", message, context={"accountCode": code or None})
    request[ACCOUNT] = account
    request[SCOPE] = code
    resource = request.match_info.route.resource
    if resource is not None:
        scope = request.app[SCOPES].get((request.method, resource.canonical))
        if scope is not None and scope not in token.scopes:
            message = f"The token lacks the scope {scope}."
            raise ApiError(403, "FORBIDDEN", message, context={"missingScope": scope})
    refusal = request.match_info.http_exception
    if isinstance(refusal, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(refusal.allowed_methods))
        message = f"{request.method} is not possible here."
        raise ApiError(405, "METHOD_NOT_ALLOWED", message, headers={"Allow": allowed})
    if refusal is not None:
        raise ApiError(404, "NOT_FOUND", "There is nothing at this path.")


def authenticate(request: web.Request, world: World) -> Token:
    """Return the token of a request; raise ApiError 401."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    fault = request.get(FAULT)
    revoked_now = fault is not None and fault.kind == "token_revoked"
    if scheme.lower() == "bearer" and not revoked_now:
        token = world.tokens.get(given.strip())
        if token is not None and not token.revoked and hmac.compare_digest(token.token, given.strip()):
            return token
    headers = {"WWW-Authenticate": "Bearer"}
    raise ApiError(401, "UNAUTHENTICATED", "The token is absent, unknown or revoked.", headers=headers)


def rate_limited(token: Token, seconds: int) -> ApiError:
    """Make the 429."""
    bucket = token.bucket
    context = {
        "limit": bucket.capacity,
        "windowSeconds": round(bucket.capacity / bucket.rate),
        "retryAfterSeconds": seconds,
    }
    headers = {"Retry-After": str(seconds)}
    return ApiError(429, "RATE_LIMITED", "Too many requests.", context=context, headers=headers)


def render_fault(request: web.Request, fault: Fault) -> web.StreamResponse:
    """Give injected errors the vendor's form, with the headers of an authenticated answer where it is one."""
    world = request.app[WORLD]
    try:
        token = authenticate(request, world)
        request[TOKEN] = token
    except ApiError:
        token = None
    status = 429 if fault.kind == "rate_limit" else fault.status
    seconds = int(fault.retry_after or 1)
    if status == 429 and token is not None:
        return render(rate_limited(token, seconds), request[REQUEST_ID])
    headers = {"Retry-After": str(seconds)} if status in (429, 503) or fault.retry_after else {}
    code = CODE_BY_STATUS.get(status, "INTERNAL_ERROR")
    return render(ApiError(status, code, "Injected by the sandbox.", headers=headers), request[REQUEST_ID])


async def json_body(request: web.Request) -> Any:
    """Read a JSON body; raise ApiError 415, 413 or 400 `MALFORMED_JSON`, in this order."""
    if request.content_type != "application/json" or "Content-Type" not in request.headers:
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", "Send application/json.")
    if (request.charset or "utf-8").lower() not in ("utf-8", "utf8"):
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", "Send UTF-8.")
    if (request.content_length or 0) > BODY_LIMIT:
        raise ApiError(413, "PAYLOAD_TOO_LARGE", "At most 1 MiB.")
    raw = await request.read()
    if len(raw) > BODY_LIMIT:
        raise ApiError(413, "PAYLOAD_TOO_LARGE", "At most 1 MiB.")
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, "MALFORMED_JSON", "The body is not JSON.") from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


async def optional_json_body(request: web.Request) -> Any:
    """Read a JSON body where none is needed; no body is None."""
    if not request.can_read_body:
        return None
    return await json_body(request)
