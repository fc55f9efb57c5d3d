"""Finding what somebody means: an order by any of its names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncbridge.cli.failing import trouble

if TYPE_CHECKING:
    from syncbridge.ledger.engine import Connection


def order_named(connection: Connection, text: str) -> int:
    """Return the order's id; ends the command where none or several have the name."""
    from syncbridge.reports.order_search import find_orders

    found = find_orders(connection, text)
    if not found:
        trouble(
            f"No order {text!r} is known here. Looked for: SCAYLE order id, back end reference or id, reference key. "
            "An order that SCAYLE has confirmed is fetched with: syncbridge flow run order_poll --since 2d"
        )
    if len(found) > 1:
        trouble(f"{text!r} names several orders: {', '.join(map(str, found))}. Give one of these ids.")
    return found[0]
