"""Reservations: single units put aside for a caller, until they are freed or run out of time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from syncbridge.sandbox.clock import SandboxClock
from syncbridge.sandbox.scayle.answers import ApiError, Body, Json
from syncbridge.sandbox.scayle.catalogue import Catalogue
from syncbridge.sandbox.scayle.organisation import DEFAULT_MERCHANT
from syncbridge.sandbox.scayle.settings import Behaviour
from syncbridge.sandbox.scayle.stock import Stock, StockRow


class Reservations:
    """Reserve and free units. The unit of the time to live, seconds, and its default are inferred."""

    def __init__(self, clock: SandboxClock, behaviour: Behaviour, catalogue: Catalogue, stock: Stock) -> None:
        self._clock = clock
        self._behaviour = behaviour
        self._catalogue = catalogue
        self._stock = stock
        self._held: dict[int, Json] = {}

    def reserve(self, body: Body, number: int) -> Json:
        """Reserve one unit; return the entry of the answer, with an id or with an error."""
        key, warehouse = body.text("referenceKey"), body.text("warehouseReferenceKey")
        named = Body.of(body.members.get("variant"), "variant")
        ttl = body.optional_integer("reservationTtl") or int(self._behaviour["reservationTtlSeconds"])
        self._expire()
        row = self._row(named, warehouse)
        if row is None:
            message = "The combination of warehouseReferenceKey, variant id/key and merchantReferenceKey was not found."
            return {"referenceKey": key, "error": {"errorKey": "VARIANT_NOT_FOUND", "message": message}}
        if row.sellable < 1 and not row.sellable_without_stock:
            error = {"errorKey": "OUT_OF_STOCK", "message": "Nothing left to reserve."}
            return {"referenceKey": key, "error": error}
        row.reserved += 1
        expires = self._clock.now() + timedelta(seconds=ttl)
        self._held[number] = {"key": key, "row": row, "expires": expires}
        return {"referenceKey": key, "id": number, "reservationTtl": ttl}

    def _row(self, named: Body, warehouse: str) -> StockRow | None:
        identifier: Any = named.optional_integer("id") or named.optional_text("referenceKey") or ""
        merchant = named.optional_text("merchantReferenceKey") or DEFAULT_MERCHANT
        try:
            variant = self._catalogue.variant(identifier)
        except ApiError:
            return None
        return self._stock.look(variant["id"], warehouse, merchant)

    def free(self, identifier: int | str) -> None:
        """Free a reservation by id or key; raises ApiError 404."""
        self._expire()
        for number, reservation in self._held.items():
            if identifier in (number, reservation["key"]):
                self._release(number)
                return
        raise ApiError(404, "RESERVATION_NOT_FOUND", "No such reservation.", {"identifier": str(identifier)})

    def _expire(self) -> None:
        now = self._clock.now()
        for number in [number for number, one in self._held.items() if one["expires"] <= now]:
            self._release(number)

    def _release(self, number: int) -> None:
        self._held.pop(number)["row"].reserved -= 1
