"""Endpoints of orders: reading, import, keys, custom data, billing, invoices and documents."""

from __future__ import annotations

from typing import Any

from syncbridge.sandbox.scayle.answers import Answer, ApiError, Body, Call, Json, encode, invalid
from syncbridge.sandbox.scayle.billing import minimal_pdf
from syncbridge.sandbox.scayle.paging import StandardFilter, page_of, read_cursor, read_limit, write_cursor
from syncbridge.sandbox.scayle.routing import Route
from syncbridge.sandbox.scayle.state import OrderRecord
from syncbridge.sandbox.scayle.world import World

SC = "/shops/{shopKey}/countries/{countryCode}"

BILLING_CODES = frozenset(
    {"billing_completed", "billing_partially_refunded", "billing_refunded", "billing_payment_cancelled"}
)


def _shop_country(world: World, call: Call) -> Json:
    return world.organisation.shop_country(call.parameters["shopKey"], call.parameters["countryCode"])


def _order(world: World, call: Call) -> OrderRecord:
    """Find the order; documented: shop and country must exist but do not filter."""
    _shop_country(world, call)
    return world.store.find(call.identifier("orderIdentifier"))


def _order_by_id(world: World, call: Call) -> OrderRecord:
    _shop_country(world, call)
    return world.store.find(call.integer("orderId"))


def list_orders(world: World, call: Call) -> Answer:
    """One page of a shop country's orders in ascending order of id."""
    if not world.behaviour.on("orderListEnabled"):
        raise ApiError(403, "FEATURE_DISABLED", "Order listing is not enabled for this tenant.")
    shop_country = _shop_country(world, call)
    chosen = StandardFilter(call.query)
    limit, after = read_limit(call.query), read_cursor(call.query)
    if chosen.min_id is not None:
        after = max(after, chosen.min_id - 1)
    wanted = call.wanted()
    found: list[OrderRecord] = []
    more = False
    for record in world.store.of_shop((shop_country["shopKey"], shop_country["countryCode"]), after):
        if chosen.max_id is not None and record.id > chosen.max_id:
            break
        if not chosen.accepts_times(record.created, record.updated):
            continue
        if not chosen.accepts_identity(record.id, record.reference_key):
            continue
        if len(found) == limit:
            more = True
            break
        found.append(record)
    cursor = encode({"next": write_cursor(found[-1].id) if more else None})
    entities = b",".join(record.view(wanted) for record in found)
    return Answer(encoded=b'{"entities":[' + entities + b'],"cursor":' + cursor + b"}")


def get_order(world: World, call: Call) -> Answer:
    """One order."""
    return Answer(encoded=_order(world, call).view(call.wanted()))


def get_status(world: World, call: Call) -> Answer:
    """Only `status` and `detailedStatus`: cheap polling."""
    document = _order(world, call).document
    return Answer(document={"status": document["status"], "detailedStatus": document["detailedStatus"]})


def put_reference_key(world: World, call: Call) -> Answer:
    """Give the order the client's own reference."""
    order = _order_by_id(world, call)
    key = call.object().text("referenceKey")
    world.store.rename(order, key)
    world.journal.fact("order.reference_key", orderId=order.id, referenceKey=key)
    return Answer(encoded=order.view(call.wanted()), effect=True)


def create_order(world: World, call: Call) -> Answer:
    """Import an order that was sold elsewhere; it is paid, so it is confirmed at once."""
    shop_country = _shop_country(world, call)
    body = call.object()
    body.objects("items")
    return _imported(world, {**body.members}, shop_country, call)


def create_subscription_order(world: World, call: Call) -> Answer:
    """Make an order for a subscription from `items: [{variantId | productVariantId, quantity, price}]`."""
    shop_country = _shop_country(world, call)
    body = call.object()
    lines = []
    for item in body.objects("items"):
        number = item.optional_integer("variantId") or item.integer("productVariantId")
        variant = world.catalogue.variant(number)
        price: Any = item.members.get("price") or {}
        gross = price.get("withTax") if isinstance(price, dict) else price
        lines.append(
            {
                "sku": variant["referenceKey"],
                "quantity": item.optional_integer("quantity") or 1,
                "unitPriceWithTax": gross or 0,
            }
        )
    brief = {"shop": shop_country["shopKey"], "country": shop_country["countryCode"], "lines": lines}
    return _imported(world, brief, shop_country, call)


def _imported(world: World, brief: Json, shop_country: Json, call: Call) -> Answer:
    brief |= {"shop": shop_country["shopKey"], "country": shop_country["countryCode"], "confirm": True}
    try:
        order = world.place(brief)
    except (ValueError, KeyError, TypeError) as error:
        raise ApiError(422, "UNPROCESSABLE_ORDER", str(error)) from error
    return Answer(status=201, encoded=order.view(call.wanted()), effect=True)


def delete_order(world: World, call: Call) -> Answer:
    """Forget an order."""
    order = _order(world, call)
    world.store.remove(order)
    world.journal.fact("order.deleted", orderId=order.id)
    return Answer(status=204, effect=True)


