"""Endpoints for returns (contract 2.2, rows 12 to 15)."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import web

from syncbridge.sandbox.journal import EFFECT
from syncbridge.sandbox.scend.errors import not_found, validation_failed
from syncbridge.sandbox.scend.gate import ACCOUNT, WORLD, json_body, optional_json_body
from syncbridge.sandbox.scend.intake import in_progress
from syncbridge.sandbox.scend.order_document import sku_format_details
from syncbridge.sandbox.scend.pages import BASE_PATH, Filters, answer_list, json_answer, vendor_path
from syncbridge.sandbox.scend.return_document import read_return, refuse_return
from syncbridge.sandbox.scend.returning import TRANSITIONS, announce, cancel, find_repeat
from syncbridge.sandbox.scend.world import Return


async def post_return(request: web.Request) -> web.Response:
    """Announce a return, or answer a repeat with the one that exists."""
    account, world = request[ACCOUNT], request.app[WORLD]
    body = await json_body(request)
    content, problems = read_return(body, strict=world.settings.strict_fields)
    if problems:
        raise validation_failed(problems)
    if wrong := sku_format_details(content["lines"]):
        raise refuse_return(wrong, content["rmaNumber"])
    if world.plan.take_late("in_progress", "POST", vendor_path(request)) is not None:
        raise in_progress()
    existing = find_repeat(account, content)
    if existing is not None:
        return json_answer(existing.raw(), 200, {"Idempotent-Replay": "true"})
    made = announce(account, content)
    request[EFFECT] = True
    return json_answer(made.raw(), 201, {"Location": f"{request.app[BASE_PATH]}/returns/{made.key}"})


def _find(request: web.Request) -> Return:
    found = request[ACCOUNT].returns.rows.get(request.match_info["returnId"])
    if found is None:
        raise not_found("The return")
    return found


async def get_return(request: web.Request) -> web.Response:
    """Answer one return."""
    return json_answer(_find(request).raw())


async def list_returns(request: web.Request) -> web.Response:
    """Answer the returns feed."""
    account = request[ACCOUNT]

    def indexed(filters: Filters) -> Iterable[Return] | None:
        if "rmaNumber" in filters:
            found = (account.return_by_rma.get(rma) for rma in filters["rmaNumber"])
            return [one for one in found if one is not None]
        if "clientReference" in filters:
            groups = [account.returns_by_reference.get(one, []) for one in filters["clientReference"]]
            return [one for group in groups for one in group]
        return None

    def matches(row: Return, filters: Filters) -> bool:
        return all(row.document[name] in values for name, values in filters.items())

    return answer_list(
        request,
        account.returns,
        {"rmaNumber": None, "clientReference": None, "status": frozenset(TRANSITIONS)},
        matches=matches,
        candidates=indexed,
    )


async def post_cancel_return(request: web.Request) -> web.Response:
    """Withdraw an announcement."""
    made = _find(request)
    await optional_json_body(request)
    version = made.document["version"]
    cancel(made)
    request[EFFECT] = made.document["version"] != version
    return json_answer(made.raw())
