"""A whole installation as real processes, on a stage of the demo: vendors, Redis, web, workers, beat, under a supervisor.

The demo's own classes start and stop it; this one breaks things and asks the stand-ins what became of the orders.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests
from migrated_ledger import migrated
from sqlalchemy import func, select

from syncbridge.embedded.redis_server import EmbeddedRedis
from syncbridge.ledger.engine import Ledger
from syncbridge.ledger.tables import attempts, exceptions, schedule_slots
from syncbridge.sandbox.allotment import allot
from syncbridge.sandbox.demo import second
from syncbridge.sandbox.demo import stage as programs
from syncbridge.sandbox.demo.addresses import (
    CARRIER,
    COUNTRY,
    MERCHANT,
    SHOP_KEY,
    WAREHOUSE,
    Addresses,
    find_addresses,
)
from syncbridge.sandbox.demo.commands import Commands
from syncbridge.sandbox.demo.options import SHIPPED_DAY
from syncbridge.sandbox.demo.processes import Processes, usual_environment
from syncbridge.sandbox.demo.stage import Program, Stage
from syncbridge.sandbox.demo.vendors import Vendors
from syncbridge.sandbox.evidence import Evidence
from syncbridge.sandbox.exception_records import read_exceptions
from syncbridge.sandbox.expectations import AUTO, Expectation, Outcome, WarehouseRules, expectation
from syncbridge.sandbox.judge import judge
from syncbridge.sandbox.replay import load
from syncbridge.sandbox.replay_order import Replay, ReplayOrder, ShopSetting
from syncbridge.sandbox.verdict import Verdict

CHECKOUT = Path(__file__).parents[2]
SEED = 7
CALM_WAREHOUSE = {
    "autoProgress": {"enabled": True, "speed": 8.0, "shortPickShare": 0.0, "partialShare": 0.15, "seed": SEED}
}
"""Quick, in parts now and then, and never short: whatever is missing at the end was lost by us."""

RESUME_SECONDS = 60.0
"""The design's bound: work resumes by itself within a minute of the fault's end."""
PATIENCE_SECONDS = 300.0
"""For what takes seconds on a machine that does little else: how long it may take is no promise of ours."""


def small_clean_orders() -> tuple[ReplayOrder, ...]:
    """Return real orders with few lines that the warehouse can take as they are."""
    day = load(
        SHIPPED_DAY,
        units_per_line=2,
        dirty_share=Decimal(0),
        setting=ShopSetting(SHOP_KEY, COUNTRY, "GBP", MERCHANT, WAREHOUSE, CARRIER),
    )
    rules = WarehouseRules(service_of_carrier={CARRIER: AUTO}, customs_known=True)
    return tuple(
        one for one in day.orders if len(one.lines) <= 12 and expectation(one, rules).outcome is Outcome.LIVES
    )


def shared_out_orders() -> tuple[ReplayOrder, ...]:
    """Return such orders for Scend, for OrderWise and for both."""
    shared = allot(Replay("clean orders", small_clean_orders()), second.FIRST, second.SECOND, SEED)
    return tuple(order for order in shared.orders if second.foretell(order).outcome is Outcome.LIVES)


@dataclass
class Installation:
    """A running installation. `placed` maps every order id placed through it to the order."""

    stage: Stage
    addresses: Addresses
    variables: Mapping[str, str]
    redis: EmbeddedRedis
    processes: Processes
    vendors: Vendors
    commands: Commands
    ledger: Ledger
    _supply: Iterator[ReplayOrder]
    placed: dict[int, ReplayOrder] = field(default_factory=dict)
    redis_lost_at: list[Any] = field(default_factory=list)

    # ------------------------------------------------------------------------------------------------ what shoppers do

    def place(self, count: int, every_seconds: float = 0.0, *, after_seconds: float = 0.0) -> list[int]:
        """Place and pay so many orders; SCAYLE delegates each a second later. Return their ids."""
        made: list[int] = []
        time.sleep(after_seconds)
        for number in range(count):
            if number:
                time.sleep(every_seconds)
            order = next(self._supply)
            order_id, refusal = self.vendors.scayle.place(order)
            assert order_id is not None, refusal
            self.placed[order_id] = order
            made.append(order_id)
        return made

    def delegate_again(self, order_id: int, times: int) -> list[dict[str, Any]]:
        """Have SCAYLE repeat an order's delegation, all at once; return how each call ended."""
        answer = self.vendors.scayle.call("POST", f"/orders/{order_id}/redelegate", {"times": times})
        calls: list[dict[str, Any]] = answer["calls"]
        return calls

    def post(self, path: str, body: bytes, **options: Any) -> requests.Response:
        """Call our web process as SCAYLE does; `auth` None sends no credentials."""
        options.setdefault("auth", (self.addresses.inbound_user, self.addresses.inbound_password))
        options.setdefault("timeout", PATIENCE_SECONDS)
        with requests.Session() as session:
            session.trust_env = False
            return session.post(f"{self.addresses.web}{path}", data=body, **options)

    # -------------------------------------------------------------------------------------------- what the vendors know

    def references(self) -> list[str]:
        """Return the reference of every order that Scend holds, in the sequence in which they came."""
        held = self.vendors.scend.call("GET", "/state", section="orders")["orders"]
        return [str(one["clientReference"]) for one in held]

    def on_scend(self, order_ids: Iterable[int]) -> dict[int, int]:
        """Count the orders that Scend holds for each of these orders."""
        held = self.references()
        return {one: held.count(f"SCY-{SHOP_KEY.upper()}-{one}") for one in order_ids}

    def await_on_scend(self, order_ids: list[int], seconds: float = PATIENCE_SECONDS) -> None:
        """Return when each of the orders is on Scend; fail when that takes longer, or one is there twice."""
        wait_until(
            lambda: all(self.on_scend(order_ids).values()), seconds, lambda: str(self.on_scend(order_ids))
        )
        counts = self.on_scend(order_ids)
        assert set(counts.values()) <= {1}, counts

    def await_settled(self) -> None:
        """Return when nothing is open in SCAYLE any more: every parcel has been reported."""
        wait_until(
            lambda: self.vendors.look().open_units == 0, PATIENCE_SECONDS, lambda: str(self.vendors.look())
        )

    def await_everybody(self) -> None:
        """Return when all processes are up again and take work: how long programs take to start is the machine's affair."""
        _await_web(self)
        for name in self.processes.look():
            self.pid(name)
        await_consumers(self)

    def delegation_answers(self, order_id: int) -> list[dict[str, Any]]:
        """Return SCAYLE's record of every delegation call about the order."""
        state = self.vendors.scayle.call("GET", "/state", section="delegationCalls")
        return [one for one in state["delegationCalls"] if one["orderId"] == order_id]

    def verdict(self) -> Verdict:
        """Judge all orders placed so far, each of which has to live, by the vendors' own records, the logs and Redis."""
        shop, warehouse = self.vendors.records()
        personal_data = {text for order in self.placed.values() for text in order.personal_data}
        return judge(
            Evidence(
                shop=shop,
                warehouse=warehouse,
                exceptions=read_exceptions(self.exceptions()),
                expectations={one: Expectation(Outcome.LIVES) for one in self.placed},
                merchant=MERCHANT,
                personal_data=tuple(sorted(personal_data)),
                places={**self.stage.log_texts(), **self.stage.redis_texts()},
                redis_lost_at=tuple(self.redis_lost_at),
                others=self.vendors.others(),
            )
        )

    # ------------------------------------------------------------------------------------------------ what we ourselves say

    def exceptions(self) -> list[dict[str, Any]]:
        """Return what `syncbridge exceptions list --json` prints."""
        return self.commands.exceptions()

    def open_kinds(self) -> Counter[str]:
        """Count the exceptions that are not resolved by kind, without the second that asking the command line takes."""
        with self.ledger.reading() as connection:
            query = select(exceptions.c.kind).where(exceptions.c.state != "resolved")
            return Counter(connection.execute(query).scalars())

    def calls_in_flight(self) -> int:
        """Count the vendor calls that have left and have no outcome yet."""
        with self.ledger.reading() as connection:
            query = select(func.count()).select_from(attempts).where(attempts.c.finished_at.is_(None))
            return int(connection.execute(query).scalar_one())

    def slots(self, job: str) -> list[int]:
        """Return the time slots that a periodic job has run for, in the sequence of their claims."""
        with self.ledger.reading() as connection:
            query = select(schedule_slots.c.slot).where(schedule_slots.c.job == job)
            return [int(slot) for (slot,) in connection.execute(query.order_by(schedule_slots.c.claimed_at))]

    def log_text(self) -> str:
        """Return all logs as one text."""
        return "\n".join(self.stage.log_texts().values())

    # --------------------------------------------------------------------------------------------------- what breaks

    def pid(self, name: str) -> int:
        """Return the id of a supervised process; one that is just being started again is waited for."""
        found: int = wait_until(
            lambda: self.processes.running().get(name), PATIENCE_SECONDS, lambda: f"{name} does not run: {self.processes.look()}"
        )
        return found

    def kill_main(self, name: str) -> int:
        """SIGKILL to one process alone, not to what it has forked; return its id."""
        pid = self.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def start_redis(self) -> None:
        """Start Redis again over what it left; under its new id, too, it must not outlive us."""
        self.redis.start()
        self.processes.guard(self.redis.pid)

    def start_more(self, name: str, *more: Program) -> None:
        """Start programs beside those that run."""
        self.processes.start(name, more, self.variables)


