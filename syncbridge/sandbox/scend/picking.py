"""Reserving and picking units, and what happens when some are not there (contract 2.9, 2.12, assumed)."""

from __future__ import annotations

from collections.abc import Mapping

from syncbridge.sandbox.scend.cancelling import accept_request, note_short_close
from syncbridge.sandbox.scend.lifecycle import backorder_everything, change, identity, require_status
from syncbridge.sandbox.scend.stock import Impossible
from syncbridge.sandbox.scend.world import Order


def open_units(line: Mapping[str, int]) -> int:
    """Return the units of a line that are neither reserved, despatched nor cancelled."""
    return (
        line["quantityOrdered"]
        - line["quantityAllocated"]
        - line["quantityDespatched"]
        - line["quantityCancelled"]
    )


def allocate(order: Order) -> bool:
    """Reserve what there is for the open units; return whether the order changed.

    From `RECEIVED` and `BACKORDERED` the status follows the allocation rule; in `ALLOCATED` and
    `PARTIALLY_DESPATCHED` only the open remainder is filled. Raises Impossible in any other status.
    """
    require_status(order, "RECEIVED", "BACKORDERED", "ALLOCATED", "PARTIALLY_DESPATCHED")
    stock, warehouse = order.account.stock, order.document["warehouseCode"]
    reserved = 0
    for line in order.lines:
        wanted = open_units(line)
        row = stock.find(line["sku"], warehouse)
        taken = min(wanted, row.free) if row is not None else 0
        if taken and row is not None:
            stock.move(row, reserved=taken)
            line["quantityAllocated"] += taken
            reserved += taken
        line["quantityBackordered"] = wanted - taken
    status = _status_after_allocation(order)
    changed = reserved > 0 or status != order.status
    if changed:
        change(order, status)
    stock.settle()
    return changed


def _status_after_allocation(order: Order) -> str:
    if order.status not in ("RECEIVED", "BACKORDERED"):
        return order.status
    if order.document["allowPartialDespatch"]:
        return "ALLOCATED" if order.units("quantityAllocated") else "BACKORDERED"
    return "BACKORDERED" if order.units("quantityBackordered") else "ALLOCATED"


def start_picking(order: Order) -> None:
    """Give the order to a picker."""
    require_status(order, "ALLOCATED")
    change(order, "PICKING")


def finish_picking(order: Order) -> None:
    """Take every reserved unit off the shelf: `PICKING` becomes `PICKED`."""
    require_status(order, "PICKING")
    if not order.units("quantityAllocated"):
        raise Impossible(f"order {order.key} has no reserved unit to pick")
    take_off_shelf(order)
    change(order, "PICKED")
    order.account.stock.settle()


def take_off_shelf(order: Order) -> None:
    """Count reserved units as picked; raise Impossible if they are not in the building."""
    stock = order.account.stock
    missing = shortage(order)
    if missing:
        raise Impossible(f"order {order.key} needs a short pick first: {missing}")
    for line in order.lines:
        number = line["lineNumber"]
        units = line["quantityAllocated"] - order.picked.get(number, 0)
        if units:
            stock.move(stock.ensure(line["sku"], order.document["warehouseCode"]), picked=units)
            order.picked[number] = line["quantityAllocated"]


def shortage(order: Order) -> dict[int, int]:
    """Return, per line, reserved units that cannot be picked because the building lacks them."""
    left: dict[str, int] = {}
    missing: dict[int, int] = {}
    for line in order.lines:
        wanted = line["quantityAllocated"] - order.picked.get(line["lineNumber"], 0)
        if wanted <= 0:
            continue
        sku = line["sku"]
        if sku not in left:
            row = order.account.stock.find(sku, order.document["warehouseCode"])
            left[sku] = row.unpicked if row is not None else 0
        taken = min(wanted, left[sku])
        left[sku] -= taken
        if taken < wanted:
            missing[line["lineNumber"]] = wanted - taken
    return missing


def pack(order: Order) -> None:
    """Pack and label: `PICKED` becomes `PACKED`."""
    require_status(order, "PICKED")
    change(order, "PACKED")


