"""One SCAYLE tenant: all of its parts, joined; a reset makes a new one."""

from __future__ import annotations

import random
from collections.abc import Callable

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.faults import FaultPlan
from syncbridge.sandbox.journal import Journal
from syncbridge.sandbox.scayle.answers import Answer, Body, Json
from syncbridge.sandbox.scayle.billing import Billing
from syncbridge.sandbox.scayle.bulk import BulkRequests
from syncbridge.sandbox.scayle.cancellation_calls import CancellationCalls
from syncbridge.sandbox.scayle.catalogue import Catalogue
from syncbridge.sandbox.scayle.delegation import Delegations
from syncbridge.sandbox.scayle.delegation_payload import DelegationPayload
from syncbridge.sandbox.scayle.fulfilment import Fulfilment
from syncbridge.sandbox.scayle.lifecycle import Lifecycle
from syncbridge.sandbox.scayle.order_documents import OrderDocuments
from syncbridge.sandbox.scayle.organisation import Organisation
from syncbridge.sandbox.scayle.placing import OrderDesk
from syncbridge.sandbox.scayle.rate_limits import RateLimiter
from syncbridge.sandbox.scayle.reservations import Reservations
from syncbridge.sandbox.scayle.scheduler import OUTGOING_FAULTS, Outgoing, Scheduler
from syncbridge.sandbox.scayle.settings import Behaviour, LaunchSettings
from syncbridge.sandbox.scayle.state import OrderRecord, Store
from syncbridge.sandbox.scayle.stock import Stock, StockRow
from syncbridge.sandbox.scayle.webhooks import Webhooks


