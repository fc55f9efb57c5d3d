"""Print how many requests a second each stand-in answers: `python tests/bench/sandbox_speed.py [seconds]`.

The stand-in runs in a process of its own; this one is the client, so on a machine with two cores the two share
little. Each figure takes at most five seconds. The client is often the slower side: read a figure as "at least".
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator

import aiohttp

SECONDS_PER_FIGURE = 5.0
CONNECTIONS = 16

Call = Callable[[aiohttp.ClientSession, int], Awaitable[int]]


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


def creating(root: str) -> Call:
    """Make a call that creates a Scend order of two lines under a new reference."""

    async def call(session: aiohttp.ClientSession, number: int) -> int:
        body = {
            "clientReference": f"BENCH-{number}",
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


def measure(title: str, headers: dict[str, str], call: Call, seconds: float) -> None:
    """Print one figure."""
    rate = asyncio.run(per_second(headers, call, seconds))
    print(f"{title:<44} {rate:8.0f} requests/s", flush=True)


def main(seconds: float = SECONDS_PER_FIGURE) -> None:
    """Measure both stand-ins."""
    seconds = min(seconds, SECONDS_PER_FIGURE)
    limits = ("--rate-capacity", "1000000", "--rate-per-second", "1000000")
    headers = {"Authorization": "Bearer scend-sandbox-token", "X-Scend-Account": "ACME-UK"}
    with served("syncbridge.sandbox.scend", *limits) as root:
        measure("Scend  GET /ping", headers, getting(f"{root}/v1/ping"), seconds)
        measure("Scend  POST /orders", headers, creating(root), seconds)
        measure(
            "Scend  GET /orders?clientReference=",
            headers,
            getting(f"{root}/v1/orders?clientReference=BENCH-1"),
            seconds,
        )
        measure("Scend  GET /orders?limit=100", headers, getting(f"{root}/v1/orders?limit=100"), seconds)
    with served("syncbridge.sandbox.scayle", "--rate-limit", "100000000") as root:
        url = f"{root}/api/admin/v1/shops"
        measure("SCAYLE GET /shops", {"X-Access-Token": "sandbox-token"}, getting(url), seconds)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS_PER_FIGURE)
