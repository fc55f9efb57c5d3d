"""Playing a day's credits: shoppers press their button, customer service announces, and parcels come back."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from syncbridge.sandbox.credit_rule import CreditPlan, Deed, Wish
from syncbridge.sandbox.credit_score import (
    CREDIT_SECTIONS,
    CreditEvidence,
    Deal,
    ending,
    read_questions,
    read_refunds,
)
from syncbridge.sandbox.demo.addresses import MERCHANT, SHOP_KEY, Addresses
from syncbridge.sandbox.demo.commands import Commands
from syncbridge.sandbox.demo.processes import DemoFailed
from syncbridge.sandbox.demo.second import ERP_MERCHANT
from syncbridge.sandbox.demo.vendors import Vendors
from syncbridge.sandbox.replay import ControlPlane, Placed, ReplayRefused
from syncbridge.sandbox.shop_records import OPEN, SHIPPED, ShopUnit, read_units

LOOK_SECONDS = 0.5
UNITS_SECONDS = 2.0
"""How often an order's units are read: once a parcel left nothing is urgent any more."""
CUT_OFF = {
    MERCHANT: frozenset({"PACKED", "PARTIALLY_DESPATCHED", "DESPATCHED", "CANCELLED"}),
    ERP_MERCHANT: frozenset({"PICKING", "PARTIALLY_DESPATCHED", "DESPATCHED", "INVOICED", "CANCELLED"}),
}
"""States of a warehouse's order from which on it is too late to cancel, or nothing is left to cancel."""
PREFIX = {MERCHANT: "SCY", ERP_MERCHANT: "SCYOW"}
CONDITIONS = {MERCHANT: ("RESALEABLE", "DAMAGED"), ERP_MERCHANT: ("Resaleable", "Damaged")}


@dataclass
class _Act:
    deal: Deal
    placed_at: float = 0.0
    read_at: float = 0.0
    ended: bool = False
    announced: int = 0
    announcing: Future[bool] | None = None
    sent: frozenset[str] = frozenset()
    """The merchants of whose parts nothing is open any more: customers hold, or refuse, their parcels."""

    @property
    def wish(self) -> Wish:
        return self.deal.wish

    def note(self, **changes: Any) -> None:
        self.deal = replace(self.deal, **changes)


