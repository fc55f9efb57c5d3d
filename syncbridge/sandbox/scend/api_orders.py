"""Endpoints for orders (contract 2.2, rows 2 to 7)."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from syncbridge.sandbox.faults import Fault
from syncbridge.sandbox.journal import EFFECT
from syncbridge.sandbox.scend.cancelling import cancel_by_client
from syncbridge.sandbox.scend.content_rules import refuse_order
from syncbridge.sandbox.scend.errors import detail, not_found, validation_failed
from syncbridge.sandbox.scend.fields import FieldReader
from syncbridge.sandbox.scend.gate import ACCOUNT, WORLD, json_body, optional_json_body
from syncbridge.sandbox.scend.intake import correct_address, create, find_repeat, in_progress, release
from syncbridge.sandbox.scend.lifecycle import STATUSES
from syncbridge.sandbox.scend.order_document import Content, read_address, read_order, sku_format_details
from syncbridge.sandbox.scend.pages import BASE_PATH, Filters, answer_list, json_answer, vendor_path
from syncbridge.sandbox.scend.reference_data import CANCEL_REASONS
from syncbridge.sandbox.scend.world import Account, Order


async def post_order(request: web.Request) -> web.Response:
    """Create an order, or answer a repeat with the order that exists."""
    account, world = request[ACCOUNT], request.app[WORLD]
    settings = world.settings
    body = await json_body(request)
    content, problems = read_order(body, world.now(), strict=settings.strict_fields)
    if problems:
        raise validation_failed(problems)
    reference = content["clientReference"]
    if wrong := sku_format_details(content["lines"]):
        raise refuse_order(wrong, reference)
    if (fault := world.plan.take_late("in_progress", "POST", vendor_path(request))) is not None:
        _create_elsewhere(request, account, content, fault)
        raise in_progress()
    existing = find_repeat(account, content)
    if existing is not None:
        return json_answer(existing.raw(), 200, {"Idempotent-Replay": "true"})
    if settings.processing_seconds:
        account.references_in_progress.add(reference)
        try:
            await world.clock.wait(settings.processing_seconds)
        finally:
            account.references_in_progress.discard(reference)
    order = create(account, content)
    request[EFFECT] = True
    location = f"{request.app[BASE_PATH]}/orders/{order.key}"
    return json_answer(order.raw(), 201, {"Location": location})


def _create_elsewhere(request: web.Request, account: Account, content: Content, fault: Fault) -> None:
    """Let the other request, the one that is in progress, succeed where the fault says `effect`."""
    if fault.effect and content["clientReference"] not in account.order_by_reference:
        create(account, content)
        request[EFFECT] = True


def _find(request: web.Request) -> Order:
    order = request[ACCOUNT].orders.rows.get(request.match_info["orderId"])
    if order is None:
        raise not_found("The order")
    return order


async def get_order(request: web.Request) -> web.Response:
    """Answer one order as it is now."""
    return json_answer(_find(request).raw())


async def list_orders(request: web.Request) -> web.Response:
    """Answer the orders feed; `clientReference` is answered from an index."""
    account, world = request[ACCOUNT], request.app[WORLD]
    lag = world.settings.search_lag_seconds
    visible_until = world.clock.timestamp() - lag

    def by_reference(filters: Filters) -> Iterable[Order] | None:
        if "clientReference" not in filters:
            return None
        found = (account.order_by_reference.get(reference) for reference in filters["clientReference"])
        return [order for order in found if order is not None and (not lag or order.created <= visible_until)]

    return answer_list(
        request,
        account.orders,
        {"clientReference": None, "status": STATUSES, "warehouseCode": None},
        matches=_matches,
        candidates=by_reference,
        lag_seconds=lag,
    )


def _matches(order: Order, filters: Filters) -> bool:
    return all(order.document[name] in values for name, values in filters.items())


async def patch_delivery_address(request: web.Request) -> web.Response:
    """Replace the delivery address of a quarantined or held order."""
    order, world = _find(request), request.app[WORLD]
    body = await json_body(request)
    if not isinstance(body, dict):
        raise validation_failed([detail("INVALID_FORMAT", "", None, "The body must be an object.")])
    reader = FieldReader(body, [], strict=world.settings.strict_fields)
    address = read_address(reader)
    if reader.problems or address is None:
        raise validation_failed(reader.problems)
    correct_address(order, address)
    request[EFFECT] = True
    return json_answer(order.raw())


async def post_release(request: web.Request) -> web.Response:
    """Validate a quarantined order again."""
    order = _find(request)
    await optional_json_body(request)
    version = order.document["version"]
    release(order)
    request[EFFECT] = order.document["version"] != version
    return json_answer(order.raw())


async def post_cancel(request: web.Request) -> web.Response:
    """Cancel an order, or ask the floor to."""
    order, world = _find(request), request.app[WORLD]
    body = await json_body(request)
    if not isinstance(body, dict):
        raise validation_failed([detail("INVALID_FORMAT", "", None, "The body must be an object.")])
    reader = FieldReader(body, [], strict=world.settings.strict_fields)
    reason = reader.choice("reasonCode", CANCEL_REASONS, required=True)
    reader.text("note", 200)
    reader.finish()
    if reader.problems or reason is None:
        raise validation_failed(reader.problems)
    version = order.document["version"]
    status = cancel_by_client(order, reason)
    request[EFFECT] = order.document["version"] != version
    return json_answer(order.raw(), status)
