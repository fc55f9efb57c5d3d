"""Endpoints of the tenant's set-up: shops, merchants, warehouses, carriers; and of fulfilment and webhooks."""

from __future__ import annotations

from syncbridge.sandbox.scayle.answers import Answer, ApiError, Body, Call, Json
from syncbridge.sandbox.scayle.paging import StandardFilter, page_of
from syncbridge.sandbox.scayle.routing import Route
from syncbridge.sandbox.scayle.world import World

IDENTITY_FILTERS = frozenset({"id", "referenceKey", "minId", "maxId"})
SC = "/shops/{shopKey}/countries/{countryCode}"


def list_shops(world: World, call: Call) -> Answer:
    """The tenant's shops with their countries."""
    names = ("id", "key", "name", "companyId", "countries")
    shops = [
        {**{name: shop[name] for name in names}, "active": True, "deleted": False}
        for shop in world.organisation.shops.sorted()
    ]
    return Answer(document=page_of(shops, call.query))


def list_shop_countries(world: World, call: Call) -> Answer:
    """The countries of one shop."""
    return Answer(
        document=page_of(world.organisation.shops.get(call.parameters["shopKey"])["countries"], call.query)
    )


# ---- merchants


def list_merchants(world: World, call: Call) -> Answer:
    """Merchants, nested members only where asked for."""
    chosen = StandardFilter(call.query, IDENTITY_FILTERS)
    merchants = [
        merchant
        for merchant in world.organisation.merchants.sorted()
        if chosen.accepts_identity(merchant["id"], merchant["referenceKey"])
    ]
    page = page_of(merchants, call.query)
    page["entities"] = [world.organisation.merchant_view(one, call.wanted()) for one in page["entities"]]
    return Answer(document=page)


def _merchant(world: World, call: Call) -> Json:
    return world.organisation.merchants.get(call.identifier("merchantIdentifier"))


def get_merchant(world: World, call: Call) -> Answer:
    """One merchant."""
    return Answer(document=world.organisation.merchant_view(_merchant(world, call), call.wanted()))


def _merchant_fields(body: Body) -> Json:
    fields: Json = {"priority": body.optional_integer("priority")}
    for name in ("name", "orderDelegationUrl", "cancellationUrl"):
        fields[name] = body.optional_text(name)
    for name in ("contacts", "returnAddresses", "customData"):
        fields[name] = body.members.get(name)
    return {name: value for name, value in fields.items() if name in body.members}


def create_merchant(world: World, call: Call) -> Answer:
    """Add a merchant."""
    body = call.object()
    key = body.text("referenceKey")
    body.text("name")
    if world.organisation.merchants.look(key) is not None:
        raise ApiError(409, "MERCHANT_EXISTS", f"The key {key} is taken.", {"referenceKey": key})
    merchant = world.organisation.put_merchant({"referenceKey": key, **_merchant_fields(body)})
    return Answer(201, world.organisation.merchant_view(merchant, call.wanted()), effect=True)


def update_merchant(world: World, call: Call) -> Answer:
    """Change a merchant, its URLs among others."""
    merchant, body = _merchant(world, call), call.object()
    key = body.optional_text("referenceKey")
    if key is not None:
        world.organisation.merchants.rename(merchant, key)
    merchant.update(_merchant_fields(body))
    return Answer(200, world.organisation.merchant_view(merchant, call.wanted()), effect=True)


def list_merchant_warehouses(world: World, call: Call) -> Answer:
    """The warehouses of one merchant."""
    rows = [
        world.organisation.warehouse_view(world.organisation.warehouses.by_id[number])
        for number in sorted(_merchant(world, call)["warehouses"])
    ]
    return Answer(document=page_of(rows, call.query))


def attach_merchant_warehouse(world: World, call: Call) -> Answer:
    """Attach a warehouse to a merchant."""
    merchant = _merchant(world, call)
    warehouse = world.organisation.warehouses.get(call.identifier("warehouseIdentifier"))
    if warehouse["id"] not in merchant["warehouses"]:
        merchant["warehouses"].append(warehouse["id"])
    return Answer(status=201, effect=True)


def detach_merchant_warehouse(world: World, call: Call) -> Answer:
    """Detach a warehouse from a merchant."""
    merchant = _merchant(world, call)
    warehouse = world.organisation.warehouses.get(call.identifier("warehouseIdentifier"))
    merchant["warehouses"] = [one for one in merchant["warehouses"] if one != warehouse["id"]]
    return Answer(status=204, effect=True)


