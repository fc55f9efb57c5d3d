"""The root command: joins the nouns."""

from __future__ import annotations

import io
import sys

import typer

from syncbridge.cli import (
    config,
    console,
    db,
    demo,
    doctor,
    exceptions,
    flow,
    orders,
    queue,
    replay,
    returns,
    sandbox,
    stock,
)
from syncbridge.cli.failing import Guarded

app = typer.Typer(
    name="syncbridge",
    cls=Guarded,
    no_args_is_help=True,
    # A traceback with local variables would print customers' addresses.
    pretty_exceptions_enable=False,
    # Plain text: readable in a pipe, in a ticket and on 80 columns.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Keeps a SCAYLE shop and its warehouse in step.

    \b
    syncbridge demo                   a real trading day, with faults, and the proof
    syncbridge doctor                 what is wrong with this installation
    syncbridge exceptions list        what needs a person, the most urgent first
    syncbridge orders show ORDER      everything that happened to an order
    syncbridge orders rerun ORDER     try again after something was mended
    syncbridge stock diff --sku SKU   why the shop shows this number
    syncbridge returns list           what is on its way back, and what waits for a person

    Exit codes: 0 done, 1 found trouble, 2 wrong use or wrong configuration.
    """,
)


@app.callback(invoke_without_command=True)
def _root(
    ctx: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True),
) -> None:
    if version:
        from importlib.metadata import version as version_of

        print(f"syncbridge {version_of('syncbridge')}")
        raise typer.Exit(0)


app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.add_typer(config.app, name="config")
app.add_typer(console.app, name="console")
app.add_typer(db.app, name="db")
app.add_typer(flow.app, name="flow")
app.add_typer(orders.app, name="orders")
app.add_typer(exceptions.app, name="exceptions")
app.add_typer(stock.app, name="stock")
app.add_typer(returns.app, name="returns")
app.add_typer(queue.app, name="queue")
app.add_typer(sandbox.app, name="sandbox")
app.command("replay")(replay.replay)


def main() -> None:
    """Run a command and leave with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A sign that the terminal does not have is spelled out: half an answer and a traceback help nobody.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="syncbridge")
