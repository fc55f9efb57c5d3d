"""What one section says about another: faults that no section can see alone.

Every check takes what could be read so far, so that a fault in one place does not hide those in another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from syncbridge.config.merchants import MerchantSettings
from syncbridge.config.operations import LimitSettings, ScheduleSettings
from syncbridge.config.scend import ScendSettings
from syncbridge.config.shops import ScayleSettings

LONGEST_ORDER_ID = 10**12 - 1
"""The longest order id that a reference must have room for. Chosen: SCAYLE documents integers without a bound."""
MOST_DELEGATIONS = 9
"""Later delegations whose suffix (`-2` ... `-9`) must not meet another reference. Chosen."""
RESUME_SECONDS = 60.0
"""The design promises that work resumes within a minute of a fault ending."""


def merchant_faults(merchants: Mapping[int, MerchantSettings], scayle: ScayleSettings | None) -> Iterator[str]:
    """Faults between merchants, and between merchants and shops. The mapping is by place in the file."""
    first_key: dict[str, int] = {}
    first_code: dict[tuple[str, str], int] = {}
    references: dict[tuple[str, str], str] = {}
    for place, merchant in merchants.items():
        name = f"merchants[{place}]"
        if (earlier := first_key.setdefault(merchant.key.casefold(), place)) != place:
            yield f"{name}.key: {merchant.key!r} is already the key of merchants[{earlier}]"
            continue
        for position, warehouse in enumerate(merchant.warehouses):
            earlier = first_code.setdefault((merchant.backend, warehouse.code), place)
            if earlier != place:
                yield (
                    f"{name}.warehouses[{position}].code: {warehouse.code!r} already serves merchants[{earlier}]; "
                    "its stock would be sold twice"
                )
        if scayle is not None:
            yield from _currency_faults(name, merchant, scayle)
        yield from _reference_faults(name, merchant, scayle, references)
        if not merchant.service_map and merchant.default_service is None:
            yield f"{name}.service_map: is empty and there is no default_service: no order could be sent"
        if not merchant.carrier_map:
            yield f"{name}.carrier_map: is empty: no parcel could be reported to SCAYLE"


def scend_faults(
    merchants: Mapping[int, MerchantSettings], scend: ScendSettings, scayle: ScayleSettings | None
) -> Iterator[str]:
    """What merchants ask of Scend that Scend, as configured, would refuse."""
    if scend.cancel_cutoff_status not in scend.statuses:
        yield f"scend.cancel_cutoff_status: {scend.cancel_cutoff_status!r} is no known status"
    limits = scend.order_limits
    for place, merchant in merchants.items():
        if not merchant.uses("scend"):
            continue
        name = f"merchants[{place}]"
        for code in merchant.carrier_map:
            if code not in scend.carriers:
                yield f"{name}.carrier_map.{code}: is not in scend.carriers ({', '.join(scend.carriers)})"
        for ours, theirs in merchant.sku_map.items():
            if not scend.accepts_sku(theirs):
                yield f"{name}.sku_map.{ours}: Scend would refuse the SKU {theirs!r}"
        services = {f"service_map.{carrier}": service for carrier, service in merchant.service_map.items()}
        if merchant.default_service is not None:
            services["default_service"] = merchant.default_service
        for where, service in services.items():
            if len(service) > limits.service:
                yield f"{name}.{where}: {service!r} is longer than Scend's {limits.service} characters"
        for position, warehouse in enumerate(merchant.warehouses):
            if len(warehouse.code) > limits.warehouse_code:
                yield (
                    f"{name}.warehouses[{position}].code: {warehouse.code!r} is longer than "
                    f"Scend's {limits.warehouse_code} characters"
                )
        for _, example in example_references(merchant, scayle):
            if not scend.accepts_reference(example):
                yield f"{name}.reference_template: Scend would refuse a reference such as {example!r}"
                break


def timing_faults(schedule: ScheduleSettings, limits: LimitSettings) -> Iterator[str]:
    """The promise that work resumes within a minute binds three settings of two sections."""
    total = schedule.sweep_seconds + limits.lease_seconds + limits.call_deadline_seconds
    if total > RESUME_SECONDS:
        yield (
            f"schedule.sweep_seconds + limits.lease_seconds + limits.call_deadline_seconds: {total:g} s, "
            f"but work must resume within {RESUME_SECONDS:g} s of a fault ending"
        )


def _currency_faults(name: str, merchant: MerchantSettings, scayle: ScayleSettings) -> Iterator[str]:
    served = {currency for shop in scayle.shops for currency in shop.currencies}
    for position, currency in enumerate(merchant.currencies):
        if currency not in served:
            yield f"{name}.currencies[{position}]: no shop sells in {currency}"


def example_references(merchant: MerchantSettings, scayle: ScayleSettings | None) -> Iterator[tuple[tuple[str, str], str]]:
    """References of one order: for each shop and warehouse, the first and the later delegations."""
    shops = [(shop.key, shop.country) for shop in scayle.shops] if scayle else [("GB", "GB")]
    for shop, country in shops:
        for warehouse in merchant.warehouses:
            for delegation in range(1, MOST_DELEGATIONS + 1):
                yield (
                    (warehouse.key, f"{shop}/{country}/{delegation}"),
                    merchant.reference(
                        shop=shop,
                        country=country,
                        order_id=LONGEST_ORDER_ID,
                        warehouse=warehouse.key,
                        delegation=delegation,
                    ),
                )


def _reference_faults(
    name: str, merchant: MerchantSettings, scayle: ScayleSettings | None, taken: dict[tuple[str, str], str]
) -> Iterator[str]:
    """One order may go to several warehouses and merchants of one back end: none of their references may meet.

    The same order never belongs to two shops, so references are compared within one shop country.
    """
    clash: str | None = None
    for (warehouse, occasion), reference in example_references(merchant, scayle):
        shop = occasion.rpartition("/")[0]
        owner = f"{name} warehouse {warehouse!r}"
        earlier = taken.setdefault((merchant.backend, f"{shop} {reference}"), owner)
        if earlier != owner and clash is None:
            clash = earlier
    if clash is not None:
        yield (
            f"{name}.reference_template: one order would get the same reference as in {clash}; "
            "add {merchant} or {warehouse} to the template"
        )
