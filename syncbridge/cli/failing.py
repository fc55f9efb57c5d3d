"""How commands end badly: one sentence and an exit code, never a traceback for what can be foreseen.

Exit codes: 0 done, 1 found trouble, 2 wrong use or wrong configuration.
"""

from __future__ import annotations

from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from syncbridge.cli.output import note
from syncbridge.domain.errors import ConfigurationFaults, SyncbridgeError

TROUBLE = 1
WRONG_USE = 2


def trouble(text: str) -> NoReturn:
    """End the command: it found trouble."""
    note(text)
    raise typer.Exit(TROUBLE)


def wrong_use(text: str) -> NoReturn:
    """End the command: it was asked for something that it does not do."""
    note(text)
    raise typer.Exit(WRONG_USE)


class Guarded(TyperGroup):
    """The root of the commands: turns our own errors into sentences."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigurationFaults as error:
            for fault in error.faults:
                note(f"configuration: {fault}")
            raise typer.Exit(WRONG_USE) from None
        except SyncbridgeError as error:
            note(str(error))
            raise typer.Exit(TROUBLE) from None
