"""What can be chosen about a chaos run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ChaosOptions:
    """The defaults are what `make chaos` runs.

    `orders`: how many are placed, evenly over the storm. `seconds`: how long the storm lasts. `seed`: of what is killed
    when, of the vendors' faults, and of who cancels what. `kill_every`: seconds between two kills, on average.
    `settle_seconds`: how long everything may take to end once the storm is over. `cancellations`: shoppers and
    warehouses cancel some orders on the way. `database_url`: empty for SQLite. `report`: where to write the result as JSON.
    `state_dir`: where to work instead of a temporary folder; it is left behind then.
    """

    orders: int = 300
    seconds: float = 150.0
    seed: int = 1
    kill_every: float = 10.0
    settle_seconds: float = 400.0
    cancellations: bool = True
    database_url: str = ""
    report: Path | None = None
    state_dir: Path | None = None
