"""One sale for all strategies at once: same seed, same shoppers at the same instants, on the same machine.

Every strategy has a pair of stand-ins of its own to spoil (the buffer rules of syncbridge share one pair, with a
merchant, a warehouse and SKUs each). All run in real time, since syncbridge's processes know no other; a second stands for
a minute.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from aiohttp import web

from syncbridge.sandbox.demo.addresses import ACCOUNT
from syncbridge.sandbox.flash_sale.channel import Channel, Played
from syncbridge.sandbox.flash_sale.control import Address, Control
from syncbridge.sandbox.flash_sale.deployment import RULES, SYNC_SECONDS, Deployment, Rule
from syncbridge.sandbox.flash_sale.floors import FLOORS
from syncbridge.sandbox.flash_sale.orders import OrderCourier
from syncbridge.sandbox.flash_sale.playing import play
from syncbridge.sandbox.flash_sale.records import SaleRecords, read_records
from syncbridge.sandbox.flash_sale.script import Script
from syncbridge.sandbox.flash_sale.stand_ins import calm, lose_answers, set_up
from syncbridge.sandbox.flash_sale.strategies import DeltaSync, FullSync, Strategy
from syncbridge.sandbox.orderwise import Launch as OrderWiseLaunch
from syncbridge.sandbox.orderwise import build_app as build_orderwise
from syncbridge.sandbox.orderwise.reference_data import DEFAULT_SEED
from syncbridge.sandbox.scayle import LaunchSettings
from syncbridge.sandbox.scayle import build_app as build_scayle
from syncbridge.sandbox.scend import Launch
from syncbridge.sandbox.scend import build_app as build_scend
from syncbridge.sandbox.threaded import ThreadedServer

OPENING_SECONDS = 240.0
"""Longest wait for the first figures in the shop, on a machine that does much else."""
SETTLE_SECONDS = 180.0
"""Longest wait, there, for the last order to reach the warehouse."""


class SaleFailed(RuntimeError):
    """The sale could not be carried out; nothing can be said about any strategy."""


@dataclass(frozen=True)
class Contestant:
    """A design that is not ours: how to make it for a channel."""

    key: str
    title: str
    make: Callable[[Channel], Strategy]


FULL_SYNC = Contestant("full", "full sync, every 15 min", lambda channel: FullSync(channel, 15.0))
DELTA_SYNC = Contestant("delta", "delta sync, stamped now", lambda channel: DeltaSync(channel, SYNC_SECONDS))
USUAL = (FULL_SYNC, DELTA_SYNC)


@dataclass
class _Stage:
    """What runs while a sale lasts."""

    channels: list[Channel] = field(default_factory=list)
    strategies: list[Strategy] = field(default_factory=list)
    couriers: list[OrderCourier] = field(default_factory=list)
    deployment: Deployment | None = None

    @property
    def addresses(self) -> list[Address]:
        return list(dict.fromkeys(channel.address for channel in self.channels))


def hold_sale(
    script: Script,
    *,
    usual: Sequence[Contestant] = USUAL,
    rules: tuple[Rule, ...] = RULES,
    state_dir: Path | None = None,
    floor: str = "scend",
) -> list[SaleRecords]:
    """Hold the sale for the usual designs and, where there are `rules`, for syncbridge; return what the vendors noted.

    `floor` says whose warehouse it is.

    Raises SaleFailed, DemoFailed.
    """
    with ExitStack() as stack:
        stage = _Stage()
        stop = threading.Event()
        for contestant in usual:
            _add_contestant(stack, stage, script, contestant, floor)
        if rules:
            stage.deployment = stack.enter_context(Deployment(script, rules, state_dir, floor=floor))
            stage.channels += stage.deployment.channels
        for strategy in stage.strategies:
            strategy.tick(datetime.now(UTC))
        _wait_for_opening(stage, script)
        for address in stage.addresses:
            lose_answers(address, FLOORS[floor])
        crew = _Crew(stop)
        stack.callback(crew.end)
        begins = datetime.now(UTC) + timedelta(seconds=1)
        for strategy in stage.strategies:
            crew.start(_tick_for_ever(strategy, begins, stop))
        for courier in stage.couriers:
            crew.start(partial(courier.run, stop))
        played = _play(script, stage, begins, crew, stop)
        for address in stage.addresses:
            calm(address)
        _settle(stage, crew)
        crew.end()
        return [read_records(script, channel, played[channel.key]) for channel in stage.channels]


def _add_contestant(
    stack: ExitStack, stage: _Stage, script: Script, contestant: Contestant, floor: str
) -> None:
    scayle = stack.enter_context(ThreadedServer(build_scayle(LaunchSettings(seed=script.seed))))
    warehouse = stack.enter_context(ThreadedServer(_empty_warehouse(floor, script.seed)))
    channel = Channel(
        contestant.key,
        contestant.title,
        contestant.title,
        Address(scayle, warehouse),
        f"WH-{contestant.key.upper()}",
        "W1",
        floor=floor,
    )
    courier = OrderCourier(channel)
    receiver = stack.enter_context(ThreadedServer(courier.app()))
    set_up(script, channel.address, [channel], {channel.key: f"{receiver}/orders"})
    stage.channels.append(channel)
    stage.couriers.append(courier)
    stage.strategies.append(contestant.make(channel))


def _empty_warehouse(floor: str, seed: int) -> web.Application:
    """Make a stand-in with its lists and without goods."""
    if floor == "orderwise":
        kept = {name: value for name, value in DEFAULT_SEED.items() if name not in ("variants", "stock")}
        return build_orderwise(OrderWiseLaunch(random_seed=seed, catalogue=kept))
    accounts = [{"accountCode": ACCOUNT, "warehouses": ["W1"]}]
    catalogue = {**Launch().catalogue, "accounts": accounts, "products": [], "stock": []}
    return build_scend(Launch(random_seed=seed, catalogue=catalogue))


class _Crew:
    """Threads of a sale; the first failure among them is the sale's."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._threads: list[threading.Thread] = []
        self.failure: BaseException | None = None

    def start(self, work: Callable[[], object]) -> threading.Thread:
        """Start one."""

        def guarded() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - raised again on the main thread by `check`
                self.failure = self.failure or error
                self._stop.set()

        thread = threading.Thread(target=guarded, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def check(self) -> None:
        """Raise SaleFailed if one has failed."""
        if self.failure is not None:
            raise SaleFailed(f"{type(self.failure).__name__}: {self.failure}") from self.failure

    def end(self) -> None:
        """Stop all."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=15)


def _tick_for_ever(strategy: Strategy, begins: datetime, stop: threading.Event) -> Callable[[], None]:
    def run() -> None:
        due = begins.timestamp()
        while True:
            due += strategy.interval_seconds
            if stop.wait(max(0.0, due - time.time())):
                return
            strategy.tick(datetime.now(UTC))

    return run


def _play(
    script: Script, stage: _Stage, begins: datetime, crew: _Crew, stop: threading.Event
) -> dict[str, Played]:
    played: dict[str, Played] = {}
    switched: set[Address] = set()
    players = []
    for channel in stage.channels:
        first = channel.address not in switched
        switched.add(channel.address)

        def perform(channel: Channel = channel, first: bool = first) -> None:
            played[channel.key] = play(script, channel, begins, stop, stalls=first)

        players.append(crew.start(perform))
    for player in players:
        while player.is_alive():
            player.join(timeout=1.0)
            if stage.deployment is not None:
                stage.deployment.processes.check()
    crew.check()
    wait = begins.timestamp() + script.seconds - time.time()
    if wait > 0:
        time.sleep(wait)
    return played


def _wait_for_opening(stage: _Stage, script: Script) -> None:
    """Return when every shop shows its opening stock, less what its rule keeps back."""
    deadline = time.monotonic() + OPENING_SECONDS
    for channel in stage.channels:
        control = Control(channel.address.scayle, channel.address.control_token)
        for article, units in script.opening.items():
            least = max(1, units - channel.held_back)
            while True:
                asked = {"sku": channel.sku(article), "merchant": channel.key, "warehouse": channel.warehouse}
                shown = control.do("GET", "/shop/availability", **asked)["available"]
                if least <= shown <= units:
                    break
                if time.monotonic() > deadline:
                    raise SaleFailed(
                        f"{channel.title}: {channel.sku(article)} shows {shown} of {units} at the opening"
                    )
                time.sleep(0.2)
        control.close()


def _settle(stage: _Stage, crew: _Crew) -> None:
    """Return when every order that was sold is in its warehouse, or after a while: the count then says what is missing."""
    deadline = time.monotonic() + SETTLE_SECONDS
    for address in stage.addresses:
        shop, warehouse = (Control(root, address.control_token) for root in (address.scayle, address.warehouse))
        while time.monotonic() < deadline:
            crew.check()
            orders = len(shop.do("GET", "/state", section="delegations")["delegations"])
            if warehouse.do("GET", "/summary")["orders"]["total"] >= orders:
                break
            time.sleep(0.5)
        shop.close()
        warehouse.close()
