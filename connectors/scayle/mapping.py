"""SCAYLE's order in canonical words, and our messages in SCAYLE's. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from connectors.scayle.countries import alpha_2
from connectors.scayle.payloads import (
    AddressDocument,
    Item,
    OrderDocument,
    Package,
    compact_json,
)
from connectors.scayle.prices import (
    discounts_of,
    fees_of,
    paid_for,
    payments_of,
    rate_of,
    reductions_of,
    single_fees,
    whole,
)
from connectors.wire import unknown_value, utc
from syncbridge.config.shops import ScayleSettings
from syncbridge.domain.orders import (
    Address,
    CollectionPoint,
    ShopOrder,
    ShopUnit,
    ShopUnitState,
)
from syncbridge.ports.shop import Shipment, UnitCancellation, UnitReturn

# SCAYLE contract 4.3: the union of all sources. `deliverable` and `undeliverable` are read with their timestamps.
_STATES = {
    **dict.fromkeys(("available", "created", "pended", "confirmed", "delegated"), ShopUnitState.OPEN),
    **dict.fromkeys(("delivered", "shipped", "partially_shipped"), ShopUnitState.SHIPPED),
    "cancelled": ShopUnitState.CANCELLED,
    "unavailable": ShopUnitState.UNFULFILLABLE,
    "returned": ShopUnitState.RETURNED,
}

_ORDER_CODES = frozenset(
    f"order_{word}"
    for word in (
        "created", "open", "pended", "confirmed", "delegated", "shipped", "invoiced", "aborted", "cancelled",
        "imported", "invoice_error",
    )
)  # fmt: skip
_ORDER_STATUSES = frozenset(
    (
        "order_open", "payment_pending", "payment_reserved", "invoice_partially_completed", "invoice_completed",
        "cancellation_pending", "cancellation_completed",
    )
)  # fmt: skip


def to_order(document: OrderDocument, warehouses: Mapping[int, str], settings: ScayleSettings) -> ShopOrder:
    """Map an order of the Admin API. A unit whose warehouse id is not in `warehouses` keeps an empty warehouse."""
    packages = {package.id: package for package in document.packages or () if package.id is not None}
    detailed = document.detailed_status
    code = (detailed.order.code if detailed and detailed.order else None) or ""
    status = document.status or ""
    if code and code not in _ORDER_CODES:
        unknown_value("scayle.order.detailedStatus.order", code)
    if status and status not in _ORDER_STATUSES:
        unknown_value("scayle.order.status", status)
    currency = document.currency_code or ""
    shop, country = to_shop(document, settings)
    cost = document.cost
    company = (
        trimmed(document.customer.company.name) if document.customer and document.customer.company else ""
    )
    address = document.address
    return ShopOrder(
        order_id=document.id,
        shop=shop,
        country=country,
        currency=currency,
        units=tuple(_unit(item, packages, warehouses, currency) for item in document.items),
        reference_key=document.reference_key or "",
        status=code or status,
        confirmed_at=utc(document.confirmed_at, "scayle.order.confirmedAt"),
        created_at=utc(document.created_at, "scayle.order.createdAt"),
        updated_at=utc(document.updated_at, "scayle.order.updatedAt"),
        delivery=to_address(address.shipping if address else None, company),
        billing=to_address(address.billing if address else None, company),
        email=trimmed(document.customer.email) if document.customer else "",
        carrier=next((one.carrier_key for _, one in sorted(packages.items()) if one.carrier_key), ""),
        total_minor=cost.with_tax if cost else None,
        tax_minor=whole(cost.tax.vat.amount) if cost and cost.tax and cost.tax.vat else None,
        fees_minor=fees_of(cost),
        fees=single_fees(cost),
        payments=payments_of(document.payment),
        external_prices=bool(cost and cost.external_prices),
        cancelled=code in {"order_cancelled", "order_aborted"}
        or status in {"cancellation_pending", "cancellation_completed"},
        billing_status=(detailed.billing.code if detailed and detailed.billing else None) or "",
    )


def warehouse_ids(document: OrderDocument) -> set[int]:
    """Return the warehouse ids that an order names."""
    return {item.warehouse_id for item in document.items if item.warehouse_id is not None}


def to_shop(document: OrderDocument, settings: ScayleSettings) -> tuple[str, str]:
    """Return shop key and country of an order, spelled as configured where we serve them, else as SCAYLE says.

    Reading an order ignores the shop in the path (SCAYLE contract 3, documented), so any shop of the tenant may come.
    """
    place = document.shop_country
    return served_spelling(place.shop_key if place else None, place.country_code if place else None, settings)


def served_spelling(shop_key: str | None, country: str | None, settings: ScayleSettings) -> tuple[str, str]:
    served = settings.shop(shop_key, country)
    if served is not None:
        return served.key, served.country
    return shop_key or "", (country or "").upper()


def to_address(document: AddressDocument | None, company: str = "") -> Address | None:
    """Map an address of either spelling; the country becomes alpha-2 (SCAYLE contract 1.5)."""
    if document is None:
        return None
    recipient = document.recipient
    street, house_number = trimmed(document.street), trimmed(document.house_number)
    if not street and not house_number:
        street = trimmed(document.street_house_number)
    point = document.collection_point
    return Address(
        first_name=trimmed(recipient.first_name if recipient else document.first_name),
        last_name=trimmed(recipient.last_name if recipient else document.last_name),
        company=company,
        street=street,
        house_number=house_number,
        additional=trimmed(document.additional),
        postcode=trimmed(document.zip_code),
        city=trimmed(document.city),
        region=trimmed(document.state),
        country=alpha_2(document.country_code or ""),
        phone=trimmed(document.phone) or trimmed(document.phone_number),
        collection_point=CollectionPoint(
            key=trimmed(point.key),
            kind=trimmed(point.type),
            description=trimmed(point.description),
            customer_key=trimmed(point.customer_key),
        )
        if point and (point.key or point.type or point.customer_key)
        else None,
    )


def trimmed(text: str | None) -> str:
    return text.strip() if text else ""


def _unit(
    item: Item, packages: Mapping[int, Package], warehouses: Mapping[int, str], order_currency: str
) -> ShopUnit:
    price = item.price
    vat = price.tax.vat if price and price.tax else None
    paid = paid_for(price)
    package = packages.get(item.package_id) if item.package_id is not None else None
    return ShopUnit(
        order_item_id=item.id,
        sku=(item.variant.reference_key if item.variant else None) or "",
        merchant=(item.merchant.reference_key if item.merchant else None) or "",
        warehouse=warehouses.get(item.warehouse_id, "") if item.warehouse_id is not None else "",
        state=_state(item, package),
        raw_state=item.status or "",
        name=trimmed(item.product.name) if item.product else "",
        price_minor=paid[0],
        net_minor=paid[1],
        tax_minor=paid[2],
        tax_rate=rate_of(vat.rate) if vat else None,
        reductions=reductions_of(price),
        discounts=discounts_of(price),
        currency=item.currency or order_currency,
        shipment_key=_shipment_key(package),
        delegated_at=utc(item.delegated_at, "scayle.order.items.delegatedAt"),
        carrier=(package.carrier_key if package else None) or "",
        paid_minor=paid[0],
    )


def _state(item: Item, package: Package | None) -> ShopUnitState:
    status = (item.status or "").lower()
    known = _STATES.get(status)
    if known is not None:
        return known
    if status == "deliverable":
        # A shipment message makes units deliverable (contract 6.1); without any trace of one it only means "can be sent".
        shipped = item.shipped_at is not None or _shipment_key(package) != ""
        return ShopUnitState.SHIPPED if shipped else ShopUnitState.OPEN
    if status == "undeliverable":
        # Also said of a parcel that came back (order-package-undeliverable): that unit did leave.
        came_back = item.shipped_at is not None and item.cancelled_at is None
        return ShopUnitState.SHIPPED if came_back else ShopUnitState.UNFULFILLABLE
    if status in {"canceled", "cancelled"}:
        return ShopUnitState.CANCELLED
    unknown_value("scayle.order.items.status", status)
    return ShopUnitState.UNKNOWN


def _shipment_key(package: Package | None) -> str:
    if package is None:
        return ""
    return package.shipment_key or (package.tracking.id if package.tracking else None) or ""


def compose_shipment(shipment: Shipment) -> str:
    """Write `POST /fulfillment/shipments`; `deliveryDate` is when the parcel left (SCAYLE contract 6.1, from SDK)."""
    document: dict[str, object] = {
        "shopKey": shipment.shop,
        "countryCode": shipment.country,
        "orderId": shipment.order_id,
        "carrier": shipment.carrier,
        "shipmentKey": shipment.shipment_key,
        "deliveryDate": instant_text(shipment.despatched_at),
        "items": [{"orderItemId": unit, "returnKey": str(unit)} for unit in sorted(shipment.unit_ids)],
        "merchantReferenceKey": shipment.merchant,
    }
    if shipment.return_ident_code:
        document["returnIdentCode"] = shipment.return_ident_code
    return compact_json(document)


def compose_cancellation(cancellation: UnitCancellation) -> str:
    """Write `POST /fulfillment/cancellations` (SCAYLE contract 6.2, from SDK)."""
    return compact_json(
        {
            "shopKey": cancellation.shop,
            "countryCode": cancellation.country,
            "orderId": cancellation.order_id,
            "items": [{"orderItemId": unit} for unit in sorted(cancellation.unit_ids)],
            "merchantReferenceKey": cancellation.merchant,
        }
    )


def compose_return(units: Sequence[UnitReturn]) -> str:
    """Write `POST /fulfillment/return-items`: an array, one merchant a call, without an order id (SCAYLE contract 6.3, from SDK).

    `returnKey` is what the shipment gave, which is the order item id; `received` is UTC, `YYYY-MM-DD HH:MM:SS`.
    Raises ValueError for no unit, or for units of several merchants.
    """
    if len({unit.merchant for unit in units}) != 1:
        raise ValueError("units of one merchant are returned in one call")
    return compact_json(
        [
            {
                "returnKey": str(unit.order_item_id),
                "received": _received_text(unit.received_at),
                "returnReason": unit.reason,
                "merchantReferenceKey": unit.merchant,
            }
            for unit in sorted(units, key=lambda one: one.order_item_id)
        ]
    )


def _received_text(instant: datetime) -> str:
    if instant.tzinfo is None:
        raise ValueError("a time without an offset cannot be sent")
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def instant_text(instant: datetime) -> str:
    """Write an instant as SCAYLE does: whole seconds, rounded down, with an offset. Raises ValueError if naive."""
    if instant.tzinfo is None:
        raise ValueError("a time without an offset cannot be sent")
    return instant.astimezone(UTC).replace(microsecond=0).isoformat()
