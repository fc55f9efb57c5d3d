"""The control plane: seeding, switches, and acting as the warehouse. It is never faulty and never asks for a token."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from syncbridge.sandbox.control_plane import RESET, ControlError, answer_refusals, control_body
from syncbridge.sandbox.orderwise.autoprogress import AutomaticWarehouse
from syncbridge.sandbox.orderwise.decimal_json import answer, read_json
from syncbridge.sandbox.orderwise.floor import VERBS, track
from syncbridge.sandbox.orderwise.gate import WORLD
from syncbridge.sandbox.orderwise.intake import import_deferred
from syncbridge.sandbox.orderwise.oracle import despatch_row, exact, order_row, stock_shelves
from syncbridge.sandbox.orderwise.orders import Despatch, Order
from syncbridge.sandbox.orderwise.refusals import Impossible, Refusal
from syncbridge.sandbox.orderwise.seeding import decimal, seed
from syncbridge.sandbox.orderwise.world import DataSet, compared

WAREHOUSE = web.AppKey("WAREHOUSE", AutomaticWarehouse)
impossible_is_409 = answer_refusals(
    Impossible, Refusal, lambda error: (error.status, f"{error.message} {error.errors}")
)


async def exact_body(request: web.Request) -> dict[str, Any]:
    """Read the JSON object of a control call with fractions as Decimal; nothing is an empty object."""
    raw = b"".join([chunk async for chunk in request.content.iter_any()])
    try:
        body = read_json(raw) if raw.strip() else {}
    except ValueError as error:
        raise ControlError(400, f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise ControlError(400, "the body is a JSON object")
    return body


def data_of(request: web.Request, body: dict[str, Any] | None = None) -> DataSet:
    """Return the data set that a call means: `account` in the query, `dataSet` in the body, else the live one."""
    name = request.query.get("account") or (body or {}).get("dataSet")
    found = request.app[WORLD].data_set(name)
    if found is None:
        raise ControlError(404, f"there is no data set {name!r}")
    return found


async def post_reset(request: web.Request) -> web.Response:
    """Start afresh: empty state, seed, settings, faults, journal and clock as at the start."""
    request.app[RESET]()
    return answer({"reset": True})


async def post_seed(request: web.Request) -> web.Response:
    """Add or change lists, customers, variants and stock."""
    body = await exact_body(request)
    return answer({"seeded": seed(data_of(request, body), body)})


async def get_settings(request: web.Request) -> web.Response:
    """Show the switches."""
    return answer(exact(request.app[WORLD].settings.to_json()))


async def put_settings(request: web.Request) -> web.Response:
    """Change the switches that are given; the others stay."""
    world, body = request.app[WORLD], await control_body(request)
    try:
        changed = world.settings.changed(body)
    except (AttributeError, TypeError, ValueError) as error:
        raise ControlError(400, str(error)) from error
    before, world.settings = world.settings, changed
    if before.recalculation_seconds != changed.recalculation_seconds:
        for data in world.data_sets.values():
            data.restart_stock_job()
    if changed.auto_progress.enabled and before.auto_progress != changed.auto_progress:
        request.app[WAREHOUSE].start()
    return answer(exact(changed.to_json()))


def find_order(request: web.Request, data: DataSet) -> Order:
    """Find the order of a control call by its id or its reference (the lowest id); raise ControlError 404."""
    reference = request.match_info.get("reference")
    if reference is not None:
        found = data.orders_of(reference) or [
            order for order in data.orders.values() if compared(order.ecommerce_number) == compared(reference)
        ]
        order = min(found, key=lambda one: one.id, default=None)
    else:
        text = request.match_info["orderId"]
        order = data.orders.get(int(text)) if text.isascii() and text.isdecimal() else None
    if order is None:
        raise ControlError(404, "there is no such order")
    return order


async def get_order(request: web.Request) -> web.Response:
    """Show an order as the oracle has it."""
    data = data_of(request)
    return answer(order_row(data, find_order(request, data)))


async def post_order_verb(request: web.Request) -> web.Response:
    """Do something to an order as the warehouse."""
    verb = VERBS.get(request.match_info["verb"])
    if verb is None:
        raise ControlError(404, f"verbs of an order: {', '.join(VERBS)}")
    body = await exact_body(request)
    data = data_of(request, body)
    order = find_order(request, data)
    made = verb(data, order, body)
    if isinstance(made, Despatch):
        return answer(despatch_row(data, made))
    return answer(order_row(data, made if isinstance(made, Order) else order))


async def post_tracking(request: web.Request) -> web.Response:
    """Set consignment numbers of a despatch."""
    body = await exact_body(request)
    data = data_of(request, body)
    text = request.match_info["despatchId"]
    found = data.despatches.get(int(text)) if text.isascii() and text.isdecimal() else None
    if found is None:
        raise ControlError(404, "there is no such despatch")
    track(data, found, body)
    return answer(despatch_row(data, found))


async def post_adjust(request: web.Request) -> web.Response:
    """Move stock: {variantCode or sku, stockLocationId, delta or physical, elsewhere}; the job notices in its time.

    With `onlyWhatIsThere` a delta that would take more than lies there is refused with 409, as a count finds it.
    """
    body = await exact_body(request)
    data = data_of(request, body)
    variant = data.variant(str(body.get("variantCode") or body.get("sku")))
    if variant is None:
        raise ControlError(404, "there is no such variant")
    try:
        location = int(
            body.get("stockLocationId") or body.get("warehouseCode") or next(iter(data.lists.locations))
        )
        shelf = variant.shelf(location)
        before = shelf.physical
        if body.get("onlyWhatIsThere") and before + decimal(body.get("delta", 0)) < 0:
            raise ControlError(409, f"only {exact(before)} lie there")
        if "physical" in body:
            shelf.physical = decimal(body["physical"])
        shelf.physical += decimal(body.get("delta", 0))
        shelf.elsewhere = decimal(body.get("elsewhere", shelf.elsewhere))
    except (ValueError, ArithmeticError) as error:
        raise ControlError(400, str(error)) from error
    delta = exact(shelf.physical - before)
    data.fact(
        "stock_adjusted",
        sku=variant.code.rstrip(" "),
        bucket="physical",
        delta=delta,
        stockLocationId=location,
    )
    data.stock.changed(variant)
    data.settle()
    return answer({"stock": list(stock_shelves(data, variant))})


async def post_recalculate(request: web.Request) -> web.Response:
    """Run the stock job now, for whatever waits for it or for one variant alone."""
    body = await exact_body(request)
    data = data_of(request, body)
    code = body.get("variantCode") or body.get("sku")
    if code is None:
        return answer({"recalculated": data.stock.recalculate()})
    variant = data.variant(str(code))
    if variant is None:
        raise ControlError(404, "there is no such variant")
    return answer({"recalculated": data.stock.recalculate_one(variant)})


async def post_expire_tokens(request: web.Request) -> web.Response:
    """Let every token that was handed out be worth nothing."""
    expired = 0
    for data in request.app[WORLD].data_sets.values():
        expired += len(data.tokens)
        data.tokens.clear()
    return answer({"expired": expired})


async def post_period(request: web.Request) -> web.Response:
    """Close or open a period: {"period": "2026-03"}."""
    body = await exact_body(request)
    data, period = data_of(request, body), str(body.get("period"))
    if len(period) != 7 or period[4] != "-":
        raise ControlError(400, 'give {"period": "2026-03"}')
    closed = data.lists.closed_periods
    (closed.add if request.match_info["verb"] == "close" else closed.discard)(period)
    return answer({"closed": sorted(closed)})


async def post_import(request: web.Request) -> web.Response:
    """Import or refuse, now, the orders that wait under a web order number or reference; oldest first."""
    body = await exact_body(request)
    data, wanted = data_of(request, body), compared(request.match_info["reference"])
    refuse = (
        str(body.get("reason") or "refused by the sandbox")
        if request.match_info["verb"] == "refuse"
        else None
    )
    waiting = [
        one for one in data.deferred if one.state == "waiting" and compared(one.ecommerce_number) == wanted
    ]
    if not waiting:
        raise ControlError(404, "no such order waits for import")
    for one in waiting:
        import_deferred(data, one, refuse, by_hand=True)
    return answer(
        {"imports": [{"state": one.state, "orderId": one.order_id, "reason": one.reason} for one in waiting]}
    )
