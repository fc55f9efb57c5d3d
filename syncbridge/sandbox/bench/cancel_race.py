"""`cancel_race`: a shopper cancels and a picker picks within 50 ms, over and over; what the vendors hold decides.

Every trial must end either cancelled and never despatched, or despatched and refused: never both, never neither. Only
the stand-ins' own records are judged, after the floor has gone on with whatever was not cancelled.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

from syncbridge.sandbox.bench.basket import catalogue, order_body
from syncbridge.sandbox.bench.figures import Goal, Paper
from syncbridge.sandbox.bench.race_floors import FLOORS, Ending, Floor, Planes
from syncbridge.sandbox.bench.scene import Scene, SceneOptions
from syncbridge.sandbox.bench.second_backend import erp_order_body, erp_reference
from syncbridge.sandbox.demo.addresses import SHOP_KEY, WAREHOUSE_CODE
from syncbridge.sandbox.demo.processes import DemoFailed
from syncbridge.sandbox.replay import ControlPlane, stock

WITHIN_SECONDS = 0.05
"""Both happen within this time."""
BATCH = 25
"""Trials that run at once."""
EVEN = (0.3, 0.7)
"""The share of a batch's orders that end cancelled when the race is an even one."""
RETRY_SCALE = 0.01
"""SCAYLE's repeats of its question come a hundred times sooner, so that a trial ends within a minute."""
SETTLE_SECONDS = 180.0
"""What has not ended by then is judged as it is. Chosen: several looks of every feed, also on a busy machine."""
ACCEPT_SHARE = 0.5
"""Of the requests that reach a picker, so many are granted; the others go on and are declined."""

GOOD = ("cancelled", "despatched")
"""How a trial may end."""
CLOSED = frozenset({"cancelled", "undeliverable"})
SHIPPED = frozenset({"delivered"})


@dataclass
class Trial:
    """One order, when its shopper and its picker act, and how it ended."""

    number: int
    cancel_after: float
    pick_after: float
    running_pick: bool
    grant: bool
    order_id: int = 0
    reference: str = ""
    ending: Ending | None = None
    statuses: Counter[str] = field(default_factory=Counter)
    shipments: int = 0
    answers: tuple[str, ...] = ()
    left_alone: bool = False
    """Whether the floor has nothing left to do with it."""

    def verdict(self) -> str:
        """Say how it ended: "cancelled", "despatched", or what is wrong."""
        if self.ending is None:
            return "neither: it never reached the warehouse's end"
        closed = bool(self.statuses) and set(self.statuses) <= CLOSED
        shipped = bool(self.statuses) and set(self.statuses) <= SHIPPED
        told_yes = "successful" in self.answers
        if self.ending.despatched and (self.ending.cancelled or told_yes or closed):
            return "both: despatched and cancelled"
        if self.ending.despatched:
            if shipped and self.shipments == 1:
                return "despatched"
            return f"neither: despatched, and the shop shows {dict(self.statuses)}"
        if self.ending.cancelled and closed and not self.shipments:
            return "cancelled"
        return f"neither: warehouse {self.ending}, shop {dict(self.statuses)}, answers {self.answers}"


class Race:
    """Runs trials between a SCAYLE stand-in and one warehouse. `pump` does the work of our processes where none run."""

    def __init__(
        self,
        scayle: Callable[[], ControlPlane],
        floor: Floor,
        place: Callable[[int], dict[str, Any]],
        reference: Callable[[int], str],
        *,
        pump: Callable[[], None] = lambda: None,
        settle_seconds: float = SETTLE_SECONDS,
    ) -> None:
        self._scayle = scayle
        self._floor = floor
        self._place = place
        self._reference = reference
        self._pump = pump
        self._settle_seconds = settle_seconds
        self.head_start = WITHIN_SECONDS
        """Seconds by which a shopper's question sets out before the picker, as it has further to go. It is found out from
        batch to batch, so that neither always wins."""

    def run(self, trials: Sequence[Trial]) -> None:
        """Run a batch of trials at once, until each has ended or time is up."""
        bodies = [self._place(trial.number) for trial in trials]
        placed = self._scayle().call("POST", "/orders", bodies)["orders"]
        for trial, row in zip(trials, placed, strict=True):
            if "id" not in row:
                raise DemoFailed(f"the SCAYLE stand-in refused an order: {row}")
            trial.order_id = int(row["id"])
            trial.reference = self._reference(trial.order_id)
        self._until(lambda: all(self._floor.ready(trial.reference) for trial in trials))
        for trial in trials:
            if trial.running_pick:
                self._floor.begin(trial.reference)
        start = threading.Barrier(2 * len(trials))
        with ThreadPoolExecutor(2 * len(trials)) as pool:
            acts = [
                pool.submit(self._at, start, after, act)
                for trial in trials
                for after, act in (
                    (trial.cancel_after, self._cancelling(trial)),
                    (self.head_start + trial.pick_after, self._picking(trial)),
                )
            ]
            for act in acts:
                act.result()
        self._until(lambda: self._have_ended(trials))
        self._read(trials)
        cancelled = sum(trial.verdict() == "cancelled" for trial in trials) / len(trials)
        if cancelled == 0:
            self.head_start = max(WITHIN_SECONDS, 2 * self.head_start)
        elif not EVEN[0] <= cancelled <= EVEN[1]:
            step = WITHIN_SECONDS / 2
            self.head_start = max(0.0, self.head_start + (step if cancelled < EVEN[0] else -step))

    def _cancelling(self, trial: Trial) -> Callable[[], None]:
        return lambda: self._scayle().call("POST", f"/orders/{trial.order_id}/cancel", {})

    def _picking(self, trial: Trial) -> Callable[[], None]:
        return lambda: self._floor.pick(trial.reference)

    @staticmethod
    def _at(start: threading.Barrier, after: float, act: Callable[[], None]) -> None:
        start.wait()
        time.sleep(after)
        act()

    def _until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition; what does not come true in time is judged as it is then."""
        deadline = time.monotonic() + self._settle_seconds
        while time.monotonic() < deadline:
            self._pump()
            if condition():
                return
            time.sleep(0.05)

    def _have_ended(self, trials: Sequence[Trial]) -> bool:
        for trial in trials:
            if not trial.left_alone:
                trial.left_alone = self._floor.go_on(trial.reference, trial.grant)
        if not all(trial.left_alone for trial in trials):
            return False
        self._read(trials)
        asking = any("asking" in trial.answers for trial in trials)
        return not asking and all(trial.verdict() in GOOD for trial in trials)

    def _read(self, trials: Sequence[Trial]) -> None:
        """Read both vendors' own records of these trials."""
        dump = self._scayle().call("GET", "/state", section="units,shipments,cancellationRequests")
        for trial in trials:
            mine = [one for one in dump["units"] if one["orderId"] == trial.order_id]
            trial.statuses = Counter(str(one["status"]) for one in mine)
            trial.shipments = sum(one["orderId"] == trial.order_id for one in dump["shipments"])
            trial.answers = tuple(
                str(one["state"]) for one in dump["cancellationRequests"] if one["orderId"] == trial.order_id
            )
            trial.ending = self._floor.ending(trial.reference)


