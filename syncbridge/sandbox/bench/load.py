"""Placing orders on a timetable, and what became of each, from the vendors' records and from the ledger."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncbridge.sandbox.bench.basket import order_body
from syncbridge.sandbox.bench.census import cpu_by_program
from syncbridge.sandbox.bench.conditions import busy_seconds
from syncbridge.sandbox.bench.figures import Spread
from syncbridge.sandbox.bench.ledger_rows import epoch_of, ledger_rows
from syncbridge.sandbox.bench.scene import Scene
from syncbridge.sandbox.bench.tail import Tail
from syncbridge.sandbox.clock import parse_instant
from syncbridge.sandbox.warehouse_records import REFERENCE

BATCH_SECONDS = 0.2
"""Orders are handed to the SCAYLE stand-in so many seconds' worth at once, each with its own moment of delegation:
placing them one by one would cost more than delegating them."""
LEAD_SECONDS = 0.5
"""Between placing an order and delegating it, so that placing is over by then."""
LOOK_SECONDS = 1.0
OTHERS = "others"
"""Processor time that belongs to nothing of the measurement: on a quiet machine next to none."""

_ORDERS_IN_LEDGER = "SELECT order_id, reference, state, acknowledged_at FROM fulfilment_orders"


@dataclass
class Life:
    """One order's moments in epoch seconds; None: not yet, or never. `created` counts its orders at Scend."""

    due: float
    acknowledged_by_shop: float | None = None
    created_at_scend: float | None = None
    acknowledged_in_ledger: float | None = None
    created: int = 0


@dataclass
class Phase:
    """One stretch of load and everything that was measured in it. Calls are lists of rows as the stand-ins keep them."""

    name: str
    rate: float
    lives: dict[int, Life] = field(default_factory=dict)
    delegation_calls: list[dict[str, Any]] = field(default_factory=list)
    scend_calls: list[dict[str, Any]] = field(default_factory=list)
    scayle_calls: int = 0
    scayle_refusals: int = 0
    seconds: float = 0.0
    began: float = 0.0
    placed_late_seconds: float = 0.0
    cpu_seconds: dict[str, float] = field(default_factory=dict)

    def delegations(self) -> Spread:
        """SCAYLE's own latency of its delegation calls, in milliseconds."""
        return Spread.of(
            float(row["latencyMilliseconds"]) for row in self.delegation_calls if row["status"] is not None
        )

    def due_to_answer(self) -> Spread:
        """From the moment an order's delegation was due to its 201, in milliseconds: waiting inside the stand-in included."""
        return Spread.of(
            (life.acknowledged_by_shop - life.due) * 1000
            for life in self.lives.values()
            if life.acknowledged_by_shop is not None
        )

    def errors(self) -> Counter[str]:
        """Delegation calls that did not end in 201, by how they ended."""
        return Counter(
            str(row["status"] or row["error"]) for row in self.delegation_calls if row["status"] != 201
        )

    def push(self, lives: Iterable[Life] | None = None) -> Spread:
        """From SCAYLE's 201 to the order at Scend, in seconds."""
        return Spread.of(
            life.created_at_scend - life.acknowledged_by_shop
            for life in lives or self.lives.values()
            if life.created_at_scend is not None and life.acknowledged_by_shop is not None
        )

    def push_to_ledger(self) -> Spread:
        """From SCAYLE's 201 to our ledger saying acknowledged, in seconds."""
        return Spread.of(
            life.acknowledged_in_ledger - life.acknowledged_by_shop
            for life in self.lives.values()
            if life.acknowledged_in_ledger is not None and life.acknowledged_by_shop is not None
        )

    def due_to_ledger(self) -> Spread:
        """From the moment an order's delegation was due to our ledger saying acknowledged, in seconds."""
        return Spread.of(
            life.acknowledged_in_ledger - life.due
            for life in self.lives.values()
            if life.acknowledged_in_ledger is not None
        )

    def halves(self) -> tuple[Spread, Spread]:
        """The same as `push` for the first and the second half of the orders: a queue that grows shows here."""
        ranked = sorted(self.lives.values(), key=lambda life: life.due)
        middle = len(ranked) // 2
        return self.push(ranked[:middle] or ranked), self.push(ranked[middle:])

    def missing(self) -> int:
        """Orders that are not acknowledged everywhere."""
        return sum(
            None in (life.acknowledged_by_shop, life.created_at_scend, life.acknowledged_in_ledger)
            for life in self.lives.values()
        )

    def doubled(self) -> int:
        """Orders that Scend has more than once."""
        return sum(life.created > 1 for life in self.lives.values())

    def refusals(self) -> int:
        """429 from Scend."""
        return sum(row["status"] == 429 for row in self.scend_calls)

    def to_json(self) -> dict[str, Any]:
        """Write it for a report."""
        first, second = self.halves()
        return {
            "phase": self.name,
            "ordersPerSecond": self.rate,
            "orders": len(self.lives),
            "seconds": round(self.seconds, 2),
            "placedLateSeconds": round(self.placed_late_seconds, 3),
            "delegationMilliseconds": self.delegations().to_json(),
            "delegationErrors": dict(self.errors()),
            "dueToAnswerMilliseconds": self.due_to_answer().to_json(),
            "pushSeconds": self.push().to_json(),
            "pushSecondsFirstHalf": first.to_json(),
            "pushSecondsSecondHalf": second.to_json(),
            "pushToLedgerSeconds": self.push_to_ledger().to_json(),
            "missing": self.missing(),
            "doubled": self.doubled(),
            "scendCalls": len(self.scend_calls),
            "scayleCalls": self.scayle_calls,
            "refused429": {"scend": self.refusals(), "scayle": self.scayle_refusals},
            "cores": {name: round(one / self.seconds, 3) for name, one in self.cpu_seconds.items()},
        }


