"""Answering list calls from feeds, the same way for every resource (contract 2.5, assumed)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from aiohttp import web

from syncbridge.sandbox.scend.cursors import (
    ListQuery,
    binding_of,
    check_changed_since,
    cursor_expired,
    parse_list_query,
)
from syncbridge.sandbox.scend.feeds import Feed, Row, to_json
from syncbridge.sandbox.scend.gate import ACCOUNT, WORLD

R = TypeVar("R", bound=Row)
Filters = Mapping[str, frozenset[str]]


def json_answer(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with a document that is encoded already."""
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def join_rows(rows: Iterable[Row]) -> bytes:
    """Write rows as a JSON list."""
    return b"[" + b",".join([row.raw() for row in rows]) + b"]"


def answer_list(
    request: web.Request,
    feed: Feed[R],
    filters: Mapping[str, frozenset[str] | None],
    *,
    matches: Callable[[R, Filters], bool],
    candidates: Callable[[Filters], Iterable[R] | None] = lambda _: None,
    lag_seconds: float = 0.0,
) -> web.Response:
    """Answer one page of a feed.

    `filters` names the endpoint's filters (with their allowed values, or None); `candidates` may answer from
    an index; `lag_seconds` hides changes that are younger.
    """
    query = parse_list_query(request.query, filters)
    world, account = request.app[WORLD], request[ACCOUNT]
    now = world.now()
    binding = binding_of(account.code, request.path, query.filters)
    position = _start(request, query, feed, binding)
    horizon = feed.horizon(now.timestamp() - lag_seconds if lag_seconds else None)
    chosen = query.filters
    rows, has_more, reached = feed.read(
        position,
        query.limit,
        matches=(lambda row: matches(row, chosen)) if chosen else None,
        candidates=candidates(chosen) if chosen else None,
        horizon=horizon,
    )
    page = {
        "limit": query.limit,
        "hasMore": has_more,
        "nextCursor": world.cursors.encode(binding, reached, now),
    }
    return json_answer(b'{"data":' + join_rows(rows) + b',"page":' + to_json(page) + b"}")


def _start(request: web.Request, query: ListQuery, feed: Feed[R], binding: str) -> int:
    world = request.app[WORLD]
    now = world.now()
    if query.cursor is not None:
        if world.plan.take_late("cursor_expired", request.method, vendor_path(request)) is not None:
            raise cursor_expired()
        return world.cursors.decode(query.cursor, binding, now)
    if query.changed_since is not None:
        check_changed_since(query.changed_since, now)
        return feed.position_of(query.changed_since.timestamp())
    return 0


BASE_PATH = web.AppKey("BASE_PATH", str)


def vendor_path(request: web.Request) -> str:
    """Return the path without the API's base path, as faults are matched."""
    return request.path.removeprefix(request.app[BASE_PATH])
