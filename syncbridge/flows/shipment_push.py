"""Shipment push: tell SCAYLE of each parcel, once. SCAYLE then invoices, captures and mails the customer.

A shipment is acknowledged only when SCAYLE's own order shows its units as shipped under our shipment key.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

import structlog

from syncbridge.domain.errors import VendorError
from syncbridge.domain.orders import ShopOrder, ShopUnit, ShopUnitState
from syncbridge.flows import cancel_learn
from syncbridge.flows.context import SHOP, Context
from syncbridge.flows.outward import run_writes
from syncbridge.flows.shop_write import ShopWrite
from syncbridge.flows.write import (
    Prepared,
    Renewed,
    Sighting,
    Summary,
    Trouble,
    Unwanted,
)
from syncbridge.ledger import despatch_parcels, despatches, history, order_locks, order_parts
from syncbridge.ledger.claims import Claim
from syncbridge.ledger.despatch_parcels import ParcelToTell
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import close_exceptions, open_exception
from syncbridge.ports.shop import Shipment

KIND = "shipment"
_GONE = (ShopUnitState.CANCELLED, ShopUnitState.UNFULFILLABLE)


class ShipmentWrite(ShopWrite):
    """The `shipment` write. SCAYLE has no idempotency key: the order is read before and after."""

    kind = KIND

    def __init__(self, context: Context) -> None:
        super().__init__(context, context.shop.send_shipment)

    def _look(self, claim: Claim, order: ShopOrder) -> Sighting | None:
        parcel = self._parcel(claim)
        if claim.body is None and self._leave_cancelled_out(claim, parcel, order):
            parcel = self._parcel(claim)
        return _sighting(parcel, order)

    def _leave_cancelled_out(self, claim: Claim, parcel: ParcelToTell, order: ShopOrder) -> bool:
        """Take out of a parcel that SCAYLE was not told of what SCAYLE has cancelled meanwhile: the rest is told."""
        gone = {unit.order_item_id for unit in order.units if unit.state in _GONE} & set(parcel.unit_ids)
        if not gone or claim.fulfilment_order_id is None:
            return False
        at = self._context.now()
        with self._context.ledger.work() as work:
            order_locks.lock_order(work.connection, claim.order_id)
            despatch_parcels.leave_out(work.connection, parcel.id, gone, at)
            part = order_parts.part_of(work.connection, claim.fulfilment_order_id)
            cancel_learn.note_left(work.connection, part, sorted(gone), at)
            open_exception(
                work.connection,
                "despatched_although_cancelled",
                f"despatch:{parcel.despatch_id}",
                at=at,
                cause="units left although they were cancelled",
                evidence={
                    "reference": parcel.reference,
                    "despatch": parcel.despatch_id,
                    "tracking": parcel.tracking_number,
                    "units": sorted(gone),
                },
                order_id=claim.order_id,
            )
            work.commit()
        return True

    def prepare(self, claim: Claim) -> Prepared | Trouble | Unwanted:
        context = self._context
        parcel = self._parcel(claim)
        if not parcel.unit_ids:
            return Unwanted("the parcel holds no unit of ours any more")
        structlog.contextvars.bind_contextvars(merchant=parcel.merchant)
        merchant = context.merchant(parcel.merchant)
        carrier = merchant.carrier_map.get(parcel.carrier) if merchant is not None else None
        if carrier is None:
            return Trouble(
                "carrier_unmapped",
                f"carrier {parcel.carrier} is not mapped",
                {
                    "reference": parcel.reference,
                    "carrier": parcel.carrier,
                    "field": f"merchants.{parcel.merchant}.carrier_map",
                    "units": list(parcel.unit_ids),
                },
            )
        at = context.now()
        with context.ledger.work() as work:
            # Where parcels have no names before their numbers come, there is one such parcel a despatch.
            wanted = parcel.tracking_number or f"{parcel.number}/{parcel.parcel_ids[0] or 1}"
            key = despatch_parcels.claim_shipment_key(work.connection, parcel.id, wanted, at)
            work.commit()
        body = context.shop.compose_shipment(
            Shipment(
                order_id=claim.order_id,
                shop=parcel.shop,
                country=parcel.country,
                merchant=parcel.merchant,
                carrier=carrier,
                shipment_key=key,
                despatched_at=parcel.despatched_at,
                return_ident_code=parcel.return_ident_code,
                unit_ids=parcel.unit_ids,
            )
        )
        return Prepared(body, parcel)

    def renew(self, claim: Claim) -> Unwanted | Renewed | None:
        """A parcel that was taken back and that SCAYLE never heard of is not told any more."""
        with self._context.ledger.reading() as connection:
            voided = despatches.is_voided(connection, claim.id)
        return Unwanted("the despatch was voided, and SCAYLE has nothing of it") if voided else None

    def abandon(self, connection: Connection, claim: Claim, at: datetime) -> None:
        parcel = despatch_parcels.parcel_to_tell(connection, claim.id)
        despatch_parcels.free_units(connection, parcel.id, claim.id, at)
        close_exceptions(
            connection,
            f"despatch:{parcel.despatch_id}",
            "despatch_voided_after_told",
            at=at,
            resolution="SCAYLE was never told of it",
        )

    def freeze(self, connection: Connection, claim: Claim, prepared: Prepared, at: datetime) -> None:
        parcel = prepared.details
        assert isinstance(parcel, ParcelToTell)
        if not despatch_parcels.close_units(connection, parcel.id, claim.id, at):
            raise ValueError(f"a unit of parcel {parcel.id} already has its terminal write")

    def settle(self, connection: Connection, claim: Claim, sighting: Sighting, at: datetime) -> None:
        parcel = despatch_parcels.parcel_to_tell(connection, claim.id)
        units = parcel.unit_ids
        despatch_parcels.close_units(connection, parcel.id, claim.id, at)
        history.record(
            connection,
            claim.order_id,
            SHOP,
            "shipment_shown",
            at=at,
            subject=parcel.shipment_key or "",
            units=list(units),
        )
        if not parcel.tracking_number:
            open_exception(
                connection,
                "tracking_late",
                f"despatch:{parcel.despatch_id}",
                at=at,
                cause="shipped without a tracking number",
                evidence={"shipment_key": parcel.shipment_key, "units": list(units)},
                order_id=claim.order_id,
            )

    def subject(self, claim: Claim) -> str:
        return f"shipment:{claim.key}"

    def refusal_kind(self, error: VendorError) -> str:
        return "shipment_refused"

    def conflict_kind(self) -> str:
        return "shipment_refused"

    def _parcel(self, claim: Claim) -> ParcelToTell:
        with self._context.ledger.reading() as connection:
            return despatch_parcels.parcel_to_tell(connection, claim.id)


def run(context: Context, order_id: int | None = None) -> Summary:
    """Tell SCAYLE of every parcel that is due, or of one order's only."""
    ring = partial(context.doorbell.ring, "shipment_push")
    return run_writes(context, ShipmentWrite(context), ring=ring, order_id=order_id)


