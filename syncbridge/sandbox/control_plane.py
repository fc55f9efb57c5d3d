"""The part of the control plane that every sandbox has: clock, faults, and the journal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from syncbridge.sandbox.clock import SandboxClock, format_instant, parse_instant
from syncbridge.sandbox.faults import CONTROL_PREFIX, FaultPlan
from syncbridge.sandbox.journal import Journal

RESET: web.AppKey[Callable[[], None]] = web.AppKey("RESET", object)  # type: ignore[arg-type]  # keys take classes only
"""What brings a stand-in's state back to how it started."""

Refusal = TypeVar("Refusal", bound=Exception)


class ControlError(Exception):
    """The control plane cannot do what was asked; `status` is the HTTP answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


async def control_body(request: web.Request) -> Any:
    """Read the JSON body of a control call; an empty body is an empty object. Raises ControlError 400.

    It reads past the application's size limit, which is the vendor's rule and not one for seeding.
    """
    raw = b"".join([chunk async for chunk in request.content.iter_any()])
    if not raw.strip():
        return {}
    try:
        return json.loads(raw)
    except ValueError as error:
        raise ControlError(400, f"the body is not JSON: {error}") from error


@web.middleware
async def control_error_middleware(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answer a ControlError as `{"error": …}` with its status."""
    try:
        response: web.StreamResponse = await handler(request)
        return response
    except ControlError as error:
        return web.json_response({"error": str(error)}, status=error.status)


def answer_refusals(
    impossible: type[Exception], refusal: type[Refusal], told: Callable[[Refusal], tuple[int, str]]
) -> Middleware:
    """Make the middleware that answers what the warehouse cannot do with 409, and refusals of control calls as `told` has it."""

    @web.middleware
    async def refusals_are_answers(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.startswith(CONTROL_PREFIX):
            return await handler(request)
        try:
            return await handler(request)
        except impossible as error:
            raise ControlError(409, str(error)) from error
        except refusal as error:
            status, text = told(error)
            raise ControlError(status, text) from error

    return refusals_are_answers


def add_shared_control(app: web.Application, clock: SandboxClock, plan: FaultPlan, journal: Journal) -> None:
    """Add `/_sandbox/clock`, `/_sandbox/faults` and `/_sandbox/journal` to an application."""

    async def read_clock(request: web.Request) -> web.Response:
        return web.json_response({"now": format_instant(clock.now())})

    async def move_clock(request: web.Request) -> web.Response:
        body = await control_body(request)
        try:
            if not body.keys() & {"now", "advanceSeconds", "stopped"}:
                raise ControlError(400, 'give {"now": …}, {"advanceSeconds": …} or {"stopped": true}')
            if "stopped" in body:
                (clock.stop if body["stopped"] else clock.go_on)()
            if "now" in body:
                clock.set(parse_instant(body["now"]))
            elif "advanceSeconds" in body:
                clock.advance(float(body["advanceSeconds"]))
        except (AttributeError, TypeError, ValueError) as error:
            raise ControlError(400, str(error)) from error
        return web.json_response({"now": format_instant(clock.now())})

    async def list_faults(request: web.Request) -> web.Response:
        return web.json_response({"faults": plan.list(), "faultsInjected": dict(plan.injected)})

    async def add_faults(request: web.Request) -> web.Response:
        body = await control_body(request)
        try:
            added = [plan.add(one).to_json() for one in (body if isinstance(body, list) else [body])]
        except (AttributeError, TypeError, ValueError) as error:
            raise ControlError(400, str(error)) from error
        return web.json_response({"added": added}, status=201)

    async def clear_faults(request: web.Request) -> web.Response:
        plan.clear()
        return web.json_response({"faults": []})

    async def read_journal(request: web.Request) -> web.Response:
        after = int(request.query.get("after", "0"))
        limit = int(request.query.get("limit", "1000"))
        rows = [row for row in journal.requests if row["n"] > after][:limit]
        return web.json_response({"requests": rows, "counters": journal.counters()})

    app.router.add_get(f"{CONTROL_PREFIX}/clock", read_clock)
    app.router.add_post(f"{CONTROL_PREFIX}/clock", move_clock)
    app.router.add_get(f"{CONTROL_PREFIX}/faults", list_faults)
    app.router.add_post(f"{CONTROL_PREFIX}/faults", add_faults)
    app.router.add_delete(f"{CONTROL_PREFIX}/faults", clear_faults)
    app.router.add_get(f"{CONTROL_PREFIX}/journal", read_journal)
