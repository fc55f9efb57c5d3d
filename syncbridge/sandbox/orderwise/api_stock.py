"""Stock, products, lists and purchase orders, as public clients read and write them (contract 3, 6.3)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from aiohttp import web

from syncbridge.sandbox.journal import EFFECT
from syncbridge.sandbox.orderwise.customers import whole
from syncbridge.sandbox.orderwise.decimal_json import answer, plain
from syncbridge.sandbox.orderwise.fields import Members
from syncbridge.sandbox.orderwise.gate import DATA, json_body
from syncbridge.sandbox.orderwise.local_time import local_text, read_local
from syncbridge.sandbox.orderwise.order_content import LEAST_QUANTITY, PRICE_PLACES, TAX_RATES
from syncbridge.sandbox.orderwise.refusals import Problems, Refusal, html_page
from syncbridge.sandbox.orderwise.stock import ZERO, Variant
from syncbridge.sandbox.orderwise.variants import find_variant
from syncbridge.sandbox.orderwise.world import DataSet


async def list_stock_variants(request: web.Request) -> web.Response:
    """List code and id of every variant, by id, at most `limit`."""
    rows = sorted(request[DATA].variants.values(), key=lambda one: one.id)
    after, limit = whole(request, "last_id", 0), whole(request, "limit", 1_000_000)
    shown = [{"variantID": one.id, "variantCode": one.code} for one in rows if one.id > after]
    return answer(shown[:limit])


async def get_stock(request: web.Request) -> web.Response:
    """Show a variant's stock, one row per location."""
    variant = find_variant(request)
    return answer(
        [
            {
                "variantID": variant.id,
                "stockLocationID": shelf.location,
                "binID": 1,
                "freeStock": shelf.free,
                "overallStock": ZERO if variant.components else shelf.physical,
            }
            for shelf in variant.shelves.values()
        ]
    )


async def get_free_stock(request: web.Request) -> web.Response:
    """Show the sum of a variant's free stock."""
    shelves = find_variant(request).shelves.values()
    return answer({"freeStockQty": sum((one.free for one in shelves), ZERO)})


async def post_adjust_in(request: web.Request) -> web.Response:
    """Add physical stock."""
    return await _adjust(request, Decimal(1))


async def post_adjust_out(request: web.Request) -> web.Response:
    """Remove physical stock; what is not there cannot be removed."""
    return await _adjust(request, Decimal(-1))


async def _adjust(request: web.Request, sign: Decimal) -> web.Response:
    data, problems = request[DATA], Problems()
    given = Members(await json_body(request), "", problems)
    number, location = given.whole("variantID", required=True), given.whole("stockLocationID", required=True)
    given.whole("binID")
    quantity = given.decimal("quantity", places=PRICE_PLACES, required=True, least=LEAST_QUANTITY)
    variant = data.variants.get(number) if number is not None else None
    if number is not None and variant is None:
        given.fault("variantID", f"there is no variant {number}")
    if location is not None and location not in data.lists.locations:
        given.fault("stockLocationID", f"there is no stock location {location}")
    problems.raise_if_any("The adjustment is not valid.")
    if variant is None or location is None or quantity is None:
        raise Refusal(400, "The adjustment is not valid.")
    if variant.components:
        given.fault("variantID", "a kit has no stock of its own")
    elif sign < 0 and variant.shelf(location).physical < quantity:
        given.fault("quantity", f"only {variant.shelf(location).physical} are there")
    problems.raise_if_any("The adjustment is not valid.")
    _book(data, variant, location, sign * quantity)
    request[EFFECT] = True
    return answer({"variantID": variant.id, "stockLocationID": location, "quantity": quantity})


def _book(data: DataSet, variant: Variant, location: int, delta: Decimal) -> None:
    data.stock.move(variant, location, physical=delta)
    data.fact(
        "stock_adjusted",
        sku=variant.code.rstrip(" "),
        bucket="physical",
        delta=plain(delta),
        stockLocationId=location,
    )
    data.settle()


async def list_products(request: web.Request) -> web.Response:
    """List products; `lastAmendedDateTime` is understood and, as products never change here, chooses all or none."""
    text = request.query.get("lastAmendedDateTime")
    if text is not None:
        try:
            read_local(text)
        except ValueError as error:
            raise Refusal(
                400, str(error), [{"field": "lastAmendedDateTime", "message": str(error)}]
            ) from error
    rows = request[DATA].products.values()
    return answer([{name: row[name] for name in ("id", "productCode", "description")} for row in rows])


async def list_product_variants(request: web.Request) -> web.Response:
    """List the variants of a product."""
    product = request[DATA].products.get(int(request.match_info["productId"]))
    if product is None:
        raise Refusal(404, "Product not found")
    rows = [
        {
            "variantID": one.id,
            "variantCode": one.code,
            "description": one.record["variantInfo"]["description"],
            "lastAmendedDateTime": None if one.amended is None else local_text(one.amended),
        }
        for one in product["variants"]
    ]
    return answer(rows)


async def list_product_prices(request: web.Request) -> web.Response:
    """List the prices of every variant; here there is one price list."""
    rows = request[DATA].variants.values()
    return answer(
        [{"variantId": one.id, "rspExcVat": one.price_net, "rspIncVat": one.price_gross} for one in rows]
    )


async def get_value_list(request: web.Request) -> web.Response:
    """Show a code list."""
    values = request[DATA].lists.values.get(int(request.match_info["listId"]))
    if values is None:
        raise Refusal(404, "Value list not found")
    return answer(list(values.values()))


async def list_locations(request: web.Request) -> web.Response:
    """List stock locations."""
    return answer(list(request[DATA].lists.locations.values()))


async def post_purchase_order(request: web.Request) -> web.Response:
    """Take a purchase order; it is kept, and its goods never come."""
    data, problems = request[DATA], Problems()
    body = await json_body(request)
    given = Members(body, "", problems)
    given.whole("supplierId", required=True)
    for line in given.items("lines", required=True):
        number = line.whole("variantId", required=True)
        if number is not None and number not in data.variants:
            line.fault("variantId", f"there is no variant {number}")
        line.decimal("qtyOrdered", places=PRICE_PLACES, required=True, least=LEAST_QUANTITY)
        rate = line.whole("vatRateId")
        if rate is not None and data.lists.value(TAX_RATES, rate) is None:
            line.fault("vatRateId", f"{rate} is not in value list {TAX_RATES}")
        location = line.whole("stockLocationId")
        if location is not None and location not in data.lists.locations:
            line.fault("stockLocationId", f"there is no stock location {location}")
        line.decimal("unitCost", places=PRICE_PLACES, least=ZERO)
        for member in ("datePromised", "dateRequired"):
            line.moment(member)
    problems.raise_if_any("The purchase order is not valid.")
    number = data.number("purchaseOrder")
    made: dict[str, Any] = {"purchaseOrderId": number, "orderNumber": f"PO{number}"}
    data.purchase_orders.append({**made, "content": body})
    request[EFFECT] = True
    return answer(made, 201)


async def get_docs(request: web.Request) -> web.Response:
    """Show where the vendor's help page would be."""
    return html_page(200, "OWAPI help (stand-in): ask the customer's own installation")
