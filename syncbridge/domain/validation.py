"""What must be right about an order before anything of it is sent, whatever the back end is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from syncbridge.domain.money import Money
from syncbridge.domain.orders import Fault, ShopOrder, ShopUnit, ShopUnitState

_GONE = (ShopUnitState.CANCELLED, ShopUnitState.UNFULFILLABLE)


def faults_of_order(
    order: ShopOrder,
    units: Sequence[ShopUnit],
    *,
    currencies: frozenset[str],
    warehouse: str,
    warehouse_known: bool,
    service_known: bool,
) -> tuple[Fault, ...]:
    """Return every fault of an order part, each with its field and way out; empty means it may go.

    `units` are the part's units; the rest says what the configuration knows of the part's words.
    """
    return (
        *_unit_faults(units),
        *_word_faults(order, currencies, warehouse, warehouse_known, service_known),
        *_total_faults(order),
    )


def _unit_faults(units: Iterable[ShopUnit]) -> Iterable[Fault]:
    for unit in units:
        where = f"items[{unit.order_item_id}]"
        if not unit.sku:
            yield Fault(
                "SKU_MISSING", f"{where}.sku", "the unit has no SKU", "Give the variant a reference key in SCAYLE."
            )
        if unit.price_minor is not None and unit.price_minor < 0:
            yield Fault(
                "PRICE_NEGATIVE", f"{where}.price", "the price is below zero", "Correct the price in SCAYLE."
            )


def _word_faults(
    order: ShopOrder, currencies: frozenset[str], warehouse: str, warehouse_known: bool, service_known: bool
) -> Iterable[Fault]:
    if order.currency not in currencies:
        yield Fault(
            "CURRENCY_NOT_SERVED",
            "currency",
            f"{order.currency or 'no currency'} is not served",
            "Add it to the shop's currencies in the configuration, if it is to be served.",
            order.currency,
        )
    if not warehouse_known:
        yield Fault(
            "WAREHOUSE_UNKNOWN",
            "warehouse",
            f"{warehouse or 'no warehouse'} is not one of the merchant's",
            "Add it to the merchant's warehouses in the configuration.",
            warehouse,
        )
    if not service_known:
        yield Fault(
            "SERVICE_UNMAPPED",
            "carrier",
            f"{order.carrier or 'no carrier'} has no service in the warehouse",
            "Add the carrier to the merchant's service_map, or set default_service.",
            order.carrier,
        )


def _total_faults(order: ShopOrder) -> Iterable[Fault]:
    """Check that units and fees add up to the order's total.

    Orders with prices made outside SCAYLE may lack prices, and a delegation alone lacks the fees: nothing is
    compared then. SCAYLE does not say whether cancelled units leave the total, so either sum is right.
    """
    if order.external_prices or not order.complete or order.total_minor is None:
        return
    prices = [(unit.price_minor, unit.state in _GONE) for unit in order.units]
    if any(price is None for price, _gone in prices):
        yield Fault("PRICE_MISSING", "items.price", "a unit has no price", "Look the order's prices up in SCAYLE.")
        return
    fees = sum(order.fees_minor.values())
    everything = sum(price or 0 for price, _gone in prices) + fees
    remaining = sum(price or 0 for price, gone in prices if not gone) + fees
    if order.total_minor not in (everything, remaining):
        yield Fault(
            "TOTAL_MISMATCH",
            "cost.withTax",
            f"units and fees come to {Money(everything, order.currency)}, "
            f"the order says {Money(order.total_minor, order.currency)}",
            "Compare the order's lines with its total in SCAYLE; SCAYLE is the truth for prices.",
        )
