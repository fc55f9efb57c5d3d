"""One world for many tests of stock: SKUs of their own, a warehouse that counts, and a shop that can be looked into."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any, cast

import requests
from flow_world import World, world
from sqlalchemy import select

from syncbridge.domain.stock import StockRow
from syncbridge.flows import order_poll, stock_sync
from syncbridge.flows.context import Context
from syncbridge.flows.stock_terms import Summary
from syncbridge.ledger import feeds
from syncbridge.ledger.tables import exceptions
from syncbridge.ports.answers import FeedPage
from syncbridge.ports.backend import FulfilmentBackend

Page = FeedPage[StockRow]

ACCOUNT = "scend:ACME-UK"
STOCK_FEED = f"stock:{ACCOUNT}"


class Meddled:
    """A back end whose stock feed is seen through a test's eyes."""

    def __init__(self, real: FulfilmentBackend, meddle: Callable[[Iterator[Page]], Iterator[Page]]) -> None:
        self._real = real
        self._meddle = meddle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def stock_changed(self, cursor: str | None, since: datetime | None) -> Iterator[Page]:
        return self._meddle(self._real.stock_changed(cursor, since))


@dataclass
class Stage:
    """One world for many tests, each with SKUs of its own."""

    world: World
    numbers: Iterator[int] = field(default_factory=count)

    def sku(self, units: int, *, known: bool = True) -> str:
        """Put a new SKU on the shelf, and into the shop unless it shall be unknown there."""
        return self.skus(1, units, known=known)[0]

    def skus(self, many: int, units: int, *, known: bool = True) -> list[str]:
        made = [f"SKU-{next(self.numbers):04}" for _ in range(many)]
        products = [{"sku": sku} for sku in made]
        shelf = [{"sku": sku, "warehouseCode": "MID1", "physical": units} for sku in made]
        self.world.post(self.world.scend, "seed", {"products": products, "stock": shelf})
        if known:
            self.know(made)
        return made

    def know(self, skus: list[str]) -> None:
        products = [{"referenceKey": f"P-{sku}", "variants": [{"referenceKey": sku}]} for sku in skus]
        self.world.post(self.world.scayle, "seed", {"products": products})

    def shelf(self, sku: str, units: int) -> None:
        """Let the warehouse count so many units of a SKU."""
        self.world.post(
            self.world.scend, "seed", {"stock": [{"sku": sku, "warehouseCode": "MID1", "physical": units}]}
        )

    def sync(self, context: Context | None = None) -> Summary:
        """Let some seconds pass and run."""
        self.world.advance(seconds=3)
        return stock_sync.run(context or self.world.context)

    def row(self, sku: str) -> dict[str, Any]:
        rows: list[dict[str, Any]] = self.world.state(self.world.scayle, "stock")["stock"]
        return next((row for row in rows if row["sku"] == sku and row["merchantReferenceKey"] == "scend"), {})

    def held(self, sku: str) -> int | None:
        return self.row(sku).get("quantity")

    def blocked(self, sku: str) -> list[int]:
        """Return the orders that hold a block on a SKU."""
        blocks = self.world.state(self.world.scayle, "blocks")["blocks"]
        return [block["orderId"] for block in blocks if block["sku"] == sku]

    def edit(self, sku: str, quantity: int, **more: Any) -> None:
        """Edit a number in SCAYLE's panel."""
        body = {"sku": sku, "warehouse": "WH-SCEND-1", "merchant": "scend", "quantity": quantity, **more}
        self.world.post(self.world.scayle, "stock", body)

    def troubles(self, kind: str, subject: str = "") -> list[Any]:
        """Return the open exceptions of a kind whose subject ends so."""
        with self.world.context.ledger.reading() as connection:
            query = select(exceptions).where(exceptions.c.kind == kind, exceptions.c.state == "open")
            return [row for row in connection.execute(query) if row.subject.endswith(subject)]

    def fault(self, path: str, *, times: int | None, effect: bool = False) -> None:
        """Let SCAYLE answer POSTs to a path with 500, applied all the same with `effect`."""
        match = {"method": "POST", "pathRegex": path}
        plan = {"match": match, "fault": "http", "status": 500, "times": times, "effect": effect}
        self.world.post(self.world.scayle, "faults", plan)

    def no_faults(self) -> None:
        requests.delete(f"{self.world.scayle}/_sandbox/faults", timeout=30).raise_for_status()

    def meddled(self, meddle: Callable[[Iterator[Page]], Iterator[Page]]) -> Context:
        context = self.world.context
        backend = cast("FulfilmentBackend", Meddled(context.backends["scend"], meddle))
        return replace(context, backends={"scend": backend})

    def configured(self, **stock_settings: Any) -> Context:
        """Return a context with other settings of the section `stock`."""
        context = self.world.context
        settings = context.configuration
        changed = settings.stock.model_copy(update=stock_settings)
        return replace(context, configuration=replace(settings, stock=changed))

    def bulky(self, limit: int, chunk: int = 100) -> Context:
        """Return a context that publishes in bulk from so many writes on, `chunk` to a request."""
        context = self.world.context
        settings = context.configuration
        changed = settings.scayle.model_copy(update={"stock_bulk_from": limit, "stock_bulk_chunk": chunk})
        return replace(
            context, configuration=replace(settings, scayle=changed), sleep=lambda _seconds: time.sleep(0.05)
        )


@contextmanager
def staged(folder: Path) -> Iterator[Stage]:
    """Start a world with a ledger of its own."""
    with world(f"sqlite:///{folder / 'ledger.sqlite3'}", folder) as made:
        yield Stage(made)


def feed_positions(stage: Stage) -> dict[str, feeds.Position]:
    with stage.world.context.ledger.reading() as connection:
        return {
            name: feeds.position(connection, name)
            for name in (order_poll.NAME, order_poll.WATERMARK, f"orders:{ACCOUNT}", f"stock:{ACCOUNT}")
        }


def restore(stage: Stage, before: dict[str, feeds.Position]) -> None:
    """Put the cursors back, as a restored ledger would."""
    at = stage.world.clock.now()
    with stage.world.context.ledger.work() as work:
        for name, position in before.items():
            feeds.move(work.connection, name, feeds.position(work.connection, name), position, at=at)
        work.commit()