def plan(trials: int, seed: int) -> list[Trial]:
    """Draw when everybody acts; the same seed gives the same plan."""
    chance = random.Random(seed)
    return [
        Trial(
            number,
            cancel_after=chance.uniform(0, WITHIN_SECONDS),
            pick_after=chance.uniform(0, WITHIN_SECONDS),
            running_pick=chance.random() < 0.5,
            grant=chance.random() < ACCEPT_SHARE,
        )
        for number in range(1, trials + 1)
    ]


def measure(
    options: SceneOptions, trials: int, seed: int, floors: Sequence[str], paper: Paper
) -> tuple[dict[str, Any], list[Goal]]:
    """Run the trials with our real processes between the stand-ins, a batch on each floor in turn; return report and goals."""
    planned = plan(trials, seed)
    held: dict[str, list[Trial]] = {name: [] for name in floors}
    with Scene(replace(options, both="orderwise" in floors), paper) as scene, ExitStack() as planes:
        scene.vendors.scayle.call(
            "PUT", "/settings", {"cancellationTimeScale": RETRY_SCALE, "delegationDelaySeconds": 0}
        )
        # A remainder for want of goods would be an end of another kind.
        ample = stock(catalogue(), WAREHOUSE_CODE)
        scene.vendors.scend.call("POST", "/seed", {"stock": ample})
        races = {name: _race(scene, name, planes) for name in floors}
        for turn, first in enumerate(range(0, len(planned), BATCH)):
            name = floors[turn % len(floors)]
            batch = planned[first : first + BATCH]
            began = time.monotonic()
            races[name].run(batch)
            held[name] += batch
            scene.processes.check()
            ends = Counter(trial.verdict() for trial in batch)
            paper.say(f"{name}: trials {first + len(batch)} of {trials}, {time.monotonic() - began:.1f} s: {dict(ends)}")
    return judged(held, seed, paper)


def _race(scene: Scene, name: str, planes: ExitStack) -> Race:
    """Return the race of one warehouse; its control planes are closed with `planes`."""
    address, place, named = {
        "scend": (scene.addresses.scend, order_body, reference),
        "orderwise": (scene.addresses.orderwise, erp_order_body, erp_reference),
    }[name]
    shop = Planes(scene.addresses.scayle, scene.addresses.control_token)
    floor = Planes(address, scene.addresses.control_token)
    planes.callback(shop.close)
    planes.callback(floor.close)
    return Race(shop, FLOORS[name](floor), place, named)


def reference(order_id: int) -> str:
    """Return the reference under which the warehouse has an order of the bench's shop."""
    return f"SCY-{SHOP_KEY.upper()}-{order_id}"


def judged(held: Mapping[str, Sequence[Trial]], seed: int, paper: Paper) -> tuple[dict[str, Any], list[Goal]]:
    """Count how the trials of each floor ended; every one that ended otherwise than it may is named."""
    wrong = [trial for trials in held.values() for trial in trials if trial.verdict() not in GOOD]
    for trial in wrong[:BATCH]:
        paper.say(f"order {trial.order_id}: {trial.verdict()}")
    goals = [Goal("trials that ended in both or neither", float(len(wrong)), 1.0, "trials")]
    counted: dict[str, dict[str, int]] = {}
    for name, trials in held.items():
        ends = Counter(trial.verdict() for trial in trials)
        counted[name] = dict(ends)
        paper.table(
            f"{name}: cancel and pick within {WITHIN_SECONDS * 1000:g} ms, seed {seed}",
            ("ended", "trials"),
            [(ended, str(count)) for ended, count in sorted(ends.items())],
        )
        # A race that only one of them ever wins is none.
        goals += [Goal(f"{name}: {good}", float(ends[good]), 0.0, "trials", above=True) for good in GOOD]
    return {"trials": sum(map(len, held.values())), "seed": seed, "ended": counted}, goals
