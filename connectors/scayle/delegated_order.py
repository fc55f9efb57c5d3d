"""The canonical order as far as a delegation alone carries it, for tenants that do not let us read orders."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from connectors.scayle.delegation import Reading, currency_of, minor_of, read, text_of
from connectors.scayle.mapping import served_spelling, to_address, trimmed
from connectors.scayle.payloads import DelegationDocument
from connectors.scayle.prices import fees_of, rate_of, single_fees
from syncbridge.config.shops import ScayleSettings
from syncbridge.domain.orders import ShopOrder, ShopUnit


def order_from_delegation(raw: bytes, settings: ScayleSettings) -> ShopOrder:
    """Map a delegation to the canonical order, as far as it goes (`complete=False`).

    It carries no confirmation time and no reductions. Its `cost` may be that of the whole order or of this merchant's
    part (SCAYLE contract 5.1, unknown), so no total is taken from it. The tax of a unit is a percentage here and
    becomes a fraction: 20 -> 0.2. Raises UnreadableMessage as `parse_delegation` does.
    """
    reading = read(raw)
    document = reading.document
    try:
        rest = DelegationDocument.model_validate(document)
    except ValidationError:
        rest = DelegationDocument()
    shop, country = served_spelling(
        text_of(reading, document.get("shopKey"), "shopKey") or None,
        text_of(reading, document.get("countryCode"), "countryCode") or None,
        settings,
    )
    merchant = text_of(reading, document.get("fulfillingMerchantKey"), "fulfillingMerchantKey")
    currency = currency_of(reading)
    carrier = (rest.carrier.key if rest.carrier else None) or ""
    addresses = rest.addresses
    return ShopOrder(
        order_id=reading.order_id,
        shop=shop,
        country=country,
        currency=currency,
        units=tuple(
            _shop_unit(reading, item, unit_id, merchant, currency, carrier)
            for _, unit_id, item in reading.items
        ),
        reference_key=text_of(reading, document.get("orderReferenceKey"), "orderReferenceKey"),
        delivery=to_address(addresses.shipping if addresses else None),
        billing=to_address(addresses.billing if addresses else None),
        email=trimmed(rest.customer.email) if rest.customer else "",
        carrier=carrier,
        fees_minor=fees_of(rest.cost),
        fees=single_fees(rest.cost),
        external_prices=bool(rest.cost and rest.cost.external_prices),
        complete=False,
    )


def _shop_unit(
    reading: Reading, item: dict[str, Any], unit_id: int, merchant: str, currency: str, carrier: str
) -> ShopUnit:
    percentage = item.get("tax")
    rate = None
    if isinstance(percentage, (int, float, str)) and not isinstance(percentage, bool):
        try:
            rate = rate_of(Decimal(str(percentage)) / 100)
        except ArithmeticError:
            rate = None
    return ShopUnit(
        order_item_id=unit_id,
        sku=text_of(reading, item.get("merchantProductVariantReferenceKey"), "sku"),
        merchant=text_of(reading, item.get("merchantKey"), "merchantKey") or merchant,
        warehouse=text_of(reading, item.get("warehouseReferenceKey"), "warehouseReferenceKey"),
        name=text_of(reading, item.get("localizedName"), "localizedName").strip()
        or text_of(reading, item.get("name"), "name").strip(),
        price_minor=minor_of(item.get("price")),
        net_minor=minor_of(item.get("priceWithoutTax")),
        tax_minor=minor_of(item.get("taxAmount")),
        tax_rate=rate,
        currency=text_of(reading, item.get("currencyCode"), "currencyCode") or currency,
        carrier=carrier,
    )
