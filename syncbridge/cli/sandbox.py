"""`syncbridge sandbox`: the vendors' stand-ins as servers on this computer."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated

import typer

from syncbridge.cli.failing import trouble, wrong_use

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Stand-ins for the vendors, on this computer only.")

VENDORS = ("scayle", "scend", "orderwise")


@app.callback()
def _noun() -> None:
    """Keep `serve` a command of its own, also while it is the only one."""


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def serve(
    ctx: typer.Context,
    vendor: Annotated[str | None, typer.Argument(metavar="scayle|scend|orderwise")] = None,
) -> None:
    """Serve a stand-in until Ctrl-C. All options go to it.

    \b
    syncbridge sandbox serve scayle --help    its options and its control plane
    syncbridge sandbox serve scayle --port 8101 --token secret
    syncbridge sandbox serve scend --port 8102 --rate-per-second 50
    syncbridge sandbox serve orderwise --port 8103 --lenient-auth

    Everything is in memory. The control plane under /_sandbox/ seeds, acts as shopper and as warehouse, moves the
    clock, injects faults, and dumps what the vendor knows; --help of each stand-in documents it.
    """
    if vendor in (None, "--help", "-h"):
        print(ctx.get_help())
        raise typer.Exit(0 if vendor else 2)
    if vendor not in VENDORS:
        wrong_use(f"There is no stand-in {vendor!r}. There are: {', '.join(VENDORS)}.")
    module = importlib.import_module(f"syncbridge.sandbox.{vendor}.__main__")
    before = sys.argv
    sys.argv = [f"syncbridge sandbox serve {vendor}", *ctx.args]
    try:
        module.main()
    except OSError as error:
        trouble(f"The {vendor} stand-in cannot listen: {error.strerror or error}. Choose another --port.")
    finally:
        sys.argv = before
