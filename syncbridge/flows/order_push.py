"""Order push: one fulfilment order to its back end, once, whole or not at all.

Read the order from the shop, check everything, look the reference up, create, note what the back end says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import structlog

from syncbridge.config.merchants import MerchantSettings
from syncbridge.domain.backend import BackendOrder
from syncbridge.domain.errors import Busy, NotFound, VendorError
from syncbridge.domain.orders import (
    Address,
    Fault,
    FulfilmentRequest,
    ShopOrder,
    ShopUnit,
    ShopUnitState,
    Totals,
    carries_fees,
    group_lines,
    stretches_of,
)
from syncbridge.domain.prices import share_of_payments
from syncbridge.domain.states import SendState
from syncbridge.domain.validation import faults_of_order
from syncbridge.flows import cancelling, status_pull
from syncbridge.flows.catalogue_pull import unknown_in_catalogue
from syncbridge.flows.context import SHOP, Context
from syncbridge.flows.duplicates import CopyCancelWrite
from syncbridge.flows.each_backend import each_backend
from syncbridge.flows.outward import run_writes
from syncbridge.flows.write import (
    RENEWED,
    Found,
    Prepared,
    Renewed,
    Sighting,
    Summary,
    Trouble,
    Unwanted,
    each,
)
from syncbridge.ledger import history, inbox, orders
from syncbridge.ledger.engine import Connection
from syncbridge.ledger.exceptions import resolved_since
from syncbridge.ledger.orders import Part
from syncbridge.ledger.transmissions import Claim
from syncbridge.ports import FulfilmentBackend

KIND = "order"
_GONE = (ShopUnitState.CANCELLED, ShopUnitState.UNFULFILLABLE)
_SHIPPED = (ShopUnitState.SHIPPED, ShopUnitState.RETURNED)
# Where calls are scarce a look-up should serve several orders: so long we let them gather (measured against
# Scend's 2 calls a second: one order a second then costs about 1.3 calls instead of 2).
GATHER_SECONDS = 2.0
FAILURES_IN_A_ROW = 3
"""After so many look-ups in a row that fail the back end counts as away. Chosen."""
# An order without a delivery address is checked like any other: every field of it is missing.
_NO_ADDRESS = Address()


@dataclass(frozen=True)
class _Composed:
    """What `freeze` notes beside the body."""

    request: FulfilmentRequest


class OrderWrite:
    """The `order` write: creates a fulfilment order in one back end."""

    kind = KIND

    def __init__(self, context: Context, backend: FulfilmentBackend) -> None:
        self._context = context
        self._backend = backend
        self.target = backend.account
        timing = backend.timing
        self.harmless_repeat = timing.unique_references and timing.import_timeout is None
        self.lookup_lag = timing.lookup_lag
        self.landing = max(timing.landing, timing.import_timeout or timing.landing)
        self._composed_for_comparison: dict[int, Prepared] = {}

    def gather(self) -> None:
        if self._backend.calls_are_scarce():
            self._context.sleep(GATHER_SECONDS)

    def look_up(self, claims: Sequence[Claim]) -> Found:
        found: dict[str, BackendOrder] = {}
        unread: dict[int, VendorError | Busy] = {}
        batch = self._backend.lookup_batch
        for start in range(0, len(claims), batch):
            asked = claims[start : start + batch]
            try:
                found |= self._backend.find_orders([claim.key for claim in asked])
            except VendorError as error:
                if len(claims) == 1 or not _may_be_one_orders(error):
                    raise
                unread |= self._look_up_singly(asked, found)
        seen = each(
            [claim for claim in claims if claim.key in found],
            lambda claim: Sighting(found[claim.key], self._differences(claim, found[claim.key])),
        )
        absent = {claim.id: _part_id(claim) for claim in claims if claim.key not in found and claim.id not in unread}
        with self._context.ledger.reading() as connection:
            unwanted = cancelling.unwanted(connection, absent.values())
        return seen | unread | {
            claim: Unwanted("cancelled before the back end had it") for claim, part in absent.items() if part in unwanted
        }

    def _look_up_singly(self, claims: Sequence[Claim], found: dict[str, BackendOrder]) -> dict[int, VendorError | Busy]:
        """Look each up by itself, so that one that cannot be read keeps no other from it; return those not read.

        After a few failures in a row the vendor counts as away, and the rest shares its error.
        """
        unread: dict[int, VendorError | Busy] = {}
        failures = 0
        away: VendorError | Busy | None = None
        for claim in claims:
            if away is None:
                try:
                    found |= self._backend.find_orders([claim.key])
                    failures = 0
                    continue
                except (VendorError, Busy) as error:
                    unread[claim.id] = error
                    failures += 1
                    if failures >= FAILURES_IN_A_ROW or isinstance(error, Busy):
                        away = error
            else:
                unread[claim.id] = away
        return unread

    def _differences(self, claim: Claim, found: BackendOrder) -> tuple[str, ...]:
        """Compare a found order with what we want; a row that was never frozen is composed for it."""
        body = claim.body
        if body is None:
            prepared = self.prepare(claim)
            if not isinstance(prepared, Prepared):
                return ("the order cannot be composed here",)
            self._composed_for_comparison[claim.id] = prepared
            body = prepared.body
        return self._backend.differences(body, found)

    def prepare(self, claim: Claim) -> Prepared | Trouble | Unwanted:
        context = self._context
        with context.ledger.reading() as connection:
            siblings = orders.parts_of_order(connection, claim.order_id)
            part = next(one for one in siblings if one.id == claim.fulfilment_order_id)
            open_units = orders.open_units(connection, part.id)
        structlog.contextvars.bind_contextvars(merchant=part.merchant)
        merchant = context.merchant(part.merchant)
        if merchant is None:
            fault = Fault(
                "MERCHANT_UNKNOWN", "merchant", f"{part.merchant} is not configured", "Add it to [[merchants]]."
            )
            return _trouble(claim, (fault,))
        try:
            order = _read(context, part)
        except NotFound as error:
            fault = Fault("ORDER_UNKNOWN", "order", "SCAYLE does not know it", "Ask SCAYLE why it delegated it.")
            return Trouble(
                "order_invalid",
                "ORDER_UNKNOWN",
                {"faults": [fault.as_dict()], "answer": str(error.evidence), "reference": claim.key},
            )
        units, missing = _units_to_send(context, part, open_units, order)
        if not units and not missing:
            return Unwanted("the shop cancelled every unit before anything was sent")
        shipped = [unit for unit in units if unit.state in _SHIPPED]
        if shipped:
            return _shipped_elsewhere(claim, shipped)
        request, faults = _request(context, self._backend, merchant, part, siblings, order, units)
        faults += tuple(
            Fault(
                "UNIT_UNKNOWN",
                f"items[{item}]",
                "SCAYLE's order does not have this delegated unit",
                "Compare the delegation with the order in SCAYLE.",
            )
            for item in sorted(missing)
        )
        malformed = {fault.value for fault in faults}
        faults += unknown_in_catalogue(
            context,
            self._backend,
            [line for line in request.lines if line.sku and line.sku not in malformed],
            # It was sent before and refused: what is known of its SKUs may be the reason.
            ask=claim.attempts > 0,
        )
        if faults:
            return _trouble(claim, faults)
        return Prepared(self._backend.compose_order(request), _Composed(request))

    def renew(self, claim: Claim) -> Unwanted | Renewed | Trouble | None:
        """Leave out what the shop cancelled since the body was frozen; anything else stays as it was frozen.

        Where an accepted order may be made any time, only a person can say that it never will be.
        """
        context = self._context
        with context.ledger.reading() as connection:
            if self._may_still_be_made(connection, claim):
                return Trouble(
                    "order_import_timeout",
                    f"{claim.target}: accepted and not made in time",
                    {
                        "reference": claim.key,
                        "sent": claim.last_sent_at.isoformat() if claim.last_sent_at else "",
                        "waited_seconds": int(self.landing.total_seconds()),
                    },
                )
            part = orders.part_of(connection, _part_id(claim))
            open_units = orders.open_units(connection, part.id)
            frozen = sum(quantity for _sku, quantity in orders.frozen_lines(connection, part.id).values())
        units, missing = _units_to_send(context, part, open_units, _read(context, part))
        if not units and not missing:
            return Unwanted("the shop cancelled every unit, and the warehouse has none of them")
        if any(unit.state in _SHIPPED for unit in units):
            return RENEWED
        return RENEWED if len(units) + len(missing) < max(frozen, len(open_units)) else None

    def _may_still_be_made(self, connection: Connection, claim: Claim) -> bool:
        """Say so unless a person has settled the exception about it since it was sent: that is the word to repeat it."""
        if self._backend.timing.import_timeout is None or claim.last_sent_at is None:
            return False
        return not resolved_since(connection, "order_import_timeout", self.subject(claim), claim.last_sent_at)

    def abandon(self, connection: Connection, claim: Claim, at: datetime) -> None:
        """Whoever asked for its cancellation has that now; units that the shop cancelled were closed before."""
        cancelling.note_absent(self._context, connection, orders.part_of(connection, _part_id(claim)), at)

    def freeze(self, connection: Connection, claim: Claim, prepared: Prepared, at: datetime) -> None:
        composed = prepared.details
        assert isinstance(composed, _Composed)
        request = composed.request
        total = request.totals.grand_minor if request.totals else None
        orders.store_lines(connection, _part_id(claim), request.lines, total, at)

    def send(self, body: str) -> Sighting | None:
        created = self._backend.create_order(body)
        if created is None:
            return None
        return Sighting(created, self._backend.differences(body, created))

    def settle(self, connection: Connection, claim: Claim, sighting: Sighting, at: datetime) -> None:
        assert isinstance(sighting.record, BackendOrder)
        if prepared := self._composed_for_comparison.pop(claim.id, None):
            # Found although nothing of ours was ever sent: its lines have to be known for its despatches.
            self.freeze(connection, claim, prepared, at)
        status_pull.note(
            self._context, connection, claim.target, sighting.record, at, created=claim.attempts == 1
        )

    def subject(self, claim: Claim) -> str:
        return f"fulfilment:{claim.key}"

    def refusal_kind(self, error: VendorError) -> str:
        return "order_refused"

    def conflict_kind(self) -> str:
        return "order_conflict"


def run(context: Context, account: str | None = None, order_id: int | None = None) -> Summary:
    """Push what is due to one back end (or to all), or one order's parts only; copies found there are cancelled."""
    total = Summary()

    def push(backend: FulfilmentBackend) -> int:
        if account not in (None, backend.account):
            return 0
        ring = partial(context.doorbell.ring, "order_push", backend.account)
        orders_done = run_writes(context, OrderWrite(context, backend), ring=ring, order_id=order_id)
        total.add(orders_done)
        if not backend.timing.unique_references:
            total.add(run_writes(context, CopyCancelWrite(context, backend), ring=ring, order_id=order_id))
        return orders_done.acknowledged

    each_backend(context, push).counts()
    return total