class World:
    """The tenant as it stands. Clock, faults, journal and scheduler outlive a reset; the rest is made anew."""

    def __init__(self, launch: LaunchSettings) -> None:
        self.launch = launch
        self.clock = SandboxClock()
        self.faults = FaultPlan(launch.seed, webhook_kinds=OUTGOING_FAULTS)
        self.journal = Journal(self.clock)
        self.scheduler = Scheduler(self.clock)
        # Calls that an order waits for never queue behind webhooks.
        self._merchant_calls = Outgoing(launch.outgoing_calls, self.faults)
        self._webhook_calls = Outgoing(launch.outgoing_calls, self.faults)
        self.execute: Callable[[World, str, str, bytes], Answer] = _nothing
        self._build()
        self.seed(launch.seed_document)

    def reset(self) -> None:
        """Go back to the state right after the start, seed and wall time included; what is due is forgotten."""
        self.scheduler.clear()
        self.scheduler.failures.clear()
        self.journal.reset()
        self.faults.reset()
        self.clock.restore()
        self._build()
        self.seed(self.launch.seed_document)

    def _build(self) -> None:
        launch, clock, journal = self.launch, self.clock, self.journal
        self.behaviour = Behaviour()
        self.behaviour.update(launch.behaviour)
        behaviour, scheduler = self.behaviour, self.scheduler
        merchants, receivers = self._merchant_calls, self._webhook_calls
        self.store = Store(clock)
        self.organisation = Organisation()
        self.catalogue = Catalogue()
        self.rate_limiter = RateLimiter(clock, behaviour)
        self.stock = Stock(clock, behaviour, journal, self.catalogue, self.organisation)
        self.reservations = Reservations(clock, behaviour, self.catalogue, self.stock)
        self.webhooks = Webhooks(clock, behaviour, scheduler, receivers, launch.tenant_key, launch.seed)
        self.stock.announce = self._announce_stock
        self.billing = Billing(clock, behaviour, journal, self.store, self.webhooks)
        self.lifecycle = Lifecycle(
            clock, behaviour, journal, scheduler, self.store, self.stock, self.billing, self.webhooks
        )
        payload = DelegationPayload(behaviour, self.organisation, self.store, random.Random(launch.seed))
        self.delegations = Delegations(
            clock,
            behaviour,
            journal,
            scheduler,
            merchants,
            self.organisation,
            self.store,
            self.stock,
            self.lifecycle,
            payload,
        )
        self.lifecycle.when_confirmed = self.delegations.plan
        self.cancellations = CancellationCalls(
            clock,
            behaviour,
            journal,
            scheduler,
            merchants,
            self.organisation,
            self.store,
            self.lifecycle,
            self.delegations,
        )
        self.fulfilment = Fulfilment(
            clock, behaviour, journal, self.organisation, self.store, self.lifecycle, self.delegations
        )
        documents = OrderDocuments(clock, behaviour, self.store, self.catalogue, self.organisation)
        self.desk = OrderDesk(clock, journal, self.store, self.catalogue, self.organisation, documents)
        self.producer_subscriptions: dict[str, dict[str, Json]] = {}
        self.bulk = BulkRequests(behaviour, scheduler, receivers, self._execute)

    def _execute(self, method: str, url: str, body: bytes) -> Answer:
        return self.execute(self, method, url, body)

    async def stop(self) -> None:
        """End everything that runs."""
        await self.scheduler.stop()
        for outgoing in (self._merchant_calls, self._webhook_calls):
            await outgoing.close()

    def seed(self, document: Json) -> Json:
        """Add or change shops, warehouses, carriers, merchants, products, stock and webhook subscriptions.

        Raises ValueError, KeyError or ApiError for what cannot be understood. Stock entries are
        `{sku, warehouse, merchant, quantity, changedAt?}`.
        """
        organisation = self.organisation
        for entry in document.get("warehouses", []):
            organisation.put_warehouse({k: v for k, v in entry.items() if k != "shopCountries"})
        for entry in document.get("carriers", []):
            organisation.put_carrier(dict(entry))
        for entry in document.get("shops", []):
            organisation.put_shop(dict(entry))
        for entry in document.get("merchants", []):
            organisation.put_merchant(dict(entry))
        for entry in document.get("products", []):
            self.catalogue.put_product(dict(entry))
        for entry in document.get("stock", []):
            self.edit_stock(entry, "seed")
        for entry in document.get("webhooks", []):
            self.webhooks.subscribe(Body.of(dict(entry), "webhooks"))
        return {
            "shops": len(organisation.shops.by_id),
            "merchants": len(organisation.merchants.by_id),
            "warehouses": len(organisation.warehouses.by_id),
            "carriers": len(organisation.carriers.by_id),
            "variants": len(self.catalogue.variants),
            "webhooks": len(self.webhooks.subscriptions),
        }

    def edit_stock(self, entry: Json, source: str) -> Json:
        """Set stock as a person in the panel would: now, unless the entry says when."""
        sku = str(entry["sku"])
        variant = self.catalogue.ensure_sku(sku, str(entry.get("name", sku)))
        body = {
            "quantity": entry["quantity"],
            "warehouseReferenceKey": entry["warehouse"],
            "merchantReferenceKey": entry.get("merchant"),
            "changedAt": entry.get("changedAt"),
            "sellableWithoutStock": entry.get("sellableWithoutStock"),
            "expectedAvailabilityAt": entry.get("expectedAvailabilityAt"),
        }
        row, applied = self.stock.write(variant, Body.of(body, "stock"), source)
        return {"sku": sku, "applied": applied, **row}

    def place(self, brief: Json) -> OrderRecord:
        """Place an order and take it as far as the brief says: `confirm`, `buy`, `delegationDelaySeconds`."""
        record = self.desk.place(brief)
        if brief.get("buy", True):
            self.lifecycle.buy(record)
        if brief.get("confirm"):
            self.confirm(record, brief.get("delegationDelaySeconds"))
        return record

    def confirm(self, record: OrderRecord, delay_seconds: float | None = None) -> bool:
        """Confirm an order, with a delegation delay of its own if one is given."""
        if delay_seconds is None:
            return self.lifecycle.confirm(record)
        self.lifecycle.when_confirmed = lambda order: self.delegations.plan(order, delay_seconds)
        try:
            return self.lifecycle.confirm(record)
        finally:
            self.lifecycle.when_confirmed = self.delegations.plan

    def _announce_stock(self, row: StockRow) -> None:
        if not self.webhooks.wants("product-variant-stock-updated"):
            return
        self.webhooks.fire(
            "product-variant-stock-updated", lambda: self._stock_payload(row), None, {row.merchant}
        )

    def _stock_payload(self, row: StockRow) -> Json:
        variant = self.catalogue.variants[row.variant_id]
        product = self.catalogue.products[variant["productId"]]
        warehouse = self.organisation.warehouses.get(row.warehouse)
        document = row.document(self.behaviour.on("stockDeductsBlocks"))
        return {
            "productVariant": {"id": row.variant_id, "referenceKey": row.sku},
            "product": {"id": product["id"], "referenceKey": product["referenceKey"]},
            "warehouse": {"id": warehouse["id"], "referenceKey": row.warehouse},
            "quantity": document["quantity"],
            "sellableWithoutStock": row.sellable_without_stock,
            "createdAt": document["changedAt"],
            "merchantReferenceKey": row.merchant,
            "expectedAvailabilityAt": row.expected_at,
        }


def _nothing(world: World, method: str, url: str, body: bytes) -> Answer:
    raise NotImplementedError("the API has not been joined to this world")
