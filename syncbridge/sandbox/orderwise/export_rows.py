"""The columns of the export definitions, row by row (contract 12.3, 12.6 to 12.8, 12.10)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from syncbridge.sandbox.orderwise.local_time import local_text
from syncbridge.sandbox.orderwise.orders import Despatch, OrderLine
from syncbridge.sandbox.orderwise.returns import Receipt
from syncbridge.sandbox.orderwise.stamped_feed import Row
from syncbridge.sandbox.orderwise.stock import Variant, stock_rows

if TYPE_CHECKING:
    from syncbridge.sandbox.orderwise.world import DataSet

__all__ = ["despatch_rows", "item_row", "orders_of", "receipt_rows", "stock_rows"]


def orders_of(data: DataSet, reference: str) -> list[Row]:
    """Return the orders of a customer order reference, by id."""
    found = data.orders_of(reference)
    return [
        {
            "orderId": order.id,
            "orderNumber": order.number,
            "customerOrderRef": order.reference,
            "systemOrderType": order.type,
            "orderStatusId": order.status,
            "orderStatus": data.order_text(order),
            "orderDate": local_text(order.ordered),
            "lastAmendedAt": local_text(order.amended),
        }
        for order in sorted(found, key=lambda one: one.id)
    ]


def despatch_rows(made: Despatch) -> Iterator[Row]:
    """Return a despatch's rows: one per line and consignment, or per line as long as there is no number."""
    for number, line, quantity in _parts(made):
        yield {
            "despatchId": made.id,
            "despatchNumber": made.number,
            "despatchedAt": local_text(made.at),
            "lastAmendedAt": local_text(made.amended),
            "orderId": made.order.id,
            "orderNumber": made.order.number,
            "customerOrderRef": made.order.reference,
            "orderLineId": line.id,
            "variantCode": line.variant.code,
            "quantity": quantity,
            "stockLocationId": line.location,
            "courierName": made.courier["name"],
            "consignmentNumber": number,
            "trackingUrl": made.url(number),
        }


def _parts(made: Despatch) -> Iterator[tuple[str | None, OrderLine, Decimal]]:
    if not made.consignments:
        for line, quantity in made.units.items():
            yield None, line, quantity
    for consignment in made.consignments:
        for line, quantity in consignment.units.items():
            yield consignment.number, line, quantity


def item_row(data: DataSet, variant: Variant) -> Row:
    """Return a variant's row (contract 12.8)."""
    record, product = variant.record, data.products.get(variant.product_id)
    rate = data.lists.value(2, variant.tax_rate_id) or {}
    return {
        "variantId": variant.id,
        "variantCode": variant.code,
        "description": record["variantInfo"]["description"],
        "eanCode": record["variantInfo"]["eanCode"],
        "productId": variant.product_id or None,
        "productCode": product["productCode"] if product else None,
        "weight": record["variantDimensions"]["weight"],
        "uom": record["uom"],
        "taxRateId": variant.tax_rate_id,
        "taxCode": rate.get("name"),
        "taxRate": rate.get("rate"),
        "rspExcVat": variant.price_net,
        "rspIncVat": variant.price_gross,
        "discontinued": variant.discontinued,
        "lastAmendedAt": None if variant.amended is None else local_text(variant.amended),
    }


def receipt_rows(receipt: Receipt) -> Iterator[Row]:
    """Return a receipt's row; what came without an announcement has no reference and perhaps no order."""
    owner, order = receipt.owner, receipt.owner.order
    yield {
        "receiptId": receipt.id,
        "returnId": owner.id,
        "returnNumber": owner.number,
        "customerReturnRef": owner.reference,
        "orderId": order.id if order else None,
        "orderNumber": order.number if order else None,
        "customerOrderRef": order.reference if order else None,
        "returnLineId": receipt.return_line.id if receipt.return_line else None,
        "orderLineId": receipt.order_line.id if receipt.order_line else None,
        "variantCode": receipt.variant.code,
        "quantityReceived": receipt.quantity,
        "condition": receipt.condition,
        "action": receipt.action,
        "stockLocationId": receipt.location,
        "receivedAt": local_text(receipt.at),
        "returnStatus": owner.status,
        "lastAmendedAt": local_text(receipt.amended),
    }
