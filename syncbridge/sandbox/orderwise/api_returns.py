"""The endpoint of customer returns (contract 12.9, assumed)."""

from __future__ import annotations

from aiohttp import web

from syncbridge.sandbox.journal import EFFECT
from syncbridge.sandbox.orderwise.decimal_json import answer
from syncbridge.sandbox.orderwise.gate import DATA, json_body
from syncbridge.sandbox.orderwise.returning import announce


async def post_return(request: web.Request) -> web.Response:
    """Announce a return: 201, or 200 where the same one is known."""
    made, is_new = announce(request[DATA], await json_body(request))
    request[EFFECT] = is_new
    shown = {
        "returnId": made.id,
        "returnNumber": made.number,
        "customerReturnRef": made.reference,
        "returnStatus": made.status,
    }
    return answer(shown, 201 if is_new else 200)
