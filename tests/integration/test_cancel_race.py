"""A shopper cancels and a picker picks within 50 ms: never both, never neither. The long run is `make bench`."""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cancel_story import ask_merchants
from flow_world import World, erp_line, line
from order_story import TEE, calm, reference, sqlite_world
from split_story import both_worlds, erp_reference

from syncbridge.flows import (
    cancel_ask,
    cancellation_push,
    despatch_pull,
    order_push,
    shipment_push,
    status_pull,
)
from syncbridge.sandbox.bench.cancel_race import Race, Trial, judged, plan
from syncbridge.sandbox.bench.figures import Paper
from syncbridge.sandbox.bench.race_floors import FLOORS, Ending, Planes

TRIALS = 60
BATCH = 6
FEWER = 24


def order_of(_number: int, *, merchant: str = "scend") -> dict[str, Any]:
    return {
        "shop": "nb",
        "country": "GB",
        "customer": {"firstName": "Zoë", "lastName": "Nwosu", "email": "zoe.nwosu@example.com"},
        "shipping": {
            "firstName": "Zoë", "lastName": "Nwosu", "street": "Mill Lane", "houseNumber": "4a",
            "zipCode": "LS1 4AB", "city": "Leeds", "countryCode": "GBR",
        },
        "lines": [line(TEE) if merchant == "scend" else erp_line(TEE)],
        "confirm": True,
    }  # fmt: skip


def work(one: World) -> None:
    """Do once what our processes do all the time."""
    order_push.run(one.context)
    cancel_ask.run(one.context)
    status_pull.run(one.context)
    despatch_pull.run(one.context)
    shipment_push.run(one.context)
    cancellation_push.run(one.context)


def test_a_cancellation_and_a_pick_at_once_end_in_one_of_them(tmp_path: Path) -> None:
    with sqlite_world(tmp_path) as one:
        ask_merchants(one)
        one.put(one.scayle, "settings", {"cancellationTimeScale": 0.005})
        shop, floor = Planes(one.scayle), Planes(one.scend)
        race = Race(shop, FLOORS["scend"](floor), order_of, reference, pump=lambda: work(one), settle_seconds=40)
        # All in one process: a question needs about so long from SCAYLE through our flows to Scend.
        race.head_start = 0.3
        trials = plan(TRIALS, seed=7)
        try:
            for first in range(0, TRIALS, BATCH):
                race.run(trials[first : first + BATCH])
        finally:
            shop.close()
            floor.close()
            calm(one)
    ends = Counter(trial.verdict() for trial in trials)
    assert set(ends) == {"cancelled", "despatched"}, ends


def test_the_same_holds_for_the_second_back_end(tmp_path: Path) -> None:
    with both_worlds(tmp_path) as one:
        ask_merchants(one, "orderwise")
        one.put(one.scayle, "settings", {"cancellationTimeScale": 0.005})
        shop, floor = Planes(one.scayle), Planes(one.orderwise)
        race = Race(
            shop, FLOORS["orderwise"](floor), partial(order_of, merchant="orderwise"), erp_reference,
            pump=lambda: work(one), settle_seconds=40,
        )  # fmt: skip
        race.head_start = 0.3
        trials = plan(FEWER, seed=8)
        try:
            for first in range(0, FEWER, BATCH):
                race.run(trials[first : first + BATCH])
        finally:
            shop.close()
            floor.close()
    ends = Counter(trial.verdict() for trial in trials)
    assert set(ends) <= {"cancelled", "despatched"}, ends


def test_the_plan_of_a_race_can_be_repeated() -> None:
    assert plan(5, seed=3) == plan(5, seed=3) != plan(5, seed=4)


@pytest.mark.parametrize(
    ("trial", "verdict"),
    [
        (Trial(1, 0, 0, running_pick=False, grant=False), "neither"),
        (Trial(1, 0, 0, False, False, answers=("successful",)), "neither"),
    ],
)
def test_a_trial_without_an_end_is_no_good_end(trial: Trial, verdict: str) -> None:
    assert trial.verdict().startswith(verdict)


def ended(number: int, *, cancelled: bool) -> Trial:
    trial = Trial(number, 0, 0, running_pick=False, grant=False, ending=Ending(cancelled, not cancelled))
    trial.statuses = Counter({"cancelled" if cancelled else "delivered": 1})
    trial.shipments = int(not cancelled)
    return trial


def test_every_floor_has_its_own_goals_and_one_bad_end_anywhere_misses_one() -> None:
    fair = [ended(1, cancelled=True), ended(2, cancelled=False)]
    report, goals = judged({"scend": fair, "orderwise": fair}, 1, Paper())
    assert report["ended"] == {"scend": {"cancelled": 1, "despatched": 1}, "orderwise": {"cancelled": 1, "despatched": 1}}
    assert len(goals) == 5
    assert all(goal.met for goal in goals)
    _report, goals = judged({"scend": fair, "orderwise": [*fair, Trial(3, 0, 0, False, False)]}, 1, Paper())
    assert [goal.met for goal in goals].count(False) == 1
    _report, goals = judged({"scend": fair, "orderwise": fair[:1]}, 1, Paper())
    assert [goal.name for goal in goals if not goal.met] == ["orderwise: despatched"]
