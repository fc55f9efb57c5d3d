"""`syncbridge replay`: place real orders in a SCAYLE stand-in."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from syncbridge.cli.failing import trouble, wrong_use
from syncbridge.cli.options import DryRun, Json
from syncbridge.cli.output import as_json, note, plural, say


def replay(
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", help="A CSV day (Online Retail's columns; .gz too) or a folder of SCAYLE orders."),
    ],
    to: Annotated[str, typer.Option("--to", metavar="URL", help="The SCAYLE stand-in, such as http://127.0.0.1:8101.")] = "",
    orders_per_second: Annotated[
        float | None, typer.Option("--orders-per-second", metavar="N", help="Place them evenly.", min=0.000001)
    ] = None,
    times_real_time: Annotated[
        float | None,
        typer.Option("--times-real-time", metavar="N", help="Keep the day's gaps, N times shorter.", min=0.000001),
    ] = None,
    max_seconds: Annotated[
        float | None, typer.Option("--max-seconds", metavar="N", help="Shorten the gaps to fit into so long.", min=0.000001)
    ] = None,
    units_per_line: Annotated[
        int | None, typer.Option("--units-per-line", metavar="N", help="At most so many units of a row (12).", min=1)
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Every unit, however many.")] = False,
    limit: Annotated[int | None, typer.Option("--limit", metavar="N", help="Only the first N orders.", min=1)] = None,
    seed: Annotated[int, typer.Option("--seed", help="Which orders get a faulty address, and who sells them.")] = 1,
    both: Annotated[
        bool, typer.Option("--both", help="Share the orders out over the merchants scend and orderwise; some have goods of both.")
    ] = False,
    control_token: Annotated[
        str | None,
        typer.Option("--control-token", metavar="TOKEN", help="What the stand-in's control plane asks for.", show_default=False),
    ] = None,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Place a day's orders in a SCAYLE stand-in, as its shoppers would; it then delegates them as SCAYLE does.

    Without a speed they are placed as fast as the stand-in takes them. Ctrl-C stops after the order under way.

    \b
    syncbridge sandbox serve scayle --port 8101
    syncbridge replay 2010-12-07.csv.gz --to http://127.0.0.1:8101 --orders-per-second 5
    syncbridge replay 2010-12-07.csv --to http://127.0.0.1:8101 --times-real-time 60 --full
    syncbridge replay 2010-12-07.csv --dry-run
    """
    from syncbridge.sandbox.allotment import allot
    from syncbridge.sandbox.day_orders import UNITS_PER_LINE
    from syncbridge.sandbox.demo import second
    from syncbridge.sandbox.replay import ReplayOutcome, ReplayRefused, load
    from syncbridge.sandbox.replay import replay as place

    if orders_per_second is not None and times_real_time is not None:
        wrong_use("Give --orders-per-second or --times-real-time, not both.")
    if full and units_per_line is not None:
        wrong_use("Give --full or --units-per-line, not both.")
    if not to and not dry_run:
        wrong_use("Say where to: --to http://127.0.0.1:8101 (syncbridge sandbox serve scayle starts a stand-in).")
    cap = None if full else units_per_line or UNITS_PER_LINE
    try:
        work = load(source, units_per_line=cap, limit=limit, seed=seed)
    except OSError as error:
        trouble(f"{source} cannot be read: {error.strerror or error}")
    except ValueError as error:
        trouble(f"{source} cannot be replayed: {error}")
    if both:
        work = allot(work, second.FIRST, second.SECOND, seed)
    units = sum(order.units for order in work.orders)
    if dry_run:
        _tell(json, {"dry_run": True, "source": work.source, "orders": len(work.orders), "units": units},
              f"{plural(len(work.orders), 'order')} with {plural(units, 'unit')} would be placed.")  # fmt: skip
        return
    progress = _Progress(len(work.orders)) if sys.stderr.isatty() and not json else None
    try:
        outcome: ReplayOutcome = place(
            to,
            work,
            orders_per_second=orders_per_second,
            times_real_time=times_real_time,
            max_seconds=max_seconds,
            control_token=control_token,
            foretell=second.foretell if both else None,
            progress=progress,
        )
    except ReplayRefused as error:
        trouble(f"The stand-in at {to} did not take the orders: {error}")
    except KeyboardInterrupt:
        note("")
        trouble("Stopped; what was placed stays placed.")
    refused = len(outcome.refused)
    taken = len(outcome.placed) - refused
    _tell(
        json,
        {"dry_run": False, **outcome.to_json()},
        f"{plural(taken, 'order')} placed in {outcome.seconds:.1f} s"
        + (f", {plural(refused, 'order')} refused by the shop:" if refused else "."),
    )
    if not json:
        for one in outcome.refused:
            say(f"  {one.order.name}: {one.refusal[:200]}")


class _Progress:
    """One line on the terminal, written anew about ten times a second."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._shown_at = 0.0

    def __call__(self, outcome: object) -> None:
        placed = len(getattr(outcome, "placed", ()))
        now = time.monotonic()
        if now - self._shown_at >= 0.1 or placed == self._total:
            self._shown_at = now
            end = "\n" if placed == self._total else ""
            print(f"\r{placed:,} of {self._total:,} orders placed", end=end, file=sys.stderr, flush=True)


def _tell(json: bool, fields: dict[str, object], sentence: str) -> None:
    if json:
        as_json(fields)
    else:
        say(sentence)
