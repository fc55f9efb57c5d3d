"""The control plane's verbs for goods that come back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from syncbridge.sandbox.control_plane import ControlError
from syncbridge.sandbox.orderwise import returning
from syncbridge.sandbox.orderwise.control import data_of, exact_body
from syncbridge.sandbox.orderwise.decimal_json import answer
from syncbridge.sandbox.orderwise.oracle import return_row
from syncbridge.sandbox.orderwise.orders import Order
from syncbridge.sandbox.orderwise.returns import CustomerReturn
from syncbridge.sandbox.orderwise.world import DataSet, compared


def _find(request: web.Request, data: DataSet) -> CustomerReturn:
    rma = request.match_info.get("rma")
    if rma is not None:
        found = data.return_by_reference.get(compared(rma))
    else:
        text = request.match_info["returnId"]
        found = data.returns.get(int(text)) if text.isascii() and text.isdecimal() else None
    if found is None:
        raise ControlError(404, "there is no such return")
    return found


def _arrivals(data: DataSet, order: Order | None, body: dict[str, Any], known: CustomerReturn | None) -> Any:
    try:
        return returning.arrivals_of(data, order, body.get("lines"), known)
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise ControlError(400, f"lines: {error}") from error


def _receive(data: DataSet, found: CustomerReturn, body: dict[str, Any]) -> None:
    arrivals = _arrivals(data, found.order, body, found)
    ago = float(body.get("amendedSecondsAgo") or 0)
    returning.receive(data, found, arrivals, close=bool(body.get("close")), amended_seconds_ago=ago)


_VERBS: dict[str, Callable[[DataSet, CustomerReturn, dict[str, Any]], None]] = {
    "receive": _receive,
    "complete": lambda data, found, _: returning.complete(data, found),
    "cancel": lambda data, found, _: returning.cancel(data, found),
}


async def post_return_verb(request: web.Request) -> web.Response:
    """Receive goods of an announced return, complete it, or withdraw it."""
    verb = _VERBS.get(request.match_info["verb"])
    if verb is None:
        raise ControlError(404, f"verbs of a return: {', '.join(_VERBS)}")
    body = await exact_body(request)
    data = data_of(request, body)
    found = _find(request, data)
    verb(data, found, body)
    return answer(return_row(data, found))


async def post_unlinked(request: web.Request) -> web.Response:
    """Receive goods that nobody announced, of an order (clientReference or orderId) or of none."""
    body = await exact_body(request)
    data = data_of(request, body)
    order = None
    if body.get("clientReference") is not None or body.get("orderId") is not None:
        orders = data.orders_of(str(body.get("clientReference")))
        order = data.orders.get(body["orderId"]) if "orderId" in body else orders[0] if orders else None
        if order is None:
            raise ControlError(404, "there is no such order")
    ago = float(body.get("amendedSecondsAgo") or 0)
    arrivals = _arrivals(data, order, body, None)
    made = returning.receive_unlinked(data, order, arrivals, amended_seconds_ago=ago)
    return answer(return_row(data, made), 201)
