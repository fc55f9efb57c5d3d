"""What merchants and shops ask of `[orderwise]`: faults that no section can see alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from syncbridge.config.agreement import example_references
from syncbridge.config.merchants import MerchantSettings
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.config.shops import ScayleSettings


def orderwise_faults(
    merchants: Mapping[int, MerchantSettings], orderwise: OrderWiseSettings, scayle: ScayleSettings | None
) -> Iterator[str]:
    """What merchants ask of OrderWise that has no word or number there as configured."""
    maps = orderwise.maps
    if orderwise.send_payments and not maps.payment_method:
        yield "orderwise.maps.payment_method: is empty while payments are sent: every paid order would wait for a person"
    if orderwise.capabilities.financial != "off":
        yield from _finance_faults(orderwise, scayle)
    seller: dict[int, str] = {}
    for place, merchant in merchants.items():
        if merchant.uses("orderwise"):
            yield from _warehouse_faults(f"merchants[{place}]", merchant, orderwise, seller)
            yield from _word_faults(f"merchants[{place}]", merchant, orderwise, scayle)


def _finance_faults(orderwise: OrderWiseSettings, scayle: ScayleSettings | None) -> Iterator[str]:
    finance = orderwise.finance
    for kind in finance.types:
        if kind not in finance.nominal:
            yield f"orderwise.finance.nominal: {kind.value} is posted and has no code here"
    if any(kind.is_claim for kind in finance.types):
        for rate in sorted(set(orderwise.tax_rate_ids) - set(finance.tax_codes)):
            yield f"orderwise.finance.tax_code: rate {rate} is in orderwise.maps.tax_rate and has no code here"
    for shop in scayle.shops if scayle else ():
        if not orderwise.ledger_account(shop.key):
            yield f"orderwise.finance.accounts: shop {shop.key!r} has no account, and there is no account_number"


def _warehouse_faults(
    name: str, merchant: MerchantSettings, orderwise: OrderWiseSettings, seller: dict[int, str]
) -> Iterator[str]:
    for position, warehouse in enumerate(merchant.warehouses):
        where = f"{name}.warehouses[{position}].code"
        if warehouse.code not in orderwise.maps.stock_location:
            yield f"{where}: {warehouse.code!r} is not in orderwise.maps.stock_location"
        for location in sorted(orderwise.sale_locations(warehouse.code)):
            if (other := seller.setdefault(location, warehouse.code)) != warehouse.code:
                yield f"{where}: location {location} is already sold as {other!r}; its stock would be sold twice"


def _word_faults(
    name: str, merchant: MerchantSettings, orderwise: OrderWiseSettings, scayle: ScayleSettings | None
) -> Iterator[str]:
    maps = orderwise.maps
    services = {f"service_map.{carrier}": service for carrier, service in merchant.service_map.items()}
    if merchant.default_service is not None:
        services["default_service"] = merchant.default_service
    for where, service in services.items():
        if service not in maps.delivery_method:
            yield f"{name}.{where}: {service!r} is not in orderwise.maps.delivery_method"
    for ours, theirs in merchant.sku_map.items():
        if len(theirs) > orderwise.limits.variant_code:
            yield f"{name}.sku_map.{ours}: {theirs!r} is longer than OrderWise's codes"
    served = {currency for shop in scayle.shops for currency in shop.currencies} if scayle else set()
    for currency in sorted(served & set(merchant.currencies) if merchant.currencies else served):
        if currency not in maps.currency:
            yield f"{name}: orders in {currency} would come, which is not in orderwise.maps.currency"
    for _, example in example_references(merchant, scayle):
        if len(example) > orderwise.limits.reference:
            yield f"{name}.reference_template: OrderWise would refuse a reference such as {example!r}"
            break