def _read(context: Context, part: Part) -> ShopOrder:
    """Read the order from the shop, or from its delegation where reading is switched off."""
    if context.configuration.scayle.order_reading or part.inbox_id is None:
        order = context.shop.read_order(part.order_id)
        if not order.carrier and (delegated := _delegated(context, part)) is not None:
            # An order without forecast packages names no carrier; its delegation does.
            order = replace(order, carrier=delegated.carrier)
    else:
        known = _delegated(context, part)
        order = known if known is not None else context.shop.read_order(part.order_id)
    at = context.now()
    with context.ledger.work(durable=False) as work:
        orders.lock_order(work.connection, order.order_id)
        if orders.note_reading(work.connection, order, at):
            # Under this name its cancellation may have been asked for before we knew that it has it.
            cancelling.meet_new_parts(context, work.connection, order.order_id, order.reference_key, at)
        work.commit()
    return order


def _delegated(context: Context, part: Part) -> ShopOrder | None:
    """Return the order as its delegation has it, or None where there was none or it was erased."""
    if part.inbox_id is None:
        return None
    with context.ledger.reading() as connection:
        raw = inbox.raw_of(connection, part.inbox_id)
    return None if raw is None else context.shop.order_from_delegation(raw)


def _units_to_send(
    context: Context, part: Part, open_units: frozenset[int], order: ShopOrder
) -> tuple[list[ShopUnit], set[int]]:
    """Return the units to send and those that the shop's order does not have; note what the shop cancelled."""
    by_id = {unit.order_item_id: unit for unit in order.units}
    missing = {item for item in open_units if item not in by_id}
    wanted = [by_id[item] for item in sorted(open_units - missing)]
    gone = [unit for unit in wanted if unit.state in _GONE]
    if gone:
        at = context.now()
        with context.ledger.work() as work:
            orders.lock_order(work.connection, part.order_id)
            why = orders.cancel_units(work.connection, [unit.order_item_id for unit in gone], at)
            history.record(
                work.connection,
                part.order_id,
                SHOP,
                "units_cancelled",
                at=at,
                subject=part.reference,
                units=[unit.order_item_id for unit in gone],
                why=why,
            )
            work.commit()
    return [unit for unit in wanted if unit not in gone], missing


