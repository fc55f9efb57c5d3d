"""What can be chosen about a demo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from syncbridge.sandbox.day_orders import UNITS_PER_LINE

SHIPPED_DAY = Path(__file__).parents[1] / "data" / "2010-12-07.csv.gz"
"""The trading day that is part of the package; its attribution stands beside it."""


@dataclass(frozen=True)
class DemoOptions:
    """The defaults are what `make demo` runs.

    `source`: a CSV day or a folder of SCAYLE orders. `orders_limit`: only the first so many orders. `units_per_line`:
    None is no cap. `rate`: orders a second. `seed`: of faults and of faulty addresses. `report`: where to write the
    verdict as JSON. `keep`: leave everything running, with Flower, until Ctrl-C. `settle_seconds`: how long the last
    order may take to be settled. `faults`, `kill_worker`: off for a calm run. `state_dir`: where to work instead of
    a temporary folder; it is left behind then.
    """

    source: Path = SHIPPED_DAY
    orders_limit: int | None = None
    units_per_line: int | None = UNITS_PER_LINE
    rate: float = 4.0
    seed: int = 1
    report: Path | None = None
    keep: bool = False
    settle_seconds: float = 300.0
    faults: bool = True
    kill_worker: bool = True
    state_dir: Path | None = None
