"""The storm itself: orders are placed evenly while blows fall, vendors fail and people cancel."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from syncbridge.sandbox.chaos import storm
from syncbridge.sandbox.chaos.blows import Striker, timetable
from syncbridge.sandbox.chaos.cancelling import Cancelling
from syncbridge.sandbox.chaos.options import ChaosOptions
from syncbridge.sandbox.demo import second
from syncbridge.sandbox.demo.day import Run
from syncbridge.sandbox.replay import ReplayOutcome, replay

LOOK_SECONDS = 2.0
"""How often the vendors are counted for the screen: each look costs the stand-ins a little."""
TICK_SECONDS = 0.1
PLACING_SHARE = 0.9
"""The last order is placed when this part of the storm is over, so that some of it blows over every order."""


@dataclass
class Storm:
    """What one storm is made of, and what it has done."""

    options: ChaosOptions
    run: Run
    striker: Striker
    cancelling: Cancelling | None

    def begin(self) -> None:
        """Plan the vendors' faults."""
        vendors, seed = self.run.vendors, self.options.seed
        vendors.scayle.call("PUT", "/settings", storm.SCAYLE_SETTINGS)
        vendors.scayle.call("POST", "/faults", storm.scayle_faults(seed))
        vendors.scend.call("POST", "/faults", storm.scend_faults(seed))
        if vendors.orderwise is not None:
            vendors.orderwise.call("POST", "/faults", storm.orderwise_faults(seed))

    def blow(self) -> ReplayOutcome:
        """Let it blow until its time is over and every order is placed; return what was placed."""
        placing = _Placing(self.run, len(self.run.work.orders) / (self.options.seconds * PLACING_SHARE))
        planned = timetable(self.options.seconds, self.options.kill_every, self.options.seed)
        started = time.monotonic()
        looked_at = 0.0
        placing.thread.start()
        try:
            with self.run.screen:
                while (
                    placing.thread.is_alive() or planned or time.monotonic() - started < self.options.seconds
                ):
                    now = time.monotonic() - started
                    while planned and planned[0].at <= now:
                        self.striker.strike(planned.pop(0))
                    if self.cancelling is not None:
                        self.cancelling.look(placing.outcome.placed, now)
                    if now - looked_at >= LOOK_SECONDS:
                        looked_at = now
                        self._show(placing.outcome)
                    time.sleep(TICK_SECONDS)
        finally:
            placing.end()
        self._calm_down(placing.outcome)
        return placing.outcome

    def _show(self, outcome: ReplayOutcome) -> None:
        run = self.run
        run.processes.check()
        kills = sum(self.striker.kills.values())
        run.screen.progress(
            f"storm, {kills} kills", len(outcome.placed), len(run.work.orders), None, run.vendors.look()
        )

    def _calm_down(self, outcome: ReplayOutcome) -> None:
        """End the vendors' faults, and let those cancel who still wanted to."""
        self.run.vendors.end_trouble()
        if self.cancelling is not None:
            self.cancelling.look(outcome.placed, float("inf"))
        self.run.screen.say(f"the storm is over: {len(outcome.placed)} orders placed")


class _Placing:
    """Places the orders on a thread of its own, so that nothing that is broken here delays a shopper."""

    def __init__(self, run: Run, orders_per_second: float) -> None:
        self._run = run
        self._rate = orders_per_second
        self._stop = threading.Event()
        self._failed: list[Exception] = []
        self.outcome = ReplayOutcome(run.work)
        self.thread = threading.Thread(target=self._place, name="replay", daemon=True)

    def _place(self) -> None:
        def follow(outcome: ReplayOutcome) -> None:
            self.outcome.placed, self.outcome.seconds = list(outcome.placed), outcome.seconds

        options: dict[str, Any] = {"foretell": second.foretell, "progress": follow, "stop": self._stop.is_set}
        try:
            replay(
                self._run.addresses.scayle,
                self._run.work,
                orders_per_second=self._rate,
                control_token=self._run.addresses.control_token,
                **options,
            )
        except Exception as error:  # noqa: BLE001 - raised again in `end`, on the thread that waits
            self._failed.append(error)

    def end(self) -> None:
        """Place no more; raise what went wrong with placing."""
        self._stop.set()
        self.thread.join(10)
        if self._failed:
            raise self._failed[0]
