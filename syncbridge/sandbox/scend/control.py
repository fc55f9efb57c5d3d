"""The control plane: seeding, switches, and acting as the warehouse (contract 2.19)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from syncbridge.sandbox.control_plane import RESET, ControlError, answer_refusals, control_body
from syncbridge.sandbox.scend.api_webhooks import POSTMAN, subscribe
from syncbridge.sandbox.scend.autoprogress import AutomaticWarehouse
from syncbridge.sandbox.scend.despatching import set_tracking, void
from syncbridge.sandbox.scend.errors import ApiError
from syncbridge.sandbox.scend.feeds import to_json
from syncbridge.sandbox.scend.floor import VERBS
from syncbridge.sandbox.scend.gate import WORLD
from syncbridge.sandbox.scend.lifecycle import refresh_permission
from syncbridge.sandbox.scend.pages import json_answer
from syncbridge.sandbox.scend.returning import advance as advance_return
from syncbridge.sandbox.scend.returning import close, receive, receive_unannounced
from syncbridge.sandbox.scend.seeding import account_of, adjust, seed
from syncbridge.sandbox.scend.settings import Settings
from syncbridge.sandbox.scend.stock import Impossible
from syncbridge.sandbox.scend.world import Despatch, Order, Return, World

WAREHOUSE = web.AppKey("WAREHOUSE", AutomaticWarehouse)
impossible_is_409 = answer_refusals(
    Impossible, ApiError, lambda error: (error.status, f"{error.message} {error.details}")
)


async def _object(request: web.Request) -> dict[str, Any]:
    body = await control_body(request)
    if not isinstance(body, dict):
        raise ControlError(400, "the body is a JSON object")
    return body


async def post_reset(request: web.Request) -> web.Response:
    """Start afresh: empty state, seed, settings, faults, journal and clock as at the start."""
    request.app[RESET]()
    return web.json_response({"reset": True})


async def post_seed(request: web.Request) -> web.Response:
    """Add or change accounts, tokens, services, products and stock."""
    return web.json_response({"seeded": seed(request.app[WORLD], await _object(request))})


async def get_settings(request: web.Request) -> web.Response:
    """Show the switches."""
    return web.json_response(request.app[WORLD].settings.to_json())


async def put_settings(request: web.Request) -> web.Response:
    """Change the switches that are given; the others stay."""
    world = request.app[WORLD]
    try:
        changed = world.settings.changed(await _object(request))
    except (TypeError, ValueError) as error:
        raise ControlError(400, str(error)) from error
    before, world.settings = world.settings, changed
    _apply(world, before, request.app[WAREHOUSE])
    return web.json_response(changed.to_json())


def _apply(world: World, before: Settings, warehouse: AutomaticWarehouse) -> None:
    after = world.settings
    if (before.rate_capacity, before.rate_per_second) != (after.rate_capacity, after.rate_per_second):
        for token in world.tokens.values():
            token.bucket.resize(after.rate_capacity, after.rate_per_second, world.clock.timestamp())
    if before.cutoff_status != after.cutoff_status:
        for order in world.orders.values():
            refresh_permission(order)
    if after.auto_progress.enabled and before.auto_progress != after.auto_progress:
        warehouse.start()


def find_order(request: web.Request) -> Order:
    """Find the order of a control call by its id or its clientReference; raise ControlError 404."""
    world = request.app[WORLD]
    reference = request.match_info.get("reference")
    if reference is not None:
        account = account_of(world, request.query.get("account"))
        order = account.order_by_reference.get(reference)
    else:
        order = world.orders.get(request.match_info["orderId"])
    if order is None:
        raise ControlError(404, "there is no such order")
    return order


async def get_order(request: web.Request) -> web.Response:
    """Show an order, whatever its account."""
    return json_answer(find_order(request).raw())


async def post_order_verb(request: web.Request) -> web.Response:
    """Do something to an order as the warehouse; answers the order (despatch: the despatch)."""
    verb = VERBS.get(request.match_info["verb"])
    if verb is None:
        raise ControlError(404, f"verbs of an order: {', '.join(VERBS)}")
    order = find_order(request)
    made = verb(order, await _object(request))
    return json_answer(to_json(made) if made is not None else order.raw())


def _find_despatch(request: web.Request) -> Despatch:
    found = request.app[WORLD].despatches.get(request.match_info["despatchId"])
    if found is None:
        raise ControlError(404, "there is no such despatch")
    return found


async def post_tracking(request: web.Request) -> web.Response:
    """Set tracking: {"trackingNumber"} for all parcels, or {"parcels": [{parcelId or parcelNumber, trackingNumber}]}."""
    found, body = _find_despatch(request), await _object(request)
    parcels = found.document["parcels"]
    if "parcels" in body:
        by_number = {parcel["parcelNumber"]: parcel["parcelId"] for parcel in parcels}
        numbers = {
            str(one.get("parcelId") or by_number.get(one.get("parcelNumber"))): one.get("trackingNumber")
            for one in body["parcels"]
        }
    elif "trackingNumber" in body:
        numbers = {parcel["parcelId"]: body["trackingNumber"] for parcel in parcels}
    else:
        raise ControlError(400, "give trackingNumber or parcels")
    set_tracking(found, numbers, body.get("carrierCode"))
    return json_answer(found.raw())


async def post_void(request: web.Request) -> web.Response:
    """Void a despatch."""
    found = _find_despatch(request)
    void(found)
    return json_answer(found.raw())


def _find_return(request: web.Request) -> Return:
    world = request.app[WORLD]
    rma = request.match_info.get("rma")
    if rma is not None:
        found = account_of(world, request.query.get("account")).return_by_rma.get(rma)
    else:
        found = world.returns.get(request.match_info["returnId"])
    if found is None:
        raise ControlError(404, "there is no such return")
    return found


async def post_receive(request: web.Request) -> web.Response:
    """Book a receipt, and close the return where `close` is true; without lines it only closes."""
    found, body = _find_return(request), await _object(request)
    lines = body.get("lines") or ()
    if lines or not body.get("close"):
        receive(found, lines)
    if body.get("close"):
        close(found)
    return json_answer(found.raw())


async def post_advance_return(request: web.Request) -> web.Response:
    """Move a return: {"to": "IN_TRANSIT"} and so on."""
    found, body = _find_return(request), await _object(request)
    advance_return(found, str(body.get("to")))
    return json_answer(found.raw())


async def post_unannounced(request: web.Request) -> web.Response:
    """Book a blind return."""
    world, body = request.app[WORLD], await _object(request)
    made = receive_unannounced(account_of(world, body.get("accountCode")), body)
    if body.get("close"):
        close(made)
    return json_answer(made.raw(), 201)


async def post_adjust(request: web.Request) -> web.Response:
    """Change a stock bucket by hand."""
    return json_answer(to_json(adjust(request.app[WORLD], await _object(request))))


async def post_subscription(request: web.Request) -> web.Response:
    """Subscribe with a secret of one's choosing, so that a receiver can be started first."""
    world, body = request.app[WORLD], await _object(request)
    account = account_of(world, body.pop("accountCode", None))
    made = subscribe(account, body, strict=False, secret=body.pop("secret", None))
    return json_answer(to_json(made.to_json(with_secret=True)), 201)


async def get_deliveries(request: web.Request) -> web.Response:
    """Show the kept webhook deliveries and the counters."""
    postman = request.app[POSTMAN]
    topic = request.query.get("topic")
    shown = [one.to_json() for one in postman.kept.values() if topic in (None, one.topic)]
    return json_answer(to_json({"deliveries": shown, "counters": postman.counters}))


async def post_redeliver(request: web.Request) -> web.Response:
    """Send a kept event again under its old id."""
    again = request.app[POSTMAN].redeliver(request.match_info["eventId"])
    if not again:
        raise ControlError(404, "there is no such event (any more)")
    return web.json_response({"redelivered": again}, status=202)


async def post_flush_stock(request: web.Request) -> web.Response:
    """Send gathered stock changes now instead of after their 30 seconds."""
    for account in request.app[WORLD].accounts.values():
        request.app[POSTMAN].flush_stock(account)
    return web.json_response({"flushed": True})
