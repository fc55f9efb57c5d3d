"""`syncbridge demo`: a real trading day through everything, with faults, and then the proof."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from syncbridge.cli.failing import trouble, wrong_use


def demo(
    source: Annotated[
        Path | None,
        typer.Option("--source", metavar="FILE", help="Another day (CSV) or a folder of SCAYLE orders."),
    ] = None,
    orders_limit: Annotated[
        int | None, typer.Option("--orders-limit", metavar="N", help="Only the first N orders.", min=1)
    ] = None,
    units_per_line: Annotated[
        int | None, typer.Option("--units-per-line", metavar="N", help="At most so many units of a row (12).", min=1)
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Every unit, however many.")] = False,
    rate: Annotated[float | None, typer.Option("--rate", metavar="N", help="Orders a second.", min=0.01)] = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", help="Of faults, faulty addresses and split orders.")] = None,
    settle_seconds: Annotated[
        float | None, typer.Option("--settle-seconds", metavar="N", help="How long the last order may take.", min=1)
    ] = None,
    report: Annotated[Path | None, typer.Option("--report", metavar="FILE", help="Write the verdict as JSON too.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave all running, with Flower, until Ctrl-C.")] = False,
    faults: Annotated[bool, typer.Option("--faults/--no-faults", help="Lost answers, 429, 500, doubled webhooks, ...")] = True,
    kill_worker: Annotated[
        bool, typer.Option("--kill-worker/--no-kill-worker", help="End one worker with SIGKILL on the way.")
    ] = True,
    state_dir: Annotated[
        Path | None, typer.Option("--state-dir", metavar="FOLDER", help="Work here and leave it behind.")
    ] = None,
) -> None:
    """Run a real trading day from SCAYLE to both back ends and back, break things on the way, and prove the result.

    Starts stand-ins, Redis, web, workers and beat as processes of its own and ends them all again. Exit 1 if an
    invariant does not hold. Takes under three minutes.

    \b
    syncbridge demo
    syncbridge demo --keep                   look around afterwards, with Flower
    syncbridge demo --report verdict.json
    syncbridge demo --orders-limit 20 --no-faults
    """
    from dataclasses import replace

    from syncbridge.sandbox.demo import DemoOptions, run_demo

    if full and units_per_line is not None:
        wrong_use("Give --full or --units-per-line, not both.")
    if source is not None and not source.exists():
        trouble(f"{source} does not exist.")
    options = DemoOptions(
        orders_limit=orders_limit,
        report=report,
        keep=keep,
        faults=faults,
        kill_worker=kill_worker,
        state_dir=state_dir,
    )
    if source is not None:
        options = replace(options, source=source)
    if full or units_per_line is not None:
        options = replace(options, units_per_line=None if full else units_per_line)
    if rate is not None:
        options = replace(options, rate=rate)
    if seed is not None:
        options = replace(options, seed=seed)
    if settle_seconds is not None:
        options = replace(options, settle_seconds=settle_seconds)
    raise typer.Exit(run_demo(options))