def put_custom_data(world: World, call: Call) -> Answer:
    """Write the order's own data; whether it replaces or merges is a switch."""
    order = _order(world, call)
    order.custom_data = _merged(world, order.custom_data, call.object())
    world.store.touch(order)
    return Answer(status=204, effect=True)


def put_item_custom_data(world: World, call: Call) -> Answer:
    """Write an item's own data and return the item."""
    order = _order_by_id(world, call)
    number = call.integer("orderItemId")
    unit = order.units.get(number)
    if unit is None:
        raise ApiError(404, "ORDER_ITEM_NOT_FOUND", "The order has no such unit.", {"orderItemId": number})
    unit.custom_data = _merged(world, unit.custom_data or {}, call.object())
    world.store.touch(order)
    return Answer(document={**unit.document, "legacyCustomData": unit.custom_data}, effect=True)


def _merged(world: World, before: Json, body: Body) -> Json:
    if world.behaviour["legacyCustomData"] == "merge":
        return {**before, **body.members}
    return body.members


def patch_billing_status(world: World, call: Call) -> Answer:
    """Override the billing status; `reason` is kept for audit."""
    order = _order(world, call)
    body = call.object()
    code, reason = body.text("code"), body.optional_text("reason")
    if code not in BILLING_CODES:
        raise invalid("code", f"code is one of {', '.join(sorted(BILLING_CODES))}.")
    order.billing_override = code
    world.lifecycle.refresh(order)
    world.journal.fact("billing.override", orderId=order.id, code=code, reason=reason)
    return Answer(encoded=order.view(call.wanted()), effect=True)


def manual_capture(world: World, call: Call) -> Answer:
    """Capture now what is invoiced and not captured."""
    order = _order(world, call)
    if order.state in ("CREATED", "PENDED", "ABORTED", "CANCELLED"):
        raise ApiError(409, "ORDER_NOT_CAPTURABLE", "There is nothing to capture.", {"state": order.state})
    order.capture_fails = False
    captured = world.billing.capture_pending(order)
    world.lifecycle.refresh(order)
    return Answer(encoded=order.view(call.wanted()), effect=captured > 0)


def list_invoices(world: World, call: Call) -> Answer:
    """The order's invoices; `id` is the PDF's id, not the invoice number."""
    rows = [{k: v for k, v in row.items() if k != "amount"} for row in _order(world, call).invoices]
    return Answer(document=page_of(rows, call.query))


def get_invoice(world: World, call: Call) -> Answer:
    """The invoice as PDF."""
    order, number = _order(world, call), call.integer("invoiceId")
    for invoice in order.invoices:
        if invoice["id"] == number:
            title = f"{invoice['type']} {invoice['invoice']['fullNumber']} {invoice['amount']}"
            return Answer(encoded=minimal_pdf(title), content_type="application/pdf")
    raise ApiError(404, "INVOICE_NOT_FOUND", "The order has no such invoice.", {"invoiceId": number})


def list_documents(world: World, call: Call) -> Answer:
    """The order's documents."""
    return Answer(document=page_of(_order(world, call).documents, call.query))


def get_document(world: World, call: Call) -> Answer:
    """A document as PDF, or as a mail."""
    order, number = _order(world, call), call.integer("documentId")
    for row in order.documents:
        if row["id"] == number and row["format"] == "pdf":
            return Answer(encoded=minimal_pdf(row["type"]), content_type="application/pdf")
        if row["id"] == number:
            mail = (
                f"Subject: Your order {order.document.get('publicKey')} is on its way\r\n\r\nThank you.\r\n"
            )
            return Answer(encoded=mail.encode(), content_type="message/rfc822")
    raise ApiError(404, "DOCUMENT_NOT_FOUND", "The order has no such document.", {"documentId": number})


ORDER = SC + "/orders/{orderIdentifier}"
ROUTES: list[Route[World]] = [
    Route("GET", SC + "/orders", "ordersRead", list_orders),
    Route("POST", SC + "/orders", "ordersWrite", create_order),
    Route("POST", SC + "/orders/subscription-orders", "ordersWrite", create_subscription_order),
    Route("GET", ORDER, "ordersRead", get_order),
    Route("DELETE", ORDER, "ordersWrite", delete_order),
    Route("GET", ORDER + "/status", "ordersRead", get_status),
    Route("PUT", SC + "/orders/{orderId}/reference-key", "ordersWrite", put_reference_key),
    Route("PUT", ORDER + "/legacy-custom-data", "customDataWrite", put_custom_data),
    Route(
        "PUT",
        SC + "/orders/{orderId}/items/{orderItemId}/legacy-custom-data",
        "customDataWrite",
        put_item_custom_data,
    ),
    Route("PATCH", ORDER + "/billing-status", "ordersWrite", patch_billing_status),
    Route("POST", ORDER + "/payment/manual-capture", "ordersWrite", manual_capture),
    Route("GET", ORDER + "/invoices", "ordersRead", list_invoices),
    Route("GET", ORDER + "/invoices/{invoiceId}", "ordersRead", get_invoice),
    Route("GET", ORDER + "/documents", "ordersRead", list_documents),
    Route("GET", ORDER + "/documents/{documentId}/file", "ordersRead", get_document),
]
