"""Running `syncbridge` commands as people would, in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from syncbridge.sandbox.demo.interruption import signals_held
from syncbridge.sandbox.demo.processes import DemoFailed

COMMAND_SECONDS = 120.0
"""A command takes a second or two of a core; a machine that does much else needs many times that."""


class Commands:
    """The command line, with the demo's environment."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = dict(environment)
        self._folder = folder

    def run(self, *arguments: str) -> str:
        """Run `syncbridge ARGUMENTS` and return what it printed. Raises DemoFailed with its last words."""
        name = f"syncbridge {' '.join(arguments)}"
        with ExitStack() as stack:
            with signals_held():
                process = stack.enter_context(self._started(arguments))
                # Does nothing where it has ended by itself.
                stack.callback(process.kill)
            try:
                said, complained = process.communicate(timeout=COMMAND_SECONDS)
            except subprocess.TimeoutExpired as error:
                raise DemoFailed(f"{name}: no end after {COMMAND_SECONDS:g} s") from error
        if process.returncode != 0:
            words = "\n".join((complained or said).splitlines()[-12:])
            raise DemoFailed(f"{name}: exit {process.returncode}: {words}")
        return said

    def _started(self, arguments: Sequence[str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "syncbridge.cli", *arguments],
            env=self._environment,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Ctrl-C is for the demo, which ends the command and then tidies up.
            start_new_session=True,
        )

    def exceptions(self) -> list[dict[str, Any]]:
        """Return the open exceptions. Raises DemoFailed, also for an answer that is not JSON."""
        text = self.run("exceptions", "list", "--json")
        try:
            document = json.loads(text)
        except ValueError as error:
            raise DemoFailed(f"syncbridge exceptions list --json: not JSON: {text[:300]}") from error
        rows: list[dict[str, Any]] = document["exceptions"] if isinstance(document, dict) else document
        return rows
