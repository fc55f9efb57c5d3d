"""The command line: one module per noun. Start with `syncbridge --help`.

Modules import what they need when a command runs, so that help and mistakes are answered at once.
"""

from __future__ import annotations

from syncbridge.cli.root import app, main

__all__ = ["app", "main"]
