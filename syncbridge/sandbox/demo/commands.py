"""Running `syncbridge` commands as people would, in processes of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from syncbridge.sandbox.demo.processes import DemoFailed

COMMAND_SECONDS = 60.0


class Commands:
    """The command line, with the demo's environment."""

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment = dict(environment)
        self._folder = folder

    def run(self, *arguments: str) -> str:
        """Run `syncbridge ARGUMENTS` and return what it printed. Raises DemoFailed with its last words."""
        name = f"syncbridge {' '.join(arguments)}"
        try:
            done = subprocess.run(
                [sys.executable, "-m", "syncbridge.cli", *arguments],
                env=self._environment,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS,
                check=False,
                # Ctrl-C is for the demo, which waits for the command and then tidies up.
                start_new_session=True,
            )
        except subprocess.TimeoutExpired as error:
            raise DemoFailed(f"{name}: no end after {COMMAND_SECONDS:g} s") from error
        if done.returncode != 0:
            words = "\n".join((done.stderr or done.stdout).splitlines()[-12:])
            raise DemoFailed(f"{name}: exit {done.returncode}: {words}")
        return done.stdout

    def exceptions(self) -> list[dict[str, Any]]:
        """Return the open exceptions. Raises DemoFailed, also for an answer that is not JSON."""
        text = self.run("exceptions", "list", "--json")
        try:
            document = json.loads(text)
        except ValueError as error:
            raise DemoFailed(f"syncbridge exceptions list --json: not JSON: {text[:300]}") from error
        rows: list[dict[str, Any]] = document["exceptions"] if isinstance(document, dict) else document
        return rows