def _carrier_entry(world: World, call: Call) -> Json:
    carrier = world.organisation.carriers.get(call.identifier("carrierIdentifier"))
    return {"carrierId": carrier["id"], "countryCode": call.parameters["countryCode"].upper()}


def attach_merchant_carrier(world: World, call: Call) -> Answer:
    """Assign a carrier to a merchant and country."""
    merchant, entry = _merchant(world, call), _carrier_entry(world, call)
    if entry not in merchant["carriers"]:
        merchant["carriers"].append(entry)
    return Answer(status=201, effect=True)


def detach_merchant_carrier(world: World, call: Call) -> Answer:
    """Take a carrier from a merchant and country."""
    merchant, entry = _merchant(world, call), _carrier_entry(world, call)
    merchant["carriers"] = [one for one in merchant["carriers"] if one != entry]
    return Answer(status=204, effect=True)


# ---- warehouses and carriers


def list_warehouses(world: World, call: Call) -> Answer:
    """All warehouses."""
    rows = [world.organisation.warehouse_view(one) for one in world.organisation.warehouses.sorted()]
    return Answer(document=page_of(rows, call.query))


def create_warehouse(world: World, call: Call) -> Answer:
    """Add a warehouse; its key cannot change afterwards."""
    key = call.object().text("referenceKey")
    if world.organisation.warehouses.look(key) is not None:
        raise ApiError(409, "WAREHOUSE_EXISTS", f"The key {key} is taken.", {"referenceKey": key})
    warehouse = world.organisation.put_warehouse({"referenceKey": key})
    return Answer(201, world.organisation.warehouse_view(warehouse), effect=True)


def delete_warehouse(world: World, call: Call) -> Answer:
    """Remove a warehouse."""
    register = world.organisation.warehouses
    warehouse = register.get(call.identifier("warehouseIdentifier"))
    register.remove(warehouse)
    for merchant in world.organisation.merchants.sorted():
        merchant["warehouses"] = [one for one in merchant["warehouses"] if one != warehouse["id"]]
    return Answer(status=204, effect=True)


def attach_shop_warehouse(world: World, call: Call) -> Answer:
    """Attach a warehouse to a shop country, or change its priority there."""
    country = world.organisation.shop_country(call.parameters["shopKey"], call.parameters["countryCode"])
    members = call.object().members
    if "warehouseIdentifier" in call.parameters:
        warehouse = world.organisation.warehouses.get(call.identifier("warehouseIdentifier"))
        members = {**members, "id": warehouse["id"]}
    entry = world.organisation.attach_shop_warehouse(country, members)
    return Answer(201 if call.method == "POST" else 200, entry, effect=True)


def detach_shop_warehouse(world: World, call: Call) -> Answer:
    """Detach a warehouse from a shop country."""
    country = world.organisation.shop_country(call.parameters["shopKey"], call.parameters["countryCode"])
    warehouse = world.organisation.warehouses.get(call.identifier("warehouseIdentifier"))
    country["warehouses"] = [one for one in country["warehouses"] if one["id"] != warehouse["id"]]
    return Answer(status=204, effect=True)


def list_carriers(world: World, call: Call) -> Answer:
    """All carriers."""
    return Answer(document=page_of(world.organisation.carriers.sorted(), call.query))


def get_carrier(world: World, call: Call) -> Answer:
    """One carrier."""
    return Answer(document=world.organisation.carriers.get(call.identifier("carrierIdentifier")))


def create_carrier(world: World, call: Call) -> Answer:
    """Add a carrier."""
    body = call.object()
    seed = {"key": body.text("key"), "name": body.text("name")}
    carrier = world.organisation.carriers.add({**seed, "trackingUrl": body.optional_text("trackingUrl")})
    return Answer(201, carrier, effect=True)


def update_carrier(world: World, call: Call) -> Answer:
    """Change a carrier."""
    carrier, body = world.organisation.carriers.get(call.identifier("carrierIdentifier")), call.object()
    if (key := body.optional_text("key")) is not None:
        world.organisation.carriers.rename(carrier, key)
    carrier.update(
        {name: body.optional_text(name) for name in ("name", "trackingUrl") if name in body.members}
    )
    return Answer(200, carrier, effect=True)


# ---- webhooks


def list_events(world: World, call: Call) -> Answer:
    """The events one can subscribe to."""
    return Answer(document={"entities": world.webhooks.catalogue()})