def children_of(pid: int) -> list[int]:
    """Return the ids of a process's children."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name in parentheses may hold blanks; the parent is the second field after it.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(entry.name))
    return sorted(found)


def is_alive(pid: int) -> bool:
    """Say whether a process runs; one that has ended and is not yet collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def await_consumers(one: Installation, workers: int = 2) -> None:
    """Return when the workers wait for messages, as Redis sees it; a stalled worker is alive and does not ask."""
    with one.redis.client() as broker:

        def waiting() -> int:
            return sum(client["cmd"] == "brpop" and "b" in client["flags"] for client in broker.client_list())

        wait_until(
            lambda: waiting() >= workers, PATIENCE_SECONDS, lambda: f"{waiting()} workers wait for messages"
        )


def wait_until(condition: Callable[[], Any], seconds: float, words: Callable[[], str] = lambda: "") -> Any:
    """Return the condition's first true value; fail with `words` when it does not come in time."""
    until = time.monotonic() + seconds
    while True:
        if value := condition():
            return value
        if time.monotonic() > until:
            raise AssertionError(f"it did not happen within {seconds:g} s: {words()}")
        time.sleep(0.1)


@contextmanager
def installation(
    folder: Path,
    *,
    database_url: str | None = None,
    background: bool = True,
    settings: str = "",
    both: bool = False,
) -> Iterator[Installation]:
    """Start one in `folder` and end it with everything in it; without `background` there is only the web process.

    With `both` there is OrderWise beside Scend, and orders are shared out over the two. `settings` are lines that are added to the configuration file. Not a word of the developer's own settings reaches it.
    """
    orders = shared_out_orders() if both else small_clean_orders()
    addresses = find_addresses()
    stage = Stage(folder)
    with ExitStack() as stack:
        redis = stack.enter_context(EmbeddedRedis(stage.redis, port=addresses.redis_port))
        processes = stack.enter_context(Processes(stage, usual_environment({}, CHECKOUT)))
        processes.guard(redis.pid)
        vendors = stack.enter_context(Vendors(addresses, both=both))
        stage.write_configuration(addresses, both=both)
        if settings:
            with stage.configuration.open("a", encoding="utf-8") as file:
                file.write(settings)
        variables = stage.environment(addresses, redis.url)
        if database_url is not None:
            variables["DATABASE_URL"] = database_url
        processes.start("vendors", programs.stand_ins(addresses, SEED, stage.erp_seed if both else None), {})
        vendors.wait_until_ready()
        vendors.set_up(Replay("clean orders", orders), SEED)
        vendors.scend.call("PUT", "/settings", CALM_WAREHOUSE)
        if vendors.orderwise is not None:
            vendors.orderwise.call("PUT", "/settings", CALM_WAREHOUSE)
        vendors.scayle.ensure_variants([{"sku": sku, "name": sku} for sku in Replay("", orders).skus])
        commands = Commands(usual_environment(variables, CHECKOUT), stage.folder)
        # The demo's tests run `syncbridge db upgrade`; here its two seconds are saved.
        migrated(variables["DATABASE_URL"])
        ledger = Ledger(variables["DATABASE_URL"])
        stack.callback(ledger.close)
        running = [programs.web(addresses)]
        if background:
            running += [programs.workers(events=False), programs.beat(stage)]
        processes.start("ours", tuple(running), variables)
        one = Installation(
            stage, addresses, variables, redis, processes, vendors, commands, ledger, _endless(orders)
        )
        _await_web(one)
        try:
            yield one
        finally:
            _end_at_once(processes)
            left = processes.left_behind()
        assert not left, f"processes {left} would not end"


def _end_at_once(processes: Processes) -> None:
    """Kill them all, the supervisor first, which would start the others again; the demo's tests stop one in order."""
    for pid in processes.left_behind():
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    processes.stop()


def _endless(orders: tuple[ReplayOrder, ...]) -> Iterator[ReplayOrder]:
    """Go through the orders again and again, each time under other names."""
    turn = 0
    while True:
        for order in orders:
            name = order.name if not turn else f"{order.name}-{turn}"
            yield replace(order, name=name, body={**order.body, "publicKey": name})
        turn += 1


def _await_web(one: Installation) -> None:
    def answers() -> bool:
        try:
            with requests.Session() as session:
                session.trust_env = False
                return session.get(f"{one.addresses.web}/healthz", timeout=10).status_code == 200
        except requests.RequestException:
            return False

    wait_until(answers, PATIENCE_SECONDS, lambda: one.stage.last_words("web"))
