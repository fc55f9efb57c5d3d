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
from syncbridge.domain.errors import NotFound, VendorError
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
)
from syncbridge.domain.states import SendState
from syncbridge.domain.validation import faults_of_order
from syncbridge.flows import status_pull
from syncbridge.flows.catalogue_pull import unknown_in_catalogue
from syncbridge.flows.context import SHOP, Context
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
from syncbridge.ledger.orders import Part
from syncbridge.ledger.transmissions import Claim
from syncbridge.ports import FulfilmentBackend

KIND = "order"
_GONE = (ShopUnitState.CANCELLED, ShopUnitState.UNFULFILLABLE)
# Where calls are scarce a look-up should serve several orders: so long we let them gather (measured against
# Scend's 2 calls a second: one order a second then costs about 1.3 calls instead of 2).
GATHER_SECONDS = 2.0
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
        self.harmless_repeat = backend.timing.unique_references
        self.lookup_lag = backend.timing.lookup_lag
        self.landing = backend.timing.landing
        self._composed_for_comparison: dict[int, Prepared] = {}

    def gather(self) -> None:
        if self._backend.calls_are_scarce():
            self._context.sleep(GATHER_SECONDS)

    def look_up(self, claims: Sequence[Claim]) -> Found:
        found: dict[str, BackendOrder] = {}
        batch = self._backend.lookup_batch
        references = [claim.key for claim in claims]
        for start in range(0, len(references), batch):
            found |= self._backend.find_orders(references[start : start + batch])
        return each(
            [claim for claim in claims if claim.key in found],
            lambda claim: Sighting(found[claim.key], self._differences(claim, found[claim.key])),
        )

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
            context, self._backend, [line for line in request.lines if line.sku and line.sku not in malformed]
        )
        if faults:
            return _trouble(claim, faults)
        return Prepared(self._backend.compose_order(request), _Composed(request))

    def renew(self, claim: Claim) -> Unwanted | Renewed | None:
        """Leave out what the shop cancelled since the body was frozen; anything else stays as it was frozen."""
        context = self._context
        with context.ledger.reading() as connection:
            part = orders.part_of(connection, _part_id(claim))
            open_units = orders.open_units(connection, part.id)
        units, missing = _units_to_send(context, part, open_units, _read(context, part))
        if not units and not missing:
            return Unwanted("the shop cancelled every unit, and the warehouse has none of them")
        return RENEWED if len(units) + len(missing) < len(open_units) else None

    def abandon(self, connection: Connection, claim: Claim, at: datetime) -> None:
        """The units were closed when the shop was found to have cancelled them."""

    def freeze(self, connection: Connection, claim: Claim, prepared: Prepared, at: datetime) -> None:
        composed = prepared.details
        assert isinstance(composed, _Composed)
        request = composed.request
        total = request.totals.grand_minor if request.totals else None
        orders.store_lines(connection, _part_id(claim), request.lines, total, at)

    def send(self, body: str) -> Sighting | None:
        created = self._backend.create_order(body)
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
    """Push what is due to one back end (or to all), or one order's parts only."""
    total = Summary()
    for backend in context.backends.values():
        if account in (None, backend.account):
            ring = partial(context.doorbell.ring, "order_push", backend.account)
            total.add(run_writes(context, OrderWrite(context, backend), ring=ring, order_id=order_id))
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
        orders.note_reading(work.connection, order, at)
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
    fees = sum(order.fees_minor.values()) if _has_fees(context, part, siblings, order) else 0
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


def _part_id(claim: Claim) -> int:
    if claim.fulfilment_order_id is None:
        raise ValueError(f"transmission {claim.id} belongs to no fulfilment order")
    return claim.fulfilment_order_id


def _trouble(claim: Claim, faults: Sequence[Fault]) -> Trouble:
    codes = sorted({fault.code for fault in faults})
    skus = sorted({fault.value for fault in faults if fault.code.startswith("SKU") and fault.value})
    cause = ", ".join(codes) + (f": {', '.join(skus)}" if skus else "")
    return Trouble(
        "order_invalid", cause, {"reference": claim.key, "faults": [fault.as_dict() for fault in faults]}
    )
