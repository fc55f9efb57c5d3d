"""The warehouse that works by itself: every order goes through the floor at its own pace, some with trouble.

What happens to an order is drawn once from the seed and the order's reference, so that it does not depend on when or in
which order things are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import partial

from syncbridge.sandbox.fate import Fate, draw
from syncbridge.sandbox.orderwise.cancelling import cancel_by_warehouse
from syncbridge.sandbox.orderwise.decimal_json import plain
from syncbridge.sandbox.orderwise.despatching import allocate, despatch, set_consignments, start_picking
from syncbridge.sandbox.orderwise.orders import (
    AWAITING,
    ORDINARY,
    PARTLY_SENT,
    Consignment,
    Despatch,
    Order,
    OrderLine,
)
from syncbridge.sandbox.orderwise.settings import AutoProgress
from syncbridge.sandbox.orderwise.stock import has_goods
from syncbridge.sandbox.orderwise.world import DataSet, World
from syncbridge.sandbox.parcelling import first_part, split_over_parcels, tracking_number

STEPS = ("allocate", "pick", "despatch", "remainder", "late_tracking", "short_close")


@dataclass(kw_only=True)
class OrderWiseFate(Fate):
    """With OrderWise an order may complete without any consignment number."""

    untracked: bool


def draw_fate(settings: AutoProgress, reference: str) -> OrderWiseFate:
    """Draw the fate of an order; the same seed and reference always give the same one."""
    return draw(OrderWiseFate, settings, reference, STEPS, untracked=settings.untracked_share)


class AutomaticWarehouse:
    """Move orders along while `autoProgress` is enabled."""

    def __init__(self, world: World) -> None:
        self._world = world
        world.order_listeners.append(self.order_changed)

    @property
    def _settings(self) -> AutoProgress:
        return self._world.settings.auto_progress

    def start(self) -> None:
        """Take up every open order, after the automatic warehouse was switched on or changed."""
        for data in self._world.data_sets.values():
            for order in data.orders.values():
                order.fate = None
                self.order_changed(data, order)

    def order_changed(self, data: DataSet, order: Order) -> None:
        """Plan the next step of an order; whatever was planned before is void."""
        if not self._settings.enabled or order.type != ORDINARY:
            return
        order.step += 1
        if order.fate is None:
            order.fate = draw_fate(self._settings, order.known_as)
        waits = order.fate.waits
        if order.status == AWAITING:
            word = order.word
            if word == "RECEIVED":
                self._plan(data, order, waits["allocate"], allocate)
            elif word == "ALLOCATED":
                self._plan(data, order, waits["pick"], start_picking)
            else:
                self._plan(data, order, waits["despatch"], self._send)
        elif order.status == PARTLY_SENT:
            self._plan(data, order, waits["remainder"], self._send)

    def _plan(
        self, data: DataSet, order: Order, seconds: float, action: Callable[[DataSet, Order], object]
    ) -> None:
        self._world.scheduler.after(seconds, partial(self._run, data, order, order.step, action))

    def _run(
        self, data: DataSet, order: Order, step: int, action: Callable[[DataSet, Order], object]
    ) -> None:
        if order.step == step and self._settings.enabled:
            action(data, order)

    def _send(self, data: DataSet, order: Order) -> None:
        fate: OrderWiseFate = order.fate
        counts = self._found(data, order, fate)
        if not counts:
            self._plan(data, order, fate.waits["short_close"], self._give_up)
            return
        if not order.despatches and fate.partial and sum(counts.values()) > 1:
            counts = first_part(counts)
        lines = {line.item_number: line for line in order.lines}
        units = {lines[number]: _quantity(lines[number], count) for number, count in counts.items()}
        packed = [
            {lines[number]: Decimal(count) for number, count in part.items()}
            for part in split_over_parcels(counts, fate.parcels)
        ]
        _add_fractions(packed, units)
        late = fate.late_tracking or fate.untracked
        consignments = [] if late else self._numbered(order, len(order.despatches) + 1, packed)
        made = despatch(data, order, units, consignments)
        if fate.late_tracking and not fate.untracked:
            seconds = fate.waits["late_tracking"]
            self._world.scheduler.after(seconds, partial(self._track_late, data, made, packed))

    def _found(self, data: DataSet, order: Order, fate: Fate) -> dict[int, int]:
        """Return the units per line that are in the building, and lose one where the order's fate says so."""
        counts = {}
        for line in order.lines:
            count = _count(line)
            while count and not has_goods(line.variant, line.location, _quantity(line, count)):
                count -= 1
            if count:
                counts[line.item_number] = count
        if fate.short_pick and not fate.was_short and sum(counts.values()) > 1:
            number = max(counts)
            lost = next(line for line in order.lines if line.item_number == number)
            if lost.open >= 1:
                fate.was_short = True
                counts[number] = min(counts[number], _count(lost) - 1)
                self._lose(data, order, lost)
        return {number: count for number, count in counts.items() if count}

    def _lose(self, data: DataSet, order: Order, line: OrderLine) -> None:
        """Do not find one unit: it is gone from the shelf, and the order gets one less in the end."""
        data.fact(
            "short_pick",
            **data.name_of(order),
            lines=[{"lineNumber": line.item_number, "sku": line.variant.code.rstrip(" "), "quantity": 1}],
        )
        data.stock.move(line.variant, line.location, physical=Decimal(-1))
        cancel_by_warehouse(data, order, {line: Decimal(1)})

    def _give_up(self, data: DataSet, order: Order) -> None:
        """Cancel what is not in the building after all this time."""
        if self._found(data, order, order.fate):
            self._send(data, order)
            return
        missing = [
            {
                "lineNumber": line.item_number,
                "sku": line.variant.code.rstrip(" "),
                "quantity": plain(line.open),
            }
            for line in order.lines
            if line.open
        ]
        data.fact("short_close", **data.name_of(order), lines=missing)
        cancel_by_warehouse(data, order)

    def _numbered(
        self, order: Order, ordinal: int, packed: list[dict[OrderLine, Decimal]]
    ) -> list[Consignment]:
        numbers = [
            tracking_number(f"ow:{order.known_as}/{order.id}/{ordinal}/{parcel}")
            for parcel in range(1, len(packed) + 1)
        ]
        if order.fate is not None and order.fate.shared_tracking:
            return [Consignment(numbers[0], _sum(packed))]
        return [Consignment(number, part) for number, part in zip(numbers, packed, strict=True)]

    def _track_late(self, data: DataSet, made: Despatch, packed: list[dict[OrderLine, Decimal]]) -> None:
        if not made.consignments:
            set_consignments(data, made, self._numbered(made.order, made.ordinal, packed))


def _count(line: OrderLine) -> int:
    """Count what is open in whole units, for splitting; a fraction rides along with the last of them."""
    return max(1, int(line.open)) if line.open else 0


def _quantity(line: OrderLine, count: int) -> Decimal:
    """Return the quantity behind a count: all that is open, fraction included, or so many units of it."""
    return line.open if count == _count(line) else Decimal(count)


def _add_fractions(packed: list[dict[OrderLine, Decimal]], units: Mapping[OrderLine, Decimal]) -> None:
    """Put what whole units do not account for into the first parcel that holds some of the line."""
    packed_units = _sum(packed)
    for line, quantity in units.items():
        holder = next(part for part in packed if line in part)
        holder[line] += quantity - packed_units[line]


def _sum(packed: list[dict[OrderLine, Decimal]]) -> dict[OrderLine, Decimal]:
    total: dict[OrderLine, Decimal] = {}
    for part in packed:
        for line, quantity in part.items():
            total[line] = total.get(line, Decimal(0)) + quantity
    return total
