"""Every kind of exception: who owns it, how urgent it is and what to do. The one table; manuals are made from it."""

from __future__ import annotations

from syncbridge.domain.exception_kinds import cancellations, despatches, operations, orders, returns, stock
from syncbridge.domain.exception_kinds.kind import Kind, Owner

KINDS: dict[str, Kind] = {
    kind.name: kind
    for area in (orders, cancellations, despatches, returns, stock, operations)
    for kind in area.KINDS
}


def owner_of(kind: str, fault_codes: frozenset[str] = frozenset()) -> Owner:
    """Return who owns an exception: an order with nothing but address faults is customer service's."""
    if kind == "order_invalid" and fault_codes and fault_codes <= ADDRESS_CODES:
        return Owner.CUSTOMER_SERVICE
    return KINDS[kind].owner


ADDRESS_CODES = frozenset({"ADDRESS_INCOMPLETE", "POSTCODE_INVALID", "FIELD_TOO_LONG", "INVALID_CHARACTERS"})
