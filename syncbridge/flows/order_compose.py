"""What a back end is asked to send: the whole request, or every fault of it found in one go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from syncbridge.config.merchants import MerchantSettings
from syncbridge.domain.errors import NotFound
from syncbridge.domain.orders import (
    Address,
    Fault,
    FulfilmentRequest,
    ShopOrder,
    ShopUnit,
    Totals,
    carries_fees,
    group_lines,
    stretches_of,
)
from syncbridge.domain.prices import share_of_payments
from syncbridge.domain.states import SendState
from syncbridge.domain.validation import faults_of_order
from syncbridge.flows.catalogue_pull import unknown_in_catalogue
from syncbridge.flows.context import Context
from syncbridge.flows.order_reading import GONE, SHIPPED, read_order, units_to_send
from syncbridge.flows.write import Prepared, Trouble, Unwanted
from syncbridge.ledger import order_parts, ordered_units
from syncbridge.ledger.claims import Claim
from syncbridge.ledger.order_parts import Part
from syncbridge.ports.backend import FulfilmentBackend

# An order without a delivery address is checked like any other: every field of it is missing.
_NO_ADDRESS = Address()


@dataclass(frozen=True)
class Composed:
    """What `freeze` notes beside the body."""

    request: FulfilmentRequest


def compose(context: Context, backend: FulfilmentBackend, claim: Claim) -> Prepared | Trouble | Unwanted:
    """Read the order, check all of it, and compose the body that creates this part in its back end."""
    with context.ledger.reading() as connection:
        siblings = order_parts.parts_of_order(connection, claim.order_id)
        part = next(one for one in siblings if one.id == claim.fulfilment_order_id)
        open_units = ordered_units.open_units(connection, part.id)
    structlog.contextvars.bind_contextvars(merchant=part.merchant)
    merchant = context.merchant(part.merchant)
    if merchant is None:
        fault = Fault(
            "MERCHANT_UNKNOWN", "merchant", f"{part.merchant} is not configured", "Add it to [[merchants]]."
        )
        return _trouble(claim, (fault,))
    try:
        order = read_order(context, part)
    except NotFound as error:
        fault = Fault("ORDER_UNKNOWN", "order", "SCAYLE does not know it", "Ask SCAYLE why it delegated it.")
        return Trouble(
            "order_invalid",
            "ORDER_UNKNOWN",
            {"faults": [fault.as_dict()], "answer": str(error.evidence), "reference": claim.key},
        )
    units, missing = units_to_send(context, part, open_units, order)
    if not units and not missing:
        return Unwanted("the shop cancelled every unit before anything was sent")
    shipped = [unit for unit in units if unit.state in SHIPPED]
    if shipped:
        return _shipped_elsewhere(claim, shipped)
    request, faults = _request(context, backend, merchant, part, siblings, order, units)
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
        backend,
        [line for line in request.lines if line.sku and line.sku not in malformed],
        # It was sent before and refused: what is known of its SKUs may be the reason.
        ask=claim.attempts > 0,
    )
    if faults:
        return _trouble(claim, faults)
    return Prepared(backend.compose_order(request), Composed(request))


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
        if unit.state not in GONE and context.merchant(unit.merchant) is not None
    }
    live = [(one.merchant, one.id) for one in siblings if one.state is not SendState.WITHDRAWN]
    return carries_fees(expected, live, (part.merchant, part.id))


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