def _request(
    context: Context,
    backend: FulfilmentBackend,
    merchant: MerchantSettings,
    part: Part,
    siblings: Sequence[Part],
    order: ShopOrder,
    units: list[ShopUnit],
) -> tuple[FulfilmentRequest, tuple[Fault, ...]]:
    """Build the request and collect every fault of it, ours and the back end's, in one go."""
    warehouse = merchant.warehouse(part.warehouse)
    # In a split order each part has its own forecast package, and so its own carrier.
    service = merchant.service(next((unit.carrier for unit in units if unit.carrier), order.carrier))
    lines = group_lines(units, merchant.sku_map)
    goods = sum(unit.price_minor or 0 for unit in units)
    carries = _has_fees(context, part, siblings, order)
    fees = sum(order.fees_minor.values()) if carries else 0
    tax = sum(unit.tax_minor or 0 for unit in units)
    priced = all(unit.price_minor is not None for unit in units)
    request = FulfilmentRequest(
        reference=part.reference,
        order_id=part.order_id,
        order_number=str(part.order_id),
        shop=order.shop,
        warehouse_code=warehouse.code if warehouse else "",
        currency=order.currency,
        service=service or "",
        delivery=order.delivery or _NO_ADDRESS,
        billing=order.billing,
        email=order.email,
        ordered_at=order.confirmed_at,
        lines=lines,
        totals=Totals(goods, fees, tax) if priced else None,
        fees=order.fees if carries else (),
        payments=share_of_payments(order.payments, stretches_of(order, units, fees=carries)),
    )
    faults = faults_of_order(
        order,
        units,
        currencies=context.configuration.currencies(merchant),
        warehouse=part.warehouse,
        warehouse_known=warehouse is not None,
        service_known=service is not None,
    )
    named = {fault.field for fault in faults}
    return request, faults + tuple(fault for fault in backend.faults(request) if fault.field not in named)