@dataclass
class Credits:
    """Carries out a plan beside the day, on a thread with connections of its own. Tell it of orders with `placed`."""

    plan: CreditPlan
    addresses: Addresses
    commands: Commands
    error: BaseException | None = None
    _acts: dict[str, _Act] = field(default_factory=dict)
    _received: set[tuple[str, str]] = field(default_factory=set)
    _seen: int = 0
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self._acts = {wish.order: _Act(Deal(wish, None)) for wish in self.plan.wishes}
        self._thread = threading.Thread(target=self._run, name="credits", daemon=True)

    def start(self) -> None:
        """Begin; does nothing without credits."""
        if self._acts:
            self._thread.start()

    def stop(self) -> None:
        """Let go of everything that has not ended."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def placed(self, placed: list[Placed]) -> None:
        """Note which orders are there by now; `placed` only ever grows."""
        for one in placed[self._seen :]:
            act = self._acts.get(one.order.name)
            if act is not None:
                act.placed_at = time.monotonic()
                act.ended = one.order_id is None
                act.note(order_id=one.order_id)
        self._seen = len(placed)

    @property
    def open(self) -> int:
        """How many have not ended. Raises what the thread met."""
        if self.error is not None:
            raise DemoFailed(f"the credits could not be played: {self.error}") from self.error
        return sum(not act.ended for act in self._acts.values())

    @property
    def concerned(self) -> frozenset[int]:
        """The orders that shoppers cancelled, or tried to."""
        return CreditEvidence(self.plan, self._deals()).orders

    def unanswered(self, shop: ControlPlane) -> int:
        """Count SCAYLE's questions that still have no final answer.

        Units may be closed before that, where the answer to a question was lost and its order is cancelled all the same.
        """
        return sum(one.state == "asking" for one in read_questions(shop.call("GET", "/state", section=CREDIT_SECTIONS)))

    def evidence(self, shop: ControlPlane) -> CreditEvidence:
        """Return what was done, with SCAYLE's own records of it."""
        dump = shop.call("GET", "/state", section=CREDIT_SECTIONS)
        return CreditEvidence(self.plan, self._deals(), read_questions(dump), read_refunds(dump))

    def _deals(self) -> tuple[Deal, ...]:
        return tuple(act.deal for act in self._acts.values())

    # ---- the thread

    def _run(self) -> None:
        try:
            with Vendors(self.addresses, both=True) as vendors, ThreadPoolExecutor(1) as service:
                while not self._stop.wait(LOOK_SECONDS):
                    self._look(vendors, service)
                    if all(act.ended for act in self._acts.values()):
                        return
        except BaseException as error:  # noqa: BLE001 - raised again by `open`, on the thread that waits
            self.error = error

    def _look(self, vendors: Vendors, service: ThreadPoolExecutor) -> None:
        going = [act for act in self._acts.values() if act.deal.order_id is not None and not act.ended]
        for act in going:
            if act.wish.deed.is_cancellation and not act.deal.pressed:
                self._press_when_due(vendors, act)
            elif time.monotonic() - act.read_at >= UNITS_SECONDS:
                self._follow(vendors, service, act)
        self._receive(vendors, going)

    def _press_when_due(self, vendors: Vendors, act: _Act) -> None:
        if act.wish.deed is Deed.TOO_LATE:
            if _status(vendors, act) not in CUT_OFF[act.wish.merchant]:
                return
        elif time.monotonic() - act.placed_at < act.wish.after:
            return
        units = read_units(vendors.scayle.call("GET", "/state", section="units", orderId=act.deal.order_id)["units"])
        kept = frozenset(unit.item_id for unit in units if unit.status in SHIPPED)
        try:
            answer = vendors.scayle.call(
                "POST", f"/orders/{act.deal.order_id}/cancel", {"merchants": list(act.wish.merchants)}
            )
        except ReplayRefused:
            return  # payment is not through yet: the button is not there
        act.note(pressed=True, asked=bool(answer["cancellations"]), kept=kept)

    def _follow(self, vendors: Vendors, service: ThreadPoolExecutor, act: _Act) -> None:
        dump = vendors.scayle.call("GET", "/state", section="units,shipments", orderId=act.deal.order_id)
        units = read_units(dump["units"])
        act.read_at = time.monotonic()
        act.sent = frozenset(act.wish.merchants) - {unit.merchant for unit in units if unit.status in OPEN}
        if ending(act.deal, units) is not None:
            act.ended = True
        elif not act.deal.is_cancellation and act.deal.back is None:
            self._send_back(vendors, service, act, units, dump["shipments"])

    def _send_back(
        self, vendors: Vendors, service: ThreadPoolExecutor, act: _Act, units: tuple[ShopUnit, ...], shipments: Any
    ) -> None:
        """Send goods back once all of their kind have left."""
        wish = act.wish
        if act.announcing is not None:
            # The goods may have come back, and be refunded, before the command that announced them has ended.
            if act.announcing.done():
                if act.announcing.result():
                    act.note(back=act.announced)
                else:
                    act.announcing = None
            return
        mine = [unit for unit in units if unit.merchant == wish.merchant and unit.sku == wish.sku]
        left = sorted(unit.item_id for unit in mine if unit.status in SHIPPED)
        if not left or any(unit.status in OPEN for unit in mine):
            return
        if wish.deed is Deed.UNANNOUNCED:
            self._come_unannounced(vendors, act, left, shipments)
            return
        act.announced = len(left[: wish.units])
        act.announcing = service.submit(self._announce, act, left[: wish.units])

    def _announce(self, act: _Act, units: list[int]) -> bool:
        """Do as customer service does; false where the command has to be tried again."""
        chosen = [word for unit in units for word in ("--unit", str(unit))]
        try:
            text = self.commands.run(
                "returns", "announce", str(act.deal.order_id), *chosen, "--reason", "not_as_described", "--json"
            )
        except DemoFailed:
            return False
        made = json.loads(text)
        return bool(made["announced"] or made["already"])

    def _come_unannounced(self, vendors: Vendors, act: _Act, left: list[int], shipments: Any) -> None:
        wish = act.wish
        plane = _plane(vendors, wish.merchant)
        condition = CONDITIONS[wish.merchant][wish.damaged]
        if wish.merchant == ERP_MERCHANT:
            units = min(wish.units, len(left))
            line = {"variantCode": wish.sku, "quantity": units, "condition": condition}
            plane.call("POST", "/returns/unlinked", {"clientReference": _reference(act), "lines": [line]})
            act.note(back=units)
            return
        for shipment in shipments:
            inside = len(set(left) & {int(item["orderItemId"]) for item in shipment["items"]})
            if not inside:
                continue
            units = min(wish.units, inside)
            line = {"sku": wish.sku, "quantity": units, "conditionCode": condition}
            label = {"carrierCode": "ROYAL_MAIL", "trackingNumber": shipment["returnIdentCode"]}
            plane.call("POST", "/returns/unannounced", {"returnTracking": label, "lines": [line], "close": True})
            act.note(back=units)
            return

    def _receive(self, vendors: Vendors, going: list[_Act]) -> None:
        """Let every parcel arrive that a warehouse was told to expect, once all of the order's part has left."""
        waiting = [act for act in going if act.deal.asked or act.announcing is not None]
        for merchant in (MERCHANT, ERP_MERCHANT):
            of = {_reference(act, merchant): act for act in waiting if merchant in act.sent}
            if not of:
                continue
            plane = _plane(vendors, merchant)
            for row in plane.call("GET", "/state", section="returns")["returns"]:
                rma, act = str(row["rmaNumber"] or ""), of.get(str(row["clientReference"]))
                if not rma or act is None or row["receipts"] or (merchant, rma) in self._received:
                    continue
                condition = CONDITIONS[merchant][act.wish.damaged]
                lines = [_arriving(merchant, line, condition) for line in row["lines"]]
                plane.call("POST", f"/returns/by-rma/{rma}/receive", {"lines": lines, "close": True})
                self._received.add((merchant, rma))


def _arriving(merchant: str, line: Any, condition: str) -> dict[str, Any]:
    if merchant == ERP_MERCHANT:
        units = line["quantityExpected"]
        return {"orderLineId": line["orderLineId"], "quantity": units, "condition": condition}
    return {
        "lineNumber": line["lineNumber"],
        "sku": line["sku"],
        "quantity": line["quantityAnnounced"],
        "conditionCode": condition,
    }


def _plane(vendors: Vendors, merchant: str) -> ControlPlane:
    plane = vendors.orderwise if merchant == ERP_MERCHANT else vendors.scend
    assert plane is not None
    return plane


def _reference(act: _Act, merchant: str = "") -> str:
    return f"{PREFIX[merchant or act.wish.merchant]}-{SHOP_KEY.upper()}-{act.deal.order_id}"


def _status(vendors: Vendors, act: _Act) -> str:
    """Return the state of the order in its warehouse; empty before it is there."""
    try:
        row = _plane(vendors, act.wish.merchant).call("GET", f"/orders/by-reference/{_reference(act)}")
    except ReplayRefused:
        return ""
    return str(row["status"])
