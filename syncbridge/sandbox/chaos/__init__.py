"""Chaos: real processes are killed, Redis is emptied and vendors fail in every way they know, while orders flow.

    python -m syncbridge.sandbox.chaos --orders 300 --seconds 150 --seed 1

Then everything is left alone, and I1 to I10 are scored from the vendors' own records. It exits non-zero if one is broken.
"""

from __future__ import annotations

from syncbridge.sandbox.chaos.options import ChaosOptions
from syncbridge.sandbox.chaos.run import run_chaos

__all__ = ["ChaosOptions", "run_chaos"]
