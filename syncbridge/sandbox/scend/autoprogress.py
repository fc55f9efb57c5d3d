"""The warehouse that works by itself: every order goes through the floor at its own pace, some with trouble.

What happens to an order is drawn once from the seed and the order's reference, so that it does not depend on
when or in which order things are asked. One heap of due events serves all orders.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from syncbridge.sandbox.fate import Fate, draw
from syncbridge.sandbox.parcelling import first_part, split_over_parcels, tracking_number
from syncbridge.sandbox.scend.cancelling import accept_request, cancel_by_warehouse
from syncbridge.sandbox.scend.despatching import ParcelPlan, despatch, reserved_units, set_tracking
from syncbridge.sandbox.scend.intake import finish_intake
from syncbridge.sandbox.scend.picking import (
    allocate,
    finish_picking,
    pack,
    short_close,
    short_pick,
    shortage,
    start_picking,
)
from syncbridge.sandbox.scend.settings import AutoProgress
from syncbridge.sandbox.scend.stock import StockRow
from syncbridge.sandbox.scend.world import Account, Despatch, Order, World

WAKE_PER_CHANGE = 50
"""Backordered orders that look again when a stock row changes (guessed; the oldest first)."""
STEPS = ("allocate", "pick", "picked", "pack", "despatch", "remainder", "late_tracking", "short_close")


@dataclass(kw_only=True)
class ScendFate(Fate):
    """With Scend the floor may accept a request to cancel what it is picking."""

    accepts_cancel: bool


def draw_fate(settings: AutoProgress, reference: str) -> ScendFate:
    """Draw the fate of an order; the same seed and reference always give the same one."""
    return draw(ScendFate, settings, reference, STEPS, accepts_cancel=settings.cancel_accept_share)


class AutomaticWarehouse:
    """Move orders along while `autoProgress` is enabled."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._waiting: dict[str, dict[Order, None]] = {}
        self._looking: set[Order] = set()
        self._steps: dict[str, tuple[str, Callable[[Order], object]]] = {
            "RECEIVED": ("allocate", self._take_in),
            "ALLOCATED": ("pick", start_picking),
            "PICKING": ("picked", self._finish_picking),
            "PICKED": ("pack", pack),
            "PACKED": ("despatch", self._send),
        }
        world.order_listeners.append(self.order_changed)
        world.account_listeners.append(self._watch_stock)

    @property
    def _settings(self) -> AutoProgress:
        return self._world.settings.auto_progress

    @property
    def enabled(self) -> bool:
        """Whether the warehouse works by itself now."""
        return self._settings.enabled

    def clear(self) -> None:
        """Forget who waits for stock."""
        self._waiting.clear()
        self._looking.clear()

    def start(self) -> None:
        """Take up every open order, after the automatic warehouse was switched on or changed."""
        for order in self._world.orders.values():
            order.fate = None
            self.order_changed(order)

    def order_changed(self, order: Order) -> None:
        """Plan the next step of an order; whatever was planned before is void."""
        if not self._settings.enabled:
            return
        order.step += 1
        if order.fate is None:
            order.fate = draw_fate(self._settings, order.document["clientReference"])
        status = order.status
        if status in self._steps:
            wait, action = self._steps[status]
            self._plan(order, order.fate.waits[wait], action)
        elif status == "BACKORDERED":
            self._wait_for_stock(order)
            if order.fate.was_short:
                self._plan(order, order.fate.waits["short_close"], self._give_up)
            elif self._settings.backorder_give_up_seconds is not None:
                self._plan(
                    order, self._settings.backorder_give_up_seconds / self._settings.speed, self._give_up
                )
        elif status == "PARTIALLY_DESPATCHED":
            if order.units("quantityAllocated"):
                self._plan(order, order.fate.waits["remainder"], self._send)
            else:
                self._wait_for_stock(order)
                self._plan(order, order.fate.waits["short_close"], short_close)

    def _plan(self, order: Order, seconds: float, action: Callable[[Order], object]) -> None:
        self._world.scheduler.after(seconds, partial(self._run, order, order.step, action))

    def _run(self, order: Order, step: int, action: Callable[[Order], object]) -> None:
        if order.step != step or not self._settings.enabled:
            return
        action(order)
        if order.step == step:
            self.order_changed(order)

    def _take_in(self, order: Order) -> None:
        finish_intake(order)
        if order.status == "RECEIVED":
            allocate(order)

    def _finish_picking(self, order: Order) -> None:
        fate: ScendFate = order.fate
        if order.document["cancellation"]["state"] == "REQUESTED" and fate.accepts_cancel:
            accept_request(order)
            return
        missing = shortage(order)
        if not missing and fate.short_pick and not fate.was_short and order.units("quantityAllocated") > 1:
            number = max(reserved_units(order))
            missing = {number: 1}
        if missing:
            fate.was_short = True
            short_pick(order, missing)
        if order.status == "PICKING":
            finish_picking(order)

    def _give_up(self, order: Order) -> None:
        if order.units("quantityAllocated"):
            short_close(order)
        else:
            cancel_by_warehouse(order)

    def _send(self, order: Order) -> None:
        fate: ScendFate = order.fate
        missing = shortage(order)
        if missing and order.status == "PARTIALLY_DESPATCHED":
            short_pick(order, missing)
        units = reserved_units(order)
        if not units:
            return
        first = not order.despatches
        if first and fate.partial and order.document["allowPartialDespatch"] and sum(units.values()) > 1:
            units = first_part(units)
        plans = self._parcels(order, split_over_parcels(units, fate.parcels), late=fate.late_tracking)
        made = despatch(order, plans)
        if fate.late_tracking:
            self._world.scheduler.after(fate.waits["late_tracking"], partial(self._track_late, made))

    def _parcels(self, order: Order, split: list[dict[int, int]], *, late: bool) -> list[ParcelPlan]:
        numbers = self._numbers(order, len(order.despatches) + 1, len(split))
        return [
            ParcelPlan(units, None if late else number) for units, number in zip(split, numbers, strict=True)
        ]

    def _numbers(self, order: Order, ordinal: int, parcels: int) -> list[str]:
        reference = order.document["clientReference"]
        numbers = [tracking_number(f"{reference}/{ordinal}/{parcel}") for parcel in range(1, parcels + 1)]
        return numbers[:1] * parcels if order.fate is not None and order.fate.shared_tracking else numbers

    def _track_late(self, made: Despatch) -> None:
        parcels = made.document["parcels"]
        if made.document["voidedAt"] or any(parcel["trackingNumber"] for parcel in parcels):
            return
        numbers = self._numbers(made.order, made.document["ordinal"], len(parcels))
        ids = [parcel["parcelId"] for parcel in parcels]
        set_tracking(made, dict(zip(ids, numbers, strict=True)))

    def _wait_for_stock(self, order: Order) -> None:
        """Remember who wants what; after a short pick the floor does not look again, it closes short."""
        if order.fate.was_short:
            return
        for line in order.lines:
            if line["quantityBackordered"]:
                self._waiting.setdefault(line["sku"], {})[order] = None

    def _watch_stock(self, account: Account) -> None:
        account.stock.listeners.append(self._stock_changed)

    def _stock_changed(self, rows: list[StockRow]) -> None:
        """Let the oldest waiting orders look again where units became free."""
        if not self._waiting or not self._settings.enabled:
            return
        for row in rows:
            waiting = self._waiting.get(row.document["sku"]) if row.free else None
            if not waiting:
                continue
            for order in [one for one in waiting if _still_waits(one)][:WAKE_PER_CHANGE]:
                if order not in self._looking:
                    self._looking.add(order)
                    seconds = order.fate.waits["allocate"]
                    self._world.scheduler.after(seconds, partial(self._look_again, order))

    def _look_again(self, order: Order) -> None:
        self._looking.discard(order)
        if not self._settings.enabled or not _still_waits(order):
            return
        step = order.step
        if allocate(order) and order.step == step:
            self.order_changed(order)
        for line in order.lines:
            if not line["quantityBackordered"]:
                self._waiting.get(line["sku"], {}).pop(order, None)


def _still_waits(order: Order) -> bool:
    return order.status in ("BACKORDERED", "PARTIALLY_DESPATCHED") and order.units("quantityBackordered") > 0
