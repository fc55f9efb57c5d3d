"""The demo: a real trading day through every process, with faults and a killed worker, and then the proof.

It starts processes, talks HTTP to the stand-ins and runs `syncbridge` commands. It imports nothing of what it judges.
"""

from __future__ import annotations

from syncbridge.sandbox.demo.options import DemoOptions
from syncbridge.sandbox.demo.run import run_demo

__all__ = ["DemoOptions", "run_demo"]
