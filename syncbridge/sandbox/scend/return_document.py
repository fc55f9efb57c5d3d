"""The body of `POST /returns`: its schema and its business rules (contract 2.14, assumed)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from syncbridge.sandbox.scend.errors import ApiError, detail
from syncbridge.sandbox.scend.fields import REFERENCE, FieldReader
from syncbridge.sandbox.scend.order_document import MOST_LINES, Content
from syncbridge.sandbox.scend.reference_data import REQUESTED_DISPOSITIONS, RETURN_REASONS
from syncbridge.sandbox.scend.world import Account, Order


def read_return(body: Any, *, strict: bool) -> tuple[Content, list[dict[str, Any]]]:
    """Read an announcement; return its content (every documented member) and the problems.

    The lengths of the tracking members are guessed; the contract names none.
    """
    problems: list[dict[str, Any]] = []
    if not isinstance(body, dict):
        return {}, [detail("INVALID_FORMAT", "", None, "The body must be an object.")]
    reader = FieldReader(body, problems, strict=strict)
    content: Content = {
        "rmaNumber": reader.text("rmaNumber", 50, required=True, pattern=REFERENCE),
        "clientReference": reader.text("clientReference", 50, required=True, pattern=REFERENCE),
        "warehouseCode": reader.text("warehouseCode", 10),
        "returnTracking": None,
        "customerNote": reader.text("customerNote", 250),
        "lines": [],
    }
    tracking = reader.inner("returnTracking")
    if tracking is not None:
        members = {
            "carrierCode": tracking.text("carrierCode", 20),
            "trackingNumber": tracking.text("trackingNumber", 50),
        }
        tracking.finish()
        content["returnTracking"] = members if any(members.values()) else None
    seen: set[int] = set()
    for inner in reader.items("lines", MOST_LINES):
        number = inner.integer("lineNumber", 1, 9999, required=True)
        if number is not None and number in seen:
            inner.refuse("DUPLICATE_LINE_NUMBER", "lineNumber", number, "Used by an earlier line.")
        seen.add(number or 0)
        content["lines"].append(
            {
                "lineNumber": number,
                "orderLineNumber": inner.integer("orderLineNumber", 1, 9999),
                "sku": inner.text("sku", required=True, any_character=True),
                "quantity": inner.integer("quantity", 1, 999, required=True),
                "reasonCode": inner.choice("reasonCode", RETURN_REASONS, required=True),
                "requestedDisposition": inner.choice("requestedDisposition", REQUESTED_DISPOSITIONS),
            }
        )
        inner.finish()
    reader.finish()
    return content, problems


def refuse_return(details: list[dict[str, Any]], rma_number: str) -> ApiError:
    """Make the 422 for a return that breaks a business rule."""
    plural = "" if len(details) == 1 else "s"
    message = f"The return was not announced: {len(details)} problem{plural}."
    return ApiError(422, "RETURN_REJECTED", message, context={"rmaNumber": rma_number}, details=details)


def check_return(account: Account, content: Content) -> Order:
    """Return the order the goods belong to; raise ApiError 422 with every business problem."""
    rma = content["rmaNumber"]
    order = account.order_by_reference.get(content["clientReference"])
    if order is None:
        problem = detail("ORDER_UNKNOWN", "clientReference", content["clientReference"], "No such order.")
        raise refuse_return([problem], rma)
    if not order.units("quantityDespatched"):
        message = "Nothing of this order was despatched."
        raise refuse_return(
            [detail("ORDER_NOT_DESPATCHED", "clientReference", content["clientReference"], message)], rma
        )
    problems = []
    warehouse = content["warehouseCode"]
    if warehouse is not None and warehouse not in account.warehouses:
        problems.append(
            detail("WAREHOUSE_UNKNOWN", "warehouseCode", warehouse, "Not a warehouse of this account.")
        )
    problems += _line_problems(account, order, content["lines"])
    if problems:
        raise refuse_return(problems, rma)
    return order


def _line_problems(account: Account, order: Order, lines: list[Content]) -> list[dict[str, Any]]:
    """Judge per order line where one is named, and per SKU in any case."""
    by_line, by_sku = _already_announced(account, order)
    sent_by_sku: Counter[str] = Counter()
    for line in order.lines:
        sent_by_sku[line["sku"]] += line["quantityDespatched"]
    problems = []
    for index, line in enumerate(lines):
        sku, number = line["sku"], line["orderLineNumber"]
        order_line = order.line(number) if number is not None else None
        known = sku in sent_by_sku if number is None else order_line is not None and order_line["sku"] == sku
        if not known:
            message = (
                "This SKU is not on that order." if number is None else "This SKU is not on that order line."
            )
            problems.append(detail("SKU_NOT_ON_ORDER", f"lines[{index}].sku", sku, message))
            continue
        by_sku[sku] += line["quantity"]
        over = by_sku[sku] > sent_by_sku[sku]
        if order_line is not None:
            by_line[number] += line["quantity"]
            over = over or by_line[number] > order_line["quantityDespatched"]
        if over:
            message = "More units than were despatched and not yet announced."
            problems.append(
                detail("QUANTITY_EXCEEDS_DESPATCHED", f"lines[{index}].quantity", line["quantity"], message)
            )
    return problems


def _already_announced(account: Account, order: Order) -> tuple[Counter[int], Counter[str]]:
    """Count units of earlier returns: announced ones, and received ones that nobody announced."""
    by_line: Counter[int] = Counter()
    by_sku: Counter[str] = Counter()
    for earlier in account.returns_by_reference.get(order.document["clientReference"], ()):
        if earlier.document["status"] == "CANCELLED":
            continue
        for line in earlier.document["lines"]:
            units = line["quantityAnnounced"] or line["quantityReceived"]
            by_sku[line["sku"]] += units
            if line["orderLineNumber"] is not None:
                by_line[line["orderLineNumber"]] += units
    return by_line, by_sku


def new_return_line(line: Mapping[str, Any]) -> dict[str, Any]:
    """Make the public form of an announced line."""
    return {
        "lineNumber": line["lineNumber"],
        "orderLineNumber": line["orderLineNumber"],
        "sku": line["sku"],
        "quantityAnnounced": line["quantity"],
        "quantityReceived": 0,
        "reasonCode": line["reasonCode"],
        "discrepancy": "NONE",
    }
