"""OrderWise's stock in canonical words (OrderWise contract 12.7, partly assumed). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from connectors.orderwise.local_time import instant_of, milliseconds
from connectors.orderwise.payloads import StockRowDocument, trimmed
from syncbridge.config.orderwise import OrderWiseSettings
from syncbridge.domain.stock import StockRow


def to_stock_rows(
    rows: Iterable[StockRowDocument], fetched_at: datetime, settings: OrderWiseSettings
) -> tuple[StockRow, ...]:
    """Sum free stock over the locations for sale, one row per SKU and warehouse code.

    Raw figures are summed, below zero and in fractions too; the domain floors and clamps once. All locations of a variant
    come together (contract 12.7), so a warehouse none of whose locations is among them has nothing for sale.
    """
    newest: dict[tuple[str, int], tuple[datetime, Decimal]] = {}
    skus: dict[str, datetime] = {}
    discontinued: set[str] = set()
    zone = settings.zone
    instants: dict[str, datetime] = {}
    for row in rows:
        sku, stamp = trimmed(row.variant_code), row.last_calculated_at
        changed_at = instants.get(stamp) or instants.setdefault(stamp, instant_of(stamp, zone, fetched_at))
        key = (sku, row.stock_location_id)
        if key not in newest or changed_at >= newest[key][0]:
            newest[key] = (changed_at, row.free_stock)
        skus[sku] = max(skus.get(sku, changed_at), changed_at)
        if row.discontinued:
            discontinued.add(sku)
    warehouses = settings.sale_warehouses
    return tuple(
        StockRow(
            sku=sku,
            warehouse_code=code,
            available_for_sale=sum(
                (newest[sku, place][1] for place in locations if (sku, place) in newest), Decimal(0)
            ),
            active=sku not in discontinued,
            # The date itself is shown as it came: whoever watches the clocks has to see it.
            sequence=milliseconds(min(changed_at, fetched_at)),
            changed_at=changed_at,
        )
        for sku, changed_at in skus.items()
        if sku
        for code, locations in warehouses.items()
    )
