"""Finding what somebody typed: an order by any of its names, a return by ours or the back end's."""

from __future__ import annotations

from syncbridge.ledger import returns
from syncbridge.ledger.engine import Connection
from syncbridge.reports.order_search import find_orders
from syncbridge.reports.return_lists import find_returns
from syncbridge.web.console.refusals import NotFound

_WHERE_LOOKED = "Looked for: SCAYLE order id, reference or id of the back end, reference key, RMA number."


def order_named(connection: Connection, text: str) -> int:
    """Return the one order that has this name; raises NotFound where none or several have it."""
    found = find_orders(connection, text)
    if not found:
        raise NotFound(f"No order “{text}” is known here. {_WHERE_LOOKED}")
    if len(found) > 1:
        raise NotFound(f"“{text}” names several orders: {', '.join(map(str, found))}. Search for one of these ids.")
    return found[0]


def order_known(connection: Connection, order_id: int) -> int:
    """Return the id of an order that the ledger knows; raises NotFound for any other."""
    if find_orders(connection, str(order_id)) != [order_id]:
        raise NotFound(f"No order {order_id} is known here.")
    return order_id


def return_known(connection: Connection, rma: str) -> str:
    """Return an RMA number of ours; raises NotFound for any other."""
    if returns.find_by_rma(connection, rma) is None:
        raise NotFound("No return has this number. All of them are in the list of returns.")
    return rma


def anything_named(connection: Connection, text: str) -> tuple[str, str | int]:
    """Return "return" with its RMA number, or "order" with its id, whichever has this name; raises NotFound.

    The cheap questions come first: only what is neither an RMA number of ours nor an order is looked for among the numbers
    of the back ends.
    """
    ours = returns.find_by_rma(connection, text.upper())
    if ours is not None:
        return "return", ours.rma_number
    if not find_orders(connection, text):
        found = find_returns(connection, text)
        if len(found) > 1:
            raise NotFound(f"“{text}” names several returns: {', '.join(found)}. Search for one of these numbers.")
        if found:
            return "return", found[0]
    return "order", order_named(connection, text)
