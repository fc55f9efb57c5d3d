"""`sandbox`: how many requests a second each stand-in answers, so that nobody takes its limit for ours.

The stand-in runs in a process of its own; this one is the client, so on a machine with two cores the two share little.
The client is often the slower side: read a figure as "at least".
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp

from syncbridge.sandbox.bench.basket import order_body
from syncbridge.sandbox.bench.figures import Goal, Paper
from syncbridge.sandbox.demo.addresses import ACCOUNT, CARRIER, COUNTRY, MERCHANT, SHOP_KEY, WAREHOUSE

CONNECTIONS = 16
LONGEST_SECONDS = 10.0
"""Of one figure."""
GOAL_PER_SECOND = 1_000.0
"""Simple reads, on one core (project decision)."""

Call = Callable[[aiohttp.ClientSession, int], Awaitable[int]]


@dataclass(frozen=True)
class Figure:
    """Requests a second of one call, in every repeat."""

    title: str
    rates: tuple[float, ...]
    is_simple_read: bool


def measure(seconds: float, repeats: int, paper: Paper) -> tuple[dict[str, Any], list[Goal]]:
    """Measure every call; return the report and the goals."""
    seconds = min(seconds, LONGEST_SECONDS)
    figures = [*_scend(seconds, repeats), *_scayle(seconds, repeats)]
    paper.table(
        f"Requests a second, {CONNECTIONS} connections, {seconds:g} s each",
        ("call", "median", "least", "most", "repeats"),
        (
            (
                one.title,
                f"{statistics.median(one.rates):.0f}",
                f"{min(one.rates):.0f}",
                f"{max(one.rates):.0f}",
                str(len(one.rates)),
            )
            for one in figures
        ),
    )
    goals = [
        Goal(one.title, statistics.median(one.rates), GOAL_PER_SECOND, "/s", above=True)
        for one in figures
        if one.is_simple_read
    ]
    return {
        "requestsPerSecond": {one.title: [round(rate, 1) for rate in one.rates] for one in figures}
    }, goals


def _scend(seconds: float, repeats: int) -> Iterator[Figure]:
    limits = ("--rate-capacity", "1000000", "--rate-per-second", "1000000", "--account", ACCOUNT)
    headers = {"Authorization": "Bearer scend-sandbox-token", "X-Scend-Account": ACCOUNT}
    numbers = itertools.count(1)
    with served("syncbridge.sandbox.scend", *limits) as root:
        calls = (
            ("Scend GET /ping", getting(f"{root}/v1/ping"), True),
            ("Scend POST /orders (2 lines)", _creating(root, numbers), False),
            (
                "Scend GET /orders?clientReference=",
                getting(f"{root}/v1/orders?clientReference=BENCH-1"),
                True,
            ),
            ("Scend GET /orders?limit=100", getting(f"{root}/v1/orders?limit=100"), False),
        )
        for title, call, is_simple_read in calls:
            yield Figure(title, _repeated(headers, call, seconds, repeats), is_simple_read)


def _scayle(seconds: float, repeats: int) -> Iterator[Figure]:
    with served("syncbridge.sandbox.scayle", "--rate-limit", "100000000") as root:
        order_id = asyncio.run(_one_order(root))
        headers = {"X-Access-Token": "sandbox-token"}
        base = f"{root}/api/admin/v1"
        calls = (
            ("SCAYLE GET /shops", getting(f"{base}/shops"), True),
            (
                "SCAYLE GET order of 5 units",
                getting(f"{base}/shops/{SHOP_KEY}/countries/{COUNTRY}/orders/{order_id}"),
                True,
            ),
            ("SCAYLE control: place an order", _placing(root), False),
        )
        for title, call, is_simple_read in calls:
            yield Figure(title, _repeated(headers, call, seconds, repeats), is_simple_read)


@contextlib.contextmanager
def served(module: str, *options: str) -> Iterator[str]:
    """Run a stand-in on a free port; give its root URL."""
    command = [sys.executable, "-m", module, "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout is not None else ""
            found = re.search(r"http://\S+", line)
            if found is None:
                raise RuntimeError(f"{module} did not start: {line!r}")
            yield found.group()
        finally:
            process.terminate()


def _repeated(headers: dict[str, str], call: Call, seconds: float, repeats: int) -> tuple[float, ...]:
    return tuple(asyncio.run(per_second(headers, call, seconds)) for _ in range(repeats))


async def per_second(headers: dict[str, str], call: Call, seconds: float) -> float:
    """Call with several connections for so long; return successful calls a second. Raises on a wrong status."""
    numbers = itertools.count(1)
    end = time.monotonic() + seconds
    done = 0

    async def work(session: aiohttp.ClientSession) -> None:
        nonlocal done
        while time.monotonic() < end:
            status = await call(session, next(numbers))
            if status >= 300:
                raise RuntimeError(f"unexpected status {status}")
            done += 1

    async with aiohttp.ClientSession(headers=headers) as session:
        began = time.monotonic()
        await asyncio.gather(*[work(session) for _ in range(CONNECTIONS)])
        return done / (time.monotonic() - began)


def getting(url: str) -> Call:
    """Make a call that reads one URL."""

    async def call(session: aiohttp.ClientSession, _: int) -> int:
        async with session.get(url) as answer:
            await answer.read()
            return answer.status

    return call


def _creating(root: str, numbers: Iterator[int]) -> Call:
    """Make a call that creates a Scend order of two lines under a new reference."""

    async def call(session: aiohttp.ClientSession, _: int) -> int:
        body = {
            "clientReference": f"BENCH-{next(numbers)}",
            "currency": "GBP",
            "allowPartialDespatch": True,
            "shipping": {"serviceCode": "STD48"},
            "deliveryAddress": {
                "recipientName": "Ines Okafor",
                "line1": "18 Mill Lane",
                "city": "Norwich",
                "postcode": "NR3 1QX",
                "countryCode": "GB",
            },
            "lines": [
                {"lineNumber": 1, "sku": "TEE-ORG-BLK-M", "quantity": 2, "unitPrice": "22.00"},
                {"lineNumber": 2, "sku": "JKT-RAIN-NVY-L", "quantity": 1, "unitPrice": "95.00"},
            ],
        }
        async with session.post(f"{root}/v1/orders", json=body) as answer:
            await answer.read()
            return answer.status

    return call


def _placing(root: str) -> Call:
    """Make a call that places an order of five units as a shopper does; nobody is told of it."""
    numbers = itertools.count(1_000_000)

    async def call(session: aiohttp.ClientSession, _: int) -> int:
        body = {**order_body(next(numbers)), "confirm": False}
        async with session.post(f"{root}/_sandbox/orders", json=body) as answer:
            await answer.read()
            return answer.status

    return call


async def _one_order(root: str) -> int:
    """Set up a shop with a merchant, place one order and return its id."""
    country = {
        "countryCode": COUNTRY,
        "currencyCode": "GBP",
        "warehouses": [{"referenceKey": WAREHOUSE, "priority": 1}],
    }
    seed = {
        "warehouses": [{"referenceKey": WAREHOUSE}],
        "carriers": [{"key": CARRIER, "trackingUrl": "https://track.example/{shipmentKey}"}],
        "shops": [{"key": SHOP_KEY, "countries": [country]}],
        "merchants": [
            {
                "referenceKey": MERCHANT,
                "warehouses": [WAREHOUSE],
                "carriers": [{"carrier": CARRIER, "countryCode": COUNTRY}],
            }
        ],
    }
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        async with session.post(f"{root}/_sandbox/seed", json=seed):
            pass
        async with session.post(
            f"{root}/_sandbox/orders", json={**order_body(1), "confirm": False}
        ) as answer:
            return int((await answer.json())["id"])
