"""The day itself: placing its orders, breaking things meanwhile, and waiting until everything is settled."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from syncbridge.embedded.redis_server import EmbeddedRedis
from syncbridge.sandbox.demo import second
from syncbridge.sandbox.demo.addresses import BUFFER, MERCHANT, Addresses
from syncbridge.sandbox.demo.commands import Commands
from syncbridge.sandbox.demo.credits import Credits
from syncbridge.sandbox.demo.options import DemoOptions
from syncbridge.sandbox.demo.processes import DemoFailed, Processes
from syncbridge.sandbox.demo.screen import Screen
from syncbridge.sandbox.demo.stage import Stage
from syncbridge.sandbox.demo.vendors import Vendors
from syncbridge.sandbox.exception_records import read_exceptions
from syncbridge.sandbox.expectations import Expectation, Outcome
from syncbridge.sandbox.oversell import no_oversell
from syncbridge.sandbox.replay import ReplayOutcome, replay
from syncbridge.sandbox.replay_order import Replay

KILL_AFTER = 0.4
"""The worker is killed once this share of the orders is placed."""
REPEATED_ORDERS, REPEATS = 5, 5
"""So many of the first orders are delegated so many times more, at once (the brief's hard case)."""
STOCK_SECONDS = 240.0
"""How long the last stock figures may take once the last parcel has left, on a machine that does much else.

A killed worker's lock may have to run out, too."""
LOOK_SECONDS = 0.5
EXCEPTIONS_SECONDS = 6.0
"""How often the command line is asked for exceptions: each time costs about a second of a core."""


@dataclass
class Run:
    """What the steps of one run share."""

    options: DemoOptions
    screen: Screen
    stage: Stage
    addresses: Addresses
    work: Replay
    vendors: Vendors
    processes: Processes
    commands: Commands
    redis: EmbeddedRedis
    credits: Credits | None = None


def replay_day(run: Run) -> ReplayOutcome:
    """Place the orders in the background; meanwhile show progress, repeat delegations and kill a worker."""
    box: dict[str, Any] = {}
    stop = threading.Event()
    placed = ReplayOutcome(run.work)

    def follow(outcome: ReplayOutcome) -> None:
        placed.placed = outcome.placed
        if run.credits is not None:
            run.credits.placed(outcome.placed)

    def place() -> None:
        try:
            box["outcome"] = replay(
                run.addresses.scayle,
                run.work,
                orders_per_second=run.options.rate,
                foretell=second.foretell,
                control_token=run.addresses.control_token,
                progress=follow,
                stop=stop.is_set,
            )
        except Exception as error:  # noqa: BLE001 - raised again below, on the thread that waits
            box["error"] = error

    thread = threading.Thread(target=place, name="replay", daemon=True)
    killed, repeated = not run.options.kill_worker, not run.options.faults
    planned = len(run.work.orders)
    try:
        thread.start()
        with run.screen:
            while thread.is_alive():
                sight = run.vendors.look()
                run.screen.progress("replaying the day", len(placed.placed), planned, None, sight)
                if not killed and len(placed.placed) >= planned * KILL_AFTER:
                    killed = True
                    pid = run.processes.kill("worker-0")
                    run.screen.say(
                        f"SIGKILL to worker-0 (process {pid}) and its pool, in the middle of its work"
                    )
                if not repeated and len(placed.placed) >= planned * KILL_AFTER:
                    repeated = True
                    _repeat_delegations(run, placed)
                run.processes.check()
                thread.join(0.5)
    finally:
        stop.set()
        thread.join(10)
    if "error" in box:
        raise box["error"]
    outcome: ReplayOutcome = box["outcome"]
    run.screen.say(f"{len(outcome.placed)} orders placed in {outcome.seconds:.0f} s")
    for one in outcome.refused:
        run.screen.say(f"the shop itself refused {one.order.name}: {one.refusal}")
    return outcome


def _repeat_delegations(run: Run, placed: ReplayOutcome) -> None:
    chosen = [one.order_id for one in placed.placed if one.order_id is not None][:REPEATED_ORDERS]
    for order_id in chosen:
        run.vendors.repeat_delegation(order_id, REPEATS)
    run.screen.say(f"{len(chosen)} orders delegated again, {REPEATS} times each at once")


def settle(run: Run, outcome: ReplayOutcome) -> list[dict[str, Any]]:
    """Wait until every order has ended as foretold, or the time is up; return the open exceptions."""
    expected = outcome.expectations
    waiting_units = sum(
        one.expectation.waiting_units
        for one in outcome.placed
        if one.expectation.outcome is Outcome.EXCEPTION and one.order_id
    )
    planned = len(run.work.orders)
    deadline = time.monotonic() + run.options.settle_seconds
    exceptions = _asked(run, [])
    asked_at = time.monotonic()
    calm = False
    with run.screen:
        while True:
            sight = run.vendors.look()
            run.screen.progress("waiting for the last parcels", planned, planned, len(exceptions), sight)
            run.processes.check()
            now = time.monotonic()
            if sight.open_units <= waiting_units and not calm and run.options.faults:
                run.vendors.end_trouble()
                calm = True
            if now - asked_at > EXCEPTIONS_SECONDS:
                exceptions, asked_at = _asked(run, exceptions), now
                if (
                    sight.open_units <= waiting_units
                    and (run.credits is None or not (run.credits.open or run.credits.unanswered(run.vendors.scayle)))
                    and _is_settled(expected, exceptions, run.vendors.given_up() | _cancelled(run))
                ):
                    run.screen.say("everything is settled")
                    return exceptions
            if now > deadline:
                run.screen.say(f"not settled after {run.options.settle_seconds:g} s; judging what there is")
                return _asked(run, exceptions)
            time.sleep(LOOK_SECONDS)


def settle_stock(run: Run) -> None:
    """Wait until the shop shows a figure for every SKU of the warehouse and none is too high, or the time is up.

    A figure trails the warehouse by one run, which is why the judge must not look right after the last short pick.
    """
    deadline = time.monotonic() + STOCK_SECONDS
    while True:
        shop, warehouse = run.vendors.records(requests=False)
        warehouses = {MERCHANT: warehouse, **run.vendors.others(requests=False)}
        held = {(name, row.sku) for name, one in warehouses.items() for row in one.stock}
        told = {(row.merchant, row.sku) for row in shop.stock if row.published}
        sound = all(no_oversell(shop.of(name), one, name, BUFFER).held for name, one in warehouses.items())
        if held <= told and sound:
            run.screen.say(f"stock: the shop has a figure for each of {len(held)} SKUs of {len(warehouses)} warehouses")
            return
        if time.monotonic() > deadline:
            run.screen.say(
                f"stock not settled after {STOCK_SECONDS:g} s; {len(held - told)} of {len(held)} SKUs have no figure in the shop"
            )
            return
        run.processes.check()
        time.sleep(2)


def _asked(run: Run, before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the open exceptions; if the command fails on the way, say so and go on with what was known."""
    try:
        return run.commands.exceptions()
    except DemoFailed as error:
        run.screen.say(str(error))
        return before


def _cancelled(run: Run) -> frozenset[int]:
    """Return the orders that shoppers cancelled: of those that it was too late for customer service is told."""
    return frozenset() if run.credits is None else run.credits.concerned


def _is_settled(
    expected: dict[int, Expectation], exceptions: list[dict[str, Any]], given_up: frozenset[int]
) -> bool:
    """Say whether exactly the right orders wait for a person: those foretold, and maybe what the warehouse gave up."""
    named = {
        order_id for one in read_exceptions(exceptions) for order_id in expected if one.names_order(order_id)
    }
    foretold = {order_id for order_id, one in expected.items() if one.outcome is Outcome.EXCEPTION}
    return foretold <= named <= foretold | given_up
