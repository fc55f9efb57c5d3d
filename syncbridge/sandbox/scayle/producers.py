"""The newer webhook subscriptions by producer, kept as data only: no order event is known to use them."""

from __future__ import annotations

from syncbridge.sandbox.scayle.answers import Answer, ApiError, Body, Call, Json
from syncbridge.sandbox.scayle.routing import Route
from syncbridge.sandbox.scayle.world import World

PRODUCERS = {"storefront-hosting": ("deployment-started", "deployment-succeeded", "deployment-failed")}
"""The one producer that is documented; its event names are invented."""


def _entries(world: World, call: Call) -> dict[str, Json]:
    producer = call.parameters["producer"]
    if producer not in PRODUCERS:
        raise ApiError(404, "PRODUCER_NOT_FOUND", "There is no such producer.", {"producer": producer})
    return world.producer_subscriptions.setdefault(producer, {})


def _entry(world: World, call: Call) -> Json:
    number = call.parameters["subscriptionId"]
    entry = _entries(world, call).get(number)
    if entry is None:
        raise ApiError(404, "SUBSCRIPTION_NOT_FOUND", "No such subscription.", {"subscriptionId": number})
    return entry


def _view(entry: Json) -> Json:
    auth = entry.get("auth")
    return {**entry, "auth": {**auth, "password": "***"} if auth else None}


def _fields(body: Body) -> Json:
    names = ("externalId", "target", "enabled", "auth", "customHeaders", "rpm", "email")
    return {name: body.members[name] for name in names if name in body.members}


def list_events(world: World, call: Call) -> Answer:
    """The events of one producer."""
    _entries(world, call)
    rows = [{"eventName": name} for name in PRODUCERS[call.parameters["producer"]]]
    return Answer(document={"entities": rows})


def list_subscriptions(world: World, call: Call) -> Answer:
    """All subscriptions to one producer."""
    return Answer(document={"entities": [_view(entry) for entry in _entries(world, call).values()]})


def create(world: World, call: Call) -> Answer:
    """Subscribe to an event of a producer."""
    entries, body = _entries(world, call), call.object()
    number = world.store.number("producer subscription")
    blank: Json = {"externalId": None, "target": None, "enabled": True, "disabledReason": None, "auth": None}
    blank |= {"customHeaders": {}, "rpm": None, "suspendedUntil": None, "email": None, "isInternal": False}
    own = {"id": number, "eventName": body.text("eventName"), "url": body.text("url")}
    entries[str(number)] = {**blank, **own, **_fields(body)}
    return Answer(201, _view(entries[str(number)]), effect=True)


def get(world: World, call: Call) -> Answer:
    """One subscription."""
    return Answer(document=_view(_entry(world, call)))


def put(world: World, call: Call) -> Answer:
    """Replace a subscription."""
    entry, body = _entry(world, call), call.object()
    entry.update({"eventName": body.text("eventName"), "url": body.text("url"), **_fields(body)})
    return Answer(200, _view(entry), effect=True)


def delete(world: World, call: Call) -> Answer:
    """End a subscription."""
    _entry(world, call)
    del _entries(world, call)[call.parameters["subscriptionId"]]
    return Answer(status=204, effect=True)


PRODUCER = "/webhooks/producers/{producer}"
ONE = PRODUCER + "/subscriptions/{subscriptionId}"
ROUTES: list[Route[World]] = [
    Route("GET", PRODUCER + "/events", "globalRead", list_events),
    Route("GET", PRODUCER + "/subscriptions", "globalRead", list_subscriptions),
    Route("POST", PRODUCER + "/subscriptions", "globalWrite", create),
    Route("GET", ONE, "globalRead", get),
    Route("PUT", ONE, "globalWrite", put),
    Route("DELETE", ONE, "globalWrite", delete),
]
