"""Which SKUs a back end knows, so that an order for an unknown one is stopped before it is sent."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from syncbridge.domain.backend import CatalogueItem
from syncbridge.domain.errors import Busy
from syncbridge.domain.orders import Fault, Line
from syncbridge.flows.context import Context
from syncbridge.flows.each_backend import each_backend
from syncbridge.flows.feed import follow
from syncbridge.ledger import catalogue, feeds
from syncbridge.ledger.engine import Connection
from syncbridge.ports.backend import FulfilmentBackend

WORD_HOLDS = timedelta(hours=24)
"""How long what a back end said of a SKU goes unquestioned where no feed would tell otherwise. Chosen: a day, as the
nightly re-reading of the feeds."""
ASKING_SECONDS = 60.0
"""How long one run asks by name. Chosen: a hundred SKUs a night at two calls a second; a stock feed that tells does better."""


def run(context: Context) -> dict[str, int]:
    """Read every back end's changed products; return how many were read per account."""
    return each_backend(context, lambda backend: _pull(context, backend)).counts()


def _pull(context: Context, backend: FulfilmentBackend) -> int:
    def store(connection: Connection, rows: tuple[CatalogueItem, ...], at: datetime) -> None:
        items = [(item.sku, item.active) for item in rows]
        if backend.capabilities.catalogue_feed:
            catalogue.store(connection, backend.account, items, at)
        else:
            catalogue.store_new(connection, backend.account, items, at)

    read = follow(context, "catalogue_pull", _feed(backend), backend.products_changed, store, backend.timing.feed_overlap)
    return read if backend.capabilities.catalogue_feed else read + _ask_again(context, backend)


def _feed(backend: FulfilmentBackend) -> str:
    return f"catalogue:{backend.account}"


def _ask_again(context: Context, backend: FulfilmentBackend) -> int:
    """Ask by name about what is on sale and what was not, for a bounded time; return how many were asked about.

    A quota without room for this ends it without a complaint: what was not asked about is the first of the next run.
    """
    until = time.monotonic() + ASKING_SECONDS
    before = context.now() - WORD_HOLDS
    asked = 0
    while time.monotonic() < until:
        with context.ledger.reading() as connection:
            skus = catalogue.to_ask(connection, backend.account, before=before, limit=backend.lookup_batch)
        if not skus:
            break
        try:
            ask_by_name(context, backend, skus)
        except Busy:
            break
        asked += len(skus)
    return asked


def ask_by_name(context: Context, backend: FulfilmentBackend, skus: Sequence[str]) -> frozenset[str]:
    """Return which SKUs the back end does not serve, asking in batches; what one tells is kept if the next one fails."""
    unknown: set[str] = set()
    batch = backend.lookup_batch
    for start in range(0, len(skus), batch):
        asked = skus[start : start + batch]
        gone = backend.unknown_skus(asked)
        with context.ledger.work() as work:
            items = [(sku, sku not in gone) for sku in asked]
            catalogue.store(work.connection, backend.account, items, context.now())
            work.commit()
        unknown |= gone
    return frozenset(unknown)


def unknown_in_catalogue(
    context: Context, backend: FulfilmentBackend, lines: Sequence[Line], *, ask: bool = False
) -> tuple[Fault, ...]:
    """Return a fault per SKU that the back end does not serve.

    Asks it only about what the ledger cannot answer, or with `ask` about all of them.
    """
    skus = sorted({line.sku for line in lines})
    with context.ledger.reading() as connection:
        doubtful = set(skus) - (set() if ask else catalogue.active_skus(connection, backend.account, skus))
        never_read = bool(doubtful) and feeds.position(connection, _feed(backend)).read_to is None
    if not doubtful:
        return ()
    if never_read:
        # The nightly reading has not been yet: until it has, every SKU of every order costs a question.
        context.doorbell.ring("catalogue_pull")
    unknown = ask_by_name(context, backend, sorted(doubtful))
    ambiguous = backend.ambiguous_skus(sorted(unknown)) if unknown else frozenset()
    return tuple(
        Fault(
            "SKU_AMBIGUOUS",
            f"items[sku={sku}].sku",
            "the warehouse has several products whose codes differ only in capital letters",
            "Name the one that is meant in the merchant's sku_map, then retry the order.",
            sku,
        )
        for sku in sorted(ambiguous)
    ) + tuple(
        Fault(
            "SKU_UNKNOWN",
            f"items[sku={sku}].sku",
            "the warehouse does not know this SKU, or no longer serves it",
            "Set the product up in the warehouse, or map the SKU in the merchant's sku_map.",
            sku,
        )
        for sku in sorted(unknown - ambiguous)
    )