def _sighting(parcel: ParcelToTell, order: ShopOrder) -> Sighting | None:
    """Compare SCAYLE's order with a parcel: shown, not there yet, or something else happened to its units."""
    by_id = {unit.order_item_id: unit for unit in order.units}
    differences: list[str] = []
    ours = 0
    for item in parcel.unit_ids:
        unit = by_id.get(item)
        if unit is None:
            differences.append(f"items[{item}]: not in SCAYLE's order")
        elif _is_shipped_as(unit, parcel.shipment_key):
            ours += 1
        elif unit.state in (ShopUnitState.SHIPPED, ShopUnitState.RETURNED):
            differences.append(f"items[{item}]: SCAYLE has it as {unit.raw_state} under shipment {unit.shipment_key}")
        elif unit.state in _GONE:
            differences.append(f"items[{item}]: SCAYLE has it as {unit.raw_state}, but it left the warehouse")
    if differences:
        return Sighting(order, tuple(differences))
    if ours == len(parcel.unit_ids) and ours:
        return Sighting(order)
    return None


def _is_shipped_as(unit: ShopUnit, shipment_key: str | None) -> bool:
    """A returned unit was shipped before; a key of another kind means that somebody else shipped it."""
    if unit.state not in (ShopUnitState.SHIPPED, ShopUnitState.RETURNED) or shipment_key is None:
        return False
    return unit.shipment_key in ("", shipment_key)
