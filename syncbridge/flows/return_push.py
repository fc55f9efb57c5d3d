"""Return push: tell SCAYLE of units that came back, once. SCAYLE then writes the corrective invoice and refunds.

A return is acknowledged only when SCAYLE's own order shows its units as returned. It is recorded no sooner than their shipment
is acknowledged (see `return_match`), and each unit has at most one, ever.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from syncbridge.domain.errors import VendorError
from syncbridge.domain.orders import ShopOrder, ShopUnitState
from syncbridge.domain.returns import ReturnReason
from syncbridge.flows import refund_watch
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
from syncbridge.ledger import history, order_locks, receipts, refunds
from syncbridge.ledger.claims import Claim
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.receipts import UnitToReturn
from syncbridge.ports.shop import UnitReturn

KIND = "return"
_GONE = (ShopUnitState.CANCELLED, ShopUnitState.UNFULFILLABLE)


class ReturnWrite(ShopWrite):
    """The `return` write. SCAYLE has no idempotency key: the order is read before and after."""

    kind = KIND

    def __init__(self, context: Context) -> None:
        super().__init__(context, context.shop.send_return)
        self._returned_already: dict[int, frozenset[int]] = {}

    def _look(self, claim: Claim, order: ShopOrder) -> Sighting | None:
        shown = {unit.order_item_id: unit for unit in order.units}
        units = [one.order_item_id for one in self._units(claim)]
        wrong = [f"items[{unit}]: not in SCAYLE's order" for unit in units if unit not in shown]
        wrong += [
            f"items[{unit}]: SCAYLE has it as {shown[unit].raw_state}, but its goods came back"
            for unit in units
            if unit in shown and shown[unit].state in _GONE
        ]
        if wrong:
            return Sighting(order, tuple(wrong))
        returned = frozenset(unit for unit in units if shown[unit].state is ShopUnitState.RETURNED)
        if units and len(returned) == len(units):
            return Sighting(order)
        self._returned_already[claim.id] = returned
        return None

    def prepare(self, claim: Claim) -> Prepared | Trouble | Unwanted:
        # SCAYLE takes a call whole or not at all: what somebody returned there by hand is left out.
        already = self._returned_already.get(claim.id, frozenset())
        units = [one for one in self._units(claim) if one.order_item_id not in already]
        if not units:
            return Unwanted("no unit is left to return")
        return Prepared(
            self._context.shop.compose_return(
                [UnitReturn(one.order_item_id, one.merchant, one.received_at, _reason(one)) for one in units]
            )
        )

    def renew(self, claim: Claim) -> Unwanted | Renewed | None:
        """Goods that came back stay back; a unit that somebody returned in SCAYLE meanwhile would spoil the whole call."""
        return RENEWED if self._returned_already.get(claim.id) else None

    def abandon(self, connection: Connection, claim: Claim, at: datetime) -> None:
        """There was nothing to return."""

    def freeze(self, connection: Connection, claim: Claim, prepared: Prepared, at: datetime) -> None:
        """The units were reserved when the intent was recorded."""

    def settle(self, connection: Connection, claim: Claim, sighting: Sighting, at: datetime) -> None:
        units = [one.order_item_id for one in receipts.to_return(connection, claim.id)]
        history.record(connection, claim.order_id, SHOP, "return_shown", at=at, subject=claim.key, units=units)
        if isinstance(sighting.record, ShopOrder):
            refund_watch.note_shop(self._context, connection, sighting.record)
        else:
            order_locks.lock_order(connection, claim.order_id)
            refunds.note_shown(connection, claim.order_id, dict.fromkeys(units), at)

    def subject(self, claim: Claim) -> str:
        return f"return:{claim.key}"

    def refusal_kind(self, error: VendorError) -> str:
        return "return_key_missing" if error.evidence.status == 404 else "return_refused"

    def conflict_kind(self) -> str:
        return "return_refused"

    def _units(self, claim: Claim) -> list[UnitToReturn]:
        with self._context.ledger.reading() as connection:
            return receipts.to_return(connection, claim.id)


def _reason(unit: UnitToReturn) -> str:
    """Return the customer's reason where one is known, else what the warehouse found: SCAYLE takes any text."""
    return unit.reason if unit.reason != ReturnReason.OTHER else f"received_{unit.condition}"


def run(context: Context, order_id: int | None = None) -> Summary:
    """Tell SCAYLE of every returned unit that is due, or of one order's only."""
    ring = partial(context.doorbell.ring, "return_push")
    return run_writes(context, ReturnWrite(context), ring=ring, order_id=order_id)
