"""The command: `python -m syncbridge.sandbox.chaos --orders 300 --seconds 150 --seed 1`."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from syncbridge.sandbox.chaos.options import ChaosOptions
from syncbridge.sandbox.chaos.run import run_chaos

DEFAULTS = ChaosOptions()


def parser() -> argparse.ArgumentParser:
    """Return the options of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m syncbridge.sandbox.chaos",
        description="Kill processes, empty Redis and let vendors fail while orders flow; then score I1 to I10.",
    )
    made.add_argument(
        "--orders", type=_whole, default=DEFAULTS.orders, help="orders placed, evenly over the storm"
    )
    made.add_argument("--seed", type=int, default=DEFAULTS.seed, help="of kills, faults and cancellations")
    made.add_argument("--seconds", type=_seconds, default=DEFAULTS.seconds, help="how long the storm lasts")
    made.add_argument(
        "--kill-every", type=_seconds, default=DEFAULTS.kill_every, help="seconds between kills, on average"
    )
    made.add_argument(
        "--settle-seconds", type=_seconds, default=DEFAULTS.settle_seconds, help="how long the end may take"
    )
    made.add_argument(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="where the ledger is; postgresql is the server of DATABASE_URL, whose database has to be empty",
    )
    made.add_argument("--no-cancellations", action="store_true", help="nobody cancels anything on the way")
    made.add_argument("--report", type=Path, help="write the result as JSON")
    made.add_argument("--state-dir", type=Path, help="work here, and leave it behind")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run it and return the exit code: 0 everything held, 1 it did not, 2 wrong use."""
    command = parser()
    given = command.parse_args(arguments)
    database_url = os.environ.get("DATABASE_URL", "") if given.database == "postgresql" else ""
    if given.database == "postgresql" and not database_url:
        command.error(
            '--database postgresql needs DATABASE_URL; `make chaos CHAOS="--database postgresql"` brings a server'
        )
    return run_chaos(
        ChaosOptions(
            orders=given.orders,
            seconds=given.seconds,
            seed=given.seed,
            kill_every=given.kill_every,
            settle_seconds=given.settle_seconds,
            cancellations=not given.no_cancellations,
            database_url=database_url,
            report=given.report,
            state_dir=given.state_dir,
        )
    )


def _whole(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not number > 0:
        raise argparse.ArgumentTypeError("must be more than 0")
    return number


if __name__ == "__main__":
    sys.exit(main())
