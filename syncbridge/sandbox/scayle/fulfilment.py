"""Messages of merchants: shipments, cancellations and returns, each accepted whole or not at all."""

from __future__ import annotations

from datetime import datetime

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.journal import Journal
from syncbridge.sandbox.scayle import packages
from syncbridge.sandbox.scayle.answers import Answer, ApiError, Body, Call, Json, invalid, stamp
from syncbridge.sandbox.scayle.delegation import Delegations
from syncbridge.sandbox.scayle.lifecycle import Lifecycle
from syncbridge.sandbox.scayle.organisation import DEFAULT_MERCHANT, Organisation
from syncbridge.sandbox.scayle.settings import Behaviour
from syncbridge.sandbox.scayle.state import OrderRecord, Store, Unit

REAL_STATES = frozenset({"CONFIRMED", "DELEGATED", "SHIPPED", "INVOICED", "ABORTED", "CANCELLED"})
"""Documented: only an order that is CONFIRMED or later is real."""


class Fulfilment:
    """Validate messages strictly, then let the order live through them."""

    def __init__(
        self,
        clock: SandboxClock,
        behaviour: Behaviour,
        journal: Journal,
        organisation: Organisation,
        store: Store,
        lifecycle: Lifecycle,
        delegations: Delegations,
    ) -> None:
        self._clock = clock
        self._behaviour = behaviour
        self._journal = journal
        self._organisation = organisation
        self._store = store
        self._lifecycle = lifecycle
        self._delegations = delegations

    # ---- what has left

    def shipment(self, call: Call) -> Answer:
        """Take one parcel. The same key with the same units again does nothing; with others it is 409."""
        body = call.object()
        order = self._order(body, call)
        carrier = self._organisation.carriers.look(body.text("carrier"))
        if carrier is None:
            raise ApiError(400, "CARRIER_NOT_FOUND", "No such carrier.", {"field": "carrier"})
        shipment_key = body.text("shipmentKey")
        left_at = body.instant("deliveryDate")
        return_keys = self._shipped_items(body)
        known = self._store.shipments.get(shipment_key)
        if known is not None:
            if known["orderId"] == order.id and known["items"] == return_keys:
                self._journal.fact("shipment.repeated", orderId=order.id, shipmentKey=shipment_key)
                return self._done(effect=False)
            raise ApiError(
                409, "SHIPMENT_EXISTS", "That shipmentKey has other units.", {"shipmentKey": shipment_key}
            )
        units = self._units(order, return_keys)
        merchant = self._merchant(body, units)
        self._check_carrier(merchant, carrier, order)
        for unit in units:
            if unit.force_closed and self._behaviour["shipmentAfterForceClose"] == "accepted":
                continue
            if not unit.is_open:
                raise _not_open(unit)
        self._check_return_keys(return_keys)
        shipment: Json = {
            "shipmentKey": shipment_key,
            "orderId": order.id,
            "carrier": carrier["key"],
            "deliveryDate": stamp(left_at),
            "returnIdentCode": body.optional_text("returnIdentCode"),
            "merchantReferenceKey": body.optional_text("merchantReferenceKey"),
            "items": return_keys,
            "receivedAt": stamp(self._clock.now()),
        }
        self._deed(order, units)
        self._store.shipments[shipment_key] = shipment
        for unit in units:
            self._store.return_keys[return_keys[unit.id]] = unit
        self._journal.fact(
            "shipment", orderId=order.id, shipmentKey=shipment_key, items=[unit.id for unit in units]
        )
        waiting = [unit for unit in units if unit.is_open]
        if waiting:
            url = packages.tracking_url(carrier["trackingUrl"], shipment_key)
            self._lifecycle.ship(order, waiting, shipment, url)
        for unit in units:
            if unit.force_closed and shipment_key not in unit.shipments:
                unit.shipments.append(shipment_key)
        return self._done()

    def _shipped_items(self, body: Body) -> dict[int, str]:
        return_keys: dict[int, str] = {}
        for item in body.objects("items"):
            number = item.integer("orderItemId")
            if number in return_keys:
                raise invalid(f"{item.where}.orderItemId", "A unit occurs twice in this shipment.")
            return_keys[number] = item.text("returnKey")
        if len(set(return_keys.values())) != len(return_keys):
            raise invalid("items", "A returnKey occurs twice in this shipment.")
        return return_keys

    def _check_return_keys(self, return_keys: dict[int, str]) -> None:
        """Refuse a returnKey that another unit already has: returns carry no order id to tell them apart."""
        for number, key in return_keys.items():
            holder = self._store.return_keys.get(key)
            if holder is None and key.isascii() and key.isdigit():
                holder = self._store.units.get(int(key))
            if holder is not None and holder.id != number:
                raise ApiError(
                    409, "RETURN_KEY_EXISTS", "Another unit has that returnKey.", {"returnKey": key}
                )

    def _check_carrier(self, merchant: Json | None, carrier: Json, order: OrderRecord) -> None:
        if merchant is None or not self._behaviour.on("requireAssignedCarrier"):
            return
        if not self._organisation.carrier_serves(merchant, carrier, order.shop_country[1]):
            raise ApiError(
                400,
                "CARRIER_NOT_ASSIGNED",
                "The carrier is not assigned to this merchant and country.",
                {"field": "carrier"},
            )

    # ---- what cannot be fulfilled

    def cancellation(self, call: Call) -> Answer:
        """Take the merchant's word that units cannot be fulfilled."""
        body = call.object()
        order = self._order(body, call)
        numbers = [item.integer("orderItemId") for item in body.objects("items")]
        if len(set(numbers)) != len(numbers):
            raise invalid("items", "A unit occurs twice in this cancellation.")
        units = self._units(order, numbers)
        self._merchant(body, units)
        for unit in units:
            late = unit.status == "delivered" and (
                unit.force_closed or self._behaviour["shippedUnitCancellation"] == "accepted"
            )
            if not unit.is_open and not late:
                raise _not_open(unit)
        self._deed(order, [unit for unit in units if unit.is_open])
        self._journal.fact("merchant.cancellation", orderId=order.id, items=numbers)
        self._lifecycle.undeliverable(order, units, body.optional_text("merchantReferenceKey"))
        return self._done()

    # ---- what comes back

    def returns(self, call: Call) -> Answer:
        """Book returned units, found by returnKey or by orderItemId; one merchant a call."""
        self._company(call)
        entries = call.array()
        units: list[Unit] = []
        rows: list[Json] = []
        for entry in entries:
            unit = self._returned_unit(entry)
            if unit in units:
                raise invalid(f"{entry.where}.returnKey", "A unit occurs twice in this call.")
            units.append(unit)
            rows.append(
                {
                    "returnKey": entry.text("returnKey"),
                    "received": _received(entry),
                    "returnReason": entry.optional_text("returnReason"),
                    "merchantReferenceKey": entry.optional_text("merchantReferenceKey"),
                    "orderId": unit.order.id,
                    "itemId": unit.id,
                }
            )
        if (
            len({unit.merchant for unit in units}) > 1
            or len({row["merchantReferenceKey"] for row in rows}) > 1
        ):
            raise invalid("merchantReferenceKey", "Every entry must belong to the same merchant.")
        self._merchant(entries[0], units)
        for unit in units:
            if unit.status != "delivered":
                raise _not_open(unit, "is not out for return")
        by_order: dict[int, list[Unit]] = {}
        for unit, row in zip(units, rows, strict=True):
            self._store.returns.append({"id": self._store.number("return"), **row})
            self._journal.fact("return", **{name: row[name] for name in ("orderId", "itemId", "returnKey")})
            by_order.setdefault(unit.order.id, []).append(unit)
        for group in by_order.values():
            self._lifecycle.returned(group[0].order, group)
        return self._done()

    def _returned_unit(self, entry: Body) -> Unit:
        key = entry.text("returnKey")
        unit = self._store.return_keys.get(key)
        if unit is None and key.isascii() and key.isdigit():
            unit = self._store.units.get(int(key))
        if unit is None:
            raise ApiError(404, "ORDER_ITEM_NOT_FOUND", "No unit has that returnKey.", {"returnKey": key})
        return unit

    # ---- shared rules

    def _order(self, body: Body, call: Call) -> OrderRecord:
        shop_key, country, number = body.text("shopKey"), body.text("countryCode"), body.integer("orderId")
        company = self._company(call)
        order = self._store.find(number)
        if order.company_id != company or order.state not in REAL_STATES:
            raise ApiError(404, "ORDER_NOT_FOUND", "There is no such order.", {"orderId": number})
        # Documented: shop and country must match the order's shop country; case is seen both ways.
        shop_country_id = str(order.document["shopCountry"].get("id"))
        if shop_key != order.shop_country[0] or country.upper() not in (
            order.shop_country[1],
            shop_country_id,
        ):
            raise ApiError(
                400,
                "SHOP_COUNTRY_MISMATCH",
                "The order was sold in another shop country.",
                {"shopKey": shop_key, "countryCode": country},
            )
        return order

    def _company(self, call: Call) -> int:
        companies: list[int] = self._behaviour["companies"]
        text = call.headers.get("X-Company-Id")
        if text is None:
            return companies[0]
        if not text.isascii() or not text.isdigit() or int(text) not in companies:
            raise ApiError(400, "COMPANY_NOT_FOUND", "No such company.", {"header": "X-Company-Id"})
        return int(text)

    def _units(self, order: OrderRecord, numbers: dict[int, str] | list[int]) -> list[Unit]:
        units = []
        for number in numbers:
            unit = order.units.get(number)
            if unit is None:
                raise ApiError(
                    404, "ORDER_ITEM_NOT_FOUND", "The order has no such unit.", {"orderItemId": number}
                )
            units.append(unit)
        return units

    def _merchant(self, body: Body, units: list[Unit]) -> Json | None:
        """Check who speaks: absent means merchant `default` unless set to `any` (project choice)."""
        key = body.optional_text("merchantReferenceKey")
        if key is None:
            if self._behaviour["absentMerchant"] == "any":
                return None
            key = DEFAULT_MERCHANT
        merchant = self._organisation.merchants.look(key)
        if merchant is None:
            raise ApiError(400, "MERCHANT_NOT_FOUND", "No such merchant.", {"field": "merchantReferenceKey"})
        foreign = [unit.id for unit in units if unit.merchant != key]
        if foreign:
            raise ApiError(
                400,
                "MERCHANT_MISMATCH",
                "A unit belongs to another merchant.",
                {"merchantReferenceKey": key, "orderItemId": foreign[0]},
            )
        return merchant

    def _deed(self, order: OrderRecord, units: list[Unit]) -> None:
        if order.state == "CONFIRMED" and self._behaviour["updatesBeforeDelegation"] == "409":
            raise ApiError(
                409, "ORDER_NOT_DELEGATED", "The order is not delegated yet.", {"orderId": order.id}
            )
        self._delegations.accept_by_deed(order, units)
        if order.state == "CONFIRMED":
            self._lifecycle.accepted(order, units)

    def _done(self, effect: bool = True) -> Answer:
        return Answer(status=int(self._behaviour["fulfilmentStatus"]), effect=effect)


def _received(entry: Body) -> str:
    text = entry.text("received")
    for form in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"):
        try:
            datetime.strptime(text, form)  # noqa: DTZ007 - the contract's own form has no offset
            return text
        except ValueError:
            continue
    raise invalid(f"{entry.where}.received", "received takes YYYY-MM-DD HH:MM:SS.")


def _not_open(unit: Unit, words: str = "cannot be changed any more") -> ApiError:
    keys = {"delivered": "SHIPPED", "returned": "RETURNED", "available": "NOT_SHIPPED"}
    return ApiError(
        409,
        f"ORDER_ITEM_{keys.get(unit.status, 'CANCELLED')}",
        f"Unit {unit.id} {words}: it is {unit.status}.",
        {"orderItemId": unit.id, "status": unit.status},
    )