class Driver:
    """Places orders in one scene, phase by phase, and follows them."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._shop_facts = Tail(scene.vendors.scayle, "facts", "offset")
        self._shop_calls = Tail(scene.vendors.scayle, "delegationCalls", "offset")
        self._scend_facts = Tail(scene.vendors.scend, "facts", "after")
        self._scend_requests = Tail(scene.vendors.scend, "requests", "after")
        self._number = 0

    def skip(self) -> None:
        """Forget what happened since the last phase."""
        for tail in (self._shop_facts, self._shop_calls, self._scend_facts, self._scend_requests):
            tail.read()

    def run(
        self,
        name: str,
        rate: float,
        orders: int,
        *,
        at_once: bool = False,
        settle_seconds: float = 120.0,
        watch: Callable[[Phase], None] = lambda _: None,
        enough: Callable[[], bool] = lambda: False,
    ) -> Phase:
        """Place `orders` at `rate` a second (or all at once), wait until all are acknowledged, and return what was seen.

        `settle_seconds`: how long after the last one. `watch` is called about once a second. No more orders are placed
        once `enough` says so.
        """
        scene, phase = self._scene, Phase(name, rate)
        self.skip()
        before = _cpu_seconds(scene)
        shop_before = scene.vendors.scayle.call("GET", "/summary")
        phase.began = time.time() + LEAD_SECONDS
        batch = orders if at_once else max(1, round(rate * BATCH_SECONDS))
        watched = 0.0
        for first in range(0, orders, batch):
            if enough():
                break
            moment = phase.began + (0.0 if at_once else first / rate)
            while (wait := moment - LEAD_SECONDS - time.time()) > 0:
                if time.monotonic() - watched > LOOK_SECONDS:
                    watched = time.monotonic()
                    # In small portions: one large answer at the end would keep the stand-in from delegating.
                    self._follow(phase)
                    watch(phase)
                    continue
                time.sleep(min(wait, 0.1))
            self._place(phase, range(first, min(first + batch, orders)), 0.0 if at_once else 1 / rate)
        deadline = time.monotonic() + LEAD_SECONDS + settle_seconds
        while time.monotonic() < deadline:
            watch(phase)
            scene.processes.check()
            self._follow(phase)
            if all(
                life.created_at_scend is not None and life.acknowledged_by_shop is not None
                for life in phase.lives.values()
            ):
                break
            time.sleep(LOOK_SECONDS / 2)
        phase.seconds = max(time.time() - phase.began, 0.001)
        phase.cpu_seconds = _difference(before, _cpu_seconds(scene))
        self._finish(phase, shop_before, deadline)
        return phase

    def _place(self, phase: Phase, numbers: range, step: float) -> None:
        now = time.time()
        due = [phase.began + number * step for number in numbers]
        phase.placed_late_seconds = max(phase.placed_late_seconds, now - due[0])
        bodies = []
        for moment in due:
            self._number += 1
            bodies.append({**order_body(self._number), "delegationDelaySeconds": max(0.0, moment - now)})
        placed = self._scene.vendors.scayle.call("POST", "/orders", bodies)["orders"]
        for row, moment in zip(placed, due, strict=True):
            if "id" not in row:
                raise ValueError(f"the SCAYLE stand-in refused an order: {row}")
            phase.lives[int(row["id"])] = Life(moment)

    def _follow(self, phase: Phase) -> None:
        for row in self._shop_facts.read():
            life = phase.lives.get(int(row.get("orderId") or 0))
            if life is not None and row["fact"] == "delegation.acknowledged":
                life.acknowledged_by_shop = _epoch(row["at"])
        for row in self._scend_facts.read():
            if row["fact"] != "order_created":
                continue
            match = REFERENCE.match(row["clientReference"])
            life = phase.lives.get(int(match.group(1))) if match else None
            if life is not None:
                life.created_at_scend = life.created_at_scend or _epoch(row["at"])
                life.created += 1

    def _finish(self, phase: Phase, shop_before: Mapping[str, Any], deadline: float) -> None:
        """Read the calls, and ask the ledger until it knows every order too, within the same bound."""
        while True:
            for order_id, moment in acknowledged(self._scene.database_url).items():
                if order_id in phase.lives:
                    phase.lives[order_id].acknowledged_in_ledger = moment
            if not phase.missing() or time.monotonic() > deadline:
                break
            time.sleep(0.5)
        self._follow(phase)
        phase.delegation_calls = [row for row in self._shop_calls.read() if row["orderId"] in phase.lives]
        phase.scend_calls = self._scend_requests.read()
        shop = self._scene.vendors.scayle.call("GET", "/summary")
        phase.scayle_calls = shop["requests"] - shop_before["requests"]
        phase.scayle_refusals = shop["requestsByStatus"].get("429", 0) - shop_before["requestsByStatus"].get(
            "429", 0
        )


def acknowledged(database_url: str) -> dict[int, float]:
    """Ask the ledger, reading only, when each order was acknowledged, in epoch seconds."""
    rows = ledger_rows(database_url, _ORDERS_IN_LEDGER)
    return {
        int(row.order_id): epoch_of(row.acknowledged_at)
        for row in rows
        if row.acknowledged_at is not None
    }


def _epoch(stamp: str) -> float:
    return parse_instant(stamp).timestamp()


def _cpu_seconds(scene: Scene) -> dict[str, float]:
    """Return processor seconds by program, with this one (`bench`) and whatever else the computer does (`others`)."""
    found = cpu_by_program(scene.census())
    found["bench"] = time.process_time()
    busy = busy_seconds()
    if busy is not None:
        found[OTHERS] = busy - sum(found.values())
    return found


def _difference(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: total - before.get(name, 0.0) for name, total in sorted(after.items())}
