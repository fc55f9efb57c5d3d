"""Cancellations and announced returns: what we freeze, and OrderWise's body made of it (contract 12.5 and 12.9, assumed).

OrderWise names lines by ids of its own, which only the status call tells. The frozen text therefore has our line numbers;
the ids are put in when it is sent, and are the same at every attempt because they never change. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.orderwise.decimal_json import compact_json
from connectors.orderwise.local_time import local_text
from syncbridge.config.orderwise import OrderWiseSettings, folded
from syncbridge.domain.backend import CancelWish, ReturnRequest

LineIds = Mapping[int, tuple[int, str]]
"""OrderWise's line id and SKU by our line number."""


class UnknownLine(Exception):
    """A line that the order in OrderWise does not have."""


def frozen_cancel(wish: CancelWish) -> str:
    """Write a cancellation with our own line numbers."""
    lines = [
        {"lineNumber": line.line_number, "sku": line.sku, "quantity": line.quantity}
        for line in ([] if wish.whole else wish.lines)
    ]
    return compact_json(
        {"reference": wish.reference, "orderId": wish.backend_id, "reason": wish.reason, "lines": lines}
    )


def cancel_body(frozen: Mapping[str, Any], ids: LineIds) -> dict[str, Any]:
    """Return OrderWise's body: without lines it means the whole order. Raises UnknownLine."""
    body: dict[str, Any] = {"reason": frozen["reason"]}
    if frozen["lines"]:
        body["lines"] = [
            {"orderLineId": _line_id(line, ids), "quantity": line["quantity"]} for line in frozen["lines"]
        ]
    return body


def frozen_return(request: ReturnRequest, settings: OrderWiseSettings) -> str:
    """Write an announced return with our own line numbers."""
    reasons = settings.maps.return_reason
    return compact_json(
        {
            "customerReturnRef": request.rma_number,
            "reference": request.reference,
            "orderId": request.backend_order_id,
            "returnDate": local_text(request.announced_at, settings.zone),
            "notes": request.note,
            "lines": [
                {
                    "lineNumber": line.order_line_number,
                    "sku": line.sku,
                    "quantity": line.quantity,
                    "reason": reasons.get(line.reason, line.reason.upper()),
                    "action": settings.return_action,
                }
                for line in request.lines
            ],
        }
    )


def return_body(frozen: Mapping[str, Any], order_id: int, ids: LineIds) -> dict[str, Any]:
    """Return OrderWise's body. Raises UnknownLine."""
    body: dict[str, Any] = {
        "customerReturnRef": frozen["customerReturnRef"],
        "orderId": order_id,
        "returnDate": frozen["returnDate"],
        "lines": [
            {
                "orderLineId": _line_id(line, ids),
                "variantCode": ids[line["lineNumber"]][1],
                "quantity": line["quantity"],
                "reason": line["reason"],
                "action": line["action"],
            }
            for line in frozen["lines"]
        ],
    }
    if frozen["notes"]:
        body["notes"] = frozen["notes"]
    return body


def _line_id(line: Mapping[str, Any], ids: LineIds) -> int:
    known = ids.get(line["lineNumber"])
    if known is None or folded(known[1]) != folded(line["sku"]):
        raise UnknownLine(f"line {line['lineNumber']} of {line['sku']!r}")
    return known[0]