def _has_fees(context: Context, part: Part, siblings: Sequence[Part], order: ShopOrder) -> bool:
    """Say whether the fees ride on this part; merchants whose delegation has not come yet are counted in."""
    expected = {
        unit.merchant
        for unit in order.units
        if unit.state not in _GONE and context.merchant(unit.merchant) is not None
    }
    live = [(one.merchant, one.id) for one in siblings if one.state is not SendState.WITHDRAWN]
    return carries_fees(expected, live, (part.merchant, part.id))


def _may_be_one_orders(error: VendorError) -> bool:
    """Say whether a failed look-up may be one order's trouble: a server's failure, not a refusal, a quota or no answer."""
    status = error.evidence.status
    return status is not None and (status < 400 or status >= 500)


def _part_id(claim: Claim) -> int:
    if claim.fulfilment_order_id is None:
        raise ValueError(f"transmission {claim.id} belongs to no fulfilment order")
    return claim.fulfilment_order_id


def _shipped_elsewhere(claim: Claim, units: Sequence[ShopUnit]) -> Trouble:
    """Say that the shop has units as shipped which were never sent by us: they are never sent in silence."""
    return Trouble(
        "units_shipped_elsewhere",
        "SCAYLE shows units as shipped that were never sent",
        {
            "reference": claim.key,
            "units": [
                {"unit": unit.order_item_id, "status": unit.raw_state, "shipment": unit.shipment_key}
                for unit in units
            ],
        },
    )


def _trouble(claim: Claim, faults: Sequence[Fault]) -> Trouble:
    codes = sorted({fault.code for fault in faults})
    skus = sorted({fault.value for fault in faults if fault.code.startswith("SKU") and fault.value})
    cause = ", ".join(codes) + (f": {', '.join(skus)}" if skus else "")
    return Trouble(
        "order_invalid", cause, {"reference": claim.key, "faults": [fault.as_dict() for fault in faults]}
    )
