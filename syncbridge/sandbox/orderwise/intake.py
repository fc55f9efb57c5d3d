"""Taking a sales order: the session, repeats, import at once or later (contract 4.5, 12.2)."""

from __future__ import annotations

from functools import partial
from typing import Any

from aiohttp import web

from syncbridge.sandbox.clock import format_instant
from syncbridge.sandbox.orderwise.decimal_json import answer, plain
from syncbridge.sandbox.orderwise.order_content import OrderContent, read_order, web_number
from syncbridge.sandbox.orderwise.orders import ORDINARY, Order, OrderLine
from syncbridge.sandbox.orderwise.refusals import Refusal
from syncbridge.sandbox.orderwise.world import DataSet, Deferred, compared

ORDER_PATH = "/sales/order"


def submit(data: DataSet, session_id: str | None, body: Any) -> web.Response:
    """Do what a create call does: 201 with the order, 200 or 202 without one where import is deferred.

    Raises Refusal 400, and 409 for a repeated number under `duplicatePolicy` reject.
    """
    session = _session(data, session_id)
    number = web_number(body)
    key = (session, compared(number))
    settings = data.world.settings
    seconds = settings.import_seconds
    if seconds is None or settings.deferred_checks == "submit":
        content = read_order(data, data.lists.sessions[session], body)
    if settings.duplicate_policy == "reject":
        _refuse_repeat(data, key, number)
    if seconds is not None:
        _defer(data, session, number, body, seconds)
        return answer({"eCommerceOrderNumber": number}, settings.deferred_status)
    order = create(data, session, content, body)
    made = {"orderId": order.id, "orderNumber": order.number, "eCommerceOrderNumber": number}
    return answer(made, 201)


def _session(data: DataSet, given: str | None) -> int:
    if given is not None and given.isascii() and given.isdecimal() and int(given) in data.lists.sessions:
        return int(given)
    raise Refusal(400, "Session not found", [{"field": "session_id", "message": "Session not found"}])


def _refuse_repeat(data: DataSet, key: tuple[int, str], number: str) -> None:
    """Refuse a number that the session has had; an order that is not imported yet has no id to tell."""
    known = data.orders_by_web_number.get(key)
    if known:
        message = f"Order {number} already exists in this session"
        field = [{"field": "orderHeader.eCommerceOrderNumber", "message": message}]
        raise Refusal(409, message, field, orderId=known[0].id, orderNumber=known[0].number)
    if data.waiting_web_numbers.get(key):
        message = f"Order {number} is waiting for import in this session"
        raise Refusal(409, message, [{"field": "orderHeader.eCommerceOrderNumber", "message": message}])


def _defer(data: DataSet, session: int, number: str, body: Any, seconds: float) -> None:
    due = data.world.clock.timestamp() + seconds
    waiting = Deferred(session, number, body, data.world.now_text(), due)
    data.deferred.append(waiting)
    key = (session, compared(number))
    data.waiting_web_numbers[key] = data.waiting_web_numbers.get(key, 0) + 1
    data.fact("order_submitted", clientReference=_reference_in(body) or number, orderId=None)
    data.world.scheduler.at(due, partial(import_deferred, data, waiting))


def import_deferred(
    data: DataSet, waiting: Deferred, refuse: str | None = None, *, by_hand: bool = False
) -> None:
    """Import a waiting order, or refuse it in silence: told to, by a fault `import_refused`, or for its contents.

    `by_hand` draws no fault: whoever imports on the control plane means it.
    """
    if waiting.state != "waiting":
        return
    key = (waiting.session, compared(waiting.ecommerce_number))
    data.waiting_web_numbers[key] -= 1
    if refuse is None and not by_hand and data.world.plan.take_late("import_refused", "POST", ORDER_PATH):
        refuse = "refused by the sandbox"
    try:
        if refuse is None and data.world.settings.duplicate_policy == "reject":
            _refuse_repeat(data, key, waiting.ecommerce_number)
        content = read_order(data, data.lists.sessions[waiting.session], waiting.body)
    except Refusal as refusal:
        refuse = refuse or refusal.message
    if refuse is not None:
        waiting.state, waiting.reason = "refused", refuse
        reference = _reference_in(waiting.body) or waiting.ecommerce_number
        data.fact("import_refused", clientReference=reference, reason=refuse)
        return
    order = create(data, waiting.session, content, waiting.body)
    waiting.state, waiting.order_id = "imported", order.id


def _reference_in(body: Any) -> str | None:
    reference = body["orderHeader"].get("customerOrderRef")
    return reference if isinstance(reference, str) else None


def create(
    data: DataSet, session: int, content: OrderContent, body: Any, duplicate_of: int | None = None
) -> Order:
    """Enter an order and hold its stock."""
    lines = [
        OrderLine(
            id=data.number("line"),
            item_number=line.item_number,
            variant=line.variant,
            quantity=line.quantity,
            location=line.location,
            tax_rate_id=line.tax_rate_id,
            item_gross=line.gross,
            item_net=line.net,
            ecommerce_item_id=line.ecommerce_item_id,
        )
        for line in content.lines
    ]
    now = data.stamp()
    order = Order(
        id=data.number("order"),
        number=str(data.number("orderNumber")),
        session=session,
        ecommerce_number=content.ecommerce_number,
        reference=content.reference,
        type=content.type,
        customer_id=content.customer_id,
        delivery_method_id=content.delivery_method_id,
        content=body,
        lines=lines,
        ordered=content.ordered or now,
        created=format_instant(data.world.clock.now()),
        amended=now,
        duplicate_of=duplicate_of,
    )
    data.orders[order.id] = order
    if order.reference is not None:
        data.orders_by_reference.setdefault(compared(order.reference), []).append(order)
    key = (session, compared(order.ecommerce_number))
    data.orders_by_web_number.setdefault(key, []).append(order)
    if order.type == ORDINARY:
        for line in lines:
            data.stock.move(line.variant, line.location, allocated=line.quantity)
    data.fact(
        "order_created",
        **data.name_of(order),
        status=order.word,
        eCommerceOrderNumber=order.ecommerce_number,
        duplicateOf=duplicate_of,
        lines=[
            {
                "lineNumber": line.item_number,
                "sku": line.variant.code.rstrip(" "),
                "quantity": plain(line.quantity),
            }
            for line in lines
        ],
    )
    data.settle()
    data.world.order_changed(data, order)
    return order


def duplicate(data: DataSet, order: Order) -> Order:
    """Enter the same order again, as an operator or a broken import of OrderWise's own would."""
    content = read_order(data, data.lists.sessions[order.session], order.content)
    return create(data, order.session, content, order.content, duplicate_of=order.id)
