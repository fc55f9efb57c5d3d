"""What the sandbox knows, for judges and for progress displays (contract 2.19)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any

from aiohttp import web

from syncbridge.sandbox.control_plane import ControlError
from syncbridge.sandbox.scend.api_webhooks import POSTMAN
from syncbridge.sandbox.scend.control import WAREHOUSE
from syncbridge.sandbox.scend.feeds import Row, to_json
from syncbridge.sandbox.scend.gate import WORLD
from syncbridge.sandbox.scend.pages import join_rows, json_answer
from syncbridge.sandbox.scend.seeding import account_of
from syncbridge.sandbox.scend.world import Account

LISTS = ("orders", "despatches", "stock", "returns", "products", "deliveries", "facts", "requests")
VALUES = ("counters", "faultsInjected", "settings", "subscriptions", "accounts")


async def get_state(request: web.Request) -> web.Response:
    """Dump what is known. `section` (comma list) chooses; `after` and `limit` page the lists; `account` filters.

    Lists are in order of creation (stock and products: of first appearance), and objects of accounts have the
    form of the API. Facts and requests carry their number `n`, so the next page is `after` = the last `n`; for
    the other lists it is the number of entries seen.
    """
    wanted = [name for name in request.query.get("section", "").split(",") if name] or [*LISTS, *VALUES]
    unknown = set(wanted) - set(LISTS) - set(VALUES)
    if unknown:
        raise ControlError(
            400, f"unknown section {', '.join(sorted(unknown))}; known: {', '.join((*LISTS, *VALUES))}"
        )
    try:
        after = int(request.query.get("after", "0"))
        limit = int(request.query["limit"]) if "limit" in request.query else None
    except ValueError as error:
        raise ControlError(400, "after and limit are whole numbers") from error
    parts = []
    for name in wanted:
        value = _list(request, name, after, limit) if name in LISTS else to_json(_value(request, name))
        parts.append(to_json(name) + b":" + value)
    return json_answer(b"{" + b",".join(parts) + b"}")


def _accounts(request: web.Request) -> list[Account]:
    world = request.app[WORLD]
    code = request.query.get("account")
    return list(world.accounts.values()) if code is None else [account_of(world, code)]


def _list(request: web.Request, name: str, after: int, limit: int | None) -> bytes:
    end = None if limit is None else after + limit
    journal = request.app[WORLD].journal
    if name == "facts":
        return to_json(journal.facts[after:end])
    if name == "requests":
        newer = (row for row in journal.requests if row["n"] > after)
        return to_json(list(islice(newer, limit)))
    if name == "deliveries":
        kept = request.app[POSTMAN].kept.values()
        return to_json([delivery.to_json() for delivery in islice(kept, after, end)])
    rows_of: dict[str, Callable[[Account], Iterable[Row]]] = {
        "orders": lambda account: account.orders.rows.values(),
        "despatches": lambda account: account.despatches.rows.values(),
        "stock": lambda account: account.stock.feed.rows.values(),
        "returns": lambda account: account.returns.rows.values(),
        "products": lambda account: account.catalogue.feed.rows.values(),
    }
    rows = (row for account in _accounts(request) for row in rows_of[name](account))
    return join_rows(islice(rows, after, end))


def _value(request: web.Request, name: str) -> Any:
    world = request.app[WORLD]
    if name == "counters":
        return world.journal.counters()
    if name == "faultsInjected":
        return dict(world.plan.injected)
    if name == "settings":
        return world.settings.to_json()
    if name == "accounts":
        return [{"accountCode": one.code, "warehouses": one.warehouses} for one in world.accounts.values()]
    return [
        {"account": account.code, **one.to_json(with_secret=True)}
        for account in _accounts(request)
        for one in account.subscriptions.by_id.values()
    ]


async def get_summary(request: web.Request) -> web.Response:
    """Count by status: cheap enough to ask every second."""
    world, postman = request.app[WORLD], request.app[POSTMAN]
    orders: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for order in world.orders.values():
        orders[order.document["status"]] += 1
        for line in order.document["lines"]:
            units["ordered"] += line["quantityOrdered"]
            units["allocated"] += line["quantityAllocated"]
            units["backordered"] += line["quantityBackordered"]
            units["despatched"] += line["quantityDespatched"]
            units["cancelled"] += line["quantityCancelled"]
    despatches = world.despatches.values()
    body = {
        "now": world.now_text(),
        "orders": {"total": len(world.orders), "byStatus": orders, "units": units},
        "despatches": {
            "total": len(despatches),
            "voided": sum(one.document["voidedAt"] is not None for one in despatches),
            "parcels": sum(len(one.document["parcels"]) for one in despatches),
        },
        "returns": {
            "total": len(world.returns),
            "byStatus": Counter(one.document["status"] for one in world.returns.values()),
        },
        "products": sum(len(one.catalogue.feed.rows) for one in world.accounts.values()),
        "stockRows": sum(len(one.stock.feed.rows) for one in world.accounts.values()),
        "webhooks": postman.counters,
        "requests": world.journal.counters(),
        "faultsInjected": dict(world.plan.injected),
        "facts": len(world.journal.facts),
        "scheduled": len(world.scheduler),
        "defects": world.scheduler.errors,
        "autoProgress": request.app[WAREHOUSE].enabled,
    }
    return json_answer(to_json(body))
