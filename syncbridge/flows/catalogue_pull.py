"""Which SKUs a back end knows, so that an order for an unknown one is stopped before it is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from syncbridge.domain.backend import CatalogueItem
from syncbridge.domain.orders import Fault, Line
from syncbridge.flows.context import Context
from syncbridge.flows.feed import follow
from syncbridge.ledger import catalogue
from syncbridge.ledger.engine import Connection
from syncbridge.ports import FulfilmentBackend


def run(context: Context) -> dict[str, int]:
    """Read every back end's changed products; return how many were read per account."""
    read: dict[str, int] = {}
    for backend in context.backends.values():
        read[backend.account] = _pull(context, backend)
    return read


def _pull(context: Context, backend: FulfilmentBackend) -> int:
    def store(connection: Connection, rows: tuple[CatalogueItem, ...], at: datetime) -> None:
        catalogue.store(connection, backend.account, [(item.sku, item.active) for item in rows], at)

    return follow(context, "catalogue_pull", f"catalogue:{backend.account}", backend.products_changed, store)


def unknown_in_catalogue(context: Context, backend: FulfilmentBackend, lines: Sequence[Line]) -> tuple[Fault, ...]:
    """Return a fault per SKU that the back end does not serve; asks it only about what the ledger cannot answer."""
    skus = sorted({line.sku for line in lines})
    with context.ledger.reading() as connection:
        doubtful = set(skus) - catalogue.active_skus(connection, backend.account, skus)
    if not doubtful:
        return ()
    unknown = backend.unknown_skus(sorted(doubtful))
    with context.ledger.work() as work:
        catalogue.store(work.connection, backend.account, [(sku, sku not in unknown) for sku in doubtful], context.now())
        work.commit()
    return tuple(
        Fault(
            "SKU_UNKNOWN",
            f"items[sku={sku}].sku",
            "the warehouse does not know this SKU, or no longer serves it",
            "Set the product up in the warehouse, or map the SKU in the merchant's sku_map.",
            sku,
        )
        for sku in sorted(unknown)
    )
