"""`syncbridge config`: is the configuration right, and what does it come to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from syncbridge.cli.options import Json
from syncbridge.cli.output import as_json, note, plural, say

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The configuration file and the environment.")


@app.callback()
def _noun() -> None:
    """Keep `check` a command of its own, also while it is the only one."""


@app.command()
def check(
    path: Annotated[
        Path | None, typer.Option("--file", metavar="FILE", help="A TOML file, instead of SYNCBRIDGE_CONFIG.")
    ] = None,
    json: Json = False,
) -> None:
    """Check the configuration and name every fault at once; without one, print every effective value.

    Secrets show as "set". Nothing is connected to: that is what syncbridge doctor does.

    \b
    syncbridge config check
    SYNCBRIDGE_CONFIG=staging.toml syncbridge config check
    syncbridge config check --json
    """
    from syncbridge.config import ConfigurationFaults, describe, load

    try:
        found = load(os.environ, path=path)
    except ConfigurationFaults as error:
        if json:
            as_json({"ok": False, "faults": error.faults, "warnings": [], "values": {}})
        else:
            note(f"The configuration has {plural(len(error.faults), 'fault')}:")
            for fault in error.faults:
                note(f"  {fault}")
        raise typer.Exit(2) from None
    text = describe(found)
    if json:
        pairs = (line.partition(" = ") for line in text.splitlines() if " = " in line and not line.startswith("#"))
        values = {name: value.strip('"') for name, _equals, value in pairs}
        as_json(
            {"ok": True, "source": found.source, "faults": [], "warnings": list(found.warnings), "values": values}
        )
        return
    say("\n".join(line for line in text.splitlines() if not line.startswith("# warning: ")))
    for warning in found.warnings:
        note(f"warning: {warning}")
    doubts = f", with {plural(len(found.warnings), 'warning')}" if found.warnings else ""
    note(f"The configuration is right{doubts}.")
