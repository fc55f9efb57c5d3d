"""Endpoints for webhook subscriptions (contract 2.2, rows 19 to 21)."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from syncbridge.sandbox.journal import EFFECT
from syncbridge.sandbox.scend.delivery import Postman
from syncbridge.sandbox.scend.errors import detail, not_found, validation_failed
from syncbridge.sandbox.scend.feeds import to_json
from syncbridge.sandbox.scend.fields import FieldReader
from syncbridge.sandbox.scend.gate import ACCOUNT, WORLD, json_body, optional_json_body
from syncbridge.sandbox.scend.pages import json_answer
from syncbridge.sandbox.scend.subscriptions import MOST_SUBSCRIPTIONS, TOPICS, Subscription, url_problem
from syncbridge.sandbox.scend.world import Account

POSTMAN = web.AppKey("POSTMAN", Postman)


def subscribe(account: Account, body: Any, *, strict: bool, secret: str | None = None) -> Subscription:
    """Check and add a subscription; raise ApiError 400 with every problem."""
    if not isinstance(body, dict):
        raise validation_failed([detail("INVALID_FORMAT", "", None, "The body must be an object.")])
    problems: list[dict[str, Any]] = []
    reader = FieldReader(body, problems, strict=strict)
    url = reader.text("url", required=True)
    if url is not None and (problem := url_problem(url)) is not None:
        reader.refuse("INVALID_FORMAT", "url", url, problem)
    description = reader.text("description")
    topics = reader.plain("topics")
    if not topics:
        reader.refuse("REQUIRED", "topics", None, "At least one topic is required.")
    elif not isinstance(topics, list):
        reader.refuse("INVALID_FORMAT", "topics", topics, "Must be a list.")
    else:
        for index, topic in enumerate(topics):
            if topic not in TOPICS:
                problems.append(detail("INVALID_ENUM", f"topics[{index}]", topic, "Not a known topic."))
    reader.finish()
    if len(account.subscriptions.by_id) >= MOST_SUBSCRIPTIONS:
        problems.append(detail("TOO_MANY_ITEMS", "", None, f"At most {MOST_SUBSCRIPTIONS} per account."))
    if problems or url is None:
        raise validation_failed(problems)
    names = tuple(dict.fromkeys(str(topic) for topic in topics))
    return account.subscriptions.add(account.world.new_id("whs"), url, names, description, secret)


async def post_subscription(request: web.Request) -> web.Response:
    """Subscribe; the answer shows the secret."""
    strict = request.app[WORLD].settings.strict_fields
    made = subscribe(request[ACCOUNT], await json_body(request), strict=strict)
    request[EFFECT] = True
    return json_answer(to_json(made.to_json(with_secret=True)), 201)


def _find(request: web.Request) -> Subscription:
    found = request[ACCOUNT].subscriptions.by_id.get(request.match_info["subscriptionId"])
    if found is None:
        raise not_found("The subscription")
    return found


async def list_subscriptions(request: web.Request) -> web.Response:
    """Answer all subscriptions; there are at most ten, so they are not paged."""
    all_of_them = request[ACCOUNT].subscriptions.by_id.values()
    return json_answer(to_json({"data": [one.to_json(with_secret=False) for one in all_of_them]}))


async def get_subscription(request: web.Request) -> web.Response:
    """Answer one subscription, without its secret."""
    return json_answer(to_json(_find(request).to_json(with_secret=False)))


async def delete_subscription(request: web.Request) -> web.Response:
    """Unsubscribe; what is under way is abandoned."""
    found = _find(request)
    del request[ACCOUNT].subscriptions.by_id[found.id]
    request[EFFECT] = True
    return web.Response(status=204)


async def post_ping(request: web.Request) -> web.Response:
    """Send a test event."""
    found = _find(request)
    await optional_json_body(request)
    event_id = request.app[POSTMAN].ping(request[ACCOUNT], found)
    request[EFFECT] = True
    return json_answer(to_json({"eventId": event_id}), 202)


async def post_rotate_secret(request: web.Request) -> web.Response:
    """Take a new secret and show it; the old one keeps signing for 24 hours."""
    found = _find(request)
    await optional_json_body(request)
    found.rotate(request.app[WORLD].clock.timestamp())
    request[EFFECT] = True
    return json_answer(to_json(found.to_json(with_secret=True)))
