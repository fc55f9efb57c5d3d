"""The call by which SCAYLE asks a merchant before it cancels, and its answer (SCAYLE contract 5.3, documented)."""

from __future__ import annotations

from typing import Any

from connectors.scayle.delegation import read_id
from connectors.scayle.payloads import parse_message
from syncbridge.domain.errors import UnreadableMessage

LONGEST_KEY = 200
MOST_WAREHOUSES = 1_000

_ASK_SCAYLE = "Keep the body and ask SCAYLE what was sent; SCAYLE repeats what is not answered with 201."


def parse(raw: bytes, merchant: str) -> tuple[str, tuple[int, ...]]:
    """Return the order's reference key, letter by letter, and the warehouse ids; no ids means all of the merchant's.

    Raises UnreadableMessage where it is not certain what is to be cancelled.
    """
    try:
        document = parse_message(raw)
    except ValueError as error:
        raise UnreadableMessage("body", "is no JSON that can be read", _ASK_SCAYLE) from error
    if not isinstance(document, dict):
        raise UnreadableMessage("body", "is no JSON object", _ASK_SCAYLE)
    key = document.get("orderReferenceKey")
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key)
    if not isinstance(key, str) or not key.strip() or "\0" in key or len(key) > LONGEST_KEY:
        raise UnreadableMessage("orderReferenceKey", "is missing, too long or no text", _ASK_SCAYLE)
    for name in ("fulfillingMerchantKey", "merchantKey"):
        named = document.get(name)
        if isinstance(named, str) and named and named != merchant:
            way_out = "Check the cancellation address of both merchants in SCAYLE."
            raise UnreadableMessage(name, f"names another merchant than the address called, {merchant}", way_out)
    return key, _warehouse_ids(document.get("warehouseIds"))


def _warehouse_ids(value: Any) -> tuple[int, ...]:
    if isinstance(value, dict):
        # PHP writes a list with gaps as an object.
        value = list(value.values())
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > MOST_WAREHOUSES:
        raise UnreadableMessage("warehouseIds", "is no list of warehouse ids", _ASK_SCAYLE)
    ids = [read_id(one) for one in value]
    if any(one is None for one in ids):
        raise UnreadableMessage("warehouseIds", "holds something that is no id", _ASK_SCAYLE)
    return tuple(sorted({one for one in ids if one is not None}))


def answer(order_reference: str, result: str) -> dict[str, str]:
    """Return the answer's body; only the result "successful" cancels."""
    return {"orderReferenceKey": order_reference, "cancellationResult": result}
