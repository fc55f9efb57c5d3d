"""Endpoints of what is sold: stock, reservations, bulk requests, products, variants and prices."""

from __future__ import annotations

from urllib.parse import unquote

from syncbridge.sandbox.scayle.answers import Answer, ApiError, Call, Json
from syncbridge.sandbox.scayle.paging import StandardFilter, page_of
from syncbridge.sandbox.scayle.routing import Route
from syncbridge.sandbox.scayle.world import World


def _variant(world: World, call: Call) -> Json:
    return world.catalogue.variant(call.identifier("variantIdentifier"))


def list_stocks(world: World, call: Call) -> Answer:
    """All warehouses of a variant; this collection has no cursor."""
    return Answer(document={"entities": world.stock.entities(_variant(world, call)["id"])})


def write_stock(world: World, call: Call) -> Answer:
    """Set stock: 201 when applied, 200 with the current values when `changedAt` was too old."""
    row, applied = world.stock.write(_variant(world, call), call.object(), call.source)
    return Answer(status=201 if applied else 200, document=row, effect=applied)


def put_sellable_without_stock(world: World, call: Call) -> Answer:
    """Let a variant be sold past zero, or no longer."""
    answer = world.stock.set_sellable_without_stock(_variant(world, call), call.object())
    return Answer(document=answer, effect=True)


def create_stock_bulk(world: World, call: Call) -> Answer:
    """Take a bulk request of stock writes."""
    return Answer(status=201, document=world.bulk.create(call.object()), effect=True)


def list_bulk(world: World, call: Call) -> Answer:
    """All bulk requests; this collection has no cursor."""
    return Answer(document={"entities": [request.view() for request in world.bulk.requests.values()]})


def bulk_status(world: World, call: Call) -> Answer:
    """One bulk request with its progress."""
    return Answer(document=world.bulk.get(call.integer("requestKey")).view())


def bulk_cancel(world: World, call: Call) -> Answer:
    """Stop a bulk request."""
    return Answer(document=world.bulk.cancel(call.integer("requestKey")), effect=True)


def bulk_operation_status(world: World, call: Call) -> Answer:
    """One operation of a bulk request with the answer it got."""
    key = unquote(call.parameters["operationKey"])
    return Answer(document=world.bulk.operation(call.integer("requestKey"), key))


def create_reservations(world: World, call: Call) -> Answer:
    """Reserve units, one an entry; entries succeed or fail on their own."""
    entities = [world.reservations.reserve(body, world.store.number("reservation")) for body in call.array()]
    return Answer(status=201, document={"entities": entities}, effect=True)


def delete_reservation(world: World, call: Call) -> Answer:
    """Free a reservation."""
    world.reservations.free(call.identifier("reservationIdentifier"))
    return Answer(status=204, effect=True)


def list_products(world: World, call: Call) -> Answer:
    """Products in ascending order of id."""
    chosen = StandardFilter(call.query, frozenset({"id", "referenceKey", "minId", "maxId"}))
    products = [
        product
        for number, product in sorted(world.catalogue.products.items())
        if chosen.accepts_identity(number, product["referenceKey"])
    ]
    page = page_of(products, call.query)
    page["entities"] = [_product_view(world, product, call) for product in page["entities"]]
    return Answer(document=page)


def get_product(world: World, call: Call) -> Answer:
    """One product."""
    product = world.catalogue.product(call.identifier("productIdentifier"))
    return Answer(document=_product_view(world, product, call))


def _product_view(world: World, product: Json, call: Call) -> Json:
    stocks = {number: world.stock.entities(number) for number in product["variantIds"]}
    return world.catalogue.product_view(product, call.wanted(), stocks)


def list_variants(world: World, call: Call) -> Answer:
    """The variants of a product."""
    product = world.catalogue.product(call.identifier("productIdentifier"))
    variants = [
        world.catalogue.variant_view(world.catalogue.variants[number], world.stock.entities(number))
        for number in sorted(product["variantIds"])
    ]
    return Answer(document=page_of(variants, call.query))


def get_variant(world: World, call: Call) -> Answer:
    """One variant below its product: the only path to a full variant."""
    product = world.catalogue.product(call.identifier("productIdentifier"))
    variant = _variant(world, call)
    if variant["productId"] != product["id"]:
        raise ApiError(404, "VARIANT_NOT_FOUND", "No variant with that key.", {"product": product["id"]})
    return Answer(document=world.catalogue.variant_view(variant, world.stock.entities(variant["id"])))


def list_prices(world: World, call: Call) -> Answer:
    """The prices of a variant."""
    prices = [
        {"id": number, **price} for number, price in enumerate(_variant(world, call)["prices"], start=1)
    ]
    return Answer(document=page_of(prices, call.query))


def get_variant_custom_data(world: World, call: Call) -> Answer:
    """A variant's custom data: the third probe for whether a SKU exists."""
    return Answer(document=_variant(world, call)["customData"])


PRODUCT = "/products/{productIdentifier}"
STOCKS = "/variants/{variantIdentifier}/stocks"
ROUTES: list[Route[World]] = [
    Route("GET", STOCKS, "stocksRead", list_stocks),
    Route("POST", STOCKS, "stocksWrite", write_stock),
    Route("PUT", STOCKS + "/sellableWithoutStock", "stocksWrite", put_sellable_without_stock),
    Route("POST", "/variants/stocks/bulk-requests", "stocksWrite", create_stock_bulk),
    Route("GET", "/bulk-requests", "globalRead", list_bulk),
    Route("GET", "/bulk-requests/{requestKey}/status", "globalRead", bulk_status),
    Route("PUT", "/bulk-requests/{requestKey}/cancel", "globalWrite", bulk_cancel),
    Route(
        "GET",
        "/bulk-requests/{requestKey}/operations/{operationKey}/status",
        "globalRead",
        bulk_operation_status,
    ),
    Route("POST", "/reservations", "reservationsWrite", create_reservations),
    Route("DELETE", "/reservations/{reservationIdentifier}", "reservationsWrite", delete_reservation),
    Route("GET", "/products", "productRead", list_products),
    Route("GET", PRODUCT, "productRead", get_product),
    Route("GET", PRODUCT + "/variants", "productRead", list_variants),
    Route("GET", PRODUCT + "/variants/{variantIdentifier}", "productRead", get_variant),
    Route("GET", "/variants/{variantIdentifier}/prices", "pricesRead", list_prices),
    Route("GET", "/variants/{variantIdentifier}/custom-data", "customDataRead", get_variant_custom_data),
]
