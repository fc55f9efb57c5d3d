"""Goods that came to a warehouse which did not send them: which order, and which units of it, they may be all the same.

A customer sends a split order back in one parcel, or puts one warehouse's number on the other's parcel. Nothing is refunded by
such a guess; a person reads it beside the exception and decides.
"""

from __future__ import annotations

from syncbridge.ledger import coming_back, order_parts, return_links
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.receipts import Receipt
from syncbridge.ledger.returns import Return

_MOST = 50


def order_of(connection: Connection, one: Return) -> int | None:
    """Return the order of a return, or the one to which its codes lead in any back end; None where they lead to none."""
    if one.order_id is not None:
        return one.order_id
    codes = {*one.codes, one.given_rma, one.reference} - {""}
    return return_links.order_anywhere(connection, codes)


def units(connection: Connection, one: Return, receipt: Receipt, order_id: int | None) -> list[str]:
    """Return the units of this SKU that other deliveries of the order sent and that are still out, in words."""
    if order_id is None:
        return []
    return [
        f"{unit.order_item_id}: {part.reference}, line {unit.line_number}, {unit.sku}, sent from {part.account}"
        for part in order_parts.parts_of_order(connection, order_id)
        if part.id != one.fulfilment_order_id
        for unit in coming_back.sent_units(connection, part.id)
        if unit.returnable and unit.sku.casefold() == receipt.sku.casefold()
    ][:_MOST]
