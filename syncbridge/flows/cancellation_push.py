"""Cancellation push: close in SCAYLE the units that the warehouse gave up, so that nobody pays for them."""

from __future__ import annotations

from datetime import datetime
from functools import partial

from syncbridge.domain.errors import VendorError
from syncbridge.domain.orders import ShopOrder, ShopUnitState
from syncbridge.flows.context import SHOP, Context
from syncbridge.flows.outward import run_writes
from syncbridge.flows.shop_write import ShopWrite
from syncbridge.flows.write import (
    RENEWED,
    Prepared,
    Renewed,
    Sighting,
    Summary,
    Trouble,
    Unwanted,
)
from syncbridge.ledger import history, order_parts, ordered_units, orders
from syncbridge.ledger.claims import Claim
from syncbridge.ledger.engine import Connection
from syncbridge.ports.shop import UnitCancellation

KIND = "cancellation"
_GONE = (ShopUnitState.CANCELLED, ShopUnitState.UNFULFILLABLE)


class CancellationWrite(ShopWrite):
    """The `cancellation` write. Its units are those whose one terminal write it is."""

    kind = KIND

    def __init__(self, context: Context) -> None:
        super().__init__(context, context.shop.send_cancellation)
        self._closed_already: dict[int, frozenset[int]] = {}

    def _look(self, claim: Claim, order: ShopOrder) -> Sighting | None:
        states = {unit.order_item_id: unit for unit in order.units}
        units = [states.get(item) for item in self._units(claim)]
        shipped = [
            f"items[{unit.order_item_id}]: SCAYLE has it as {unit.raw_state}"
            for unit in units
            if unit is not None and unit.state in (ShopUnitState.SHIPPED, ShopUnitState.RETURNED)
        ]
        if shipped:
            return Sighting(order, tuple(shipped))
        gone = frozenset(unit.order_item_id for unit in units if unit is not None and unit.state in _GONE)
        if units and len(gone) == len(units):
            return Sighting(order)
        self._closed_already[claim.id] = gone
        return None

    def prepare(self, claim: Claim) -> Prepared | Trouble | Unwanted:
        # SCAYLE takes a cancellation whole or not at all: what it closed by itself is left out.
        closed = self._closed_already.get(claim.id, frozenset())
        units = tuple(unit for unit in self._units(claim) if unit not in closed)
        if not units:
            return Unwanted("no unit is left to close")
        if claim.fulfilment_order_id is None:
            raise ValueError(f"transmission {claim.id} belongs to no fulfilment order")
        with self._context.ledger.reading() as connection:
            shop, country = orders.shop_of(connection, claim.order_id)
            merchant = order_parts.part_of(connection, claim.fulfilment_order_id).merchant
        return Prepared(
            self._context.shop.compose_cancellation(
                UnitCancellation(claim.order_id, shop, country, merchant, units)
            )
        )

    def renew(self, claim: Claim) -> Unwanted | Renewed | None:
        """What the warehouse gave up stays given up; a unit that SCAYLE closed meanwhile would spoil the whole call."""
        return RENEWED if self._closed_already.get(claim.id) else None

    def abandon(self, connection: Connection, claim: Claim, at: datetime) -> None:
        """There was nothing to close."""

    def freeze(self, connection: Connection, claim: Claim, prepared: Prepared, at: datetime) -> None:
        """The units were reserved when the intent was recorded."""

    def settle(self, connection: Connection, claim: Claim, sighting: Sighting, at: datetime) -> None:
        history.record(
            connection, claim.order_id, SHOP, "cancellation_shown", at=at, subject=claim.key
        )

    def subject(self, claim: Claim) -> str:
        return f"cancellation:{claim.key}"

    def refusal_kind(self, error: VendorError) -> str:
        return "cancellation_refused"

    def conflict_kind(self) -> str:
        return "cancellation_refused"

    def _units(self, claim: Claim) -> tuple[int, ...]:
        with self._context.ledger.reading() as connection:
            return ordered_units.units_closed_by(connection, claim.id)


def run(context: Context, order_id: int | None = None) -> Summary:
    """Close every given-up unit that is due, or one order's only."""
    ring = partial(context.doorbell.ring, "cancellation_push")
    return run_writes(context, CancellationWrite(context), ring=ring, order_id=order_id)