def short_pick(order: Order, missing: Mapping[int, int]) -> None:
    """Find units missing: they move from allocated to backordered and leave the stock figures, unless a count
    has found them missing before, so that fewer are in the building than are reserved.

    With `allowPartialDespatch` picking goes on as long as a unit is left, otherwise the order returns to
    `BACKORDERED` (where a pending cancel request is accepted). A remainder of a partly sent order keeps its
    status. Raises Impossible for units that are not reserved.
    """
    require_status(order, "PICKING", "PICKED", "PARTIALLY_DESPATCHED")
    _check_units(order, missing, "quantityAllocated")
    stock = order.account.stock
    for number, units in missing.items():
        line = order.line(number)
        if line is None:
            continue
        row = stock.ensure(line["sku"], order.document["warehouseCode"])
        picked = min(units, order.picked.get(number, 0))
        # What a count has already taken from the books cannot leave them again.
        counted_out = max(0, row.document["reserved"] - row.document["physical"])
        there = row.document["physical"] - row.document["picked"] + picked
        lost = min(max(0, units - counted_out), there)
        stock.move(row, physical=-lost, reserved=-units, picked=-picked)
        if picked:
            order.picked[number] -= picked
        line["quantityAllocated"] -= units
        line["quantityBackordered"] += units
    order.account.world.journal.fact("short_pick", **identity(order), lines=_named(missing))
    goes_on = order.document["allowPartialDespatch"] and order.units("quantityAllocated") > 0
    if order.status == "PARTIALLY_DESPATCHED" or goes_on:
        change(order)
    else:
        _back_to_shelf(order)
        change(order, "BACKORDERED")
        accept_request(order)
    stock.settle()


def fall_back(order: Order) -> None:
    """Take the reservation of an unsent order away: its units become backordered."""
    require_status(order, "ALLOCATED", "PICKING", "PICKED")
    backorder_everything(order)
    change(order, "BACKORDERED")
    accept_request(order)
    order.account.stock.settle()


def _back_to_shelf(order: Order) -> None:
    stock = order.account.stock
    for line in order.lines:
        picked = order.picked.pop(line["lineNumber"], 0)
        if picked:
            stock.move(stock.ensure(line["sku"], order.document["warehouseCode"]), picked=-picked)


def short_close(order: Order) -> None:
    """Give up on units that are not there: they become cancelled, and the order goes on without them.

    A partly sent order gives up everything that is open and becomes `DESPATCHED`; a backordered one gives up
    its missing units and becomes `ALLOCATED` with the rest. Raises Impossible if nothing would be left to
    send (that is a warehouse cancel) or nothing is missing.
    """
    require_status(order, "BACKORDERED", "ALLOCATED", "PICKING", "PICKED", "PACKED", "PARTIALLY_DESPATCHED")
    partly_sent = order.status == "PARTIALLY_DESPATCHED"
    if not partly_sent and not order.units("quantityBackordered"):
        raise Impossible(f"order {order.key} has no missing unit")
    if not partly_sent and not order.units("quantityAllocated"):
        raise Impossible(f"order {order.key} has nothing to send: cancel it instead")
    closed = {}
    stock = order.account.stock
    for line in order.lines:
        number, units = line["lineNumber"], line["quantityBackordered"]
        if partly_sent and line["quantityAllocated"]:
            allocated = line["quantityAllocated"]
            row = stock.ensure(line["sku"], order.document["warehouseCode"])
            stock.move(row, reserved=-allocated, picked=-order.picked.pop(number, 0))
            line["quantityAllocated"] = 0
            units += allocated
        if units:
            line["quantityBackordered"] = 0
            line["quantityCancelled"] += units
            closed[number] = units
    if partly_sent:
        order.picked.clear()
    note_short_close(order)
    order.account.world.journal.fact("short_close", **identity(order), lines=_named(closed))
    after = {"PARTIALLY_DESPATCHED": "DESPATCHED", "BACKORDERED": "ALLOCATED"}.get(order.status)
    change(order, after, notify=True)
    stock.settle()


def _check_units(order: Order, wanted: Mapping[int, int], quantity: str) -> None:
    if not wanted:
        raise Impossible("name at least one line and its units")
    for number, units in wanted.items():
        line = order.line(number)
        if line is None:
            raise Impossible(f"order {order.key} has no line {number}")
        if not 1 <= units <= line[quantity]:
            raise Impossible(f"line {number} has {line[quantity]} such units, not {units}")


def _named(units: Mapping[int, int]) -> list[dict[str, int]]:
    return [{"lineNumber": number, "quantity": quantity} for number, quantity in units.items()]