def list_subscriptions(world: World, call: Call) -> Answer:
    """All subscriptions; this collection has no cursor."""
    rows = [world.webhooks.view(entry) for entry in world.webhooks.subscriptions.values()]
    return Answer(document={"entities": rows})


def create_subscription(world: World, call: Call) -> Answer:
    """Subscribe to one event."""
    return Answer(201, world.webhooks.subscribe(call.object()), effect=True)


def get_subscription(world: World, call: Call) -> Answer:
    """One subscription, credentials masked."""
    return Answer(document=world.webhooks.view(world.webhooks.get(call.integer("subscriptionId"))))


def patch_subscription(world: World, call: Call) -> Answer:
    """Change a subscription's URL or its merchants."""
    return Answer(200, world.webhooks.change(call.integer("subscriptionId"), call.object()), effect=True)


def delete_subscription(world: World, call: Call) -> Answer:
    """End a subscription."""
    del world.webhooks.subscriptions[world.webhooks.get(call.integer("subscriptionId"))["id"]]
    return Answer(status=204, effect=True)


# ---- fulfilment


def send_shipment(world: World, call: Call) -> Answer:
    """A parcel has left the warehouse."""
    return world.fulfilment.shipment(call)


def send_cancellation(world: World, call: Call) -> Answer:
    """Units cannot be fulfilled."""
    return world.fulfilment.cancellation(call)


def send_returns(world: World, call: Call) -> Answer:
    """Units came back."""
    return world.fulfilment.returns(call)


MERCHANT = "/merchants/{merchantIdentifier}"
IN_MERCHANT = MERCHANT + "/warehouses/{warehouseIdentifier}"
OF_MERCHANT = MERCHANT + "/carriers/{carrierIdentifier}/countries/{countryCode}"
IN_SHOP = SC + "/warehouses/{warehouseIdentifier}"
SUBSCRIPTION = "/webhooks/subscriptions/{subscriptionId}"
ROUTES: list[Route[World]] = [
    Route("GET", "/shops", "globalRead", list_shops),
    Route("GET", "/shops/{shopKey}/countries", "globalRead", list_shop_countries),
    Route("GET", "/merchants", "globalRead", list_merchants),
    Route("POST", "/merchants", "globalWrite", create_merchant),
    Route("GET", MERCHANT, "globalRead", get_merchant),
    Route("PUT", MERCHANT, "globalWrite", update_merchant),
    Route("GET", MERCHANT + "/warehouses", "globalRead", list_merchant_warehouses),
    Route("POST", IN_MERCHANT, "globalWrite", attach_merchant_warehouse),
    Route("DELETE", IN_MERCHANT, "globalWrite", detach_merchant_warehouse),
    Route("POST", OF_MERCHANT, "globalWrite", attach_merchant_carrier),
    Route("DELETE", OF_MERCHANT, "globalWrite", detach_merchant_carrier),
    Route("GET", "/warehouses", "globalRead", list_warehouses),
    Route("POST", "/warehouses", "globalWrite", create_warehouse),
    Route("DELETE", "/warehouses/{warehouseIdentifier}", "globalWrite", delete_warehouse),
    Route("POST", SC + "/warehouses", "globalWrite", attach_shop_warehouse),
    Route("PUT", IN_SHOP, "globalWrite", attach_shop_warehouse),
    Route("DELETE", IN_SHOP, "globalWrite", detach_shop_warehouse),
    Route("GET", "/carriers", "globalRead", list_carriers),
    Route("POST", "/carriers", "globalWrite", create_carrier),
    Route("GET", "/carriers/{carrierIdentifier}", "globalRead", get_carrier),
    Route("PUT", "/carriers/{carrierIdentifier}", "globalWrite", update_carrier),
    Route("GET", "/webhooks/events", "globalRead", list_events),
    Route("GET", "/webhooks/subscriptions", "globalRead", list_subscriptions),
    Route("POST", "/webhooks/subscriptions", "globalWrite", create_subscription),
    Route("GET", SUBSCRIPTION, "globalRead", get_subscription),
    Route("PATCH", SUBSCRIPTION, "globalWrite", patch_subscription),
    Route("DELETE", SUBSCRIPTION, "globalWrite", delete_subscription),
    Route("POST", "/fulfillment/shipments", "fulfillmentWrite", send_shipment),
    Route("POST", "/fulfillment/cancellations", "fulfillmentWrite", send_cancellation),
    Route("POST", "/fulfillment/return-items", "fulfillmentWrite", send_returns),
]
