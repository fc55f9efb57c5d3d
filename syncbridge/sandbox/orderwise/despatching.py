"""Picking and despatching: goods that leave, consignment numbers now, later or never (contract 7, 12.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from syncbridge.sandbox.clock import format_instant
from syncbridge.sandbox.orderwise.decimal_json import plain
from syncbridge.sandbox.orderwise.lifecycle import changed
from syncbridge.sandbox.orderwise.orders import (
    AWAITING,
    ORDINARY,
    PARTLY_SENT,
    Consignment,
    Despatch,
    Order,
    OrderLine,
)
from syncbridge.sandbox.orderwise.refusals import Impossible
from syncbridge.sandbox.orderwise.stock import has_goods
from syncbridge.sandbox.orderwise.world import DataSet

Units = Mapping[OrderLine, Decimal]


def _require_open(order: Order, what: str) -> None:
    if order.type != ORDINARY:
        raise Impossible(f"order {order.id} is of type {order.type}; only orders reach the warehouse")
    if order.status not in (AWAITING, PARTLY_SENT):
        raise Impossible(f"order {order.id} is {order.word} and cannot be {what}")


def allocate(data: DataSet, order: Order) -> None:
    """Mark an order as allocated: its goods are put aside, nobody walks for them yet."""
    _require_open(order, "allocated")
    before, order.allocated = order.word, True
    changed(data, order, before=before)


def start_picking(data: DataSet, order: Order, units: Units | None = None) -> None:
    """Send somebody for the goods; without `units` for everything that is open."""
    _require_open(order, "picked")
    before = order.word
    wanted = dict(units) if units is not None else {line: line.open for line in order.lines}
    for line, quantity in wanted.items():
        if quantity > line.open:
            raise Impossible(f"line {line.item_number} has {line.open} open units, not {quantity}")
    order.allocated = True
    for line, quantity in wanted.items():
        line.picking = quantity
    changed(data, order, before=before)


def stop_picking(data: DataSet, order: Order) -> None:
    """Put picked goods back."""
    before = order.word
    for line in order.lines:
        line.picking = Decimal(0)
    changed(data, order, before=before)


def despatch(
    data: DataSet,
    order: Order,
    units: Units | None = None,
    consignments: Sequence[Consignment] = (),
    *,
    force: bool = False,
    amended_seconds_ago: float = 0.0,
) -> Despatch:
    """Send goods; without `units` everything that is open, or what the consignments hold.

    Consignments hold exactly what is sent; none is a despatch without tracking. `amended_seconds_ago` gives the row an
    older stamp, as a transaction that commits late does. Raises Impossible for units that are not open and, unless
    `force` is set, for goods that are not in the building.
    """
    _require_open(order, "despatched")
    packed = _packed(consignments)
    sent = dict(units) if units else packed or {line: line.open for line in order.lines if line.open}
    if packed and packed != sent:
        raise Impossible("the consignments do not hold exactly what is sent")
    if not sent:
        raise Impossible(f"order {order.id} has nothing to send")
    for line, quantity in sent.items():
        if not 0 < quantity <= line.open:
            raise Impossible(f"line {line.item_number} has {line.open} open units, not {quantity}")
        if not force and not has_goods(line.variant, line.location, quantity):
            raise Impossible(f"{line.variant.code} is short at location {line.location}")
    before = order.word
    for line, quantity in sent.items():
        line.sent += quantity
        line.picking = min(line.open, max(Decimal(0), line.picking - quantity))
        data.stock.move(line.variant, line.location, physical=-quantity, allocated=-quantity)
    made = Despatch(
        id=data.number("despatch"),
        order=order,
        units=sent,
        at=data.stamp(),
        instant=format_instant(data.world.clock.now()),
        courier=data.lists.couriers[order.delivery_method_id],
        ordinal=len(order.despatches) + 1,
        is_final=not any(line.open for line in order.lines),
        amended=data.stamp(amended_seconds_ago),
        consignments=list(consignments),
    )
    order.despatches.append(made)
    data.despatches[made.id] = made
    data.despatch_feed.touch(made, made.amended)
    data.fact(
        "despatch_created",
        **data.name_of(order),
        despatchId=made.id,
        lines=[
            {
                "lineNumber": line.item_number,
                "sku": line.variant.code.rstrip(" "),
                "quantity": plain(quantity),
            }
            for line, quantity in sent.items()
        ],
        consignments=[{"trackingNumber": one.number} for one in consignments],
    )
    changed(data, order, before=before)
    return made


def set_consignments(data: DataSet, made: Despatch, consignments: Sequence[Consignment]) -> None:
    """Give a despatch its consignment numbers, or others; the despatch's rows are amended."""
    if not consignments or _packed(consignments) != made.units:
        raise Impossible(f"the consignments do not hold exactly what despatch {made.id} sent")
    made.consignments = list(consignments)
    made.amended = data.stamp()
    data.despatch_feed.touch(made, made.amended)
    made.order.amended = made.amended
    data.fact(
        "tracking_set",
        **data.name_of(made.order),
        despatchId=made.id,
        consignments=[{"trackingNumber": one.number} for one in consignments],
    )


def spread(units: Units, numbers: Sequence[str]) -> list[Consignment]:
    """Spread units over consignments that name no lines: whole lines in turn, single units of a single line."""
    if len(numbers) <= 1 or sum(units.values()) <= 1:
        return [Consignment(number, dict(units)) for number in numbers[:1]]
    made = [Consignment(number, {}) for number in numbers]
    if len(units) >= len(numbers):
        for index, (line, quantity) in enumerate(units.items()):
            made[index % len(made)].units[line] = quantity
        return made
    index = 0
    for line, quantity in units.items():
        left = quantity
        while left > 0:
            part = made[index % len(made)].units
            step = min(left, Decimal(1))
            part[line] = part.get(line, Decimal(0)) + step
            left -= step
            index += 1
    return [one for one in made if one.units]


def _packed(consignments: Sequence[Consignment]) -> dict[OrderLine, Decimal]:
    total: dict[OrderLine, Decimal] = {}
    for one in consignments:
        if not one.units:
            raise Impossible("every consignment needs at least one unit")
        for line, quantity in one.units.items():
            total[line] = total.get(line, Decimal(0)) + quantity
    return total
