"""What the next stock run would write, from the ledger alone: the report, counted by the flow's own rules."""

from __future__ import annotations

from datetime import datetime

from syncbridge.flows import stock_terms
from syncbridge.flows.context import Context
from syncbridge.flows.stock_observe import feed_name
from syncbridge.flows.stock_places import Places
from syncbridge.ledger import stock
from syncbridge.ledger.engine import Connection
from syncbridge.ports.backend import FulfilmentBackend
from syncbridge.reports import stock_levels
from syncbridge.reports.stock_levels import Rules, Sources, StockLine


def lines(here: Context, now: datetime, sku: str | None) -> tuple[list[StockLine], list[Sources]]:
    """Return the lines of every back end, the most urgent first, and from when their figures are."""
    found: list[StockLine] = []
    origins: list[Sources] = []
    with here.ledger.reading() as connection:
        for backend in here.backends.values():
            source = _source(here, connection, backend)
            origins.append(source)
            rules = _rules(here, connection, backend, source, now)
            found += stock_levels.stock_lines(connection, source, rules, now, sku=sku)
    return sorted(found, key=lambda line: (not line.differs, stock_levels.by_urgency(line))), origins


def sources(here: Context) -> list[Sources]:
    """Return from when every back end's figures are, and what is held."""
    with here.ledger.reading() as connection:
        return [_source(here, connection, backend) for backend in here.backends.values()]


def alike(here: Context, sku: str) -> list[str]:
    """Return the SKUs of the shop that differ from this text in capitals and spaces only."""
    wanted = sku.strip().casefold()
    with here.ledger.reading() as connection:
        every = (one for backend in here.backends.values() for one in stock.levels(connection, backend.account))
        return sorted({one.shop_sku for one in every if wanted in (one.shop_sku.casefold(), one.sku.casefold())})


def _source(here: Context, connection: Connection, backend: FulfilmentBackend) -> Sources:
    return stock_levels.sources(
        connection,
        backend.account,
        feed=feed_name(backend),
        lag=backend.timing.stock_lag,
        known_orders=stock_terms.order_watermark(here, connection),
    )


def _rules(
    here: Context, connection: Connection, backend: FulfilmentBackend, source: Sources, now: datetime
) -> Rules:
    """Return a run's rules, for the figures that the ledger has."""
    reserved_by = source.read_to or now - backend.timing.stock_lag
    sales = stock_terms.count_sales(
        connection, backend.account, now, reserved_by=reserved_by, stamp=source.as_of or now
    )
    buffers, age = stock_terms.buffer_rules(here), now - (source.as_of or now)
    places = Places(here, backend.account)
    return Rules(
        explain=lambda level: stock_terms.terms_of(places.seen(level) or level, sales, buffers, age),
        differs=stock_terms.has_to_be_written,
        in_hand=lambda level, terms: stock_terms.is_in_hand(level, terms, now),
        is_configured=lambda level: places.seen(level) is not None,
    )
