"""Waiting until everything has ended as it must, once nobody breaks anything any more."""

from __future__ import annotations

import time
from typing import Any

from syncbridge.sandbox.demo.addresses import MERCHANT
from syncbridge.sandbox.demo.day import EXCEPTIONS_SECONDS, Run
from syncbridge.sandbox.demo.processes import DemoFailed
from syncbridge.sandbox.exception_records import OpenException, read_exceptions
from syncbridge.sandbox.expectations import Outcome
from syncbridge.sandbox.replay import ReplayOutcome
from syncbridge.sandbox.shop_records import OPEN, SHOP_SECTIONS, read_shop


def settle(run: Run, foretold: ReplayOutcome, undecided: set[int]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the open exceptions once everything is settled, or when the time is up, and what is not settled then.

    It is when units are open in SCAYLE only of orders under an exception; when exceptions name no order but those
    foretold to need a person, those of which a warehouse gave up units, and those that somebody cancelled (`undecided`);
    and when no exception is left that names no order at all: those are about the trouble itself, which is over. Goods that a
    warehouse never had may be missing there for ever.
    """
    started = time.monotonic()
    planned = len(run.work.orders)
    with run.screen:
        while True:
            exceptions = _asked(run)
            unsettled = _unsettled(run, foretold, undecided, exceptions)
            run.screen.progress("settling", planned, planned, len(exceptions), run.vendors.look())
            run.processes.check()
            if not unsettled:
                run.screen.say("everything is settled")
                return exceptions, []
            if time.monotonic() - started > run.options.settle_seconds:
                run.screen.say(
                    f"not settled after {run.options.settle_seconds:g} s: {'; '.join(unsettled[:12])}"
                )
                return exceptions, unsettled
            time.sleep(EXCEPTIONS_SECONDS)


def _unsettled(
    run: Run, foretold: ReplayOutcome, undecided: set[int], exceptions: list[dict[str, Any]]
) -> list[str]:
    """Say what has not ended yet."""
    shop = read_shop(run.vendors.scayle.call("GET", "/state", section=SHOP_SECTIONS))
    found = read_exceptions(exceptions)
    needing_people = {
        order_id for order_id, one in foretold.expectations.items() if one.outcome is Outcome.EXCEPTION
    }
    allowed = needing_people | run.vendors.given_up() | undecided
    named_by = {one.number: {number for number in shop.by_order if one.names_order(number)} for one in found}
    named = set().union(*named_by.values())
    open_orders = {
        number for number, units in shop.by_order.items() if any(unit.status in OPEN for unit in units)
    }
    return [
        *(f"order {number} has open units and no exception" for number in sorted(open_orders - named)),
        *(f"order {number} needs a person, and nobody was told" for number in sorted(needing_people - named)),
        *(
            f"order {number} is under {one.kind}"
            for one in found
            for number in sorted(named_by[one.number] - allowed)
        ),
        *(
            f"{one.kind} about {one.subject} is open"
            for one in found
            if not named_by[one.number] and not _is_foreign(one, run)
        ),
    ]


def _is_foreign(one: OpenException, run: Run) -> bool:
    """Say whether it is about goods that the shop sells and the warehouse has never had: fees and postage of faulty orders."""
    if one.kind != "stock_missing":
        return False
    warehouse = run.vendors.records(requests=False)[1]
    held = {
        (name, row.sku)
        for name, record in {MERCHANT: warehouse, **run.vendors.others(requests=False)}.items()
        for row in record.stock
    }
    merchant, _, rest = one.subject.partition(":")[2].partition("/")
    return (merchant, rest.partition("/")[2]) not in held


def _asked(run: Run) -> list[dict[str, Any]]:
    """Return the open exceptions; a command that fails once, as the machine is busy, is run once more."""
    try:
        return run.commands.exceptions()
    except DemoFailed as error:
        run.screen.say(str(error))
        return run.commands.exceptions()
