"""The endpoints of sales orders and export definitions (contract 12.1 to 12.6, 4, 5)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from syncbridge.sandbox.journal import EFFECT
from syncbridge.sandbox.orderwise.cancelling import cancel_by_client
from syncbridge.sandbox.orderwise.decimal_json import answer
from syncbridge.sandbox.orderwise.exports import read_parameters
from syncbridge.sandbox.orderwise.gate import DATA, USER, json_body
from syncbridge.sandbox.orderwise.intake import submit
from syncbridge.sandbox.orderwise.local_time import local_text
from syncbridge.sandbox.orderwise.orders import Despatch, Order
from syncbridge.sandbox.orderwise.refusals import Refusal
from syncbridge.sandbox.orderwise.world import DataSet


async def get_token(request: web.Request) -> web.Response:
    """Mint a token; the whole body is the token in double quotes."""
    return answer(request[DATA].mint(request[USER]))


def find_order(request: web.Request) -> Order:
    """Find the order of a path; raise Refusal 404."""
    order = request[DATA].orders.get(int(request.match_info["orderId"]))
    if order is None:
        raise Refusal(404, "Order not found")
    return order


async def post_order(request: web.Request) -> web.Response:
    """Create a sales order."""
    body = await json_body(request)
    session = next((value for name, value in request.query.items() if name.casefold() == "session_id"), None)
    response = submit(request[DATA], session, body)
    request[EFFECT] = True
    return response


def _flag(request: web.Request, name: str) -> bool:
    value = next((value for given, value in request.query.items() if given.casefold() == name), "false")
    return value.casefold() in ("true", "1")


async def get_status(request: web.Request) -> web.Response:
    """Show how far an order is; lines and deliveries only where they are asked for."""
    data, order = request[DATA], find_order(request)
    shown: dict[str, Any] = {
        "orderNumber": order.number,
        "eCommerceOrderNumber": order.ecommerce_number,
        "orderStatus": data.order_text(order),
        "subStatus": order.sub_text,
    }
    if _flag(request, "include_lines"):
        shown["lines"] = [
            {
                "orderLineId": line.id,
                "itemNumber": line.item_number,
                "variantCode": line.variant.code,
                "quantityRequired": line.quantity,
                "quantitySent": line.sent,
                "quantityToBeSent": line.open,
                "quantityCancelled": line.cancelled,
                "lineStatus": data.line_text(line),
            }
            for line in order.lines
        ]
    if _flag(request, "include_delivery"):
        shown["deliveries"] = [_delivery(made) for made in order.despatches]
    return answer(shown)


def _delivery(made: Despatch) -> dict[str, Any]:
    numbers = [one.number for one in made.consignments]
    return {
        "deliveryId": made.id,
        "deliveryNumber": made.number,
        "deliveryDate": local_text(made.at),
        "courierName": made.courier["name"],
        "consignmentNumbers": numbers,
        "trackingUrl": made.url(numbers[0]) if numbers else None,
        "lines": [
            {"orderLineId": line.id, "variantCode": line.variant.code, "quantity": quantity}
            for line, quantity in made.units.items()
        ],
    }


async def post_cancel(request: web.Request) -> web.Response:
    """Cancel an order or some of its lines."""
    data, order = request[DATA], find_order(request)
    body = await json_body(request) if request.can_read_body else {}
    shown = cancel_by_client(data, order, body)
    request[EFFECT] = True
    return answer(shown)


async def post_export(request: web.Request) -> web.Response:
    """Run an export definition."""
    data: DataSet = request[DATA]
    definition = data.exports.get(int(request.match_info["exportId"]))
    if definition is None:
        raise Refusal(404, "Export definition not found")
    values = read_parameters(await json_body(request), definition)
    return answer(definition.query(data, values))
