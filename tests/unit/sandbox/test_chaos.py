"""Chaos's own machinery: its plans follow the seed, its faults are known to the vendors, and its end is judged rightly."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from syncbridge.sandbox.chaos import storm
from syncbridge.sandbox.chaos.__main__ import main
from syncbridge.sandbox.chaos.blows import KILLS, timetable
from syncbridge.sandbox.chaos.cancelling import Cancelling
from syncbridge.sandbox.chaos.orders import chaos_orders
from syncbridge.sandbox.demo import second
from syncbridge.sandbox.demo.programs import QUEUES, divided_workers
from syncbridge.sandbox.faults import TRANSPORT_KINDS, FaultPlan
from syncbridge.sandbox.orderwise.app import EXTRA_FAULTS as ORDERWISE_FAULTS
from syncbridge.sandbox.replay import Placed, ReplayRefused
from syncbridge.sandbox.scayle.scheduler import OUTGOING_FAULTS
from syncbridge.sandbox.scend.app import EXTRA_FAULTS, LATE_FAULTS, WEBHOOK_FAULTS


def test_orders_are_as_many_as_wanted_each_with_a_name_of_its_own_for_one_or_both_warehouses() -> None:
    work = chaos_orders(150, 3)
    assert len({order.name for order in work.orders}) == len(work.orders) == 150
    assert {order.body["publicKey"] for order in work.orders} == {order.name for order in work.orders}
    parts = Counter(order.merchants for order in work.orders)
    assert parts.keys() == {("scend",), ("orderwise",), ("orderwise", "scend")}
    assert chaos_orders(150, 3) == work


def test_every_kind_of_kill_has_its_turn_and_redis_is_lost_once_and_killed_once() -> None:
    planned = timetable(150, 8, 5)
    names = Counter(blow.name for blow in planned)
    assert all(names[kind] for kind in KILLS)
    assert names["Redis emptied"] == names["Redis killed"] == names["Redis started"] == 1
    assert [blow.at for blow in planned] == sorted(blow.at for blow in planned)
    assert max(blow.at for blow in planned) <= 150
    assert planned == timetable(150, 8, 5) != timetable(150, 8, 6)


@pytest.mark.parametrize(
    ("faults", "plan"),
    [
        (storm.scayle_faults, FaultPlan(1, webhook_kinds=OUTGOING_FAULTS)),
        (storm.scend_faults, FaultPlan(1, EXTRA_FAULTS, WEBHOOK_FAULTS, LATE_FAULTS)),
        (storm.orderwise_faults, FaultPlan(1, ORDERWISE_FAULTS)),
    ],
)
def test_the_storm_plays_every_kind_of_fault_that_a_vendor_knows(faults: Any, plan: FaultPlan) -> None:
    planned = [plan.add(fault).kind for fault in faults(7)]
    assert set(planned) == plan.kinds >= TRANSPORT_KINDS


def test_workers_share_all_queues_out() -> None:
    shared = [
        queue
        for program in divided_workers()
        for queue in program.command[program.command.index("--queues") + 1].split(",")
    ]
    assert sorted(shared) == sorted(QUEUES.split(","))


class _Shop:
    def __init__(self, refuses: bool) -> None:
        self.refuses = refuses
        self.called: list[str] = []

    def call(self, method: str, path: str, body: Any = None) -> None:
        self.called.append(path)
        if self.refuses:
            raise ReplayRefused("409")


@pytest.mark.parametrize("refuses", [False, True])
def test_only_an_order_that_was_really_cancelled_is_beyond_foretelling(refuses: bool) -> None:
    plane = _Shop(refuses)
    vendors: Any = SimpleNamespace(scayle=plane, scend=plane, orderwise=plane)
    cancelling = Cancelling(vendors, seed=1)
    placed = [
        Placed(order, number, second.foretell(order))
        for number, order in enumerate(chaos_orders(200, 1).orders, 1)
    ]
    cancelling.look(placed, 0.0)
    cancelling.look(placed, float("inf"))
    cancelling.look(placed, float("inf"))
    assert 10 < len(plane.called) < 60
    assert len(cancelling.orders) == (0 if refuses else len(plane.called))
    assert sum(cancelling.done.values()) == len(plane.called)


def test_a_postgresql_ledger_without_a_server_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--database", "postgresql"])
    assert ended.value.code == 2
    assert "DATABASE_URL" in capsys.readouterr().err
