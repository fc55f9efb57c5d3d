"""What happens to an order: each step of its state machine with the effects SCAYLE attaches to it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.journal import Journal
from syncbridge.sandbox.scayle import packages, states
from syncbridge.sandbox.scayle.answers import Json, stamp
from syncbridge.sandbox.scayle.billing import Billing, webhook_order
from syncbridge.sandbox.scayle.scheduler import Scheduler
from syncbridge.sandbox.scayle.settings import Behaviour
from syncbridge.sandbox.scayle.state import OrderRecord, Store, Unit
from syncbridge.sandbox.scayle.stock import Stock
from syncbridge.sandbox.scayle.webhooks import Webhooks


class Lifecycle:
    """Move orders. `when_confirmed` is called with each order that becomes real."""

    def __init__(
        self,
        clock: SandboxClock,
        behaviour: Behaviour,
        journal: Journal,
        scheduler: Scheduler,
        store: Store,
        stock: Stock,
        billing: Billing,
        webhooks: Webhooks,
    ) -> None:
        self._clock = clock
        self._behaviour = behaviour
        self._journal = journal
        self._scheduler = scheduler
        self._store = store
        self._stock = stock
        self._billing = billing
        self._webhooks = webhooks
        self.when_confirmed: Callable[[OrderRecord], None] = lambda order: None

    # ---- before the warehouse

    def buy(self, order: OrderRecord) -> None:
        """The shopper presses buy: CREATED to PENDED."""
        self._step(order, "buy")
        self._refresh(order)

    def confirm(self, order: OrderRecord) -> bool:
        """Authorise payment and verify the order again; return False when virtual stock makes that fail."""
        if order.state == "CREATED":
            self.buy(order)
        units = list(order.units.values())
        if self._behaviour["virtualStock"] == "enforce" and self._stock.shortages(units):
            self.fail_payment(order)
            return False
        self._step(order, "payment_authorised")
        order.confirmed = self._clock.now()
        order.document["confirmedAt"] = stamp(order.confirmed)
        self._stock.block(units, order.id)
        self._refresh(order)
        self._journal.fact("order.confirmed", orderId=order.id, confirmedAt=order.confirmed.isoformat())
        self._webhooks.fire("order-confirmed", lambda: webhook_order(order), order.id)
        self.when_confirmed(order)
        return True

    def fail_payment(self, order: OrderRecord) -> None:
        """Payment or verification failed: PENDED back to CREATED."""
        self._step(order, "payment_failed")
        self._refresh(order)

    # ---- delegation

    def accepted(self, order: OrderRecord, units: list[Unit]) -> None:
        """A merchant took its units: the first one makes the order DELEGATED and starts the 14 days."""
        now = self._clock.now()
        for unit in units:
            unit.document["delegatedAt"] = stamp(now)
        if order.state == "CONFIRMED":
            self._step(order, "merchant_accepted")
            order.delegated = now
            merchants = {unit.merchant for unit in units}
            self._refresh(order)
            self._webhooks.fire("order-delegated", lambda: webhook_order(order), order.id, merchants)
            self._watch_force_close(order, now)
        else:
            self._refresh(order)

    def dropped(self, order: OrderRecord, units: list[Unit], reason: str) -> None:
        """Units that no merchant will get: their merchant gave up, or virtual stock is gone."""
        waiting = [unit for unit in units if unit.is_open]
        for unit in waiting:
            self._store.set_status(unit, "unavailable")
            order.failed_units += 1
        self._stock.release(waiting)
        packages.cancel(order, waiting)
        self._journal.fact(
            "units.unavailable", orderId=order.id, items=[unit.id for unit in waiting], reason=reason
        )
        self._refresh(order)
        self._item_events("order-item-out-of-stock", order, waiting)
        self._settle(order)

    # ---- messages from merchants

    def ship(self, order: OrderRecord, units: list[Unit], shipment: Json, tracking_url: str | None) -> None:
        """A parcel has left: units are delivered and invoiced, and what they cost is captured."""
        order.last_shipment = self._clock.now()
        order.shipments.append(shipment["shipmentKey"])
        parcel = packages.ship(order, units, shipment, tracking_url)
        for unit in units:
            self._store.set_status(unit, "delivered", "shippedAt")
            unit.shipments.append(shipment["shipmentKey"])
        order.shipped_units += len(units)
        self._refresh(order)
        self._item_events("order-package-shipped", order, units, together=True, package=parcel)
        self._billing.invoice_units(order, units, "shipment")
        self._settle(order)

    def undeliverable(self, order: OrderRecord, units: list[Unit], merchant_key: str | None) -> None:
        """The merchant cannot fulfil these units; after a force-close that means a corrective invoice."""
        late = [unit for unit in units if unit.status == "delivered"]
        waiting = [unit for unit in units if unit.is_open]
        for unit in units:
            self._store.set_status(unit, "undeliverable", "cancelledAt")
            unit.cancellations += 1
        order.failed_units += len(units)
        order.shipped_units -= len(late)
        packages.cancel(order, waiting)
        self._store.cancellations.append(
            {
                "id": self._store.number("cancellation"),
                "orderId": order.id,
                "by": "merchant",
                "merchant": merchant_key,
                "items": [unit.id for unit in units],
                "at": stamp(self._clock.now()),
            }
        )
        self._refresh(order)
        self._item_events("order-item-unshippable", order, units)
        if late:
            self._billing.correct_units(order, late, "late cancellation")
        self._settle(order)

    def returned(self, order: OrderRecord, units: list[Unit]) -> None:
        """Goods came back: corrective invoice and refund."""
        for unit in units:
            self._store.set_status(unit, "returned", "returnedAt")
            unit.returns += 1
        order.returned_units += len(units)
        self._refresh(order)
        self._item_events("order-item-returned", order, units)
        self._billing.correct_units(order, units, "return")
        self._refresh(order)

    # ---- the shopper

    def cancelled(self, order: OrderRecord, units: list[Unit], merchant_key: str) -> None:
        """A merchant agreed to a shopper's cancellation: its open units are cancelled."""
        waiting = [unit for unit in units if unit.is_open]
        event = "order-item-unshippable" if order.state == "DELEGATED" else "order-item-cancelled"
        for unit in waiting:
            self._store.set_status(unit, "cancelled", "cancelledAt")
            unit.cancellations += 1
        order.cancelled_units += len(waiting)
        packages.cancel(order, waiting)
        self._stock.release(waiting)
        self._store.cancellations.append(
            {
                "id": self._store.number("cancellation"),
                "orderId": order.id,
                "by": "shopper",
                "merchant": merchant_key,
                "items": [unit.id for unit in waiting],
                "at": stamp(self._clock.now()),
            }
        )
        self._refresh(order)
        self._item_events(event, order, waiting)
        self._settle(order)

    # ---- ends

    def refresh(self, order: OrderRecord) -> None:
        """Show a change that is not a step of the state machine (a capture, a billing override)."""
        self._refresh(order)

    def force_close(self, order: OrderRecord) -> None:
        """Close an order as shipped because no shipment message came for too long.

        Raises IllegalTransition unless the order is DELEGATED.
        """
        states.next_state(order.state, "force_closed")
        waiting = [unit for unit in order.units.values() if unit.is_open]
        now = self._clock.now()
        order.force_closed = now
        for unit in waiting:
            self._store.set_status(unit, "delivered", "shippedAt")
            unit.force_closed = True
        order.shipped_units += len(waiting)
        self._journal.fact("order.force_closed", orderId=order.id, items=[unit.id for unit in waiting])
        self._item_events("order-package-shipped", order, waiting, together=True)
        self._billing.invoice_units(order, waiting, "force close")
        self._step(order, "force_closed")
        self._finish(order)

    def _settle(self, order: OrderRecord) -> None:
        """Close an order whose units are all covered by shipment, cancellation or drop."""
        if order.open_units == 0 and order.state == "DELEGATED" and order.shipped_units:
            self._step(order, "all_covered")
            self._finish(order)
        elif order.open_units == 0 and order.state in ("CONFIRMED", "DELEGATED") and not order.shipped_units:
            self._step(order, "nothing_left")
            self._step(order, "cleaned_up")
            self._refresh(order)
            self._webhooks.fire("order-cancelled", lambda: webhook_order(order), order.id)
        else:
            self._refresh(order)

    def _finish(self, order: OrderRecord) -> None:
        self._step(order, "invoiced")
        order.document["invoicedAt"] = stamp(self._clock.now())
        self._refresh(order)
        if self._behaviour.on("fullInvoicing"):
            self._webhooks.fire("order-invoiced", lambda: webhook_order(order), order.id)

    def _watch_force_close(self, order: OrderRecord, since: datetime) -> None:
        due = since + timedelta(days=float(self._behaviour["forceCloseDays"]))
        self._scheduler.at(due.timestamp(), lambda: self._force_close_if_silent(order))

    def _force_close_if_silent(self, order: OrderRecord) -> None:
        if order.state != "DELEGATED" or not order.open_units or order.delegated is None:
            return
        silent_since = order.last_shipment or order.delegated
        if self._clock.now() - silent_since >= timedelta(days=float(self._behaviour["forceCloseDays"])):
            self.force_close(order)
        else:
            self._watch_force_close(order, silent_since)

    # ---- showing it

    def _step(self, order: OrderRecord, trigger: str) -> None:
        before = order.state
        order.state = states.next_state(before, trigger)
        self._store.order_states[before] -= 1
        self._store.order_states[order.state] += 1
        packages.follow_state(order)
        self._journal.fact(
            "order.state", orderId=order.id, **{"from": before, "to": order.state, "trigger": trigger}
        )

    def _refresh(self, order: OrderRecord) -> None:
        order.document["status"] = states.overall_status(order.state, order.shipped_units > 0)
        order.document["detailedStatus"] = self.detailed_status(order)
        self._store.touch(order)

    def detailed_status(self, order: OrderRecord) -> Json:
        """Return the three facets with their labels."""
        pending = self._billing.has_pending(order)
        order_code = (
            "order_invoice_error" if order.capture_fails and pending else f"order_{order.state.lower()}"
        )
        billing = order.billing_override or states.billing_code(
            order.state, order.captured, order.refunded, pending
        )
        shipping = states.shipping_code(
            order.state, order.shipped_units, order.returned_units, order.failed_units, order.cancelled_units
        )
        return {
            "order": states.facet(order_code),
            "billing": states.facet(billing),
            "shipping": states.facet(shipping),
        }

    def _item_events(
        self,
        event: str,
        order: OrderRecord,
        units: list[Unit],
        together: bool = False,
        package: Json | None = None,
    ) -> None:
        """Fire an item event for each unit, or one for a parcel; payloads hold the units concerned only."""
        if not units or not self._webhooks.wants(event):
            return
        for group in [units] if together else [[unit] for unit in units]:
            merchants = {unit.merchant for unit in group}
            payload = partial(self._item_payload, order, group, package)
            self._webhooks.fire(event, payload, order.id, merchants)

    def _item_payload(self, order: OrderRecord, units: list[Unit], package: Json | None) -> Json:
        items = [unit.document for unit in units]
        if self._behaviour["webhookItemPayload"] == "items":
            return {"items": [{**item, "orderId": order.id} for item in items]}
        document = order.document
        names = ("id", "referenceKey", "basketKey", "currencyCode", "status", "cost", "shopCountry")
        body: Json = {name: document.get(name) for name in names}
        body |= {"items": items, "packages": [package] if package is not None else []}
        return {"order": body}
